// What operators see of the daemon: readiness, gauges, a log line for each failed call.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
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
void SetGauges(Metrics& metrics, World& world, const Committer& committer, ClockGuard& guard);

// Logs each RPC at debug level and each failure of ours (UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS) as a warning, at most a
// few a second: what is left out is counted. Method, code, duration and trace; nothing of the request.
class AccessLog : public RpcObserver {
 public:
  explicit AccessLog(Log& log) : log_(log) {}
  int Register(const std::string& service, const std::string& method, const std::string& type) override;
  void Started(int) override {}
  void Handled(int method, int code, int64_t duration_us, const std::string& trace) override;

 private:
  Log& log_;
  std::vector<std::string> methods_;  // complete before the server starts
  std::mutex mutex_;
  int64_t second_ = 0;
  int64_t written_ = 0;
  int64_t left_out_ = 0;
};

}  // namespace gridloop
