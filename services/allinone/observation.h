// What operators see of the daemon: readiness, gauges, a log line for each failed call.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/committer/committer.h"
#include "commands/command.h"
#include "runtime/admin_http.h"
#include "runtime/clock_guard.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

namespace gridloop {

// All good: ready.
std::vector<ReadyCheck> Checks(World& world, ClockGuard& guard, bool stopping);
// Whether health says SERVING of this service: intake takes needs while everything behind it is down.
bool Serves(std::string_view service, const std::vector<ReadyCheck>& checks);
void SetGauges(Metrics& metrics, World& world, const Committer& committer, ClockGuard& guard);

// At most a few lines a second; what is left out is counted. Thread-safe.
class LineLimit {
 public:
  std::optional<int64_t> Take();  // how many were left out before this one; nothing: leave it out

 private:
  std::mutex mutex_;
  int64_t second_ = 0;
  int64_t written_ = 0;
  int64_t left_out_ = 0;
};

// Logs reactions of the software that did not come to an event and will be tried again: need, kind, reason.
class ReactionLog {
 public:
  explicit ReactionLog(Log& log) : log_(log) {}
  void Failed(const std::string& need, const std::string& kind, const Error& error);

 private:
  Log& log_;
  LineLimit limit_;
};

// Logs each RPC at debug level and each failure of ours (UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS) as a warning, at most a
// few a second: what is left out is counted. Method, code, duration, trace and the need's name; nothing else of the request.
class AccessLog : public RpcObserver {
 public:
  explicit AccessLog(Log& log) : log_(log) {}
  int Register(const std::string& service, const std::string& method, const std::string& type) override;
  void Started(int) override {}
  void Handled(int method, int code, int64_t duration_us, const std::string& trace, std::string_view need) override;

 private:
  Log& log_;
  std::vector<std::string> methods_;  // complete before the server starts
  LineLimit limit_;
};

}  // namespace gridloop
