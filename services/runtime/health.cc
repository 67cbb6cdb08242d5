#include "runtime/health.h"

namespace gridloop {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListRequest;
using grpc::health::v1::HealthListResponse;

Health::Health(const std::vector<std::string>& services) {
  serving_[""] = true;
  for (const auto& service : services) serving_[service] = true;
}

HealthCheckResponse Health::Status(const std::string& service) const {
  HealthCheckResponse response;
  if (auto found = serving_.find(service); found == serving_.end()) {
    response.set_status(HealthCheckResponse::SERVICE_UNKNOWN);
  } else {
    response.set_status(found->second ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
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
                                                          for (const auto& [each, serving] : serving_) (*response.mutable_statuses())[each] = Status(each);
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

void Health::SetServing(const std::string& service, bool serving) {
  std::lock_guard lock(mutex_);
  if (!stopped_) Set(service, serving);
}

void Health::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [service, serving] : serving_) Set(service, false);
}

void Health::Set(const std::string& service, bool serving) {
  auto found = serving_.find(service);
  if (found == serving_.end() || found->second == serving) return;
  found->second = serving;
  // A watcher so slow that it does not take this has a full queue of changes and is not told the last one.
  for (const auto& [id, watcher] : watchers_) {
    if (watcher.service == service) watcher.sink->Write(Status(service));
  }
}

}  // namespace gridloop
