#include "domain/clock_changes.h"

#include <algorithm>

#include "domain/clocks.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"

namespace gridloop {
namespace {

using store::v1::RunningClock;

bool Starts(const Event& event) {
  return event.type() == v1::EVENT_TYPE_INFORMATION_REQUESTED || event.type() == v1::EVENT_TYPE_REFERRED_OUT ||
         (event.type() == v1::EVENT_TYPE_HOLD_DECIDED && event.hold_decided().approved());
}

// A chase moves with what it chases, never by itself.
Void CheckMove(const NeedState& state, const Event& event, const v1::ClockChange& change, const RunningClock& clock) {
  if (event.type() == v1::EVENT_TYPE_EXTENSION_DECIDED) {
    const auto& asked = state.extension();
    if (change.kind() != asked.kind() || change.object() != asked.object()) return Void::kClock;
    return change.due_us() == asked.due_us() && change.due_us() > clock.start().due_us() ? Void::kNone : Void::kPayload;
  }
  // What has become more urgent is never due later.
  if (MayHasten(event.type()) && change.due_us() < clock.start().due_us()) return Void::kNone;
  return Void::kPayload;
}

}  // namespace

bool IsPause(v1::ClockKind kind) { return kind == v1::CLOCK_KIND_HOLD || kind == v1::CLOCK_KIND_INFORMATION || kind == v1::CLOCK_KIND_REFERRAL; }

bool Names(const v1::ClockChange& change, const RunningClock& clock) {
  return change.kind() == clock.start().kind() && change.object() == clock.object() && change.chased() == clock.start().chased();
}

v1::ClockChange ChangeOf(const RunningClock& clock) {
  v1::ClockChange change;
  change.set_kind(clock.start().kind());
  change.set_object(clock.object());
  change.set_chased(clock.start().chased());
  return change;
}

const RunningClock* PauseClock(const NeedState& state) {
  auto found = std::ranges::find_if(state.clocks(), [](const RunningClock& clock) { return IsPause(clock.start().kind()); });
  return found == state.clocks().end() ? nullptr : &*found;
}

bool EndsPause(const NeedState& state, const Event& event) {
  const RunningClock* pause = PauseClock(state);
  return pause != nullptr && Stops(event, *pause);
}

Void CheckClockChanges(const NeedState& state, const Event& event, const std::vector<int>& stopped) {
  const bool ends_pause = EndsPause(state, event);
  std::vector<int> changed;
  for (const auto& change : event.clock_changes()) {
    int index = 0;
    while (index < state.clocks_size() && !Names(change, state.clocks(index))) ++index;
    if (index == state.clocks_size() || std::ranges::find(stopped, index) != stopped.end()) return Void::kClock;
    if (std::ranges::find(changed, index) != changed.end()) return Void::kPayload;
    changed.push_back(index);
    const RunningClock& clock = state.clocks(index);
    // What others have taken on goes on; only their time to answer is cut when the need becomes more urgent.
    if (IsObligationClock(clock) && (event.type() != v1::EVENT_TYPE_AMENDED || IsAgreed(state, clock))) return Void::kPayload;
    const bool stands = clock.paused_us() != 0;
    if (change.due_us() == 0) {
      if (!Starts(event) || stands || IsPause(change.kind())) return Void::kPayload;
      // What is overdue is not asked away.
      if (event.type() != v1::EVENT_TYPE_HOLD_DECIDED && clock.start().due_us() <= event.logged_at_us()) return Void::kClock;
    } else if (stands) {
      if (!ends_pause || change.due_us() < event.logged_at_us()) return Void::kPayload;
    } else if (Void wrong = CheckMove(state, event, change, clock); wrong != Void::kNone) {
      return wrong;
    }
  }
  if (event.type() == v1::EVENT_TYPE_EXTENSION_DECIDED) {
    const auto& asked = state.extension();
    const bool moves = event.extension_decided().approved() && FindClock(state, asked.kind(), asked.object(), v1::CLOCK_KIND_UNSPECIFIED) != nullptr;
    if (moves != (event.clock_changes_size() == 1)) return Void::kPayload;
  }
  const bool on_hold = event.hold_decided().approved();  // everything stands still
  if (!ends_pause && !on_hold) return Void::kNone;
  for (int i = 0; i < state.clocks_size(); ++i) {
    bool goes_on = std::ranges::find(stopped, i) != stopped.end() || std::ranges::find(changed, i) != changed.end();
    if (IsObligationClock(state.clocks(i))) continue;
    if ((on_hold || state.clocks(i).paused_us() != 0) && !goes_on) return Void::kInvariant;
  }
  return Void::kNone;
}

void ApplyClockChanges(NeedState& state, const Event& event) {
  for (const auto& change : event.clock_changes()) {
    for (auto& clock : *state.mutable_clocks()) {
      if (!Names(change, clock)) continue;
      if (change.due_us() == 0) {
        clock.set_paused_us(event.logged_at_us());
      } else {
        clock.clear_paused_us();
        clock.mutable_start()->set_due_us(change.due_us());
        clock.mutable_start()->set_provisional(change.provisional());
        if (!change.rule().empty()) {
          clock.mutable_start()->set_rule(change.rule());
          *clock.mutable_start()->mutable_limit() = change.limit();
        }
        if (change.kind() == v1::CLOCK_KIND_OFFER) state.mutable_offer()->set_due_us(change.due_us());
      }
    }
  }
}

void AddPauses(const NeedState& head, int64_t now_us, Event* event) {
  const bool all = event->type() == v1::EVENT_TYPE_HOLD_DECIDED;
  if (!all && head.urgency() == v1::URGENCY_CRISIS) return;
  for (const auto& clock : head.clocks()) {
    if (IsObligationClock(clock)) continue;
    const bool in_time = clock.start().kind() != v1::CLOCK_KIND_CHASE && clock.start().due_us() > now_us;
    if (!Stops(*event, clock) && clock.paused_us() == 0 && (all || in_time)) *event->add_clock_changes() = ChangeOf(clock);
  }
}

void AddResumptions(const NeedState& head, const WorkCalendar* calendar, int64_t now_us, Event* event) {
  if (!EndsPause(head, *event)) return;
  for (const auto& clock : head.clocks()) {
    if (clock.paused_us() == 0 || Stops(*event, clock)) continue;
    if (std::ranges::any_of(event->clock_changes(), [&clock](const auto& each) { return Names(each, clock); })) continue;
    v1::ClockChange change = ChangeOf(clock);
    const auto& start = clock.start();
    DueTime due = calendar != nullptr ? calendar->DueAfterPause(start.due_us(), start.limit().unit(), clock.paused_us(), now_us)
                                      : DueTime{.due_us = now_us + std::max<int64_t>(0, start.due_us() - clock.paused_us()), .counted = {}};
    change.set_due_us(due.due_us);
    change.set_provisional(due.provisional);
    *event->add_clock_changes() = change;
  }
}

}  // namespace gridloop
