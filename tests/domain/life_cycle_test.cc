#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

// The stages by a letter each, in the order of the columns of the page's table.
const std::string kStages = "-SHDOAWEGPVFQCXZRUM";
v1::Stage StageOf(char letter) { return static_cast<v1::Stage>(kStages.find(letter)); }

// The first block of docs/life-cycle.md: a row is an event, a column a stage; the page says what the signs mean.
std::map<std::string, std::string> ReadTable() {
  std::map<std::string, std::string> rows;
  std::ifstream page(std::string(GRIDLOOP_SOURCE_DIR) + "/docs/life-cycle.md");
  std::string line;
  while (std::getline(page, line) && line != "```") continue;
  while (std::getline(page, line) && line != "```") {
    std::istringstream words(line);
    std::string name;
    std::string cells;
    if (!(words >> name) || name == "-") continue;
    for (std::string group; words >> group;) cells += group;
    rows[name] = cells;
  }
  return rows;
}

TEST(LifeCycle, AWellFormedEventDoesWhatThePageSays) {
  auto rows = ReadTable();
  const auto of_records = static_cast<size_t>(std::ranges::count_if(AllTypes(), IsOfARecord));
  ASSERT_EQ(rows.size(), AllTypes().size() - of_records);
  for (v1::EventType type : AllTypes()) {
    if (IsOfARecord(type)) continue;
    std::string name = v1::EventType_Name(type).substr(std::string("EVENT_TYPE_").size());
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    ASSERT_EQ(rows[name].size(), static_cast<size_t>(v1::Stage_descriptor()->value_count())) << name;
    for (int column = 0; column < v1::Stage_descriptor()->value_count(); ++column) {
      auto stage = static_cast<v1::Stage>(v1::Stage_descriptor()->value(column)->number());
      Walk walk;
      ASSERT_EQ(walk.To(stage), Void::kNone);
      ASSERT_EQ(walk.state.stage(), stage);
      for (v1::EventType asked : AllAskedBefore(walk.state, type)) {
        if (LifeCycle::Standard().Allows(stage, asked)) {
          ASSERT_EQ(walk.Go(asked), Void::kNone);
        }
      }
      GiveItsObject(walk.state, type);
      char cell = rows[name][static_cast<size_t>(column)];
      std::string where = name + " in " + v1::Stage_Name(stage);
      Void verdict = walk.Go(type, TimeOf(type));
      EXPECT_EQ(VoidName(verdict), cell == '.' ? "life_cycle" : "") << where;
      v1::Stage before = stage == v1::STAGE_ON_HOLD ? v1::STAGE_IN_SERVICE : stage == v1::STAGE_MERGED ? v1::STAGE_SUBMITTED : v1::STAGE_CLOSED;
      v1::Stage after = cell == '.' || cell == '=' ? stage : cell == '<' ? before : StageOf(cell);
      EXPECT_EQ(v1::Stage_Name(walk.state.stage()), v1::Stage_Name(after)) << where;
      EXPECT_EQ(LifeCycle::Standard().Allows(stage, type), cell != '.') << where;
    }
  }
}

TEST(LifeCycle, AReturnedClosingGoesBackToEveryStageItCanComeFrom) {
  for (v1::Stage stage :
       {v1::STAGE_ACCEPTED, v1::STAGE_ASSIGNED, v1::STAGE_ASSESSED, v1::STAGE_GRADED, v1::STAGE_PLANNED, v1::STAGE_IN_SERVICE, v1::STAGE_FOLLOW_UP}) {
    Walk walk;
    ASSERT_EQ(walk.To(stage), Void::kNone);
    ASSERT_EQ(walk.Go(v1::EVENT_TYPE_CLOSING_REQUESTED), Void::kNone);
    Event returned = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
    returned.mutable_closing_verified()->set_approved(false);
    StartClock(&returned, v1::CLOCK_KIND_SERVICE, kNoonUs + kHourUs);
    ASSERT_EQ(walk.Go(returned), Void::kNone);
    EXPECT_EQ(walk.state.stage(), stage);
    EXPECT_TRUE(walk.state.closing_event_id().empty());
    EXPECT_EQ(walk.state.closing_reason(), v1::CLOSING_REASON_UNSPECIFIED);
    EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_VERIFICATION), nullptr);
  }
}

TEST(LifeCycle, WhatIsNoCaseworkGoesStraightToService) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_ASSIGNED), Void::kNone);
  Event assessed = Next(walk.state, v1::EVENT_TYPE_ASSESSED);
  assessed.mutable_assessed()->set_casework(false);
  ASSERT_EQ(walk.Go(assessed), Void::kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_PLANNED);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_GRADED), Void::kLifeCycle);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_SERVICE_RECORDED), Void::kNone);
}

TEST(LifeCycle, AWorkerWhoAcceptsIsAssignedThereby) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_OFFERED), Void::kNone);
  Event another = AcceptedDirectly(walk.state);
  another.mutable_actor()->set_worker("w-2");
  EXPECT_EQ(walk.Go(another), Void::kPayload);  // nobody accepts in another's name
  ASSERT_EQ(walk.Go(AcceptedDirectly(walk.state)), Void::kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_ASSIGNED);
  EXPECT_EQ(walk.state.owner(), "r-1");
  EXPECT_EQ(walk.state.worker(), "w-1");
  EXPECT_FALSE(walk.state.has_offer());
  EXPECT_EQ(walk.state.executors(0), "w-1");
  EXPECT_EQ(walk.state.executor_organisations(0), "org-1");
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_ASSIGNMENT), nullptr);
  EXPECT_NE(Running(walk.state, v1::CLOCK_KIND_ASSESSMENT), nullptr);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_ASSESSED), Void::kNone);
}

TEST(LifeCycle, OnlyTwoStagesCallForAReaction) {
  for (int column = 0; column < kStageCount; ++column) {
    if (!v1::Stage_IsValid(column)) continue;
    auto stage = static_cast<v1::Stage>(column);
    Walk walk;
    ASSERT_EQ(walk.To(stage), Void::kNone);
    Want want = stage == v1::STAGE_SUBMITTED ? Want::kRoute : stage == v1::STAGE_DISPATCHED ? Want::kOffer : Want::kNone;
    EXPECT_EQ(Wants(walk.state), stage == v1::STAGE_UNSPECIFIED ? Want::kNone : want);
  }
}

TEST(LifeCycle, TheCentreOwnsUntilAcceptanceThenTheUnitAndNobodyAfterTheEnd) {
  for (int column = 1; column < kStageCount; ++column) {
    if (!v1::Stage_IsValid(column)) continue;
    auto stage = static_cast<v1::Stage>(column);
    Walk walk;
    ASSERT_EQ(walk.To(stage), Void::kNone);
    bool before = stage <= v1::STAGE_OFFERED || stage == v1::STAGE_REFERRING;
    EXPECT_EQ(walk.state.owner(), Ended(walk.state) ? "" : before ? "center" : "r-1") << v1::Stage_Name(stage);
  }
}

}  // namespace
}  // namespace gridloop
