// Who is assigned when, what a closing needs and who verifies it, and clocks that do not multiply.
#include <set>

#include "services/city.h"

namespace gridloop {
namespace {

constexpr char kRoom[] = "r-320585100001";

v1::SubmitNeedRequest Crisis(v1::SubmitNeedRequest request) {
  request.mutable_report()->add_dangers("violence");
  return request;
}

class Work : public City {
 protected:
  Expected<v1::AssignmentServiceGetNeedResponse> Read(const Who& who, const std::string& name) {
    v1::AssignmentServiceGetNeedRequest get;
    get.set_name(name);
    get.set_purpose("on the case");
    return Call(*assignment, &Assignment::GetNeed, who, get);
  }
  bool ReadsPersonal(const Who& who, const std::string& name) {
    auto read = Read(who, name);
    return read && read->need().report().summary() == "MARK-summary" && read->history_size() > 0;
  }
  template <class Response>
  std::string Reason(const Expected<Response>& response) {
    return response ? "OK" : response.error().reason;
  }
  std::string Accept(const Who& who, const std::string& name) { return Reason(Call(*assignment, &Assignment::AcceptOffer, who, Accepting(name))); }
  std::string Assign(const Who& who, const std::string& name, const std::string& worker) {
    auto request = On<v1::AssignWorkerRequest>(name);
    request.set_worker("workers/" + worker);
    return Reason(Call(*assignment, &Assignment::AssignWorker, who, request));
  }
  std::string Assess(const Who& who, const std::string& name, bool casework) {
    auto request = On<v1::AssessNeedRequest>(name);
    request.set_findings("findings");
    request.set_casework(casework);
    return Reason(Call(*assignment, &Assignment::AssessNeed, who, request));
  }
  std::string Serve(const Who& who, const std::string& name) {
    auto request = On<v1::RecordServiceRequest>(name);
    request.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000);
    request.mutable_duration()->set_seconds(1800);
    request.set_form("visit");
    request.set_content("a visit");
    return Reason(Call(*assignment, &Assignment::RecordService, who, request));
  }
  std::string GradeAndPlan(const Who& who, const std::string& name) {
    auto grade = On<v1::GradeNeedRequest>(name);
    grade.set_grade(v1::GRADE_THREE);
    if (auto graded = Call(*assignment, &Assignment::GradeNeed, who, grade); !graded) return graded.error().reason;
    auto plan = On<v1::PlanServiceRequest>(name);
    plan.add_goals("a goal");
    plan.set_measures("measures");
    return Reason(Call(*assignment, &Assignment::PlanService, who, plan));
  }
  static v1::Closing Closing(v1::ClosingReason reason) {
    v1::Closing closing;
    closing.set_reason(reason);
    closing.set_result_summary("result");
    closing.set_reporter_sentence("sentence");
    return closing;
  }
  Expected<v1::RequestClosingResponse> RequestClosing(const Who& who, const std::string& name, const v1::Closing& closing) {
    auto request = On<v1::RequestClosingRequest>(name);
    *request.mutable_closing() = closing;
    return Call(*assignment, &Assignment::RequestClosing, who, request);
  }
  std::string Verify(const Who& who, const std::string& name, const std::string& closing) {
    auto request = On<v1::VerifyClosingRequest>(name);
    request.set_closing(closing);
    request.set_approve(true);
    return Reason(Call(*assignment, &Assignment::VerifyClosing, who, request));
  }
  std::string Answer(const Who& who, const std::string& name) {
    auto request = On<v1::AnswerNeedRequest>(name);
    *request.mutable_closing() = Closing(v1::CLOSING_REASON_ANSWERED);
    return Reason(Call(*assignment, &Assignment::AnswerNeed, who, request));
  }
  std::string Escalate(const Who& who, const std::string& name) {
    auto request = On<v1::EscalateNeedRequest>(name);
    request.set_reason("reason");
    return Reason(Call(*assignment, &Assignment::EscalateNeed, who, request));
  }
  int64_t Clocks(const std::string& name, v1::ClockKind kind) {
    auto state = State(name);
    return std::ranges::count_if(state->clocks(), [kind](const auto& each) { return each.start().kind() == kind; });
  }
  // Assessed as no casework, served once, closing requested by the worker.
  void ServeAndRequest(const Who& worker, const std::string& name) {
    ASSERT_EQ(Assess(worker, name, false), "OK");
    ASSERT_EQ(Serve(worker, name), "OK");
    ASSERT_EQ(Reason(RequestClosing(worker, name, Closing(v1::CLOSING_REASON_GOALS_MET))), "OK");
  }
};

TEST_F(Work, WhoAcceptsACrisisAtNightIsAssignedAndTheCentreVerifiesItsClosing) {
  clock.AdvanceTo(kMondayNineUs + 13 * kHourUs);  // 22:00
  Start();
  std::string name = Submit(Crisis(Report("night")));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  const Who duty = Worker("w-0001", kRoom);
  ASSERT_EQ(Accept(duty, name), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_ASSIGNED);
  EXPECT_EQ(State(name)->worker(), "w-0001");
  EXPECT_EQ(State(name)->executor_organisations(0), "o1");
  EXPECT_EQ(Clocks(name, v1::CLOCK_KIND_ASSIGNMENT), 0);
  EXPECT_TRUE(ReadsPersonal(duty, name));
  EXPECT_EQ(Answer(duty, name), "CRISIS_NOT_ANSWERED");
  EXPECT_EQ(Answer(head, name), "CRISIS_NOT_ANSWERED");
  ServeAndRequest(duty, name);
  auto seen = Read(officer, name);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->need().report().summary(), "MARK-summary");
  EXPECT_FALSE(ReadsPersonal(head, name));
  EXPECT_EQ(Verify(head, name, seen->need().closing()), "OTHER_VERIFIER");
  EXPECT_EQ(Verify(officer, name, seen->need().closing()), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_CLOSED);
}

TEST_F(Work, WhoFoundANeedAndTakesItIsAssigned) {
  Start();
  const Who finder = Worker("w-0001", kRoom);
  auto request = Report("self-found");
  request.mutable_report()->set_self_accept(true);
  request.mutable_report()->set_source(v1::SOURCE_SELF_FOUND);
  auto submitted = Call(*intake, &Intake::SubmitNeed, finder, request);
  ASSERT_TRUE(submitted) << submitted.error().message;
  std::string name = submitted->name();
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  ASSERT_EQ(Accept(finder, name), "OK");
  EXPECT_TRUE(ReadsPersonal(finder, name));
  EXPECT_EQ(Answer(finder, name), "OK");
}

TEST_F(Work, TheCentresOwnDutyOfficerAcceptsOnlyWhatHisRosterRings) {
  clock.AdvanceTo(kMondayNineUs + 13 * kHourUs);
  Start();
  std::string rooms = Submit(Crisis(Report("of-the-room")));
  auto at_school = Crisis(Report("of-the-school", {}));
  at_school.mutable_report()->mutable_location()->set_institution("school-1");
  std::string schools = Submit(at_school);
  ASSERT_TRUE(Reaches(rooms, v1::STAGE_OFFERED));
  ASSERT_TRUE(Reaches(schools, v1::STAGE_OFFERED));
  ASSERT_EQ(State(schools)->offer().worker(), "c-duty-1");  // no roster of its own, so the centre's
  EXPECT_EQ(Accept(officer, rooms), "HEAD_ACCEPTS");
  EXPECT_EQ(Accept(dispatcher, rooms), "ROLE_NOT_ALLOWED");
  ASSERT_EQ(Accept(officer, schools), "OK");
  EXPECT_TRUE(ReadsPersonal(officer, schools));
  EXPECT_EQ(Assign(officer, schools, "w-0083"), "OK");
  EXPECT_EQ(State(schools)->worker(), "w-0083");
}

TEST_F(Work, ASuggestedWorkerNeitherAcceptsNorDeclinesForTheHead) {
  Start();
  std::string name = SubmitAndOffer("suggested");
  const Who suggested = Worker(State(name)->offer().worker(), kRoom);
  EXPECT_EQ(Accept(suggested, name), "HEAD_ACCEPTS");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DeclineOffer, suggested, Declining(name))), "HEAD_ACCEPTS");
  EXPECT_EQ(Accept(dispatcher, name), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_OFFERED);
}

TEST_F(Work, UntilAWorkerIsAssignedTheHeadWhoAcceptedReadsTheNeed) {
  Start();
  std::string name = SubmitAndOffer("head");
  std::string worker = State(name)->offer().worker();
  ASSERT_EQ(Accept(head, name), "OK");
  EXPECT_TRUE(ReadsPersonal(head, name));
  EXPECT_FALSE(ReadsPersonal(dispatcher, name));
  ASSERT_EQ(Assign(head, name, worker), "OK");
  EXPECT_FALSE(ReadsPersonal(head, name));
  EXPECT_TRUE(ReadsPersonal(Worker(worker, kRoom), name));
}

TEST_F(Work, WhoeverVerifiesARestrictedNeedSeesWhatIsVerified) {
  Start();
  auto request = Report("restricted");
  request.mutable_report()->set_restricted(true);
  std::string name = Submit(request);
  std::string worker = ToAssigned(name);
  EXPECT_EQ(Read(head, name)->need().stage(), v1::STAGE_UNSPECIFIED);
  ServeAndRequest(Worker(worker, kRoom), name);
  auto seen = Read(head, name);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->need().stage(), v1::STAGE_EVALUATED);
  EXPECT_EQ(seen->need().report().summary(), "MARK-summary");
  EXPECT_EQ(Read(officer, name)->need().closing(), "");
  // Who is of the executing organisation verifies nothing, and reads nothing for it.
  Who colleague{"station", "head-2", v1::ROLE_STATION_HEAD, "s01", "w-0003"};
  EXPECT_EQ(Read(colleague, name)->need().closing(), "");
  // Nor does any other read or command show it to them.
  v1::GetTimelineRequest timeline;
  timeline.set_name(name);
  EXPECT_EQ(Call(*audit, &Audit::GetTimeline, head, timeline)->entries(0).type(), v1::EVENT_TYPE_SUBMITTED);
  EXPECT_EQ(Call(*audit, &Audit::GetTimeline, colleague, timeline)->entries(0).type(), v1::EVENT_TYPE_UNSPECIFIED);
  v1::ExplainDeadlineRequest explain;
  explain.set_name(name);
  EXPECT_EQ(Call(*audit, &Audit::ExplainDeadline, head, explain)->started_by(), v1::EVENT_TYPE_CLOSING_REQUESTED);
  EXPECT_EQ(Call(*audit, &Audit::ExplainDeadline, colleague, explain)->started_by(), v1::EVENT_TYPE_UNSPECIFIED);
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("seen in the street");
  EXPECT_EQ(Call(*assignment, &Assignment::AddNote, colleague, note)->outcome().stage(), v1::STAGE_UNSPECIFIED);
  EXPECT_EQ(Verify(head, name, seen->need().closing()), "OK");
  EXPECT_FALSE(ReadsPersonal(head, name));
}

TEST_F(Work, StaffOfTheCentreWhoAreOfTheExecutingOrganisationSeeNothingOfWhatTheCentreVerifies) {
  Start();
  auto request = Report("school-restricted", {});
  request.mutable_report()->mutable_location()->set_institution("school-1");
  request.mutable_report()->set_restricted(true);
  std::string name = Submit(request);
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  const Who school{"school", "head-school", v1::ROLE_STATION_HEAD, "x-school", ""};
  ASSERT_EQ(Accept(school, name), "OK");
  ASSERT_EQ(Assign(school, name, "w-0083"), "OK");
  ServeAndRequest(Worker("w-0083", "x-school"), name);
  const std::string organisation = snapshots->Active()->WorkerAt("w-0083", clock.WallUs())->organisation();
  std::string other;
  for (const auto& each : snapshots->Active()->directory().workers()) {
    if (each.organisation() == organisation && each.name() != "workers/w-0083") other = BareId(each.name());
  }
  ASSERT_NE(other, "");
  const Who colleague{"centre", "dispatcher-2", v1::ROLE_DISPATCHER, "center", other};
  v1::ReplayRouteRequest replay;
  replay.set_name(name);
  EXPECT_EQ(Reason(Call(*routing, &Routing::ReplayRoute, dispatcher, replay)), "OK");
  EXPECT_EQ(Reason(Call(*routing, &Routing::ReplayRoute, colleague, replay)), "NEED_RESTRICTED");
  v1::ListOpenLoopsRequest loops;
  loops.set_problem(v1::LOOP_PROBLEM_DUE);
  loops.mutable_due_before()->set_seconds((clock.WallUs() + 365 * kDayUs) / 1'000'000);
  EXPECT_EQ(Call(*audit, &Audit::ListOpenLoops, dispatcher, loops)->loops(0).stage(), v1::STAGE_EVALUATED);
  EXPECT_EQ(Call(*audit, &Audit::ListOpenLoops, colleague, loops)->loops(0).stage(), v1::STAGE_UNSPECIFIED);
  // By the directory of today: whoever has left that organisation verifies, also with the credential of before.
  Activate([&](v1::Directory& directory, v1::Policy&) {
    for (auto& each : *directory.mutable_workers()) {
      if (BareId(each.name()) == other) each.set_organisation("another");
    }
  });
  EXPECT_EQ(Reason(Call(*routing, &Routing::ReplayRoute, colleague, replay)), "OK");
}

TEST_F(Work, ASpecialUnitsClosingIsVerifiedByTheCentreAboveIt) {
  Start();
  auto request = Report("school", {});
  request.mutable_report()->mutable_location()->set_institution("school-1");
  std::string name = Submit(request);
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  ASSERT_EQ(State(name)->station(), "center");
  const Who school{"school", "head-school", v1::ROLE_STATION_HEAD, "x-school", ""};
  ASSERT_EQ(Accept(school, name), "OK");
  ASSERT_EQ(Assign(school, name, "w-0083"), "OK");
  ServeAndRequest(Worker("w-0083", "x-school"), name);
  EXPECT_EQ(Verify(dispatcher, name, Read(dispatcher, name)->need().closing()), "OK");
}

TEST_F(Work, WhereTheOnlyHeadServedTheCentreVerifies) {
  Start();
  std::string name = SubmitAndOffer("head-serves");
  ASSERT_EQ(Accept(head, name), "OK");
  ASSERT_EQ(Assign(head, name, "h-s01"), "OK");
  const Who as_worker{"station", "h-s01", v1::ROLE_WORKER, "s01", "h-s01"};
  ServeAndRequest(as_worker, name);
  EXPECT_EQ(Verify(head, name, Base32(State(name)->closing_event_id())), "OTHER_VERIFIER");
  EXPECT_EQ(Verify(dispatcher, name, Read(dispatcher, name)->need().closing()), "OK");
}

TEST_F(Work, AClosingOfCaseworkHoldsWhatItMust) {
  Start();
  std::string name = Submit(Report("casework"));
  const Who worker = Worker(ToAssigned(name), kRoom);
  ASSERT_EQ(Assess(worker, name, true), "OK");
  ASSERT_EQ(GradeAndPlan(worker, name), "OK");
  ASSERT_EQ(Serve(worker, name), "OK");
  auto wrong = [&](const v1::Closing& closing) {
    auto refused = RequestClosing(worker, name, closing);
    std::set<std::string> fields;
    if (!refused) {
      for (const auto& field : refused.error().fields) fields.insert(field.field);
    }
    return fields;
  };
  v1::Closing closing = Closing(v1::CLOSING_REASON_GOALS_MET);
  EXPECT_EQ(wrong(closing), (std::set<std::string>{"closing.goals", "closing.final_grade", "closing.services_given", "closing.unconfirmed_reason"}));
  closing.set_goals(static_cast<v1::GoalsOutcome>(77));
  closing.set_final_grade(static_cast<v1::Grade>(55));
  EXPECT_EQ(wrong(closing), (std::set<std::string>{"closing.goals", "closing.final_grade"}));
  v1::Closing lost = Closing(v1::CLOSING_REASON_LOST_CONTACT);
  EXPECT_EQ(wrong(lost), (std::set<std::string>{"closing.goals", "closing.final_grade", "closing.services_given"}));
  EXPECT_EQ(wrong(Closing(v1::CLOSING_REASON_UNFOUNDED)), (std::set<std::string>{"closing.services_given"}));
  EXPECT_EQ(wrong(Closing(v1::CLOSING_REASON_REFERRED_OUT)), (std::set<std::string>{"closing.reason"}));
  closing.set_goals(v1::GOALS_OUTCOME_PARTLY);
  closing.set_final_grade(v1::GRADE_FOUR);
  closing.set_services_given("one visit");
  EXPECT_EQ(wrong(closing), (std::set<std::string>{"closing.unconfirmed_reason"}));
  closing.set_unconfirmed_reason("was away");
  EXPECT_EQ(Reason(RequestClosing(worker, name, closing)), "OK");
}

TEST_F(Work, CaseworkWithoutAServiceIsClosedWithoutItsFigures) {
  Start();
  std::string name = Submit(Report("moved"));
  const Who worker = Worker(ToAssigned(name), kRoom);
  ASSERT_EQ(Assess(worker, name, true), "OK");
  EXPECT_EQ(Reason(RequestClosing(worker, name, Closing(v1::CLOSING_REASON_MOVED))), "OK");
}

TEST_F(Work, WhoeverIsPostedUnderTheStationCanBeAssigned) {
  Start();
  std::string name = SubmitAndOffer("roster");
  ASSERT_EQ(Accept(head, name), "OK");
  EXPECT_EQ(Assign(head, name, "w-0013"), "NOT_POSTED");  // of another town
  EXPECT_EQ(Assign(head, name, "w-0008"), "OK");          // the station's roster; posted at two of its rooms only
  EXPECT_EQ(Assign(officer, name, "w-0001"), "OK");
}

TEST_F(Work, AssigningAnotherWorkerMultipliesNoClock) {
  Start();
  std::string name = Submit(Report("again"));
  const Who worker = Worker(ToAssigned(name), kRoom);
  ASSERT_EQ(Assess(worker, name, true), "OK");
  for (const char* each : {"w-0002", "w-0003", "w-0001"}) ASSERT_EQ(Assign(head, name, each), "OK");
  EXPECT_EQ(Clocks(name, v1::CLOCK_KIND_GRADING), 1);
  const Who last = Worker("w-0001", kRoom);
  ASSERT_EQ(GradeAndPlan(last, name), "OK");
  ASSERT_EQ(Serve(last, name), "OK");
  for (const char* each : {"w-0002", "w-0003"}) ASSERT_EQ(Assign(head, name, each), "OK");
  EXPECT_EQ(Clocks(name, v1::CLOCK_KIND_SERVICE), 1);
}

TEST_F(Work, HoweverOftenPeopleEscalateOneChaseRuns) {
  Start();
  std::string name = SubmitAndOffer("escalate");
  ASSERT_EQ(Accept(head, name), "OK");
  for (int i = 0; i < 4; ++i) ASSERT_EQ(Escalate(head, name), "OK");
  EXPECT_EQ(Clocks(name, v1::CLOCK_KIND_CHASE), 1);
}

TEST_F(Work, AtTheTopANeedIsNotChasedForEverAtFullRateButACrisisAlsoAtNight) {
  Start();
  std::string routine = SubmitAndOffer("routine");
  ASSERT_EQ(Accept(head, routine), "OK");
  const int64_t started_us = clock.WallUs();
  auto chased = [&](const std::string& need, int times) {
    for (int i = 0; i < times; ++i) {
      uint64_t version = State(need)->version();
      clock.AdvanceTo(NextClock(*State(need))->start().due_us());
      if (!Eventually([&] { return State(need)->version() > version; })) return false;
    }
    return true;
  };
  ASSERT_TRUE(chased(routine, 30));
  EXPECT_GT(clock.WallUs() - started_us, 14 * kDayUs);
  std::string name = Submit(Crisis(Report("crisis")));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  ASSERT_EQ(Accept(head, name), "OK");
  int64_t began_us = clock.WallUs();
  ASSERT_TRUE(chased(name, 30));
  ASSERT_NE(NextClock(*State(name)), nullptr);
  EXPECT_EQ(State(name)->escalation_level(), 2U);
  EXPECT_GT(clock.WallUs() - began_us, 2 * kDayUs);
  EXPECT_LT(clock.WallUs() - began_us, 6 * kDayUs);
  // Such a clock explains itself like any other.
  v1::ExplainDeadlineRequest explain;
  explain.set_name(name);
  auto explained = Call(*audit, &Audit::ExplainDeadline, dispatcher, explain);
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_TRUE(explained->reproduced()) << explained->explanation();
}

TEST_F(Work, WhoeverEscalatesAgainDoesNotPutOffTheChaseThatRuns) {
  Start();
  std::string name = Submit(Report("again"));
  ToAssigned(name);
  auto escalate = [&] {
    auto request = On<v1::EscalateNeedRequest>(name);
    request.set_reason("nobody comes");
    return Call(*assignment, &Assignment::EscalateNeed, head, request);
  };
  auto chase = [&] {
    const auto clocks = State(name)->clocks();
    auto found = std::ranges::find_if(clocks, [](const auto& each) { return each.start().kind() == v1::CLOCK_KIND_CHASE; });
    return found == clocks.end() ? store::v1::RunningClock() : *found;
  };
  ASSERT_TRUE(escalate());
  const auto first = chase();
  ASSERT_NE(first.start().due_us(), 0);
  clock.AdvanceTo(clock.WallUs() + kDayUs);
  ASSERT_TRUE(escalate());
  EXPECT_EQ(chase().start().due_us(), first.start().due_us());
  EXPECT_EQ(chase().started_us(), first.started_us());
  EXPECT_NE(chase().object(), first.object());
}

TEST_F(Work, WhatIsLateAfterAStepWasDoneBeginsOneLevelUpAgain) {
  Start();
  std::string name = Submit(Report("levels"));
  const Who worker = Worker(ToAssigned(name), "r-320585100001");
  auto pass = [&] {
    uint64_t version = State(name)->version();
    clock.AdvanceTo(NextClock(*State(name))->start().due_us());
    return Eventually([&] { return State(name)->version() > version; });
  };
  ASSERT_TRUE(pass());
  ASSERT_TRUE(pass());
  EXPECT_EQ(State(name)->escalation_level(), 2U);
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("seen");
  assess.set_casework(true);
  ASSERT_TRUE(Call(*assignment, &Assignment::AssessNeed, worker, assess));
  EXPECT_EQ(State(name)->escalation_level(), 0U);
  ASSERT_TRUE(pass());
  EXPECT_EQ(State(name)->escalation_level(), 1U);
}

TEST_F(Work, WhatTheCentreHoldsItDispatchesAndDoesNotRecall) {
  Start();
  std::string name = SubmitAndOffer("bounces");
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  auto recall = On<v1::RecallNeedRequest>(name);
  recall.set_reason("again");
  auto refused = Call(*routing, &Routing::RecallNeed, dispatcher, recall);
  EXPECT_EQ(Reason(refused), "ALREADY_HELD");
  EXPECT_NE(refused.error().message.find("DispatchNeed"), std::string::npos);
  EXPECT_EQ(State(name)->held_reason(), v1::HELD_REASON_SECOND_BOUNCE);
}

TEST_F(Work, ARestrictedNeedTellsNobodyElseItsStageUrgencyOrGrade) {
  Start();
  auto request = Report("cut");
  request.mutable_report()->set_restricted(true);
  std::string name = Submit(request);
  const Who worker = Worker(ToAssigned(name), kRoom);
  ASSERT_EQ(Assess(worker, name, true), "OK");
  const Who colleague = Worker(worker.worker == "w-0002" ? "w-0003" : "w-0002", "s01");
  auto seen = Read(colleague, name);
  ASSERT_TRUE(seen);
  ASSERT_GT(seen->need().deadlines_size(), 0);
  for (const auto& deadline : seen->need().deadlines()) {
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    deadline.GetReflection()->ListFields(deadline, &fields);
    std::set<std::string> shown;
    for (const auto* field : fields) shown.insert(field->name());
    EXPECT_EQ(shown, (std::set<std::string>{"start_time", "due_time"}));
  }
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("seen in the street");
  auto noted = Call(*assignment, &Assignment::AddNote, colleague, note);
  ASSERT_TRUE(noted);
  EXPECT_EQ(noted->outcome().stage(), v1::STAGE_UNSPECIFIED);
  auto accept = On<v1::AcceptOfferRequest>(name);
  accept.set_offer(std::string(26, 'a'));
  auto refused = Call(*assignment, &Assignment::AcceptOffer, head, accept);
  EXPECT_EQ(Reason(refused), "WRONG_STAGE");
  EXPECT_EQ(refused.error().message.find("ASSESSED"), std::string::npos);
  EXPECT_TRUE(std::ranges::none_of(refused.error().metadata, [](const auto& each) { return each.first == "stage"; }));
  note.set_request_id("by-the-worker");
  EXPECT_EQ(Call(*assignment, &Assignment::AddNote, worker, note)->outcome().stage(), v1::STAGE_ASSESSED);
}

}  // namespace
}  // namespace gridloop
