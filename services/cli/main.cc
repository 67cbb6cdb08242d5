// gridctl: the deployment's command line. Exit codes: 0 good, 1 the server refused, 2 usage, 3 a checked directory has errors.
#include <fmt/format.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/system/system_clock.h"
#include "directory/loader.h"
#include "domain/calendar.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/audit_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"
#include "gridloop/v1/routing_service.pb.h"
#include "runtime/credentials.h"
#include "runtime/rpc_client.h"

namespace {

using namespace gridloop;

constexpr char kUsage[] = R"(usage:
  gridctl directory check FOLDER            every problem of a directory, with file, line and remedy
  gridctl directory activate FOLDER         sends it to the server, which takes all of it or nothing
  gridctl token create --file FILE --client C --principal P --role ROLE [--unit U] [--worker W] [--expires SECONDS]
  gridctl timeline needs/ID                 every step of a need
  gridctl call SERVICE/METHOD JSON          any unary RPC, e.g. AssignmentService/ListInbox '{"parent":"units/s01"}'
The server: GRIDLOOP_ADDRESS (127.0.0.1:7400), the token: GRIDLOOP_TOKEN or GRIDLOOP_TOKEN_FILE.
)";

int Report(const Error& error) {
  fmt::print(stderr, "{} ({})\n", error.message, error.reason);
  if (!error.message_zh.empty()) fmt::print(stderr, "{}\n", error.message_zh);
  for (const auto& field : error.fields) fmt::print(stderr, "  {}: {}\n", field.field, field.description);
  for (const auto& [key, value] : error.metadata) fmt::print(stderr, "  {} = {}\n", key, value);
  if (error.retry_after_us) fmt::print(stderr, "  try again in {} ms\n", *error.retry_after_us / 1000);
  return 1;
}

std::string Environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::unique_ptr<RpcClient> Connect() {
  std::string token = Environment("GRIDLOOP_TOKEN", "");
  if (std::string file = Environment("GRIDLOOP_TOKEN_FILE", ""); token.empty() && !file.empty()) std::ifstream(file) >> token;
  return RpcClient::Connect(Environment("GRIDLOOP_ADDRESS", "127.0.0.1:7400"), token);
}

std::string Today() {
  SystemClock clock;
  return DateFromDays((clock.WallUs() + 8 * 3'600'000'000) / 86'400'000'000);  // the offices' date, +08:00
}

int CheckDirectory(const std::string& folder) {
  LoadResult result = LoadFolder(folder, Environment("GRIDLOOP_TODAY", Today()));
  int errors = 0;
  for (const auto& problem : result.problems) {
    errors += problem.warning() ? 0 : 1;
    fmt::print("{}:{}: {}{}{}: {}\n    {}\n", problem.path(), problem.line(), problem.warning() ? "warning" : "error", problem.column().empty() ? "" : " in ",
               problem.column(), problem.message(), problem.remedy());
  }
  if (!result.loaded) {
    fmt::print("{} errors, {} warnings: this directory cannot be activated\n", errors, result.problems.size() - static_cast<size_t>(errors));
    return 3;
  }
  const auto& directory = result.loaded->directory;
  fmt::print("good: {} units, {} workers, {} communities, {} categories; {} warnings\n", directory.units_size(), directory.workers_size(),
             directory.communities_size(), directory.categories_size(), result.problems.size());
  return 0;
}

int ActivateDirectory(const std::string& folder) {
  v1::ActivateDirectoryRequest request;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".csv" && entry.path().extension() != ".yaml") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    auto* each = request.add_files();
    each->set_path(entry.path().filename().string());
    each->set_content(content.str());
  }
  v1::ActivateDirectoryResponse response;
  if (auto called = Connect()->Call("gridloop.v1.RoutingService/ActivateDirectory", request, &response); !called) return Report(called.error());
  fmt::print("{}: {} units, {} workers{}\n", response.active().display_name(), response.active().units(), response.active().workers(),
             response.unchanged() ? " (was active already)" : "");
  return 0;
}

int CreateTokenFor(const std::map<std::string, std::string>& flags) {
  auto flag = [&flags](const char* name) {
    auto found = flags.find(name);
    return found == flags.end() ? std::string() : found->second;
  };
  Credential credential;
  auto role = ParseRole(flag("--role"));
  if (!role || flag("--file").empty() || flag("--client").empty() || flag("--principal").empty()) {
    fmt::print(stderr,
               "--file, --client, --principal and a known --role (reporter-app, worker, station-head, dispatcher, duty-officer, auditor, admin, system) are "
               "required\n");
    return 2;
  }
  credential.client = flag("--client");
  credential.actor.set_principal(flag("--principal"));
  credential.actor.set_role(*role);
  credential.actor.set_unit(flag("--unit"));
  credential.actor.set_worker(flag("--worker"));
  credential.expires_s = std::atoll(flag("--expires").c_str());
  RandomIds ids;
  auto token = CreateToken(flag("--file"), credential, ids);
  if (!token) return Report(token.error());
  fmt::print("{}\n", *token);
  return 0;
}

std::string LocalTime(const google::protobuf::Timestamp& time) {
  int64_t local_us = time.seconds() * 1'000'000 + 8 * 3'600'000'000;
  int64_t minutes = time.seconds() / 60 + 8 * 60;
  return fmt::format("{} {:02}:{:02}:{:02}", DateFromDays(local_us / 86'400'000'000), minutes / 60 % 24, minutes % 60, time.seconds() % 60);
}

int ShowTimeline(const std::string& name) {
  v1::GetTimelineRequest request;
  request.set_name(name);
  v1::GetTimelineResponse response;
  if (auto called = Connect()->Call("gridloop.v1.AuditService/GetTimeline", request, &response); !called) return Report(called.error());
  fmt::print("{} {}  chain {}\n{:>3}  {:<19}  {:<20}  {:<11}  {:<22}  {}\n", response.number(), response.name(), response.chain_intact() ? "intact" : "BROKEN",
             "v", "time +08:00", "event", "stage after", "by", "clocks started");
  for (const auto& entry : response.entries()) {
    std::string clocks;
    for (const auto& clock : entry.started()) {
      clocks +=
          fmt::format("{}{} until {} ({})", clocks.empty() ? "" : ", ", v1::ClockKind_Name(clock.kind()).substr(11), LocalTime(clock.due_time()), clock.rule());
    }
    fmt::print("{:>3}  {:<19}  {:<20}  {:<11}  {:<22}  {}{}\n", entry.version(), LocalTime(entry.log_time()), v1::EventType_Name(entry.type()).substr(11),
               v1::Stage_Name(entry.stage_after()).substr(6), entry.actor().principal(), clocks,
               entry.void_reason().empty() ? "" : " void: " + entry.void_reason());
    if (!entry.event().dispatched().has_receipt()) continue;
    const auto& receipt = entry.event().dispatched().receipt();
    fmt::print("     receipt: rule {} -> {}\n", receipt.rule(), receipt.unit());
    for (const auto& candidate : receipt.candidates()) fmt::print("       {} {}: {}\n", candidate.chosen() ? "*" : " ", candidate.unit(), candidate.reason());
  }
  return 0;
}

int CallAny(const std::string& method, const std::string& json) {
  std::string full = method.starts_with("gridloop.") ? method : "gridloop.v1." + method;
  size_t slash = full.find('/');
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const auto* service = slash == std::string::npos ? nullptr : pool->FindServiceByName(full.substr(0, slash));
  const auto* found = service == nullptr ? nullptr : service->FindMethodByName(full.substr(slash + 1));
  if (found == nullptr) {
    fmt::print(stderr, "{} is no method; they stand in proto/gridloop/v1/*_service.proto\n", method);
    return 2;
  }
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  std::unique_ptr<google::protobuf::Message> request(factory->GetPrototype(found->input_type())->New());
  std::unique_ptr<google::protobuf::Message> response(factory->GetPrototype(found->output_type())->New());
  if (auto parsed = google::protobuf::util::JsonStringToMessage(json, request.get()); !parsed.ok()) {
    fmt::print(stderr, "the JSON does not fit {}: {}\n", found->input_type()->name(), parsed.ToString());
    return 2;
  }
  if (auto called = Connect()->Call(full, *request, response.get()); !called) return Report(called.error());
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  (void)google::protobuf::util::MessageToJsonString(*response, &text, options);
  fmt::print("{}", text);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // The generated files register their services when they are linked and used.
  (void)v1::AcceptOfferRequest::descriptor();
  (void)v1::SubmitNeedRequest::descriptor();
  std::vector<std::string> words(argv + 1, argv + argc);
  auto is = [&words](std::initializer_list<const char*> verb, size_t size) {
    return words.size() == size && std::equal(verb.begin(), verb.end(), words.begin());
  };
  if (is({"directory", "check"}, 3)) return CheckDirectory(words[2]);
  if (is({"directory", "activate"}, 3)) return ActivateDirectory(words[2]);
  if (is({"timeline"}, 2)) return ShowTimeline(words[1]);
  if (is({"call"}, 3)) return CallAny(words[1], words[2]);
  if (words.size() >= 2 && words[0] == "token" && words[1] == "create" && words.size() % 2 == 0) {
    std::map<std::string, std::string> flags;
    for (size_t i = 2; i < words.size(); i += 2) flags[words[i]] = words[i + 1];
    return CreateTokenFor(flags);
  }
  bool help = words.size() == 1 && words[0] == "--help";
  fmt::print(help ? stdout : stderr, "{}", kUsage);
  return help ? 0 : 2;
}
