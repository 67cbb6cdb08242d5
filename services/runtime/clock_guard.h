// Watches the wall clock against the monotonic one. Deadlines fire late without harm, early never: after a step nothing fires
// until somebody has looked at the clock and restarted, because afterwards nobody can tell which of the two times is right.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "ports/clock.h"

namespace gridloop {

// Thread-safe, but Sample is called from one thread.
class ClockGuard {
 public:
  static constexpr int64_t kLargestStepUs = 60'000'000;
  explicit ClockGuard(Clock& clock) : clock_(clock), offset_us_(clock.WallUs() - clock.MonotonicUs()) {}
  // To be called every second or so. Slow drift, which is corrected in small steps, is followed.
  void Sample() {
    int64_t offset_us = clock_.WallUs() - clock_.MonotonicUs();
    if (std::abs(offset_us - offset_us_) > kLargestStepUs) stepped_ = true;
    offset_us_ = offset_us;
  }
  bool MayFire() {
    if (!stepped_ && std::abs(clock_.WallUs() - clock_.MonotonicUs() - offset_us_) > kLargestStepUs) stepped_ = true;
    return !stepped_;
  }

 private:
  Clock& clock_;
  std::atomic<int64_t> offset_us_;
  std::atomic<bool> stepped_ = false;
};

}  // namespace gridloop
