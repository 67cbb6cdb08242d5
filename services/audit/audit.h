// Reads back every step. Thread-safe.
#pragma once

#include "commands/command.h"
#include "commands/pumps.h"
#include "gridloop/v1/audit_service.pb.h"
#include "ports/stream.h"

namespace gridloop {

class Audit {
 public:
  static constexpr size_t kMostExports = 32;
  explicit Audit(World& world) : world_(world) {}
  void GetTimeline(const Caller& caller, const v1::GetTimelineRequest& request, Callback<Expected<v1::GetTimelineResponse>> reply);
  void ExplainDeadline(const Caller& caller, const v1::ExplainDeadlineRequest& request, Callback<Expected<v1::ExplainDeadlineResponse>> reply);
  void ListOpenLoops(const Caller& caller, const v1::ListOpenLoopsRequest& request, Callback<Expected<v1::ListOpenLoopsResponse>> reply);
  void ExportEvents(const Caller& caller, const v1::ExportEventsRequest& request, std::shared_ptr<Sink<v1::ExportEventsResponse>> sink);

 private:
  struct FoundClock {
    store::v1::RunningClock clock;
    Event starter;
  };
  // A running clock, or any that the named event started.
  Expected<FoundClock> FindClock(const NeedState& state, const v1::ExplainDeadlineRequest& request) const;

  World& world_;
  Pumps pumps_{kMostExports};
};

}  // namespace gridloop
