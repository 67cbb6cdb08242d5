#include <gtest/gtest.h>

#include <future>

#include "adapters/memory/simulated_clock.h"
#include "adapters/system/system_clock.h"

namespace gridloop {
namespace {

TEST(SimulatedClock, FiresInOrderEachAtItsOwnInstant) {
  SimulatedClock clock(100);
  std::vector<int64_t> fired;
  auto note = [&] { fired.push_back(clock.WallUs()); };
  auto late = clock.At(300, note);
  auto early = clock.At(200, note);
  auto after = clock.At(401, note);
  clock.AdvanceTo(400);
  EXPECT_EQ(fired, (std::vector<int64_t>{200, 300}));
  EXPECT_EQ(clock.WallUs(), 400);
  auto past = clock.At(50, note);
  EXPECT_EQ(fired.back(), 400);
}

TEST(SimulatedClock, AnAlarmMaySetAndCancelAlarmsAlsoItself) {
  SimulatedClock clock(0);
  std::vector<int64_t> fired;
  std::shared_ptr<void> alarm;
  std::function<void()> again = [&] {
    fired.push_back(clock.WallUs());
    alarm = fired.size() < 3 ? clock.At(clock.WallUs() + 10, again) : nullptr;
  };
  alarm = clock.At(10, again);
  clock.AdvanceTo(1000);
  EXPECT_EQ(fired, (std::vector<int64_t>{10, 20, 30}));
}

TEST(SimulatedClock, ACancelledAlarmNeverFires) {
  SimulatedClock clock(0);
  auto alarm = clock.At(10, [] { FAIL() << "it was cancelled"; });
  alarm.reset();
  clock.AdvanceTo(100);
}

TEST(SimulatedClock, AStepOfTheWallLeavesTheMonotonicClockAlone) {
  SimulatedClock clock(1000);
  clock.AdvanceTo(1500);
  clock.StepWall(-86'400'000'000);
  EXPECT_EQ(clock.MonotonicUs(), 500);
  EXPECT_EQ(clock.WallUs(), 1500 - 86'400'000'000);
}

TEST(SystemClock, AnAlarmOfThePastFiresAndMayReplaceItsOwnHandle) {
  SystemClock clock;
  std::promise<void> twice;
  std::mutex mutex;
  std::shared_ptr<void> alarm;
  std::unique_lock lock(mutex);
  alarm = clock.At(0, [&] {
    std::lock_guard inner(mutex);
    alarm = clock.At(0, [&] { twice.set_value(); });
  });
  lock.unlock();
  twice.get_future().wait();
}

TEST(SeededIds, TheSameSeedGivesTheSameBytes) {
  SeededIds one(7);
  SeededIds two(7);
  EXPECT_EQ(one.Random(40), two.Random(40));
  EXPECT_NE(one.Random(16), one.Random(16));
}

}  // namespace
}  // namespace gridloop
