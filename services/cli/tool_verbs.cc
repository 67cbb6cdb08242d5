// Tokens, the simulated clock, health, and any RPC by name.
#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include "adapters/system/system_clock.h"
#include "cli/completion.h"
#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/audit_service.pb.h"
#include "gridloop/v1/clock_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"
#include "gridloop/v1/notification_service.pb.h"
#include "gridloop/v1/routing_service.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "runtime/credentials.h"
#include "runtime/log.h"
#include "sealing/digest.h"

namespace gridloop::cli {
namespace {

// "90d" from now, or a local time; 0 is never.
int64_t ParseExpiry(const std::string& text, int64_t now_s) {
  if (text.empty() || text == "never") return 0;
  if (auto span = ParseSpan(text)) return now_s + *span;
  if (auto time = ParseLocalTime(text)) return *time;
  throw CLI::ValidationError("--expires", text + " is neither a span (90d, 12h) nor a time (2027-01-01 00:00)");
}

// False: the file exists already or cannot be written.
bool WriteOwnerOnly(const std::string& path, const std::string& text) {
  int out = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (out < 0) return false;
  bool good = ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return ::close(out) == 0 && good;
}

// These are no messages of the API. Without an expiry there is no expire_time.
std::string CredentialJson(const std::string& hash, const Credential& credential) {
  const auto& actor = credential.actor;
  std::string json = "{";
  if (!hash.empty()) json += "\"sha256\":" + JsonString(hash) + ",";
  json += fmt::format("\"client\":{},\"principal\":{},\"role\":{},\"unit\":{},\"worker\":{}", JsonString(credential.client), JsonString(actor.principal()),
                      JsonString(EnumWord(v1::Role_descriptor(), actor.role())), JsonString(actor.unit()), JsonString(actor.worker()));
  if (!actor.stations().empty()) {
    std::string stations;
    for (const auto& station : actor.stations()) stations += (stations.empty() ? "" : ",") + JsonString(station);
    json += ",\"stations\":[" + stations + "]";
  }
  if (credential.expires_s != 0) json += ",\"expire_time\":" + JsonString(UtcTime(credential.expires_s));
  return json + "}";
}

void AddTokens(CLI::App& app, Session& session) {
  auto* token = app.add_subcommand("token", "credentials of a deployment; run it beside the server's file");
  token->require_subcommand(1);
  struct Flags {
    std::string file, client, principal, unit, worker, expires, out, hash;
    std::vector<std::string> stations;
    v1::Role role = v1::ROLE_UNSPECIFIED;
  };
  auto flags = std::make_shared<Flags>();
  auto file_flag = [flags](CLI::App* verb) { verb->add_option("--file", flags->file, "the server's file, usually DATA/tokens.tsv")->required(); };
  auto* create = token->add_subcommand("create", "makes a token; it is shown once, the file keeps its SHA-256 only");
  file_flag(create);
  create->add_option("--client", flags->client, "the app or office that uses it; retries are told apart by it")->required();
  create->add_option("--principal", flags->principal, "who acts, as the audit will show it")->required();
  AddEnum(create, "--role", flags->role, v1::Role_descriptor(), "what it may do")->required();
  create->add_option("--unit", flags->unit, "s01, r-…, center: whose needs it sees");
  create->add_option("--worker", flags->worker, "w-0001, for a worker's or a head's own token");
  create->add_option("--station", flags->stations, "for a supervisor: s01; a station whose cases it guides; may be given several times");
  create->add_option("--expires", flags->expires, "90d, 12h, or a time; never if not given");
  create->add_option("--out", flags->out, "a new owner-only file for the token, instead of printing it");
  OnRun(create, [&session, flags] {
    Credential credential;
    credential.client = flags->client;
    credential.actor.set_principal(flags->principal);
    credential.actor.set_role(flags->role);
    credential.actor.set_unit(BareName(flags->unit));
    credential.actor.set_worker(BareName(flags->worker));
    for (const auto& station : flags->stations) credential.actor.add_stations(BareName(station));
    if (flags->stations.empty() == (flags->role == v1::ROLE_SUPERVISOR)) {
      throw CLI::ValidationError("--station", flags->stations.empty() ? "is required for a supervisor" : "is for a supervisor only");
    }
    credential.expires_s = ParseExpiry(flags->expires, session.LocalNowSeconds());
    if (!flags->out.empty() && ::access(flags->out.c_str(), F_OK) == 0) {
      fmt::print(stderr, "{} exists already; nothing was made\n", flags->out);
      return static_cast<int>(kUsage);
    }
    RandomIds ids;
    auto made = CreateToken(flags->file, credential, ids);
    if (!made) return session.Report(made.error());
    if (!flags->out.empty() && !WriteOwnerOnly(flags->out, *made + "\n")) {
      fmt::print(stderr, "{} cannot be written; revoke the credential in the last line of {} and try again\n", flags->out, flags->file);
      return static_cast<int>(kUsage);
    }
    if (session.json()) {
      std::string what = flags->out.empty() ? "\"token\":" + JsonString(*made) : "\"token_file\":" + JsonString(flags->out);
      session.PrintData(fmt::format("{{{},\"credential\":{}}}\n", what, CredentialJson(Hex(Sha256(*made)), credential)));
    } else if (flags->out.empty()) {
      fmt::print("{}\n", *made);
    }
    return static_cast<int>(kGood);
  });

  auto* list = token->add_subcommand("list", "who has a token; never the tokens themselves");
  file_flag(list);
  OnRun(list, [&session, flags] {
    auto loaded = Credentials::Load(flags->file);
    if (!loaded) return session.Report(loaded.error());
    if (session.json()) {
      std::string all;
      for (const auto& [hash, credential] : loaded->List()) all += (all.empty() ? "" : ",") + CredentialJson(hash, credential);
      session.PrintData(fmt::format("{{\"credentials\":[{}]}}\n", all));
      return static_cast<int>(kGood);
    }
    Table table({"SHA-256", "CLIENT", "PRINCIPAL", "ROLE", "UNIT", "WORKER", "EXPIRES (+08:00)"});  // a supervisor's stations stand under UNIT
    for (const auto& [hash, credential] : loaded->List()) {
      google::protobuf::Timestamp at;
      at.set_seconds(credential.expires_s);
      std::string expires = credential.expires_s == 0 ? "never" : LocalTime(at) + (credential.expires_s <= session.LocalNowSeconds() ? " (expired)" : "");
      table.Add({hash.substr(0, 12), credential.client, credential.actor.principal(), EnumWord(v1::Role_descriptor(), credential.actor.role()),
                 credential.actor.stations().empty() ? credential.actor.unit() : fmt::format("{}", fmt::join(credential.actor.stations(), ",")),
                 credential.actor.worker(), expires});
    }
    session.Print(table);
    return static_cast<int>(kGood);
  });

  auto* revoke = token->add_subcommand("revoke", "ends a token; the server notices within a second");
  file_flag(revoke);
  revoke->add_option("hash", flags->hash, "the first characters of its SHA-256, as list shows them")->required();
  OnRun(revoke, [&session, flags] {
    auto revoked = RevokeToken(flags->file, flags->hash);
    if (!revoked) return session.Report(revoked.error());
    if (session.json()) {
      session.PrintData(fmt::format("{{\"revoked\":{}}}\n", CredentialJson({}, *revoked)));
    } else {
      fmt::print("revoked: {} of {}\n", revoked->actor.principal(), revoked->client);
    }
    return static_cast<int>(kGood);
  });
}

void AddClock(CLI::App& app, Session& session) {
  auto* clock = app.add_subcommand("clock", "the clock of a server that runs with --clock simulated:…");
  clock->require_subcommand(1);
  auto print = [](const google::protobuf::Timestamp& time, int64_t fired) {
    fmt::print("{}{}\n", LocalTime(time, true), fired > 0 ? fmt::format("  {} deadlines passed on the way", fired) : "");
    return static_cast<int>(kGood);
  };
  auto* show = clock->add_subcommand("show", "what time it is there");
  OnRun(show, [&session, print] {
    v1::GetTimeResponse response;
    return session.CallAndShow("ClockService/GetTime", v1::GetTimeRequest(), &response, [&] { print(response.time(), 0); });
  });
  struct Flags {
    std::string to;
  };
  auto flags = std::make_shared<Flags>();
  auto* advance = clock->add_subcommand("advance", "moves it forward; everything that falls due on the way happens in order");
  advance->add_option("to", flags->to, "a time (2026-03-02 22:30) or a span (90m, 8h, 2d)")->required();
  OnRun(advance, [&session, flags, print] {
    v1::AdvanceTimeRequest request;
    if (auto span = ParseSpan(flags->to)) {
      v1::GetTimeResponse now;
      if (auto called = session.Call("ClockService/GetTime", v1::GetTimeRequest(), &now); !called) return session.Report(called.error());
      *request.mutable_time() = now.time();
      request.mutable_time()->set_seconds(now.time().seconds() + *span);
    } else if (auto time = ParseLocalTime(flags->to)) {
      request.mutable_time()->set_seconds(*time);
    } else {
      throw CLI::ValidationError("to", flags->to + " is neither a span (90m, 8h) nor a time (2026-03-02 22:30)");
    }
    v1::AdvanceTimeResponse response;
    return session.CallAndShow("ClockService/AdvanceTime", request, &response, [&] { print(response.time(), response.fired()); });
  });
}

void AddHealth(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("health", "whether the server serves; exit code 0 only if it does");
  auto service = std::make_shared<std::string>();
  verb->add_option("service", *service, "e.g. gridloop.v1.IntakeService; all of them if not given");
  OnRun(verb, [&session, service] {
    auto client = session.Client();
    if (!client) return session.Report(client.error());
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(*service);
    grpc::health::v1::HealthCheckResponse response;
    if (auto called = (*client)->Call("grpc.health.v1.Health/Check", request, &response, session.timeout()); !called) return session.Report(called.error());
    bool serving = response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
    if (session.json()) {
      session.PrintJson(response);
    } else {
      fmt::print("{}\n", serving ? "serving" : "not serving; /readyz of the operations port says why");
    }
    return static_cast<int>(serving ? kGood : kRefused);
  });
}

int CallAny(Session& session, const std::string& method, const std::string& json) {
  // A generated file registers its services when it is linked and used.
  (void)v1::AcceptOfferRequest::descriptor();
  (void)v1::SubmitNeedRequest::descriptor();
  (void)v1::GetTimelineRequest::descriptor();
  (void)v1::GetUnitRequest::descriptor();
  (void)v1::GetTimeRequest::descriptor();
  (void)v1::ListRecipientsRequest::descriptor();
  std::string full = method.find('.') != std::string::npos ? method : "gridloop.v1." + method;
  size_t slash = full.find('/');
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const auto* service = slash == std::string::npos ? nullptr : pool->FindServiceByName(full.substr(0, slash));
  const auto* found = service == nullptr ? nullptr : service->FindMethodByName(full.substr(slash + 1));
  if (found == nullptr || found->client_streaming()) {
    fmt::print(stderr, "{} is no {}method; they stand in proto/gridloop/v1/*_service.proto\n", method, found == nullptr ? "" : "unary ");
    return kUsage;
  }
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  std::unique_ptr<google::protobuf::Message> request(factory->GetPrototype(found->input_type())->New());
  std::unique_ptr<google::protobuf::Message> response(factory->GetPrototype(found->output_type())->New());
  if (auto parsed = google::protobuf::util::JsonStringToMessage(json, request.get()); !parsed.ok()) {
    fmt::print(stderr, "the JSON does not fit {}: {}\n", found->input_type()->name(), parsed.ToString());
    return kUsage;
  }
  auto client = session.Client();
  if (!client) return session.Report(client.error());
  if (found->server_streaming()) {
    auto ended = (*client)->ReadStream(full, *request, response.get(), [&] {
      session.PrintJson(*response, true);
      return true;
    });
    return ended ? static_cast<int>(kGood) : session.Report(ended.error());
  }
  if (auto called = (*client)->Call(full, *request, response.get(), session.timeout()); !called) return session.Report(called.error());
  session.PrintJson(*response);
  return kGood;
}

}  // namespace

void AddToolVerbs(CLI::App& app, Session& session) {
  AddTokens(app, session);
  AddClock(app, session);
  AddHealth(app, session);
  auto* completion = app.add_subcommand("completion", "a script that completes verbs, flags and their words: source <(gridctl completion bash)");
  auto shell = std::make_shared<std::string>();
  completion->add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  OnRun(completion, [&app, shell] {
    fmt::print("{}", CompletionScript(app, *shell == "zsh"));
    return static_cast<int>(kGood);
  });
  auto* call = app.add_subcommand("call", "any RPC by name, e.g. AssignmentService/ListInbox '{\"parent\":\"units/s01\"}'");
  struct Flags {
    std::string method, json = "{}";
  };
  auto flags = std::make_shared<Flags>();
  call->add_option("method", flags->method, "Service/Method")->required();
  AddText(call, "json", flags->json, "the request as JSON; {} if not given");
  OnRun(call, [&session, flags] { return CallAny(session, flags->method, flags->json); });
}

}  // namespace gridloop::cli
