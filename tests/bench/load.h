// Closed-loop load: a fixed number of calls in flight on one connection, one client thread.
#pragma once

#include <string>
#include <vector>

namespace gridloop::bench {

struct Round {
  double calls_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  long failed = 0;
  std::string first_error;
};

// Calls `method` (full path) with submit requests for `seconds`, `in_flight` at a time. `run` makes request ids unique.
Round RunSubmits(const std::string& address, const std::string& method, const std::string& token, int in_flight, double seconds, const std::string& run);

}  // namespace gridloop::bench
