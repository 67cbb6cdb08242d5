// Reads back every step. Thread-safe.
#pragma once

#include "commands/command.h"
#include "gridloop/v1/audit_service.pb.h"

namespace gridloop {

class Audit {
 public:
  explicit Audit(World& world) : world_(world) {}
  void GetTimeline(const Caller& caller, const v1::GetTimelineRequest& request, Callback<Expected<v1::GetTimelineResponse>> reply);

 private:
  World& world_;
};

}  // namespace gridloop
