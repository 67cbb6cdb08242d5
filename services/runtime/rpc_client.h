// A blocking client for any unary method, by name. Thread-safe.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <memory>
#include <string>

#include "domain/error.h"

namespace gridloop {

class RpcClient {
 public:
  // `address` is host:port; an empty token sends none.
  static std::unique_ptr<RpcClient> Connect(const std::string& address, const std::string& token);
  virtual ~RpcClient() = default;
  // `method` is "package.Service/Method".
  virtual Expected<void> Call(const std::string& method, const google::protobuf::Message& request, google::protobuf::Message* response,
                              std::chrono::milliseconds timeout = std::chrono::seconds(10)) = 0;
};

}  // namespace gridloop
