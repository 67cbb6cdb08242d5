#include "adapters/memory/simulated_clock.h"

#include <algorithm>

namespace gridloop {

int64_t SimulatedClock::WallUs() const {
  std::lock_guard lock(mutex_);
  return now_us_;
}

int64_t SimulatedClock::MonotonicUs() const {
  std::lock_guard lock(mutex_);
  return now_us_ - start_us_ - stepped_us_;
}

std::shared_ptr<void> SimulatedClock::At(int64_t at_us, std::function<void()> fire) {
  auto alarm = std::make_shared<Alarm>();
  alarm->fire = std::move(fire);
  bool now = false;
  {
    std::lock_guard lock(mutex_);
    now = at_us <= now_us_;
    if (!now) alarms_.emplace(at_us, alarm);
    if (alarms_.size() > purged_at_) {
      std::erase_if(alarms_, [](const auto& entry) { return entry.second.expired(); });
      purged_at_ = 2 * alarms_.size() + 64;
    }
  }
  if (now) alarm->fire();
  return std::shared_ptr<void>(alarm.get(), [alarm](void*) {
    std::lock_guard lock(alarm->mutex);
    alarm->cancelled = true;
  });
}

void SimulatedClock::AdvanceTo(int64_t to_us) {
  while (true) {
    std::shared_ptr<Alarm> alarm;
    {
      std::lock_guard lock(mutex_);
      if (alarms_.empty() || alarms_.begin()->first > to_us) {
        now_us_ = std::max(now_us_, to_us);
        return;
      }
      now_us_ = std::max(now_us_, alarms_.begin()->first);
      alarm = alarms_.begin()->second.lock();
      alarms_.erase(alarms_.begin());
    }
    if (!alarm) continue;
    std::lock_guard firing(alarm->mutex);
    if (!alarm->cancelled) alarm->fire();
  }
}

void SimulatedClock::StepWall(int64_t by_us) {
  std::lock_guard lock(mutex_);
  now_us_ += by_us;
  stepped_us_ += by_us;
}

std::string SeededIds::Random(size_t size) {
  std::lock_guard lock(mutex_);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(engine_() & 0xFF);
  return bytes;
}

}  // namespace gridloop
