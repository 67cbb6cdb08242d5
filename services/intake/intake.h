// Reports: takes them, and gives reporters what is theirs to see. Thread-safe.
#pragma once

#include "commands/command.h"
#include "gridloop/v1/intake_service.pb.h"

namespace gridloop {

// Every wrong field of a report at once (limits: need.proto). `snapshot` may be null: then ids are not checked.
void CheckReport(const v1::Report& report, const Snapshot* snapshot, int64_t now_us, std::vector<FieldViolation>* violations);

class Intake {
 public:
  explicit Intake(World& world) : world_(world) {}
  void SubmitNeed(const Caller& caller, const v1::SubmitNeedRequest& request, Callback<Expected<v1::SubmitNeedResponse>> reply);
  void GetNeed(const Caller& caller, const v1::IntakeServiceGetNeedRequest& request, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply);
  void WithdrawNeed(const Caller& caller, const v1::WithdrawNeedRequest& request, Callback<Expected<v1::WithdrawNeedResponse>> reply);
  void UrgeNeed(const Caller& caller, const v1::UrgeNeedRequest& request, Callback<Expected<v1::UrgeNeedResponse>> reply);

 private:
  v1::ReporterNeed View(const NeedState& state) const;
  std::string ClosingSentence(const NeedState& state) const;
  World& world_;
};

}  // namespace gridloop
