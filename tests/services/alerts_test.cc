// Whom a need reaches: a crisis wherever it stands, what is escalated, what the centre verifies, what a worker found.
#include "services/city.h"

namespace gridloop {
namespace {

bool Holds(const std::vector<std::string>& inbox, const std::string& name) { return std::ranges::find(inbox, name) != inbox.end(); }

v1::SubmitNeedRequest Crisis(v1::SubmitNeedRequest request) {
  request.mutable_report()->add_dangers("violence");
  return request;
}

TEST_F(City, ACrisisThatIsHeldRingsAtTheCentreAndAtWhoHasItsRosterByDayAndByNight) {
  Start();
  for (int64_t at_us : {kMondayNineUs, kMondayNineUs + 14 * kHourUs}) {
    clock.AdvanceTo(at_us);
    std::string name = Submit(Crisis(Report("held-" + std::to_string(at_us), "999999999999999")));
    ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
    EXPECT_TRUE(Holds(Inbox(officer, "units/center"), name));
    EXPECT_TRUE(Holds(Inbox(officer, "workers/c-duty-1"), name));  // duty.csv: the centre's roster of that day
  }
}

TEST_F(City, ACrisisWithoutADirectoryRingsAtTheCentre) {
  MemoryDirectories empty;
  Snapshots none(empty);
  World bare{*ledger, *ledger, keys, none, clock, ids, secret};
  Intake bare_intake(bare);
  Routing bare_routing(bare);
  bare_routing.Start();
  auto request = Report("early");
  request.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  auto submitted = Call(bare_intake, &Intake::SubmitNeed, app, request);
  ASSERT_TRUE(submitted) << submitted.error().message;
  ASSERT_TRUE(Reaches(submitted->name(), v1::STAGE_HELD));
  ASSERT_EQ(State(submitted->name())->alerts_size(), 1);
  EXPECT_EQ(State(submitted->name())->alerts(0).unit(), "center");
}

TEST_F(City, ARecalledCrisisGoesOnRinging) {
  Start();
  std::string name = Submit(Crisis(Report("recalled")));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  std::string worker = State(name)->offer().worker();
  ASSERT_FALSE(worker.empty());
  auto recall = On<v1::RecallNeedRequest>(name);
  recall.set_reason("the other end of town");
  ASSERT_TRUE(Call(*routing, &Routing::RecallNeed, dispatcher, recall));
  EXPECT_EQ(State(name)->stage(), v1::STAGE_HELD);
  for (const std::string& box : {std::string("units/center"), std::string("workers/c-duty-1"), "workers/" + worker}) {
    EXPECT_TRUE(Holds(Inbox(officer, box), name) || Holds(Inbox(Worker(worker, "r-320585100001"), box), name)) << box;
  }
}

TEST_F(City, ACrisisInARoomWhoseOnlyWorkerIsOnLeaveRingsAtAWorkerOfTheStation) {
  clock.AdvanceTo(kMondayNineUs + 7 * kDayUs + kHourUs);  // leaves.csv: w-0005 is away this week
  Start();
  std::string name = Submit(Crisis(Report("on-leave", "320585100009001")));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  ASSERT_EQ(State(name)->unit(), "r-320585100009");
  std::string worker = State(name)->offer().worker();
  ASSERT_FALSE(worker.empty());
  EXPECT_NE(worker, "w-0005");
  EXPECT_TRUE(Holds(Inbox(Worker(worker, "s01"), "workers/" + worker), name));
}

TEST_F(City, WhatAStationOwnsEscalatesToTheCentreUntilTheStepIsDone) {
  Start();
  std::string name = SubmitAndOffer("of-the-station");
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  ASSERT_EQ(State(name)->owner(), "s01");
  ASSERT_FALSE(Holds(Inbox(dispatcher, "units/center"), name));
  clock.AdvanceTo(NextClock(*State(name))->start().due_us());  // nobody was assigned in time
  ASSERT_TRUE(Eventually([&] { return State(name)->escalation_level() == 2; }));
  EXPECT_TRUE(Holds(Inbox(dispatcher, "units/center"), name));
  EXPECT_EQ(State(name)->owner(), "s01");
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/w-0002");
  auto assigned = Call(*assignment, &Assignment::AssignWorker, head, assign);
  ASSERT_TRUE(assigned) << assigned.error().message;
  EXPECT_FALSE(Holds(Inbox(dispatcher, "units/center"), name));
}

TEST_F(City, WhatAStationsHeadEscalatesIsInTheCentresInbox) {
  Start();
  std::string name = SubmitAndOffer("asks-for-help");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  ASSERT_FALSE(Holds(Inbox(dispatcher, "units/center"), name));
  auto escalate = On<v1::EscalateNeedRequest>(name);
  escalate.set_reason("beyond what this station can do");
  ASSERT_TRUE(Call(*assignment, &Assignment::EscalateNeed, head, escalate));
  EXPECT_EQ(State(name)->escalated_unit(), "center");
  EXPECT_TRUE(Holds(Inbox(dispatcher, "units/center"), name));
}

TEST_F(City, AClosingThatTheCentreVerifiesWaitsInItsInbox) {
  Start();
  std::string name = Submit(Report("grade-one"));
  Who executor = Worker(ToAssigned(name), "r-320585100001");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("severe");
  assess.set_casework(true);
  ASSERT_TRUE(Call(*assignment, &Assignment::AssessNeed, executor, assess));
  auto grade = On<v1::GradeNeedRequest>(name);
  grade.set_grade(v1::GRADE_ONE);
  grade.set_reason("severe");
  auto graded = Call(*assignment, &Assignment::GradeNeed, executor, grade);
  ASSERT_TRUE(graded) << graded.error().message;
  ASSERT_FALSE(Holds(Inbox(dispatcher, "units/center"), name));
  auto closing = On<v1::RequestClosingRequest>(name);
  closing.mutable_closing()->set_reason(v1::CLOSING_REASON_MOVED);
  closing.mutable_closing()->set_result_summary("moved away");
  closing.mutable_closing()->set_reporter_sentence("moved away");
  auto requested = Call(*assignment, &Assignment::RequestClosing, executor, closing);
  ASSERT_TRUE(requested) << requested.error().message;
  EXPECT_TRUE(Holds(Inbox(dispatcher, "units/center"), name));
  auto verify = On<v1::VerifyClosingRequest>(name);
  verify.set_closing(Base32(State(name)->closing_event_id()));
  verify.set_approve(false);
  verify.set_reasons("where to?");
  ASSERT_TRUE(Call(*assignment, &Assignment::VerifyClosing, dispatcher, verify));
  EXPECT_FALSE(Holds(Inbox(dispatcher, "units/center"), name));
}

TEST_F(City, AResidentWorkerOfTheStationTakesAtOnceWhatSheFoundInARoomsCellAlsoAtNight) {
  Start();
  for (int64_t at_us : {kMondayNineUs, kMondayNineUs + 14 * kHourUs}) {
    clock.AdvanceTo(at_us);
    Who finder = Worker("w-0003", "s01");  // posted in two other rooms and at the station
    auto request = Report("found-" + std::to_string(at_us));
    request.mutable_report()->set_source(v1::SOURCE_SELF_FOUND);
    request.mutable_report()->set_self_accept(true);
    if (at_us != kMondayNineUs) request.mutable_report()->set_reported_urgency(v1::URGENCY_URGENT);
    auto submitted = Call(*intake, &Intake::SubmitNeed, finder, request);
    ASSERT_TRUE(submitted) << submitted.error().message;
    std::string name = submitted->name();
    ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
    EXPECT_EQ(State(name)->unit(), "r-320585100001");
    EXPECT_EQ(State(name)->offer().worker(), "w-0003");
    auto accepted = Call(*assignment, &Assignment::AcceptOffer, finder, Accepting(name));
    ASSERT_TRUE(accepted) << accepted.error().message;
  }
}

}  // namespace
}  // namespace gridloop
