// How many needs a principal may report in a minute, so that one app gone wild does not take the place of all others.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace gridloop {

// Thread-safe. Each principal has a bucket of `per_minute` tokens, which fills up evenly in a minute.
class Quota {
 public:
  explicit Quota(int per_minute) : per_minute_(per_minute) {}  // 0: no limit
  // Takes a token; or, without one, after how many microseconds there is one again. `monotonic_us` never goes back.
  std::optional<int64_t> Take(const std::string& principal, int64_t monotonic_us);

 private:
  struct Bucket {
    double tokens = 0;
    int64_t filled_us = 0;
  };
  const int per_minute_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;  // full ones are dropped when there are many
};

}  // namespace gridloop
