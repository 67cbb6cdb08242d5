#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "domain/row_keys.h"
#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;
using enum Void;

std::set<std::string> Keys(const NeedState& state) {
  std::set<std::string> keys;
  for (const Row& row : Rows(state)) keys.insert(row.key);
  return keys;
}

std::string Tables(const NeedState& state) {
  std::set<char> tables;
  for (const Row& row : Rows(state)) tables.insert(row.key[0]);
  return {tables.begin(), tables.end()};
}

TEST(RowKeys, BigEndianOrdersLikeTheNumbers) {
  EXPECT_EQ(rows::BigEndian(0x0102030405060708U), "\x01\x02\x03\x04\x05\x06\x07\x08");
  for (uint64_t value : {uint64_t{0}, uint64_t{255}, uint64_t{256}, uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_EQ(rows::ParseBigEndian(rows::BigEndian(value)), value);
  }
  EXPECT_LT(rows::BigEndian(255), rows::BigEndian(256));
}

TEST(RowKeys, GiveBackTheirSubjectAndNumber) {
  std::string subject = "needs/" + std::string(26, 'a');
  std::string key = rows::DuePrefix() + rows::BigEndian(77) + subject;
  EXPECT_EQ(rows::SubjectOf(key), subject);
  EXPECT_EQ(rows::NumberBeforeSubject(key), 77U);
  EXPECT_TRUE(rows::SubjectOf("short").empty());
  EXPECT_EQ(rows::NumberBeforeSubject("short"), 0U);
}

TEST(Rows, NoUnitsPrefixIsAnothers) {
  EXPECT_FALSE(rows::InboxPrefix(rows::UnitBox("s01")).starts_with(rows::InboxPrefix(rows::UnitBox("s0"))));
  EXPECT_NE(rows::InboxPrefix(rows::UnitBox("x")), rows::InboxPrefix(rows::WorkerBox("x")));
}

TEST(Rows, OfAFreshReportAreExactlyThese) {
  Walk walk;
  Event report = Submitted("r");
  report.mutable_submitted()->set_reporter_ref(std::string(16, 'R'));
  report.mutable_submitted()->mutable_report()->set_type("care");
  ASSERT_EQ(walk.Go(report), kNone);
  const std::string& subject = walk.state.subject();
  std::string due = rows::BigEndian(static_cast<uint64_t>(kNoonUs + kHourUs));
  std::string zero(1, '\0');
  std::set<std::string> expected = {
      "d" + due + subject,
      "wr" + subject,
      "iu:center" + zero + due + subject,
      "bu:center" + zero + rows::BigEndian(0) + subject,
      "aapp" + zero + rows::BigEndian(0) + subject,
      "rapp" + zero + std::string(16, 'R') + rows::BigEndian(~static_cast<uint64_t>(kNoonUs)) + subject,
      "n260302-AAAAA-A" + zero + subject,
      "g320585100001001" + zero + "care" + zero + subject,
  };
  EXPECT_EQ(Keys(walk.state), expected);
}

TEST(Rows, ThePlaceIsTheCommunityWhereNoCellIsNamed) {
  Walk walk;
  Event report = Submitted("r");
  report.mutable_submitted()->mutable_report()->mutable_location()->clear_grid_code();
  report.mutable_submitted()->set_community("320585100001");
  ASSERT_EQ(walk.Go(report), kNone);
  EXPECT_TRUE(std::ranges::any_of(Rows(walk.state), [](const Row& row) { return row.key.starts_with(rows::PlacePrefix("320585100001")); }));
}

TEST(Rows, ACellByItsCodeAndByAnAliasAreOnePlace) {
  for (const char* code : {"320585100001001", "CX-0101"}) {
    Walk walk;
    Event report = Submitted("r");
    report.mutable_submitted()->mutable_report()->mutable_location()->set_grid_code(code);
    report.mutable_submitted()->set_community("320585100001");
    ASSERT_EQ(walk.Go(report), kNone);
    EXPECT_TRUE(std::ranges::any_of(Rows(walk.state), [](const Row& row) { return row.key.starts_with(rows::PlacePrefix("320585100001")); })) << code;
  }
}

TEST(Rows, TablesOfEachStage) {
  const std::pair<v1::Stage, std::string> expected[] = {{v1::STAGE_UNSPECIFIED, ""},        {v1::STAGE_SUBMITTED, "abdginrw"}, {v1::STAGE_HELD, "abdghinr"},
                                                        {v1::STAGE_DISPATCHED, "abdginrw"}, {v1::STAGE_OFFERED, "abdginr"},    {v1::STAGE_ACCEPTED, "abdginr"},
                                                        {v1::STAGE_ASSIGNED, "abdgiknr"},   {v1::STAGE_EVALUATED, "abdgiknr"}, {v1::STAGE_CLOSED, "abnr"},
                                                        {v1::STAGE_WITHDRAWN, "abnr"}};
  for (const auto& [stage, tables] : expected) {
    Walk walk;
    ASSERT_EQ(walk.To(stage), kNone);
    EXPECT_EQ(Tables(walk.state), tables) << v1::Stage_Name(stage);
  }
}

TEST(Rows, AnOfferShowsInTheUnitTheStationTheCentreAndWithItsWorker) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_OFFERED), kNone);
  EXPECT_EQ(rows::BoxesOf(walk.state), (std::vector<std::string>{"k:w-1", "u:center", "u:r-1", "u:s01"}));
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_DECLINED), kNone);
  EXPECT_EQ(rows::BoxesOf(walk.state), (std::vector<std::string>{"u:center"}));
  // Whoever saw it hears that it left.
  EXPECT_EQ(std::vector<std::string>(walk.state.boxes_seen().begin(), walk.state.boxes_seen().end()),
            (std::vector<std::string>{"k:w-1", "u:center", "u:r-1", "u:s01"}));
}

TEST(Rows, ACrisisIsInThreeInboxesAtOnce) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r", v1::URGENCY_CRISIS)), kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_DISPATCHED), kNone);
  Event offered = Offered(walk.state);
  offered.mutable_offered()->add_alerts()->set_worker("w-night");
  offered.mutable_offered()->add_alerts()->set_unit("s01");
  offered.mutable_offered()->add_alerts()->set_unit("center");
  ASSERT_EQ(walk.Go(offered), kNone);
  auto inboxes = [&] {
    std::set<std::string> boxes;
    for (const auto& box : {"k:w-night", "u:s01", "u:center"}) {
      for (const Row& row : Rows(walk.state)) {
        if (row.key.starts_with(rows::InboxPrefix(box))) boxes.insert(box);
      }
    }
    return boxes.size();
  };
  EXPECT_EQ(inboxes(), 3U);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_ACCEPTED), kNone);
  EXPECT_EQ(inboxes(), 3U);
  // It rings on while the centre decides anew, until that decision says where.
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_RECALLED), kNone);
  EXPECT_EQ(inboxes(), 3U);
  ASSERT_EQ(walk.GoAll({v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED}), kNone);
  EXPECT_TRUE(walk.state.alerts().empty());
}

TEST(Rows, ACrisisThatIsHeldRingsWhereItsEventSays) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r", v1::URGENCY_CRISIS)), kNone);
  Event held = Held();
  held.mutable_held()->add_alerts()->set_unit("center");
  held.mutable_held()->add_alerts()->set_worker("c-night");
  ASSERT_EQ(walk.Go(held), kNone);
  EXPECT_EQ(rows::BoxesOf(walk.state), (std::vector<std::string>{"k:c-night", "u:center"}));
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_DISPATCHED), kNone);
  EXPECT_EQ(rows::BoxesOf(walk.state), (std::vector<std::string>{"k:c-night", "u:center", "u:r-1", "u:s01"}));
}

TEST(Rows, AnEscalatedNeedIsInTheToldUnitsInboxUntilWhatIsChasedIsDone) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_IN_SERVICE), kNone);
  auto centre_has_it = [&] { return std::ranges::binary_search(rows::BoxesOf(walk.state), "u:center"); };
  ASSERT_FALSE(centre_has_it());
  Event escalated = Next(walk.state, v1::EVENT_TYPE_ESCALATED);  // chases the service
  escalated.mutable_escalated()->set_level(2);
  escalated.mutable_escalated()->set_unit("center");
  ASSERT_EQ(walk.Go(escalated), kNone);
  EXPECT_TRUE(centre_has_it());
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_NOTE_ADDED), kNone);
  EXPECT_TRUE(centre_has_it());
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_SERVICE_RECORDED), kNone);
  EXPECT_FALSE(centre_has_it());
  EXPECT_TRUE(walk.state.escalated_unit().empty());
  EXPECT_TRUE(std::ranges::binary_search(walk.state.boxes_seen(), "u:center"));  // and its watchers hear of it
}

TEST(Rows, AClosingThatTheCentreVerifiesIsInItsInboxWhileItWaits) {
  for (bool centre : {true, false}) {
    Walk walk;
    ASSERT_EQ(walk.To(v1::STAGE_ASSIGNED), kNone);
    Event requested = Next(walk.state, v1::EVENT_TYPE_CLOSING_REQUESTED);
    requested.mutable_closing_requested()->set_verified_by_center(centre);
    ASSERT_EQ(walk.Go(requested), kNone);
    EXPECT_EQ(std::ranges::binary_search(rows::BoxesOf(walk.state), "u:center"), centre);
    Event returned = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
    returned.mutable_closing_verified()->set_approved(false);
    StartClock(&returned, v1::CLOCK_KIND_ASSIGNMENT, kNoonUs + kHourUs);
    ASSERT_EQ(walk.Go(returned), kNone);
    EXPECT_FALSE(std::ranges::binary_search(rows::BoxesOf(walk.state), "u:center"));
  }
}

TEST(Rows, ACoWorkerCountsTheNeedAsLoadOnce) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_ACCEPTED), kNone);
  Event assigned = Next(walk.state, v1::EVENT_TYPE_WORKER_ASSIGNED);
  assigned.mutable_worker_assigned()->add_co_workers("w-2");
  assigned.mutable_worker_assigned()->add_co_workers("w-1");
  ASSERT_EQ(walk.Go(assigned), kNone);
  auto keys = Keys(walk.state);
  EXPECT_TRUE(keys.contains(rows::WorkerPrefix("w-1") + walk.state.subject()));
  EXPECT_TRUE(keys.contains(rows::WorkerPrefix("w-2") + walk.state.subject()));
}

TEST(Rows, AConflictIsInTheCentresQueueWhileTheNeedIsOpen) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), kNone);
  Event other = Submitted("r");
  other.set_version(1);
  other.set_body_mac("another body");
  ASSERT_EQ(Fold(walk.state, other, {5, "digest"}), kConflict);
  walk.offset = 6;
  EXPECT_TRUE(Keys(walk.state).contains(rows::ConflictPrefix() + walk.state.subject()));
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_WITHDRAWN), kNone);
  EXPECT_FALSE(Keys(walk.state).contains(rows::ConflictPrefix() + walk.state.subject()));
}

TEST(Rows, AreSortedAndWithoutRepeats) {
  for (int number = 1; number < kStageCount; ++number) {
    Walk walk;
    ASSERT_EQ(walk.To(static_cast<v1::Stage>(number)), kNone);
    auto rows = Rows(walk.state);
    EXPECT_TRUE(std::ranges::is_sorted(rows));
    EXPECT_EQ(std::ranges::adjacent_find(rows), rows.end());
    for (const Row& row : rows) EXPECT_EQ(rows::SubjectOf(row.key), walk.state.subject());
  }
}

}  // namespace
}  // namespace gridloop
