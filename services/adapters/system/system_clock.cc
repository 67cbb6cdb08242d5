#include "adapters/system/system_clock.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace gridloop {

struct SystemClock::Alarm {
  std::function<void()> fire;
  std::recursive_mutex mutex;  // held while firing, so that cancelling waits, unless it is from the alarm itself
  bool cancelled = false;
};

SystemClock::SystemClock() : thread_([this] { Run(); }) {}

SystemClock::~SystemClock() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

int64_t SystemClock::WallUs() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int64_t SystemClock::MonotonicUs() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::shared_ptr<void> SystemClock::At(int64_t at_us, std::function<void()> fire) {
  auto alarm = std::make_shared<Alarm>();
  alarm->fire = std::move(fire);
  {
    std::lock_guard lock(mutex_);
    alarms_.emplace(at_us, alarm);
    if (alarms_.size() > purged_at_) {
      std::erase_if(alarms_, [](const auto& entry) { return entry.second.expired(); });
      purged_at_ = 2 * alarms_.size() + 64;
    }
  }
  wake_.notify_all();
  return std::shared_ptr<void>(alarm.get(), [alarm](void*) {
    std::lock_guard lock(alarm->mutex);
    alarm->cancelled = true;
  });
}

void SystemClock::Run() {
  // Waits at most a second at a time, so that a step of the wall clock is noticed.
  constexpr int64_t kLongestWaitUs = 1'000'000;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    int64_t now_us = WallUs();
    if (alarms_.empty() || alarms_.begin()->first > now_us) {
      int64_t wait_us = alarms_.empty() ? kLongestWaitUs : std::min(kLongestWaitUs, alarms_.begin()->first - now_us);
      wake_.wait_for(lock, std::chrono::microseconds(wait_us));
      continue;
    }
    auto alarm = alarms_.begin()->second.lock();
    alarms_.erase(alarms_.begin());
    if (!alarm) continue;
    lock.unlock();
    {
      std::lock_guard firing(alarm->mutex);
      if (!alarm->cancelled) alarm->fire();
    }
    alarm.reset();
    lock.lock();
  }
}

std::string RandomIds::Random(size_t size) {
  // Asked for in bulk: OpenSSL's generator takes longer to be asked than to make what one need wants. Nothing is given twice,
  // and what was given is not kept.
  struct Supply {
    std::array<unsigned char, 4096> bytes;
    size_t used = sizeof(bytes);
  };
  thread_local Supply supply;
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size;) {
    if (supply.used == supply.bytes.size()) {
      if (RAND_bytes(supply.bytes.data(), static_cast<int>(supply.bytes.size())) != 1) throw std::runtime_error("the system gives no random bytes");
      supply.used = 0;
    }
    size_t taken = std::min(size - at, supply.bytes.size() - supply.used);
    std::memcpy(bytes.data() + at, supply.bytes.data() + supply.used, taken);
    OPENSSL_cleanse(supply.bytes.data() + supply.used, taken);
    supply.used += taken;
    at += taken;
  }
  return bytes;
}

}  // namespace gridloop
