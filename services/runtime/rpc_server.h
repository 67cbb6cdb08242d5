// The gRPC server, bound to services through their descriptors (docs/adr/0001). Closed by default: a method without an
// `access` option stops the start; one without a handler is UNIMPLEMENTED.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/error.h"
#include "ports/caller.h"
#include "ports/clock.h"
#include "ports/ledger.h"
#include "runtime/credentials.h"

namespace gridloop {

// Which handler answers which method.
class Router {
 public:
  using Respond = std::function<void(Expected<std::shared_ptr<google::protobuf::Message>>)>;
  using Handler = std::function<void(const Caller&, const google::protobuf::Message& request, Respond respond)>;
  struct Method {
    std::shared_ptr<const google::protobuf::Message> request;  // prototype
    Handler handler;
  };

  // `method` is "package.Service/Method". The handler replies once, from any thread.
  template <class Request, class Response>
  void Unary(const std::string& method, std::function<void(const Caller&, const Request&, Callback<Expected<Response>>)> handler) {
    methods_[method] = {std::make_shared<Request>(), [handler = std::move(handler)](const Caller& caller, const google::protobuf::Message& request, Respond respond) {
                          handler(caller, static_cast<const Request&>(request), [respond = std::move(respond)](Expected<Response> response) {
                            if (!response) return respond(std::unexpected(std::move(response.error())));
                            respond(std::make_shared<Response>(std::move(*response)));
                          });
                        }};
  }
  // A class with one member function a method.
  template <class Service, class Request, class Response>
  void Bind(const std::string& method, Service& service, void (Service::*handler)(const Caller&, const Request&, Callback<Expected<Response>>)) {
    Unary<Request, Response>(method, [&service, handler](const Caller& caller, const Request& request, Callback<Expected<Response>> reply) {
      (service.*handler)(caller, request, std::move(reply));
    });
  }

  const std::map<std::string, Method>& methods() const { return methods_; }

 private:
  std::map<std::string, Method> methods_;
};

class RpcServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:0";
    int max_message_bytes = 4 << 20;
    int max_in_flight = 4096;
  };
  // Serves the unary methods of these services. `router`, `credentials` and `clock` outlive it.
  static Expected<std::unique_ptr<RpcServer>> Start(const Router& router, const std::vector<const google::protobuf::ServiceDescriptor*>& services,
                                                    const Credentials& credentials, Clock& clock, Options options);
  virtual ~RpcServer() = default;  // stops: drains for at most 5 s, then cancels
  virtual int port() const = 0;
};

}  // namespace gridloop
