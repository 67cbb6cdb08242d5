// The operating system's clock, and OpenSSL's random bytes.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "ports/clock.h"

namespace gridloop {

class SystemClock : public Clock {
 public:
  SystemClock();
  ~SystemClock() override;
  int64_t WallUs() const override;
  int64_t MonotonicUs() const override;
  std::shared_ptr<void> At(int64_t at_us, std::function<void()> fire) override;

 private:
  struct Alarm;
  void Run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<int64_t, std::weak_ptr<Alarm>> alarms_;
  size_t purged_at_ = 64;  // cancelled alarms are dropped when there are this many
  bool stopping_ = false;
  std::thread thread_;
};

class RandomIds : public IdSource {
 public:
  std::string Random(size_t size) override;  // throws if the system has no randomness: nothing may go on then
};

}  // namespace gridloop
