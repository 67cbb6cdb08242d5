#include "runtime/health.h"

namespace gridloop {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListRequest;
using grpc::health::v1::HealthListResponse;

HealthCheckResponse Health::Status(const std::string& service) const {
  HealthCheckResponse response;
  if (!service.empty() && !services_.contains(service)) {
    response.set_status(HealthCheckResponse::SERVICE_UNKNOWN);
  } else {
    response.set_status(serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
  }
  return response;
}

void Health::Bind(Router& router) {
  const std::string service = "grpc.health.v1.Health/";
  router.Unary<HealthCheckRequest, HealthCheckResponse>(
      service + "Check", [this](const Caller&, const HealthCheckRequest& request, Callback<Expected<HealthCheckResponse>> reply) {
        HealthCheckResponse response;
        {
          std::lock_guard lock(mutex_);
          response = Status(request.service());
        }
        if (response.status() == HealthCheckResponse::SERVICE_UNKNOWN) {
          return reply(Fail(Code::kNotFound, "SERVICE_UNKNOWN", "No such service here; ask reflection for the list."));
        }
        reply(std::move(response));
      });
  router.Unary<HealthListRequest, HealthListResponse>(service + "List",
                                                      [this](const Caller&, const HealthListRequest&, Callback<Expected<HealthListResponse>> reply) {
                                                        HealthListResponse response;
                                                        {
                                                          std::lock_guard lock(mutex_);
                                                          (*response.mutable_statuses())[""] = Status("");
                                                          for (const auto& each : services_) (*response.mutable_statuses())[each] = Status(each);
                                                        }
                                                        reply(std::move(response));
                                                      });
  router.ServerStream<HealthCheckRequest, HealthCheckResponse>(
      service + "Watch", [this](const Caller&, const HealthCheckRequest& request, std::shared_ptr<Sink<HealthCheckResponse>> sink) {
        uint64_t id = 0;
        {
          std::lock_guard lock(mutex_);
          id = next_watcher_++;
          watchers_[id] = {request.service(), sink};
          sink->Write(Status(request.service()));
        }
        sink->OnCancel([this, id] {
          std::shared_ptr<Sink<HealthCheckResponse>> gone;  // its destructor runs after the lock
          std::lock_guard lock(mutex_);
          auto found = watchers_.find(id);
          if (found == watchers_.end()) return;
          gone = std::move(found->second.sink);
          watchers_.erase(found);
        });
      });
}

void Health::SetServing(bool serving) {
  std::lock_guard lock(mutex_);
  if (serving_ == serving) return;
  serving_ = serving;
  // A watcher so slow that it does not take this has a full queue of changes and is not told the last one.
  for (const auto& [id, watcher] : watchers_) watcher.sink->Write(Status(watcher.service));
}

}  // namespace gridloop
