// The clock service of `gridloop --clock simulated:TIME`: it exists only there, so that nights and expiries need no waiting.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

#include "adapters/memory/simulated_clock.h"
#include "gridloop/v1/clock_service.pb.h"
#include "ports/caller.h"
#include "ports/view.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// "2026-03-02T09:00+08:00" or with seconds, or Z (RFC 3339), to microseconds. kInvalidArgument/TIME_BAD.
Expected<int64_t> ParseTime(std::string_view text);

// Thread-safe; one advance at a time.
class SimulatedTime {
 public:
  SimulatedTime(SimulatedClock& clock, View& view) : clock_(clock), view_(view) {}
  ~SimulatedTime();  // waits for a running advance, which stops at its next step

  void GetTime(const Caller& caller, const v1::GetTimeRequest& request, Callback<Expected<v1::GetTimeResponse>> reply);
  void AdvanceTime(const Caller& caller, const v1::AdvanceTimeRequest& request, Callback<Expected<v1::AdvanceTimeResponse>> reply);

 private:
  Expected<v1::AdvanceTimeResponse> Advance(int64_t to_us);
  // Waits until nothing wants a reaction and nothing is due. False: it never came to rest.
  bool Rest();
  bool IsAtRest();
  // Due times of at most `limit` open needs, the next one first.
  Expected<std::vector<int64_t>> NextDue(int limit);

  SimulatedClock& clock_;
  View& view_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

void BindSimulatedTime(Router& router, SimulatedTime& service);
const google::protobuf::ServiceDescriptor* SimulatedTimeDescriptor();

}  // namespace gridloop
