#include "runtime/rpc_server.h"

#include <absl/synchronization/mutex.h>
#include <grpc/grpc_security.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <fstream>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <sstream>
#include <thread>

#include "domain/rpc_status.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "runtime/health.h"
#include "runtime/reflection.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr int64_t kBusyRetryUs = 100'000;
constexpr int64_t kStoppingRetryUs = 1'000'000;
// gRPC hands a call over faster when it was asked for before the call came.
constexpr int kUnaryAskedAhead = 64;
constexpr int kStreamsAskedAhead = 4;
constexpr int kLargestMetadataBytes = 16 << 10;
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeOutMs = 20'000;
constexpr int kOftenestPingMs = 10'000;

grpc::Status ToGrpc(const Error& error) { return {static_cast<grpc::StatusCode>(error.code), error.message, ToRpcStatus(error).SerializeAsString()}; }

// One parse; the buffer is empty afterwards.
bool Parse(grpc::ByteBuffer* bytes, Message* message) { return grpc::SerializationTraits<Message>::Deserialize(bytes, message).ok(); }

Error Unreadable(const Message& request) {
  return {Code::kInvalidArgument,
          "REQUEST_UNREADABLE",
          "This cannot be read as " + request.GetDescriptor()->full_name() + ": send that message in protobuf's binary form, every text in UTF-8.",
          "请求无法读取：须为该接口规定的消息，文字须为UTF-8编码。",
          {},
          {},
          std::nullopt};
}

Error Busy(const char* what) {
  return {Code::kResourceExhausted,
          "TOO_MANY_CALLS",
          std::string("Too many ") + what + " are in flight; wait and send it again.",
          "系统繁忙，请稍后重试。",
          {},
          {},
          kBusyRetryUs};
}

// Health and reflection come from protos that do not know our option.
std::optional<v1::Access> AccessOf(const MethodDescriptor* method) {
  if (method->options().HasExtension(v1::access)) return method->options().GetExtension(v1::access);
  v1::Access access;
  const std::string& service = method->service()->full_name();
  if (service == "grpc.health.v1.Health") {
    access.set_open(true);
  } else if (service == "grpc.reflection.v1.ServerReflection" || service == "grpc.reflection.v1alpha.ServerReflection") {
    access.set_any_credential(true);
  } else {
    return std::nullopt;
  }
  return access;
}

bool IsUnary(const MethodDescriptor* method) { return !method->client_streaming() && !method->server_streaming(); }

struct Bound {
  int index = 0;
  bool unary = true;
  v1::Access access;
  Router::Method method;
  std::vector<int> observed;  // the observers' numbers
  // Their fields `name`, where a need's may stand; null if they have none.
  const google::protobuf::FieldDescriptor* request_name = nullptr;
  const google::protobuf::FieldDescriptor* response_name = nullptr;
};

const google::protobuf::FieldDescriptor* NameField(const google::protobuf::Descriptor* type) {
  const auto* field = type->FindFieldByName("name");
  return field != nullptr && !field->is_repeated() && field->type() == google::protobuf::FieldDescriptor::TYPE_STRING ? field : nullptr;
}

// The need that a message names, or nothing: never what else a caller may have written there.
std::string_view NeedOf(const Message& message, const google::protobuf::FieldDescriptor* name) {
  if (name == nullptr) return {};
  static thread_local std::string copy;  // reflection may need a place
  const std::string& text = message.GetReflection()->GetStringReference(message, name, &copy);
  return IsNeedName(text) ? std::string_view(text) : std::string_view();
}

// A service whose methods come from a descriptor, registered as generated code registers its own. A server stream is
// served as a stream in both directions of which one request is read: on the wire they are the same.
class DescriptorService : public grpc::Service {
 public:
  void Add(const std::string& path, bool unary) {
    paths_.push_back(path);
    auto type = unary ? grpc::internal::RpcMethod::NORMAL_RPC : grpc::internal::RpcMethod::BIDI_STREAMING;
    AddMethod(new grpc::internal::RpcServiceMethod(paths_.back().c_str(), type, nullptr));
    MarkMethodAsync(static_cast<int>(paths_.size()) - 1);
  }
  using grpc::Service::RequestAsyncBidiStreaming;
  using grpc::Service::RequestAsyncUnary;

 private:
  std::deque<std::string> paths_;  // gRPC keeps the pointers
};

class StreamCall;

// What every call needs. Calls hold it, since a handler may answer after the server has gone.
struct Shared {
  const Credentials* credentials = nullptr;
  Clock* clock = nullptr;
  RpcServer::Options options;
  std::atomic<int> in_flight = 0;
  std::atomic<int> streams_in_flight = 0;
  std::atomic<int> open_streams_in_flight = 0;  // of methods that anybody may call
  // Held shared while gRPC is asked for something: nothing is asked for once the queue is shut down.
  std::shared_mutex gate;
  bool closed = false;
  grpc::ServerCompletionQueue* queue = nullptr;
  std::mutex streams_mutex;
  bool draining = false;
  std::set<std::shared_ptr<StreamCall>> streams;

  void Started(const Bound& bound) const {
    for (size_t i = 0; i < bound.observed.size(); ++i) options.observers[i]->Started(bound.observed[i]);
  }
  void Received(const Bound& bound) const {
    for (size_t i = 0; i < bound.observed.size(); ++i) options.observers[i]->Received(bound.observed[i]);
  }
  void Sent(const Bound& bound) const {
    for (size_t i = 0; i < bound.observed.size(); ++i) options.observers[i]->Sent(bound.observed[i]);
  }
  void Handled(const Bound& bound, int code, std::chrono::steady_clock::time_point since, const std::string& trace, std::string_view need = {}) const {
    if (bound.observed.empty()) return;
    auto duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - since).count();
    for (size_t i = 0; i < bound.observed.size(); ++i) options.observers[i]->Handled(bound.observed[i], code, duration, trace, need);
  }
};

std::string_view Metadata(const grpc::ServerContext& context, const char* name) {
  auto found = context.client_metadata().find(name);
  return found == context.client_metadata().end() ? std::string_view() : std::string_view(found->second.data(), found->second.size());
}

// A W3C traceparent of version 00, or nothing: it is logged and kept in the clear, so it must not be a place for anything else.
std::string TraceOf(std::string_view header) {
  constexpr std::string_view kShape = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (header.size() != kShape.size()) return {};
  for (size_t i = 0; i < header.size(); ++i) {
    bool hex = (header[i] >= '0' && header[i] <= '9') || (header[i] >= 'a' && header[i] <= 'f');
    if (kShape[i] == 'x' ? !hex : header[i] != kShape[i]) return {};
  }
  return std::string(header);
}

// The one gate of all RPCs.
Expected<Caller> Authenticate(const Shared& shared, const v1::Access& access, const grpc::ServerContext& context) {
  Caller caller;
  int64_t now_us = shared.clock->WallUs();
  if (auto deadline = context.raw_deadline(); gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) != 0) {
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    caller.deadline_us = now_us + std::max<int64_t>(0, left.tv_sec * 1'000'000 + left.tv_nsec / 1000);
  }
  caller.trace = TraceOf(Metadata(context, "traceparent"));
  caller.access = access;
  if (access.open()) return caller;
  auto credential = shared.credentials->Find(Metadata(context, "authorization"), now_us);
  if (!credential) return std::unexpected(credential.error());
  bool allowed = access.any_credential();
  for (const auto& grant : access.grants()) allowed |= grant.role() == credential->actor.role();
  if (!allowed) {
    return Fail(Code::kPermissionDenied, "ROLE_NOT_ALLOWED", "This role may not call this; ask for a credential that may.", "您的角色不能进行此操作。");
  }
  caller.actor = std::move(credential->actor);
  caller.client = std::move(credential->client);
  return caller;
}

// The caller has given up: nothing is begun that nobody waits for.
std::optional<Error> TooLate(const Caller& caller, const grpc::ServerContext& context) {
  if (caller.deadline_us == 0) return std::nullopt;
  auto deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_now(deadline.clock_type)) > 0) return std::nullopt;
  return Error{Code::kDeadlineExceeded,
               "DEADLINE_EXCEEDED",
               "The deadline passed before this was begun; nothing was done. Allow more time and send it again.",
               "已超时，未作任何处理，请重新提交。",
               {},
               {},
               std::nullopt};
}

// What comes back from the completion queue.
struct Tag {
  virtual void Complete(bool good) = 0;

 protected:
  ~Tag() = default;
};

class UnaryCall final : public Tag, public Responder::Target {
 public:
  UnaryCall(std::shared_ptr<Shared> shared, DescriptorService& service, const std::shared_ptr<const Bound>& bound)
      : shared_(std::move(shared)), service_(service), bound_(bound), request_(bound->method.request->New(&arena_)), responder_(&context_) {}

  static void Ask(const std::shared_ptr<Shared>& shared, DescriptorService& service, const std::shared_ptr<const Bound>& bound) {
    std::shared_lock lock(shared->gate);
    if (shared->closed) return;
    auto* call = new UnaryCall(shared, service, bound);
    service.RequestAsyncUnary(bound->index, &call->context_, &call->bytes_, &call->responder_, shared->queue, shared->queue, static_cast<Tag*>(call));
  }

  void Complete(bool good) override {
    if (answered_) {
      --shared_->in_flight;
      delete this;
      return;
    }
    if (!good) {  // shut down before a call came
      delete this;
      return;
    }
    Ask(shared_, service_, bound_);
    begun_ = std::chrono::steady_clock::now();
    shared_->Started(*bound_);
    if (++shared_->in_flight > shared_->options.max_in_flight) {
      Error busy = Busy("calls");
      return Answer(nullptr, &busy);
    }
    auto caller = Authenticate(*shared_, bound_->access, context_);
    if (!caller) return Answer(nullptr, &caller.error());
    trace_ = caller->trace;
    if (auto late = TooLate(*caller, context_)) return Answer(nullptr, &*late);
    if (!Parse(&bytes_, request_)) {
      Error unreadable = Unreadable(*request_);
      return Answer(nullptr, &unreadable);
    }
    bound_->method.unary(*caller, *request_, Responder(this));
  }

  void Answer(const Message* response, const Error* error) override {
    auto shared = shared_;  // the poller may delete this call as soon as it is finished
    std::shared_lock lock(shared->gate);
    if (shared->closed) {
      delete this;
      return;
    }
    std::string_view need = bound_->observed.empty() ? std::string_view() : NeedOf(*request_, bound_->request_name);
    if (need.empty() && response != nullptr) need = NeedOf(*response, bound_->response_name);
    shared->Handled(*bound_, error == nullptr ? 0 : static_cast<int>(error->code), begun_, trace_, need);
    answered_ = true;
    if (error == nullptr) {
      responder_.Finish(*response, grpc::Status::OK, static_cast<Tag*>(this));
    } else {
      responder_.FinishWithError(ToGrpc(*error), static_cast<Tag*>(this));
    }
  }

 private:
  ~UnaryCall() = default;

  std::shared_ptr<Shared> shared_;
  DescriptorService& service_;
  std::shared_ptr<const Bound> bound_;
  grpc::ServerContext context_;
  google::protobuf::Arena arena_;
  grpc::ByteBuffer bytes_;
  Message* request_;
  grpc::ServerAsyncResponseWriter<Message> responder_;
  std::chrono::steady_clock::time_point begun_;
  std::string trace_;
  std::atomic<bool> answered_ = false;  // what the one who answers did is done when the poller deletes the call
};

class StreamCall final : public MessageStream, public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(std::shared_ptr<Shared> shared, DescriptorService& service, const std::shared_ptr<const Bound>& bound)
      : shared_(std::move(shared)), service_(service), bound_(bound), wire_(std::make_unique<Wire>()), request_(bound->method.request->New()) {}

  static void Ask(const std::shared_ptr<Shared>& shared, DescriptorService& service, const std::shared_ptr<const Bound>& bound) {
    std::shared_lock gate(shared->gate);
    if (shared->closed) return;
    auto call = std::make_shared<StreamCall>(shared, service, bound);
    call->self_ = call;
    call->wire_->context.AsyncNotifyWhenDone(static_cast<Tag*>(&call->done_));
    service.RequestAsyncBidiStreaming(bound->index, &call->wire_->context, &call->wire_->stream, shared->queue, shared->queue,
                                      static_cast<Tag*>(&call->arrived_));
  }

  bool Write(const Message& message) override {
    std::lock_guard lock(mutex_);
    if (over_ || end_) return false;
    if (waiting_.size() >= static_cast<size_t>(shared_->options.max_waiting_writes)) {
      refused_ = true;
      return false;
    }
    if (unanswered_ > 0) --unanswered_;
    grpc::ByteBuffer bytes;
    bool own = false;
    if (!grpc::SerializationTraits<Message>::Serialize(message, &bytes, &own).ok()) return false;
    waiting_.push_back(std::move(bytes));
    Pump();
    return true;
  }
  void Skip() override {
    std::function<void()> all_answered;
    {
      std::lock_guard lock(mutex_);
      if (unanswered_ > 0) --unanswered_;
      all_answered = TakeHalfClose();
      Pump();
    }
    if (all_answered) all_answered();
  }
  void Finish(std::optional<Error> error) override {
    std::lock_guard lock(mutex_);
    if (over_ || end_) return;
    code_ = error ? static_cast<int>(error->code) : 0;
    end_ = error ? ToGrpc(*error) : grpc::Status::OK;
    Pump();
  }
  void OnReady(std::function<void()> ready) override { Keep(on_ready_, std::move(ready)); }
  void OnHalfClose(std::function<void()> half_close) override { Keep(on_half_close_, std::move(half_close)); }
  void OnMessage(std::function<void(const Message&)> message) override { Keep(on_message_, std::move(message)); }
  void OnUnreadable(std::function<void(const Message&, const Error&)> unreadable) override { Keep(on_unreadable_, std::move(unreadable)); }
  void OnCancel(std::function<void()> cancel) override {
    if (Keep(on_cancel_, cancel)) return;
    cancel();
  }
  bool cancelled() const override {
    std::lock_guard lock(mutex_);
    return over_;
  }

  // The server stops: the reader is told to come back, the handler to let go.
  void EndForStop() {
    Finish(Error{Code::kUnavailable, "SERVER_STOPPING", "The server stops; open the stream again.", "服务正在停止，请稍后重试。", {}, {}, kStoppingRetryUs});
    LetGo();
  }

  // Ends the stream if its credential has been revoked, changed or has expired since.
  void CheckCredential() {
    std::optional<Error> gone;
    {
      std::lock_guard lock(mutex_);
      if (!may_read_ || over_ || end_ || bound_->access.open()) return;
      auto credential = shared_->credentials->Find(Metadata(wire_->context, "authorization"), shared_->clock->WallUs());
      if (!credential) {
        gone = credential.error();
      } else if (credential->client != caller_.client || credential->actor.SerializeAsString() != caller_.actor.SerializeAsString()) {
        gone = Error{Code::kUnauthenticated,
                     "CREDENTIAL_CHANGED",
                     "This credential has been changed; open the stream again.",
                     "凭证已变更，请重新连接。",
                     {},
                     {},
                     std::nullopt};
      }
      if (!gone) return;
      waiting_.clear();
    }
    Finish(std::move(gone));
    LetGo();
  }

 private:
  struct Wire {
    grpc::ServerContext context;
    grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream{&context};
  };
  struct Step final : Tag {
    Step(StreamCall& owner, void (StreamCall::*step)(bool)) : call(owner), run(step) {}
    void Complete(bool good) override { (call.*run)(good); }
    StreamCall& call;
    void (StreamCall::*run)(bool);
  };

  // False if the stream is over, and then nothing is kept.
  template <class Function>
  bool Keep(Function& place, Function function) {
    Function old;  // dropped after the lock: it may hold the last reference to a sink
    std::lock_guard lock(mutex_);
    if (over_ || let_go_) return false;
    old = std::exchange(place, std::move(function));
    return true;
  }

  // Under the mutex: the callback, once, when no request will come and none is unanswered.
  std::function<void()> TakeHalfClose() {
    if (!half_closed_ || unanswered_ > 0 || over_ || end_) return nullptr;
    return std::exchange(on_half_close_, nullptr);
  }

  void Arrived(bool good) {
    if (!good) {  // shut down before a call came; the notice of its end does not come either
      auto self = std::move(self_);
      return;
    }
    Ask(shared_, service_, bound_);
    begun_ = std::chrono::steady_clock::now();
    auto self = shared_from_this();
    shared_->Started(*bound_);
    bool stopping = false;
    {
      std::lock_guard lock(shared_->streams_mutex);
      stopping = shared_->draining;
      shared_->streams.insert(self);
    }
    counter_ = bound_->access.open() ? &shared_->open_streams_in_flight : &shared_->streams_in_flight;
    int streams = ++*counter_;
    if (stopping) return EndForStop();
    if (streams > (bound_->access.open() ? shared_->options.max_open_streams : shared_->options.max_streams)) return Finish(Busy("streams"));
    auto caller = Authenticate(*shared_, bound_->access, wire_->context);
    if (!caller) return Finish(caller.error());
    if (auto late = TooLate(*caller, wire_->context)) return Finish(std::move(late));
    caller_ = std::move(*caller);
    if (bound_->method.conversation) bound_->method.conversation(caller_, self);
    std::lock_guard lock(mutex_);
    may_read_ = true;
    Pump();
  }

  void HasRead(bool good) {
    auto self = shared_from_this();
    const bool conversation = static_cast<bool>(bound_->method.conversation);
    std::function<void(const Message&)> on_message;
    std::function<void(const Message&, const Error&)> on_unreadable;
    std::function<void()> on_half_close;
    std::optional<Error> unreadable;
    if (good) {
      ++read_;
      shared_->Received(*bound_);
      if (!Parse(&bytes_, request_.get())) {
        unreadable = Unreadable(*request_);
        if (conversation) unreadable->metadata.emplace_back("message", std::to_string(read_));
      }
      if (conversation) CheckCredential();
    }
    bool over = false;
    {
      std::lock_guard lock(mutex_);
      over = over_ || end_;
      if (!good) {
        half_closed_ = true;
        on_half_close = TakeHalfClose();
      } else if (unreadable && on_unreadable_) {
        ++unanswered_;
        on_unreadable = on_unreadable_;
      } else if (!unreadable && on_message_) {
        ++unanswered_;
        on_message = on_message_;
      }
    }
    if (!over) {
      if (on_unreadable) {
        on_unreadable(*request_, *unreadable);
      } else if (unreadable) {
        Finish(std::move(unreadable));
      } else if (!conversation) {
        if (good) {
          bound_->method.server_stream(caller_, *request_, self);
        } else {
          Finish(Error{Code::kInvalidArgument, "REQUEST_MISSING", "The request did not come.", {}, {}, {}, std::nullopt});
        }
      } else if (on_message) {
        on_message(*request_);
      } else if (on_half_close) {
        on_half_close();
      }
    }
    std::lock_guard lock(mutex_);
    reading_ = false;
    if (!conversation) half_closed_ = true;  // one request is all there is
    Pump();
    Release();
  }

  void HasWritten(bool good) {
    auto self = shared_from_this();
    std::function<void()> ready, all_answered;
    {
      std::lock_guard lock(mutex_);
      writing_ = false;
      if (good) shared_->Sent(*bound_);
      if (!good) waiting_.clear();
      if (refused_ && waiting_.size() <= static_cast<size_t>(shared_->options.max_waiting_writes) / 2) {
        refused_ = false;
        ready = on_ready_;
      }
      all_answered = TakeHalfClose();
      Pump();
    }
    if (ready) ready();
    if (all_answered) all_answered();
    std::lock_guard lock(mutex_);
    Release();
  }

  void HasFinished(bool) {
    auto self = shared_from_this();
    std::lock_guard lock(mutex_);
    finishing_ = false;
    Release();
  }

  // The RPC is over, whoever ended it.
  void IsDone(bool) {
    auto self = shared_from_this();
    int code = 0;
    {
      std::lock_guard lock(mutex_);
      over_ = true;
      waiting_.clear();
      code = finish_sent_ && !wire_->context.IsCancelled() ? code_ : static_cast<int>(grpc::StatusCode::CANCELLED);
    }
    {
      std::lock_guard lock(shared_->streams_mutex);
      shared_->streams.erase(self);
    }
    if (counter_ != nullptr) --*counter_;
    shared_->Handled(*bound_, code, begun_, caller_.trace);
    LetGo();
    std::lock_guard lock(mutex_);
    done_came_ = true;
    Release();
  }

  // Tells the handler once that it can stop, and drops what it left here.
  void LetGo() {
    std::function<void()> cancel, ready, half_close;
    std::function<void(const Message&)> message;
    std::function<void(const Message&, const Error&)> unreadable;
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(let_go_, true)) return;
      cancel = std::exchange(on_cancel_, nullptr);
      ready = std::exchange(on_ready_, nullptr);
      half_close = std::exchange(on_half_close_, nullptr);
      message = std::exchange(on_message_, nullptr);
      unreadable = std::exchange(on_unreadable_, nullptr);
    }
    if (cancel) cancel();
  }

  // Under the mutex: asks gRPC for whatever can go on.
  void Pump() {
    if (over_ || finish_sent_) return;
    std::shared_lock gate(shared_->gate);
    if (shared_->closed) return;
    const size_t unanswered = static_cast<size_t>(unanswered_) + waiting_.size();
    if (may_read_ && !reading_ && !half_closed_ && !end_ && unanswered < static_cast<size_t>(shared_->options.max_unanswered)) {
      reading_ = true;
      wire_->stream.Read(&bytes_, static_cast<Tag*>(&has_read_));
    }
    if (writing_) return;
    if (!waiting_.empty()) {
      writing_ = true;
      grpc::ByteBuffer bytes = waiting_.front();  // counts references
      waiting_.pop_front();
      wire_->stream.Write(bytes, static_cast<Tag*>(&has_written_));
    } else if (end_) {
      finish_sent_ = true;
      finishing_ = true;
      wire_->stream.Finish(*end_, static_cast<Tag*>(&has_finished_));
    }
  }

  // Under the mutex, last in each step: nothing more comes for this call, so gRPC's part of it goes. A sink that a handler
  // still holds keeps the rest.
  void Release() {
    if (!done_came_ || reading_ || writing_ || finishing_) return;
    wire_.reset();
    self_.reset();
  }

  std::shared_ptr<Shared> shared_;
  DescriptorService& service_;
  std::shared_ptr<const Bound> bound_;
  Step arrived_{*this, &StreamCall::Arrived};
  Step has_read_{*this, &StreamCall::HasRead};
  Step has_written_{*this, &StreamCall::HasWritten};
  Step has_finished_{*this, &StreamCall::HasFinished};
  Step done_{*this, &StreamCall::IsDone};
  std::unique_ptr<Wire> wire_;
  grpc::ByteBuffer bytes_;
  std::unique_ptr<Message> request_;
  Caller caller_;
  std::chrono::steady_clock::time_point begun_;
  std::atomic<int>* counter_ = nullptr;
  int64_t read_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<StreamCall> self_;  // while gRPC may still call
  std::deque<grpc::ByteBuffer> waiting_;
  std::optional<grpc::Status> end_;
  int code_ = 0;
  int unanswered_ = 0;
  bool may_read_ = false, reading_ = false, half_closed_ = false, writing_ = false, refused_ = false;
  bool finish_sent_ = false, finishing_ = false, over_ = false, let_go_ = false, done_came_ = false;
  std::function<void()> on_ready_, on_cancel_, on_half_close_;
  std::function<void(const Message&)> on_message_;
  std::function<void(const Message&, const Error&)> on_unreadable_;
};

Expected<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty()) return Fail(Code::kFailedPrecondition, "TLS_FILE_BAD", path + " cannot be read; it must be a PEM file.");
  return content.str();
}

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

std::unique_ptr<BIO, Free> Reader(const std::string& pem) { return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

std::unique_ptr<X509, Free> FirstCertificate(const std::string& pem) {
  std::unique_ptr<X509, Free> certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

// A key with a pass phrase is none: nobody is there to type it.
std::unique_ptr<EVP_PKEY, Free> PrivateKey(const std::string& pem) {
  auto none = [](char*, int, int, void*) { return -1; };
  std::unique_ptr<EVP_PKEY, Free> key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, none, nullptr));
  ERR_clear_error();
  return key;
}

// The content of TLS files that can be served with.
struct Pem {
  std::string certificate, key, client_ca;
  bool operator==(const Pem&) const = default;
};

Expected<Pem> ReadPem(const RpcServer::Tls& tls) {
  Pem pem;
  for (auto [path, content] : {std::pair{&tls.certificate, &pem.certificate}, {&tls.key, &pem.key}, {&tls.client_ca, &pem.client_ca}}) {
    if (path->empty()) continue;
    auto read = ReadFile(*path);
    if (!read) return std::unexpected(read.error());
    *content = std::move(*read);
  }
  // gRPC only says that it could not listen.
  auto bad = [](const std::string& what) { return Fail(Code::kFailedPrecondition, "TLS_FILE_BAD", what + "; docs/operations.md shows how they are made."); };
  auto public_part = FirstCertificate(pem.certificate);
  if (!public_part) return bad(tls.certificate + " holds no certificate in PEM form");
  auto private_part = PrivateKey(pem.key);
  if (!private_part) return bad(tls.key + " holds no key in PEM form that opens without a pass phrase");
  bool fits = X509_check_private_key(public_part.get(), private_part.get()) == 1;
  ERR_clear_error();
  if (!fits) return bad(tls.key + " is not the key of " + tls.certificate);
  if (!tls.client_ca.empty() && !FirstCertificate(pem.client_ca)) return bad(tls.client_ca + " holds no certificate in PEM form");
  return pem;
}

// Serves with what the files held when they were last good; each handshake asks for it. Thread-safe.
class TlsCredentials : public grpc::ServerCredentials {
 public:
  TlsCredentials(RpcServer::Tls files, Pem pem) : files_(std::move(files)), pem_(std::move(pem)) {
    auto asks = files_.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(grpc_ssl_server_credentials_create_options_using_config_fetcher(asks, &Fetch, this));
  }
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}  // ours are tokens

  // True: others are served from the next handshake on.
  Expected<bool> Reload() {
    auto pem = ReadPem(files_);
    if (!pem) return std::unexpected(pem.error());
    std::lock_guard lock(mutex_);
    if (*pem == pem_) return false;
    pem_ = std::move(*pem);
    fetched_ = false;
    return true;
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override { return grpc_server_add_http2_port(server, address.c_str(), credentials_); }
  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<TlsCredentials*>(self);
    std::lock_guard lock(credentials.mutex_);
    if (std::exchange(credentials.fetched_, true)) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const Pem& pem = credentials.pem_;
    grpc_ssl_pem_key_cert_pair pair{pem.key.c_str(), pem.certificate.c_str()};
    // gRPC wants some authorities also where it asks for no certificate and so looks at none.
    *config = grpc_ssl_server_certificate_config_create(pem.client_ca.empty() ? pem.certificate.c_str() : pem.client_ca.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const RpcServer::Tls files_;
  std::mutex mutex_;
  Pem pem_;
  bool fetched_ = false;  // gRPC has pem_
  grpc_server_credentials* credentials_ = nullptr;
};

Router::Method Unimplemented(const MethodDescriptor* method) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  Error error{Code::kUnimplemented, "NOT_IMPLEMENTED", "This server does not do this yet.", "此功能尚未开放。", {}, {}, std::nullopt};
  Router::Method bound;
  bound.request.reset(factory->GetPrototype(method->input_type())->New());
  bound.response.reset(factory->GetPrototype(method->output_type())->New());
  if (IsUnary(method)) {
    bound.unary = [error](const Caller&, const Message&, Responder respond) { respond.Send(error); };
  } else {
    bound.conversation = [error](const Caller&, std::shared_ptr<MessageStream> stream) { stream->Finish(error); };
  }
  return bound;
}

// Empty if this handler fits the method.
std::string Mismatch(const MethodDescriptor* method, const Router::Method& bound) {
  if (bound.request->GetDescriptor() != method->input_type() || bound.response->GetDescriptor() != method->output_type()) {
    return " has a handler with other messages.";
  }
  bool fits = IsUnary(method)              ? static_cast<bool>(bound.unary)
              : method->client_streaming() ? method->server_streaming() && bound.conversation
                                           : static_cast<bool>(bound.server_stream);
  return fits ? "" : " has a handler of another kind (unary, server stream, conversation).";
}

class Server : public RpcServer {
 public:
  ~Server() override { Stop(); }

  int port() const override { return port_; }
  void SetServing(const std::string& service, bool serving) override { health_->SetServing(service, serving); }
  void SayStopping() override { health_->Stop(); }

  void CheckCredentials() override {
    std::set<std::shared_ptr<StreamCall>> streams;
    {
      std::lock_guard lock(shared_->streams_mutex);
      streams = shared_->streams;
    }
    for (const auto& stream : streams) stream->CheckCredential();
  }

  Expected<bool> ReloadTls() override { return tls_ ? tls_->Reload() : Expected<bool>(false); }

  void Stop() override {
    if (!server_) return;
    health_->Stop();
    std::set<std::shared_ptr<StreamCall>> streams;
    {
      std::lock_guard lock(shared_->streams_mutex);
      shared_->draining = true;
      streams = shared_->streams;
    }
    for (const auto& stream : streams) stream->EndForStop();
    streams.clear();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::microseconds(shared_->options.drain_us));
    {
      std::unique_lock lock(shared_->gate);
      shared_->closed = true;
    }
    queue_->Shutdown();
    if (poller_.joinable()) poller_.join();
    server_.reset();
    shared_->streams.clear();
  }

  Expected<void> Serve(const Router& router, std::vector<const google::protobuf::ServiceDescriptor*> services, const Credentials& credentials, Clock& clock,
                       const Options& options) {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // costs a fifth of the throughput, finds nothing of ours
    shared_->credentials = &credentials;
    shared_->clock = &clock;
    shared_->options = options;
    std::shared_ptr<grpc::ServerCredentials> secured = grpc::InsecureServerCredentials();
    if (!options.tls.certificate.empty()) {
      auto pem = ReadPem(options.tls);
      if (!pem) return std::unexpected(pem.error());
      secured = tls_ = std::make_shared<TlsCredentials>(options.tls, std::move(*pem));
    }
    for (const google::protobuf::FileDescriptor* file :
         {grpc::health::v1::HealthCheckRequest::descriptor()->file(), grpc::reflection::v1::ServerReflectionRequest::descriptor()->file(),
          grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()}) {
      services.push_back(file->service(0));
    }
    std::vector<std::string> names;
    for (const auto* service : services) names.push_back(service->full_name());
    Router complete = router;
    health_ = std::make_unique<Health>(names);
    health_->Bind(complete);
    BindReflection(complete, names);

    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(options.max_message_bytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kLargestMetadataBytes);
    // A peer that has gone without a word is noticed, and a client may ask as often as ours does.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeOutMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // as many as it takes
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kOftenestPingMs);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port that is taken is an error
    builder.AddListeningPort(options.listen, secured, &port_);
    std::string wrong;
    for (const auto* service : services) BindService(service, complete, wrong);
    for (const auto& [name, method] : complete.methods()) {
      if (!google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(Dotted(name))) wrong += " " + name + " is no method.";
    }
    if (!wrong.empty()) return Fail(Code::kInternal, "METHOD_NOT_BOUND", "The server does not start:" + wrong);
    for (auto& each : services_) builder.RegisterService(each.service.get());
    queue_ = builder.AddCompletionQueue();
    shared_->queue = queue_.get();
    server_ = builder.BuildAndStart();
    if (!server_ || port_ == 0) {
      if (server_) Stop();
      queue_->Shutdown();
      void* tag = nullptr;
      bool good = false;
      while (queue_->Next(&tag, &good)) {
      }
      return Fail(Code::kFailedPrecondition, "LISTEN_FAILED", "Could not listen on " + options.listen + "; is the port taken?");
    }
    for (auto& each : services_) {
      for (const auto& bound : each.bound) {
        for (int i = 0; i < (bound->unary ? kUnaryAskedAhead : kStreamsAskedAhead); ++i) {
          bound->unary ? UnaryCall::Ask(shared_, *each.service, bound) : StreamCall::Ask(shared_, *each.service, bound);
        }
      }
    }
    poller_ = std::thread([this] {
      void* tag = nullptr;
      bool good = false;
      while (queue_->Next(&tag, &good)) static_cast<Tag*>(tag)->Complete(good);
    });
    return {};
  }

 private:
  struct Each {
    std::unique_ptr<DescriptorService> service;
    std::vector<std::shared_ptr<const Bound>> bound;
  };

  static std::string Dotted(std::string name) {
    std::ranges::replace(name, '/', '.');
    return name;
  }

  void BindService(const google::protobuf::ServiceDescriptor* service, const Router& router, std::string& wrong) {
    Each each{std::make_unique<DescriptorService>(), {}};
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      std::string name = service->full_name() + "/" + method->name();
      auto access = AccessOf(method);
      if (!access) {
        wrong += " " + name + " has no access rule.";
        continue;
      }
      auto found = router.methods().find(name);
      if (found == router.methods().end() && shared_->options.require_every_handler) {
        wrong += " " + name + " has no handler.";
        continue;
      }
      auto bound = std::make_shared<Bound>();
      bound->index = static_cast<int>(each.bound.size());
      bound->unary = IsUnary(method);
      bound->access = *access;
      bound->request_name = NameField(method->input_type());
      bound->response_name = NameField(method->output_type());
      bound->method = found == router.methods().end() ? Unimplemented(method) : found->second;
      if (found != router.methods().end()) {
        if (std::string mismatch = Mismatch(method, bound->method); !mismatch.empty()) wrong += " " + name + mismatch;
      }
      const char* type = bound->unary ? "unary" : method->client_streaming() ? "bidi_stream" : "server_stream";
      for (auto* observer : shared_->options.observers) bound->observed.push_back(observer->Register(service->full_name(), method->name(), type));
      each.service->Add("/" + name, bound->unary);
      each.bound.push_back(std::move(bound));
    }
    services_.push_back(std::move(each));
  }

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::shared_ptr<TlsCredentials> tls_;  // null: in the clear; outlives the server, which asks it
  std::unique_ptr<Health> health_;
  std::vector<Each> services_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::thread poller_;
  int port_ = 0;
};

}  // namespace

Expected<void> RpcServer::CheckTls(const Tls& tls) {
  if (tls.certificate.empty()) return {};
  auto good = ReadPem(tls);
  if (!good) return std::unexpected(good.error());
  return {};
}

Expected<std::unique_ptr<RpcServer>> RpcServer::Start(const Router& router, const std::vector<const google::protobuf::ServiceDescriptor*>& services,
                                                      const Credentials& credentials, Clock& clock, Options options) {
  auto server = std::make_unique<Server>();
  if (auto started = server->Serve(router, services, credentials, clock, options); !started) return std::unexpected(started.error());
  return server;
}

}  // namespace gridloop
