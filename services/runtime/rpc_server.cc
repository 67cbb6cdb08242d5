#include "runtime/rpc_server.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/rpc_status.h"

namespace gridloop {
namespace {

using google::protobuf::Message;

constexpr int64_t kBusyRetryUs = 100'000;
constexpr auto kDrain = std::chrono::seconds(5);

grpc::Status ToGrpc(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), error.message, ToRpcStatus(error).SerializeAsString()};
}

struct Bound {
  int index = 0;
  v1::Access access;
  const Router::Method* method = nullptr;
};

// A service whose methods come from a descriptor, registered as generated code registers its own.
class DescriptorService : public grpc::Service {
 public:
  explicit DescriptorService(std::vector<std::string> paths) : paths_(std::move(paths)) {
    for (size_t i = 0; i < paths_.size(); ++i) {
      AddMethod(new grpc::internal::RpcServiceMethod(paths_[i].c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
      MarkMethodAsync(static_cast<int>(i));
    }
  }
  void Request(int index, grpc::ServerContext* context, Message* request, grpc::ServerAsyncResponseWriter<Message>* responder,
               grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncUnary(index, context, request, responder, queue, queue, tag);
  }

 private:
  std::vector<std::string> paths_;  // gRPC keeps the pointers
};

struct Shared {
  const Credentials* credentials = nullptr;
  Clock* clock = nullptr;
  int max_in_flight = 0;
  std::atomic<int> in_flight = 0;
  std::mutex mutex;  // no new request is asked for once the queue is shut down
  bool stopping = false;
  grpc::ServerCompletionQueue* queue = nullptr;
};

class Call {
 public:
  Call(Shared& shared, DescriptorService& service, const Bound& bound)
      : shared_(shared), service_(service), bound_(bound), request_(bound.method->request->New()), responder_(&context_) {}

  static void Ask(Shared& shared, DescriptorService& service, const Bound& bound) {
    std::lock_guard lock(shared.mutex);
    if (shared.stopping) return;
    auto* call = new Call(shared, service, bound);
    service.Request(bound.index, &call->context_, call->request_.get(), &call->responder_, shared.queue, call);
  }

  void Proceed(bool good) {
    if (finishing_) {
      --shared_.in_flight;
      delete this;
      return;
    }
    if (!good) {  // shut down before a request came
      delete this;
      return;
    }
    Ask(shared_, service_, bound_);
    finishing_ = true;
    if (++shared_.in_flight > shared_.max_in_flight) {
      Error busy{Code::kResourceExhausted, "TOO_MANY_CALLS", "Too many calls are in flight; wait and send it again.", "系统繁忙，请稍后重试。", {}, {}, kBusyRetryUs};
      return responder_.FinishWithError(ToGrpc(busy), this);
    }
    auto caller = Authenticate();
    if (!caller) return responder_.FinishWithError(ToGrpc(caller.error()), this);
    bound_.method->handler(*caller, *request_, [this](Expected<std::shared_ptr<Message>> response) {
      if (response) {
        responder_.Finish(**response, grpc::Status::OK, this);
      } else {
        responder_.FinishWithError(ToGrpc(response.error()), this);
      }
    });
  }

 private:
  std::string_view Metadata(const char* name) const {
    auto found = context_.client_metadata().find(name);
    return found == context_.client_metadata().end() ? std::string_view() : std::string_view(found->second.data(), found->second.size());
  }

  Expected<Caller> Authenticate() {
    Caller caller;
    if (auto deadline = context_.raw_deadline(); gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) != 0) {
      gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
      caller.deadline_us = shared_.clock->WallUs() + std::max<int64_t>(0, left.tv_sec * 1'000'000 + left.tv_nsec / 1000);
    }
    if (bound_.access.open()) return caller;
    auto credential = shared_.credentials->Find(Metadata("authorization"), shared_.clock->WallUs());
    if (!credential) return std::unexpected(credential.error());
    bool allowed = bound_.access.any_credential();
    for (const auto& grant : bound_.access.grants()) allowed |= grant.role() == credential->actor.role();
    if (!allowed) {
      return Fail(Code::kPermissionDenied, "ROLE_NOT_ALLOWED", "This role may not call this; ask for a credential that may.", "您的角色不能进行此操作。");
    }
    caller.actor = std::move(credential->actor);
    caller.client = std::move(credential->client);
    caller.trace = std::string(Metadata("traceparent").substr(0, 64));
    caller.access = bound_.access;
    return caller;
  }

  Shared& shared_;
  DescriptorService& service_;
  const Bound& bound_;
  grpc::ServerContext context_;
  std::unique_ptr<Message> request_;
  grpc::ServerAsyncResponseWriter<Message> responder_;
  bool finishing_ = false;
};

class Server : public RpcServer {
 public:
  ~Server() override {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + kDrain);
    {
      std::lock_guard lock(shared_.mutex);
      shared_.stopping = true;
    }
    // A handler that has not replied yet still holds its call; the queue must outlive it.
    queue_->Shutdown();
    poller_.join();
  }
  int port() const override { return port_; }

  Expected<void> Start(const Router& router, const std::vector<const google::protobuf::ServiceDescriptor*>& services,
                       const Credentials& credentials, Clock& clock, const Options& options) {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // costs a fifth of the throughput, finds nothing of ours
    shared_.credentials = &credentials;
    shared_.clock = &clock;
    shared_.max_in_flight = options.max_in_flight;
    std::string wrong;
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(options.max_message_bytes);
    builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port_);
    for (const auto* service : services) {
      std::vector<std::string> paths;
      std::vector<Bound> bound;
      for (int i = 0; i < service->method_count(); ++i) {
        const auto* method = service->method(i);
        std::string name = service->full_name() + "/" + method->name();
        auto found = router.methods().find(name);
        if (!method->options().HasExtension(v1::access)) wrong += " " + name + " has no access rule.";
        if (found == router.methods().end()) continue;  // gRPC answers UNIMPLEMENTED
        bound.push_back({static_cast<int>(paths.size()), method->options().GetExtension(v1::access), &found->second});
        paths.push_back("/" + name);
      }
      services_.push_back({std::make_unique<DescriptorService>(std::move(paths)), std::move(bound)});
      builder.RegisterService(services_.back().service.get());
    }
    if (!wrong.empty()) return Fail(Code::kInternal, "METHOD_NOT_BOUND", "The server does not start:" + wrong);
    queue_ = builder.AddCompletionQueue();
    shared_.queue = queue_.get();
    server_ = builder.BuildAndStart();
    if (!server_ || port_ == 0) {
      return Fail(Code::kFailedPrecondition, "LISTEN_FAILED", "Could not listen on " + options.listen + "; is the port taken?");
    }
    constexpr int kAskedAhead = 64;
    for (auto& each : services_) {
      for (const Bound& bound : each.bound) {
        for (int i = 0; i < kAskedAhead; ++i) Call::Ask(shared_, *each.service, bound);
      }
    }
    poller_ = std::thread([this] {
      void* tag = nullptr;
      bool good = false;
      while (queue_->Next(&tag, &good)) static_cast<Call*>(tag)->Proceed(good);
    });
    return {};
  }

 private:
  struct Each {
    std::unique_ptr<DescriptorService> service;
    std::vector<Bound> bound;
  };
  Shared shared_;
  std::vector<Each> services_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::thread poller_;
  int port_ = 0;
};

}  // namespace

Expected<std::unique_ptr<RpcServer>> RpcServer::Start(const Router& router, const std::vector<const google::protobuf::ServiceDescriptor*>& services,
                                                      const Credentials& credentials, Clock& clock, Options options) {
  auto server = std::make_unique<Server>();
  if (auto started = server->Start(router, services, credentials, clock, options); !started) return std::unexpected(started.error());
  return server;
}

}  // namespace gridloop
