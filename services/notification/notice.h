// What is told, to whom, and in which form: events and deadlines to notices, notices to CloudEvents. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "domain/fold.h"
#include "gridloop/v1/notification_service.pb.h"
#include "notification/recipients.h"

namespace gridloop {

// Something to tell, before it is known whom.
struct Told {
  std::string source;                                 // the same for the same thing: ids come from it
  v1::NoticeKind what = v1::NOTICE_KIND_UNSPECIFIED;  // also of a restricted need
  v1::Notice notice;                                  // without id; cut if the need is restricted
  std::string client;                                 // whose need it is
  std::set<std::string> units;                        // in whose inboxes it stands or stood until now
};

// Whether NoticeOf gives anything for such an event.
bool IsToldOf(const v1::Event& event);

// Of an applied event, between two states of its need. Nothing for the types that nobody is told of, those of a newer build among
// them.
std::optional<Told> NoticeOf(const NeedState& before, const NeedState& after, const v1::Event& event, uint64_t offset);

// That the next deadline comes near; the state has one. The source tells this need and this due time.
Told NoticeOfDeadline(const NeedState& state, int64_t now_us);

bool Hears(const Recipient& recipient, const Told& told);

// As this recipient may see it, with its id.
v1::Notice NoticeFor(const Recipient& recipient, const Told& told);
std::string NoticeId(const Recipient& recipient, std::string_view source);  // 26 characters

// Number and clock only, for a need that is restricted.
v1::Notice CutNotice(const v1::Notice& notice);

// The body of a delivery, in JSON.
std::string CloudEventJson(const v1::Notice& notice, const std::string& source);

// NOTICE_KIND_DEADLINE_COMING is "deadline-coming".
std::string KindWord(v1::NoticeKind kind);
std::optional<v1::NoticeKind> ParseKindWord(std::string_view word);
// Whether an upstream app is told: what its reporter gets to see anyway.
bool IsForApps(v1::NoticeKind kind);

}  // namespace gridloop
