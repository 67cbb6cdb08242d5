#include "allinone/daemon.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <optional>
#include <thread>

#include "adapters/system/owner_only_file.h"
#include "allinone/deliveries.h"
#include "allinone/embedded.h"
#include "allinone/file_mark.h"
#include "allinone/observation.h"
#include "allinone/simulated_time.h"
#include "assignment/wiring.h"
#include "audit/wiring.h"
#include "intake/wiring.h"
#include "routing/wiring.h"
#include "runtime/admin_http.h"
#include "runtime/clock_guard.h"
#include "runtime/config.h"
#include "runtime/credentials.h"
#include "runtime/metrics.h"

namespace gridloop {
namespace {

constexpr size_t kServices = 5;
constexpr auto kHousekeeping = std::chrono::seconds(1);
constexpr auto kLastWords = std::chrono::seconds(1);

// `remedy`: what else may be done than listening on a loopback address; begins the sentence.
Expected<void> CheckListener(const std::string& listen, bool secured, bool allowed, const std::string& setting, const std::string& remedy) {
  auto address = ParseHostPort(listen);
  if (!address) return Fail(Code::kInvalidArgument, "LISTEN_REFUSED", setting + ".listen must be host:port, e.g. 127.0.0.1:7400.");
  if (secured || allowed || IsLoopback(address->host)) return {};
  return Fail(Code::kFailedPrecondition, "LISTEN_REFUSED",
              listen + " can be reached from elsewhere. " + remedy + "isten on 127.0.0.1, or say " + setting +
                  ".allow_insecure if an edge proxy or a network that nobody else reaches stands before it.");
}

Expected<Credentials> LoadOrMakeTokens(const std::filesystem::path& file, const std::filesystem::path& data_directory, IdSource& ids) {
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

// The steps of the stop, in order, each logged. When all of them together take too long the process exits: whatever was
// acknowledged is on the disk, and a supervisor is better than a process that hangs.
class Stopping {
 public:
  Stopping(Log& log, int64_t limit_us) : log_(log) {
    watchdog_ = std::thread([this, limit_us] {
      std::unique_lock lock(mutex_);
      if (done_cv_.wait_for(lock, std::chrono::microseconds(limit_us), [this] { return done_; })) return;
      // Whoever reads the log may be what hangs: the line is tried, not waited for.
      auto said = std::async(std::launch::async, [this, step = step_] { log_.Error("daemon", "stopping takes too long; exiting at once", {{"step", step}}); });
      said.wait_for(kLastWords);
      std::_Exit(1);
    });
  }
  ~Stopping() {
    {
      std::lock_guard lock(mutex_);
      done_ = true;
    }
    done_cv_.notify_all();
    watchdog_.join();
  }
  void Step(const std::string& name, const std::function<void()>& run) {
    {
      std::lock_guard lock(mutex_);
      step_ = name;
    }
    auto begun = std::chrono::steady_clock::now();
    run();
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun).count();
    log_.Info("daemon", "stopping", {{"step", name}, {"took_ms", static_cast<int64_t>(took)}});
  }

 private:
  Log& log_;
  std::mutex mutex_;
  std::condition_variable done_cv_;
  bool done_ = false;
  std::string step_;
  std::thread watchdog_;
};

// Looks every second at what nobody tells us of: the clock, the token file, whether we are ready.
class Housekeeping {
 public:
  explicit Housekeeping(std::function<void()> look)
      : thread_([this, look = std::move(look)] {
          std::unique_lock lock(mutex_);
          while (!wake_.wait_for(lock, kHousekeeping, [this] { return stopping_; })) {
            lock.unlock();
            look();
            lock.lock();
          }
        }) {}
  ~Housekeeping() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

// Has new TLS files served; says once what is wrong with them.
class TlsWatch {
 public:
  explicit TlsWatch(Log& log) : log_(log) {}
  // Files that are replaced one after the other do not fit for a moment: what is wrong is said when it still is at the next look.
  void Look(RpcServer& server) {
    auto reloaded = server.ReloadTls();
    if (reloaded && *reloaded) log_.Info("daemon", "new TLS files are served");
    std::string wrong = reloaded ? "" : reloaded.error().message;
    std::lock_guard lock(mutex_);
    if (std::exchange(seen_, wrong) != wrong || problem_ == wrong) return;
    problem_ = wrong;
    if (!wrong.empty()) log_.Error("daemon", "the TLS files were not read again; the former ones are served", {{"why", wrong}});
  }
  std::string Problem() const {
    std::lock_guard lock(mutex_);
    return problem_.empty() ? "" : problem_ + " The former ones are served.";
  }

 private:
  Log& log_;
  mutable std::mutex mutex_;
  std::string seen_, problem_;
};

struct Services {
  Services(World& world, const DaemonOptions& options)
      : intake(world, options.needs_per_minute), routing(world, options.directory_folder), assignment(world), departments(world), audit(world) {}
  Intake intake;
  Routing routing;
  Assignment assignment;
  Departments departments;
  Audit audit;
};

}  // namespace

Expected<void> CheckOptions(const DaemonOptions& options) {
  if (options.data_directory.empty()) {
    return Fail(Code::kInvalidArgument, "DATA_DIRECTORY", "data_directory is required; say --data-dir DIR (gridloop --help lists all settings).");
  }
  const auto& tls = options.rpc.tls;
  if (tls.certificate.empty() != tls.key.empty() || (tls.certificate.empty() && !tls.client_ca.empty())) {
    return Fail(Code::kInvalidArgument, "TLS_BAD", "grpc.tls.certificate and grpc.tls.key go together, and grpc.tls.client_ca needs both.");
  }
  if (auto good = RpcServer::CheckTls(tls); !good) return good;
  if (auto good =
          CheckListener(options.rpc.listen, !tls.certificate.empty(), options.allow_insecure, "grpc", "Configure grpc.tls.certificate and grpc.tls.key, l");
      !good) {
    return good;
  }
  if (auto clock = MakeSimulatedClock(options.clock); !clock) return std::unexpected(clock.error());
  if (!options.recipients_file.empty()) {
    if (auto recipients = LoadRecipients(options.recipients_file); !recipients) return std::unexpected(recipients.error());
  }
  if (const auto& folder = options.directory_folder; !folder.empty()) {
    std::error_code wrong;
    if (!std::filesystem::is_directory(folder, wrong) || ::access(folder.c_str(), R_OK | X_OK) != 0) {
      return Fail(Code::kInvalidArgument, "DIRECTORY_FOLDER", "directory_folder " + folder.string() + " is no folder that can be read.");
    }
  }
  if (options.clock != "system" && !IsLoopback(ParseHostPort(options.rpc.listen)->host)) {
    return Fail(Code::kFailedPrecondition, "LISTEN_REFUSED", "A simulated clock is for trying things out: it is served on loopback addresses only.");
  }
  if (options.admin_listen.empty()) return {};
  return CheckListener(options.admin_listen, false, options.admin_allow_insecure, "admin", "It has no TLS: l");
}

Expected<void> RunDaemon(const DaemonOptions& options, Log& log, const std::function<Order()>& next_order) {
  if (auto good = CheckOptions(options); !good) return good;
  Metrics metrics;
  AccessLog access_log(log);
  ReactionLog reaction_log(log);
  Embedded::Options embedding;
  embedding.data_directory = options.data_directory;
  embedding.directory_folder = options.directory_folder;
  embedding.clock = options.clock;
  embedding.master_keys_file = options.master_keys_file;
  embedding.forgotten_file = options.forgotten_file;
  embedding.on_judged = [&metrics](v1::EventType type, Void verdict) { metrics.Judged(type, verdict); };
  auto opened = Embedded::Open(embedding, log);
  if (!opened) return std::unexpected(opened.error());
  std::unique_ptr<Embedded> embedded = std::move(*opened);
  World& world = embedded->world();
  world.reaction_failed = [&reaction_log](const std::string& need, const std::string& kind, const Error& error) { reaction_log.Failed(need, kind, error); };
  auto tokens_file = options.tokens_file.empty() ? options.data_directory / "tokens.tsv" : options.tokens_file;
  auto credentials = LoadOrMakeTokens(tokens_file, options.data_directory, embedded->ids());
  if (!credentials) return std::unexpected(credentials.error());
  FileMark tokens_read = FileMark::Of(tokens_file);
  ClockGuard guard(world.clock);

  auto services = std::make_unique<Services>(world, options);
  auto deliveries = Deliveries::Open(world, options.data_directory, options.recipients_file, log);
  if (!deliveries) return std::unexpected(deliveries.error());
  Router router;
  std::vector<const google::protobuf::ServiceDescriptor*> descriptors;
  auto serves = [&options](const char* service) { return options.services.contains(service); };
  if (serves("intake")) {
    BindIntake(router, services->intake);
    descriptors.push_back(IntakeDescriptor());
  }
  if (serves("routing")) {
    BindRouting(router, services->routing);
    descriptors.push_back(RoutingDescriptor());
  }
  if (serves("assignment")) {
    BindAssignment(router, services->assignment);
    descriptors.push_back(AssignmentDescriptor());
    BindDepartments(router, services->departments);
    descriptors.push_back(DepartmentDescriptor());
  }
  if (serves("audit")) {
    BindAudit(router, services->audit);
    descriptors.push_back(AuditDescriptor());
  }
  if (serves("notification")) {
    BindNotification(router, (*deliveries)->notification());
    descriptors.push_back(NotificationDescriptor());
  }
  if (options.services.size() < kServices) {
    log.Warning("daemon", "NOT ALL SERVICES RUN HERE: what the others would do waits in the ledger",
                {{"services", fmt::format("{}", fmt::join(options.services, ","))}});
  }
  std::optional<SimulatedTime> simulated_time;
  if (auto* clock = embedded->simulated_clock()) {
    simulated_time.emplace(*clock, world.view);
    BindSimulatedTime(router, *simulated_time);
    descriptors.push_back(SimulatedTimeDescriptor());
    log.Warning("daemon", "THE CLOCK IS SIMULATED: time stands still until ClockService moves it. Never use this for real needs.", {{"clock", options.clock}});
  }
  if (options.allow_insecure && !IsLoopback(ParseHostPort(options.rpc.listen)->host) && options.rpc.tls.certificate.empty()) {
    log.Warning("daemon", "SERVING WITHOUT TLS on an address that can be reached from elsewhere", {{"listen", options.rpc.listen}});
  }

  std::atomic<bool> stopping = false;
  TlsWatch tls_watch(log);
  auto checks = [&] {
    auto all = Checks(world, guard, stopping);
    all.push_back({"tls", true, tls_watch.Problem()});  // the former files go on being served: no reason to turn anybody away
    return all;
  };
  metrics.OnCollect([&](Metrics&) {
    SetGauges(metrics, world, embedded->committer(), guard);
    (*deliveries)->SetGauges(metrics);
  });
  RpcServer::Options rpc = options.rpc;
  rpc.require_every_handler = true;
  rpc.observers = {&metrics, &access_log};
  auto server = RpcServer::Start(router, descriptors, *credentials, world.clock, rpc);
  if (!server) return std::unexpected(server.error());
  std::unique_ptr<AdminHttp> admin;
  if (!options.admin_listen.empty()) {
    auto address = *ParseHostPort(options.admin_listen);
    auto started = AdminHttp::Start({address.host, address.port, [&metrics] { return metrics.Collect(); }, checks});
    if (!started) return std::unexpected(started.error());
    admin = std::move(*started);
  }
  if (serves("routing")) services->routing.Start([&guard] { return guard.MayFire(); });
  if (serves("assignment")) services->assignment.Start([&guard] { return guard.MayFire(); });
  if (serves("notification")) {
    if (auto started = (*deliveries)->Start([&guard] { return guard.MayFire(); }); !started) return started;
  }

  auto reload_tokens = [&] {
    tokens_read = FileMark::Of(tokens_file);
    auto newer = Credentials::Load(tokens_file);
    if (!newer) return log.Error("daemon", "the tokens were not read again; the former ones stay", {{"why", newer.error().message}});
    credentials->Replace(*newer);
    (*server)->CheckCredentials();
    log.Info("daemon", "tokens read again", {{"tokens", static_cast<int64_t>(credentials->size())}});
  };
  std::mutex reloading;  // of the order and of the housekeeping
  bool was_ready = true;
  auto look = [&] {
    guard.Sample();
    {
      std::lock_guard lock(reloading);
      if (!(FileMark::Of(tokens_file) == tokens_read)) reload_tokens();
      (*deliveries)->ReloadIfChanged();
    }
    (*server)->CheckCredentials();  // some expire
    tls_watch.Look(**server);
    bool ready = true;
    auto checked = checks();
    for (const auto& check : checked) {
      if (!check.good && was_ready) log.Error("daemon", "not ready", {{"check", check.name}, {"why", check.reason}});
      ready &= check.good;
    }
    if (ready && !was_ready) log.Info("daemon", "ready again");
    was_ready = ready;
    (*server)->SetServing("", ready);
    for (const auto* service : descriptors) (*server)->SetServing(service->full_name(), Serves(service->full_name(), checked));
  };
  look();
  std::optional<Housekeeping> housekeeping(look);

  log.Info("daemon", "serving",
           {{"grpc_port", static_cast<int64_t>((*server)->port())},
            {"admin_port", static_cast<int64_t>(admin ? admin->port() : 0)},
            {"data_directory", options.data_directory.string()},
            {"tls", !options.rpc.tls.certificate.empty()},
            {"folded_at_start", static_cast<int64_t>(embedded->committer().folded_at_start())}});
  if (!options.ports_file.empty()) {
    std::string ports = "grpc=" + std::to_string((*server)->port()) + "\n" + (admin ? "admin=" + std::to_string(admin->port()) + "\n" : "");
    if (auto written = WriteOwnerOnly(std::filesystem::absolute(options.ports_file), ports); !written) return written;
  }

  while (next_order() == Order::kReload) {
    std::lock_guard lock(reloading);
    reload_tokens();
    if (options.directory_folder.empty()) continue;
    if (auto activated = embedded->ActivateFolder(options.directory_folder, log); !activated) {
      log.Error("directory", "not reloaded; the former one stays", {{"why", activated.error().message}});
    }
  }

  // In this order: nobody new comes, whoever is here is served, nothing acts any more, then the stores close.
  stopping = true;
  Stopping stop(log, options.linger_us + options.rpc.drain_us + options.stop_limit_us);
  stop.Step("say NOT_SERVING", [&] {
    (*server)->SayStopping();
    std::this_thread::sleep_for(std::chrono::microseconds(options.linger_us));
  });
  stop.Step("drain calls", [&] { (*server)->Stop(); });
  stop.Step("stop reactions", [&] {
    housekeeping.reset();
    services->assignment.Stop();
    services->routing.Stop();
    (*deliveries)->Stop();
    simulated_time.reset();
    if (admin) admin->Silence();
  });
  stop.Step("flush and close the stores", [&] {
    server->reset();
    services.reset();
    deliveries->reset();
    embedded.reset();
  });
  stop.Step("close the operations port", [&] { admin.reset(); });
  return {};
}

}  // namespace gridloop
