// A client for any method, by name ("package.Service/Method"). Thread-safe.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "domain/error.h"

namespace gridloop {

class RpcClient {
 public:
  using Message = google::protobuf::Message;
  struct Options {
    std::string address;  // host:port
    std::string token;    // empty: sends none
    // Files in PEM form. No authority: no TLS. Certificate and key where the server asks for them.
    std::string server_ca, certificate, key;
    // While a call is open: asks after so long a silence whether the server is still there, and how long it waits for the answer.
    std::chrono::milliseconds keepalive = std::chrono::seconds(30);
    std::chrono::milliseconds keepalive_time_out = std::chrono::seconds(10);
  };
  // A stream in both directions, for one thread that writes and one that reads. Destroying it cancels.
  class Conversation {
   public:
    virtual ~Conversation() = default;
    virtual bool Write(const Message& message) = 0;  // false: the stream is over, Finish says why
    virtual void WritesDone() = 0;
    virtual bool Read(Message* message) = 0;  // false: the stream is over
    virtual Expected<void> Finish() = 0;      // after Read gave false
    virtual void Cancel() = 0;
  };

  static std::unique_ptr<RpcClient> Connect(const std::string& address, const std::string& token);
  // kFailedPrecondition if a file cannot be read.
  static Expected<std::unique_ptr<RpcClient>> Connect(const Options& options);
  virtual ~RpcClient() = default;  // waits for asynchronous calls, so never from their `done`

  // Blocks. Errors carry reason, fields and delay if the server sent them, otherwise code and message alone.
  virtual Expected<void> Call(const std::string& method, const Message& request, Message* response,
                              std::chrono::milliseconds timeout = std::chrono::seconds(10)) = 0;
  // `request` and `response` live until `done`, which comes once, from a thread of gRPC, and must not block.
  virtual void CallAsync(const std::string& method, const Message& request, Message* response, std::chrono::milliseconds timeout,
                         std::function<void(Expected<void>)> done) = 0;
  // Reads each message into `response` and calls `next`, until the stream ends or `next` gives false (then OK). A timeout
  // of zero is none.
  virtual Expected<void> ReadStream(const std::string& method, const Message& request, Message* response, std::function<bool()> next,
                                    std::chrono::milliseconds timeout = {}) = 0;
  virtual std::unique_ptr<Conversation> Converse(const std::string& method, std::chrono::milliseconds timeout = {}) = 0;
};

}  // namespace gridloop
