#include "runtime/rpc_client.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/sync_stream.h>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>

#include "domain/rpc_status.h"

namespace gridloop {
namespace {

using google::protobuf::Message;
using grpc::internal::RpcMethod;

constexpr int kLargestMetadataBytes = 16 << 10;  // errors that name many fields

Expected<void> FromGrpc(const grpc::Status& status) {
  if (status.ok()) return {};
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) return std::unexpected(FromRpcStatus(details));
  return Fail(static_cast<Code>(status.error_code()), "", status.error_message());
}

void Prepare(grpc::ClientContext& context, const std::string& token, std::chrono::milliseconds timeout) {
  if (timeout.count() > 0) context.set_deadline(std::chrono::system_clock::now() + timeout);
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

class OpenConversation : public RpcClient::Conversation {
 public:
  OpenConversation(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, const std::string& token, std::chrono::milliseconds timeout)
      : path_("/" + method) {
    Prepare(context_, token, timeout);
    RpcMethod rpc(path_.c_str(), RpcMethod::BIDI_STREAMING);
    stream_.reset(grpc::internal::ClientReaderWriterFactory<Message, Message>::Create(channel.get(), rpc, &context_));
  }
  ~OpenConversation() override {
    if (finished_) return;
    context_.TryCancel();
    stream_->Finish();
  }
  bool Write(const Message& message) override { return stream_->Write(message); }
  void WritesDone() override { stream_->WritesDone(); }
  bool Read(Message* message) override { return stream_->Read(message); }
  Expected<void> Finish() override {
    finished_ = true;
    return FromGrpc(stream_->Finish());
  }
  void Cancel() override { context_.TryCancel(); }

 private:
  std::string path_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Message, Message>> stream_;
  bool finished_ = false;
};

class Client : public RpcClient {
 public:
  Client(const Options& options, const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : channel_(grpc::CreateCustomChannel(options.address, credentials, Arguments(options))), stub_(channel_), token_(options.token) {}

  ~Client() override {
    std::unique_lock lock(mutex_);
    all_answered_.wait(lock, [this] { return unanswered_ == 0; });
  }

  Expected<void> Call(const std::string& method, const Message& request, Message* response, std::chrono::milliseconds timeout) override {
    grpc::ClientContext context;
    Prepare(context, token_, timeout);
    std::string path = "/" + method;
    RpcMethod rpc(path.c_str(), RpcMethod::NORMAL_RPC);
    return FromGrpc(grpc::internal::BlockingUnaryCall<Message, Message>(channel_.get(), rpc, &context, request, response));
  }

  void CallAsync(const std::string& method, const Message& request, Message* response, std::chrono::milliseconds timeout,
                 std::function<void(Expected<void>)> done) override {
    auto context = std::make_shared<grpc::ClientContext>();
    Prepare(*context, token_, timeout);
    grpc::ClientContext* raw = context.get();
    {
      std::lock_guard lock(mutex_);
      ++unanswered_;
    }
    // gRPC's thread that answers must not drop the last reference to the channel: it would end itself, and abort. So the
    // context lets go of it before anybody hears of the answer, and the client waits for its calls.
    stub_.UnaryCall(raw, "/" + method, {}, &request, response,
                    [this, context = std::move(context), done = std::move(done)](const grpc::Status& status) mutable {
                      context.reset();
                      {
                        std::lock_guard lock(mutex_);
                        if (--unanswered_ == 0) all_answered_.notify_all();
                      }
                      done(FromGrpc(status));
                    });
  }

  Expected<void> ReadStream(const std::string& method, const Message& request, Message* response, std::function<bool()> next,
                            std::chrono::milliseconds timeout) override {
    grpc::ClientContext context;
    Prepare(context, token_, timeout);
    std::string path = "/" + method;
    RpcMethod rpc(path.c_str(), RpcMethod::SERVER_STREAMING);
    std::unique_ptr<grpc::ClientReader<Message>> reader(grpc::internal::ClientReaderFactory<Message>::Create(channel_.get(), rpc, &context, request));
    bool enough = false;
    while (!enough && reader->Read(response)) enough = !next();
    if (enough) context.TryCancel();
    grpc::Status status = reader->Finish();
    if (enough) return {};
    return FromGrpc(status);
  }

  std::unique_ptr<Conversation> Converse(const std::string& method, std::chrono::milliseconds timeout) override {
    return std::make_unique<OpenConversation>(channel_, method, token_, timeout);
  }

 private:
  static grpc::ChannelArguments Arguments(const Options& options) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kLargestMetadataBytes);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive_time_out.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a watch may be silent all night
    return arguments;
  }

  std::shared_ptr<grpc::Channel> channel_;
  grpc::TemplatedGenericStub<Message, Message> stub_;
  std::string token_;
  std::mutex mutex_;
  std::condition_variable all_answered_;
  int unanswered_ = 0;  // asynchronous calls
};

}  // namespace

std::unique_ptr<RpcClient> RpcClient::Connect(const std::string& address, const std::string& token) {
  Options options;
  options.address = address;
  options.token = token;
  return std::make_unique<Client>(options, grpc::InsecureChannelCredentials());
}

Expected<std::unique_ptr<RpcClient>> RpcClient::Connect(const Options& options) {
  if (options.server_ca.empty()) return std::make_unique<Client>(options, grpc::InsecureChannelCredentials());
  grpc::SslCredentialsOptions tls;
  for (auto [path, place] :
       {std::pair{&options.server_ca, &tls.pem_root_certs}, {&options.certificate, &tls.pem_cert_chain}, {&options.key, &tls.pem_private_key}}) {
    if (path->empty()) continue;
    std::ifstream file(*path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (!file || content.str().empty()) return Fail(Code::kFailedPrecondition, "TLS_FILE_BAD", *path + " cannot be read; it must be a PEM file.");
    *place = content.str();
  }
  return std::make_unique<Client>(options, grpc::SslCredentials(tls));
}

}  // namespace gridloop
