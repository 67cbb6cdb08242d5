// What a stopped or wrong machine leaves behind is acted on once, when it is right again.
#include <atomic>

#include "runtime/clock_guard.h"
#include "services/city.h"

namespace gridloop {
namespace {

TEST_F(City, WantsAndPassedDeadlinesThatAreLeftByAStopAreActedOnOnceAfterTheStart) {
  std::string name = Submit(Report("before-the-start"));
  ASSERT_EQ(State(name)->stage(), v1::STAGE_SUBMITTED);
  Start();
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  int64_t due_us = State(name)->offer().due_us();
  assignment.reset();
  routing.reset();
  clock.AdvanceTo(due_us + kMinuteUs);
  EXPECT_EQ(State(name)->stage(), v1::STAGE_OFFERED);
  for (int start = 0; start < 2; ++start) {
    routing = std::make_unique<Routing>(*world);
    assignment = std::make_unique<Assignment>(*world);
    Start();
    ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
    EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_EXPIRED), 1U);
    EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFERED), 2U);
  }
}

TEST_F(City, NothingExpiresWhenSomebodySetsTheClockToTomorrow) {
  ClockGuard guard(clock);
  std::promise<void> holds;
  std::atomic<bool> told = false;
  Start([&] {
    bool may = guard.MayFire();
    if (!may && !told.exchange(true)) holds.set_value();
    return may;
  });
  std::string name = SubmitAndOffer("tomorrow");
  clock.StepWall(kDayUs);
  ASSERT_GE(clock.WallUs(), State(name)->offer().due_us());
  std::string other = SubmitAndOffer("meanwhile");  // what needs no clock goes on, and wakes who fires
  ASSERT_EQ(holds.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  for (const auto& each : {name, other}) {
    EXPECT_EQ(State(each)->stage(), v1::STAGE_OFFERED);
    EXPECT_EQ(CountEvents(each, v1::EVENT_TYPE_OFFER_EXPIRED), 0U);
  }
  assignment->Stop();  // before the guard goes
}

}  // namespace
}  // namespace gridloop
