// Dispatch in the centre's name: acts on needs that want a route, and takes the centre's own decisions. Thread-safe.
#pragma once

#include <memory>

#include "commands/command.h"
#include "commands/reactor.h"
#include "gridloop/v1/routing_service.pb.h"

namespace gridloop {

class Routing {
 public:
  explicit Routing(World& world) : world_(world) {}
  void Start();  // from here on wants are acted on, until Stop or destruction
  void Stop() { reactor_.reset(); }

  void ExplainRoute(const Caller& caller, const v1::ExplainRouteRequest& request, Callback<Expected<v1::ExplainRouteResponse>> reply);
  void ReplayRoute(const Caller& caller, const v1::ReplayRouteRequest& request, Callback<Expected<v1::ReplayRouteResponse>> reply);
  void ConfirmDispatch(const Caller& caller, const v1::ConfirmDispatchRequest& request, Callback<Expected<v1::ConfirmDispatchResponse>> reply);
  void DispatchNeed(const Caller& caller, const v1::DispatchNeedRequest& request, Callback<Expected<v1::DispatchNeedResponse>> reply);
  void RecallNeed(const Caller& caller, const v1::RecallNeedRequest& request, Callback<Expected<v1::RecallNeedResponse>> reply);
  void ListHeldNeeds(const Caller& caller, const v1::ListHeldNeedsRequest& request, Callback<Expected<v1::ListHeldNeedsResponse>> reply);
  void GetDirectory(const Caller& caller, const v1::GetDirectoryRequest& request, Callback<Expected<v1::GetDirectoryResponse>> reply);
  void ActivateDirectory(const Caller& caller, const v1::ActivateDirectoryRequest& request, Callback<Expected<v1::ActivateDirectoryResponse>> reply);

 private:
  void RouteOne(const std::string& subject, std::function<void(bool again_later)> done);
  World& world_;
  std::unique_ptr<Reactor> reactor_;
};

}  // namespace gridloop
