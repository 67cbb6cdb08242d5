// Crisis, restricted needs, withdrawal, verification.
#include <set>

#include "services/city.h"

namespace gridloop {
namespace {

bool Holds(const std::vector<std::string>& inbox, const std::string& name) { return std::ranges::find(inbox, name) != inbox.end(); }

v1::SubmitNeedRequest Crisis(v1::SubmitNeedRequest request) {
  request.mutable_report()->add_dangers("violence");
  return request;
}

TEST_F(City, ACrisisRingsAtTheWorkerTheStationAndTheCentre) {
  Start();
  auto submitted = Call(*intake, &Intake::SubmitNeed, app, Crisis(Report("crisis")));
  ASSERT_TRUE(submitted);
  EXPECT_EQ(submitted->urgency(), v1::URGENCY_CRISIS);
  EXPECT_NE(submitted->emergency_advice().find("110"), std::string::npos);
  EXPECT_NE(submitted->emergency_advice().find("120"), std::string::npos);
  std::string name = submitted->name();
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  std::string worker = State(name)->offer().worker();
  ASSERT_FALSE(worker.empty());
  EXPECT_TRUE(Holds(Inbox(Worker(worker, "r-320585100001"), "workers/" + worker), name));
  EXPECT_TRUE(Holds(Inbox(head, "units/s01"), name));
  EXPECT_TRUE(Holds(Inbox(officer, "units/center"), name));
}

TEST_F(City, ACrisisAtNightRingsAtTheDutyRosterAndItsWorkerMayAccept) {
  clock.AdvanceTo(kMondayNineUs + 14 * kHourUs);  // 23:00
  Start();
  std::string name = Submit(Crisis(Report("night")));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  auto state = State(name);
  EXPECT_EQ(state->offer().worker(), "w-0001");  // duty.csv: the room's roster of that day
  EXPECT_TRUE(state->offer().direct_accept());
  EXPECT_TRUE(Holds(Inbox(Worker("w-0001", "r-320585100001"), "workers/w-0001"), name));
  EXPECT_TRUE(Holds(Inbox(head, "units/s01"), name));
  EXPECT_TRUE(Holds(Inbox(officer, "units/center"), name));
  auto accepted = Call(*assignment, &Assignment::AcceptOffer, Worker("w-0001", "r-320585100001"), Accepting(name));
  EXPECT_TRUE(accepted) << accepted.error().message;
}

TEST_F(City, EmergencyActionIsRecordedBeforeAnybodyHasAccepted) {
  Start();
  std::string name = Submit(Crisis(Report("first-aid")));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  auto record = On<v1::RecordEmergencyActionRequest>(name);
  record.set_action("called 110, stayed with the child");
  auto recorded = Call(*assignment, &Assignment::RecordEmergencyAction, officer, record);
  ASSERT_TRUE(recorded) << recorded.error().message;
  EXPECT_EQ(recorded->outcome().stage(), v1::STAGE_OFFERED);
}

TEST_F(City, AWithdrawalIsRefusedForACrisisAndForAMinorsNeedAndAfterAcceptance) {
  Start();
  auto withdraw = [&](const std::string& name) { return Call(*intake, &Intake::WithdrawNeed, app, On<v1::WithdrawNeedRequest>(name)); };
  EXPECT_EQ(withdraw(Submit(Crisis(Report("w-crisis")))).error().reason, "WITHDRAWAL_BARRED");
  auto minor = Report("w-minor");
  minor.mutable_report()->add_categories("children-in-difficulty");
  EXPECT_EQ(withdraw(Submit(minor)).error().reason, "WITHDRAWAL_BARRED");
  std::string accepted = SubmitAndOffer("w-accepted");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(accepted)));
  EXPECT_EQ(withdraw(accepted).error().code, Code::kFailedPrecondition);
  std::string open = SubmitAndOffer("w-open");
  EXPECT_TRUE(withdraw(open));
  EXPECT_EQ(State(open)->stage(), v1::STAGE_WITHDRAWN);
  EXPECT_EQ(Call(*assignment, &Assignment::AddNote, head,
                 [&] {
                   auto note = On<v1::AddNoteRequest>(open);
                   note.set_text("too late");
                   return note;
                 }())
                .error()
                .reason,
            "NEED_ENDED");
}

TEST_F(City, ARestrictedNeedShowsAColleagueItsNumberAndClockAlone) {
  Start();
  auto request = Report("restricted");
  request.mutable_report()->set_restricted(true);
  std::string name = Submit(request);
  std::string worker = ToAssigned(name);
  v1::AssignmentServiceGetNeedRequest get;
  get.set_name(name);
  get.set_purpose("curious");
  std::string colleague = worker == "w-0002" ? "w-0003" : "w-0002";
  auto cut = Call(*assignment, &Assignment::GetNeed, Worker(colleague, "s01"), get);
  ASSERT_TRUE(cut) << cut.error().message;
  std::set<std::string> shown;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  cut->need().GetReflection()->ListFields(cut->need(), &fields);
  for (const auto* field : fields) shown.insert(field->name());
  EXPECT_EQ(shown, (std::set<std::string>{"name", "number", "etag", "position", "restricted", "deadlines"}));
  auto list = Call(*assignment, &Assignment::ListInbox, Worker(colleague, "s01"), [] {
    v1::ListInboxRequest inbox;
    inbox.set_parent("units/s01");
    return inbox;
  }());
  ASSERT_TRUE(list);
  ASSERT_EQ(list->needs_size(), 1);
  EXPECT_EQ(list->needs(0).stage(), v1::STAGE_UNSPECIFIED);
  EXPECT_EQ(list->needs(0).grid_code(), "");
  auto whole = Call(*assignment, &Assignment::GetNeed, Worker(worker, "r-320585100001"), get);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->need().stage(), v1::STAGE_ASSIGNED);
  EXPECT_EQ(whole->need().report().summary(), "MARK-summary");
}

TEST_F(City, AServiceCountsForWhoEmployedTheWorkerThatDayAndWhoHasLeftIsNotAssigned) {
  Start();
  std::string name = Submit(Report("terms"));
  std::string worker = ToAssigned(name);
  Who executor = Worker(worker, "r-320585100001");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("no casework");
  ASSERT_TRUE(Call(*assignment, &Assignment::AssessNeed, executor, assess));
  v1::Directory changed = snapshots->Active()->directory();
  for (auto& each : *changed.mutable_workers()) {
    if (each.name() == "workers/" + worker) each.mutable_validity()->set_to_date("2026-03-01");  // yesterday
  }
  auto hash = directories.Put(changed.SerializeAsString());
  ASSERT_TRUE(hash);
  auto active = snapshots->Active()->hashes();
  active.set_directory_hash(*hash);
  ASSERT_TRUE(directories.Activate(active));

  auto service = On<v1::RecordServiceRequest>(name);
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000);
  service.mutable_duration()->set_seconds(1800);
  service.set_form("visit");
  service.set_content("a visit");
  service.add_workers("workers/" + worker);
  auto today = Call(*assignment, &Assignment::RecordService, executor, service);
  ASSERT_FALSE(today);
  EXPECT_EQ(today.error().reason, "WORKER_NOT_FOUND");
  EXPECT_NE(today.error().message.find("on 2026-03-02"), std::string::npos);
  service.mutable_start_time()->set_seconds((clock.WallUs() - kDayUs) / 1'000'000);
  auto yesterday = Call(*assignment, &Assignment::RecordService, executor, service);
  ASSERT_TRUE(yesterday) << yesterday.error().message;
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/" + worker);
  auto assigned = Call(*assignment, &Assignment::AssignWorker, head, assign);
  ASSERT_FALSE(assigned);
  EXPECT_EQ(assigned.error().reason, "WORKER_NOT_FOUND");
}

TEST_F(City, WhoServedNeverVerifiesNorDoesTheirOrganisation) {
  Start();
  std::string name = Submit(Report("verify"));
  std::string worker = ToAssigned(name);
  Who executor = Worker(worker, "r-320585100001");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("no casework");
  ASSERT_TRUE(Call(*assignment, &Assignment::AssessNeed, executor, assess));
  auto service = On<v1::RecordServiceRequest>(name);
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000);
  service.mutable_duration()->set_seconds(1800);
  service.set_form("visit");
  service.set_content("a visit");
  auto recorded = Call(*assignment, &Assignment::RecordService, executor, service);
  ASSERT_TRUE(recorded) << recorded.error().message;
  auto closing = On<v1::RequestClosingRequest>(name);
  closing.mutable_closing()->set_reason(v1::CLOSING_REASON_GOALS_MET);
  closing.mutable_closing()->set_result_summary("done");
  closing.mutable_closing()->set_reporter_sentence("done");
  auto requested = Call(*assignment, &Assignment::RequestClosing, executor, closing);
  ASSERT_TRUE(requested) << requested.error().message;
  auto verify = On<v1::VerifyClosingRequest>(name);
  verify.set_closing(Base32(State(name)->closing_event_id()));
  verify.set_approve(true);
  // The executor with a head's credential, and a colleague of the executing organisation with one.
  std::string organisation = snapshots->Active()->WorkerAt(worker, clock.WallUs())->organisation();
  std::string colleague;
  for (const auto* each : snapshots->Active()->WorkersAt("s01", clock.WallUs())) {
    if (each->organisation() == organisation && BareId(each->name()) != worker) colleague = BareId(each->name());
  }
  ASSERT_FALSE(colleague.empty());
  for (const std::string& id : {worker, colleague}) {
    Who disguised{"station", "head-" + id, v1::ROLE_STATION_HEAD, "s01", id};
    auto refused = Call(*assignment, &Assignment::VerifyClosing, disguised, verify);
    ASSERT_FALSE(refused) << id;
    EXPECT_TRUE(refused.error().code == Code::kFailedPrecondition || refused.error().code == Code::kPermissionDenied) << static_cast<int>(refused.error().code);
    EXPECT_FALSE(refused.error().message.empty());
  }
  EXPECT_EQ(State(name)->stage(), v1::STAGE_EVALUATED);
  EXPECT_EQ(Call(*assignment, &Assignment::VerifyClosing, dispatcher, verify).error().reason, "OTHER_VERIFIER");
  auto closed = Call(*assignment, &Assignment::VerifyClosing, head, verify);
  ASSERT_TRUE(closed) << closed.error().message;
  EXPECT_EQ(State(name)->stage(), v1::STAGE_CLOSED);

  v1::GetTimelineRequest timeline;
  timeline.set_name(name);
  auto read = Call(*audit, &Audit::GetTimeline, auditor, timeline);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->chain_intact());
}

TEST_F(City, ATimelineThatCannotBeReadNowIsNotCalledBroken) {
  std::string name = Submit(Report("unread"));
  v1::GetTimelineRequest timeline;
  timeline.set_name(name);
  store.FailEventReads("input/output error");
  auto unread = Call(*audit, &Audit::GetTimeline, auditor, timeline);
  ASSERT_FALSE(unread);
  EXPECT_EQ(unread.error().code, Code::kUnavailable);
  store.FailEventReads("");
  EXPECT_TRUE(Call(*audit, &Audit::GetTimeline, auditor, timeline)->chain_intact());
}

TEST_F(City, WhatCannotBeReadNowIsNeverTakenForNothing) {
  Start();
  std::string answered = Submit(Report("answered"));
  const Who worker = Worker(ToAssigned(answered), "r-320585100001");
  auto answer = On<v1::AnswerNeedRequest>(answered);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  answer.mutable_closing()->set_result_summary("told");
  answer.mutable_closing()->set_reporter_sentence("done");
  ASSERT_TRUE(Call(*assignment, &Assignment::AnswerNeed, worker, answer));
  std::string late = Submit(Report("late"));
  const Who late_worker = Worker(ToAssigned(late), "r-320585100001");
  clock.AdvanceTo(NextClock(*State(late))->start().due_us());
  ASSERT_TRUE(Eventually([&] { return CountEvents(late, v1::EVENT_TYPE_ESCALATED) > 0; }));

  v1::AssignmentServiceGetNeedRequest read;
  read.set_name(late);
  read.set_purpose("visit");
  v1::IntakeServiceGetNeedRequest outcome;
  outcome.set_name(answered);
  v1::ReplayRouteRequest replay;
  replay.set_name(late);
  v1::ExplainDeadlineRequest explain;
  explain.set_name(late);
  auto refused = [](const auto& response) { return response ? std::string("answered") : response.error().reason; };
  auto ask = [&] {
    return std::vector<std::string>{refused(Call(*assignment, &Assignment::GetNeed, late_worker, read)),
                                    refused(Call(*intake, &Intake::GetNeed, app, outcome)),
                                    refused(Call(*intake, &Intake::ListNeeds, app, v1::ListNeedsRequest())),
                                    refused(Call(*routing, &Routing::ReplayRoute, dispatcher, replay)),
                                    refused(Call(*audit, &Audit::ExplainDeadline, auditor, explain)),
                                    refused(Call(*audit, &Audit::ListOpenLoops, auditor, v1::ListOpenLoopsRequest()))};
  };
  EXPECT_EQ(ask(), std::vector<std::string>(6, "answered"));
  store.FailEventReads("input/output error");
  EXPECT_EQ(ask(), std::vector<std::string>(6, "LOG_UNREADABLE"));
  store.FailEventReads("");
  EXPECT_EQ(ask(), std::vector<std::string>(6, "answered"));
}

TEST_F(City, AnOldEtagIsRefusedWithTheVersionThatTheNeedHasNow) {
  Start();
  std::string name = SubmitAndOffer("etag");
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("one");
  note.set_etag("1");
  auto refused = Call(*assignment, &Assignment::AddNote, head, note);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAborted);
  EXPECT_EQ(refused.error().reason, "ETAG_MISMATCH");
  note.set_etag(std::to_string(State(name)->version()));
  EXPECT_TRUE(Call(*assignment, &Assignment::AddNote, head, note));
}

}  // namespace
}  // namespace gridloop
