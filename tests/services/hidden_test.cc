// What nobody learns: that another client's need exists, that two needs have one reporter.
#include <unordered_map>

#include "services/city.h"

namespace gridloop {
namespace {

std::string TextOf(const Error& error) {
  std::string text = std::to_string(static_cast<int>(error.code)) + error.reason + error.message + error.message_zh;
  for (const auto& [key, value] : error.metadata) text += key + value;
  for (const auto& field : error.fields) text += field.field + field.description;
  return text;
}

TEST_F(City, AForeignNeedAndOneThatDoesNotExistGetTheSameAnswer) {
  auto submitted = Call(*intake, &Intake::SubmitNeed, app, Report("mine"));
  ASSERT_TRUE(submitted);
  const std::string unknown = NeedSubject("city-app", "never sent");
  const std::string unknown_number = SpeakableNumber("2026-03-02", unknown);
  Who foreign_worker = Worker("w-0013", "s02");
  for (const Who& who : {other_app, foreign_worker}) {
    auto read = [&](const std::string& name) {
      v1::IntakeServiceGetNeedRequest request;
      request.set_name(name);
      return TextOf(Call(*intake, &Intake::GetNeed, who, request).error());
    };
    EXPECT_EQ(read(submitted->name()), read(unknown));
    EXPECT_EQ(read("numbers/" + submitted->number()), read("numbers/" + unknown_number));
    EXPECT_NE(read(unknown).find("NEED_NOT_FOUND"), std::string::npos);
    EXPECT_EQ(TextOf(Call(*intake, &Intake::WithdrawNeed, who, On<v1::WithdrawNeedRequest>(submitted->name())).error()),
              TextOf(Call(*intake, &Intake::WithdrawNeed, who, On<v1::WithdrawNeedRequest>(unknown)).error()));
    EXPECT_EQ(TextOf(Call(*intake, &Intake::UrgeNeed, who, On<v1::UrgeNeedRequest>(submitted->name())).error()),
              TextOf(Call(*intake, &Intake::UrgeNeed, who, On<v1::UrgeNeedRequest>(unknown)).error()));
  }
}

TEST_F(City, ANumberMeansTheCallersOwnNeedAlsoIfAnotherClientHasOneOfTheSameNumber) {
  // Five characters: among some ten thousand of each client two are alike.
  std::unordered_map<std::string, std::string> mine;
  std::string my_id;
  std::string their_id;
  for (int i = 0; i < 40'000; ++i) {
    std::string id = "m-" + std::to_string(i);
    mine[SpeakableNumber("2026-03-02", NeedSubject(app.client, id))] = id;
  }
  for (int i = 0; i < 40'000 && their_id.empty(); ++i) {
    std::string id = "t-" + std::to_string(i);
    auto found = mine.find(SpeakableNumber("2026-03-02", NeedSubject(other_app.client, id)));
    if (found == mine.end()) continue;
    my_id = found->second;
    their_id = id;
  }
  ASSERT_FALSE(their_id.empty());
  auto my_need = Call(*intake, &Intake::SubmitNeed, app, Report(my_id));
  auto their_need = Call(*intake, &Intake::SubmitNeed, other_app, Report(their_id));
  ASSERT_TRUE(my_need && their_need);
  ASSERT_EQ(my_need->number(), their_need->number());
  v1::IntakeServiceGetNeedRequest request;
  request.set_name("numbers/" + my_need->number());
  auto read = Call(*intake, &Intake::GetNeed, app, request);
  ASSERT_TRUE(read) << read.error().reason;
  EXPECT_EQ(read->need().name(), my_need->name());
  auto read_there = Call(*intake, &Intake::GetNeed, other_app, request);
  ASSERT_TRUE(read_there);
  EXPECT_EQ(read_there->need().name(), their_need->name());
  // Staff, who may see both, are told.
  v1::AssignmentServiceGetNeedRequest staff;
  staff.set_name(request.name());
  EXPECT_EQ(Call(*assignment, &Assignment::GetNeed, dispatcher, staff).error().reason, "NUMBER_NOT_UNIQUE");
}

TEST_F(City, NeitherTheHistoryNorTheTimelineLinksTwoNeedsOfOneReporter) {
  Start();
  auto report = Report("anonymous");
  report.mutable_report()->mutable_reporter()->set_anonymous(true);
  std::string name = Submit(report);
  std::string worker = ToAssigned(name);
  ASSERT_FALSE(State(name)->reporter_ref().empty());
  v1::AssignmentServiceGetNeedRequest get;
  get.set_name(name);
  get.set_purpose("home visit");
  auto read = Call(*assignment, &Assignment::GetNeed, Worker(worker, "r-320585100001"), get);
  ASSERT_TRUE(read);
  ASSERT_GT(read->history_size(), 0);
  EXPECT_EQ(read->SerializeAsString().find(State(name)->reporter_ref()), std::string::npos);
  v1::GetTimelineRequest ask;
  ask.set_name(name);
  auto timeline = Call(*audit, &Audit::GetTimeline, auditor, ask);
  ASSERT_TRUE(timeline);
  ASSERT_TRUE(timeline->entries(0).event().has_submitted());
  EXPECT_EQ(timeline->SerializeAsString().find(State(name)->reporter_ref()), std::string::npos);
  EXPECT_TRUE(timeline->chain_intact());
}

}  // namespace
}  // namespace gridloop
