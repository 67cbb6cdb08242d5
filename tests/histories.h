// Makes legal events for tests, one function an event; what they lack the ledger or the test fills.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "domain/clock_changes.h"
#include "domain/clocks.h"
#include "domain/forgetting.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop::histories {

inline constexpr int64_t kNoonUs = 1'772'424'000'000'000;  // 2026-03-02T12:00+08:00
inline constexpr int64_t kHourUs = 3'600'000'000;

inline constexpr int64_t kLateUs = kNoonUs + 1000 * kHourUs;  // after every clock here
inline constexpr int64_t kHoldEndUs = kNoonUs + 2000 * kHourUs;

inline void StartClock(Event* event, v1::ClockKind kind, int64_t due_us, v1::ClockKind chased = v1::CLOCK_KIND_UNSPECIFIED) {
  auto* clock = event->add_clocks();
  clock->set_kind(kind);
  clock->set_due_us(due_us);
  clock->set_chased(chased);
  clock->set_rule("test");
}

inline Event Submitted(const std::string& request_id, v1::Urgency urgency = v1::URGENCY_ROUTINE) {
  Event event;
  event.set_type(v1::EVENT_TYPE_SUBMITTED);
  event.set_subject(NeedSubject("app", request_id));
  event.set_event_id(EventIdFor(event.subject(), "app", request_id, "submit"));
  event.set_body_mac(Sha256(request_id).substr(0, 16));
  event.set_client("app");
  event.mutable_submitted()->set_center("center");
  event.mutable_submitted()->set_urgency(urgency);
  event.mutable_submitted()->set_number("260302-AAAAA-A");
  event.mutable_submitted()->mutable_report()->mutable_location()->set_grid_code("320585100001001");
  StartClock(&event, v1::CLOCK_KIND_ROUTING, kNoonUs + kHourUs);
  return event;
}

inline Event Dispatched(const NeedState& head, bool binding = false) {
  Event event;
  event.set_type(v1::EVENT_TYPE_DISPATCHED);
  event.mutable_dispatched()->set_unit("r-1");
  event.mutable_dispatched()->set_station("s01");
  event.mutable_dispatched()->set_binding(binding);
  event.mutable_dispatched()->set_held(head.held_event_id());
  StartClock(&event, v1::CLOCK_KIND_ROUTING, kNoonUs + kHourUs);
  if (!head.promised()) {
    StartClock(&event, v1::CLOCK_KIND_ACCEPTANCE, kNoonUs + 8 * kHourUs);
    StartClock(&event, v1::CLOCK_KIND_ASSESSMENT, kNoonUs + 24 * kHourUs);
  }
  return event;
}

inline Event Held() {
  Event event;
  event.set_type(v1::EVENT_TYPE_HELD);
  event.mutable_held()->set_reason(v1::HELD_REASON_NO_CANDIDATE);
  StartClock(&event, v1::CLOCK_KIND_CENTER, kNoonUs + kHourUs);
  return event;
}

inline Event Offered(const NeedState& head) {
  Event event;
  event.set_type(v1::EVENT_TYPE_OFFERED);
  event.mutable_offered()->set_unit(head.unit());
  event.mutable_offered()->set_station(head.station());
  event.mutable_offered()->set_binding(head.binding());
  event.mutable_offered()->set_worker("w-1");
  StartClock(&event, v1::CLOCK_KIND_OFFER, kNoonUs + 2 * kHourUs);
  return event;
}

// The first step clock that runs, or null.
inline const store::v1::RunningClock* StepClock(const NeedState& head) {
  for (const auto& clock : head.clocks()) {
    if (IsStepClock(clock.start().kind()) && clock.paused_us() == 0) return &clock;
  }
  return nullptr;
}

// Every type of event that there is; numbers are left out between them.
inline const std::vector<v1::EventType>& AllTypes() {
  static const std::vector<v1::EventType> all = [] {
    std::vector<v1::EventType> types;
    for (int number = 1; number < kEventTypeCount; ++number) {
      if (v1::EventType_IsValid(number)) types.push_back(static_cast<v1::EventType>(number));
    }
    return types;
  }();
  return all;
}

// Those that only subjects other than needs take.
inline bool IsOfARecord(v1::EventType type) {
  return type == v1::EVENT_TYPE_HAND_OVER_STARTED || type == v1::EVENT_TYPE_HAND_OVER_ADVANCED || type == v1::EVENT_TYPE_FIGURES_FROZEN ||
         type == v1::EVENT_TYPE_ACCESSED;
}

// The first obligation with this status, or null.
inline const store::v1::Obligation* ObligationWith(const NeedState& head, v1::ObligationStatus status) {
  auto found = std::ranges::find(head.obligations(), status, &store::v1::Obligation::status);
  return found == head.obligations().end() ? nullptr : &*found;
}

// A step of the joint plan: of its first obligation for which it may be. May be illegal on this head.
inline Event OfPlan(const NeedState& head, v1::EventType type) {
  Event event;
  event.set_type(type);
  event.mutable_actor()->set_role(v1::ROLE_DEPARTMENT);
  event.mutable_actor()->set_unit("education");
  const auto* proposed = ObligationWith(head, v1::OBLIGATION_STATUS_PROPOSED);
  const auto* accepted = ObligationWith(head, v1::OBLIGATION_STATUS_ACCEPTED);
  switch (type) {
    case v1::EVENT_TYPE_OBLIGATION_PROPOSED: {
      auto& payload = *event.mutable_obligation_proposed();
      payload.set_kind(v1::PARTY_KIND_DEPARTMENT);
      payload.set_party("education");
      payload.add_fields("type");
      payload.set_due_us(kNoonUs + 48 * kHourUs);
      StartClock(&event, v1::CLOCK_KIND_OBLIGATION, kNoonUs + 3 * kHourUs);
      break;
    }
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
      event.mutable_obligation_accepted();
      if (proposed == nullptr) break;
      event.mutable_obligation_accepted()->set_obligation(proposed->event_id());
      StartClock(&event, v1::CLOCK_KIND_OBLIGATION, proposed->due_us());
      break;
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
      event.mutable_obligation_declined();
      if (proposed != nullptr) event.mutable_obligation_declined()->set_obligation(proposed->event_id());
      StartClock(&event, v1::CLOCK_KIND_OBLIGATION, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
      event.mutable_obligation_progressed();
      if (accepted != nullptr) event.mutable_obligation_progressed()->set_obligation(accepted->event_id());
      break;
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
      event.mutable_obligation_fulfilled();
      if (accepted != nullptr) event.mutable_obligation_fulfilled()->set_obligation(accepted->event_id());
      break;
    default: {
      event.mutable_obligation_waived();
      auto open = std::ranges::find_if(head.obligations(), IsOpen);
      if (open != head.obligations().end()) event.mutable_obligation_waived()->set_obligation(open->event_id());
      break;
    }
  }
  return event;
}

// What the need is by now, as another report or another need leaves it.
inline v1::Judgement Judged(const NeedState& head) {
  v1::Judgement judgement;
  judgement.set_urgency(head.urgency());
  judgement.set_restricted(head.restricted());
  judgement.set_withdrawal_barred(head.withdrawal_barred());
  *judgement.mutable_dangers() = head.dangers();
  return judgement;
}

inline const std::string kOtherNeed = NeedSubject("app", "another");

// A step of a merge, a join or a link, which may be illegal on this head. What the other need decides is told by the ids of this one's events.
inline Event Duplicate(const NeedState& head, v1::EventType type) {
  Event event;
  event.set_type(type);
  const std::string decided = Sha256("decision " + std::to_string(head.version())).substr(0, 16);
  switch (type) {
    case v1::EVENT_TYPE_ABSORBING:
      event.mutable_absorbing()->set_need(NeedSubject("app", "another " + std::to_string(head.version())));
      break;
    case v1::EVENT_TYPE_MERGED:
      event.mutable_merged()->set_survivor(kOtherNeed);
      event.mutable_merged()->set_absorbing(decided);
      event.mutable_merged()->set_unmerge_until_us(kHoldEndUs);
      break;
    case v1::EVENT_TYPE_MERGE_REFUSED:
      event.mutable_merge_refused()->set_survivor(kOtherNeed);
      event.mutable_merge_refused()->set_absorbing(decided);
      event.mutable_merge_refused()->set_refusal(v1::MERGE_REFUSAL_ENDED);
      break;
    case v1::EVENT_TYPE_MERGE_CONFIRMED: {
      auto& confirmed = *event.mutable_merge_confirmed();
      confirmed.set_need(head.merging().need());
      confirmed.set_absorbing(head.merging().event_id());
      confirmed.set_unmerge_until_us(kHoldEndUs);
      *confirmed.mutable_judgement() = Judged(head);
      confirmed.add_reporters()->set_client("other-app");
      confirmed.mutable_reporters(0)->set_reporter_ref("reporter-of-it-1");
      break;
    }
    case v1::EVENT_TYPE_MERGE_CANCELLED:
      event.mutable_merge_cancelled()->set_need(head.merging().need());
      event.mutable_merge_cancelled()->set_absorbing(head.merging().event_id());
      break;
    case v1::EVENT_TYPE_JOINED:
      event.set_client("app");
      event.mutable_joined()->set_reporter_ref("reporter-joined-");
      *event.mutable_joined()->mutable_judgement() = Judged(head);
      break;
    case v1::EVENT_TYPE_UNMERGED:
      event.mutable_unmerged()->set_survivor(head.survivor());
      event.mutable_unmerged()->set_release(decided);
      StartClock(&event, StageClock(head.stage_before_merge()), kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_RELEASING:
      event.mutable_releasing()->set_need(head.absorbed().empty() ? kOtherNeed : head.absorbed(0).need());
      break;
    case v1::EVENT_TYPE_RELEASED:
      event.mutable_released()->set_need(head.merging().need());
      event.mutable_released()->set_release(head.merging().event_id());
      break;
    case v1::EVENT_TYPE_LINKED:
      event.mutable_linked()->set_need(kOtherNeed);
      event.mutable_linked()->set_kind(v1::LINK_KIND_HOUSEHOLD);
      event.mutable_linked()->set_removed(!head.links().empty());
      break;
    default:
      break;
  }
  return event;
}

// A step beside the road, which may be illegal on this head.
inline Event Branch(const NeedState& head, v1::EventType type) {
  Event event;
  event.set_type(type);
  switch (type) {
    case v1::EVENT_TYPE_INFORMATION_REQUESTED:
      event.mutable_information_requested();
      StartClock(&event, v1::CLOCK_KIND_INFORMATION, kNoonUs + 3 * kHourUs);
      AddPauses(head, kNoonUs, &event);
      break;
    case v1::EVENT_TYPE_INFORMATION_PROVIDED:
      event.mutable_information_provided()->set_request(head.information_event_id());
      break;
    case v1::EVENT_TYPE_RESUMED: {
      const bool on_hold = head.stage() == v1::STAGE_ON_HOLD;
      event.mutable_resumed()->set_kind(on_hold ? v1::CLOCK_KIND_HOLD : v1::CLOCK_KIND_INFORMATION);
      event.mutable_resumed()->set_pause(on_hold ? head.hold().event_id() : head.information_event_id());
      if (!on_hold) event.mutable_actor()->set_role(v1::ROLE_SYSTEM);
      break;
    }
    case v1::EVENT_TYPE_AMENDED:
      event.mutable_amended()->add_fields("type");
      event.mutable_amended()->mutable_report()->set_type("care");
      event.mutable_amended()->set_urgency(head.urgency());
      event.mutable_amended()->set_restricted(head.restricted());
      event.mutable_amended()->set_withdrawal_barred(head.withdrawal_barred());
      break;
    case v1::EVENT_TYPE_EXTENSION_REQUESTED: {
      auto& asked = *event.mutable_extension_requested();
      asked.set_kind(v1::CLOCK_KIND_SERVICE);
      if (const auto* clock = StepClock(head); clock != nullptr) {
        asked.set_kind(clock->start().kind());
        asked.set_object(clock->object());
        asked.set_due_us(clock->start().due_us() + kHourUs);
      }
      StartClock(&event, v1::CLOCK_KIND_EXTENSION, kNoonUs + 3 * kHourUs);
      break;
    }
    case v1::EVENT_TYPE_EXTENSION_DECIDED: {
      event.mutable_extension_decided()->set_request(head.extension().event_id());
      event.mutable_extension_decided()->set_approved(true);
      auto& change = *event.add_clock_changes();
      change.set_kind(head.extension().kind());
      change.set_object(head.extension().object());
      change.set_due_us(head.extension().due_us());
      break;
    }
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      event.mutable_hold_requested()->set_end_us(kHoldEndUs);
      StartClock(&event, v1::CLOCK_KIND_HOLD_REQUEST, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_HOLD_DECIDED:
      event.mutable_hold_decided()->set_request(head.hold().event_id());
      event.mutable_hold_decided()->set_approved(true);
      StartClock(&event, v1::CLOCK_KIND_HOLD, head.hold().due_us());
      AddPauses(head, kNoonUs, &event);
      break;
    case v1::EVENT_TYPE_TRANSFER_PROPOSED:
      event.mutable_transfer_proposed()->set_unit(head.unit() == "r-2" ? "r-1" : "r-2");
      event.mutable_transfer_proposed()->set_station("s02");
      StartClock(&event, v1::CLOCK_KIND_TRANSFER, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_TRANSFERRED:
      event.mutable_transferred()->set_transfer(head.transfer().event_id());
      StartClock(&event, v1::CLOCK_KIND_ASSIGNMENT, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_TRANSFER_DECLINED:
      event.mutable_transfer_declined()->set_transfer(head.transfer().event_id());
      break;
    case v1::EVENT_TYPE_REOPENED:
      event.mutable_reopened();
      StartClock(&event, v1::CLOCK_KIND_ASSIGNMENT, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_AFTER_VISIT_RECORDED:
      event.mutable_after_visit_recorded();
      break;
    case v1::EVENT_TYPE_ASSESSMENT_REVISED:
      event.mutable_assessment_revised();
      break;
    case v1::EVENT_TYPE_PLAN_REVISED:
      event.mutable_plan_revised();
      break;
    case v1::EVENT_TYPE_REFERRED_OUT:
      event.mutable_referred_out()->set_to("12345");
      StartClock(&event, v1::CLOCK_KIND_REFERRAL, kNoonUs + 3 * kHourUs);
      AddPauses(head, kNoonUs, &event);
      break;
    case v1::EVENT_TYPE_REFERRAL_RECEIVED:
      event.mutable_referral_received()->set_referral(head.referral().event_id());
      event.mutable_referral_received()->set_receipt("R-1");
      break;
    case v1::EVENT_TYPE_REFERRAL_RETURNED:
      event.mutable_referral_returned()->set_referral(head.referral().event_id());
      StartClock(&event, v1::CLOCK_KIND_CENTER, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_CLOSED:
      event.mutable_closed()->mutable_closing()->set_reason(head.services() > 0 ? v1::CLOSING_REASON_GOALS_MET : v1::CLOSING_REASON_MOVED);
      event.mutable_closed()->set_reopen_until_us(kHoldEndUs);
      break;
    case v1::EVENT_TYPE_SUPPORT_ADDED:
      event.mutable_support_added()->set_unit("r-9");
      event.mutable_support_added()->set_station("s09");
      event.mutable_support_added()->set_worker("w-9");
      event.mutable_support_added()->set_organisation("org-9");
      break;
    case v1::EVENT_TYPE_SUPPORT_ENDED:
      event.mutable_support_ended()->set_unit("r-9");
      event.mutable_support_ended()->set_worker("w-9");
      break;
    case v1::EVENT_TYPE_HANDED_OVER:
      event.mutable_actor()->set_role(v1::ROLE_SYSTEM);
      event.mutable_handed_over()->set_hand_over("handovers/1");
      event.mutable_handed_over()->set_worker("w-1");
      event.mutable_handed_over()->set_successor("w-2");
      event.mutable_handed_over()->set_organisation("org-2");
      break;
    case v1::EVENT_TYPE_HAND_OVER_STARTED:
      event.mutable_hand_over_started()->add_workers("w-1");
      break;
    case v1::EVENT_TYPE_HAND_OVER_ADVANCED:
      event.mutable_hand_over_advanced()->set_worker("w-1");
      break;
    case v1::EVENT_TYPE_OBLIGATION_PROPOSED:
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return OfPlan(head, type);
    case v1::EVENT_TYPE_FIGURES_FROZEN:
      event.mutable_figures_frozen()->set_number(static_cast<int32_t>(head.version()) + 1);
      event.mutable_figures_frozen()->set_position("0-7");
      break;
    case v1::EVENT_TYPE_SUPERVISION_NOTE_ADDED:
      event.mutable_supervision_note_added();
      break;
    case v1::EVENT_TYPE_FORGOTTEN:
      event.mutable_forgotten()->set_reason(v1::FORGET_REASON_RETENTION_OVER);
      for (const auto& key : KeysOf(head)) event.mutable_forgotten()->add_key_ids(key);
      break;
    case v1::EVENT_TYPE_KEYS_DESTROYED:
      event.mutable_keys_destroyed()->set_forgotten(head.forgotten_event_id());
      break;
    case v1::EVENT_TYPE_ACCESSED:
      event.mutable_accessed()->set_need("needs/aaaaaaaaaaaaaaaaaaaaaaaaaa");
      event.mutable_accessed()->set_purpose(v1::ACCESS_PURPOSE_SERVICE);
      event.mutable_accessed()->add_parts("report");
      break;
    default:
      event = Duplicate(head, type);
      break;
  }
  return event;
}

// The worker who leaves has no successor: where he was at work the head is to assign somebody.
inline Event LeftToTheHead(const NeedState& head) {
  Event event = Branch(head, v1::EVENT_TYPE_HANDED_OVER);
  event.mutable_handed_over()->clear_successor();
  event.mutable_handed_over()->clear_organisation();
  if (LeavesNobody(head, event)) StartClock(&event, v1::CLOCK_KIND_ASSIGNMENT, kNoonUs + 3 * kHourUs);
  return event;
}

// The report lies in another place than was said.
inline Event Moved(const NeedState& head) {
  Event event = Branch(head, v1::EVENT_TYPE_AMENDED);
  auto& amended = *event.mutable_amended();
  amended.clear_fields();
  amended.add_fields("location");
  amended.mutable_report()->mutable_location()->set_grid_code("320585100002001");
  amended.set_reroute(true);
  StartClock(&event, v1::CLOCK_KIND_ROUTING, kNoonUs + 3 * kHourUs);
  AddResumptions(head, nullptr, kLateUs, &event);
  return event;
}

// Does the head have what this event is about: the request that it decides on, and none of which there may be only one?
inline bool HasItsObject(const NeedState& head, v1::EventType type) {
  switch (type) {
    case v1::EVENT_TYPE_INFORMATION_REQUESTED:
      return head.information_event_id().empty();
    case v1::EVENT_TYPE_INFORMATION_PROVIDED:
      return !head.information_event_id().empty();
    case v1::EVENT_TYPE_RESUMED:
      return !head.information_event_id().empty() || head.stage() == v1::STAGE_ON_HOLD;
    case v1::EVENT_TYPE_EXTENSION_REQUESTED:
      return !head.has_extension() && StepClock(head) != nullptr;
    case v1::EVENT_TYPE_EXTENSION_DECIDED: {
      const auto& asked = head.extension();
      const auto* clock = FindClock(head, asked.kind(), asked.object(), v1::CLOCK_KIND_UNSPECIFIED);
      return clock != nullptr && clock->start().due_us() < asked.due_us();  // a pause may have put it off further
    }
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      return !head.has_hold();
    case v1::EVENT_TYPE_HOLD_DECIDED:
      return head.has_hold() && head.information_event_id().empty();
    case v1::EVENT_TYPE_TRANSFER_PROPOSED:
      return !head.has_transfer();
    case v1::EVENT_TYPE_TRANSFERRED:
    case v1::EVENT_TYPE_TRANSFER_DECLINED:
      return head.has_transfer();
    case v1::EVENT_TYPE_PLAN_REVISED:
      return head.casework();
    case v1::EVENT_TYPE_REFERRAL_RECEIVED:
      return head.has_referral() && !head.has_merging();
    case v1::EVENT_TYPE_REFERRAL_RETURNED:
      return head.has_referral();
    case v1::EVENT_TYPE_SUPPORT_ADDED:
      return head.worker() != "w-9" && std::ranges::find(head.supports(), "w-9", &store::v1::Support::worker) == head.supports().end();
    case v1::EVENT_TYPE_SUPPORT_ENDED:
      return std::ranges::find(head.supports(), "w-9", &store::v1::Support::worker) != head.supports().end();
    case v1::EVENT_TYPE_HANDED_OVER: {
      auto is_his = [](const auto& each) { return each == "w-1"; };
      return is_his(head.worker()) || is_his(head.offer().worker()) || std::ranges::any_of(head.co_workers(), is_his) ||
             std::ranges::any_of(head.alerts(), [&](const auto& alert) { return is_his(alert.worker()); });
    }
    case v1::EVENT_TYPE_OBLIGATION_PROPOSED:
      return head.obligations_size() < kMostObligations;
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
      return ObligationWith(head, v1::OBLIGATION_STATUS_PROPOSED) != nullptr;
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
      return ObligationWith(head, v1::OBLIGATION_STATUS_ACCEPTED) != nullptr;
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return HasOpenObligation(head);
    case v1::EVENT_TYPE_CLOSING_REQUESTED:
      return !HasOpenObligation(head);  // closing waits for all
    case v1::EVENT_TYPE_ANSWERED:
    case v1::EVENT_TYPE_CLOSED:
      return !HasOpenObligation(head) && !head.has_merging();
    case v1::EVENT_TYPE_KEYS_DESTROYED:
      return !head.forgotten_event_id().empty();
    case v1::EVENT_TYPE_REOPENED:
    case v1::EVENT_TYPE_AFTER_VISIT_RECORDED:
    case v1::EVENT_TYPE_SUPERVISION_NOTE_ADDED:
    case v1::EVENT_TYPE_FORGOTTEN:
      return head.forgotten_us() == 0;
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
    case v1::EVENT_TYPE_WITHDRAWN:
    case v1::EVENT_TYPE_ABSORBING:
    case v1::EVENT_TYPE_MERGED:
      return !head.has_merging();
    case v1::EVENT_TYPE_MERGE_CONFIRMED:
    case v1::EVENT_TYPE_MERGE_CANCELLED:
      return head.has_merging() && !head.merging().releasing();
    case v1::EVENT_TYPE_RELEASING:
      return !head.has_merging() && !head.absorbed().empty();
    case v1::EVENT_TYPE_RELEASED:
      return head.has_merging() && head.merging().releasing();
    default:
      return true;
  }
}

// Any other event with what it needs on this head; `type` may be illegal there.
inline Event Next(const NeedState& head, v1::EventType type) {
  Event event;
  event.set_type(type);
  switch (type) {
    case v1::EVENT_TYPE_SUBMITTED:
      return Submitted("again");
    case v1::EVENT_TYPE_DISPATCHED:
      event = Dispatched(head);
      break;
    case v1::EVENT_TYPE_HELD:
      return Held();
    case v1::EVENT_TYPE_OFFERED:
      return Offered(head);
    case v1::EVENT_TYPE_OFFER_ACCEPTED:
      event.mutable_offer_accepted()->set_offer(head.offer().event_id());
      StartClock(&event, v1::CLOCK_KIND_ASSIGNMENT, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_OFFER_DECLINED:
      event.mutable_offer_declined()->set_offer(head.offer().event_id());
      StartClock(&event, v1::CLOCK_KIND_ROUTING, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_OFFER_EXPIRED:
      event.mutable_offer_expired()->set_offer(head.offer().event_id());
      StartClock(&event, v1::CLOCK_KIND_ROUTING, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_WORKER_ASSIGNED:
      event.mutable_worker_assigned()->set_worker("w-1");
      event.mutable_worker_assigned()->add_organisations("org-1");
      StartClock(&event, v1::CLOCK_KIND_SERVICE, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_ANSWERED:
      event.mutable_answered()->mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
      event.mutable_answered()->set_reopen_until_us(kHoldEndUs);
      break;
    case v1::EVENT_TYPE_EMERGENCY_RECORDED:
      event.mutable_emergency_recorded();
      break;
    case v1::EVENT_TYPE_ASSESSED:
      event.mutable_assessed()->set_casework(true);
      StartClock(&event, v1::CLOCK_KIND_GRADING, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_GRADED:
      event.mutable_graded()->set_grade(v1::GRADE_THREE);
      StartClock(&event, v1::CLOCK_KIND_PLANNING, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_PLANNED:
      event.mutable_planned();
      StartClock(&event, v1::CLOCK_KIND_SERVICE, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_SERVICE_RECORDED:
      event.mutable_service_recorded()->add_workers("w-1");
      event.mutable_service_recorded()->add_organisations("org-1");
      StartClock(&event, v1::CLOCK_KIND_SERVICE, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_FOLLOW_UP_RECORDED:
      event.mutable_follow_up_recorded();
      StartClock(&event, v1::CLOCK_KIND_SERVICE, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_NOTE_ADDED:
      event.mutable_note_added();
      break;
    case v1::EVENT_TYPE_CLOSING_REQUESTED:
      event.mutable_closing_requested()->mutable_closing()->set_reason(head.services() > 0 ? v1::CLOSING_REASON_GOALS_MET : v1::CLOSING_REASON_MOVED);
      StartClock(&event, v1::CLOCK_KIND_VERIFICATION, kNoonUs + 3 * kHourUs);
      break;
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      event.mutable_closing_verified()->set_closing(head.closing_event_id());
      event.mutable_closing_verified()->set_approved(true);
      event.mutable_closing_verified()->set_reopen_until_us(kHoldEndUs);
      break;
    case v1::EVENT_TYPE_ESCALATED:
      event.mutable_escalated()->set_level(1);
      StartClock(&event, v1::CLOCK_KIND_CHASE, kNoonUs + 3 * kHourUs, v1::CLOCK_KIND_SERVICE);
      break;
    case v1::EVENT_TYPE_WITHDRAWN: {
      const auto reporters = ReportersOf(head);
      event.mutable_withdrawn()->set_left(reporters.size() > 1);
      if (!reporters.empty()) {
        event.mutable_withdrawn()->set_client(reporters[0].client());
        event.mutable_withdrawn()->set_reporter_ref(reporters[0].reporter_ref());
      }
      break;
    }
    case v1::EVENT_TYPE_URGED:
      event.mutable_urged();
      break;
    case v1::EVENT_TYPE_RECALLED:
      event.mutable_recalled();
      StartClock(&event, v1::CLOCK_KIND_CENTER, kNoonUs + 3 * kHourUs);
      break;
    default:
      event = Branch(head, type);
      break;
  }
  AddResumptions(head, nullptr, kLateUs, &event);
  return event;
}

// The worker whom the offer names accepts, and is assigned thereby: the promise of an assessment goes on, and only where it
// has run out a clock is started in its place.
inline Event AcceptedDirectly(const NeedState& head) {
  Event event = Next(head, v1::EVENT_TYPE_OFFER_ACCEPTED);
  bool promised = std::ranges::any_of(head.clocks(), [](const auto& clock) { return clock.start().kind() == v1::CLOCK_KIND_ASSESSMENT; });
  if (promised) event.clear_clocks();
  event.mutable_actor()->set_worker("w-1");
  event.mutable_offer_accepted()->set_worker("w-1");
  event.mutable_offer_accepted()->add_organisations("org-1");
  return event;
}

// Seals the envelope as a ledger would and folds it.
inline Void FoldNext(NeedState& state, Event event, uint64_t offset, int64_t logged_at_us = kNoonUs, const LifeCycle& rules = LifeCycle::Standard()) {
  event.set_magic(kEventMagic);
  if (event.subject().empty()) event.set_subject(state.version() == 0 ? NeedSubject("app", "r") : state.subject());
  if (event.event_id().empty()) event.set_event_id(Sha256("event " + std::to_string(offset)).substr(0, 16));
  event.set_version(state.version() + 1);
  event.set_prev_digest(state.head_digest());
  event.set_rules_epoch(kRulesEpoch);
  event.set_logged_at_us(logged_at_us);
  return Fold(state, event, {offset, Sha256(event.SerializeAsString())}, rules);
}

}  // namespace gridloop::histories
