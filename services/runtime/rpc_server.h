// The gRPC server, bound to services through their descriptors (docs/adr/0001). Closed by default: every RPC passes one
// gate (credential, role, limits) before its handler runs; a method without an access rule stops the start.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/error.h"
#include "ports/caller.h"
#include "ports/clock.h"
#include "ports/ledger.h"
#include "ports/stream.h"
#include "runtime/credentials.h"

namespace gridloop {

// The answer to one unary call: sent once, from any thread. One that is dropped unsent answers INTERNAL/HANDLER_GAVE_UP.
class Responder {
 public:
  struct Target {
    virtual void Answer(const google::protobuf::Message* response, const Error* error) = 0;  // one of the two

   protected:
    ~Target() = default;
  };
  explicit Responder(Target* target) : target_(target) {}
  Responder(Responder&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  Responder& operator=(Responder&&) = delete;
  ~Responder() {
    if (target_ == nullptr) return;
    Send(Error{Code::kInternal, "HANDLER_GAVE_UP", "The call ended without an answer; send it again.", "处理未完成，请重新提交。", {}, {}, std::nullopt});
  }
  void Send(const google::protobuf::Message& response) { std::exchange(target_, nullptr)->Answer(&response, nullptr); }
  void Send(const Error& error) { std::exchange(target_, nullptr)->Answer(nullptr, &error); }

 private:
  Target* target_;
};

// Which handler answers which method; "package.Service/Method". Handlers run on the poller and must not block.
class Router {
 public:
  using Message = google::protobuf::Message;
  struct Method {
    std::shared_ptr<const Message> request;  // prototype
    std::shared_ptr<const Message> response;
    // Exactly one of the three.
    std::function<void(const Caller&, const Message& request, Responder respond)> unary;
    std::function<void(const Caller&, const Message& request, std::shared_ptr<MessageStream>)> server_stream;
    std::function<void(const Caller&, std::shared_ptr<MessageStream>)> conversation;
  };

  // The handler replies once, from any thread.
  template <class Request, class Response>
  void Unary(const std::string& method, std::function<void(const Caller&, const Request&, Callback<Expected<Response>>)> handler) {
    Method& bound = Bound<Request, Response>(method);
    bound.unary = [handler = std::move(handler)](const Caller& caller, const Message& request, Responder respond) {
      handler(caller, static_cast<const Request&>(request), [respond = std::move(respond)](Expected<Response> response) mutable {
        if (response) {
          respond.Send(*response);
        } else {
          respond.Send(response.error());
        }
      });
    };
  }
  template <class Request, class Response>
  void ServerStream(const std::string& method, std::function<void(const Caller&, const Request&, std::shared_ptr<Sink<Response>>)> handler) {
    Method& bound = Bound<Request, Response>(method);
    bound.server_stream = [handler = std::move(handler)](const Caller& caller, const Message& request, std::shared_ptr<MessageStream> stream) {
      handler(caller, static_cast<const Request&>(request), std::make_shared<Sink<Response>>(std::move(stream)));
    };
  }
  template <class Request, class Response>
  void BidiStream(const std::string& method, std::function<void(const Caller&, std::shared_ptr<Conversation<Request, Response>>)> handler) {
    Method& bound = Bound<Request, Response>(method);
    bound.conversation = [handler = std::move(handler)](const Caller& caller, std::shared_ptr<MessageStream> stream) {
      handler(caller, std::make_shared<Conversation<Request, Response>>(std::move(stream)));
    };
  }

  // A class with one member function a method; its parameters say which kind of method it is.
  template <class Service, class Request, class Response>
  void Bind(const std::string& method, Service& service, void (Service::*handler)(const Caller&, const Request&, Callback<Expected<Response>>)) {
    Unary<Request, Response>(method, [&service, handler](const Caller& caller, const Request& request, Callback<Expected<Response>> reply) {
      (service.*handler)(caller, request, std::move(reply));
    });
  }
  template <class Service, class Request, class Response>
  void Bind(const std::string& method, Service& service, void (Service::*handler)(const Caller&, const Request&, std::shared_ptr<Sink<Response>>)) {
    ServerStream<Request, Response>(method, [&service, handler](const Caller& caller, const Request& request, std::shared_ptr<Sink<Response>> sink) {
      (service.*handler)(caller, request, std::move(sink));
    });
  }
  template <class Service, class Request, class Response>
  void Bind(const std::string& method, Service& service, void (Service::*handler)(const Caller&, std::shared_ptr<Conversation<Request, Response>>)) {
    BidiStream<Request, Response>(method, [&service, handler](const Caller& caller, std::shared_ptr<Conversation<Request, Response>> conversation) {
      (service.*handler)(caller, std::move(conversation));
    });
  }

  const std::map<std::string, Method>& methods() const { return methods_; }

 private:
  template <class Request, class Response>
  Method& Bound(const std::string& method) {
    Method& bound = methods_[method];
    bound = {std::make_shared<Request>(), std::make_shared<Response>(), {}, {}, {}};
    return bound;
  }

  std::map<std::string, Method> methods_;
};

// Hears of every RPC: metrics, access log. Thread-safe; must not block.
class RpcObserver {
 public:
  virtual ~RpcObserver() = default;
  // Called for each method before the server starts; the number comes back with each call. `type` is unary,
  // server_stream or bidi_stream.
  virtual int Register(const std::string& service, const std::string& method, const std::string& type) = 0;
  virtual void Started(int method) = 0;
  // One message of a stream.
  virtual void Received(int /*method*/) {}
  virtual void Sent(int /*method*/) {}
  // `code` as in google.rpc.Code, 1 if the caller cancelled. `need`: the name of the need that a unary call was about, if one is known.
  virtual void Handled(int method, int code, int64_t duration_us, const std::string& trace, std::string_view need) = 0;
};

class RpcServer {
 public:
  struct Tls {
    std::string certificate;  // files in PEM form; empty: no TLS
    std::string key;
    std::string client_ca;  // not empty: clients must show a certificate that it signed
  };
  struct Options {
    std::string listen = "127.0.0.1:0";
    Tls tls = {};
    int max_message_bytes = 4 << 20;
    int max_in_flight = 4096;               // unary calls; more are RESOURCE_EXHAUSTED at once
    int max_streams = 1024;                 // streams, the same
    int max_open_streams = 64;              // streams of methods that anybody may call, apart from the others
    int max_streams_per_connection = 8192;  // concurrent RPCs of any kind; HTTP/2 holds back the rest
    int max_waiting_writes = 256;           // messages of one stream that wait for a slow reader
    int max_unanswered = 64;                // requests of one conversation
    int64_t drain_us = 5'000'000;           // how long the stop waits for calls
    // True: a method without a handler stops the start. False: it passes the gate and is UNIMPLEMENTED.
    bool require_every_handler = false;
    std::vector<RpcObserver*> observers = {};  // outlive the server
  };
  // Serves these services, and health (open) and reflection (any credential). `credentials` and `clock` outlive it; so does
  // whatever the handlers use.
  static Expected<std::unique_ptr<RpcServer>> Start(const Router& router, const std::vector<const google::protobuf::ServiceDescriptor*>& services,
                                                    const Credentials& credentials, Clock& clock, Options options);
  // Whether these files can be served with; good if there are none. kFailedPrecondition/TLS_FILE_BAD names the file.
  static Expected<void> CheckTls(const Tls& tls);
  virtual ~RpcServer() = default;  // stops if Stop was not called
  virtual int port() const = 0;
  // What health says of one service, or of the server as a whole (""); true from the start.
  virtual void SetServing(const std::string& service, bool serving) = 0;
  // Health says NOT_SERVING of all from here on, whatever SetServing says later.
  virtual void SayStopping() = 0;
  // Ends each stream whose credential does not count any more; to be called when credentials were replaced, and now and then
  // for those that expire.
  virtual void CheckCredentials() = 0;
  // Reads the TLS files again; true: what they hold now is served from the next handshake on. An error (of CheckTls) changes nothing.
  virtual Expected<bool> ReloadTls() = 0;
  // Health says NOT_SERVING, streams end with UNAVAILABLE, calls drain for at most `drain_us`, then are cancelled. An
  // answer that comes later goes nowhere and does no harm.
  virtual void Stop() = 0;
};

}  // namespace gridloop
