#include "domain/clocks.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "domain/clock_changes.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"

namespace gridloop {

using store::v1::RunningClock;

namespace {

// A request lives as long as its clock, or the chase of it.
void ForgetRequests(NeedState& state) {
  auto waits = [&state](v1::ClockKind kind) {
    return std::ranges::any_of(state.clocks(), [kind](const RunningClock& clock) { return ChasedKind(clock) == kind; });
  };
  if (!waits(v1::CLOCK_KIND_INFORMATION)) {
    state.clear_information_event_id();
    state.clear_information_offset();
  }
  if (!waits(v1::CLOCK_KIND_EXTENSION)) state.clear_extension();
  if (!waits(v1::CLOCK_KIND_TRANSFER)) state.clear_transfer();
  if (!waits(v1::CLOCK_KIND_REFERRAL) && state.stage() != v1::STAGE_REFERRED_OUT) state.clear_referral();
  if (state.stage() == v1::STAGE_ON_HOLD) return;
  state.clear_stage_before_hold();
  if (!waits(v1::CLOCK_KIND_HOLD_REQUEST)) state.clear_hold();
}

}  // namespace

const RunningClock* FindClock(const NeedState& state, v1::ClockKind kind, const std::string& object, v1::ClockKind chased) {
  for (const auto& clock : state.clocks()) {
    if (clock.paused_us() == 0 && clock.start().kind() == kind && clock.object() == object && clock.start().chased() == chased) return &clock;
  }
  return nullptr;
}

bool StandsStill(const NeedState& state, v1::ClockKind kind) {
  return std::ranges::any_of(state.clocks(), [kind](const RunningClock& clock) { return clock.start().kind() == kind && clock.paused_us() != 0; });
}

v1::ClockKind StageClock(v1::Stage stage) {
  switch (stage) {
    case v1::STAGE_SUBMITTED:
    case v1::STAGE_DISPATCHED:
      return v1::CLOCK_KIND_ROUTING;
    case v1::STAGE_HELD:
      return v1::CLOCK_KIND_CENTER;
    case v1::STAGE_ACCEPTED:
    case v1::STAGE_ASSIGNED:
      return v1::CLOCK_KIND_ASSIGNMENT;
    case v1::STAGE_ASSESSED:
      return v1::CLOCK_KIND_GRADING;
    case v1::STAGE_GRADED:
      return v1::CLOCK_KIND_PLANNING;
    default:
      return v1::CLOCK_KIND_SERVICE;
  }
}

bool IsStepClock(v1::ClockKind kind) {
  return kind == v1::CLOCK_KIND_ASSIGNMENT || kind == v1::CLOCK_KIND_ASSESSMENT || kind == v1::CLOCK_KIND_GRADING || kind == v1::CLOCK_KIND_PLANNING ||
         kind == v1::CLOCK_KIND_SERVICE;
}

bool IsReroute(const Event& event) { return (event.type() == v1::EVENT_TYPE_RECALLED && event.actor().role() == v1::ROLE_SYSTEM) || event.amended().reroute(); }

bool LeavesNobody(const NeedState& state, const Event& event) {
  const auto& payload = event.handed_over();
  if (event.type() != v1::EVENT_TYPE_HANDED_OVER || !payload.successor().empty() || payload.worker() != state.worker()) return false;
  return IsWorking(state.stage()) &&
         std::ranges::none_of(state.clocks(), [](const RunningClock& clock) { return ChasedKind(clock) == v1::CLOCK_KIND_ASSIGNMENT; });
}

const std::vector<v1::ClockKind>& StoppedKinds(const Event& event) {
  if (event.amended().reroute()) return StoppedClocks(v1::EVENT_TYPE_RECALLED);
  if (RaisesAlarm(event)) return ClocksStoppedByAlarm();
  if (event.withdrawn().left()) return StoppedClocks(v1::EVENT_TYPE_UNSPECIFIED);  // it goes on
  return StoppedClocks(event.type());
}

bool Stops(const Event& event, const RunningClock& clock) {
  const auto& kinds = StoppedKinds(event);
  if (std::ranges::find(kinds, ChasedKind(clock)) != kinds.end()) return true;
  return IsObligationClock(clock) && StoppedObligation(event) == clock.object();
}

bool StartsRightClocks(const NeedState& state, const Event& event) {
  bool acceptance = false;
  bool assessment = false;
  const v1::ClockStart* offer = nullptr;
  const v1::ClockStart* chase = nullptr;
  std::set<v1::ClockKind> kinds;
  for (int i = 0; i < event.clocks_size(); ++i) {
    const auto& start = event.clocks(i);
    if (start.kind() == v1::CLOCK_KIND_UNSPECIFIED || start.due_us() <= 0) return false;
    // Kind, event and what is chased name a clock: two of one name could not be told apart.
    for (int k = 0; k < i; ++k) {
      if (event.clocks(k).kind() == start.kind() && event.clocks(k).chased() == start.chased()) return false;
    }
    kinds.insert(start.kind());
    acceptance |= start.kind() == v1::CLOCK_KIND_ACCEPTANCE;
    assessment |= start.kind() == v1::CLOCK_KIND_ASSESSMENT;
    if (start.kind() == v1::CLOCK_KIND_OFFER) offer = &start;
    if (start.kind() == v1::CLOCK_KIND_CHASE) chase = &start;
  }
  // Promises run from the first dispatch and never restart; the end of one that has passed may be put off.
  bool first_dispatch = event.type() == v1::EVENT_TYPE_DISPATCHED && !state.promised();
  if (first_dispatch != acceptance || (first_dispatch != assessment && event.type() != v1::EVENT_TYPE_EXTENSION_DECIDED)) return false;
  // A pause has its end, and nothing else has one.
  const bool may_pause =
      event.type() == v1::EVENT_TYPE_HOLD_DECIDED || event.type() == v1::EVENT_TYPE_INFORMATION_REQUESTED || event.type() == v1::EVENT_TYPE_REFERRED_OUT;
  if (!may_pause && std::ranges::any_of(kinds, IsPause)) return false;
  if (!StartsRightPlanClocks(state, event)) return false;
  switch (event.type()) {
    case v1::EVENT_TYPE_OFFERED:
      return offer != nullptr;
    case v1::EVENT_TYPE_ESCALATED: {
      if (chase == nullptr) return false;
      // What a passed clock escalates is chased until that clock's own step is done; a person may chase anything.
      const auto& passed = event.escalated();
      if (passed.kind() == v1::CLOCK_KIND_UNSPECIFIED) return true;
      return chase->chased() == (passed.kind() == v1::CLOCK_KIND_CHASE ? passed.chased() : passed.kind());
    }
    case v1::EVENT_TYPE_INFORMATION_REQUESTED:
      return kinds == std::set{v1::CLOCK_KIND_INFORMATION};
    case v1::EVENT_TYPE_EXTENSION_REQUESTED:
      return kinds == std::set{v1::CLOCK_KIND_EXTENSION};
    case v1::EVENT_TYPE_EXTENSION_DECIDED: {
      if (!event.extension_decided().approved()) return event.clocks().empty();
      // It moves while it runs; once it has passed it starts again.
      const auto& asked = state.extension();
      if (FindClock(state, asked.kind(), asked.object(), v1::CLOCK_KIND_UNSPECIFIED) != nullptr) return event.clocks().empty();
      if (StandsStill(state, asked.kind())) return false;
      return kinds == std::set{asked.kind()} && event.clocks(0).due_us() == asked.due_us() && asked.due_us() > event.logged_at_us();
    }
    case v1::EVENT_TYPE_TRANSFER_PROPOSED:
      return kinds == std::set{v1::CLOCK_KIND_TRANSFER};
    case v1::EVENT_TYPE_TRANSFERRED:
      return kinds == std::set{v1::CLOCK_KIND_ASSIGNMENT};
    case v1::EVENT_TYPE_REFERRED_OUT:
      return kinds == std::set{v1::CLOCK_KIND_REFERRAL};
    case v1::EVENT_TYPE_REFERRAL_RETURNED:
      return kinds == std::set{v1::CLOCK_KIND_CENTER};
    case v1::EVENT_TYPE_HANDED_OVER:
      // Whoever is to assign somebody has a clock for it.
      return LeavesNobody(state, event) ? kinds == std::set{v1::CLOCK_KIND_ASSIGNMENT} : kinds.empty();
    case v1::EVENT_TYPE_SUPPORT_ADDED:
    case v1::EVENT_TYPE_SUPPORT_ENDED:
      return kinds.empty();
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      return kinds == std::set{v1::CLOCK_KIND_HOLD_REQUEST};
    case v1::EVENT_TYPE_HOLD_DECIDED:
      if (!event.hold_decided().approved()) return event.clocks().empty();
      return kinds == std::set{v1::CLOCK_KIND_HOLD} && event.clocks(0).due_us() == state.hold().due_us();
    case v1::EVENT_TYPE_UNMERGED:
      return kinds == std::set{StageClock(state.stage_before_merge())};
    case v1::EVENT_TYPE_ABSORBING:
    case v1::EVENT_TYPE_MERGE_REFUSED:
    case v1::EVENT_TYPE_MERGE_CONFIRMED:
    case v1::EVENT_TYPE_MERGE_CANCELLED:
    case v1::EVENT_TYPE_JOINED:
    case v1::EVENT_TYPE_RELEASING:
    case v1::EVENT_TYPE_RELEASED:
    case v1::EVENT_TYPE_LINKED:
      return event.clocks().empty();
    default:
      return true;
  }
}

std::vector<int> StoppedBy(const NeedState& state, const Event& event) {
  std::vector<int> indices;
  auto kinds = StoppedKinds(event);
  auto stops = [&kinds](v1::ClockKind kind) { return std::ranges::find(kinds, kind) != kinds.end(); };
  const auto& asked = state.extension();
  // An extension of what is done is asked for no more; once its clock has passed, it ends the chase.
  if (state.has_extension() && stops(asked.kind())) kinds.push_back(v1::CLOCK_KIND_EXTENSION);
  const bool passed = FindClock(state, asked.kind(), asked.object(), v1::CLOCK_KIND_UNSPECIFIED) == nullptr;
  if (event.extension_decided().approved() && passed) kinds.push_back(asked.kind());
  bool fires = event.type() == v1::EVENT_TYPE_ESCALATED && event.escalated().kind() != v1::CLOCK_KIND_UNSPECIFIED;
  for (int i = 0; i < state.clocks_size(); ++i) {
    const auto& clock = state.clocks(i);
    const auto& start = clock.start();
    v1::ClockKind watched = ChasedKind(clock);
    bool fired = fires && start.kind() == event.escalated().kind() && clock.object() == event.escalated().object() &&
                 start.chased() == event.escalated().chased();  // a clock fires once
    // One chase of a kind, and of an obligation: the new one replaces it, however often people escalate.
    bool replaced = event.type() == v1::EVENT_TYPE_ESCALATED && start.kind() == v1::CLOCK_KIND_CHASE &&
                    (watched != v1::CLOCK_KIND_OBLIGATION || clock.object() == StartedObligation(event)) &&
                    std::ranges::any_of(event.clocks(),
                                        [&start](const auto& started) { return started.kind() == v1::CLOCK_KIND_CHASE && started.chased() == start.chased(); });
    if (fired || replaced || stops(watched) || Stops(event, clock)) indices.push_back(i);
  }
  return indices;
}

void ApplyClocks(NeedState& state, const Event& event, const std::vector<int>& stopped) {
  if (Ended(state)) {
    state.clear_clocks();
    ForgetRequests(state);
    state.clear_escalated_unit();
    state.clear_escalation_level();
    return;
  }
  ApplyClockChanges(state, event);
  for (auto index = stopped.rbegin(); index != stopped.rend(); ++index) state.mutable_clocks()->DeleteSubrange(*index, 1);
  for (const auto& start : event.clocks()) *state.add_clocks() = RunningClockOf(event, start);
  ForgetRequests(state);
  // Whoever an escalation told has it until what is chased is done; what is late after that begins one level up again.
  bool chased = std::ranges::any_of(state.clocks(), [](const RunningClock& clock) { return clock.start().kind() == v1::CLOCK_KIND_CHASE; });
  if (chased) return;
  state.clear_escalated_unit();
  state.clear_escalation_level();
}

RunningClock RunningClockOf(const Event& event, const v1::ClockStart& start) {
  RunningClock clock;
  *clock.mutable_start() = start;
  const bool of_plan = start.kind() == v1::CLOCK_KIND_OBLIGATION || start.chased() == v1::CLOCK_KIND_OBLIGATION;
  clock.set_object(of_plan ? StartedObligation(event) : event.event_id());
  if (clock.object() != event.event_id()) clock.set_starter(event.event_id());
  clock.set_started_us(start.start_us() != 0 ? start.start_us() : event.logged_at_us());
  clock.set_policy_hash(event.policy_hash());
  clock.set_calendar_hash(event.calendar_hash());
  return clock;
}

v1::ClockKind ChasedKind(const store::v1::RunningClock& clock) {
  return clock.start().kind() == v1::CLOCK_KIND_CHASE ? clock.start().chased() : clock.start().kind();
}

const RunningClock* NextClock(const NeedState& state) {
  const RunningClock* next = nullptr;
  for (const auto& clock : state.clocks()) {
    auto key = [](const RunningClock& each) { return std::tuple(each.start().due_us(), each.start().kind(), each.object()); };
    if (clock.paused_us() != 0) continue;
    if (next == nullptr || key(clock) < key(*next)) next = &clock;
  }
  return next;
}

Due OnDue(const NeedState& state) {
  const RunningClock* next = NextClock(state);
  if (next == nullptr) return Due::kNone;
  switch (next->start().kind()) {
    case v1::CLOCK_KIND_OFFER:
      return Due::kExpireOffer;
    case v1::CLOCK_KIND_HOLD:
    case v1::CLOCK_KIND_INFORMATION:
      return Due::kResume;
    case v1::CLOCK_KIND_REFERRAL:
      return Due::kReturnReferral;
    default:
      return Due::kEscalate;
  }
}

}  // namespace gridloop
