// The operators' small HTTP server: /metrics, /healthz, /readyz. GET only, nothing of any need.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "domain/error.h"

namespace gridloop {

// One reason to be ready or not.
struct ReadyCheck {
  std::string name;
  bool good = true;
  std::string reason;  // why not, and what to do
};

// Thread-safe.
class AdminHttp {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 0;                                     // 0: any free one
    std::function<std::string()> metrics;             // Prometheus' text form
    std::function<std::vector<ReadyCheck>()> checks;  // ready if all are good
  };
  // kFailedPrecondition/LISTEN_FAILED.
  static Expected<std::unique_ptr<AdminHttp>> Start(Options options);
  virtual ~AdminHttp() = default;  // stops; waits for slow readers
  // From here on nothing is asked of `metrics` and `checks`; waits only for what they just answer.
  virtual void Silence() = 0;
  virtual int port() const = 0;
};

}  // namespace gridloop
