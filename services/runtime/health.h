// grpc.health.v1 over the router.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Thread-safe. Knows the services it was made with and "" for all of them.
class Health {
 public:
  explicit Health(std::set<std::string> services) : services_(std::move(services)) {}
  void Bind(Router& router);
  void SetServing(bool serving);

 private:
  struct Watcher {
    std::string service;
    std::shared_ptr<Sink<grpc::health::v1::HealthCheckResponse>> sink;
  };
  grpc::health::v1::HealthCheckResponse Status(const std::string& service) const;  // under the mutex

  std::set<std::string> services_;
  mutable std::mutex mutex_;
  bool serving_ = true;
  uint64_t next_watcher_ = 0;
  std::map<uint64_t, Watcher> watchers_;
};

}  // namespace gridloop
