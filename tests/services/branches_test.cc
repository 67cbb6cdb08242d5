// Reports that were too thin or wrong, and time: questions, corrections, extensions, holds.
#include <algorithm>

#include "services/city.h"

namespace gridloop {
namespace {

class Branches : public City {
 protected:
  template <class Response>
  static std::string Reason(const Expected<Response>& response) {
    return response ? "OK" : response.error().reason;
  }
  // Assigned, with its worker.
  Who Assigned(const std::string& request_id, std::string* name) {
    Start();
    *name = Submit(Report(request_id));
    return Worker(ToAssigned(*name), "r-320585100001");
  }
  int64_t DueOf(const std::string& name, v1::ClockKind kind) {
    const auto state = State(name);
    for (const auto& each : state->clocks()) {
      if (each.start().kind() == kind) return each.start().due_us();
    }
    return 0;
  }
  int64_t PausedSince(const std::string& name, v1::ClockKind kind) {
    const auto state = State(name);
    for (const auto& each : state->clocks()) {
      if (each.start().kind() == kind) return each.paused_us();
    }
    return -1;
  }
  v1::ReporterNeed Seen(const std::string& name) {
    v1::IntakeServiceGetNeedRequest request;
    request.set_name(name);
    auto response = Call(*intake, &Intake::GetNeed, app, request);
    EXPECT_TRUE(response);
    return response ? response->need() : v1::ReporterNeed();
  }
  v1::AssignmentServiceGetNeedResponse Read(const std::string& name, const Who& who) {
    v1::AssignmentServiceGetNeedRequest request;
    request.set_name(name);
    request.set_purpose("visit");
    auto response = Call(*assignment, &Assignment::GetNeed, who, request);
    EXPECT_TRUE(response) << Reason(response);
    return response ? *response : v1::AssignmentServiceGetNeedResponse();
  }
  v1::ExplainDeadlineResponse Explain(const std::string& name, v1::ClockKind kind) {
    v1::ExplainDeadlineRequest request;
    request.set_name(name);
    request.set_kind(kind);
    auto response = Call(*audit, &Audit::ExplainDeadline, auditor, request);
    EXPECT_TRUE(response) << Reason(response);
    return response ? *response : v1::ExplainDeadlineResponse();
  }
  bool Intact(const std::string& name) {
    v1::GetTimelineRequest request;
    request.set_name(name);
    auto response = Call(*audit, &Audit::GetTimeline, auditor, request);
    return response && response->chain_intact();
  }
  v1::RequestInformationRequest Asking(const std::string& name) {
    auto request = On<v1::RequestInformationRequest>(name);
    request.set_question("MARK-which building?");
    return request;
  }
  v1::RequestHoldRequest Holding(const std::string& name, int64_t end_us) {
    auto request = On<v1::RequestHoldRequest>(name);
    *request.mutable_end_time() = ToTimestamp(end_us);
    request.set_reason("MARK-in hospital");
    return request;
  }
  v1::DecideHoldRequest DecidingHold(const std::string& name, bool approve = true) {
    auto request = On<v1::DecideHoldRequest>(name);
    request.set_hold(Base32(State(name)->hold().event_id()));
    request.set_approve(approve);
    if (!approve) request.set_reasons("not so long");
    return request;
  }
  v1::RequestExtensionRequest Extending(const std::string& name, v1::ClockKind clock_kind, int64_t due_us) {
    auto request = On<v1::RequestExtensionRequest>(name);
    request.set_clock(clock_kind);
    *request.mutable_due_time() = ToTimestamp(due_us);
    request.set_reason("the family is away");
    return request;
  }
  v1::DecideExtensionRequest DecidingExtension(const std::string& name, bool approve = true) {
    auto request = On<v1::DecideExtensionRequest>(name);
    request.set_extension(Base32(State(name)->extension().event_id()));
    request.set_approve(approve);
    if (!approve) request.set_reasons("no");
    return request;
  }
  v1::AmendNeedRequest Amending(const std::string& name, std::initializer_list<const char*> fields) {
    auto request = On<v1::AmendNeedRequest>(name);
    for (const char* field : fields) request.mutable_update_mask()->add_paths(field);
    request.set_reason("said wrongly");
    return request;
  }
  const Who second_head{"station", "head2-s01", v1::ROLE_STATION_HEAD, "s01", "w-other"};
};

TEST_F(Branches, WhileTheReporterIsAskedTheClocksOfTheStepStandStillAndTheAnswerLetsThemGoOn) {
  std::string name;
  const Who worker = Assigned("thin", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  clock.AdvanceTo(kMondayNineUs + kHourUs);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "INFORMATION_OPEN");
  EXPECT_EQ(PausedSince(name, v1::CLOCK_KIND_ASSESSMENT), kMondayNineUs + kHourUs);
  EXPECT_EQ(NextClock(*State(name))->start().kind(), v1::CLOCK_KIND_INFORMATION);
  v1::ReporterNeed seen = Seen(name);
  EXPECT_EQ(seen.question(), "MARK-which building?");
  ASSERT_FALSE(seen.information().empty());
  EXPECT_NE(Explain(name, v1::CLOCK_KIND_ASSESSMENT).explanation().find("It stands still."), std::string::npos);

  clock.AdvanceTo(kMondayNineUs + 25 * kHourUs);  // Tuesday 10:00: 8 working hours later
  auto answer = On<v1::ProvideInformationRequest>(name);
  answer.set_information(seen.information());
  answer.set_text("MARK-building 3");
  ASSERT_EQ(Reason(Call(*intake, &Intake::ProvideInformation, app, answer)), "OK");
  EXPECT_EQ(PausedSince(name, v1::CLOCK_KIND_ASSESSMENT), 0);
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), due_us + kDayUs);
  EXPECT_TRUE(Seen(name).question().empty());
  auto explained = Explain(name, v1::CLOCK_KIND_ASSESSMENT);
  EXPECT_TRUE(explained.reproduced()) << explained.explanation();
  EXPECT_NE(explained.explanation().find("stood still from 2026-03-02 10:00"), std::string::npos) << explained.explanation();
  EXPECT_NE(explained.explanation_zh().find("2026-03-02 10:00 暂停"), std::string::npos) << explained.explanation_zh();
  auto again = On<v1::ProvideInformationRequest>(name);
  again.set_information(seen.information());
  again.set_text("once more");
  EXPECT_EQ(Reason(Call(*intake, &Intake::ProvideInformation, app, again)), "INFORMATION_NOT_OPEN");
  auto history = Read(name, worker).history();
  EXPECT_TRUE(std::ranges::any_of(history, [](const Event& event) { return event.information_provided().text() == "MARK-building 3"; }));
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, AnAnswerThatDoesNotComeEndsThePauseByItselfAndEscalatesNothing) {
  std::string name;
  const Who worker = Assigned("silent", &name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK");
  clock.AdvanceTo(NextClock(*State(name))->start().due_us());
  ASSERT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_RESUMED) == 1; }));
  EXPECT_EQ(PausedSince(name, v1::CLOCK_KIND_ASSESSMENT), 0);
  EXPECT_TRUE(State(name)->information_event_id().empty());
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_ESCALATED), 0U);
  for (int i = 1; i < 5; ++i) {
    ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK") << i;
    clock.AdvanceTo(NextClock(*State(name))->start().due_us());
    ASSERT_TRUE(Eventually([&] { return State(name)->information_event_id().empty(); })) << i;
  }
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "TOO_MANY_REQUESTS");
}

TEST_F(Branches, WhatIsOverdueIsNotAskedAway) {
  std::string name;
  const Who worker = Assigned("overdue", &name);
  clock.AdvanceTo(NextClock(*State(name))->start().due_us());
  ASSERT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_ESCALATED) == 1; }));
  const int64_t chase_us = DueOf(name, v1::CLOCK_KIND_CHASE);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK");
  EXPECT_EQ(PausedSince(name, v1::CLOCK_KIND_CHASE), 0);
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_CHASE), chase_us);
}

TEST_F(Branches, TheCentreAsksAboutWhatItHoldsAndDispatchesWithoutWaiting) {
  Start();
  auto vague = Report("vague");
  vague.mutable_report()->mutable_location()->clear_grid_code();
  std::string name = Submit(vague);
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, dispatcher, Asking(name))), "OK");
  auto dispatch = On<v1::DispatchNeedRequest>(name);
  dispatch.set_held(Base32(State(name)->held_event_id()));
  dispatch.set_unit("units/r-320585100001");
  dispatch.set_reason("known there");
  ASSERT_EQ(Reason(Call(*routing, &Routing::DispatchNeed, dispatcher, dispatch)), "OK");
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  EXPECT_TRUE(State(name)->information_event_id().empty());
  const auto state = State(name);
  for (const auto& each : state->clocks()) EXPECT_EQ(each.paused_us(), 0);
}

TEST_F(Branches, OnHoldEverythingStandsStillUntilItsEndAndNobodyIsLate) {
  std::string name;
  const Who worker = Assigned("hold", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  const int64_t end_us = kMondayNineUs + 14 * kDayUs;
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, end_us))), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, end_us))), "HOLD_OPEN");
  auto wrong = DecidingHold(name);
  wrong.set_hold(std::string(26, 'a'));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, wrong)), "HOLD_NOT_OPEN");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, dispatcher, DecidingHold(name))), "OTHER_DECIDER");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, worker, DecidingHold(name))), "ROLE_NOT_ALLOWED");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name))), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_ON_HOLD);
  EXPECT_EQ(NextClock(*State(name))->start().due_us(), end_us);
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("seen");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AssessNeed, worker, assess)), "WRONG_STAGE");
  EXPECT_EQ(Seen(name).stage_text(), "服务中");

  clock.AdvanceTo(end_us - 1);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_RESUMED) + CountEvents(name, v1::EVENT_TYPE_ESCALATED), 0U);
  v1::ListOpenLoopsRequest overdue;
  overdue.set_problem(v1::LOOP_PROBLEM_OVERDUE);
  EXPECT_EQ(Call(*audit, &Audit::ListOpenLoops, auditor, overdue)->loops_size(), 0);
  clock.AdvanceTo(end_us);
  ASSERT_TRUE(Reaches(name, v1::STAGE_ASSIGNED));
  EXPECT_FALSE(State(name)->has_hold());
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), due_us + 14 * kDayUs);
  EXPECT_TRUE(Explain(name, v1::CLOCK_KIND_ASSESSMENT).reproduced());
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, AHoldIsRefusedResumedOrEndedByARecall) {
  std::string name;
  const Who worker = Assigned("resumed", &name);
  const int64_t end_us = kMondayNineUs + 14 * kDayUs;
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, kMondayNineUs + 200 * kDayUs))), "INVALID_FIELDS");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, end_us))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name, false))), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_ASSIGNED);
  EXPECT_FALSE(State(name)->has_hold());
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, end_us))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name))), "OK");
  auto resume = On<v1::ResumeNeedRequest>(name);
  resume.set_hold(Base32(State(name)->hold().event_id()));
  resume.set_reason("back home");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ResumeNeed, worker, resume)), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_ASSIGNED);
  resume.set_request_id("again");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ResumeNeed, worker, resume)), "HOLD_NOT_OPEN");

  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, end_us))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name))), "OK");
  auto recall = On<v1::RecallNeedRequest>(name);
  recall.set_reason("another station");
  ASSERT_EQ(Reason(Call(*routing, &Routing::RecallNeed, dispatcher, recall)), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_HELD);
  EXPECT_FALSE(State(name)->has_hold());
  const auto state = State(name);
  for (const auto& each : state->clocks()) EXPECT_EQ(each.paused_us(), 0) << each.start().kind();
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, WhatTheHeadAsksAndEveryCrisisTheCentreDecides) {
  std::string name;
  Assigned("by-the-head", &name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, head, Holding(name, kMondayNineUs + kDayUs))), "OK");
  EXPECT_TRUE(State(name)->hold().decided_by_center());
  auto boxes = Inbox(dispatcher, "units/center");
  EXPECT_NE(std::ranges::find(boxes, name), boxes.end());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name))), "DECIDER_INVOLVED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, second_head, DecidingHold(name))), "OTHER_DECIDER");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, dispatcher, DecidingHold(name))), "OK");
}

TEST_F(Branches, AnExtensionMovesTheDeadlineAndTheWorkGoesOn) {
  std::string name;
  const Who worker = Assigned("extended", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_GRADING, due_us + kDayUs))), "CLOCK_NOT_RUNNING");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_OFFER, due_us + kDayUs))), "INVALID_FIELDS");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us))), "INVALID_FIELDS");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us + kDayUs))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name, false))), "OK");
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), due_us);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us + kDayUs))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name))), "OK");
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), due_us + kDayUs);
  auto explained = Explain(name, v1::CLOCK_KIND_ASSESSMENT);
  EXPECT_TRUE(explained.reproduced());
  EXPECT_NE(explained.explanation().find("moved on 2026-03-02 09:00 to be due"), std::string::npos) << explained.explanation();
  clock.AdvanceTo(due_us);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_ESCALATED), 0U);
}

TEST_F(Branches, AnExtensionThatIsDecidedAfterTheDeadlineEndsTheChase) {
  std::string name;
  const Who worker = Assigned("late", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  clock.AdvanceTo(due_us - kHourUs);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us + 7 * kDayUs))), "OK");
  clock.AdvanceTo(due_us);
  ASSERT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_ESCALATED) == 1; }));
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name))), "OK");
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), due_us + 7 * kDayUs);
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_CHASE), 0);
  EXPECT_EQ(State(name)->escalation_level(), 0U);
  EXPECT_TRUE(Explain(name, v1::CLOCK_KIND_ASSESSMENT).reproduced());
}

TEST_F(Branches, AnExtensionOfWhatIsDoneIsForgotten) {
  std::string name;
  const Who worker = Assigned("done", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us + kDayUs))), "OK");
  auto decide = DecidingExtension(name);
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("seen");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AssessNeed, worker, assess)), "OK");
  EXPECT_FALSE(State(name)->has_extension());
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_EXTENSION), 0);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, decide)), "EXTENSION_NOT_OPEN");
}

TEST_F(Branches, AChangedPlaceIsRoutedAnewAndTheOriginalIsKept) {
  Start();
  std::string name = SubmitAndOffer("moved");
  auto amend = Amending(name, {"location", "summary"});
  amend.mutable_report()->set_summary("MARK-corrected");
  amend.mutable_report()->mutable_location()->set_grid_code("320585100002001");
  amend.mutable_report()->mutable_reporter()->set_phone("MARK-not asked for");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "OK");
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "r-320585100002"; }));
  EXPECT_EQ(State(name)->community(), "320585100002");
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_DISPATCHED), 2U);
  auto read = Read(name, head);
  EXPECT_EQ(read.need().report().summary(), "MARK-corrected");
  EXPECT_EQ(read.need().report().location().grid_code(), "320585100002001");
  EXPECT_EQ(read.history(0).submitted().report().summary(), "MARK-summary");
  EXPECT_EQ(read.need().report().subject().display_name(), "MARK-person");
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, AfterAcceptanceTheUnitCorrectsAndOnlyTheCentreMoves) {
  std::string name;
  const Who worker = Assigned("accepted", &name);
  auto amend = Amending(name, {"summary"});
  amend.mutable_report()->set_summary("MARK-later");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "AMEND_AT_UNIT");
  amend.set_request_id("by-worker");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, amend)), "OK");
  auto move = Amending(name, {"location"});
  move.mutable_report()->mutable_location()->set_grid_code("320585100002001");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, move)), "PLACE_NEEDS_CENTER");
  move.set_request_id("by-centre");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, dispatcher, move)), "OK");
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "r-320585100002"; }));
  EXPECT_EQ(State(name)->owner(), "center");
  EXPECT_TRUE(State(name)->worker().empty());
}

TEST_F(Branches, WhatTurnsOutACrisisRingsAtOnceAndIsDueSooner) {
  std::string name;
  const Who worker = Assigned("worse", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  auto amend = Amending(name, {"reported_urgency"});
  amend.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, amend)), "OK");
  EXPECT_EQ(State(name)->urgency(), v1::URGENCY_CRISIS);
  EXPECT_TRUE(State(name)->withdrawal_barred());
  EXPECT_LT(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), due_us);
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), clock.WallUs() + 2 * kHourUs);
  auto boxes = Inbox(dispatcher, "units/center");
  EXPECT_NE(std::ranges::find(boxes, name), boxes.end());
  EXPECT_TRUE(Explain(name, v1::CLOCK_KIND_ASSESSMENT).reproduced());
  auto calm = Amending(name, {"reported_urgency"});
  calm.mutable_report()->set_reported_urgency(v1::URGENCY_ROUTINE);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, calm)), "OK");
  EXPECT_EQ(State(name)->urgency(), v1::URGENCY_CRISIS);
  calm.set_request_id("by-centre");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, dispatcher, calm)), "OK");
  EXPECT_EQ(State(name)->urgency(), v1::URGENCY_ROUTINE);
}

TEST_F(Branches, ACorrectedWordChangesNoUrgencyAndOnlyTheCentreCalmsACrisis) {
  std::string name;
  const Who worker = Assigned("typo", &name);
  auto amend = Amending(name, {"reported_urgency"});
  amend.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, amend)), "OK");
  auto lower = Amending(name, {"reported_urgency"});
  lower.mutable_report()->set_reported_urgency(v1::URGENCY_ROUTINE);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, lower)), "OK");
  auto typo = Amending(name, {"summary"});
  typo.mutable_report()->set_summary("one letter");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, dispatcher, typo)), "OK");
  EXPECT_EQ(State(name)->urgency(), v1::URGENCY_CRISIS);
}

TEST_F(Branches, WhatBecomesACrisisIsOnHoldNoMoreAndNobodyPutsItOff) {
  std::string name;
  const Who worker = Assigned("alarm", &name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker,
                        Extending(name, v1::CLOCK_KIND_ASSESSMENT, DueOf(name, v1::CLOCK_KIND_ASSESSMENT) + 30 * kDayUs))),
            "OK");
  auto extension = DecidingExtension(name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, kMondayNineUs + 150 * kDayUs))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name))), "OK");
  clock.AdvanceTo(kMondayNineUs + kDayUs);
  auto amend = Amending(name, {"reported_urgency"});
  amend.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, amend)), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_ASSIGNED);
  EXPECT_FALSE(State(name)->has_hold());
  EXPECT_FALSE(State(name)->has_extension());
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), clock.WallUs() + 2 * kHourUs);
  EXPECT_TRUE(Explain(name, v1::CLOCK_KIND_ASSESSMENT).reproduced());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, extension)), "EXTENSION_NOT_OPEN");
  // A question pauses nothing of it.
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK");
  EXPECT_EQ(PausedSince(name, v1::CLOCK_KIND_ASSESSMENT), 0);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, kMondayNineUs + 9 * kDayUs))), "OK");
  EXPECT_TRUE(State(name)->hold().decided_by_center());
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, PlaceAndUrgencyAreCorrectedTogetherAndThePromisesAreTheCrisisOnes) {
  Start();
  std::string name = SubmitAndOffer("both");
  auto amend = Amending(name, {"location", "reported_urgency"});
  amend.mutable_report()->mutable_location()->set_grid_code("320585100002001");
  amend.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "OK");
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "r-320585100002"; }));
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ACCEPTANCE), clock.WallUs() + kHourUs / 2);
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), clock.WallUs() + 2 * kHourUs);
}

TEST_F(Branches, AHurriedOfferEndsWhenItsClockDoes) {
  Start();
  std::string name = SubmitAndOffer("hurried");
  auto amend = Amending(name, {"reported_urgency"});
  amend.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "OK");
  EXPECT_EQ(State(name)->offer().due_us(), clock.WallUs() + kHourUs / 4);
  EXPECT_EQ(State(name)->offer().due_us(), DueOf(name, v1::CLOCK_KIND_OFFER));
}

TEST_F(Branches, WhoDecidesOnARestrictedNeedSeesWhatAndWhy) {
  Start();
  auto report = Report("restricted");
  report.mutable_report()->set_restricted(true);
  std::string name = Submit(report);
  const Who worker = Worker(ToAssigned(name), "r-320585100001");
  EXPECT_TRUE(Read(name, head).need().hold().empty());
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, Holding(name, kMondayNineUs + kDayUs))), "OK");
  auto read = Read(name, head);
  EXPECT_FALSE(read.need().hold().empty());
  EXPECT_TRUE(std::ranges::any_of(read.history(), [](const Event& event) { return event.hold_requested().reason() == "MARK-in hospital"; }));
  EXPECT_TRUE(Read(name, dispatcher).need().hold().empty());  // the head's to decide
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, DecidingHold(name))), "OK");
  EXPECT_TRUE(Read(name, head).need().hold().empty());
}

TEST_F(Branches, BetweenItsDueTimeAndItsFiringNothingIsAskedAwayOrPutOff) {
  std::atomic<bool> may_fire = true;
  Start([&] { return may_fire.load(); });
  std::string name = Submit(Report("unfired"));
  const Who worker = Worker(ToAssigned(name), "r-320585100001");
  may_fire = false;
  clock.AdvanceTo(DueOf(name, v1::CLOCK_KIND_ASSESSMENT) + kHourUs);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, clock.WallUs() + kDayUs))),
            "CLOCK_NOT_RUNNING");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK");
  EXPECT_EQ(PausedSince(name, v1::CLOCK_KIND_ASSESSMENT), 0);
  may_fire = true;
  clock.AdvanceTo(clock.WallUs() + 1);
  EXPECT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_ESCALATED) > 0; }));
  assignment->Stop();  // before what it asks goes
}

TEST_F(Branches, WhoeverIsAskedToTakeItDoesNotSendItAwayByAnotherPlace) {
  Start();
  std::string name = SubmitAndOffer("dodged");
  auto move = Amending(name, {"location"});
  move.mutable_report()->mutable_location()->set_grid_code("320585100002001");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, head, move)), "PLACE_NEEDS_CENTER");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, Worker(State(name)->offer().worker(), "r-320585100001"), move)), "PLACE_NEEDS_CENTER");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, move)), "OK");
}

TEST_F(Branches, AnAddressAloneKeepsTheCellAndTheOffer) {
  Start();
  std::string name = SubmitAndOffer("address");
  auto amend = Amending(name, {"location"});
  amend.mutable_report()->mutable_location()->set_address("MARK-house 3");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_OFFERED);
  EXPECT_EQ(State(name)->grid_code(), kRoomCell);
  EXPECT_EQ(State(name)->community(), "320585100001");
  EXPECT_FALSE(State(name)->address_only());
  EXPECT_EQ(Read(name, head).need().report().location().address(), "MARK-house 3");
}

TEST_F(Branches, WhileTheReporterIsAskedNobodyIsChasedForADecisionThatHasToWait) {
  std::string name;
  const Who worker = Assigned("waits", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us + kHourUs))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestInformation, worker, Asking(name))), "OK");
  EXPECT_NE(PausedSince(name, v1::CLOCK_KIND_EXTENSION), 0);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name))), "CLOCK_NOT_RUNNING");
  clock.AdvanceTo(kMondayNineUs + 2 * kDayUs);
  auto answer = On<v1::ProvideInformationRequest>(name);
  answer.set_information(Seen(name).information());
  answer.set_text("3");
  ASSERT_EQ(Reason(Call(*intake, &Intake::ProvideInformation, app, answer)), "OK");
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_ESCALATED), 0U);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name))), "EXTENSION_OVERTAKEN");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name, false))), "OK");
}

TEST_F(Branches, AStoppedClockIsExplainedAsItEnded) {
  std::string name;
  const Who worker = Assigned("ended", &name);
  const int64_t due_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestExtension, worker, Extending(name, v1::CLOCK_KIND_ASSESSMENT, due_us + 7 * kDayUs))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideExtension, head, DecidingExtension(name))), "OK");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("seen");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AssessNeed, worker, assess)), "OK");
  v1::ExplainDeadlineRequest request;
  request.set_name(name);
  request.set_kind(v1::CLOCK_KIND_ASSESSMENT);
  for (const Event& event : Log()) {
    if (event.subject() == name && event.has_dispatched()) request.set_event(Base32(event.event_id()));
  }
  auto explained = Call(*audit, &Audit::ExplainDeadline, auditor, request);
  ASSERT_TRUE(explained) << Reason(explained);
  EXPECT_TRUE(explained->reproduced());
  EXPECT_EQ(explained->deadline().due_time().seconds(), (due_us + 7 * kDayUs) / 1'000'000);
}

TEST_F(Branches, AMinorIsProtectedAlsoWhenThatIsSaidLater) {
  Start();
  std::string name = SubmitAndOffer("minor");
  auto amend = Amending(name, {"subject"});
  amend.mutable_report()->mutable_subject()->set_display_name("MARK-child");
  amend.mutable_report()->mutable_subject()->set_birth_year(2016);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "OK");
  EXPECT_TRUE(State(name)->restricted());
  EXPECT_TRUE(State(name)->withdrawal_barred());
  auto grown = Amending(name, {"subject"});
  grown.mutable_report()->mutable_subject()->set_birth_year(1950);
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, grown)), "OK");
  EXPECT_TRUE(State(name)->restricted());
}

TEST_F(Branches, AMaskNamesFieldsThatMayBeCorrectedAndTheirValuesAreChecked) {
  Start();
  std::string name = SubmitAndOffer("mask");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, Amending(name, {}))), "INVALID_FIELDS");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, Amending(name, {"reporter"}))), "INVALID_FIELDS");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, Amending(name, {"summary"}))), "INVALID_FIELDS");
  auto type = Amending(name, {"type"});
  type.mutable_report()->set_type("dragons");
  EXPECT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, Amending(name, {"restricted"}))), "INVALID_FIELDS");  // is not unsaid
  auto refused = Call(*intake, &Intake::AmendNeed, app, type);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fields.at(0).field, "report.type");
}

TEST_F(Branches, ATransferMovesOwnershipOnlyWhenTheOtherUnitAccepts) {
  std::string name;
  const Who worker = Assigned("transfer", &name);
  auto propose = On<v1::ProposeTransferRequest>(name);
  propose.set_unit("units/s02");
  propose.set_reason("MARK-moved there");
  auto wrong = propose;
  for (const auto& [unit, reason] : std::map<std::string, std::string>{
           {"units/none", "UNIT_NOT_FOUND"}, {"units/center", "UNIT_IS_CENTER"}, {"units/r-320585100001", "SAME_UNIT"}, {"s02", "INVALID_FIELDS"}}) {
    wrong.set_unit(unit);
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, head, wrong)), reason) << unit;
  }
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, worker, propose)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, other_head, propose)), "NOT_YOUR_NEED");
  v1::AssignmentServiceGetNeedRequest look;
  look.set_name(name);
  look.set_purpose("transfer");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetNeed, other_head, look)), "NOT_YOUR_NEED");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, head, propose)), "OK");
  EXPECT_EQ(State(name)->owner(), "r-320585100001");
  auto again = On<v1::ProposeTransferRequest>(name);
  again.set_unit("units/s03");
  again.set_reason("or there");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, head, again)), "TRANSFER_OPEN");
  // Whoever is asked sees what it is about, and nothing more may be done yet.
  auto boxes = Inbox(other_head, "units/s02");
  EXPECT_NE(std::ranges::find(boxes, name), boxes.end());
  auto read = Read(name, other_head);
  EXPECT_EQ(read.need().report().subject().display_name(), "MARK-person");
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("not mine yet");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddNote, other_head, note)), "NOT_YOUR_NEED");
  const std::string transfer = read.need().transfer();
  auto accept = On<v1::AcceptTransferRequest>(name);
  accept.set_transfer(std::string(26, 'a'));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AcceptTransfer, other_head, accept)), "TRANSFER_NOT_OPEN");
  accept.set_transfer(transfer);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AcceptTransfer, head, accept)), "NOT_YOUR_NEED");
  const int64_t promise_us = DueOf(name, v1::CLOCK_KIND_ASSESSMENT);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AcceptTransfer, other_head, accept)), "OK");
  auto state = State(name);
  EXPECT_EQ(state->stage(), v1::STAGE_ACCEPTED);
  EXPECT_EQ(state->owner(), "s02");
  EXPECT_TRUE(state->worker().empty());
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ASSESSMENT), promise_us);
  EXPECT_NE(DueOf(name, v1::CLOCK_KIND_ASSIGNMENT), 0);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AcceptTransfer, other_head, accept)), "OK");  // the same again
  auto former = Inbox(head, "units/s01");
  EXPECT_EQ(std::ranges::find(former, name), former.end());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetNeed, head, look)), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetNeed, worker, look)), "NOT_YOUR_NEED");
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, ADeclinedTransferStaysAndAnUnansweredOneIsChased) {
  std::string name;
  const Who worker = Assigned("declined", &name);
  auto propose = On<v1::ProposeTransferRequest>(name);
  propose.set_unit("units/s02");
  propose.set_reason("nearer");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, head, propose)), "OK");
  auto decline = On<v1::DeclineTransferRequest>(name);
  decline.set_transfer(Base32(State(name)->transfer().event_id()));
  decline.set_reason("no capacity");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DeclineTransfer, other_head, decline)), "OK");
  EXPECT_EQ(State(name)->worker(), worker.worker);
  EXPECT_FALSE(State(name)->has_transfer());
  // Whoever asked takes it back the same way.
  auto back = On<v1::ProposeTransferRequest>(name);
  back.set_unit("units/s03");
  back.set_reason("by mistake");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, head, back)), "OK");
  auto take_back = On<v1::DeclineTransferRequest>(name);
  take_back.set_transfer(Base32(State(name)->transfer().event_id()));
  take_back.set_reason("by mistake");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::DeclineTransfer, other_head, take_back)), "NOT_YOUR_NEED");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DeclineTransfer, head, take_back)), "OK");
  EXPECT_FALSE(State(name)->has_transfer());
  auto next = On<v1::ProposeTransferRequest>(name);
  next.set_unit("units/s03");
  next.set_reason("then there");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ProposeTransfer, head, next)), "OK");
  while (CountEvents(name, v1::EVENT_TYPE_ESCALATED) == 0) {
    clock.AdvanceTo(NextClock(*State(name))->start().due_us());
    ASSERT_TRUE(Eventually([&] { return NextClock(*State(name))->start().due_us() > clock.WallUs(); }));
  }
  EXPECT_TRUE(State(name)->has_transfer());
  auto closing = On<v1::RequestClosingRequest>(name);
  closing.mutable_closing()->set_reason(v1::CLOSING_REASON_MOVED);
  closing.mutable_closing()->set_result_summary("moved");
  closing.mutable_closing()->set_reporter_sentence("moved");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestClosing, worker, closing)), "OK");
  EXPECT_FALSE(State(name)->has_transfer());
}

TEST_F(Branches, AClosedNeedIsReopenedWithinTheDaysOfThePolicyAndBeginsAgainAtItsUnit) {
  std::string name;
  const Who worker = Assigned("reopened", &name);
  auto answer = On<v1::AnswerNeedRequest>(name);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  answer.mutable_closing()->set_result_summary("told");
  answer.mutable_closing()->set_reporter_sentence("done");
  auto reopen = On<v1::ReopenNeedRequest>(name);
  reopen.set_reason("MARK-fell again");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, head, reopen)), "WRONG_STAGE");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, answer)), "OK");
  EXPECT_EQ(Seen(name).stage_text(), "已办结");
  clock.AdvanceTo(kMondayNineUs + 30 * kDayUs);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, worker, reopen)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, Branches::other_head, reopen)), "NOT_YOUR_NEED");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, head, reopen)), "OK");
  auto state = State(name);
  EXPECT_EQ(state->stage(), v1::STAGE_ACCEPTED);
  EXPECT_EQ(state->owner(), "r-320585100001");
  EXPECT_TRUE(state->worker().empty());
  EXPECT_EQ(state->executors(0), worker.worker);  // never verifies it
  EXPECT_NE(NextClock(*state), nullptr);
  EXPECT_EQ(Seen(name).stage_text(), "服务中");
  EXPECT_TRUE(Seen(name).closing_sentence().empty());
  auto boxes = Inbox(head, "units/s01");
  EXPECT_NE(std::ranges::find(boxes, name), boxes.end());
  EXPECT_TRUE(Intact(name));
}

TEST_F(Branches, AfterThoseDaysItIsReportedAnewAndVisitsLeaveItClosed) {
  std::string name;
  const Who worker = Assigned("visited", &name);
  auto visit = On<v1::RecordAfterVisitRequest>(name);
  visit.set_findings("MARK-well");
  visit.set_satisfaction(5);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RecordAfterVisit, worker, visit)), "WRONG_STAGE");
  auto answer = On<v1::AnswerNeedRequest>(name);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  answer.mutable_closing()->set_result_summary("told");
  answer.mutable_closing()->set_reporter_sentence("done");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, answer)), "OK");
  const int64_t ended_us = State(name)->ended_us();
  clock.AdvanceTo(kMondayNineUs + 30 * kDayUs + 1);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RecordAfterVisit, worker, visit)), "OK");
  auto reopen = On<v1::ReopenNeedRequest>(name);
  reopen.set_reason("too late");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, head, reopen)), "REOPEN_TOO_LATE");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_CLOSED);
  EXPECT_EQ(State(name)->ended_us(), ended_us);
  EXPECT_EQ(State(name)->after_visits(), 1U);
  EXPECT_EQ(Seen(name).closing_sentence(), "done");
  EXPECT_TRUE(Inbox(head, "units/s01").empty());
  visit.set_satisfaction(6);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RecordAfterVisit, worker, visit)), "INVALID_FIELDS");
}

TEST_F(Branches, AssessmentAndPlanAreRevisedAndTheFormerOnesStay) {
  std::string name;
  const Who worker = Assigned("revised", &name);
  auto revise = On<v1::ReviseAssessmentRequest>(name);
  revise.set_findings("MARK-not only care");
  revise.set_type("emotional-support");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReviseAssessment, worker, revise)), "WRONG_STAGE");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("MARK-care");
  assess.set_casework(true);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AssessNeed, worker, assess)), "OK");
  const auto types = snapshots->Active()->directory().types();
  revise.set_type(types.Get(1).id());
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReviseAssessment, worker, revise)), "OK");
  EXPECT_EQ(State(name)->type(), types.Get(1).id());
  auto replan = On<v1::RevisePlanRequest>(name);
  replan.add_goals("walks alone");
  replan.set_measures("twice a week");
  replan.set_reason("better already");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RevisePlan, worker, replan)), "WRONG_STAGE");
  auto grade = On<v1::GradeNeedRequest>(name);
  grade.set_grade(v1::GRADE_THREE);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::GradeNeed, worker, grade)), "OK");
  auto plan = On<v1::PlanServiceRequest>(name);
  plan.add_goals("walks");
  plan.set_measures("once a week");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::PlanService, worker, plan)), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RevisePlan, worker, replan)), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RevisePlan, worker, replan)), "OK");  // the same again
  auto history = Read(name, worker).history();
  EXPECT_EQ(std::ranges::count_if(history, [](const Event& event) { return event.has_planned() || event.has_plan_revised(); }), 2);
}

}  // namespace
}  // namespace gridloop
