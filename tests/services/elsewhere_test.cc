// Where outside the unit somebody works on a need, who leaves, and how it ends without a verifier.
#include <algorithm>

#include "services/city.h"

namespace gridloop {
namespace {

class Elsewhere : public City {
 protected:
  template <class Response>
  static std::string Reason(const Expected<Response>& response) {
    return response ? "OK" : response.error().reason;
  }
  Who Assigned(const std::string& request_id, std::string* name) {
    Start();
    *name = Submit(Report(request_id));
    return Worker(ToAssigned(*name), "r-320585100001");
  }
  v1::ReporterNeed Seen(const std::string& name) {
    v1::IntakeServiceGetNeedRequest request;
    request.set_name(name);
    auto response = Call(*intake, &Intake::GetNeed, app, request);
    EXPECT_TRUE(response);
    return response ? response->need() : v1::ReporterNeed();
  }
  const store::v1::RunningClock* Clock(const NeedState& state, v1::ClockKind kind) {
    auto found = std::ranges::find_if(state.clocks(), [kind](const auto& each) { return each.start().kind() == kind; });
    return found == state.clocks().end() ? nullptr : &*found;
  }
  v1::ReferOutRequest Referring(const std::string& name) {
    auto request = On<v1::ReferOutRequest>(name);
    request.set_to("12345");
    request.set_reason("MARK-water pipe");
    return request;
  }
  v1::ConfirmReferralRequest Confirming(const std::string& name) {
    auto request = On<v1::ConfirmReferralRequest>(name);
    request.set_referral(Base32(State(name)->referral().event_id()));
    request.set_receipt("12345-2026-0007");
    request.set_reporter_sentence("MARK-the hotline has it");
    return request;
  }
  v1::ReturnReferralRequest Returning(const std::string& name) {
    auto request = On<v1::ReturnReferralRequest>(name);
    request.set_referral(Base32(State(name)->referral().event_id()));
    request.set_reason("MARK-not theirs");
    return request;
  }
  template <class Request>
  Request Ending(const std::string& name, v1::ClosingReason reason) {
    auto request = On<Request>(name);
    request.mutable_closing()->set_reason(reason);
    request.mutable_closing()->set_result_summary("MARK-result");
    request.mutable_closing()->set_reporter_sentence("MARK-ended");
    return request;
  }
  v1::AddSupportRequest Supporting(const std::string& name, const std::string& unit, const std::string& worker) {
    auto request = On<v1::AddSupportRequest>(name);
    request.set_unit("units/" + unit);
    request.set_worker("workers/" + worker);
    request.set_reason("MARK-speaks their dialect");
    return request;
  }
  // Somebody with a post at a unit under that station today who is not its head.
  std::string SomebodyAt(const std::string& station, const std::string& but = {}, std::string* unit = nullptr) {
    auto snapshot = snapshots->Active();
    for (const auto& worker : snapshot->directory().workers()) {
      const std::string id = BareId(worker.name());
      for (const auto& post : worker.posts()) {
        const std::string at = BareId(post.unit());
        if (id == but || snapshot->StationOf(at) != station || post.head() || !snapshot->IsValid(post.validity(), clock.WallUs())) continue;
        if (unit != nullptr) *unit = at;
        return id;
      }
    }
    ADD_FAILURE() << "nobody at " << station;
    return {};
  }
  v1::HandOverWorkRequest Leaving(const std::string& worker, std::initializer_list<std::pair<const char*, std::string>> successors) {
    v1::HandOverWorkRequest request;
    request.set_request_id("leaving-" + worker);
    request.set_worker("workers/" + worker);
    request.set_note("MARK-knows the stairs");
    for (const auto& [unit, successor] : successors) {
      auto& choice = *request.add_successors();
      if (*unit != 0) choice.set_unit(std::string("units/") + unit);
      choice.set_worker("workers/" + successor);
    }
    return request;
  }
  bool IsDone(const std::string& hand_over) { return State(hand_over)->hand_over().done_us() != 0; }
};

TEST_F(Elsewhere, WhatIsReferredOutIsTheCentresAndStandsStillUntilTheReceiptEndsIt) {
  std::string name;
  const Who worker = Assigned("referred", &name);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, worker, Referring(name))), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, other_head, Referring(name))), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ConfirmReferral, dispatcher, Confirming(name))), "INVALID_FIELDS");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, head, Referring(name))), "OK");
  auto state = State(name);
  EXPECT_EQ(state->stage(), v1::STAGE_REFERRING);
  EXPECT_EQ(state->owner(), "center");
  EXPECT_TRUE(state->worker().empty());
  EXPECT_EQ(NextClock(*state)->start().kind(), v1::CLOCK_KIND_REFERRAL);
  EXPECT_NE(Clock(*state, v1::CLOCK_KIND_ASSESSMENT)->paused_us(), 0);
  EXPECT_EQ(Seen(name).stage_text(), "已派单");
  auto boxes = Inbox(dispatcher, "units/center");
  EXPECT_NE(std::ranges::find(boxes, name), boxes.end());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, dispatcher, Referring(name))), "WRONG_STAGE");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ConfirmReferral, head, Confirming(name))), "ROLE_NOT_ALLOWED");
  auto other = Confirming(name);
  other.set_referral(Base32(std::string(16, 'x')));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ConfirmReferral, dispatcher, other)), "REFERRAL_NOT_OPEN");
  const auto confirm = Confirming(name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ConfirmReferral, dispatcher, confirm)), "OK");
  auto again = Call(*assignment, &Assignment::ConfirmReferral, dispatcher, confirm);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->outcome().replayed());
  state = State(name);
  EXPECT_EQ(state->stage(), v1::STAGE_REFERRED_OUT);
  EXPECT_EQ(state->closing_reason(), v1::CLOSING_REASON_REFERRED_OUT);
  EXPECT_TRUE(state->owner().empty());
  EXPECT_EQ(Seen(name).stage_text(), "已办结");
  EXPECT_EQ(Seen(name).closing_sentence(), "MARK-the hotline has it");
}

TEST_F(Elsewhere, WithoutAReceiptInTimeAReferralIsInTheCentresQueueAgainAndIsDispatchedAnew) {
  std::string name;
  Assigned("unheard", &name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, head, Referring(name))), "OK");
  const auto late = Confirming(name);
  const int64_t due_us = NextClock(*State(name))->start().due_us();
  clock.AdvanceTo(due_us - 1);
  EXPECT_EQ(State(name)->stage(), v1::STAGE_REFERRING);
  clock.AdvanceTo(due_us);
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_HELD; }));
  auto state = State(name);
  EXPECT_EQ(state->held_reason(), v1::HELD_REASON_REFERRAL_RETURNED);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_ESCALATED), 0U);
  EXPECT_EQ(Clock(*state, v1::CLOCK_KIND_ASSESSMENT)->paused_us(), 0);
  EXPECT_GT(Clock(*state, v1::CLOCK_KIND_ASSESSMENT)->start().due_us(), due_us);
  EXPECT_NE(Clock(*state, v1::CLOCK_KIND_CENTER), nullptr);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ConfirmReferral, dispatcher, late)), "WRONG_STAGE");
  auto dispatch = On<v1::DispatchNeedRequest>(name);
  dispatch.set_unit("units/s02");
  dispatch.set_held(Base32(state->held_event_id()));
  dispatch.set_reason("nearest");
  ASSERT_EQ(Reason(Call(*routing, &Routing::DispatchNeed, dispatcher, dispatch)), "OK");
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED; }));
}

TEST_F(Elsewhere, OfAReceiptAndAReturnAtOnceOneWins) {
  std::string name;
  Assigned("raced", &name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, head, Referring(name))), "OK");
  auto confirmed = Begin(*assignment, &Assignment::ConfirmReferral, dispatcher, Confirming(name));
  auto returned = Begin(*assignment, &Assignment::ReturnReferral, officer, Returning(name));
  const bool first = confirmed.get().has_value();
  const bool second = returned.get().has_value();
  EXPECT_NE(first, second);
  EXPECT_EQ(State(name)->stage(), first ? v1::STAGE_REFERRED_OUT : v1::STAGE_HELD);
}

TEST_F(Elsewhere, ACrisisThatIsReferredKeepsItsPromisesRunningAndRingsWhenItComesBack) {
  Start();
  auto report = Report("crisis");
  report.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  const std::string name = Submit(report);
  ToAssigned(name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReferOut, officer, Referring(name))), "OK");
  EXPECT_EQ(Clock(*State(name), v1::CLOCK_KIND_ASSESSMENT)->paused_us(), 0);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReturnReferral, officer, Returning(name))), "OK");
  auto state = State(name);
  EXPECT_EQ(state->stage(), v1::STAGE_HELD);
  EXPECT_TRUE(std::ranges::any_of(state->alerts(), [](const auto& alert) { return alert.unit() == "center"; }));
}

TEST_F(Elsewhere, AWorkerOfAnotherUnitHelpsAndTheNeedStaysWhereItIs) {
  std::string name;
  const Who worker = Assigned("helped", &name);
  std::string unit;
  const std::string helper = SomebodyAt("s02", {}, &unit);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, worker, Supporting(name, unit, helper))), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, other_head, Supporting(name, unit, helper))), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, head, Supporting(name, "r-320585100001", helper))), "SAME_UNIT");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, head, Supporting(name, "nowhere", helper))), "UNIT_NOT_FOUND");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, head, Supporting(name, "s03", helper))), "NOT_POSTED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, head, Supporting(name, unit, "w-nobody"))), "WORKER_NOT_FOUND");
  v1::AssignmentServiceGetNeedRequest read;
  read.set_name(name);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetNeed, other_head, read)), "NOT_YOUR_NEED");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, head, Supporting(name, unit, helper))), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupport, head, Supporting(name, unit, helper))), "WORKS_ON_IT_ALREADY");
  auto state = State(name);
  EXPECT_EQ(state->owner(), "r-320585100001");
  EXPECT_EQ(state->worker(), worker.worker);
  auto boxes = Inbox(other_head, "units/s02");
  EXPECT_NE(std::ranges::find(boxes, name), boxes.end());
  auto seen = Call(*assignment, &Assignment::GetNeed, other_head, read);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->need().supports(0).worker(), "workers/" + helper);
  read.set_purpose("visit");
  auto opened = Call(*assignment, &Assignment::GetNeed, Worker(helper, unit), read);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->need().report().summary(), "MARK-summary");  // whoever helps is assigned
  // The unit assigns another co-worker; who helps stays.
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/" + worker.worker);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AssignWorker, head, assign)), "OK");
  EXPECT_EQ(State(name)->co_workers(0), helper);

  auto end = On<v1::EndSupportRequest>(name);
  end.set_worker("workers/" + worker.worker);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::EndSupport, other_head, end)), "NO_SUPPORT");
  end.set_worker("workers/" + helper);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::EndSupport, other_head, end)), "OK");
  EXPECT_TRUE(State(name)->co_workers().empty());
  EXPECT_TRUE(HasExecuted(*State(name), [&] {
    v1::Actor actor;
    actor.set_worker(helper);
    return actor;
  }()));  // never verifies it
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetNeed, Worker(helper, unit), read)), "NOT_YOUR_NEED");
}

TEST_F(Elsewhere, AWorkerWhoLeavesHandsOverEveryOpenNeedAndHasAccessToNone) {
  Start();
  std::vector<std::string> names;
  std::string leaver;
  for (int i = 0; i < 25; ++i) {  // more than are handed over at a time
    names.push_back(Submit(Report("left-" + std::to_string(i))));
    leaver = ToAssigned(names.back());
  }
  auto closed = Ending<v1::AnswerNeedRequest>(names[0], v1::CLOSING_REASON_ANSWERED);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, Worker(State(names[0])->worker(), "r-320585100001"), closed)), "OK");
  const std::string successor = SomebodyAt("s01", leaver);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::HandOverWork, other_head, Leaving(leaver, {{"", successor}}))), "NOT_YOUR_WORKER");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::HandOverWork, dispatcher, Leaving(leaver, {{"", leaver}}))), "INVALID_FIELDS");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::HandOverWork, dispatcher, Leaving("w-nobody", {}))), "NOBODY_LEAVES");
  std::vector<std::string> his;
  for (const std::string& name : names) {
    if (State(name)->worker() == leaver && !Ended(*State(name))) his.push_back(name);
  }
  ASSERT_FALSE(his.empty());
  const auto request = Leaving(leaver, {{"", successor}});
  auto started = Call(*assignment, &Assignment::HandOverWork, dispatcher, request);
  ASSERT_EQ(Reason(started), "OK");
  const std::string hand_over = started->hand_over().name();
  ASSERT_TRUE(Eventually([&] { return IsDone(hand_over); }));
  for (const std::string& name : his) {
    EXPECT_EQ(State(name)->worker(), successor) << name;
    EXPECT_NE(NextClock(*State(name)), nullptr);
    EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_HANDED_OVER), 1U);
  }
  EXPECT_TRUE(Inbox(Worker(leaver, "r-320585100001"), "workers/" + leaver).empty());
  auto note = On<v1::AddNoteRequest>(his[0]);
  note.set_text("one more thing");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddNote, Worker(leaver, "r-elsewhere"), note)), "NOT_YOUR_NEED");
  v1::GetHandOverRequest get;
  get.set_name(hand_over);
  auto seen = Call(*assignment, &Assignment::GetHandOver, dispatcher, get);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->hand_over().handed_over(), static_cast<int>(his.size()));
  EXPECT_EQ(seen->hand_over().remaining(), 0);
  EXPECT_EQ(seen->hand_over().note(), "MARK-knows the stairs");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetHandOver, other_head, get)), "HAND_OVER_NOT_FOUND");
  auto again = Call(*assignment, &Assignment::HandOverWork, dispatcher, request);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->hand_over().name(), hand_over);
  auto other_body = request;
  other_body.set_note("another");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::HandOverWork, dispatcher, other_body)), "REQUEST_ID_REUSED");
  EXPECT_EQ(Call(*assignment, &Assignment::ListHandOvers, dispatcher, v1::ListHandOversRequest())->hand_overs_size(), 1);
  EXPECT_EQ(Call(*assignment, &Assignment::ListHandOvers, other_head, v1::ListHandOversRequest())->hand_overs_size(), 0);
}

TEST_F(Elsewhere, WhatHasNoFittingSuccessorItsHeadAssigns) {
  std::string name;
  const Who worker = Assigned("unassigned", &name);
  const std::string elsewhere = SomebodyAt("s02");
  auto started = Call(*assignment, &Assignment::HandOverWork, head, Leaving(worker.worker, {{"", elsewhere}}));
  ASSERT_EQ(Reason(started), "OK");
  ASSERT_TRUE(Eventually([&] { return IsDone(started->hand_over().name()); }));
  auto state = State(name);
  EXPECT_EQ(state->stage(), v1::STAGE_ACCEPTED);
  EXPECT_TRUE(state->worker().empty());
  EXPECT_NE(Clock(*state, v1::CLOCK_KIND_ASSIGNMENT), nullptr);
  EXPECT_EQ(State(started->hand_over().name())->hand_over().unassigned(), 1);
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/" + SomebodyAt("s01", worker.worker));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AssignWorker, head, assign)), "OK");
}

TEST_F(Elsewhere, AHandOverGoesOnWhereItWasAfterARestart) {
  Start();
  std::vector<std::string> names;
  std::string leaver;
  for (int i = 0; i < 30; ++i) {
    names.push_back(Submit(Report("restart-" + std::to_string(i))));
    leaver = ToAssigned(names.back());
  }
  const std::string successor = SomebodyAt("s01", leaver);
  assignment->Stop();
  auto started = Call(*assignment, &Assignment::HandOverWork, dispatcher, Leaving(leaver, {{"s01", successor}}));
  ASSERT_EQ(Reason(started), "OK");
  const std::string hand_over = started->hand_over().name();
  EXPECT_FALSE(IsDone(hand_over));
  // Each start may get as far as it likes before the next stop.
  for (int i = 0; i < 5 && !IsDone(hand_over); ++i) {
    assignment->Start();
    ASSERT_TRUE(Eventually([&, before = State(hand_over)->version()] { return State(hand_over)->version() > before || IsDone(hand_over); }));
    assignment->Stop();
  }
  assignment->Start();
  ASSERT_TRUE(Eventually([&] { return IsDone(hand_over); }));
  for (const std::string& name : names) {
    EXPECT_NE(State(name)->worker(), leaver);
    EXPECT_LE(CountEvents(name, v1::EVENT_TYPE_HANDED_OVER), 1U);
  }
}

TEST_F(Elsewhere, AnOrganisationThatLeavesIsTheCentresToHandOver) {
  std::string name;
  const Who worker = Assigned("organisation", &name);
  const std::string organisation = snapshots->Active()->WorkerAt(worker.worker, clock.WallUs())->organisation();
  ASSERT_FALSE(organisation.empty());
  auto request = Leaving("x", {});
  request.clear_worker();
  request.set_organisation(organisation);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::HandOverWork, head, request)), "CENTRE_ONLY");
  auto started = Call(*assignment, &Assignment::HandOverWork, dispatcher, request);
  ASSERT_EQ(Reason(started), "OK");
  EXPECT_GT(started->hand_over().workers_size(), 1);
  ASSERT_TRUE(Eventually([&] { return IsDone(started->hand_over().name()); }));
  EXPECT_TRUE(State(name)->worker().empty());
}

TEST_F(Elsewhere, WhatThePolicySaysNeedsNoVerifierIsClosedAtOnceAndNothingElseIs) {
  std::string name;
  const Who worker = Assigned("light", &name);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::CloseNeed, worker, Ending<v1::CloseNeedRequest>(name, v1::CLOSING_REASON_MOVED))), "VERIFIER_NEEDED");
  Activate([](v1::Directory&, v1::Policy& policy) {
    auto& rule = *policy.add_unverified();
    rule.set_id("care-that-moved");
    rule.mutable_match()->add_types("care");
    rule.add_reasons(v1::CLOSING_REASON_MOVED);
  });
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::CloseNeed, worker, Ending<v1::CloseNeedRequest>(name, v1::CLOSING_REASON_DIED))), "VERIFIER_NEEDED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::CloseNeed, head, Ending<v1::CloseNeedRequest>(name, v1::CLOSING_REASON_MOVED))), "ROLE_NOT_ALLOWED");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::CloseNeed, worker, Ending<v1::CloseNeedRequest>(name, v1::CLOSING_REASON_MOVED))), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_CLOSED);
  EXPECT_EQ(Seen(name).closing_sentence(), "MARK-ended");
  EXPECT_GT(State(name)->reopen_until_us(), clock.WallUs());

  auto report = Report("light-crisis");
  report.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  const std::string crisis = Submit(report);
  const Who there = Worker(ToAssigned(crisis), "r-320585100001");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::CloseNeed, there, Ending<v1::CloseNeedRequest>(crisis, v1::CLOSING_REASON_MOVED))), "VERIFIER_NEEDED");
}

TEST_F(Elsewhere, ACaseMeetsItsGradesChecklistBeforeItsGoalsAreMet) {
  std::string name;
  const Who worker = Assigned("checklist", &name);
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("f");
  assess.set_casework(true);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AssessNeed, worker, assess)), "OK");
  auto grade = On<v1::GradeNeedRequest>(name);
  grade.set_grade(v1::GRADE_TWO);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::GradeNeed, worker, grade)), "OK");
  auto plan = On<v1::PlanServiceRequest>(name);
  plan.add_goals("g");
  plan.set_measures("m");
  plan.set_planned_services(2);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::PlanService, worker, plan)), "OK");
  auto serve = [&] {
    auto service = On<v1::RecordServiceRequest>(name);
    *service.mutable_start_time() = ToTimestamp(clock.WallUs());
    service.mutable_duration()->set_seconds(1800);
    service.set_form("visit");
    service.set_content("c");
    return Reason(Call(*assignment, &Assignment::RecordService, worker, service));
  };
  ASSERT_EQ(serve(), "OK");
  auto close = [&] {
    auto request = Ending<v1::RequestClosingRequest>(name, v1::CLOSING_REASON_GOALS_MET);
    request.mutable_closing()->set_goals(v1::GOALS_OUTCOME_MET);
    request.mutable_closing()->set_final_grade(v1::GRADE_THREE);
    request.mutable_closing()->set_services_given("two visits");
    request.mutable_closing()->set_unconfirmed_reason("asleep");
    return Call(*assignment, &Assignment::RequestClosing, worker, request);
  };
  auto refused = close();
  ASSERT_EQ(Reason(refused), "CHECKLIST_OPEN");
  EXPECT_EQ(refused.error().metadata.front().second, "SERVICES,FOLLOW_UP");
  EXPECT_NE(refused.error().message_zh.find("追踪辅导记录"), std::string::npos);
  ASSERT_EQ(serve(), "OK");
  auto follow_up = On<v1::RecordFollowUpRequest>(name);
  follow_up.set_findings("f");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RecordFollowUp, worker, follow_up)), "OK");
  EXPECT_EQ(Reason(close()), "OK");
}

}  // namespace
}  // namespace gridloop
