// For the systems of partner departments: what joint plans ask of them. Thread-safe.
#pragma once

#include <memory>

#include "commands/command.h"
#include "commands/pumps.h"
#include "gridloop/v1/department_service.pb.h"
#include "ports/stream.h"

namespace gridloop {

class Departments {
 public:
  static constexpr size_t kMostWatchers = 256;
  explicit Departments(World& world) : world_(world) {}

  void ListObligations(const Caller& caller, const v1::ListObligationsRequest& request, Callback<Expected<v1::ListObligationsResponse>> reply);
  void WatchObligations(const Caller& caller, const v1::WatchObligationsRequest& request, std::shared_ptr<Sink<v1::WatchObligationsResponse>> sink);
  void GetPlan(const Caller& caller, const v1::GetPlanRequest& request, Callback<Expected<v1::GetPlanResponse>> reply);
  void AcceptObligation(const Caller& caller, const v1::DepartmentServiceAcceptObligationRequest& request,
                        Callback<Expected<v1::DepartmentServiceAcceptObligationResponse>> reply);
  void DeclineObligation(const Caller& caller, const v1::DepartmentServiceDeclineObligationRequest& request,
                         Callback<Expected<v1::DepartmentServiceDeclineObligationResponse>> reply);
  void RecordObligationProgress(const Caller& caller, const v1::DepartmentServiceRecordObligationProgressRequest& request,
                                Callback<Expected<v1::DepartmentServiceRecordObligationProgressResponse>> reply);
  void FulfilObligation(const Caller& caller, const v1::DepartmentServiceFulfilObligationRequest& request,
                        Callback<Expected<v1::DepartmentServiceFulfilObligationResponse>> reply);

 private:
  v1::DepartmentNeed Waiting(const NeedState& state, const std::string& department) const;
  Expected<std::vector<v1::OwnObligation>> Own(const NeedState& state, const std::string& department) const;

  World& world_;
  Pumps pumps_{kMostWatchers};
};

}  // namespace gridloop
