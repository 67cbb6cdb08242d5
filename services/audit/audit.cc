#include "audit/audit.h"

#include <algorithm>

#include "commands/reactor.h"
#include "domain/authorise.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {

namespace {

Expected<std::shared_ptr<const NeedState>> FindState(World& world, const Caller& caller, const std::string& name, const std::string& at_least) {
  auto read = CheckRead(world, name, at_least);
  if (!read) return std::unexpected(read.error());
  Expected<std::shared_ptr<const NeedState>> state;
  world.view.Get(read->subject, read->at_least, [&state](Expected<std::shared_ptr<const NeedState>> found) { state = std::move(found); });
  if (!state) return state;
  if (auto allowed = Authorise(caller.access, caller.actor, caller.client, **state); !allowed) return std::unexpected(allowed.error());
  return state;
}

std::string LocalText(const WorkCalendar& calendar, int64_t at_us) {
  int minute = calendar.LocalMinute(at_us);
  auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return calendar.LocalDate(at_us) + " " + two(minute / 60) + ":" + two(minute % 60);
}

struct Words {
  const char* english;
  const char* chinese;
};
Words WordsOf(v1::LimitUnit unit, bool one) {
  switch (unit) {
    case v1::LIMIT_UNIT_NATURAL_MINUTES:
      return {one ? "minute" : "minutes", "分钟"};
    case v1::LIMIT_UNIT_NATURAL_HOURS:
      return {one ? "hour round the clock" : "hours round the clock", "小时（自然时）"};
    case v1::LIMIT_UNIT_NATURAL_DAYS:
      return {one ? "day round the clock" : "days round the clock", "天（自然日）"};
    case v1::LIMIT_UNIT_WORKING_HOURS:
      return {one ? "working hour" : "working hours", "个工作时"};
    case v1::LIMIT_UNIT_WORKING_DAYS:
      return {one ? "working day" : "working days", "个工作日"};
    default:
      return {"hours", "小时"};
  }
}

// "ACCEPTANCE" to what a person calls it.
Words WordsOf(v1::ClockKind kind) {
  switch (kind) {
    case v1::CLOCK_KIND_ROUTING:
      return {"routing", "派单"};
    case v1::CLOCK_KIND_CENTER:
      return {"the centre's decision", "中心处理"};
    case v1::CLOCK_KIND_OFFER:
      return {"the offer", "待接单"};
    case v1::CLOCK_KIND_ACCEPTANCE:
      return {"acceptance", "接单"};
    case v1::CLOCK_KIND_ASSIGNMENT:
      return {"assigning a worker", "指派社工"};
    case v1::CLOCK_KIND_ASSESSMENT:
      return {"the first assessment", "初步评估"};
    case v1::CLOCK_KIND_GRADING:
      return {"grading", "评定等级"};
    case v1::CLOCK_KIND_PLANNING:
      return {"planning", "制订方案"};
    case v1::CLOCK_KIND_SERVICE:
      return {"the next service", "下一次服务"};
    case v1::CLOCK_KIND_VERIFICATION:
      return {"verifying the closing", "结案审核"};
    case v1::CLOCK_KIND_CHASE:
      return {"chasing", "督办"};
    default:
      return {"its next step", "下一步"};
  }
}

}  // namespace

void Audit::GetTimeline(const Caller& caller, const v1::GetTimelineRequest& request, Callback<Expected<v1::GetTimelineResponse>> reply) {
  auto found = FindState(world_, caller, request.name(), request.at_least());
  if (!found) return reply(std::unexpected(found.error()));
  const auto& state = *found;
  const bool cut = MustCut(caller.actor, *state);  // number, clocks and proof only

  std::vector<uint64_t> offsets;
  for (const auto& each : state->applied()) offsets.push_back(each.offset());
  for (const auto& each : state->conflicts()) offsets.push_back(each.offset());
  for (const auto& each : state->voids()) offsets.push_back(each.offset());
  std::ranges::sort(offsets);
  v1::GetTimelineResponse response;
  response.set_name(state->subject());
  response.set_number(state->number());
  response.set_conflicts(static_cast<int32_t>(state->conflict_count()));
  response.set_chain_intact(true);
  NeedState replayed;  // folded again from the log, so that what is shown is what the log says
  for (uint64_t offset : offsets) {
    auto record = world_.ledger.ReadAt({0, offset});
    Event event;
    if (!record || !event.ParseFromString(record->value)) {
      response.set_chain_intact(false);
      continue;
    }
    auto& entry = *response.add_entries();
    std::string digest = Sha256(record->value);
    entry.set_stage_before(replayed.stage());
    Void verdict = Fold(replayed, event, {offset, digest});
    entry.set_version(verdict == Void::kNone ? event.version() : 0);
    entry.set_void_reason(std::string(VoidName(verdict)));
    entry.set_type(event.type());
    *entry.mutable_log_time() = ToTimestamp(event.logged_at_us());
    if (event.occurred_at_us() != 0) *entry.mutable_occur_time() = ToTimestamp(event.occurred_at_us());
    entry.set_stage_after(replayed.stage());
    if (!replayed.owner().empty()) entry.set_owner_after("units/" + replayed.owner());
    entry.set_position(ToText({0, offset}));
    entry.set_digest(Hex(digest));
    entry.set_event_id(Base32(event.event_id()));
    for (const auto& start : event.clocks()) *entry.add_started() = ToDeadline(RunningClockOf(event, start));
    if (cut) {
      entry.clear_type();
      entry.clear_stage_before();
      entry.clear_stage_after();
      entry.clear_owner_after();
      continue;
    }
    *entry.mutable_actor() = event.actor();
    event.clear_sealed();
    event.clear_body_mac();
    *entry.mutable_event() = std::move(event);
  }
  if (replayed.version() != state->version() || replayed.head_digest() != state->head_digest()) response.set_chain_intact(false);
  reply(std::move(response));
}

Expected<Audit::FoundClock> Audit::FindClock(const NeedState& state, const v1::ExplainDeadlineRequest& request) const {
  std::optional<std::string> event_id;
  const store::v1::RunningClock* running = nullptr;
  if (!request.event().empty()) {
    event_id = ParseBase32(request.event());
    if (!event_id) return std::unexpected(*Refuse({{"event", "must be the id of an event, 26 characters, as the timeline says"}}));
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
  auto record = world_.ledger.ReadAt({0, applied->offset()});
  if (!record || !found.starter.ParseFromString(record->value))
    return Fail(Code::kInternal, "RECORD_BROKEN", "The event that started this clock cannot be read.");
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
  auto state = FindState(world_, caller, request.name(), {});
  if (!state) return reply(std::unexpected(state.error()));
  auto found = FindClock(**state, request);
  if (!found) return reply(std::unexpected(found.error()));
  const auto& [clock, starter] = *found;
  v1::ExplainDeadlineResponse response;
  *response.mutable_deadline() = ToDeadline(clock);
  if (!MustCut(caller.actor, **state)) response.set_started_by(starter.type());
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
