// One run of gridctl: where the server is, who calls, how answers are shown, and what the exit code will be.
#pragma once

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "cli/table.h"
#include "gridloop/v1/need.pb.h"
#include "runtime/rpc_client.h"

namespace gridloop::cli {

// Documented in docs/gridctl.md.
enum Exit {
  kGood = 0,
  kRefused = 1,       // the server refused; the reason is printed
  kUsage = 2,         // the command line, or a field of it, is wrong
  kDirectoryBad = 3,  // a checked directory has errors
  kUnreachable = 4,   // no answer: whether it was done is not known; the same --request-id may be sent again
  kNotAllowed = 5,    // the credential is missing, unknown, expired, or may not do this
};

int ExitCodeOf(const Error& error);

class Session {
 public:
  struct Options {
    std::string address = "127.0.0.1:7400";
    std::string token;  // from the environment
    std::string token_file;
    std::string ca, certificate, key;
    std::string output = "table";
    double timeout_s = 10;
  };
  explicit Session(Options& options) : options_(options) {}

  bool json() const { return options_.output != "table"; }  // as data for machines: JSON or YAML
  bool terminal() const;                                    // standard output is one
  std::chrono::milliseconds timeout() const { return std::chrono::milliseconds(static_cast<int64_t>(options_.timeout_s * 1000)); }
  // Connects at first use.
  Expected<RpcClient*> Client();
  Expected<void> Call(const std::string& method, const google::protobuf::Message& request, google::protobuf::Message* response);
  // Calls, then shows the answer: as JSON or YAML, or by `table`.
  int CallAndShow(const std::string& method, const google::protobuf::Message& request, google::protobuf::Message* response, const std::function<void()>& table);
  // Prints the error to standard error and gives its exit code.
  int Report(const Error& error);
  // As JSON, or YAML if that was asked for; `one_line`: one of many messages, a line or a document of its own each.
  void PrintJson(const google::protobuf::Message& message, bool one_line = false) const;
  // The same of what is no message of the API.
  void PrintData(const std::string& json, bool one_of_many = false) const;
  void PrintOutcome(const v1::CommandOutcome& outcome) const;
  void Print(const Table& table) const;
  // The server's time in seconds: a simulated one if there is one (asked once), else this machine's.
  int64_t NowSeconds();
  int64_t LocalNowSeconds() const;   // this machine's
  void ForgetTime() { now_s_ = 0; }  // a verb that goes on asks again each round
  // The one given, or a new one; if the answer never comes, Report says how to send the same again.
  std::string RequestId(const std::string& given);
  // What was looked up for a command, as the flag that says the same: a retry that looked again might find something else.
  void Resolved(const std::string& flag, const std::string& value) { resolved_ += " " + flag + " " + value; }

  // All pages of a list, up to `limit` entries, into `all`.
  template <class Response, class Request, class Items>
  Expected<void> List(const std::string& method, Request request, int limit, Response* all, Items* (Response::*items)()) {
    Items& collected = *(all->*items)();
    do {
      request.set_page_size(std::min(kLargestPage, limit - collected.size()));
      Response page;
      if (auto called = Call(method, request, &page); !called) return called;
      collected.MergeFrom(*(page.*items)());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty() && collected.size() < limit);
    all->set_next_page_token(request.page_token());
    return {};
  }
  // The same, shown.
  template <class Response, class Request, class Items>
  int ListAndShow(const std::string& method, const Request& request, int limit, Response* all, Items* (Response::*items)(),
                  const std::function<void()>& table) {
    if (auto listed = List(method, request, limit, all, items); !listed) return Report(listed.error());
    if (json()) {
      PrintJson(*all);
    } else {
      table();
      if (!all->next_page_token().empty()) Note("there are more; --limit shows them");
    }
    return kGood;
  }

  // Shows each message of a resumable stream, for ever; connects again when the connection is lost.
  template <class Request, class Response>
  int Watch(const std::string& method, Request request, const std::string& resume_token, const std::function<void(const Response&)>& show) {
    request.set_resume_token(resume_token);
    int wait_s = 0;
    while (true) {
      auto client = Client();
      if (!client) return Report(client.error());
      Response response;
      auto ended = (*client)->ReadStream("gridloop.v1." + method, request, &response, [&] {
        wait_s = 0;
        request.set_resume_token(response.resume_token());
        show(response);
        return true;
      });
      if (!ended && ExitCodeOf(ended.error()) != kUnreachable && ended.error().code != Code::kResourceExhausted) return Report(ended.error());
      wait_s = std::clamp(wait_s * 2, 1, kLongestWaitSeconds);
      Note((ended ? std::string("the stream ended") : ended.error().message) + "; again in " + std::to_string(wait_s) + " s");
      Wait(wait_s);
    }
  }

  // Calls `once` again every `every_s` seconds; goes on when the server does not answer, ends with any other code than 0. On a
  // terminal the screen is cleared first.
  int Repeat(int every_s, const std::function<int()>& once);

 private:
  static constexpr int kLargestPage = 200;
  static constexpr int kLongestWaitSeconds = 30;
  void Note(const std::string& text) const;  // to standard error
  static void Wait(int seconds);

  Options& options_;
  std::unique_ptr<RpcClient> client_;
  int64_t now_s_ = 0;
  std::string request_id_, resolved_;
};

std::string ToJson(const google::protobuf::Message& message, bool one_line);

}  // namespace gridloop::cli
