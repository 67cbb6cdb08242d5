#include "audit/audit.h"

#include <algorithm>

#include "audit/words.h"
#include "domain/authorise.h"
#include "domain/clock_changes.h"
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
  if (running != nullptr) event_id = running->starter().empty() ? running->object() : running->starter();
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

Expected<Audit::ClockHistory> Audit::FollowClock(const NeedState& state, const FoundClock& found, const WorkCalendar& calendar) const {
  const auto& [clock, starter] = found;
  ClockHistory history;
  v1::LimitUnit unit = v1::LIMIT_UNIT_UNSPECIFIED;
  for (const auto& start : starter.clocks()) {
    if (start.kind() != clock.start().kind() || start.chased() != clock.start().chased()) continue;
    // Whoever put its end off, or asked for it, said when it is due: there is nothing to count.
    DueTime due = start.has_limit() ? calendar.Due(clock.started_us(), start.limit()) : DueTime{.due_us = start.due_us(), .counted = {}};
    history.counted = std::move(due.counted);
    history.due_us = due.due_us;
    history.told_us = start.due_us();
    unit = start.limit().unit();
  }
  int64_t paused_us = 0;
  const auto later = std::ranges::upper_bound(state.applied(), starter.version(), {}, &store::v1::Applied::version);
  for (auto applied = later; applied != state.applied().end(); ++applied) {
    auto event = ReadEvent(world_, applied->offset());
    if (!event) return std::unexpected(event.error());
    for (const auto& change : event->clock_changes()) {
      if (!Names(change, clock)) continue;
      auto& made = history.changes.emplace_back();
      made.at_us = event->logged_at_us();
      if (change.due_us() == 0) {
        paused_us = event->logged_at_us();
        continue;
      }
      made.due_us = change.due_us();
      made.moved = paused_us == 0 || !change.rule().empty();
      history.told_us = change.due_us();
      if (made.moved) {
        history.due_us = change.due_us();  // to where the event says
      } else {
        auto then = CalendarOf(*event);
        if (!then) return std::unexpected(then.error());
        history.due_us = then->DueAfterPause(history.due_us, unit, paused_us, event->logged_at_us()).due_us;
      }
      if (!change.rule().empty()) unit = change.limit().unit();
      paused_us = 0;
    }
  }
  return history;
}

Expected<WorkCalendar> Audit::CalendarOf(const Event& event) const {
  if (event.calendar_hash().empty()) return WorkCalendar();
  auto snapshot = world_.snapshots.Load(HashesOf(event));
  if (!snapshot) return std::unexpected(snapshot.error());
  return (*snapshot)->calendar();
}

std::string Audit::Explain(const store::v1::RunningClock& clock, const ClockHistory& history, const WorkCalendar& calendar, int64_t now_us) {
  const auto& start = clock.start();
  std::string text = std::string(start.kind() == v1::CLOCK_KIND_CHASE ? "Chasing " : "Time for ") + WordsOf(ChasedKind(clock)).english + ": started " +
                     LocalText(calendar, clock.started_us());
  if (start.has_limit()) {
    text +=
        ", " + std::to_string(start.limit().amount()) + " " + WordsOf(start.limit().unit(), start.limit().amount() == 1).english + " by rule " + start.rule();
    if (history.counted.size() > 1) text += ", counted in " + std::to_string(history.counted.size()) + " stretches";
  } else {
    text += ", until what was asked for and approved";
  }
  for (const auto& change : history.changes) {
    text += (change.due_us == 0 ? ", stood still from " : change.moved ? ", moved on " : ", went on at ") + LocalText(calendar, change.at_us);
    if (change.due_us != 0) text += " to be due " + LocalText(calendar, change.due_us);
  }
  if (clock.paused_us() != 0) return text + ". It stands still.";
  text += std::string(", ") + (start.due_us() <= now_us ? "ended " : "ends ") + LocalText(calendar, start.due_us()) + ".";
  return text + (start.provisional() ? " Provisional: the holidays of that year are not known yet." : "");
}

std::string Audit::ExplainZh(const store::v1::RunningClock& clock, const ClockHistory& history, const WorkCalendar& calendar, int64_t now_us) {
  const auto& start = clock.start();
  std::string text = std::string(WordsOf(ChasedKind(clock)).chinese) + (start.kind() == v1::CLOCK_KIND_CHASE ? "督办" : "") + "时限：" +
                     LocalText(calendar, clock.started_us()) + " 起算，";
  if (start.has_limit()) {
    text += "按规则 " + start.rule() + " 给 " + std::to_string(start.limit().amount()) + " " + WordsOf(start.limit().unit(), false).chinese;
    if (history.counted.size() > 1) text += "，分 " + std::to_string(history.counted.size()) + " 段计时";
  } else {
    text += "至经批准的期限";
  }
  for (const auto& change : history.changes) {
    text += "，" + LocalText(calendar, change.at_us) + (change.due_us == 0 ? " 暂停" : change.moved ? " 调整" : " 恢复");
    if (change.due_us != 0) text += "，改为 " + LocalText(calendar, change.due_us);
  }
  if (clock.paused_us() != 0) return text + "。目前暂停计时。";
  text += "，" + LocalText(calendar, start.due_us()) + (start.due_us() <= now_us ? " 已到期。" : " 到期。");
  return text + (start.provisional() ? "（暂定：该年节假日安排尚未公布）" : "");
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
  auto& [clock, starter] = *found;
  v1::ExplainDeadlineResponse response;
  if (!cut) response.set_started_by(starter.type());
  response.set_calendar_hash(Hex(clock.calendar_hash()));
  response.set_policy_hash(Hex(clock.policy_hash()));
  auto counted_by = CalendarOf(found->starter);
  if (!counted_by) return reply(std::unexpected(counted_by.error()));
  const WorkCalendar& calendar = *counted_by;
  auto history = FollowClock(**state, *found, calendar);
  if (!history) return reply(std::unexpected(history.error()));
  const bool runs = std::ranges::any_of((*state)->clocks(), [&](const auto& each) {
    return each.object() == clock.object() && each.start().kind() == clock.start().kind() && each.start().chased() == clock.start().chased();
  });
  if (!runs) clock.mutable_start()->set_due_us(history->told_us);  // as it ended
  *response.mutable_deadline() = cut ? CutDeadline(clock) : ToDeadline(clock);
  for (const auto& span : history->counted) {
    auto& counted = *response.add_counted();
    *counted.mutable_start_time() = ToTimestamp(span.start_us);
    *counted.mutable_end_time() = ToTimestamp(span.end_us);
  }
  response.set_reproduced(history->due_us == history->told_us && history->told_us == clock.start().due_us());
  if (cut) return reply(std::move(response));
  response.set_explanation(Explain(clock, *history, calendar, world_.clock.WallUs()));
  response.set_explanation_zh(ExplainZh(clock, *history, calendar, world_.clock.WallUs()));
  reply(std::move(response));
}

}  // namespace gridloop
