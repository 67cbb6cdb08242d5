#include "runtime/rpc_client.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include "runtime/rpc_status.h"

namespace gridloop {
namespace {

using google::protobuf::Message;

class Client : public RpcClient {
 public:
  Client(const std::string& address, std::string token)
      : channel_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())), token_(std::move(token)) {}

  Expected<void> Call(const std::string& method, const Message& request, Message* response, std::chrono::milliseconds timeout) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
    std::string path = "/" + method;
    grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    grpc::Status status = grpc::internal::BlockingUnaryCall<Message, Message>(channel_.get(), rpc, &context, request, response);
    if (status.ok()) return {};
    google::rpc::Status details;
    if (!status.error_details().empty() && details.ParseFromString(status.error_details())) return std::unexpected(FromRpcStatus(details));
    return Fail(static_cast<Code>(status.error_code()), "", status.error_message());
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::string token_;
};

}  // namespace

std::unique_ptr<RpcClient> RpcClient::Connect(const std::string& address, const std::string& token) {
  return std::make_unique<Client>(address, token);
}

}  // namespace gridloop
