// Dispatch in the centre's name: acts on needs that want a route, and takes the centre's own decisions. Thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include "commands/command.h"
#include "commands/pumps.h"
#include "commands/reactor.h"
#include "gridloop/v1/routing_service.pb.h"
#include "ports/stream.h"
#include "routing/vanished_units.h"

namespace gridloop {

// FAILED_PRECONDITION/NO_DIRECTORY.
std::unexpected<Error> NoDirectory();
// FAILED_PRECONDITION/DIRECTORY_BAD with the errors among the problems, the first 200.
Error DirectoryBad(const std::vector<v1::DirectoryProblem>& problems, std::string message);

class Routing {
 public:
  static constexpr size_t kMostComparisons = 4;
  // `directory_folder`: what ActivateDirectory without files reads; empty: there is none.
  explicit Routing(World& world, std::filesystem::path directory_folder = {}) : world_(world), directory_folder_(std::move(directory_folder)) {}
  // From here on wants and newer directories are acted on, until Stop or destruction. `clock_is_good` false: units past their
  // last day are left alone.
  void Start(std::function<bool()> clock_is_good = {});
  void Stop();

  void ExplainRoute(const Caller& caller, const v1::ExplainRouteRequest& request, Callback<Expected<v1::ExplainRouteResponse>> reply);
  void ReplayRoute(const Caller& caller, const v1::ReplayRouteRequest& request, Callback<Expected<v1::ReplayRouteResponse>> reply);
  void ConfirmDispatch(const Caller& caller, const v1::ConfirmDispatchRequest& request, Callback<Expected<v1::ConfirmDispatchResponse>> reply);
  void DispatchNeed(const Caller& caller, const v1::DispatchNeedRequest& request, Callback<Expected<v1::DispatchNeedResponse>> reply);
  void RecallNeed(const Caller& caller, const v1::RecallNeedRequest& request, Callback<Expected<v1::RecallNeedResponse>> reply);
  void ListHeldNeeds(const Caller& caller, const v1::ListHeldNeedsRequest& request, Callback<Expected<v1::ListHeldNeedsResponse>> reply);
  void GetDirectory(const Caller& caller, const v1::GetDirectoryRequest& request, Callback<Expected<v1::GetDirectoryResponse>> reply);
  void ListUnits(const Caller& caller, const v1::ListUnitsRequest& request, Callback<Expected<v1::ListUnitsResponse>> reply);
  void GetUnit(const Caller& caller, const v1::GetUnitRequest& request, Callback<Expected<v1::GetUnitResponse>> reply);
  void ListWorkers(const Caller& caller, const v1::ListWorkersRequest& request, Callback<Expected<v1::ListWorkersResponse>> reply);
  void ListCategories(const Caller& caller, const v1::ListCategoriesRequest& request, Callback<Expected<v1::ListCategoriesResponse>> reply);
  void ActivateDirectory(const Caller& caller, const v1::ActivateDirectoryRequest& request, Callback<Expected<v1::ActivateDirectoryResponse>> reply);
  void CompareDirectories(const Caller& caller, const v1::CompareDirectoriesRequest& request, std::shared_ptr<Sink<v1::CompareDirectoriesResponse>> sink);

 private:
  void RouteOne(const std::string& subject, std::function<void(bool again_later)> done);
  World& world_;
  std::filesystem::path directory_folder_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<VanishedUnits> vanished_;
  Pumps comparisons_{kMostComparisons};
};

}  // namespace gridloop
