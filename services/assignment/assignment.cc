#include "assignment/assignment.h"

#include <algorithm>
#include <set>

#include "assignment/evaluation.h"
#include "assignment/obligations.h"
#include "assignment/steps.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/clocks.h"
#include "domain/escalation.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

constexpr int64_t kFutureUs = 300'000'000;
// Whoever finds a need may serve at once and report when there is a network again; what lies further back is a wrong date.
constexpr int64_t kServedBeforeReportUs = 7 * 86'400'000'000;
std::unexpected<Error> OfferNotOpen() {
  return Fail(Code::kFailedPrecondition, "OFFER_NOT_OPEN", "This offer is not open any more; look at the inbox again.", "该派单已失效，请刷新收件箱。");
}

std::unexpected<Error> HeadAccepts() {
  return Fail(Code::kPermissionDenied, "HEAD_ACCEPTS", "This offer is accepted or declined by the station's head.", "此派单须由站长接单或退单。");
}

// Is there nobody at the station who may verify? A special unit's is the centre itself, and heads may have served.
bool NoHeadVerifies(const Snapshot& snapshot, const NeedState& head, int64_t now_us) {
  if (head.station() == head.center() || head.station() == snapshot.center()) return true;
  return std::ranges::none_of(snapshot.WorkersAt(head.station(), now_us), [&](const v1::Worker* worker) {
    v1::Actor actor;
    actor.set_worker(BareId(worker->name()));
    return snapshot.IsHead(*worker, head.station(), now_us) && !HasExecuted(head, WithOrganisation(actor, &snapshot, now_us));
  });
}

bool Runs(const NeedState& head, v1::ClockKind kind) {
  return std::ranges::any_of(head.clocks(), [kind](const auto& clock) {
    return clock.start().kind() == kind || (clock.start().kind() == v1::CLOCK_KIND_CHASE && clock.start().chased() == kind);
  });
}

// Their form: an id that nobody knows is named in an error, and must be short and no text for that.
template <class Workers>
void CheckWorkers(const std::string& field, const Workers& workers, int most, std::vector<FieldViolation>* violations) {
  if (workers.size() > most) violations->push_back({field, "at most " + std::to_string(most) + " are taken"});
  for (int i = 0; i < std::min(workers.size(), most); ++i) CheckId(field + "[" + std::to_string(i) + "]", BareId(workers.Get(i)), violations);
}

std::optional<int64_t> CheckPast(std::string_view field, const google::protobuf::Timestamp& time, int64_t now_us, std::vector<FieldViolation>* violations) {
  auto at_us = CheckTime(field, time, violations);
  if (at_us && *at_us > now_us + kFutureUs) violations->push_back({std::string(field), "is in the future; correct it"});
  return at_us;
}

// A type that an assessment names, which may be empty.
void CheckType(const Snapshot* snapshot, const std::string& type, int64_t now_us, std::vector<FieldViolation>* violations) {
  if (type.empty()) return;
  if (snapshot == nullptr) return CheckId("type", type, violations);
  if (snapshot->TypeAt(type, now_us) == nullptr) violations->push_back({"type", "is not in use today; ListCategories gives the types"});
}

void CheckPlan(const google::protobuf::RepeatedPtrField<std::string>& goals, const std::string& measures, int planned_services,
               std::vector<FieldViolation>* violations) {
  if (goals.empty() || goals.size() > 10) violations->push_back({"goals", "1 to 10 are required"});
  for (int i = 0; i < std::min(goals.size(), 10); ++i) CheckText("goals[" + std::to_string(i) + "]", goals.Get(i), 1, 300, violations);
  CheckText("measures", measures, 1, 2000, violations);
  if (planned_services < 0 || planned_services > 1000) violations->push_back({"planned_services", "must be 0 to 1,000"});
}

}  // namespace

// Posted at the unit, the station, or any unit under that station; or at work on the need already, or rung by it (the roster
// of a crisis may be the centre's).
bool MayBeAssigned(const Snapshot& snapshot, const NeedState& head, const std::string& id, int64_t now_us) {
  if (WorksOn(head, id) || IsAsked(head, id)) return true;
  const v1::Worker* worker = snapshot.WorkerAt(id, now_us);
  return worker != nullptr && std::ranges::any_of(worker->posts(), [&](const v1::Post& post) {
           std::string unit = BareId(post.unit());
           return (unit == head.unit() || snapshot.StationOf(unit) == head.station()) && snapshot.IsValid(post.validity(), now_us);
         });
}

Expected<void> CheckUnitToday(const Snapshot* snapshot, const std::string& unit, int64_t now_us) {
  if (snapshot == nullptr || snapshot->UnitAt(unit, now_us) == nullptr) {
    return Fail(Code::kFailedPrecondition, "UNIT_NOT_FOUND", "The active directory has no such unit today; ListUnits gives them.",
                "机构目录中没有该单位，或当日未启用。");
  }
  return {};
}

// Until when a need that ends now may be reopened by policy; 0: not at all.
int64_t ReopenUntil(const Snapshot* snapshot, int64_t now_us) {
  constexpr int64_t kDayUs = 86'400'000'000;
  return snapshot == nullptr || snapshot->policy().reopen_days() == 0 ? 0 : now_us + snapshot->policy().reopen_days() * kDayUs;
}

// Starts it. Assessment is a promise that runs since the dispatch; when it has fired and its chase is over, assignment's limit
// watches in its place.
void StartStepClock(const Snapshot* snapshot, v1::Stage stage, const NeedState& head, int64_t now_us, Event* event) {
  if (stage == v1::STAGE_ASSIGNED && Runs(head, v1::CLOCK_KIND_ASSESSMENT)) return;
  *event->add_clocks() = StartClock(snapshot, StageClock(stage), head, now_us);
}

Expected<std::set<std::string>> OrganisationsOf(const Snapshot* snapshot, int64_t at_us, const std::vector<std::string>& workers) {
  std::set<std::string> organisations;
  for (const std::string& worker : workers) {
    const v1::Worker* found = snapshot == nullptr ? nullptr : snapshot->WorkerAt(worker, at_us);
    if (found == nullptr) {
      const std::string day = snapshot == nullptr ? std::string() : " on " + snapshot->calendar().LocalDate(at_us);
      return Fail(Code::kFailedPrecondition, "WORKER_NOT_FOUND", "The active directory has no worker " + worker + day + "; ListWorkers gives those of today.",
                  "机构目录中没有该社工，或当日不在职。");
    }
    if (!found->organisation().empty()) organisations.insert(found->organisation());
  }
  return organisations;
}

void Assignment::AcceptOffer(const Caller& caller, const v1::AcceptOfferRequest& request, Callback<Expected<v1::AcceptOfferResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string offer = CheckObjectId("offer", request.offer(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_OFFER_ACCEPTED);
  event.mutable_offer_accepted()->set_offer(offer);
  auto decide = [offer, actor = caller.actor](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.offer().event_id() != offer) return OfferNotOpen();
    auto& accepted = *made.mutable_offer_accepted();
    accepted.set_late(now_us > head.offer().due_us());
    if (actor.role() == v1::ROLE_STATION_HEAD) {
      StartStepClock(snapshot, v1::STAGE_ACCEPTED, head, now_us, &made);
      return {};
    }
    // The centre's duty officer, whom every crisis rings, takes only what falls to the centre's roster.
    const bool asked = actor.role() == v1::ROLE_WORKER ? IsAsked(head, actor.worker()) : actor.worker() == head.offer().worker();
    if (!head.offer().direct_accept() || !asked) return HeadAccepts();
    auto organisations = OrganisationsOf(snapshot, now_us, {actor.worker()});
    if (!organisations) return std::unexpected(organisations.error());
    accepted.set_worker(actor.worker());
    accepted.clear_organisations();
    for (const auto& organisation : *organisations) accepted.add_organisations(organisation);
    StartStepClock(snapshot, v1::STAGE_ASSIGNED, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "accept", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::DeclineOffer(const Caller& caller, const v1::DeclineOfferRequest& request, Callback<Expected<v1::DeclineOfferResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string offer = CheckObjectId("offer", request.offer(), &violations);
  if (request.reason() == v1::DECLINE_REASON_UNSPECIFIED || !v1::DeclineReason_IsValid(request.reason())) violations.push_back({"reason", "is required"});
  CheckText("text", request.text(), request.reason() == v1::DECLINE_REASON_OTHER ? 1 : 0, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_OFFER_DECLINED);
  event.mutable_offer_declined()->set_offer(offer);
  event.mutable_offer_declined()->set_reason(request.reason());
  event.mutable_offer_declined()->set_text(request.text());
  auto decide = [offer, role = caller.actor.role()](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.offer().event_id() != offer) return OfferNotOpen();
    if (role == v1::ROLE_WORKER && !head.offer().direct_accept()) return HeadAccepts();
    if (head.offer().binding()) {
      return Fail(Code::kFailedPrecondition, "OFFER_BINDING", "The centre's dispatch is binding and cannot be declined.", "中心的派单为最终决定，不能退单。");
    }
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ROUTING, head, now_us);
    return {};
  };
  Run(world_, caller, request, "decline", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::AssignWorker(const Caller& caller, const v1::AssignWorkerRequest& request, Callback<Expected<v1::AssignWorkerResponse>> reply) {
  std::vector<FieldViolation> violations;
  const std::string primary = CheckWorkerName("worker", request.worker(), &violations);
  CheckWorkers("co_workers", request.co_workers(), 5, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_WORKER_ASSIGNED);
  auto& payload = *event.mutable_worker_assigned();
  payload.set_worker(primary);
  for (const auto& worker : request.co_workers()) payload.add_co_workers(BareId(worker));
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    auto& assigned = *made.mutable_worker_assigned();
    std::vector<std::string> workers(assigned.co_workers().begin(), assigned.co_workers().end());
    workers.push_back(assigned.worker());
    auto organisations = OrganisationsOf(snapshot, now_us, workers);
    if (!organisations) return std::unexpected(organisations.error());
    for (const auto& worker : workers) {
      if (!MayBeAssigned(*snapshot, head, worker, now_us)) {
        return Fail(Code::kFailedPrecondition, "NOT_POSTED", "Worker " + worker + " has no post at the station or at a unit under it today.",
                    "该社工当前不在本站及所属单位任职。");
      }
    }
    assigned.clear_organisations();
    for (const auto& organisation : *organisations) assigned.add_organisations(organisation);
    v1::Stage stage = head.stage() == v1::STAGE_ACCEPTED ? v1::STAGE_ASSIGNED : head.stage();
    // Assignment's clock stops here and starts anew; whatever else runs goes on.
    if (stage == v1::STAGE_ASSIGNED || !Runs(head, StageClock(stage))) StartStepClock(snapshot, stage, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "assign", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::AnswerNeed(const Caller& caller, const v1::AnswerNeedRequest& request, Callback<Expected<v1::AnswerNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckClosing(request.closing(), &violations);
  if (request.closing().reason() != v1::CLOSING_REASON_ANSWERED) violations.push_back({"closing.reason", "must be CLOSING_REASON_ANSWERED"});
  Event event;
  event.set_type(v1::EVENT_TYPE_ANSWERED);
  *event.mutable_answered()->mutable_closing() = request.closing();
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = PlanIsSettled(head); !good) return good;
    made.mutable_answered()->set_reopen_until_us(ReopenUntil(snapshot, now_us));
    if (head.urgency() != v1::URGENCY_CRISIS) return {};
    return Fail(Code::kFailedPrecondition, "CRISIS_NOT_ANSWERED",
                "A crisis is not answered at once: record what was done and ask for its closing with RequestClosing, which the centre verifies.",
                "危机需求不能即时办结，请记录处置并申请结案，由中心审核。");
  };
  Run(world_, caller, request, "answer", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RecordEmergencyAction(const Caller& caller, const v1::RecordEmergencyActionRequest& request,
                                       Callback<Expected<v1::RecordEmergencyActionResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("action", request.action(), 1, 2000, &violations);
  CheckText("informed_parties", request.informed_parties(), 0, 500, &violations);
  std::optional<int64_t> action_us;
  if (request.has_action_time()) action_us = CheckPast("action_time", request.action_time(), world_.clock.WallUs(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_EMERGENCY_RECORDED);
  if (action_us) event.set_occurred_at_us(*action_us);
  event.mutable_emergency_recorded()->set_action(request.action());
  event.mutable_emergency_recorded()->set_informed_parties(request.informed_parties());
  auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) { return TakesMore(head); };
  Run(world_, caller, request, "record-emergency", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::AssessNeed(const Caller& caller, const v1::AssessNeedRequest& request, Callback<Expected<v1::AssessNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("findings", request.findings(), 1, 2000, &violations);
  CheckType(world_.snapshots.Active().get(), request.type(), world_.clock.WallUs(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_ASSESSED);
  auto& payload = *event.mutable_assessed();
  payload.set_casework(request.casework());
  payload.set_findings(request.findings());
  payload.set_type(request.type());
  auto decide = [casework = request.casework()](const NeedState& head, const Snapshot* active, int64_t now_us, Event& made) -> Expected<void> {
    StartStepClock(active, casework ? v1::STAGE_ASSESSED : v1::STAGE_PLANNED, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "assess", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::ReviseAssessment(const Caller& caller, const v1::ReviseAssessmentRequest& request, Callback<Expected<v1::ReviseAssessmentResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("findings", request.findings(), 1, 2000, &violations);
  CheckType(world_.snapshots.Active().get(), request.type(), world_.clock.WallUs(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_ASSESSMENT_REVISED);
  event.mutable_assessment_revised()->set_findings(request.findings());
  event.mutable_assessment_revised()->set_type(request.type());
  auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) { return TakesMore(head); };
  Run(world_, caller, request, "revise-assessment", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::GradeNeed(const Caller& caller, const v1::GradeNeedRequest& request, Callback<Expected<v1::GradeNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  if (request.grade() == v1::GRADE_UNSPECIFIED || !v1::Grade_IsValid(request.grade())) violations.push_back({"grade", "is required"});
  CheckText("reason", request.reason(), 0, 1000, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_GRADED);
  event.mutable_graded()->set_grade(request.grade());
  event.mutable_graded()->set_reason(request.reason());
  auto decide = [grade = request.grade()](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (snapshot != nullptr) {
      for (const auto& rule : snapshot->policy().grades()) {
        if (rule.grade() == grade) made.mutable_graded()->set_tier(rule.tier());
      }
    }
    NeedState graded;
    graded.set_urgency(head.urgency());
    graded.set_grade(grade);
    StartStepClock(snapshot, v1::STAGE_GRADED, graded, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "grade", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::PlanService(const Caller& caller, const v1::PlanServiceRequest& request, Callback<Expected<v1::PlanServiceResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckPlan(request.goals(), request.measures(), request.planned_services(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_PLANNED);
  auto& payload = *event.mutable_planned();
  *payload.mutable_goals() = request.goals();
  payload.set_measures(request.measures());
  payload.set_planned_services(request.planned_services());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    StartStepClock(snapshot, v1::STAGE_PLANNED, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "plan", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RevisePlan(const Caller& caller, const v1::RevisePlanRequest& request, Callback<Expected<v1::RevisePlanResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckPlan(request.goals(), request.measures(), request.planned_services(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_PLAN_REVISED);
  auto& payload = *event.mutable_plan_revised();
  *payload.mutable_goals() = request.goals();
  payload.set_measures(request.measures());
  payload.set_planned_services(request.planned_services());
  payload.set_reason(request.reason());
  auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    if (!head.casework()) {
      return Fail(Code::kFailedPrecondition, "NO_PLAN", "What was assessed as no casework has no plan; note what changes.",
                  "非个案需求没有服务方案，请以备注说明。");
    }
    return TakesMore(head);
  };
  Run(world_, caller, request, "revise-plan", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RecordService(const Caller& caller, const v1::RecordServiceRequest& request, Callback<Expected<v1::RecordServiceResponse>> reply) {
  static const std::set<std::string> kForms = {"visit", "talk", "phone", "group", "accompaniment", "material"};
  std::vector<FieldViolation> violations;
  std::optional<int64_t> start_us;
  if (request.has_start_time()) {
    start_us = CheckPast("start_time", request.start_time(), world_.clock.WallUs(), &violations);
  } else {
    violations.push_back({"start_time", "is required"});
  }
  int64_t minutes = request.duration().seconds() / 60;
  if (minutes < 1 || minutes > 1440) violations.push_back({"duration", "must be 1 minute to 24 hours"});
  if (!kForms.contains(request.form())) violations.push_back({"form", "must be visit, talk, phone, group, accompaniment or material"});
  CheckText("content", request.content(), 1, 2000, &violations);
  CheckWorkers("workers", request.workers(), 10, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_SERVICE_RECORDED);
  auto& payload = *event.mutable_service_recorded();
  for (const auto& worker : request.workers()) payload.add_workers(BareId(worker));
  if (payload.workers().empty()) payload.add_workers(caller.actor.worker());
  payload.set_start_us(start_us.value_or(0));
  payload.set_duration_minutes(static_cast<int32_t>(std::clamp<int64_t>(minutes, 0, 1440)));
  payload.set_form(request.form());
  payload.set_content(request.content());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = TakesMore(head); !good) return good;
    if (made.service_recorded().start_us() < head.submitted_us() - kServedBeforeReportUs) {
      return std::unexpected(*Refuse({{"start_time", "is more than 7 days before the need was reported; correct the date"}}));
    }
    const auto& served = made.service_recorded();
    auto organisations = OrganisationsOf(snapshot, served.start_us(), {served.workers().begin(), served.workers().end()});
    if (!organisations) return std::unexpected(organisations.error());
    made.mutable_service_recorded()->clear_organisations();
    for (const auto& organisation : *organisations) made.mutable_service_recorded()->add_organisations(organisation);
    StartStepClock(snapshot, v1::STAGE_IN_SERVICE, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "record-service", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RecordFollowUp(const Caller& caller, const v1::RecordFollowUpRequest& request, Callback<Expected<v1::RecordFollowUpResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("findings", request.findings(), 1, 2000, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_FOLLOW_UP_RECORDED);
  event.mutable_follow_up_recorded()->set_findings(request.findings());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = TakesMore(head); !good) return good;
    StartStepClock(snapshot, v1::STAGE_FOLLOW_UP, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "record-follow-up", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::AddNote(const Caller& caller, const v1::AddNoteRequest& request, Callback<Expected<v1::AddNoteResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("text", request.text(), 1, 2000, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_NOTE_ADDED);
  event.mutable_note_added()->set_text(request.text());
  auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) { return TakesMore(head); };
  Run(world_, caller, request, "add-note", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RequestClosing(const Caller& caller, const v1::RequestClosingRequest& request, Callback<Expected<v1::RequestClosingResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckClosing(request.closing(), &violations);
  if (request.closing().reason() == v1::CLOSING_REASON_ANSWERED) violations.push_back({"closing.reason", "an answer at once is given with AnswerNeed"});
  Event event;
  event.set_type(v1::EVENT_TYPE_CLOSING_REQUESTED);
  *event.mutable_closing_requested()->mutable_closing() = request.closing();
  auto decide = [told = ToldIn(request.closing())](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = PlanIsSettled(head); !good) return good;
    auto& asked = *made.mutable_closing_requested();
    asked.clear_checklist();
    if (auto good = FitsTheWork(asked.closing(), told, head, snapshot, asked.mutable_checklist()); !good) return good;
    bool centre = head.urgency() == v1::URGENCY_CRISIS;
    if (snapshot != nullptr) {
      for (const auto& rule : snapshot->policy().grades()) centre |= rule.grade() == head.grade() && rule.verified_by_center();
      centre |= NoHeadVerifies(*snapshot, head, now_us);
    }
    asked.set_verified_by_center(centre);
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_VERIFICATION, head, now_us);
    return {};
  };
  Run(world_, caller, request, "request-closing", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::VerifyClosing(const Caller& caller, const v1::VerifyClosingRequest& request, Callback<Expected<v1::VerifyClosingResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string closing = CheckObjectId("closing", request.closing(), &violations);
  CheckText("reasons", request.reasons(), request.approve() ? 0 : 1, 1000, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_CLOSING_VERIFIED);
  auto& payload = *event.mutable_closing_verified();
  payload.set_closing(closing);
  payload.set_approved(request.approve());
  payload.set_reasons(request.reasons());
  auto decide = [closing, centre = IsCentreStaff(caller.actor)](const NeedState& head, const Snapshot* snapshot, int64_t now_us,
                                                                Event& made) -> Expected<void> {
    if (head.closing_event_id() != closing) {
      return Fail(Code::kFailedPrecondition, "CLOSING_NOT_OPEN", "This closing is not the one that waits; get the need and use its `closing`.",
                  "该结案申请已变化，请刷新后再审核。");
    }
    if (head.verified_by_center() != centre) {
      return Fail(Code::kPermissionDenied, "OTHER_VERIFIER",
                  head.verified_by_center() ? "The centre verifies this closing." : "The station's head verifies this closing.",
                  head.verified_by_center() ? "此件由中心审核结案。" : "此件由站长审核结案。");
    }
    if (made.closing_verified().approved()) {
      made.mutable_closing_verified()->set_reopen_until_us(ReopenUntil(snapshot, now_us));
    } else {
      StartStepClock(snapshot, head.stage_before_closing(), head, now_us, &made);
    }
    return {};
  };
  Run(world_, caller, request, "verify-closing", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::CloseNeed(const Caller& caller, const v1::CloseNeedRequest& request, Callback<Expected<v1::CloseNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckClosing(request.closing(), &violations);
  if (request.closing().reason() == v1::CLOSING_REASON_ANSWERED) violations.push_back({"closing.reason", "an answer at once is given with AnswerNeed"});
  Event event;
  event.set_type(v1::EVENT_TYPE_CLOSED);
  *event.mutable_closed()->mutable_closing() = request.closing();
  auto decide = [told = ToldIn(request.closing())](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = PlanIsSettled(head); !good) return good;
    auto& closed = *made.mutable_closed();
    if (NeedsVerifier(closed.closing(), head, snapshot, now_us)) {
      return Fail(Code::kFailedPrecondition, "VERIFIER_NEEDED", "Somebody else verifies this closing by policy; ask for it with RequestClosing.",
                  "按规定此件须经审核结案，请申请结案。");
    }
    closed.clear_checklist();
    if (auto good = FitsTheWork(closed.closing(), told, head, snapshot, closed.mutable_checklist()); !good) return good;
    closed.set_reopen_until_us(ReopenUntil(snapshot, now_us));
    return {};
  };
  Run(world_, caller, request, "close", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::ReopenNeed(const Caller& caller, const v1::ReopenNeedRequest& request, Callback<Expected<v1::ReopenNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_REOPENED);
  event.mutable_reopened()->set_reason(request.reason());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (now_us > head.reopen_until_us()) {
      return Fail(Code::kFailedPrecondition, "REOPEN_TOO_LATE",
                  "The time for reopening has passed, or the policy gives none; report anew and name this need as related_need.",
                  "已超过可重新办理的期限，请重新上报并注明关联需求。");
    }
    if (auto good = TakesMore(head); !good) return good;
    StartStepClock(snapshot, v1::STAGE_ACCEPTED, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "reopen", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RecordAfterVisit(const Caller& caller, const v1::RecordAfterVisitRequest& request, Callback<Expected<v1::RecordAfterVisitResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("findings", request.findings(), 1, 2000, &violations);
  if (request.satisfaction() < 0 || request.satisfaction() > 5) violations.push_back({"satisfaction", "must be 1 to 5, or 0 if not asked"});
  Event event;
  event.set_type(v1::EVENT_TYPE_AFTER_VISIT_RECORDED);
  event.mutable_after_visit_recorded()->set_findings(request.findings());
  event.mutable_after_visit_recorded()->set_satisfaction(request.satisfaction());
  auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) { return TakesMore(head); };
  Run(world_, caller, request, "record-after-visit", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::EscalateNeed(const Caller& caller, const v1::EscalateNeedRequest& request, Callback<Expected<v1::EscalateNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_ESCALATED);
  event.mutable_escalated()->set_reason(request.reason());
  auto decide = [by = caller.actor](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = TakesMore(head); !good) return good;
    const auto& next = *NextClock(head);
    const v1::ClockKind chased = ChasedKind(next);
    const bool of_plan = chased == v1::CLOCK_KIND_OBLIGATION;
    Escalation up = OneLevelUp(head, snapshot != nullptr ? &snapshot->policy() : nullptr, chased, now_us, by);
    made.mutable_escalated()->set_level(up.level);
    made.mutable_escalated()->set_unit(up.unit);
    if (of_plan) made.mutable_escalated()->set_object(next.object());
    v1::ClockStart chase = StartChase(snapshot, head, up, now_us, chased);
    // One chase of a kind, and of an obligation, runs; whoever escalates again does not put it off.
    for (const auto& clock : head.clocks()) {
      if (of_plan && clock.object() != next.object()) continue;
      if (clock.start().kind() != v1::CLOCK_KIND_CHASE || clock.start().chased() != chased || clock.start().due_us() >= chase.due_us()) continue;
      chase = clock.start();
      chase.set_start_us(clock.started_us());
    }
    *made.add_clocks() = chase;
    return {};
  };
  Run(world_, caller, request, "escalate", std::move(event), std::move(violations), decide, std::move(reply));
}

}  // namespace gridloop
