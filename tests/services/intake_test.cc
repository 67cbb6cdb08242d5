// Reports that go wrong, and what lies in clear.
#include <map>
#include <set>
#include <thread>

#include "services/city.h"

namespace gridloop {
namespace {

std::set<std::string> Fields(const Error& error) {
  std::set<std::string> fields;
  for (const auto& field : error.fields) fields.insert(field.field);
  return fields;
}

TEST_F(City, OneRequestIdTenTimesAtOnceIsOneNeed) {
  std::vector<Expected<v1::SubmitNeedResponse>> answers(10, std::unexpected(Error{}));
  {
    std::vector<std::jthread> threads;
    for (auto& answer : answers) threads.emplace_back([this, &answer] { answer = Call(*intake, &Intake::SubmitNeed, app, Report("same")); });
  }
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->SerializeAsString(), answers[0]->SerializeAsString());
  }
  EXPECT_EQ(CountEvents(answers[0]->name(), v1::EVENT_TYPE_SUBMITTED), 1U);
}

TEST_F(City, TenBodiesUnderOneRequestIdAtOnceLeaveOneNeedAndNineRefusals) {
  std::vector<Expected<v1::SubmitNeedResponse>> answers(10, std::unexpected(Error{}));
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < answers.size(); ++i) {
      threads.emplace_back([this, i, &answer = answers[i]] {
        auto request = Report("differs");
        request.mutable_report()->set_summary("body " + std::to_string(i));
        answer = Call(*intake, &Intake::SubmitNeed, app, request);
      });
    }
  }
  int taken = 0;
  for (const auto& answer : answers) {
    taken += answer ? 1 : 0;
    if (!answer) {
      EXPECT_EQ(answer.error().code, Code::kAlreadyExists);
      EXPECT_EQ(answer.error().reason, "REQUEST_ID_REUSED");
    }
  }
  EXPECT_EQ(taken, 1);
}

TEST_F(City, TwoClientsMayUseOneRequestIdAndGetTwoNeeds) {
  auto mine = Call(*intake, &Intake::SubmitNeed, app, Report("r-1"));
  auto theirs = Call(*intake, &Intake::SubmitNeed, other_app, Report("r-1"));
  ASSERT_TRUE(mine && theirs);
  EXPECT_NE(mine->name(), theirs->name());
  v1::IntakeServiceGetNeedRequest request;
  request.set_name(theirs->name());
  EXPECT_EQ(Call(*intake, &Intake::GetNeed, app, request).error().reason, "NEED_NOT_FOUND");
}

TEST_F(City, AReportDatedTomorrowIsRefusedAndOneAFewMinutesAheadIsTaken) {
  auto request = Report("tomorrow");
  request.mutable_report()->mutable_observe_time()->set_seconds((clock.WallUs() + kDayUs) / 1'000'000);
  auto refused = Call(*intake, &Intake::SubmitNeed, app, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(Fields(refused.error()), std::set<std::string>{"report.observe_time"});
  request.mutable_report()->mutable_observe_time()->set_seconds((clock.WallUs() + 4 * kMinuteUs) / 1'000'000);
  EXPECT_TRUE(Call(*intake, &Intake::SubmitNeed, app, request));  // the same id: only OK is sticky
}

TEST_F(City, AMegabyteOfTextIsRefusedByNameAndNotEchoed) {
  auto request = Report("long");
  request.mutable_report()->set_summary(std::string(1 << 20, 'x'));
  request.mutable_report()->mutable_location()->set_address(std::string(1 << 20, 'y'));
  auto refused = Call(*intake, &Intake::SubmitNeed, app, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(Fields(refused.error()), (std::set<std::string>{"report.summary", "report.location.address"}));
  EXPECT_LT(refused.error().message.size(), 500U);
  EXPECT_TRUE(Log().empty());
}

TEST_F(City, TextThatIsNoUtf8IsRefused) {
  auto request = Report("bytes");
  request.mutable_report()->set_summary("\xFF\xFE\xC0\x80");
  auto refused = Call(*intake, &Intake::SubmitNeed, app, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(Fields(refused.error()), std::set<std::string>{"report.summary"});
}

TEST_F(City, WhatHasEndedIsRefusedInANewReportAndNoLongerListed) {
  auto listed = Call(*routing, &Routing::ListCategories, app, {});
  ASSERT_TRUE(listed);
  auto workers_before = Call(*routing, &Routing::GetDirectory, dispatcher, {});
  ASSERT_TRUE(workers_before);
  v1::Directory changed = snapshots->Active()->directory();
  changed.mutable_categories(0)->mutable_validity()->set_to_date("2025-12-31");
  changed.mutable_types(0)->mutable_validity()->set_from_date("2026-04-01");  // care
  for (auto& worker : *changed.mutable_workers()) {
    if (worker.name() == "workers/w-0001") worker.mutable_validity()->set_to_date("2026-02-28");
  }
  auto hash = directories.Put(changed.SerializeAsString());
  ASSERT_TRUE(hash);
  auto active = snapshots->Active()->hashes();
  active.set_directory_hash(*hash);
  ASSERT_TRUE(directories.Activate(active));

  auto request = Report("ended");
  request.mutable_report()->add_categories(changed.categories(0).id());
  request.mutable_report()->add_categories("no-such");
  auto refused = Call(*intake, &Intake::SubmitNeed, app, request);
  ASSERT_FALSE(refused);
  std::map<std::string, std::string> fields;
  for (const auto& field : refused.error().fields) fields[field.field] = field.description;
  EXPECT_NE(fields["report.categories[0]"].find("until 2025-12-31"), std::string::npos);
  EXPECT_NE(fields["report.categories[1]"].find("not in the directory"), std::string::npos);
  EXPECT_NE(fields["report.type"].find("from 2026-04-01"), std::string::npos);

  auto fewer = Call(*routing, &Routing::ListCategories, app, {});
  ASSERT_TRUE(fewer);
  EXPECT_EQ(fewer->categories_size(), listed->categories_size() - 1);
  EXPECT_EQ(fewer->types_size(), listed->types_size() - 1);
  auto workers_now = Call(*routing, &Routing::GetDirectory, dispatcher, {});
  ASSERT_TRUE(workers_now);
  EXPECT_EQ(workers_now->workers(), workers_before->workers() - 1);
}

TEST_F(City, ACellNobodyCoversIsHeldAtTheCentreWithAnOwnerAndAClock) {
  Start();
  std::string name = Submit(Report("nowhere", "999999999999999"));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  auto state = State(name);
  EXPECT_EQ(state->owner(), "center");
  EXPECT_EQ(state->held_reason(), v1::HELD_REASON_NO_CANDIDATE);
  ASSERT_NE(NextClock(*state), nullptr);
  EXPECT_EQ(NextClock(*state)->start().kind(), v1::CLOCK_KIND_CENTER);
  auto held = Call(*routing, &Routing::ListHeldNeeds, dispatcher, {});
  ASSERT_TRUE(held);
  ASSERT_EQ(held->needs_size(), 1);
  EXPECT_EQ(held->needs(0).name(), name);
  EXPECT_EQ(Inbox(dispatcher, "units/center"), std::vector<std::string>{name});
}

TEST_F(City, AReportWithOnlyAnAddressGoesToTheCentre) {
  Start();
  auto request = Report("vague");
  request.mutable_report()->mutable_location()->clear_grid_code();
  std::string name = Submit(request);
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  EXPECT_EQ(State(name)->held_reason(), v1::HELD_REASON_LOCATION_TOO_VAGUE);
}

TEST_F(City, WithoutADirectoryReportsAreTakenAndHeld) {
  MemoryDirectories empty;
  Snapshots none(empty);
  World bare{*ledger, *ledger, keys, none, clock, ids, secret};
  Intake bare_intake(bare);
  Routing bare_routing(bare);
  bare_routing.Start();
  auto submitted = Call(bare_intake, &Intake::SubmitNeed, app, Report("early"));
  ASSERT_TRUE(submitted) << submitted.error().message;
  ASSERT_TRUE(Reaches(submitted->name(), v1::STAGE_HELD));
  EXPECT_EQ(State(submitted->name())->held_reason(), v1::HELD_REASON_NO_DIRECTORY);
}

TEST_F(City, NothingPersonalLiesInClearInTheLogTheRowsOrTheStates) {
  Start();
  std::string name = Submit(Report("private"));
  std::string worker = ToAssigned(name);
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("MARK-note");
  ASSERT_TRUE(Call(*assignment, &Assignment::AddNote, Worker(worker, "r-320585100001"), note));
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("MARK-findings");
  assess.set_casework(true);
  ASSERT_TRUE(Call(*assignment, &Assignment::AssessNeed, Worker(worker, "r-320585100001"), assess));
  auto closing = On<v1::RequestClosingRequest>(name);
  closing.mutable_closing()->set_reason(v1::CLOSING_REASON_MOVED);
  closing.mutable_closing()->set_result_summary("MARK-result");
  closing.mutable_closing()->set_reporter_sentence("MARK-sentence");
  ASSERT_TRUE(Call(*assignment, &Assignment::RequestClosing, Worker(worker, "r-320585100001"), closing));
  ASSERT_TRUE(ledger->WriteViewNow());

  std::vector<std::pair<std::string, std::string>> places;
  for (uint64_t offset = 0; offset < store.EndOffset(); ++offset) places.emplace_back("event " + std::to_string(offset), **store.ReadEvent(offset));
  ASSERT_TRUE(store.ScanRows("", "", [&](std::string_view key) {
    places.emplace_back("row", std::string(key));
    return true;
  }));
  places.emplace_back("state", (*store.LoadState(name))->SerializeAsString());
  ASSERT_GT(places.size(), 10U);
  bool looked_where_it_would_be = false;
  for (const auto& [place, bytes] : places) {
    EXPECT_EQ(bytes.find("MARK-"), std::string::npos) << place;
    looked_where_it_would_be |= bytes.find(kRoomCell) != std::string::npos;
  }
  EXPECT_TRUE(looked_where_it_would_be);

  // And it is not lost: the assigned worker reads it, with a purpose.
  v1::AssignmentServiceGetNeedRequest get;
  get.set_name(name);
  auto without = Call(*assignment, &Assignment::GetNeed, Worker(worker, "r-320585100001"), get);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->SerializeAsString().find("MARK-"), std::string::npos);
  get.set_purpose("home visit");
  auto with = Call(*assignment, &Assignment::GetNeed, Worker(worker, "r-320585100001"), get);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->need().report().summary(), "MARK-summary");
}

}  // namespace
}  // namespace gridloop
