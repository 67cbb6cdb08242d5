#include "intake/quota.h"

#include <algorithm>

namespace gridloop {
namespace {

constexpr double kMinuteUs = 60e6;
constexpr size_t kManyBuckets = 10'000;

}  // namespace

std::optional<int64_t> Quota::Take(const std::string& principal, int64_t monotonic_us) {
  if (per_minute_ <= 0) return std::nullopt;
  const double capacity = per_minute_;
  auto tokens_at = [&](const Bucket& bucket) {
    return std::min(capacity, bucket.tokens + static_cast<double>(monotonic_us - bucket.filled_us) * capacity / kMinuteUs);
  };
  std::lock_guard lock(mutex_);
  if (buckets_.size() >= kManyBuckets) std::erase_if(buckets_, [&](const auto& each) { return tokens_at(each.second) >= capacity; });
  Bucket& bucket = buckets_.try_emplace(principal, Bucket{capacity, monotonic_us}).first->second;
  bucket.tokens = tokens_at(bucket);
  bucket.filled_us = monotonic_us;
  if (bucket.tokens < 1) return static_cast<int64_t>((1 - bucket.tokens) * kMinuteUs / capacity) + 1;
  bucket.tokens -= 1;
  return std::nullopt;
}

}  // namespace gridloop
