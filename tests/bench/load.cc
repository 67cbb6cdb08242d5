#include "load.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::bench {
namespace {

using Stub = grpc::TemplatedGenericStub<v1::SubmitNeedRequest, v1::SubmitNeedResponse>;
using SteadyClock = std::chrono::steady_clock;

v1::SubmitNeedRequest UsualReport() {
  v1::SubmitNeedRequest request;
  v1::Report& report = *request.mutable_report();
  report.set_summary("独居老人近一周未出门，邻居反映夜里有呼喊声，家中无人照料，需要社工上门了解情况并联系家属。");
  report.mutable_location()->set_grid_code("320585100001001");
  report.mutable_location()->set_address("中区社区3栋201室");
  report.mutable_reporter()->set_role(v1::REPORTER_ROLE_GRID_WORKER);
  report.mutable_reporter()->set_reference("grid-worker-0017");
  report.mutable_reporter()->set_phone("13800000000");
  report.set_source(v1::SOURCE_PATROL);
  report.set_reported_urgency(v1::URGENCY_ROUTINE);
  report.set_type("care");
  report.mutable_subject()->set_display_name("3栋王阿婆");
  report.mutable_subject()->set_birth_year(1941);
  return request;
}

struct Call {
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::SubmitNeedResponse>> reader;
  v1::SubmitNeedResponse response;
  grpc::Status status;
  SteadyClock::time_point start;
};

}  // namespace

Round RunSubmits(const std::string& address, const std::string& method, const std::string& token, int in_flight, double seconds, const std::string& run) {
  auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  Stub stub(channel);
  grpc::CompletionQueue queue;
  v1::SubmitNeedRequest request = UsualReport();
  long sequence = 0;
  Round round;
  std::vector<double> latencies_us;
  auto begin = [&](Call* call) {
    call->context = std::make_unique<grpc::ClientContext>();
    if (!token.empty()) call->context->AddMetadata("authorization", "Bearer " + token);
    request.set_request_id(run + "-" + std::to_string(sequence++));
    call->start = SteadyClock::now();
    call->reader = stub.PrepareUnaryCall(call->context.get(), method, request, &queue);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
  };
  std::vector<Call> calls(static_cast<size_t>(in_flight));
  auto started = SteadyClock::now();
  auto until = started + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(seconds));
  for (Call& call : calls) begin(&call);
  int open = in_flight;
  void* tag = nullptr;
  bool good = false;
  while (open > 0 && queue.Next(&tag, &good)) {
    Call* call = static_cast<Call*>(tag);
    auto now = SteadyClock::now();
    if (call->status.ok()) {
      latencies_us.push_back(std::chrono::duration<double, std::micro>(now - call->start).count());
    } else if (++round.failed == 1) {
      round.first_error = call->status.error_message();
    }
    if (now < until) {
      begin(call);
    } else {
      --open;
    }
  }
  double elapsed = std::chrono::duration<double>(SteadyClock::now() - started).count();
  queue.Shutdown();
  while (queue.Next(&tag, &good)) {
  }
  round.calls_per_second = static_cast<double>(latencies_us.size()) / elapsed;
  if (!latencies_us.empty()) {
    std::ranges::sort(latencies_us);
    round.p50_us = latencies_us[latencies_us.size() / 2];
    round.p99_us = latencies_us[latencies_us.size() * 99 / 100];
  }
  return round;
}

}  // namespace gridloop::bench
