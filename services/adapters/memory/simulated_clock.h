// Time that moves only when told to; moving it fires what is due, in order, each at its own instant.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <random>

#include "ports/clock.h"

namespace gridloop {

class SimulatedClock : public Clock {
 public:
  explicit SimulatedClock(int64_t start_us) : now_us_(start_us), start_us_(start_us) {}
  int64_t WallUs() const override;
  int64_t MonotonicUs() const override;
  std::shared_ptr<void> At(int64_t at_us, std::function<void()> fire) override;
  // Never goes back. Alarms run on the caller's thread, without the clock's lock.
  void AdvanceTo(int64_t to_us);
  // Moves the wall alone, forward or back, as a wrong hand on a machine's clock does.
  void StepWall(int64_t by_us);

 private:
  struct Alarm {
    std::function<void()> fire;
    std::recursive_mutex mutex;  // held while firing, so that cancelling waits, unless it is from the alarm itself
    bool cancelled = false;
  };
  mutable std::mutex mutex_;
  int64_t now_us_;
  int64_t start_us_;
  int64_t stepped_us_ = 0;
  std::multimap<int64_t, std::weak_ptr<Alarm>> alarms_;
  size_t purged_at_ = 64;  // cancelled alarms are dropped when there are this many
};

// The same bytes for the same seed.
class SeededIds : public IdSource {
 public:
  explicit SeededIds(uint64_t seed) : engine_(seed) {}
  std::string Random(size_t size) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace gridloop
