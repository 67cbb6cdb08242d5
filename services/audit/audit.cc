#include "audit/audit.h"

#include <algorithm>

#include "audit/words.h"
#include "domain/authorise.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {

Expected<std::shared_ptr<const NeedState>> Audit::FindState(const Caller& caller, const std::string& name, const std::string& at_least,
                                                            std::vector<FieldViolation> violations) const {
  auto read = CheckRead(world_, name, at_least, std::move(violations));
  if (!read) return std::unexpected(read.error());
  auto state = ReadState(world_.view, read->subject, read->at_least);
  if (!state) return state;
  if (auto allowed = Authorise(caller.access, WhoAsks(world_, caller), caller.client, **state); !allowed) return std::unexpected(allowed.error());
  return state;
}

Expected<Audit::FoundClock> Audit::FindClock(const NeedState& state, const v1::ExplainDeadlineRequest& request) const {
  std::optional<std::string> event_id;
  const store::v1::RunningClock* running = nullptr;
  if (!request.event().empty()) {
    event_id = ParseBase32(request.event());
  } else if (request.kind() == v1::CLOCK_KIND_UNSPECIFIED) {
    running = NextClock(state);
  } else {
    for (const auto& each : state.clocks()) {
      if (each.start().kind() == request.kind() && (running == nullptr || each.start().due_us() < running->start().due_us())) running = &each;
    }
  }
  if (running != nullptr) event_id = running->object();
  const auto applied = std::ranges::find_if(state.applied(), [&](const auto& each) { return event_id && each.event_id() == *event_id; });
  if (applied == state.applied().end()) {
    return Fail(Code::kNotFound, "CLOCK_NOT_RUNNING",
                "No such clock runs; GetTimeline names the event that started each clock that ever ran, and `event` explains it.", "该时限当前未在计时。");
  }
  FoundClock found;
  auto starter = ReadEvent(world_, applied->offset());
  if (!starter) return std::unexpected(starter.error());
  found.starter = std::move(*starter);
  if (running != nullptr) {
    found.clock = *running;
    return found;
  }
  for (const auto& start : found.starter.clocks()) {
    if (request.kind() != v1::CLOCK_KIND_UNSPECIFIED && start.kind() != request.kind()) continue;
    found.clock = RunningClockOf(found.starter, start);
    return found;
  }
  return Fail(Code::kNotFound, "CLOCK_NOT_STARTED", "This event started no such clock; the timeline names those that it did.", "该事件未启动此时限。");
}

void Audit::ExplainDeadline(const Caller& caller, const v1::ExplainDeadlineRequest& request, Callback<Expected<v1::ExplainDeadlineResponse>> reply) {
  std::vector<FieldViolation> violations;
  if (!request.event().empty()) CheckObjectId("event", request.event(), &violations);
  auto state = FindState(caller, request.name(), request.at_least(), std::move(violations));
  if (!state) return reply(std::unexpected(state.error()));
  const bool cut = MustCut(WhoAsks(world_, caller), **state);  // kind and rule of a clock tell stage, urgency and grade
  // Which kinds of clocks run, or an event started, tells the stage.
  if (cut && request.kind() != v1::CLOCK_KIND_UNSPECIFIED) {
    return reply(Fail(Code::kPermissionDenied, "NEED_RESTRICTED", "This need is restricted: leave kind out, its next deadline is what you may see.",
                      "此件为限制查看的需求，仅可查看下一时限。"));
  }
  auto found = FindClock(**state, request);
  if (!found) return reply(std::unexpected(found.error()));
  const auto& [clock, starter] = *found;
  v1::ExplainDeadlineResponse response;
  *response.mutable_deadline() = cut ? CutDeadline(clock) : ToDeadline(clock);
  if (!cut) response.set_started_by(starter.type());
  response.set_calendar_hash(Hex(clock.calendar_hash()));
  response.set_policy_hash(Hex(clock.policy_hash()));
  store::v1::ActiveHashes hashes;
  hashes.set_directory_hash(starter.directory_hash());
  hashes.set_policy_hash(clock.policy_hash());
  hashes.set_calendar_hash(clock.calendar_hash());
  WorkCalendar calendar;
  if (!hashes.calendar_hash().empty()) {
    auto snapshot = world_.snapshots.Load(hashes);
    if (!snapshot) return reply(std::unexpected(snapshot.error()));
    calendar = (*snapshot)->calendar();
  }
  const auto& start = clock.start();
  DueTime due = calendar.Due(clock.started_us(), start.limit());
  for (const auto& span : due.counted) {
    auto& counted = *response.add_counted();
    *counted.mutable_start_time() = ToTimestamp(span.start_us);
    *counted.mutable_end_time() = ToTimestamp(span.end_us);
  }
  response.set_reproduced(due.due_us == start.due_us());
  if (cut) return reply(std::move(response));
  auto kind = WordsOf(start.kind() == v1::CLOCK_KIND_CHASE ? start.chased() : start.kind());
  auto unit = WordsOf(start.limit().unit(), start.limit().amount() == 1);
  std::string amount = std::to_string(start.limit().amount());
  std::string from = LocalText(calendar, clock.started_us());
  std::string until = LocalText(calendar, start.due_us());
  bool chase = start.kind() == v1::CLOCK_KIND_CHASE;
  bool passed = start.due_us() <= world_.clock.WallUs();
  std::string stretches = std::to_string(response.counted_size());
  bool parts = response.counted_size() > 1;
  response.set_explanation(std::string(chase ? "Chasing " : "Time for ") + kind.english + ": started " + from + ", " + amount + " " + unit.english +
                           " by rule " + start.rule() + (parts ? ", counted in " + stretches + " stretches" : "") + ", " + (passed ? "ended " : "ends ") +
                           until + "." + (start.provisional() ? " Provisional: the holidays of that year are not known yet." : ""));
  response.set_explanation_zh(std::string(kind.chinese) + (chase ? "督办" : "") + "时限：" + from + " 起算，按规则 " + start.rule() + " 给 " + amount + " " +
                              unit.chinese + (parts ? "，分 " + stretches + " 段计时" : "") + "，" + until + (passed ? " 已到期。" : " 到期。") +
                              (start.provisional() ? "（暂定：该年节假日安排尚未公布）" : ""));
  reply(std::move(response));
}

}  // namespace gridloop
