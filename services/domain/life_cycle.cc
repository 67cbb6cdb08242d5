#include "domain/life_cycle.h"

#include <algorithm>
#include <initializer_list>

namespace gridloop {
namespace {

using namespace v1;  // the rows below read as words

constexpr std::initializer_list<Stage> kBeforeAcceptance = {STAGE_SUBMITTED, STAGE_HELD, STAGE_DISPATCHED, STAGE_OFFERED};
constexpr std::initializer_list<Stage> kWorking = {STAGE_ACCEPTED, STAGE_ASSIGNED,   STAGE_ASSESSED, STAGE_GRADED,
                                                   STAGE_PLANNED,  STAGE_IN_SERVICE, STAGE_FOLLOW_UP};
constexpr std::initializer_list<Stage> kHeldOrWorking = {STAGE_HELD,   STAGE_ACCEPTED, STAGE_ASSIGNED,   STAGE_ASSESSED,
                                                         STAGE_GRADED, STAGE_PLANNED,  STAGE_IN_SERVICE, STAGE_FOLLOW_UP};
constexpr std::initializer_list<Stage> kAssessed = {STAGE_ASSESSED, STAGE_GRADED, STAGE_PLANNED, STAGE_IN_SERVICE, STAGE_FOLLOW_UP};
constexpr std::initializer_list<Stage> kOpen = {STAGE_SUBMITTED, STAGE_HELD,      STAGE_DISPATCHED, STAGE_OFFERED,  STAGE_ACCEPTED,
                                                STAGE_ASSIGNED,  STAGE_ASSESSED,  STAGE_GRADED,     STAGE_PLANNED,  STAGE_IN_SERVICE,
                                                STAGE_FOLLOW_UP, STAGE_EVALUATED, STAGE_ON_HOLD,    STAGE_REFERRING};

constexpr std::initializer_list<Stage> kEnded = {STAGE_CLOSED, STAGE_WITHDRAWN, STAGE_REFERRED_OUT, STAGE_MERGED};

LifeCycle MakeStandard() {
  LifeCycle table;
  auto to = [&table](std::initializer_list<Stage> from, EventType type, Stage next) {
    for (Stage stage : from) table.At(stage, type) = {Cell::Next::kTo, next};
  };
  auto same = [&table](std::initializer_list<Stage> from, EventType type) {
    for (Stage stage : from) table.At(stage, type) = {Cell::Next::kSame, STAGE_UNSPECIFIED};
  };
  // The road, in order.
  to({STAGE_UNSPECIFIED}, EVENT_TYPE_SUBMITTED, STAGE_SUBMITTED);
  to({STAGE_SUBMITTED, STAGE_HELD}, EVENT_TYPE_DISPATCHED, STAGE_DISPATCHED);
  to({STAGE_SUBMITTED}, EVENT_TYPE_HELD, STAGE_HELD);
  to({STAGE_DISPATCHED}, EVENT_TYPE_OFFERED, STAGE_OFFERED);
  to({STAGE_OFFERED}, EVENT_TYPE_OFFER_ACCEPTED, STAGE_ACCEPTED);   // fold goes on to ASSIGNED when a worker accepts directly
  to({STAGE_OFFERED}, EVENT_TYPE_OFFER_DECLINED, STAGE_SUBMITTED);  // routed again, without that unit
  to({STAGE_OFFERED}, EVENT_TYPE_OFFER_EXPIRED, STAGE_SUBMITTED);
  to({STAGE_ACCEPTED}, EVENT_TYPE_WORKER_ASSIGNED, STAGE_ASSIGNED);
  same({STAGE_ASSIGNED, STAGE_ASSESSED, STAGE_GRADED, STAGE_PLANNED, STAGE_IN_SERVICE, STAGE_FOLLOW_UP}, EVENT_TYPE_WORKER_ASSIGNED);
  to({STAGE_ACCEPTED, STAGE_ASSIGNED}, EVENT_TYPE_ANSWERED, STAGE_CLOSED);
  to({STAGE_ASSIGNED}, EVENT_TYPE_ASSESSED, STAGE_ASSESSED);  // fold goes on to PLANNED when it is no casework
  to({STAGE_ASSESSED}, EVENT_TYPE_GRADED, STAGE_GRADED);
  to({STAGE_GRADED}, EVENT_TYPE_PLANNED, STAGE_PLANNED);
  to({STAGE_PLANNED, STAGE_IN_SERVICE, STAGE_FOLLOW_UP}, EVENT_TYPE_SERVICE_RECORDED, STAGE_IN_SERVICE);
  to({STAGE_IN_SERVICE, STAGE_FOLLOW_UP}, EVENT_TYPE_FOLLOW_UP_RECORDED, STAGE_FOLLOW_UP);
  to(kWorking, EVENT_TYPE_CLOSING_REQUESTED, STAGE_EVALUATED);
  table.At(STAGE_EVALUATED, EVENT_TYPE_CLOSING_VERIFIED) = {Cell::Next::kBefore, STAGE_CLOSED};
  // Beside the road.
  to(kBeforeAcceptance, EVENT_TYPE_WITHDRAWN, STAGE_WITHDRAWN);
  to(kOpen, EVENT_TYPE_RECALLED, STAGE_HELD);
  table.At(STAGE_HELD, EVENT_TYPE_RECALLED) = {};  // the centre has it: it dispatches
  same(kOpen, EVENT_TYPE_EMERGENCY_RECORDED);
  same(kOpen, EVENT_TYPE_NOTE_ADDED);
  same(kOpen, EVENT_TYPE_ESCALATED);
  same(kOpen, EVENT_TYPE_URGED);
  same(kOpen, EVENT_TYPE_AMENDED);  // fold goes back to SUBMITTED when the place is another one
  // What was found wrong, too thin or too early.
  same(kHeldOrWorking, EVENT_TYPE_INFORMATION_REQUESTED);
  same(kHeldOrWorking, EVENT_TYPE_INFORMATION_PROVIDED);
  same(kHeldOrWorking, EVENT_TYPE_RESUMED);
  same(kAssessed, EVENT_TYPE_ASSESSMENT_REVISED);
  same({STAGE_PLANNED, STAGE_IN_SERVICE, STAGE_FOLLOW_UP}, EVENT_TYPE_PLAN_REVISED);
  // Another unit takes it over; nobody is assigned there yet.
  same(kWorking, EVENT_TYPE_TRANSFER_PROPOSED);
  same(kWorking, EVENT_TYPE_TRANSFERRED);
  to({STAGE_ASSIGNED}, EVENT_TYPE_TRANSFERRED, STAGE_ACCEPTED);
  same(kWorking, EVENT_TYPE_TRANSFER_DECLINED);
  // After its end.
  to({STAGE_CLOSED}, EVENT_TYPE_REOPENED, STAGE_ACCEPTED);
  same({STAGE_CLOSED}, EVENT_TYPE_AFTER_VISIT_RECORDED);
  // Time.
  same(kWorking, EVENT_TYPE_EXTENSION_REQUESTED);
  same(kWorking, EVENT_TYPE_EXTENSION_DECIDED);
  same(kWorking, EVENT_TYPE_HOLD_REQUESTED);
  to(kWorking, EVENT_TYPE_HOLD_DECIDED, STAGE_ON_HOLD);  // fold stays when it was refused
  table.At(STAGE_ON_HOLD, EVENT_TYPE_RESUMED) = {Cell::Next::kBefore, STAGE_UNSPECIFIED};
  // Somebody outside has it; nobody else looks at its closing.
  to(kHeldOrWorking, EVENT_TYPE_REFERRED_OUT, STAGE_REFERRING);
  to({STAGE_REFERRING}, EVENT_TYPE_REFERRAL_RECEIVED, STAGE_REFERRED_OUT);
  to({STAGE_REFERRING}, EVENT_TYPE_REFERRAL_RETURNED, STAGE_HELD);
  to(kWorking, EVENT_TYPE_CLOSED, STAGE_CLOSED);
  // Who works on it.
  same(kWorking, EVENT_TYPE_SUPPORT_ADDED);
  same(kWorking, EVENT_TYPE_SUPPORT_ENDED);
  same({STAGE_EVALUATED, STAGE_ON_HOLD}, EVENT_TYPE_SUPPORT_ENDED);
  same(kOpen, EVENT_TYPE_HANDED_OVER);  // fold goes back to ACCEPTED when nobody is assigned any more
  // The joint plan goes on beside all of it; while a closing waits nothing of it is open.
  for (EventType type : {EVENT_TYPE_OBLIGATION_PROPOSED, EVENT_TYPE_OBLIGATION_ACCEPTED, EVENT_TYPE_OBLIGATION_DECLINED, EVENT_TYPE_OBLIGATION_PROGRESSED,
                         EVENT_TYPE_OBLIGATION_FULFILLED, EVENT_TYPE_OBLIGATION_WAIVED}) {
    same(kOpen, type);
    table.At(STAGE_EVALUATED, type) = {};
  }
  // Confidentiality; a supervisor advises at any time.
  same(kOpen, EVENT_TYPE_SUPERVISION_NOTE_ADDED);
  same(kEnded, EVENT_TYPE_SUPERVISION_NOTE_ADDED);
  same(kEnded, EVENT_TYPE_FORGOTTEN);
  same(kEnded, EVENT_TYPE_KEYS_DESTROYED);
  // Duplicates: on the need that goes on, and on the one that is to end, which may have ended already.
  same(kOpen, EVENT_TYPE_ABSORBING);
  same(kOpen, EVENT_TYPE_MERGE_CONFIRMED);
  same(kOpen, EVENT_TYPE_MERGE_CANCELLED);
  same(kOpen, EVENT_TYPE_RELEASING);
  same(kOpen, EVENT_TYPE_RELEASED);
  to(kOpen, EVENT_TYPE_MERGED, STAGE_MERGED);
  same(kOpen, EVENT_TYPE_MERGE_REFUSED);
  same(kEnded, EVENT_TYPE_MERGE_REFUSED);
  table.At(STAGE_MERGED, EVENT_TYPE_UNMERGED) = {Cell::Next::kBefore, STAGE_UNSPECIFIED};
  same(kOpen, EVENT_TYPE_JOINED);
  same(kOpen, EVENT_TYPE_LINKED);
  return table;
}

}  // namespace

const LifeCycle& LifeCycle::Standard() {
  static const LifeCycle table = MakeStandard();
  return table;
}

bool IsWorking(v1::Stage stage) { return std::ranges::find(kWorking, stage) != kWorking.end(); }

const std::vector<ClockKind>& ClocksStoppedByAlarm() {
  static const std::vector<ClockKind> kinds = {CLOCK_KIND_INFORMATION, CLOCK_KIND_HOLD, CLOCK_KIND_EXTENSION, CLOCK_KIND_HOLD_REQUEST};
  return kinds;
}

const std::vector<ClockKind>& StoppedClocks(EventType type) {
  static const std::vector<ClockKind> none;
  static const std::vector<ClockKind> centre = {CLOCK_KIND_CENTER, CLOCK_KIND_INFORMATION};
  static const std::vector<ClockKind> routing = {CLOCK_KIND_ROUTING};
  static const std::vector<ClockKind> offered = {CLOCK_KIND_ROUTING, CLOCK_KIND_CENTER};
  static const std::vector<ClockKind> accepted = {CLOCK_KIND_OFFER, CLOCK_KIND_ACCEPTANCE};
  static const std::vector<ClockKind> offer = {CLOCK_KIND_OFFER};
  static const std::vector<ClockKind> assigned = {CLOCK_KIND_ASSIGNMENT};
  static const std::vector<ClockKind> assessed = {CLOCK_KIND_ASSIGNMENT, CLOCK_KIND_ASSESSMENT};
  static const std::vector<ClockKind> graded = {CLOCK_KIND_GRADING};
  static const std::vector<ClockKind> planned = {CLOCK_KIND_PLANNING};
  static const std::vector<ClockKind> served = {CLOCK_KIND_SERVICE};
  static const std::vector<ClockKind> requested = {CLOCK_KIND_ASSIGNMENT, CLOCK_KIND_ASSESSMENT,   CLOCK_KIND_GRADING,
                                                   CLOCK_KIND_PLANNING,   CLOCK_KIND_SERVICE,      CLOCK_KIND_INFORMATION,
                                                   CLOCK_KIND_EXTENSION,  CLOCK_KIND_HOLD_REQUEST, CLOCK_KIND_TRANSFER};
  static const std::vector<ClockKind> verified = {CLOCK_KIND_VERIFICATION};
  // A recall stops the work, never the promises that run since the first dispatch.
  static const std::vector<ClockKind> recalled = {CLOCK_KIND_ROUTING,     CLOCK_KIND_OFFER,    CLOCK_KIND_CENTER,    CLOCK_KIND_ASSIGNMENT,
                                                  CLOCK_KIND_GRADING,     CLOCK_KIND_PLANNING, CLOCK_KIND_SERVICE,   CLOCK_KIND_VERIFICATION,
                                                  CLOCK_KIND_INFORMATION, CLOCK_KIND_HOLD,     CLOCK_KIND_EXTENSION, CLOCK_KIND_HOLD_REQUEST,
                                                  CLOCK_KIND_TRANSFER,    CLOCK_KIND_REFERRAL};
  // What a unit or the centre had still to do; the promises stand still.
  static const std::vector<ClockKind> referred = {CLOCK_KIND_CENTER,    CLOCK_KIND_ASSIGNMENT,   CLOCK_KIND_GRADING,
                                                  CLOCK_KIND_PLANNING,  CLOCK_KIND_SERVICE,      CLOCK_KIND_INFORMATION,
                                                  CLOCK_KIND_EXTENSION, CLOCK_KIND_HOLD_REQUEST, CLOCK_KIND_TRANSFER};
  static const std::vector<ClockKind> returned = {CLOCK_KIND_REFERRAL};
  static const std::vector<ClockKind> all = {
      CLOCK_KIND_ROUTING, CLOCK_KIND_OFFER,     CLOCK_KIND_CENTER,       CLOCK_KIND_ACCEPTANCE,   CLOCK_KIND_ASSIGNMENT, CLOCK_KIND_ASSESSMENT,
      CLOCK_KIND_GRADING, CLOCK_KIND_PLANNING,  CLOCK_KIND_SERVICE,      CLOCK_KIND_VERIFICATION, CLOCK_KIND_CHASE,      CLOCK_KIND_INFORMATION,
      CLOCK_KIND_HOLD,    CLOCK_KIND_EXTENSION, CLOCK_KIND_HOLD_REQUEST, CLOCK_KIND_TRANSFER,     CLOCK_KIND_REFERRAL,   CLOCK_KIND_OBLIGATION};
  static const std::vector<ClockKind> transfer = {CLOCK_KIND_TRANSFER};
  static const std::vector<ClockKind> transferred = {CLOCK_KIND_TRANSFER, CLOCK_KIND_ASSIGNMENT};
  static const std::vector<ClockKind> answered = {CLOCK_KIND_INFORMATION};
  static const std::vector<ClockKind> resumed = {CLOCK_KIND_INFORMATION, CLOCK_KIND_HOLD};
  static const std::vector<ClockKind> extended = {CLOCK_KIND_EXTENSION};
  static const std::vector<ClockKind> put_on_hold = {CLOCK_KIND_HOLD_REQUEST};
  switch (type) {
    case EVENT_TYPE_DISPATCHED:
      return centre;
    case EVENT_TYPE_HELD:
      return routing;
    case EVENT_TYPE_OFFERED:
      return offered;
    case EVENT_TYPE_OFFER_ACCEPTED:
      return accepted;
    case EVENT_TYPE_OFFER_DECLINED:
    case EVENT_TYPE_OFFER_EXPIRED:
      return offer;
    case EVENT_TYPE_WORKER_ASSIGNED:
      return assigned;
    case EVENT_TYPE_ASSESSED:
      return assessed;
    case EVENT_TYPE_GRADED:
      return graded;
    case EVENT_TYPE_PLANNED:
      return planned;
    case EVENT_TYPE_SERVICE_RECORDED:
    case EVENT_TYPE_FOLLOW_UP_RECORDED:
      return served;
    case EVENT_TYPE_CLOSING_REQUESTED:
      return requested;
    case EVENT_TYPE_CLOSING_VERIFIED:
      return verified;
    case EVENT_TYPE_RECALLED:
      return recalled;
    case EVENT_TYPE_INFORMATION_PROVIDED:
      return answered;
    case EVENT_TYPE_TRANSFERRED:
      return transferred;
    case EVENT_TYPE_TRANSFER_DECLINED:
      return transfer;
    case EVENT_TYPE_RESUMED:
      return resumed;
    case EVENT_TYPE_EXTENSION_DECIDED:
      return extended;
    case EVENT_TYPE_HOLD_DECIDED:
      return put_on_hold;
    case EVENT_TYPE_REFERRED_OUT:
      return referred;
    case EVENT_TYPE_REFERRAL_RETURNED:
      return returned;
    case EVENT_TYPE_ANSWERED:
    case EVENT_TYPE_WITHDRAWN:
    case EVENT_TYPE_REFERRAL_RECEIVED:
    case EVENT_TYPE_CLOSED:
    case EVENT_TYPE_MERGED:
      return all;
    default:
      return none;
  }
}

}  // namespace gridloop
