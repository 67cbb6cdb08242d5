#include "cli/session.h"

#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <fstream>

#include "adapters/system/system_clock.h"
#include "cli/words.h"
#include "cli/yaml.h"
#include "gridloop/v1/clock_service.pb.h"
#include "sealing/ids.h"

namespace gridloop::cli {
namespace {

constexpr int kLongestCell = 60;

}  // namespace

bool Session::terminal() const { return ::isatty(STDOUT_FILENO) == 1; }

Expected<RpcClient*> Session::Client() {
  if (client_) return client_.get();
  std::string token = options_.token;
  if (!options_.token_file.empty()) {
    std::ifstream file(options_.token_file);
    token.clear();
    file >> token;
    if (token.empty()) return Fail(Code::kUnauthenticated, "TOKEN_FILE_BAD", options_.token_file + " holds no token; gridctl token create makes one.");
  }
  auto client = RpcClient::Connect({options_.address, token, options_.ca, options_.certificate, options_.key});
  if (!client) return std::unexpected(client.error());
  client_ = std::move(*client);
  return client_.get();
}

Expected<void> Session::Call(const std::string& method, const google::protobuf::Message& request, google::protobuf::Message* response) {
  auto client = Client();
  if (!client) return std::unexpected(client.error());
  return (*client)->Call("gridloop.v1." + method, request, response, timeout());
}

int Session::CallAndShow(const std::string& method, const google::protobuf::Message& request, google::protobuf::Message* response,
                         const std::function<void()>& table) {
  if (auto called = Call(method, request, response); !called) return Report(called.error());
  if (json()) {
    PrintJson(*response);
  } else {
    table();
  }
  return kGood;
}

int ExitCodeOf(const Error& error) {
  switch (error.code) {
    case Code::kUnavailable:  // also said by a server that stops or whose disk has failed: it may have been done
    case Code::kDeadlineExceeded:
    case Code::kUnknown:
      return kUnreachable;
    case Code::kInternal:
      return error.reason == "HANDLER_GAVE_UP" ? kUnreachable : kRefused;
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
      return kNotAllowed;
    default:
      return kRefused;
  }
}

int Session::Report(const Error& error) {
  fmt::print(stderr, "{}{}\n", error.message, error.reason.empty() ? "" : " (" + error.reason + ")");
  if (!error.message_zh.empty()) fmt::print(stderr, "{}\n", error.message_zh);
  for (const auto& field : error.fields) fmt::print(stderr, "  {}: {}\n", field.field, field.description);
  for (const auto& [key, value] : error.metadata) fmt::print(stderr, "  {} = {}\n", key, value);
  if (error.retry_after_us) fmt::print(stderr, "  try again in {} ms\n", *error.retry_after_us / 1000);
  int code = ExitCodeOf(error);
  if (code == kUnreachable && error.reason.empty())
    fmt::print(stderr, "  no answer from {}: is gridloop running there? GRIDLOOP_ADDRESS or --address says where\n", options_.address);
  if (code == kUnreachable && !request_id_.empty()) {
    fmt::print(stderr, "  whether it was done is not known; to send the same again: --request-id {}{}\n", request_id_, resolved_);
  }
  if (code == kNotAllowed) fmt::print(stderr, "  GRIDLOOP_TOKEN_FILE or --token-file names the file with the token; gridctl token create makes one\n");
  return code;
}

std::string ToJson(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return "{}";
  return one_line ? text + "\n" : text;
}

void Session::PrintJson(const google::protobuf::Message& message, bool one_line) const { PrintData(ToJson(message, one_line), one_line); }

void Session::PrintData(const std::string& json, bool one_of_many) const {
  const bool yaml = options_.output == "yaml";
  fmt::print("{}{}", yaml && one_of_many ? "---\n" : "", yaml ? YamlOf(json) : json);
  std::fflush(stdout);
}

void Session::Print(const Table& table) const {
  fmt::print("{}", table.Text(terminal() ? kLongestCell : 0));
  std::fflush(stdout);
}

void Session::PrintOutcome(const v1::CommandOutcome& outcome) const {
  fmt::print("{}  version {}{}{}\n", EnumWord(v1::Stage_descriptor(), outcome.stage()), outcome.version(), outcome.late() ? "  (late)" : "",
             outcome.replayed() ? "  (was done already)" : "");
}

void Session::Note(const std::string& text) const { fmt::print(stderr, "{}\n", text); }
void Session::Wait(int seconds) { ::sleep(static_cast<unsigned>(seconds)); }

std::string Session::RequestId(const std::string& given) {
  RandomIds ids;
  return request_id_ = given.empty() ? "gridctl-" + Base32(ids.Random(16)) : given;
}

int Session::Repeat(int every_s, const std::function<int()>& once) {
  int wait_s = 0;
  while (true) {
    if (terminal() && !json()) fmt::print("\033[H\033[2J");
    ForgetTime();
    int code = once();
    if (code != kGood && code != kUnreachable) return code;
    std::fflush(stdout);
    wait_s = code == kGood ? every_s : std::clamp(wait_s * 2, every_s, std::max(every_s, kLongestWaitSeconds));
    if (code != kGood) Note("again in " + std::to_string(wait_s) + " s");
    Wait(wait_s);
  }
}

int64_t Session::LocalNowSeconds() const { return SystemClock().WallUs() / 1'000'000; }

int64_t Session::NowSeconds() {
  if (now_s_ != 0) return now_s_;
  now_s_ = LocalNowSeconds();
  v1::GetTimeResponse time;
  if (Call("ClockService/GetTime", v1::GetTimeRequest(), &time)) now_s_ = time.time().seconds();
  return now_s_;
}

}  // namespace gridloop::cli
