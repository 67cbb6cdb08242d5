// Time: what happens when it passes, and when the machine's clock is wrong.
#include <atomic>
#include <set>

#include "services/city.h"

namespace gridloop {
namespace {

TEST_F(City, AnAcceptanceAfterTheDeadlineButBeforeTheExpiryIsTakenAndSaysThatItIsLate) {
  Start([] { return false; });  // deadlines are held back, as on a machine that lags
  std::string name = SubmitAndOffer("late");
  clock.AdvanceTo(State(name)->offer().due_us() + kHourUs);
  auto accepted = Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name));
  ASSERT_TRUE(accepted) << accepted.error().message;
  EXPECT_TRUE(accepted->outcome().late());
  EXPECT_EQ(State(name)->owner(), "r-320585100001");
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_EXPIRED), 0U);
}

TEST_F(City, AnAcceptanceInTimeIsNotLate) {
  Start();
  std::string name = SubmitAndOffer("in-time");
  auto accepted = Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name));
  ASSERT_TRUE(accepted);
  EXPECT_FALSE(accepted->outcome().late());
}

TEST_F(City, AnExpiredOfferIsNoBounceAndRoutesOnToTheStation) {
  Start();
  std::string name = SubmitAndOffer("expiry");
  ASSERT_EQ(State(name)->unit(), "r-320585100001");
  auto first = Accepting(name);
  clock.AdvanceTo(State(name)->offer().due_us());
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  EXPECT_EQ(State(name)->bounces(), 0U);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_EXPIRED), 1U);
  EXPECT_GE(State(name)->offer().due_us(), clock.WallUs() + 4 * kHourUs);  // a full window of its own
  EXPECT_EQ(Call(*assignment, &Assignment::AcceptOffer, head, first).error().reason, "OFFER_NOT_OPEN");
  EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
}

TEST_F(City, WhenEveryUnitLetItsOfferExpireTheCentreHoldsTheNeed) {
  Start();
  std::string name = SubmitAndOffer("nobody");
  clock.AdvanceTo(State(name)->offer().due_us());
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  clock.AdvanceTo(State(name)->offer().due_us());
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  EXPECT_EQ(State(name)->held_reason(), v1::HELD_REASON_NONE_LEFT);
  EXPECT_EQ(State(name)->owner(), "center");
}

TEST_F(City, FiftyDeadlinesAtOneMomentAllFireEachOnceInOrder) {
  constexpr size_t kNeeds = 50;
  Start();
  std::vector<std::string> names;
  for (size_t i = 0; i < kNeeds; ++i) names.push_back(Submit(Report("moment-" + std::to_string(i))));
  for (const auto& name : names) ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  std::set<int64_t> due;
  for (const auto& name : names) due.insert(State(name)->offer().due_us());
  ASSERT_EQ(due.size(), 1U);
  clock.AdvanceTo(*due.begin() - 1);
  for (const auto& name : names) ASSERT_EQ(State(name)->stage(), v1::STAGE_OFFERED);  // never early
  clock.AdvanceTo(*due.begin());
  ASSERT_TRUE(Eventually(
      [&] { return std::ranges::all_of(names, [&](const auto& name) { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }); }));
  std::vector<std::string> expired;
  for (const Event& event : Log()) {
    if (event.type() != v1::EVENT_TYPE_OFFER_EXPIRED) continue;
    expired.push_back(event.subject());
    EXPECT_GE(event.logged_at_us(), *due.begin());
  }
  std::ranges::sort(names);
  EXPECT_EQ(expired, names);  // the order of the due rows: by time, then by name
}

TEST_F(City, AfterALongTimeEveryPassedDeadlineHasFiredAndTheNextLiesAhead) {
  Start();
  std::string name = SubmitAndOffer("long-time");
  clock.AdvanceTo(clock.WallUs() + 60 * kDayUs);
  // How far it gets while time runs is up to the threads; where it comes to rest is not.
  ASSERT_TRUE(Eventually([&] { return NextClock(*State(name))->start().due_us() > clock.WallUs() && Wants(*State(name)) == Want::kNone; }));
  EXPECT_GE(CountEvents(name, v1::EVENT_TYPE_OFFER_EXPIRED), 1U);
  EXPECT_EQ(State(name)->owner(), "center");
}

TEST_F(City, WhileTheClockIsNotTrustedNothingFiresAndAfterwardsEverythingDoes) {
  std::atomic<bool> trusted = true;
  std::atomic<bool> told = false;
  std::promise<void> holds;
  Start([&] {
    bool may = trusted;
    if (!may && !told.exchange(true)) holds.set_value();
    return may;
  });
  std::string name = SubmitAndOffer("step");
  int64_t due_us = State(name)->offer().due_us();
  trusted = false;
  SubmitAndOffer("wakes-the-one-who-fires");
  ASSERT_EQ(holds.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  clock.StepWall(kDayUs);  // somebody set the machine's clock to tomorrow
  ASSERT_GE(clock.WallUs(), due_us);
  // Reactions that need no clock go on, and show that the services have had their turn.
  std::string other = Submit(Report("meanwhile"));
  ASSERT_TRUE(Reaches(other, v1::STAGE_OFFERED));
  EXPECT_EQ(State(name)->unit(), "r-320585100001");
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_EXPIRED), 0U);
  clock.StepWall(-kDayUs);
  trusted = true;
  clock.AdvanceTo(due_us);
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_EXPIRED), 1U);
  assignment->Stop();  // before what it asks goes
}

TEST_F(City, AClockThatStepsADayBackNeitherFiresEarlyNorTurnsTheLogsTimeBack) {
  Start();
  std::string before = SubmitAndOffer("before");
  int64_t due_us = State(before)->offer().due_us();
  clock.StepWall(-kDayUs);
  std::string after = SubmitAndOffer("after");
  EXPECT_EQ(State(before)->stage(), v1::STAGE_OFFERED);
  int64_t last_us = 0;
  for (const Event& event : Log()) {
    EXPECT_GE(event.logged_at_us(), last_us);
    last_us = event.logged_at_us();
  }
  EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(after)));
  clock.AdvanceTo(due_us);
  ASSERT_TRUE(Eventually([&] { return State(before)->stage() == v1::STAGE_OFFERED && State(before)->unit() == "s01"; }));
}

TEST_F(City, APassedClockEscalatesOneLevelUpAndKeepsTheOwner) {
  Start();
  std::string name = SubmitAndOffer("escalate");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  for (uint32_t level : {1U, 2U}) {
    clock.AdvanceTo(NextClock(*State(name))->start().due_us());
    ASSERT_TRUE(Eventually([&] { return State(name)->escalation_level() >= level; })) << level;
    EXPECT_EQ(State(name)->owner(), "r-320585100001");
    EXPECT_EQ(State(name)->stage(), v1::STAGE_ACCEPTED);
    ASSERT_NE(NextClock(*State(name)), nullptr);
    EXPECT_GT(NextClock(*State(name))->start().due_us(), clock.WallUs());
  }
}

}  // namespace
}  // namespace gridloop
