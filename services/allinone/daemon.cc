#include "allinone/daemon.h"

#include <fmt/format.h>

#include <cstdio>

#include "adapters/committer/committer.h"
#include "adapters/rocksdb/rocksdb_store.h"
#include "adapters/system/system_clock.h"
#include "adapters/memory/simulated_clock.h"
#include "allinone/deployment_secret.h"
#include "allinone/simulated_time.h"
#include "assignment/assignment.h"
#include "audit/audit.h"
#include "directory/loader.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "intake/intake.h"
#include "routing/routing.h"
#include "runtime/credentials.h"
#include "runtime/rpc_server.h"

namespace gridloop {
namespace {

Expected<void> ActivateFolder(const std::filesystem::path& folder, DirectoryStore& store, Clock& clock) {
  LoadResult result = LoadFolder(folder, DateFromDays(clock.WallUs() / 86'400'000'000));
  for (const auto& problem : result.problems) {
    fmt::print(stderr, "{}:{} {}: {} {}\n", problem.path(), problem.line(), problem.column(), problem.message(), problem.remedy());
  }
  if (!result.loaded) {
    return Fail(Code::kFailedPrecondition, "DIRECTORY_BAD", folder.string() + " has errors; gridctl directory check " + folder.string() + " lists them.");
  }
  auto hashes = result.loaded->hashes;
  auto active = store.Active();
  if (active && active->directory_hash() == hashes.directory_hash() && active->policy_hash() == hashes.policy_hash() &&
      active->calendar_hash() == hashes.calendar_hash()) {
    return {};
  }
  for (const std::string* blob : {&result.loaded->directory_blob, &result.loaded->policy_blob, &result.loaded->calendar_blob}) {
    if (auto put = store.Put(*blob); !put) return std::unexpected(put.error());
  }
  hashes.set_activated_at_us(clock.WallUs());
  return store.Activate(hashes);
}

Expected<Credentials> LoadOrMakeTokens(const std::filesystem::path& data_directory, IdSource& ids) {
  auto file = data_directory / "tokens.tsv";
  if (!std::filesystem::exists(file)) {
    Credential local;
    local.client = "local";
    local.actor.set_principal("local-admin");
    local.actor.set_role(v1::ROLE_ADMIN);
    auto token = CreateToken(file, local, ids);
    if (!token) return std::unexpected(token.error());
    if (auto written = WriteOwnerOnly(data_directory / "local.token", *token + "\n"); !written) return std::unexpected(written.error());
  }
  return Credentials::Load(file);
}

// Null for the system's clock.
Expected<std::unique_ptr<SimulatedClock>> MakeSimulatedClock(const std::string& clock) {
  constexpr std::string_view kSimulated = "simulated:";
  if (clock == "system") return nullptr;
  auto start_us = clock.starts_with(kSimulated) ? ParseTime(std::string_view(clock).substr(kSimulated.size()))
                                                : Fail(Code::kInvalidArgument, "CLOCK_BAD", "The clock is system or simulated:TIME.");
  if (!start_us) return std::unexpected(start_us.error());
  return std::make_unique<SimulatedClock>(*start_us);
}

bool IsLoopback(const std::string& listen) {
  return listen.starts_with("127.") || listen.starts_with("localhost:") || listen.starts_with("[::1]:");
}

void BindAll(Router& router, Intake& intake, Routing& routing, Assignment& assignment, Audit& audit) {
  const std::string i = "gridloop.v1.IntakeService/";
  router.Bind(i + "SubmitNeed", intake, &Intake::SubmitNeed);
  router.Bind(i + "SubmitNeeds", intake, &Intake::SubmitNeeds);
  router.Bind(i + "GetNeed", intake, &Intake::GetNeed);
  router.Bind(i + "ListNeeds", intake, &Intake::ListNeeds);
  router.Bind(i + "WatchNeeds", intake, &Intake::WatchNeeds);
  router.Bind(i + "WithdrawNeed", intake, &Intake::WithdrawNeed);
  router.Bind(i + "UrgeNeed", intake, &Intake::UrgeNeed);
  const std::string r = "gridloop.v1.RoutingService/";
  router.Bind(r + "ExplainRoute", routing, &Routing::ExplainRoute);
  router.Bind(r + "ReplayRoute", routing, &Routing::ReplayRoute);
  router.Bind(r + "ConfirmDispatch", routing, &Routing::ConfirmDispatch);
  router.Bind(r + "DispatchNeed", routing, &Routing::DispatchNeed);
  router.Bind(r + "RecallNeed", routing, &Routing::RecallNeed);
  router.Bind(r + "ListHeldNeeds", routing, &Routing::ListHeldNeeds);
  router.Bind(r + "GetDirectory", routing, &Routing::GetDirectory);
  router.Bind(r + "ListUnits", routing, &Routing::ListUnits);
  router.Bind(r + "GetUnit", routing, &Routing::GetUnit);
  router.Bind(r + "ListWorkers", routing, &Routing::ListWorkers);
  router.Bind(r + "ListCategories", routing, &Routing::ListCategories);
  router.Bind(r + "ActivateDirectory", routing, &Routing::ActivateDirectory);
  const std::string a = "gridloop.v1.AssignmentService/";
  router.Bind(a + "GetNeed", assignment, &Assignment::GetNeed);
  router.Bind(a + "ListInbox", assignment, &Assignment::ListInbox);
  router.Bind(a + "WatchInbox", assignment, &Assignment::WatchInbox);
  router.Bind(a + "AcceptOffer", assignment, &Assignment::AcceptOffer);
  router.Bind(a + "DeclineOffer", assignment, &Assignment::DeclineOffer);
  router.Bind(a + "AssignWorker", assignment, &Assignment::AssignWorker);
  router.Bind(a + "AnswerNeed", assignment, &Assignment::AnswerNeed);
  router.Bind(a + "RecordEmergencyAction", assignment, &Assignment::RecordEmergencyAction);
  router.Bind(a + "AssessNeed", assignment, &Assignment::AssessNeed);
  router.Bind(a + "GradeNeed", assignment, &Assignment::GradeNeed);
  router.Bind(a + "PlanService", assignment, &Assignment::PlanService);
  router.Bind(a + "RecordService", assignment, &Assignment::RecordService);
  router.Bind(a + "RecordFollowUp", assignment, &Assignment::RecordFollowUp);
  router.Bind(a + "AddNote", assignment, &Assignment::AddNote);
  router.Bind(a + "RequestClosing", assignment, &Assignment::RequestClosing);
  router.Bind(a + "VerifyClosing", assignment, &Assignment::VerifyClosing);
  router.Bind(a + "EscalateNeed", assignment, &Assignment::EscalateNeed);
  const std::string u = "gridloop.v1.AuditService/";
  router.Bind(u + "GetTimeline", audit, &Audit::GetTimeline);
  router.Bind(u + "ExplainDeadline", audit, &Audit::ExplainDeadline);
  router.Bind(u + "ListOpenLoops", audit, &Audit::ListOpenLoops);
  router.Bind(u + "ExportEvents", audit, &Audit::ExportEvents);
}

}  // namespace

Expected<void> RunDaemon(const DaemonOptions& options, const std::function<void()>& wait) {
  if (!IsLoopback(options.listen)) {
    return Fail(Code::kFailedPrecondition, "LISTEN_REFUSED", "Only loopback addresses are served without TLS; use 127.0.0.1:PORT.");
  }
  auto simulated = MakeSimulatedClock(options.clock);
  if (!simulated) return std::unexpected(simulated.error());
  SystemClock system_clock;
  Clock& clock = *simulated ? static_cast<Clock&>(**simulated) : system_clock;
  RandomIds ids;
  auto store = RocksdbStore::Open(options.data_directory, ids);
  if (!store) return std::unexpected(store.error());
  auto vault = Vault::Open(options.data_directory);
  if (!vault) return std::unexpected(vault.error());
  auto secret_bytes = LoadOrMakeSecret(options.data_directory, ids);
  if (!secret_bytes) return std::unexpected(secret_bytes.error());
  auto credentials = LoadOrMakeTokens(options.data_directory, ids);
  if (!credentials) return std::unexpected(credentials.error());
  RocksdbKeys keys(*vault, ids);
  RocksdbDirectories directories(*vault);
  if (!options.directory_folder.empty()) {
    if (auto activated = ActivateFolder(options.directory_folder, directories, clock); !activated) return activated;
  }
  auto committer = Committer::Open(**store, clock, {});
  if (!committer) return std::unexpected(committer.error());
  // Time never goes back in a log, so simulated time goes on where it stood.
  if (*simulated) (*simulated)->AdvanceTo((*committer)->last_logged_at_us());
  Secret secret(*secret_bytes);
  Snapshots snapshots(directories);
  World world{**committer, **committer, keys, snapshots, clock, ids, secret};
  Intake intake(world);
  Routing routing(world, options.directory_folder);
  Assignment assignment(world);
  Audit audit(world);
  Router router;
  BindAll(router, intake, routing, assignment, audit);
  const auto* file = v1::AcceptOfferRequest::descriptor()->file()->pool();
  std::vector<const google::protobuf::ServiceDescriptor*> services;
  for (const char* name : {"IntakeService", "RoutingService", "AssignmentService", "AuditService"}) {
    services.push_back(file->FindServiceByName(std::string("gridloop.v1.") + name));
  }
  std::optional<SimulatedTime> simulated_time;
  if (*simulated) {
    simulated_time.emplace(**simulated, **committer);
    router.Bind("gridloop.v1.ClockService/GetTime", *simulated_time, &SimulatedTime::GetTime);
    router.Bind("gridloop.v1.ClockService/AdvanceTime", *simulated_time, &SimulatedTime::AdvanceTime);
    services.push_back(v1::GetTimeRequest::descriptor()->file()->service(0));
    fmt::print(stderr, "gridloop: THE CLOCK IS SIMULATED ({}): time stands still until ClockService moves it. Never use this for real needs.\n", options.clock);
  }
  RpcServer::Options rpc;
  rpc.listen = options.listen;
  rpc.require_every_handler = true;
  auto server = RpcServer::Start(router, services, *credentials, clock, rpc);
  if (!server) return std::unexpected(server.error());
  routing.Start();
  assignment.Start();
  fmt::print(stderr, "gridloop serves gRPC on port {}; data in {}\n", (*server)->port(), options.data_directory.string());
  if (!options.ports_file.empty()) {
    if (auto written = WriteOwnerOnly(std::filesystem::absolute(options.ports_file), fmt::format("grpc={}\n", (*server)->port())); !written) return written;
  }
  wait();
  fmt::print(stderr, "gridloop stops\n");
  server->reset();  // no new calls, then the reactors (with the services), then the committer answers what is queued
  return {};
}

}  // namespace gridloop
