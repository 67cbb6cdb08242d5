#include "domain/fold.h"

#include <algorithm>
#include <array>
#include <functional>

#include "domain/amendment.h"
#include "domain/clock_changes.h"
#include "domain/clocks.h"
#include "domain/forgetting.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"
#include "domain/records.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

using store::v1::RunningClock;

constexpr int kConflictsKept = 8;
constexpr int kVoidsKept = 100;
constexpr int kSetAsideKept = 1000;  // keys of conflicts
constexpr size_t kReporterRefBytes = 16;

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

// Who asks does not decide.
Void CheckDecision(const store::v1::OpenRequest& asked, const std::string& request, const v1::Actor& actor) {
  if (asked.event_id().empty() || request != asked.event_id()) return Void::kObject;
  return !asked.worker().empty() && asked.worker() == actor.worker() ? Void::kVerifier : Void::kNone;
}

Void CheckResumed(const NeedState& state, const Event& event) {
  const auto& payload = event.resumed();
  const bool of_hold = payload.kind() == v1::CLOCK_KIND_HOLD;
  if (of_hold != (state.stage() == v1::STAGE_ON_HOLD) || (!of_hold && payload.kind() != v1::CLOCK_KIND_INFORMATION)) return Void::kObject;
  const std::string& open = of_hold ? state.hold().event_id() : state.information_event_id();
  if (open.empty() || payload.pause() != open) return Void::kObject;
  if (event.actor().role() != v1::ROLE_SYSTEM) return of_hold ? Void::kNone : Void::kObject;
  return event.logged_at_us() >= PauseClock(state)->start().due_us() ? Void::kNone : Void::kClock;
}

Void CheckAmended(const NeedState& state, const Event& event) {
  const auto& payload = event.amended();
  const auto& fields = payload.fields();
  const bool sorted = std::ranges::adjacent_find(fields, std::greater_equal()) == fields.end();
  if (fields.empty() || !sorted || !std::ranges::all_of(fields, IsAmendable)) return Void::kPayload;
  if (payload.urgency() == v1::URGENCY_UNSPECIFIED) return Void::kPayload;
  if (payload.reroute() && !Contains(fields, "location")) return Void::kPayload;
  const bool becomes_crisis = payload.urgency() == v1::URGENCY_CRISIS && state.urgency() != v1::URGENCY_CRISIS;
  if (payload.alarm() != becomes_crisis) return Void::kPayload;
  // What was once said for protection is not unsaid.
  if ((state.restricted() && !payload.restricted()) || (state.withdrawal_barred() && !payload.withdrawal_barred())) return Void::kBarred;
  return Void::kNone;
}

Void CheckReferral(const NeedState& state, const std::string& referral) {
  return state.has_referral() && referral == state.referral().event_id() ? Void::kNone : Void::kObject;
}

bool Supports(const NeedState& state, const std::string& worker) {
  return std::ranges::any_of(state.supports(), [&](const auto& support) { return support.worker() == worker; });
}

// Where outside the unit somebody works on it.
Void CheckElsewhere(const NeedState& state, const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_REFERRED_OUT:
      return event.referred_out().to().empty() ? Void::kPayload : Void::kNone;
    case v1::EVENT_TYPE_REFERRAL_RECEIVED:
      if (event.referral_received().receipt().empty()) return Void::kPayload;
      return CheckReferral(state, event.referral_received().referral());
    case v1::EVENT_TYPE_REFERRAL_RETURNED:
      if (Void wrong = CheckReferral(state, event.referral_returned().referral()); wrong != Void::kNone) return wrong;
      if (event.actor().role() != v1::ROLE_SYSTEM) return Void::kNone;
      return event.logged_at_us() >= PauseClock(state)->start().due_us() ? Void::kNone : Void::kClock;
    case v1::EVENT_TYPE_CLOSED: {
      v1::ClosingReason reason = event.closed().closing().reason();
      if (reason == v1::CLOSING_REASON_UNSPECIFIED || reason == v1::CLOSING_REASON_ANSWERED || reason == v1::CLOSING_REASON_REFERRED_OUT) return Void::kPayload;
      // Nobody else would look at how a crisis ended.
      if (state.urgency() == v1::URGENCY_CRISIS || HasOpenObligation(state)) return Void::kBarred;
      return reason == v1::CLOSING_REASON_GOALS_MET && state.services() == 0 ? Void::kLifeCycle : Void::kNone;
    }
    case v1::EVENT_TYPE_SUPPORT_ADDED: {
      const auto& payload = event.support_added();
      if (payload.unit().empty() || payload.station().empty() || payload.worker().empty() || payload.unit() == state.unit()) return Void::kPayload;
      return Supports(state, payload.worker()) || payload.worker() == state.worker() ? Void::kBarred : Void::kNone;
    }
    case v1::EVENT_TYPE_SUPPORT_ENDED:
      return Supports(state, event.support_ended().worker()) ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_HANDED_OVER: {
      const auto& payload = event.handed_over();
      if (payload.hand_over().empty() || payload.worker().empty() || payload.worker() == payload.successor()) return Void::kPayload;
      if (event.actor().role() != v1::ROLE_SYSTEM) return Void::kPayload;
      const std::string& worker = payload.worker();
      const bool his = worker == state.worker() || Contains(state.co_workers(), worker) || worker == state.offer().worker() ||
                       std::ranges::any_of(state.alerts(), [&](const auto& alert) { return alert.worker() == worker; });
      return his ? Void::kNone : Void::kObject;
    }
    default:
      return Void::kNone;
  }
}

// What is found wrong, too thin or too early.
Void CheckBranch(const NeedState& state, const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_INFORMATION_REQUESTED:
      return state.information_event_id().empty() ? Void::kNone : Void::kBarred;
    case v1::EVENT_TYPE_INFORMATION_PROVIDED:
      return !state.information_event_id().empty() && event.information_provided().request() == state.information_event_id() ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_RESUMED:
      return CheckResumed(state, event);
    case v1::EVENT_TYPE_AMENDED:
      return CheckAmended(state, event);
    case v1::EVENT_TYPE_EXTENSION_REQUESTED: {
      const auto& payload = event.extension_requested();
      if (state.has_extension()) return Void::kBarred;
      if (!IsStepClock(payload.kind())) return Void::kPayload;
      const RunningClock* clock = FindClock(state, payload.kind(), payload.object(), v1::CLOCK_KIND_UNSPECIFIED);
      return clock != nullptr && clock->start().due_us() > event.logged_at_us() && payload.due_us() > clock->start().due_us() ? Void::kNone : Void::kClock;
    }
    case v1::EVENT_TYPE_EXTENSION_DECIDED:
      return CheckDecision(state.extension(), event.extension_decided().request(), event.actor());
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      if (state.has_hold()) return Void::kBarred;
      return event.hold_requested().end_us() > event.logged_at_us() ? Void::kNone : Void::kPayload;
    case v1::EVENT_TYPE_HOLD_DECIDED:
      if (Void wrong = CheckDecision(state.hold(), event.hold_decided().request(), event.actor()); wrong != Void::kNone) return wrong;
      return event.hold_decided().approved() && !state.information_event_id().empty() ? Void::kBarred : Void::kNone;  // one pause at a time
    case v1::EVENT_TYPE_TRANSFER_PROPOSED: {
      const auto& payload = event.transfer_proposed();
      if (state.has_transfer()) return Void::kBarred;
      return payload.unit().empty() || payload.station().empty() || payload.unit() == state.unit() ? Void::kPayload : Void::kNone;
    }
    case v1::EVENT_TYPE_TRANSFERRED:
      return state.has_transfer() && event.transferred().transfer() == state.transfer().event_id() ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_TRANSFER_DECLINED:
      return state.has_transfer() && event.transfer_declined().transfer() == state.transfer().event_id() ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_REOPENED:
      return event.logged_at_us() <= state.reopen_until_us() ? Void::kNone : Void::kClock;
    case v1::EVENT_TYPE_PLAN_REVISED:
      return state.casework() ? Void::kNone : Void::kBarred;  // what is no casework has no plan
    case v1::EVENT_TYPE_OBLIGATION_PROPOSED:
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return CheckPlan(state, event);
    case v1::EVENT_TYPE_FORGOTTEN:
      if (event.forgotten().reason() == v1::FORGET_REASON_UNSPECIFIED) return Void::kPayload;
      // It names what goes: a key that came since is not left behind.
      return std::ranges::equal(event.forgotten().key_ids(), KeysOf(state)) ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_KEYS_DESTROYED: {
      const std::string& forgotten = event.keys_destroyed().forgotten();
      return !forgotten.empty() && forgotten == state.forgotten_event_id() ? Void::kNone : Void::kObject;
    }
    default:
      if (Void wrong = CheckElsewhere(state, event); wrong != Void::kNone) return wrong;
      return CheckMerging(state, event);
  }
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
      if (HasOpenObligation(state)) return Void::kBarred;
      // Nobody else would look at how a crisis ended.
      return state.urgency() == v1::URGENCY_CRISIS ? Void::kBarred : Void::kNone;
    case v1::EVENT_TYPE_SERVICE_RECORDED:
      return event.service_recorded().workers().empty() ? Void::kPayload : Void::kNone;
    case v1::EVENT_TYPE_CLOSING_REQUESTED: {
      v1::ClosingReason reason = event.closing_requested().closing().reason();
      if (reason == v1::CLOSING_REASON_UNSPECIFIED || reason == v1::CLOSING_REASON_ANSWERED || reason == v1::CLOSING_REASON_REFERRED_OUT) return Void::kPayload;
      if (reason == v1::CLOSING_REASON_GOALS_MET && state.services() == 0) return Void::kLifeCycle;
      return HasOpenObligation(state) ? Void::kBarred : Void::kNone;
    }
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      if (event.closing_verified().closing() != state.closing_event_id()) return Void::kObject;
      return HasExecuted(state, event.actor()) ? Void::kVerifier : Void::kNone;
    case v1::EVENT_TYPE_ESCALATED: {
      const auto& payload = event.escalated();
      if (payload.kind() == v1::CLOCK_KIND_UNSPECIFIED) return Void::kNone;
      // A passed offer expires, a passed pause ends and a passed referral comes back; they never escalate.
      if (payload.kind() == v1::CLOCK_KIND_OFFER || IsPause(payload.kind())) return Void::kClock;
      const RunningClock* clock = FindClock(state, payload.kind(), payload.object(), payload.chased());
      return clock != nullptr && event.logged_at_us() >= clock->start().due_us() ? Void::kNone : Void::kClock;
    }
    case v1::EVENT_TYPE_WITHDRAWN:
      return CheckWithdrawn(state, event);
    default:
      return CheckBranch(state, event);
  }
}

v1::Stage NextStage(const NeedState& state, const Event& event, const Cell& cell) {
  if (IsReroute(event)) return v1::STAGE_SUBMITTED;
  if (RaisesAlarm(event) && state.stage() == v1::STAGE_ON_HOLD) return state.stage_before_hold();
  if (cell.next == Cell::Next::kSame) {
    // Nobody is assigned any more.
    const auto& handed_over = event.handed_over();
    const bool nobody = event.has_handed_over() && handed_over.successor().empty() && handed_over.worker() == state.worker();
    return nobody && state.stage() == v1::STAGE_ASSIGNED ? v1::STAGE_ACCEPTED : state.stage();
  }
  if (cell.next == Cell::Next::kBefore) {
    if (event.type() == v1::EVENT_TYPE_RESUMED) return state.stage_before_hold();
    if (event.type() == v1::EVENT_TYPE_UNMERGED) return state.stage_before_merge();
    return event.closing_verified().approved() ? cell.to : state.stage_before_closing();
  }
  if (event.type() == v1::EVENT_TYPE_HOLD_DECIDED && !event.hold_decided().approved()) return state.stage();
  if (event.withdrawn().left()) return state.stage();  // others have reported it too
  // Who accepts directly is assigned thereby.
  if (event.type() == v1::EVENT_TYPE_OFFER_ACCEPTED && cell.to == v1::STAGE_ACCEPTED && !event.offer_accepted().worker().empty()) return v1::STAGE_ASSIGNED;
  // What does not become casework goes straight to service.
  if (event.type() == v1::EVENT_TYPE_ASSESSED && cell.to == v1::STAGE_ASSESSED && !event.assessed().casework()) return v1::STAGE_PLANNED;
  return cell.to;
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

void ClearWorkers(NeedState& state) {
  state.clear_worker();
  state.clear_co_workers();
  state.clear_supports();
}

// The centre's again, with nobody at work.
void TakeBack(NeedState& state) {
  ClearPlace(state);
  ClearWorkers(state);
  state.clear_closing_event_id();
  state.clear_verified_by_center();
  state.clear_closing_reason();
  state.clear_closing_offset();
  state.set_owner(state.center());
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

void ApplyAmended(NeedState& state, const Event& event) {
  const auto& payload = event.amended();
  const auto& report = payload.report();
  for (const std::string& field : payload.fields()) {
    if (field == "categories") *state.mutable_categories() = report.categories();
    if (field == "dangers") *state.mutable_dangers() = report.dangers();
    if (field == "type") state.set_type(report.type());
    if (field == "reported_urgency") state.set_reported_urgency(report.reported_urgency());
    if (field != "location") continue;
    state.set_grid_code(report.location().grid_code());
    state.set_institution(report.location().institution());
    state.set_community(payload.community());
    state.set_address_only(report.location().grid_code().empty() && report.location().institution().empty());
  }
  state.set_urgency(payload.urgency());
  state.set_restricted(payload.restricted());
  state.set_withdrawal_barred(payload.withdrawal_barred());
  if (!payload.alerts().empty()) *state.mutable_alerts() = payload.alerts();
  if (!payload.reroute()) return;
  TakeBack(state);
  ClearHeld(state);
  state.clear_excluded_units();  // they were asked about another place
}

template <class Payload>
void KeepRequest(store::v1::OpenRequest* request, const Event& event, const Payload& payload) {
  request->set_event_id(event.event_id());
  request->set_worker(event.actor().worker());
  request->set_decided_by_center(payload.decided_by_center());
}

template <class Field>
void Remove(Field* field, const std::string& value) {
  auto kept = std::ranges::remove(*field, value);
  field->erase(kept.begin(), kept.end());
}

void RemoveSupport(NeedState& state, const std::string& worker) {
  auto kept = std::ranges::remove(*state.mutable_supports(), worker, &store::v1::Support::worker);
  state.mutable_supports()->erase(kept.begin(), kept.end());
}

void AddExecutor(NeedState& state, const std::string& worker, const std::string& organisation) {
  InsertSorted(state.mutable_executors(), worker);
  InsertSorted(state.mutable_executor_organisations(), organisation);
}

// In each part that the one who leaves had; a successor who had another one keeps that too.
void ApplyHandedOver(NeedState& state, const Event& event) {
  const auto& payload = event.handed_over();
  const std::string& successor = payload.successor();
  const bool worked = payload.worker() == state.worker() || Contains(state.co_workers(), payload.worker());
  if (worked && !successor.empty()) AddExecutor(state, successor, payload.organisation());
  if (payload.worker() == state.worker()) {
    state.set_worker(successor);
    Remove(state.mutable_co_workers(), successor);
    // What a return or the end of a hold restores is told no worker either.
    if (successor.empty() && state.stage_before_closing() == v1::STAGE_ASSIGNED) state.set_stage_before_closing(v1::STAGE_ACCEPTED);
    if (successor.empty() && state.stage_before_hold() == v1::STAGE_ASSIGNED) state.set_stage_before_hold(v1::STAGE_ACCEPTED);
  }
  if (Contains(state.co_workers(), payload.worker())) {
    Remove(state.mutable_co_workers(), payload.worker());
    RemoveSupport(state, payload.worker());
    if (!successor.empty() && successor != state.worker() && !Contains(state.co_workers(), successor)) state.add_co_workers(successor);
  }
  if (payload.worker() == state.offer().worker()) {
    state.mutable_offer()->set_worker(successor);
    if (successor.empty()) state.mutable_offer()->set_direct_accept(false);
  }
  for (auto& alert : *state.mutable_alerts()) {
    if (alert.worker() == payload.worker()) alert.set_worker(successor);
  }
  auto rings = std::ranges::remove_if(*state.mutable_alerts(), [](const auto& alert) { return alert.unit().empty() && alert.worker().empty(); });
  state.mutable_alerts()->erase(rings.begin(), rings.end());
}

// Where outside the unit somebody works on it.
void ApplyElsewhere(NeedState& state, const Event& event, uint64_t offset) {
  switch (event.type()) {
    case v1::EVENT_TYPE_REFERRED_OUT:
      TakeBack(state);
      ClearHeld(state);
      state.mutable_referral()->set_event_id(event.event_id());
      state.mutable_referral()->set_to(event.referred_out().to());
      break;
    case v1::EVENT_TYPE_REFERRAL_RECEIVED:
      state.set_closing_reason(v1::CLOSING_REASON_REFERRED_OUT);
      state.set_closing_offset(offset);
      break;
    case v1::EVENT_TYPE_REFERRAL_RETURNED:
      state.set_held_reason(v1::HELD_REASON_REFERRAL_RETURNED);
      state.set_held_event_id(event.event_id());
      *state.mutable_alerts() = event.referral_returned().alerts();
      break;
    case v1::EVENT_TYPE_CLOSED:
      state.set_closing_reason(event.closed().closing().reason());
      state.set_closing_offset(offset);
      state.set_reopen_until_us(event.closed().reopen_until_us());
      break;
    case v1::EVENT_TYPE_SUPPORT_ADDED: {
      const auto& payload = event.support_added();
      auto& support = *state.add_supports();
      support.set_unit(payload.unit());
      support.set_station(payload.station());
      support.set_worker(payload.worker());
      if (!Contains(state.co_workers(), payload.worker())) state.add_co_workers(payload.worker());
      AddExecutor(state, payload.worker(), payload.organisation());
      break;
    }
    case v1::EVENT_TYPE_SUPPORT_ENDED:
      RemoveSupport(state, event.support_ended().worker());
      Remove(state.mutable_co_workers(), event.support_ended().worker());
      break;
    case v1::EVENT_TYPE_HANDED_OVER:
      ApplyHandedOver(state, event);
      break;
    default:
      break;
  }
}

// What was found wrong, too thin or too early; clocks.cc forgets a request with its clock.
void ApplyBranch(NeedState& state, const Event& event, v1::Stage before, uint64_t offset) {
  switch (event.type()) {
    case v1::EVENT_TYPE_INFORMATION_REQUESTED:
      state.set_information_event_id(event.event_id());
      state.set_information_offset(offset);
      state.set_information_requests(state.information_requests() + 1);
      break;
    case v1::EVENT_TYPE_AMENDED:
      ApplyAmended(state, event);
      HurryPlan(state, event, offset);
      break;
    case v1::EVENT_TYPE_EXTENSION_REQUESTED:
      KeepRequest(state.mutable_extension(), event, event.extension_requested());
      state.mutable_extension()->set_kind(event.extension_requested().kind());
      state.mutable_extension()->set_object(event.extension_requested().object());
      state.mutable_extension()->set_due_us(event.extension_requested().due_us());
      break;
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      KeepRequest(state.mutable_hold(), event, event.hold_requested());
      state.mutable_hold()->set_due_us(event.hold_requested().end_us());
      break;
    case v1::EVENT_TYPE_HOLD_DECIDED:
      if (event.hold_decided().approved()) state.set_stage_before_hold(before);
      break;
    case v1::EVENT_TYPE_RESUMED:
      if (event.resumed().kind() == v1::CLOCK_KIND_HOLD) state.clear_hold();
      break;
    case v1::EVENT_TYPE_TRANSFER_PROPOSED:
      state.mutable_transfer()->set_event_id(event.event_id());
      state.mutable_transfer()->set_unit(event.transfer_proposed().unit());
      state.mutable_transfer()->set_station(event.transfer_proposed().station());
      break;
    case v1::EVENT_TYPE_TRANSFERRED:
      state.set_owner(state.transfer().unit());
      state.set_unit(state.transfer().unit());
      state.set_station(state.transfer().station());
      ClearWorkers(state);
      *state.mutable_alerts() = event.transferred().alerts();
      break;
    case v1::EVENT_TYPE_REOPENED:
      // Whose it was has it, and begins again; who did the former work never verifies it.
      state.set_owner(state.unit());
      ClearWorkers(state);
      state.clear_casework();
      state.clear_grade();
      state.clear_services();
      state.clear_planned_services();
      state.clear_follow_ups();
      state.clear_closing_reason();
      state.clear_closing_offset();
      state.clear_ended_us();
      state.clear_reopen_until_us();
      state.set_reopenings(state.reopenings() + 1);
      break;
    case v1::EVENT_TYPE_AFTER_VISIT_RECORDED:
      state.set_after_visits(state.after_visits() + 1);
      break;
    case v1::EVENT_TYPE_ASSESSMENT_REVISED:
      if (!event.assessment_revised().type().empty()) state.set_type(event.assessment_revised().type());
      break;
    case v1::EVENT_TYPE_PLAN_REVISED:
      state.set_planned_services(event.plan_revised().planned_services());
      break;
    case v1::EVENT_TYPE_OBLIGATION_PROPOSED:
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      ApplyPlan(state, event, offset);
      state.set_plan_offset(offset);
      break;
    case v1::EVENT_TYPE_SUPERVISION_NOTE_ADDED:
      state.set_supervision_notes(state.supervision_notes() + 1);
      break;
    case v1::EVENT_TYPE_FORGOTTEN:
      state.set_forgotten_us(event.logged_at_us());
      state.set_forgotten_event_id(event.event_id());
      state.set_reporter_ref(std::string(kReporterRefBytes, '\0'));  // nobody lists it by its reporters any more
      state.clear_other_reporters();
      state.clear_reopen_until_us();
      break;
    case v1::EVENT_TYPE_KEYS_DESTROYED:
      state.clear_forgotten_event_id();
      break;
    default:
      ApplyElsewhere(state, event, offset);
      ApplyMerging(state, event, before);
      break;
  }
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
      // Who helps from elsewhere stays, but is not both.
      RemoveSupport(state, payload.worker());
      for (const auto& support : state.supports()) {
        if (!Contains(state.co_workers(), support.worker())) state.add_co_workers(support.worker());
      }
      InsertSorted(state.mutable_executors(), payload.worker());
      for (const auto& worker : payload.co_workers()) InsertSorted(state.mutable_executors(), worker);
      for (const auto& organisation : payload.organisations()) InsertSorted(state.mutable_executor_organisations(), organisation);
      break;
    }
    case v1::EVENT_TYPE_ANSWERED:
      state.set_closing_reason(v1::CLOSING_REASON_ANSWERED);
      state.set_closing_offset(offset);
      state.set_reopen_until_us(event.answered().reopen_until_us());
      break;
    case v1::EVENT_TYPE_ASSESSED:
      state.set_casework(event.assessed().casework());
      if (!event.assessed().type().empty()) state.set_type(event.assessed().type());
      break;
    case v1::EVENT_TYPE_GRADED:
      state.set_grade(event.graded().grade());
      break;
    case v1::EVENT_TYPE_PLANNED:
      state.set_planned_services(event.planned().planned_services());
      break;
    case v1::EVENT_TYPE_FOLLOW_UP_RECORDED:
      state.set_follow_ups(state.follow_ups() + 1);
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
      if (event.closing_verified().approved()) {
        state.set_reopen_until_us(event.closing_verified().reopen_until_us());
      } else {
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
    case v1::EVENT_TYPE_WITHDRAWN:
      ApplyWithdrawn(state, event);
      break;
    case v1::EVENT_TYPE_RECALLED:
      TakeBack(state);
      if (IsReroute(event)) break;
      state.set_held_reason(v1::HELD_REASON_RECALLED);
      state.set_held_event_id(event.event_id());
      break;
    default:
      ApplyBranch(state, event, before, offset);
      break;
  }
  if (Ended(state) && state.ended_us() == 0) {
    state.clear_owner();
    state.clear_offer();
    state.clear_alerts();
    ClearHeld(state);
    EndPlan(state, offset);
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
  // The first seven stay; the eighth place is the latest one's. Of the others, whose bodies nobody reads, the keys are kept, so that
  // forgetting finds them.
  auto* conflicts = state.mutable_conflicts();
  if (conflicts->size() == kConflictsKept && state.set_aside_key_ids_size() < kSetAsideKept) {
    state.add_set_aside_key_ids(conflicts->Get(kConflictsKept - 1).key_id());
  }
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
  if (!IsNeed(event.subject())) return CheckRecord(state, event);
  const Cell& cell = rules.At(state.stage(), event.type());
  if (cell.next == Cell::Next::kIllegal) return Void::kLifeCycle;
  if (state.forgotten_us() != 0 && BarredWhenForgotten(event)) return Void::kBarred;
  if (Void wrong = CheckObject(state, event); wrong != Void::kNone) return wrong;
  *stage_after = NextStage(state, event, cell);
  if (event.type() == v1::EVENT_TYPE_SUBMITTED && event.submitted().center().empty()) return Void::kInvariant;
  // What is to go on for another one cannot end before that is settled.
  if (IsEnd(*stage_after)) return state.has_merging() ? Void::kBarred : Void::kNone;
  if (!StartsRightClocks(state, event)) return Void::kPayload;
  // A returned closing goes back to a stage whose clock has stopped: a chase that still runs does not stand in for it.
  if (event.type() == v1::EVENT_TYPE_CLOSING_VERIFIED && event.clocks().empty()) return Void::kInvariant;
  *stopped = StoppedBy(state, event);
  if (Void wrong = CheckClockChanges(state, event, *stopped); wrong != Void::kNone) return wrong;
  return state.clocks_size() + event.clocks_size() > static_cast<int>(stopped->size()) ? Void::kNone : Void::kInvariant;
}

}  // namespace

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
  if (IsNeed(event.subject())) {
    const std::string led_by = state.owner();
    state.set_stage(stage_after);
    Apply(state, event, before, at.offset);
    if (state.owner() != led_by && !state.obligations().empty()) state.set_plan_offset(at.offset);
    ApplyClocks(state, event, stopped);
  } else {
    ApplyRecord(state, event);
  }
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
  for (const std::string& box : rows::PartyBoxesOf(state)) InsertSorted(state.mutable_boxes_seen(), box);
  return Void::kNone;
}

bool HasExecuted(const NeedState& state, const v1::Actor& actor) {
  return Contains(state.executors(), actor.worker()) || Contains(state.executor_organisations(), actor.organisation());
}

Want Wants(const NeedState& state) {
  if (state.has_merging()) return Want::kMerge;
  if (state.stage() == v1::STAGE_SUBMITTED) return Want::kRoute;
  if (state.stage() == v1::STAGE_DISPATCHED) return Want::kOffer;
  if (!state.forgotten_event_id().empty()) return Want::kForget;
  return Want::kNone;
}

}  // namespace gridloop
