#include "notification/notice.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cctype>

#include "commands/command.h"
#include "domain/reporter_stage.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr std::string_view kKindPrefix = "NOTICE_KIND_";
constexpr size_t kIdBytes = 16;

// What an event is told as, and the clock that matters then; unspecified: the next one.
struct Telling {
  v1::NoticeKind kind = v1::NOTICE_KIND_UNSPECIFIED;
  v1::ClockKind clock = v1::CLOCK_KIND_UNSPECIFIED;
};

Telling TellingOf(const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_HELD:
      return {v1::NOTICE_KIND_HELD, v1::CLOCK_KIND_CENTER};
    case v1::EVENT_TYPE_DISPATCHED:
      return {v1::NOTICE_KIND_DISPATCHED};
    case v1::EVENT_TYPE_OFFERED:
      return {v1::NOTICE_KIND_OFFERED, v1::CLOCK_KIND_OFFER};
    case v1::EVENT_TYPE_OFFER_ACCEPTED:
      return {v1::NOTICE_KIND_ACCEPTED};
    case v1::EVENT_TYPE_OFFER_DECLINED:
      return {v1::NOTICE_KIND_DECLINED};
    case v1::EVENT_TYPE_OFFER_EXPIRED:
      return {v1::NOTICE_KIND_OFFER_EXPIRED};
    case v1::EVENT_TYPE_URGED:
      return {v1::NOTICE_KIND_URGED};
    case v1::EVENT_TYPE_INFORMATION_REQUESTED:
      return {v1::NOTICE_KIND_INFORMATION_REQUESTED, v1::CLOCK_KIND_INFORMATION};
    case v1::EVENT_TYPE_INFORMATION_PROVIDED:
      return {v1::NOTICE_KIND_INFORMATION_PROVIDED};
    case v1::EVENT_TYPE_ESCALATED:
      return {v1::NOTICE_KIND_ESCALATED};
    case v1::EVENT_TYPE_EXTENSION_REQUESTED:
      return {v1::NOTICE_KIND_EXTENSION_REQUESTED, v1::CLOCK_KIND_EXTENSION};
    case v1::EVENT_TYPE_EXTENSION_DECIDED:
      return {v1::NOTICE_KIND_EXTENSION_DECIDED};
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      return {v1::NOTICE_KIND_HOLD_REQUESTED, v1::CLOCK_KIND_HOLD_REQUEST};
    case v1::EVENT_TYPE_HOLD_DECIDED:
      return {v1::NOTICE_KIND_HOLD_DECIDED};
    case v1::EVENT_TYPE_RESUMED:
      return {v1::NOTICE_KIND_RESUMED};
    case v1::EVENT_TYPE_TRANSFER_PROPOSED:
      return {v1::NOTICE_KIND_TRANSFER_PROPOSED, v1::CLOCK_KIND_TRANSFER};
    case v1::EVENT_TYPE_TRANSFERRED:
      return {v1::NOTICE_KIND_TRANSFERRED};
    case v1::EVENT_TYPE_TRANSFER_DECLINED:
      return {v1::NOTICE_KIND_TRANSFER_DECLINED};
    case v1::EVENT_TYPE_CLOSING_REQUESTED:
      return {v1::NOTICE_KIND_CLOSING_REQUESTED, v1::CLOCK_KIND_VERIFICATION};
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      return {event.closing_verified().approved() ? v1::NOTICE_KIND_CLOSED : v1::NOTICE_KIND_CLOSING_RETURNED};
    case v1::EVENT_TYPE_ANSWERED:
      return {v1::NOTICE_KIND_CLOSED};
    case v1::EVENT_TYPE_WITHDRAWN:
      return {v1::NOTICE_KIND_WITHDRAWN};
    case v1::EVENT_TYPE_RECALLED:
      return {v1::NOTICE_KIND_RECALLED};
    case v1::EVENT_TYPE_REOPENED:
      return {v1::NOTICE_KIND_REOPENED};
    case v1::EVENT_TYPE_REFERRED_OUT:
      return {v1::NOTICE_KIND_REFERRED_OUT, v1::CLOCK_KIND_REFERRAL};
    case v1::EVENT_TYPE_REFERRAL_RETURNED:
      return {v1::NOTICE_KIND_HELD, v1::CLOCK_KIND_CENTER};
    case v1::EVENT_TYPE_REFERRAL_RECEIVED:
    case v1::EVENT_TYPE_CLOSED:
      return {v1::NOTICE_KIND_CLOSED};
    default:
      return {};
  }
}

void AddUnits(const NeedState& state, std::set<std::string>* units) {
  const std::string prefix = rows::UnitBox("");
  for (const auto& box : rows::BoxesOf(state)) {
    if (box.starts_with(prefix)) units->insert(box.substr(prefix.size()));
  }
}

// All of it but kind, time and clock.
Told Tell(const NeedState& state, v1::NoticeKind what, std::string source) {
  Told told;
  told.source = std::move(source);
  told.what = what;
  told.client = state.client();
  AddUnits(state, &told.units);
  told.notice.set_kind(what);
  told.notice.set_need(state.subject());
  told.notice.set_number(state.number());
  told.notice.set_stage(ReporterStageOf(state.stage()));
  told.notice.set_stage_text(TextOf(told.notice.stage()));
  told.notice.set_urgency(state.urgency());
  if (!state.unit().empty()) told.notice.set_unit("units/" + state.unit());
  return told;
}

void SetClock(const store::v1::RunningClock& clock, v1::Notice* notice) {
  notice->set_clock(clock.start().kind());
  *notice->mutable_due_time() = ToTimestamp(clock.start().due_us());
}

}  // namespace

bool IsToldOf(const Event& event) { return TellingOf(event).kind != v1::NOTICE_KIND_UNSPECIFIED; }

std::optional<Told> NoticeOf(const NeedState& before, const NeedState& after, const Event& event, uint64_t offset) {
  auto [kind, clock] = TellingOf(event);
  if (kind == v1::NOTICE_KIND_UNSPECIFIED) return std::nullopt;
  Told told = Tell(after, kind, event.event_id());
  AddUnits(before, &told.units);
  // Whoever is asked, or was until now.
  const std::string& unit = event.has_transfer_proposed() ? event.transfer_proposed().unit() : after.unit().empty() ? before.unit() : after.unit();
  if (!unit.empty()) told.notice.set_unit("units/" + unit);
  *told.notice.mutable_time() = ToTimestamp(event.logged_at_us());
  told.notice.set_position(ToText({0, offset}));
  const auto started =
      std::ranges::find_if(after.clocks(), [&](const auto& each) { return each.start().kind() == clock && each.object() == event.event_id(); });
  if (started != after.clocks().end()) {
    SetClock(*started, &told.notice);
  } else if (const auto* next = NextClock(after)) {
    SetClock(*next, &told.notice);
  }
  if (after.restricted()) told.notice = CutNotice(told.notice);
  return told;
}

Told NoticeOfDeadline(const NeedState& state, int64_t now_us) {
  const store::v1::RunningClock& next = *NextClock(state);
  Told told = Tell(state, v1::NOTICE_KIND_DEADLINE_COMING, "deadline " + state.subject() + " " + std::to_string(next.start().due_us()));
  *told.notice.mutable_time() = ToTimestamp(now_us);
  SetClock(next, &told.notice);
  if (state.restricted()) told.notice = CutNotice(told.notice);
  return told;
}

bool Hears(const Recipient& recipient, const Told& told) {
  if (!recipient.client.empty() && (recipient.client != told.client || !IsForApps(told.what))) return false;
  if (!recipient.unit.empty() && !told.units.contains(recipient.unit)) return false;
  // Of a restricted need whether one hears of it must not tell what it was either.
  return recipient.kinds.empty() || recipient.kinds.contains(told.notice.kind());
}

std::string NoticeId(const Recipient& recipient, std::string_view source) {
  return Base32(LabelledSha256("gridloop/notice/1", {recipient.id, source}).substr(0, kIdBytes));
}

v1::Notice NoticeFor(const Recipient& recipient, const Told& told) {
  v1::Notice notice = told.notice;
  notice.set_id(NoticeId(recipient, told.source));
  if (!recipient.client.empty()) {
    notice.clear_urgency();
    notice.clear_clock();
  }
  return notice;
}

v1::Notice CutNotice(const v1::Notice& notice) {
  v1::Notice cut;
  cut.set_id(notice.id());
  cut.set_kind(v1::NOTICE_KIND_RESTRICTED);
  cut.set_need(notice.need());
  cut.set_number(notice.number());
  cut.set_restricted(true);
  if (notice.has_due_time()) *cut.mutable_due_time() = notice.due_time();
  *cut.mutable_time() = notice.time();
  cut.set_position(notice.position());
  return cut;
}

std::string CloudEventJson(const v1::Notice& notice, const std::string& source) {
  v1::CloudEvent event;
  event.set_specversion("1.0");
  event.set_id(notice.id());
  event.set_source(source);
  event.set_type("gridloop.notice." + KindWord(notice.kind()));
  event.set_subject(notice.need());
  *event.mutable_time() = notice.time();
  event.set_datacontenttype("application/json");
  *event.mutable_data() = notice;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(event, &json, options);  // fails on times outside of years 1 to 9999 only
  return json;
}

std::string KindWord(v1::NoticeKind kind) {
  std::string word = v1::NoticeKind_Name(kind);
  if (word.empty()) return std::to_string(kind);
  word = word.substr(kKindPrefix.size());
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return word;
}

std::optional<v1::NoticeKind> ParseKindWord(std::string_view word) {
  for (int number = v1::NoticeKind_MIN + 1; number <= v1::NoticeKind_MAX; ++number) {
    auto kind = static_cast<v1::NoticeKind>(number);
    if (v1::NoticeKind_IsValid(number) && KindWord(kind) == word) return kind;
  }
  return std::nullopt;
}

bool IsForApps(v1::NoticeKind kind) {
  switch (kind) {
    case v1::NOTICE_KIND_RESTRICTED:
    case v1::NOTICE_KIND_DISPATCHED:
    case v1::NOTICE_KIND_ACCEPTED:
    case v1::NOTICE_KIND_INFORMATION_REQUESTED:
    case v1::NOTICE_KIND_CLOSED:
    case v1::NOTICE_KIND_WITHDRAWN:
    case v1::NOTICE_KIND_REOPENED:
      return true;
    default:
      return false;
  }
}

}  // namespace gridloop
