#include "echo_server.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>
#include <thread>

#include "echo.grpc.pb.h"

namespace gridloop::bench {
namespace {

v1::SubmitNeedResponse FixedResponse() {
  v1::SubmitNeedResponse response;
  response.set_name("needs/aaaaaaaaaaaaaaaaaaaaaaaaaa");
  response.set_number("260302-7KQ4M-X");
  response.set_next_step("已收到，中心将派单给社工站，请留意进度。");
  response.mutable_submit_time()->set_seconds(1772413200);
  response.set_position("0-123456");
  response.set_urgency(v1::URGENCY_ROUTINE);
  return response;
}

class Call {
 public:
  Call(EchoService::AsyncService* service, grpc::ServerCompletionQueue* queue) : service_(service), queue_(queue), responder_(&context_) {
    service_->RequestEcho(&context_, &request_, &responder_, queue_, queue_, this);
  }
  void Proceed(bool good) {
    if (!good || finished_) {
      delete this;
      return;
    }
    new Call(service_, queue_);
    finished_ = true;
    static const v1::SubmitNeedResponse response = FixedResponse();
    responder_.Finish(response, grpc::Status::OK, this);
  }

 private:
  EchoService::AsyncService* service_;
  grpc::ServerCompletionQueue* queue_;
  grpc::ServerContext context_;
  v1::SubmitNeedRequest request_;
  grpc::ServerAsyncResponseWriter<v1::SubmitNeedResponse> responder_;
  bool finished_ = false;
};

}  // namespace

int ServeEcho() {
  EchoService::AsyncService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  auto queue = builder.AddCompletionQueue();
  auto server = builder.BuildAndStart();
  std::printf("%d\n", port);
  std::fflush(stdout);
  for (int i = 0; i < 256; ++i) new Call(&service, queue.get());
  std::thread stop([&] {
    while (std::getchar() != EOF) {
    }
    server->Shutdown();
    queue->Shutdown();
  });
  void* tag = nullptr;
  bool good = false;
  while (queue->Next(&tag, &good)) static_cast<Call*>(tag)->Proceed(good);
  stop.join();
  return 0;
}

}  // namespace gridloop::bench
