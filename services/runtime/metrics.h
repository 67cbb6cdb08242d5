// What operations watch, in Prometheus' text form. Base units; no ids in labels. Names and meanings: docs/operations.md.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "domain/fold.h"
#include "runtime/rpc_server.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace gridloop {

// Thread-safe. gRPC server metrics carry the ecosystem's names (grpc_server_started_total, …).
class Metrics : public RpcObserver {
 public:
  Metrics();
  ~Metrics() override;
  int Register(const std::string& service, const std::string& method, const std::string& type) override;
  void Started(int method) override;
  void Received(int method) override;
  void Sent(int method) override;
  void Handled(int method, int code, int64_t duration_us, const std::string& trace, std::string_view need) override;
  // An event has been judged by the ledger.
  void Judged(v1::EventType type, Void verdict);

  void SetGauge(const std::string& name, const std::string& help, double value);
  void SetGauge(const std::string& name, const std::string& help, const std::string& label, const std::string& label_value, double value);
  // Raises a counter to what was counted elsewhere; never lowers it.
  void RaiseCounter(const std::string& name, const std::string& help, const std::map<std::string, std::string>& labels, double total);
  // Called before each collection, to set gauges.
  void OnCollect(std::function<void(Metrics&)> refresh);
  // Prometheus' text exposition format, version 0.0.4.
  std::string Collect();

 private:
  struct Method;
  void CollectProcess();
  std::shared_ptr<prometheus::Registry> registry_;
  std::vector<std::unique_ptr<Method>> methods_;  // complete before the server starts
  std::vector<prometheus::Counter*> judged_;      // by type, applied and void
  prometheus::Counter* cpu_seconds_ = nullptr;
  std::mutex collect_mutex_;
  std::function<void(Metrics&)> refresh_;
};

}  // namespace gridloop
