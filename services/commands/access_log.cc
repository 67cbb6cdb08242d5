#include "commands/access_log.h"

#include <algorithm>
#include <utility>

#include "sealing/ids.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

constexpr std::string_view kNeeds = "needs/";
constexpr size_t kMostVolumes = 10'000;  // after that the last one grows
constexpr int kEntriesOfAVolume = 500;
constexpr int64_t kWindowUs = 600'000'000;

std::unexpected<Error> NotLogged(const Error& why) {
  Error error;
  error.code = Code::kUnavailable;
  error.reason = "ACCESS_NOT_LOGGED";
  error.message = "Personal data is shown only when the reading can be logged, and it cannot now: " + why.message;
  error.message_zh = "访问记录暂时无法写入，不能查看个人信息，请稍后重试。";
  error.retry_after_us = why.retry_after_us.value_or(1'000'000);
  return std::unexpected(std::move(error));
}

std::string VolumeName(std::string_view need, size_t volume) {
  std::string name = "accesses/" + std::string(need.substr(kNeeds.size()));
  if (volume == 0) return name;
  std::string number = std::to_string(volume);
  return name + "." + std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number;
}

// Does an entry of a moment ago stand for this reading?
bool Covers(const store::v1::RecentAccess& recent, const v1::Accessed& accessed, const Caller& caller, int64_t now_us) {
  return recent.principal() == caller.actor.principal() && recent.client() == caller.client && recent.purpose() == accessed.purpose() &&
         recent.text_mac() == accessed.text_mac() && recent.need_version() == accessed.need_version() && now_us - recent.logged_at_us() < kWindowUs &&
         std::ranges::includes(recent.parts(), accessed.parts());
}

bool IsCovered(const NeedState& log, const v1::Accessed& accessed, const Caller& caller, int64_t now_us) {
  return std::ranges::any_of(log.recent_accesses(), [&](const auto& recent) { return Covers(recent, accessed, caller, now_us); });
}

}  // namespace

v1::AccessPurpose CheckPurpose(v1::AccessPurpose kind, std::string_view text, std::vector<FieldViolation>* violations) {
  CheckText("purpose", text, 0, 200, violations);
  if (!v1::AccessPurpose_IsValid(kind)) {
    violations->push_back({"purpose_kind", "must be one of the purposes that the API names"});
  } else if (kind == v1::ACCESS_PURPOSE_OTHER && text.empty()) {
    violations->push_back({"purpose", "must say in words what another purpose is"});
  }
  return kind == v1::ACCESS_PURPOSE_UNSPECIFIED && !text.empty() ? v1::ACCESS_PURPOSE_OTHER : kind;
}

Expected<std::vector<std::string>> AccessVolumes(World& world, std::string_view need) {
  std::vector<std::string> volumes;
  for (size_t volume = 0; volume < kMostVolumes; ++volume) {
    std::string subject = VolumeName(need, volume);
    auto log = StateNow(world, subject);
    if (!log) return std::unexpected(log.error());
    if (!*log) break;
    volumes.push_back(std::move(subject));
    if ((*log)->applied_size() < kEntriesOfAVolume) break;
  }
  return volumes;
}

void LogAccess(World& world, const Caller& caller, const NeedState& need, Access access, Callback<Expected<void>> done) {
  auto volumes = AccessVolumes(world, need.subject());
  if (!volumes) return done(NotLogged(volumes.error()));
  Event event;
  event.set_type(v1::EVENT_TYPE_ACCESSED);
  auto& accessed = *event.mutable_accessed();
  accessed.set_need(need.subject());
  accessed.set_purpose(access.purpose);
  accessed.set_text(access.text);
  accessed.set_text_mac(world.secret.ReporterRef("access", access.text));
  for (const auto& part : access.parts) accessed.add_parts(part);
  accessed.set_need_version(need.version());
  std::string subject = VolumeName(need.subject(), 0);
  if (!volumes->empty()) {
    subject = volumes->back();
    auto log = StateNow(world, subject);
    if (!log) return done(NotLogged(log.error()));
    if (*log && IsCovered(**log, accessed, caller, world.clock.WallUs())) return done({});
    if (*log && (*log)->applied_size() >= kEntriesOfAVolume && volumes->size() < kMostVolumes) subject = VolumeName(need.subject(), volumes->size());
  }
  event.set_subject(subject);
  // A reading has no request id: each is its own, and a repeated one is covered by the window.
  event.set_event_id(EventIdFor(subject, caller.actor.principal(), world.ids.Random(16), "access"));
  event.set_body_mac(accessed.text_mac());
  FillEnvelope(caller, world.snapshots.Active().get(), world.clock.WallUs(), &event);
  // Under the need's own key: forgetting the need takes the words along.
  if (!access.text.empty()) {
    if (need.key_ids().empty()) return done(NotLogged(Error{Code::kInternal, "NO_KEY", "the need has no key.", {}, {}, {}, std::nullopt}));
    auto key = world.keys.Get(*need.key_ids().rbegin());
    const bool forgotten = !key && key.error().reason == "KEY_FORGOTTEN";  // in a restored copy: nothing will open, and no words are kept
    if (!key && !forgotten) return done(NotLogged(key.error()));
    if (forgotten) {
      event.mutable_accessed()->clear_text();
    } else if (auto sealed = SealEvent(&event, *key, world.ids); !sealed) {
      return done(NotLogged(sealed.error()));
    }
  }
  std::string event_id = event.event_id();
  std::string body_mac = event.body_mac();
  world.ledger.Decide(
      subject, std::move(event_id), std::move(body_mac), std::nullopt,
      [event = std::move(event)](const NeedState&, int64_t) -> Expected<Event> { return event; }, caller.deadline_us,
      [done = std::move(done)](Expected<Verdict> verdict) mutable {
        if (!verdict) return done(NotLogged(verdict.error()));
        done({});
      });
}

}  // namespace gridloop
