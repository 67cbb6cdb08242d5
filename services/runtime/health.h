// grpc.health.v1 over the router.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Thread-safe. Knows the services it was made with and "" for the server as a whole; all serve at first.
class Health {
 public:
  explicit Health(const std::vector<std::string>& services);
  void Bind(Router& router);
  void SetServing(const std::string& service, bool serving);
  void Stop();  // none serves from here on, whatever SetServing says later

 private:
  struct Watcher {
    std::string service;
    std::shared_ptr<Sink<grpc::health::v1::HealthCheckResponse>> sink;
  };
  // Under the mutex.
  grpc::health::v1::HealthCheckResponse Status(const std::string& service) const;
  void Set(const std::string& service, bool serving);

  mutable std::mutex mutex_;
  std::map<std::string, bool> serving_;
  bool stopped_ = false;
  uint64_t next_watcher_ = 0;
  std::map<uint64_t, Watcher> watchers_;
};

}  // namespace gridloop
