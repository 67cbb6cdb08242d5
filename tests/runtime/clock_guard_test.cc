#include "runtime/clock_guard.h"

#include <gtest/gtest.h>

#include "adapters/memory/simulated_clock.h"

namespace gridloop {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

TEST(ClockGuard, TimeThatPassesIsNoStep) {
  SimulatedClock clock(0);
  ClockGuard guard(clock);
  clock.AdvanceTo(400LL * 86'400 * kSecondUs);
  guard.Sample();
  EXPECT_TRUE(guard.MayFire());
}

TEST(ClockGuard, SmallCorrectionsAreFollowed) {
  SimulatedClock clock(0);
  ClockGuard guard(clock);
  for (int i = 0; i < 100; ++i) {
    clock.StepWall(59 * kSecondUs);
    guard.Sample();
  }
  EXPECT_TRUE(guard.MayFire());
}

TEST(ClockGuard, AStepOfMoreThanAMinuteStopsFiringAtOnceInEitherDirection) {
  for (int64_t step : {61 * kSecondUs, -61 * kSecondUs}) {
    SimulatedClock clock(86'400 * kSecondUs);
    ClockGuard guard(clock);
    clock.StepWall(step);
    EXPECT_FALSE(guard.MayFire());  // before any sample
    clock.StepWall(-step);
    EXPECT_FALSE(guard.MayFire());
  }
}

}  // namespace
}  // namespace gridloop
