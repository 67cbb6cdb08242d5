#include "domain/fold.h"

#include <algorithm>
#include <array>
#include <set>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

using store::v1::RunningClock;

constexpr int kConflictsKept = 8;
constexpr int kVoidsKept = 100;

template <class Field>
void InsertSorted(Field* field, const std::string& value) {
  if (value.empty()) return;
  std::set<std::string> all(field->begin(), field->end());
  if (!all.insert(value).second) return;
  field->Clear();
  for (const auto& each : all) field->Add(std::string(each));
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

bool HasExecuted(const NeedState& state, const v1::Actor& actor) {
  return Contains(state.executors(), actor.worker()) || Contains(state.executor_organisations(), actor.organisation());
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
    case v1::EVENT_TYPE_OFFER_ACCEPTED:
      return event.offer_accepted().offer() == state.offer().event_id() ? Void::kNone : Void::kObject;
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
      return event.answered().closing().reason() == v1::CLOSING_REASON_ANSWERED ? Void::kNone : Void::kPayload;
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

v1::Stage NextStage(const NeedState& state, const Event& event, const Cell& cell) {
  if (cell.next == Cell::Next::kSame) return state.stage();
  if (cell.next == Cell::Next::kBefore) {
    return event.closing_verified().approved() ? cell.to : state.stage_before_closing();
  }
  // What does not become casework goes straight to service.
  if (event.type() == v1::EVENT_TYPE_ASSESSED && cell.to == v1::STAGE_ASSESSED && !event.assessed().casework()) return v1::STAGE_PLANNED;
  return cell.to;
}

bool IsEnd(v1::Stage stage) { return stage == v1::STAGE_CLOSED || stage == v1::STAGE_WITHDRAWN; }

// The clocks that run after the event. False: it starts a promise a second time, or forgets to start one.
bool NextClocks(const NeedState& state, const Event& event, v1::Stage stage_after, std::vector<RunningClock>* after) {
  if (IsEnd(stage_after)) return true;
  const auto& stopped = StoppedClocks(event.type());
  auto stops = [&stopped](v1::ClockKind kind) { return std::ranges::find(stopped, kind) != stopped.end(); };
  bool fired = event.type() == v1::EVENT_TYPE_ESCALATED && event.escalated().kind() != v1::CLOCK_KIND_UNSPECIFIED;
  for (const auto& clock : state.clocks()) {
    v1::ClockKind subject = clock.start().kind() == v1::CLOCK_KIND_CHASE ? clock.start().chased() : clock.start().kind();
    if (stops(subject)) continue;
    if (fired && clock.start().kind() == event.escalated().kind() && clock.object() == event.escalated().object() &&
        clock.start().chased() == event.escalated().chased()) {
      continue;  // fires once
    }
    after->push_back(clock);
  }
  bool acceptance = false;
  bool assessment = false;
  bool chase = false;
  for (const auto& start : event.clocks()) {
    if (start.kind() == v1::CLOCK_KIND_UNSPECIFIED || start.due_us() <= 0) return false;
    acceptance |= start.kind() == v1::CLOCK_KIND_ACCEPTANCE;
    assessment |= start.kind() == v1::CLOCK_KIND_ASSESSMENT;
    chase |= start.kind() == v1::CLOCK_KIND_CHASE;
    RunningClock clock;
    *clock.mutable_start() = start;
    clock.set_object(event.event_id());
    clock.set_started_us(event.logged_at_us());
    clock.set_policy_hash(event.policy_hash());
    clock.set_calendar_hash(event.calendar_hash());
    after->push_back(std::move(clock));
  }
  // Promises run from the first dispatch and never restart.
  bool first_dispatch = event.type() == v1::EVENT_TYPE_DISPATCHED && !state.promised();
  if (first_dispatch != acceptance || first_dispatch != assessment) return false;
  if (event.type() == v1::EVENT_TYPE_ESCALATED && !chase) return false;
  if (event.type() == v1::EVENT_TYPE_OFFERED) {
    return std::ranges::any_of(event.clocks(), [](const auto& start) { return start.kind() == v1::CLOCK_KIND_OFFER; });
  }
  return true;
}

void ClearPlace(NeedState& state) {
  state.clear_offer();
  state.clear_unit();
  state.clear_station();
  state.clear_binding();
  state.clear_alerts();
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
    case v1::EVENT_TYPE_OFFER_ACCEPTED:
      state.set_owner(state.unit());
      state.clear_offer();
      break;
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
      state.set_escalation_level(static_cast<uint32_t>(std::max(0, event.escalated().level())));
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

// A second delivery of what is applied already changes nothing, not even the lists.
bool IsRedelivery(const NeedState& state, const Event& event, uint64_t offset) {
  for (const auto& applied : state.applied()) {
    if (applied.event_id() == event.event_id() && applied.body_mac() == event.body_mac()) return true;
    if (applied.offset() == offset && applied.version() == event.version()) return true;
  }
  auto same_offset = [offset](const auto& each) { return each.offset() == offset; };
  return std::ranges::any_of(state.voids(), same_offset) || std::ranges::any_of(state.conflicts(), same_offset);
}

Void Judge(const NeedState& state, const Event& event, const LifeCycle& rules, v1::Stage* stage_after,
           std::vector<RunningClock>* clocks_after) {
  if (event.version() != state.version() + 1) return Void::kVersion;
  if (event.prev_digest() != state.head_digest()) return Void::kChain;
  if (!PayloadFits(event)) return Void::kPayload;
  if (state.version() > 0 && event.subject() != state.subject()) return Void::kChain;
  const Cell& cell = rules.At(state.stage(), event.type());
  if (cell.next == Cell::Next::kIllegal) return Void::kLifeCycle;
  if (Void wrong = CheckObject(state, event); wrong != Void::kNone) return wrong;
  *stage_after = NextStage(state, event, cell);
  if (!NextClocks(state, event, *stage_after, clocks_after)) return Void::kPayload;
  if (event.type() == v1::EVENT_TYPE_SUBMITTED && event.submitted().center().empty()) return Void::kInvariant;
  if (!IsEnd(*stage_after) && clocks_after->empty()) return Void::kInvariant;
  return Void::kNone;
}

}  // namespace

std::string_view VoidName(Void reason) {
  static constexpr std::array<std::string_view, 11> kNames = {"",       "version", "chain",    "conflict", "life_cycle", "object",
                                                              "clock",  "verifier", "barred",  "invariant", "payload"};
  return kNames[static_cast<size_t>(reason)];
}

Void Fold(NeedState& state, const Event& event, const Located& at, const LifeCycle& rules) {
  if (state.version() > 0 && event.type() == v1::EVENT_TYPE_SUBMITTED && event.version() == 1 &&
      event.body_mac() != state.applied(0).body_mac() && event.event_id() == state.applied(0).event_id()) {
    auto known = std::ranges::any_of(state.conflicts(), [&](const auto& each) { return each.offset() == at.offset; });
    if (!known) {
      state.set_conflict_count(state.conflict_count() + 1);
      if (state.conflicts_size() < kConflictsKept) {
        auto* conflict = state.add_conflicts();
        conflict->set_offset(at.offset);
        conflict->set_logged_at_us(event.logged_at_us());
      }
    }
    return Void::kConflict;
  }
  v1::Stage before = state.stage();
  v1::Stage stage_after = before;
  std::vector<RunningClock> clocks_after;
  Void verdict = Judge(state, event, rules, &stage_after, &clocks_after);
  if (verdict != Void::kNone) {
    if (state.version() > 0 && !IsRedelivery(state, event, at.offset)) NoteVoid(state, at.offset, verdict);
    return verdict;
  }
  state.set_stage(stage_after);
  Apply(state, event, before, at.offset);
  state.clear_clocks();
  for (auto& clock : clocks_after) state.mutable_clocks()->Add(std::move(clock));
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
