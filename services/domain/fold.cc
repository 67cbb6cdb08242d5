#include "domain/fold.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

using store::v1::RunningClock;

constexpr int kConflictsKept = 8;
constexpr int kVoidsKept = 100;

template <class Field>
void InsertSorted(Field* field, const std::string& value) {
  if (value.empty()) return;
  auto place = std::ranges::lower_bound(*field, value);
  if (place != field->end() && *place == value) return;
  int index = static_cast<int>(place - field->begin());
  field->Add(std::string(value));
  for (int i = field->size() - 1; i > index; --i) field->SwapElements(i, i - 1);
}

template <class Field>
bool Contains(const Field& field, const std::string& value) {
  return !value.empty() && std::ranges::find(field, value) != field.end();
}

// Does the payload belong to the type? The oneof's field numbers are the types plus 30.
bool PayloadFits(const Event& event) {
  return event.type() != v1::EVENT_TYPE_UNSPECIFIED && v1::EventType_IsValid(event.type()) &&
         static_cast<int>(event.payload_case()) == static_cast<int>(event.type()) + 30;
}

const RunningClock* FindClock(const NeedState& state, v1::ClockKind kind, const std::string& object, v1::ClockKind chased) {
  for (const auto& clock : state.clocks()) {
    if (clock.start().kind() == kind && clock.object() == object && clock.start().chased() == chased) return &clock;
  }
  return nullptr;
}

// Checks of what the payload says against the state; nothing is changed.
Void CheckObject(const NeedState& state, const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_DISPATCHED: {
      const auto& payload = event.dispatched();
      if (payload.unit().empty() || payload.station().empty()) return Void::kPayload;
      if (state.stage() == v1::STAGE_HELD && payload.held() != state.held_event_id()) return Void::kObject;
      if (state.stage() == v1::STAGE_SUBMITTED && !payload.held().empty()) return Void::kObject;
      return Void::kNone;
    }
    case v1::EVENT_TYPE_OFFERED:
      if (event.offered().unit() != state.unit() || event.offered().station() != state.station()) return Void::kObject;
      return Void::kNone;
    case v1::EVENT_TYPE_OFFER_ACCEPTED: {
      const auto& payload = event.offer_accepted();
      if (payload.offer() != state.offer().event_id()) return Void::kObject;
      // Nobody accepts in another's name.
      return payload.worker().empty() || payload.worker() == event.actor().worker() ? Void::kNone : Void::kPayload;
    }
    case v1::EVENT_TYPE_OFFER_DECLINED:
      if (event.offer_declined().offer() != state.offer().event_id()) return Void::kObject;
      return state.offer().binding() ? Void::kBarred : Void::kNone;
    case v1::EVENT_TYPE_OFFER_EXPIRED: {
      const std::string& offer = event.offer_expired().offer();
      if (offer != state.offer().event_id()) return Void::kObject;
      const RunningClock* clock = FindClock(state, v1::CLOCK_KIND_OFFER, offer, v1::CLOCK_KIND_UNSPECIFIED);
      return clock != nullptr && event.logged_at_us() >= clock->start().due_us() ? Void::kNone : Void::kClock;
    }
    case v1::EVENT_TYPE_WORKER_ASSIGNED:
      return event.worker_assigned().worker().empty() ? Void::kPayload : Void::kNone;
    case v1::EVENT_TYPE_ANSWERED:
      if (event.answered().closing().reason() != v1::CLOSING_REASON_ANSWERED) return Void::kPayload;
      // Nobody else would look at how a crisis ended.
      return state.urgency() == v1::URGENCY_CRISIS ? Void::kBarred : Void::kNone;
    case v1::EVENT_TYPE_SERVICE_RECORDED:
      return event.service_recorded().workers().empty() ? Void::kPayload : Void::kNone;
    case v1::EVENT_TYPE_CLOSING_REQUESTED: {
      v1::ClosingReason reason = event.closing_requested().closing().reason();
      if (reason == v1::CLOSING_REASON_UNSPECIFIED || reason == v1::CLOSING_REASON_ANSWERED) return Void::kPayload;
      if (reason == v1::CLOSING_REASON_GOALS_MET && state.services() == 0) return Void::kLifeCycle;
      return Void::kNone;
    }
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      if (event.closing_verified().closing() != state.closing_event_id()) return Void::kObject;
      return HasExecuted(state, event.actor()) ? Void::kVerifier : Void::kNone;
    case v1::EVENT_TYPE_ESCALATED: {
      const auto& payload = event.escalated();
      if (payload.kind() == v1::CLOCK_KIND_UNSPECIFIED) return Void::kNone;
      // A passed offer expires; it never escalates.
      if (payload.kind() == v1::CLOCK_KIND_OFFER) return Void::kClock;
      const RunningClock* clock = FindClock(state, payload.kind(), payload.object(), payload.chased());
      return clock != nullptr && event.logged_at_us() >= clock->start().due_us() ? Void::kNone : Void::kClock;
    }
    case v1::EVENT_TYPE_WITHDRAWN:
      return state.withdrawal_barred() || state.urgency() == v1::URGENCY_CRISIS ? Void::kBarred : Void::kNone;
    default:
      return Void::kNone;
  }
}

// The software recalls what a new directory has left without its unit: nobody is to decide anything, so it is routed again.
bool IsReroute(const Event& event) { return event.type() == v1::EVENT_TYPE_RECALLED && event.actor().role() == v1::ROLE_SYSTEM; }

v1::Stage NextStage(const NeedState& state, const Event& event, const Cell& cell) {
  if (cell.next == Cell::Next::kSame) return state.stage();
  if (cell.next == Cell::Next::kBefore) {
    return event.closing_verified().approved() ? cell.to : state.stage_before_closing();
  }
  if (IsReroute(event)) return v1::STAGE_SUBMITTED;
  // Who accepts directly is assigned thereby.
  if (event.type() == v1::EVENT_TYPE_OFFER_ACCEPTED && cell.to == v1::STAGE_ACCEPTED && !event.offer_accepted().worker().empty()) return v1::STAGE_ASSIGNED;
  // What does not become casework goes straight to service.
  if (event.type() == v1::EVENT_TYPE_ASSESSED && cell.to == v1::STAGE_ASSESSED && !event.assessed().casework()) return v1::STAGE_PLANNED;
  return cell.to;
}

bool IsEnd(v1::Stage stage) { return stage == v1::STAGE_CLOSED || stage == v1::STAGE_WITHDRAWN; }

// Checks the clocks that the event starts.
bool StartsRightClocks(const NeedState& state, const Event& event) {
  bool acceptance = false;
  bool assessment = false;
  const v1::ClockStart* offer = nullptr;
  const v1::ClockStart* chase = nullptr;
  for (int i = 0; i < event.clocks_size(); ++i) {
    const auto& start = event.clocks(i);
    if (start.kind() == v1::CLOCK_KIND_UNSPECIFIED || start.due_us() <= 0) return false;
    // Kind, event and what is chased name a clock: two of one name could not be told apart.
    for (int k = 0; k < i; ++k) {
      if (event.clocks(k).kind() == start.kind() && event.clocks(k).chased() == start.chased()) return false;
    }
    acceptance |= start.kind() == v1::CLOCK_KIND_ACCEPTANCE;
    assessment |= start.kind() == v1::CLOCK_KIND_ASSESSMENT;
    if (start.kind() == v1::CLOCK_KIND_OFFER) offer = &start;
    if (start.kind() == v1::CLOCK_KIND_CHASE) chase = &start;
  }
  // Promises run from the first dispatch and never restart.
  bool first_dispatch = event.type() == v1::EVENT_TYPE_DISPATCHED && !state.promised();
  if (first_dispatch != acceptance || first_dispatch != assessment) return false;
  if (event.type() == v1::EVENT_TYPE_OFFERED) return offer != nullptr;
  if (event.type() == v1::EVENT_TYPE_ESCALATED) {
    if (chase == nullptr) return false;
    // What a passed clock escalates is chased until that clock's own step is done; a person may chase anything.
    const auto& passed = event.escalated();
    if (passed.kind() == v1::CLOCK_KIND_UNSPECIFIED) return true;
    return chase->chased() == (passed.kind() == v1::CLOCK_KIND_CHASE ? passed.chased() : passed.kind());
  }
  return true;
}

// Indices of the running clocks that the event stops, ascending.
std::vector<int> StoppedBy(const NeedState& state, const Event& event) {
  std::vector<int> indices;
  const auto& kinds = StoppedClocks(event.type());
  bool fires = event.type() == v1::EVENT_TYPE_ESCALATED && event.escalated().kind() != v1::CLOCK_KIND_UNSPECIFIED;
  for (int i = 0; i < state.clocks_size(); ++i) {
    const auto& clock = state.clocks(i);
    const auto& start = clock.start();
    v1::ClockKind watched = ChasedKind(clock);
    bool fired = fires && start.kind() == event.escalated().kind() && clock.object() == event.escalated().object() &&
                 start.chased() == event.escalated().chased();  // a clock fires once
    // One chase of a kind: the new one replaces it, however often people escalate.
    bool replaced = event.type() == v1::EVENT_TYPE_ESCALATED && start.kind() == v1::CLOCK_KIND_CHASE &&
                    std::ranges::any_of(event.clocks(),
                                        [&start](const auto& started) { return started.kind() == v1::CLOCK_KIND_CHASE && started.chased() == start.chased(); });
    if (fired || replaced || std::ranges::find(kinds, watched) != kinds.end()) indices.push_back(i);
  }
  return indices;
}

void ApplyClocks(NeedState& state, const Event& event, const std::vector<int>& stopped) {
  if (IsEnd(state.stage())) {
    state.clear_clocks();
    state.clear_escalated_unit();
    state.clear_escalation_level();
    return;
  }
  for (auto index = stopped.rbegin(); index != stopped.rend(); ++index) state.mutable_clocks()->DeleteSubrange(*index, 1);
  for (const auto& start : event.clocks()) *state.add_clocks() = RunningClockOf(event, start);
  // Whoever an escalation told has it until what is chased is done; what is late after that begins one level up again.
  bool chased = std::ranges::any_of(state.clocks(), [](const RunningClock& clock) { return clock.start().kind() == v1::CLOCK_KIND_CHASE; });
  if (chased) return;
  state.clear_escalated_unit();
  state.clear_escalation_level();
}

void ClearPlace(NeedState& state) {
  state.clear_offer();
  state.clear_unit();
  state.clear_station();
  state.clear_binding();
  // Alerts stay until the next decision replaces them: a crisis rings at every moment.
}

void ClearHeld(NeedState& state) {
  state.clear_held_reason();
  state.clear_held_event_id();
  state.clear_proposed_unit();
  state.clear_proposed_station();
}

void ApplySubmitted(NeedState& state, const Event& event) {
  const auto& payload = event.submitted();
  const auto& report = payload.report();
  state.set_subject(event.subject());
  state.set_client(event.client());
  state.set_reporter_ref(payload.reporter_ref());
  state.set_number(payload.number());
  state.set_grid_code(report.location().grid_code());
  state.set_community(payload.community());
  state.set_institution(report.location().institution());
  state.set_type(report.type());
  *state.mutable_categories() = report.categories();
  *state.mutable_dangers() = report.dangers();
  state.set_urgency(payload.urgency());
  state.set_reported_urgency(report.reported_urgency());
  state.set_source(report.source());
  state.set_restricted(payload.restricted());
  state.set_withdrawal_barred(payload.withdrawal_barred());
  state.set_self_accept(report.self_accept());
  if (report.self_accept()) state.set_submitter_worker(event.actor().worker());
  state.set_address_only(report.location().grid_code().empty() && report.location().institution().empty());
  state.set_submitted_us(event.logged_at_us());
  state.set_center(payload.center());
  state.set_owner(payload.center());
}

void Apply(NeedState& state, const Event& event, v1::Stage before, uint64_t offset) {
  switch (event.type()) {
    case v1::EVENT_TYPE_SUBMITTED:
      ApplySubmitted(state, event);
      break;
    case v1::EVENT_TYPE_DISPATCHED:
      ClearHeld(state);
      state.set_unit(event.dispatched().unit());
      state.set_station(event.dispatched().station());
      state.set_binding(event.dispatched().binding());
      if (!event.dispatched().community().empty()) state.set_community(event.dispatched().community());
      state.set_promised(true);
      break;
    case v1::EVENT_TYPE_HELD:
      state.set_held_reason(event.held().reason());
      state.set_held_event_id(event.event_id());
      state.set_proposed_unit(event.held().proposed_unit());
      state.set_proposed_station(event.held().proposed_station());
      *state.mutable_alerts() = event.held().alerts();
      break;
    case v1::EVENT_TYPE_OFFERED: {
      const auto& payload = event.offered();
      auto& offer = *state.mutable_offer();
      offer.set_event_id(event.event_id());
      offer.set_unit(payload.unit());
      offer.set_station(payload.station());
      offer.set_worker(payload.worker());
      offer.set_direct_accept(payload.direct_accept());
      offer.set_binding(payload.binding());
      for (const auto& start : event.clocks()) {
        if (start.kind() == v1::CLOCK_KIND_OFFER) offer.set_due_us(start.due_us());
      }
      *state.mutable_alerts() = payload.alerts();
      break;
    }
    case v1::EVENT_TYPE_OFFER_ACCEPTED: {
      const auto& payload = event.offer_accepted();
      state.set_owner(state.unit());
      state.clear_offer();
      state.set_worker(payload.worker());
      InsertSorted(state.mutable_executors(), payload.worker());
      for (const auto& organisation : payload.organisations()) InsertSorted(state.mutable_executor_organisations(), organisation);
      break;
    }
    case v1::EVENT_TYPE_OFFER_DECLINED:
      state.set_bounces(state.bounces() + 1);
      state.add_excluded_units(state.unit());
      ClearPlace(state);
      break;
    case v1::EVENT_TYPE_OFFER_EXPIRED:
      state.add_excluded_units(state.unit());
      ClearPlace(state);
      break;
    case v1::EVENT_TYPE_WORKER_ASSIGNED: {
      const auto& payload = event.worker_assigned();
      state.set_worker(payload.worker());
      *state.mutable_co_workers() = payload.co_workers();
      InsertSorted(state.mutable_executors(), payload.worker());
      for (const auto& worker : payload.co_workers()) InsertSorted(state.mutable_executors(), worker);
      for (const auto& organisation : payload.organisations()) InsertSorted(state.mutable_executor_organisations(), organisation);
      break;
    }
    case v1::EVENT_TYPE_ANSWERED:
      state.set_closing_reason(v1::CLOSING_REASON_ANSWERED);
      state.set_closing_offset(offset);
      break;
    case v1::EVENT_TYPE_ASSESSED:
      state.set_casework(event.assessed().casework());
      if (!event.assessed().type().empty()) state.set_type(event.assessed().type());
      break;
    case v1::EVENT_TYPE_GRADED:
      state.set_grade(event.graded().grade());
      break;
    case v1::EVENT_TYPE_SERVICE_RECORDED:
      state.set_services(state.services() + 1);
      for (const auto& worker : event.service_recorded().workers()) InsertSorted(state.mutable_executors(), worker);
      for (const auto& organisation : event.service_recorded().organisations()) {
        InsertSorted(state.mutable_executor_organisations(), organisation);
      }
      break;
    case v1::EVENT_TYPE_CLOSING_REQUESTED:
      state.set_stage_before_closing(before);
      state.set_closing_event_id(event.event_id());
      state.set_verified_by_center(event.closing_requested().verified_by_center());
      state.set_closing_reason(event.closing_requested().closing().reason());
      state.set_closing_offset(offset);
      break;
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      state.clear_closing_event_id();
      state.clear_verified_by_center();
      if (!event.closing_verified().approved()) {
        state.clear_closing_reason();
        state.clear_closing_offset();
      }
      break;
    case v1::EVENT_TYPE_ESCALATED:
      // Only ever up.
      state.set_escalation_level(std::max(state.escalation_level(), static_cast<uint32_t>(std::max(0, event.escalated().level()))));
      state.set_escalated_unit(event.escalated().unit());
      break;
    case v1::EVENT_TYPE_URGED:
      state.set_urgings(state.urgings() + 1);
      break;
    case v1::EVENT_TYPE_RECALLED:
      ClearPlace(state);
      state.clear_worker();
      state.clear_co_workers();
      state.clear_closing_event_id();
      state.clear_verified_by_center();
      state.clear_closing_reason();
      state.clear_closing_offset();
      state.set_owner(state.center());
      if (IsReroute(event)) break;
      state.set_held_reason(v1::HELD_REASON_RECALLED);
      state.set_held_event_id(event.event_id());
      break;
    default:
      break;
  }
  if (IsEnd(state.stage())) {
    state.clear_owner();
    state.clear_offer();
    state.clear_alerts();
    ClearHeld(state);
    state.set_ended_us(event.logged_at_us());
  }
}

void NoteVoid(NeedState& state, uint64_t offset, Void reason) {
  auto* voids = state.mutable_voids();
  if (voids->size() >= kVoidsKept) voids->DeleteSubrange(0, voids->size() - kVoidsKept + 1);
  auto* attempt = voids->Add();
  attempt->set_offset(offset);
  attempt->set_reason(std::string(VoidName(reason)));
}

// Has this record been accounted for before? Offsets rise along the log, so whatever lies at or before the last record that
// left a trace here is a second delivery, also when its own entry has been pushed out of a list.
bool IsSecondDelivery(const NeedState& state, uint64_t offset) {
  uint64_t last = state.head_offset();
  if (!state.voids().empty()) last = std::max(last, state.voids().rbegin()->offset());
  if (!state.conflicts().empty()) last = std::max(last, state.conflicts().rbegin()->offset());
  return offset <= last;
}

// A copy of an applied event, logged once more: nobody attempted anything new.
bool IsCopyOfApplied(const NeedState& state, const Event& event) {
  return std::ranges::any_of(state.applied(), [&](const auto& applied) {
    return applied.version() == event.version() && applied.event_id() == event.event_id() && applied.body_mac() == event.body_mac();
  });
}

void NoteConflict(NeedState& state, uint64_t offset, const Event& event) {
  state.set_conflict_count(state.conflict_count() + 1);
  // The first seven stay; the eighth place is the latest one's. Whoever forgets the subject destroys the keys of these eight; those
  // of the others, whose bodies nobody reads, stand in the log, and conflict_count says that there are some.
  auto* conflicts = state.mutable_conflicts();
  auto* conflict = conflicts->size() < kConflictsKept ? conflicts->Add() : conflicts->Mutable(kConflictsKept - 1);
  conflict->set_offset(offset);
  conflict->set_logged_at_us(event.logged_at_us());
  conflict->set_key_id(event.key_id());
}

Void Judge(const NeedState& state, const Event& event, const LifeCycle& rules, v1::Stage* stage_after, std::vector<int>* stopped) {
  if (event.version() != state.version() + 1) return Void::kVersion;
  if (event.prev_digest() != state.head_digest()) return Void::kChain;
  if (!PayloadFits(event)) return Void::kPayload;
  if (state.version() > 0 && event.subject() != state.subject()) return Void::kChain;
  const Cell& cell = rules.At(state.stage(), event.type());
  if (cell.next == Cell::Next::kIllegal) return Void::kLifeCycle;
  if (Void wrong = CheckObject(state, event); wrong != Void::kNone) return wrong;
  *stage_after = NextStage(state, event, cell);
  if (event.type() == v1::EVENT_TYPE_SUBMITTED && event.submitted().center().empty()) return Void::kInvariant;
  if (IsEnd(*stage_after)) return Void::kNone;
  if (!StartsRightClocks(state, event)) return Void::kPayload;
  // A returned closing goes back to a stage whose clock has stopped: a chase that still runs does not stand in for it.
  if (event.type() == v1::EVENT_TYPE_CLOSING_VERIFIED && event.clocks().empty()) return Void::kInvariant;
  *stopped = StoppedBy(state, event);
  return state.clocks_size() + event.clocks_size() > static_cast<int>(stopped->size()) ? Void::kNone : Void::kInvariant;
}

}  // namespace

RunningClock RunningClockOf(const Event& event, const v1::ClockStart& start) {
  RunningClock clock;
  *clock.mutable_start() = start;
  clock.set_object(event.event_id());
  clock.set_started_us(start.start_us() != 0 ? start.start_us() : event.logged_at_us());
  clock.set_policy_hash(event.policy_hash());
  clock.set_calendar_hash(event.calendar_hash());
  return clock;
}

v1::ClockKind ChasedKind(const store::v1::RunningClock& clock) {
  return clock.start().kind() == v1::CLOCK_KIND_CHASE ? clock.start().chased() : clock.start().kind();
}

std::string_view VoidName(Void reason) {
  static constexpr std::array<std::string_view, 11> kNames = {"",      "version",  "chain",  "conflict",  "life_cycle", "object",
                                                              "clock", "verifier", "barred", "invariant", "payload"};
  return kNames[static_cast<size_t>(reason)];
}

Void Fold(NeedState& state, const Event& event, const Located& at, const LifeCycle& rules) {
  if (state.version() > 0 && event.type() == v1::EVENT_TYPE_SUBMITTED && event.version() == 1 && event.body_mac() != state.applied(0).body_mac() &&
      event.event_id() == state.applied(0).event_id()) {
    if (!IsSecondDelivery(state, at.offset)) NoteConflict(state, at.offset, event);
    return Void::kConflict;
  }
  v1::Stage before = state.stage();
  v1::Stage stage_after = before;
  std::vector<int> stopped;
  Void verdict = Judge(state, event, rules, &stage_after, &stopped);
  if (verdict != Void::kNone) {
    bool attempt = state.version() > 0 && !IsSecondDelivery(state, at.offset) && !IsCopyOfApplied(state, event);
    if (attempt) NoteVoid(state, at.offset, verdict);
    return verdict;
  }
  state.set_stage(stage_after);
  Apply(state, event, before, at.offset);
  ApplyClocks(state, event, stopped);
  state.set_version(event.version());
  state.set_head_digest(std::string(at.digest));
  state.set_head_offset(at.offset);
  state.set_head_event_id(event.event_id());
  auto* applied = state.add_applied();
  applied->set_event_id(event.event_id());
  applied->set_body_mac(event.body_mac());
  applied->set_version(event.version());
  applied->set_offset(at.offset);
  if (!event.key_id().empty() && std::ranges::find(state.key_ids(), event.key_id()) == state.key_ids().end()) {
    state.add_key_ids(event.key_id());
  }
  for (const std::string& box : rows::BoxesOf(state)) InsertSorted(state.mutable_boxes_seen(), box);
  return Void::kNone;
}

bool HasExecuted(const NeedState& state, const v1::Actor& actor) {
  return Contains(state.executors(), actor.worker()) || Contains(state.executor_organisations(), actor.organisation());
}

Want Wants(const NeedState& state) {
  if (state.stage() == v1::STAGE_SUBMITTED) return Want::kRoute;
  if (state.stage() == v1::STAGE_DISPATCHED) return Want::kOffer;
  return Want::kNone;
}

const RunningClock* NextClock(const NeedState& state) {
  const RunningClock* next = nullptr;
  for (const auto& clock : state.clocks()) {
    auto key = [](const RunningClock& each) { return std::tuple(each.start().due_us(), each.start().kind(), each.object()); };
    if (next == nullptr || key(clock) < key(*next)) next = &clock;
  }
  return next;
}

Due OnDue(const NeedState& state) {
  const RunningClock* next = NextClock(state);
  if (next == nullptr) return Due::kNone;
  return next->start().kind() == v1::CLOCK_KIND_OFFER ? Due::kExpireOffer : Due::kEscalate;
}

}  // namespace gridloop
