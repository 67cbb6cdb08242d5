// Streams of messages to and from a caller, as services see them: no transport in it.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "domain/error.h"

namespace gridloop {

// The server's end of one stream, whatever its types. Thread-safe. Callbacks run on the server's poller: they must not
// block. All are dropped when the stream is over.
class MessageStream {
 public:
  virtual ~MessageStream() = default;
  virtual bool Write(const google::protobuf::Message& message) = 0;
  virtual void Skip() = 0;
  virtual void Finish(std::optional<Error> error) = 0;
  virtual void OnReady(std::function<void()> ready) = 0;
  virtual void OnCancel(std::function<void()> cancel) = 0;
  virtual void OnMessage(std::function<void(const google::protobuf::Message&)> message) = 0;
  virtual void OnUnreadable(std::function<void(const google::protobuf::Message& readable, const Error&)> unreadable) = 0;
  virtual void OnHalfClose(std::function<void()> half_close) = 0;
  virtual bool cancelled() const = 0;
};

// What a handler writes to. Dropping the last reference without Finish ends the stream with INTERNAL/HANDLER_GAVE_UP.
template <class Response>
class Sink {
 public:
  explicit Sink(std::shared_ptr<MessageStream> stream) : stream_(std::move(stream)) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  ~Sink() {
    stream_->Finish(
        Error{Code::kInternal, "HANDLER_GAVE_UP", "The stream ended without a reason; open it again.", "连接意外结束，请重新连接。", {}, {}, std::nullopt});
  }
  // False: the stream is over, or so much waits for a slow reader that this message was not taken; then OnReady's
  // callback says when to go on.
  bool Write(const Response& response) { return stream_->Write(response); }
  // Ends the stream after what was written; the first call counts.
  void Finish(std::optional<Error> error = std::nullopt) { stream_->Finish(std::move(error)); }
  // Called whenever there is room again after a Write that was not taken.
  void OnReady(std::function<void()> ready) { stream_->OnReady(std::move(ready)); }
  // Called once when the reader has gone, its deadline has passed or the server stops; at once if that was before.
  void OnCancel(std::function<void()> cancel) { stream_->OnCancel(std::move(cancel)); }
  bool cancelled() const { return stream_->cancelled(); }

 protected:
  std::shared_ptr<MessageStream> stream_;
};

// A stream in both directions. The next request is read only while few requests are unanswered: each Write answers one,
// Skip says that one gets no answer.
template <class Request, class Response>
class Conversation : public Sink<Response> {
 public:
  using Sink<Response>::Sink;
  void OnMessage(std::function<void(const Request&)> message) {
    this->stream_->OnMessage([message = std::move(message)](const google::protobuf::Message& request) { message(static_cast<const Request&>(request)); });
  }
  // Called for a request that cannot be read, with what could be read of it (its texts may be no UTF-8) and the error; answered or
  // skipped like any other. Without this callback such a request ends the stream with that error.
  void OnUnreadable(std::function<void(const Request& readable, const Error&)> unreadable) {
    this->stream_->OnUnreadable([unreadable = std::move(unreadable)](const google::protobuf::Message& readable, const Error& error) {
      unreadable(static_cast<const Request&>(readable), error);
    });
  }
  // Called once when the caller sends no more and every message is answered or skipped; mostly the place to Finish.
  void OnHalfClose(std::function<void()> half_close) { this->stream_->OnHalfClose(std::move(half_close)); }
  void Skip() { this->stream_->Skip(); }
};

}  // namespace gridloop
