// What a duty engineer does to the process: settings, listeners, signals, tokens.
#include <atomic>
#include <thread>

#include "e2e/process.h"
#include "grpc/health/v1/health.pb.h"
#include "sealing/digest.h"

namespace gridloop::e2e {
namespace {

class Operations : public testing::Test {
 protected:
  struct Ended {
    int code = 0;
    std::string said;
  };
  // Runs gridloop where it must end by itself.
  Ended Run(const std::vector<std::string>& settings) {
    std::vector<std::string> all = {GRIDLOOP_BINARY};
    all.insert(all.end(), settings.begin(), settings.end());
    Process process(all, beside_.path() / ("run-" + std::to_string(++runs_)));
    int code = process.Wait();
    return {code, process.Log()};
  }
  Ended RunWithFile(const std::string& yaml) {
    auto file = beside_.path() / "gridloop.yaml";
    std::ofstream(file) << yaml;
    return Run({"--config", file, "--check-config"});
  }
  std::vector<std::string> Listening(const std::vector<std::string>& more) const {
    std::vector<std::string> settings = {"--data-dir", data_, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"};
    settings.insert(settings.end(), more.begin(), more.end());
    return settings;
  }

  TemporaryDirectory beside_;
  std::filesystem::path data_ = beside_.path() / "data";
  int runs_ = 0;
};

TEST_F(Operations, AListenerThatOthersReachIsRefusedWithoutTls) {
  auto grpc = Run(Listening({"--listen", "0.0.0.0:0"}));
  EXPECT_EQ(grpc.code, 2);
  for (const char* part : {"0.0.0.0:0 can be reached from elsewhere", "grpc.tls.certificate", "grpc.allow_insecure"}) {
    EXPECT_NE(grpc.said.find(part), std::string::npos) << part << "\nis missing in\n" << grpc.said;
  }
  auto admin = Run(Listening({"--admin-listen", "0.0.0.0:0"}));
  EXPECT_EQ(admin.code, 2);
  EXPECT_NE(admin.said.find("admin.allow_insecure"), std::string::npos) << admin.said;
  EXPECT_EQ(admin.said.find("grpc.tls"), std::string::npos) << "TLS of gRPC does not help here: " << admin.said;
  auto six = Run(Listening({"--listen", "[::]:0"}));
  EXPECT_EQ(six.code, 2) << six.said;
  EXPECT_FALSE(std::filesystem::exists(data_)) << "nothing was made";

  std::string app = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  Gridloop gridloop(data_, beside_.path(), true, {"--listen", "0.0.0.0:0", "--allow-insecure", "--admin-listen", "0.0.0.0:0", "--admin-allow-insecure"});
  ASSERT_FALSE(HasFailure());
  EXPECT_TRUE(Submit(*gridloop.Connect(app), Report("from-elsewhere")));
  EXPECT_EQ(gridloop.Http("/readyz").status, 200);
  EXPECT_NE(gridloop.process().Log().find("SERVING WITHOUT TLS"), std::string::npos);
  gridloop.Stop();
}

TEST_F(Operations, ASimulatedClockIsServedOnLoopbackOnly) {
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--allow-insecure"}, {}}) {
    std::vector<std::string> settings = {"--listen", "0.0.0.0:0", "--clock", "simulated:2026-03-02T09:00+08:00"};
    settings.insert(settings.end(), more.begin(), more.end());
    auto refused = Run(Listening(settings));
    EXPECT_EQ(refused.code, 2);
    if (!more.empty()) {
      EXPECT_NE(refused.said.find("A simulated clock is for trying things out"), std::string::npos) << refused.said;
    }
  }
}

TEST_F(Operations, TheFirstStartMakesATokenForItsOwnerAloneAndASimulatedClockIsSaidLoudly) {
  StandingGridloop gridloop(data_, beside_.path());
  ASSERT_FALSE(HasFailure());
  using std::filesystem::perms;
  for (const char* file : {"local.token", "tokens.tsv"}) {
    EXPECT_EQ(std::filesystem::status(data_ / file).permissions(), perms::owner_read | perms::owner_write) << file;
  }
  std::string token;
  std::ifstream(data_ / "local.token") >> token;
  v1::ActivateDirectoryResponse response;  // an administrator's
  EXPECT_TRUE(gridloop.Connect(token)->Call("gridloop.v1.RoutingService/ActivateDirectory", v1::ActivateDirectoryRequest(), &response));
  EXPECT_NE(gridloop.process().Log().find("THE CLOCK IS SIMULATED"), std::string::npos) << gridloop.process().Log();
  gridloop.Stop();
}

TEST_F(Operations, AnotherProcessOnThePortIsSaid) {
  StandingGridloop gridloop(data_, beside_.path());
  ASSERT_FALSE(HasFailure());
  auto second = Run({"--data-dir", beside_.path() / "second", "--listen", gridloop.address(), "--admin-listen", "127.0.0.1:0"});
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.said.find("Could not listen on " + gridloop.address()), std::string::npos) << second.said;
  gridloop.Stop();
}

TEST_F(Operations, IntakeTakesNeedsWhileEverythingBehindItIsDown) {
  std::string app = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::string centre = MakeToken(data_, "centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center");
  std::string name;
  {
    StandingGridloop intake(data_, beside_.path(), true, {"--services", "intake"});
    ASSERT_FALSE(HasFailure());
    EXPECT_NE(intake.process().Log().find("NOT ALL SERVICES RUN HERE"), std::string::npos) << intake.process().Log();
    auto taken = Submit(*intake.Connect(app), Report("alone"));
    ASSERT_TRUE(taken) << taken.error().message;
    name = taken->name();
    v1::GetDirectoryResponse directory;
    auto elsewhere = intake.Connect(centre)->Call("gridloop.v1.RoutingService/GetDirectory", v1::GetDirectoryRequest(), &directory);
    ASSERT_FALSE(elsewhere);
    EXPECT_EQ(elsewhere.error().code, Code::kUnimplemented);
    auto seen = Get(*intake.Connect(app), name);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(seen->stage(), v1::REPORTER_STAGE_RECEIVED);
    intake.Stop();
  }
  StandingGridloop all(data_, beside_.path());
  ASSERT_FALSE(HasFailure());
  auto client = all.Connect(app);
  EXPECT_TRUE(all.Eventually([&] {
    auto seen = Get(*client, name);
    return seen && seen->stage() == v1::REPORTER_STAGE_DISPATCHED;
  })) << all.process().Log();
  client.reset();
  all.Stop();
}

TEST_F(Operations, AHangupActivatesAGoodDirectoryAndRefusesABadOneWhole) {
  auto folder = beside_.path() / "city";
  std::filesystem::copy(kSampleCity, folder);
  std::string centre = MakeToken(data_, "centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center");
  StandingGridloop gridloop(data_, beside_.path(), false, {"--directory", folder});
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(centre);
  std::string first = DirectoryHash(*client);

  std::ofstream(folder / "workers.csv", std::ios::app) << "w-new,示例·新社工,,,,elderly,10,2026-01-01,\n";
  gridloop.process().Signal(SIGHUP);
  EXPECT_TRUE(gridloop.Eventually([&] { return DirectoryHash(*client) != first; })) << gridloop.process().Log();
  std::string second = DirectoryHash(*client);

  // One row is bad, one is good: neither is taken.
  std::ofstream(folder / "workers.csv", std::ios::app) << "w-newer,示例·更新社工,,,,elderly,10,2026-01-01,\nw-bad,示例·坏行,no-such-organisation,,,,ten,,\n";
  gridloop.process().Signal(SIGHUP);
  EXPECT_TRUE(gridloop.Eventually([&] { return gridloop.process().Log().find("not reloaded; the former one stays") != std::string::npos; }));
  EXPECT_NE(gridloop.process().Log().find("gridctl directory check " + folder.string()), std::string::npos);
  EXPECT_EQ(DirectoryHash(*client), second);
  EXPECT_EQ(gridloop.Http("/readyz").status, 200);

  std::filesystem::copy(std::filesystem::path(kSampleCity) / "workers.csv", folder / "workers.csv", std::filesystem::copy_options::overwrite_existing);
  gridloop.process().Signal(SIGHUP);
  EXPECT_TRUE(gridloop.Eventually([&] { return DirectoryHash(*client) == first; }));
  client.reset();
  gridloop.Stop();
}

TEST_F(Operations, ATokenWorksOnceItStandsInTheFileAndNoLongerThanThat) {
  std::string first = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  StandingGridloop gridloop(data_, beside_.path());
  ASSERT_FALSE(HasFailure());
  auto reason = [&](const std::string& token) {
    auto got = Get(*gridloop.Connect(token), "needs/aaaaaaaaaaaaaaaaaaaaaaaaaa");
    return got ? std::string("found") : got.error().reason;
  };
  EXPECT_EQ(reason(first), "NEED_NOT_FOUND");
  std::string second = MakeToken(data_, "city-app", "app-2", v1::ROLE_REPORTER_APP);
  EXPECT_TRUE(gridloop.Eventually([&] { return reason(second) == "NEED_NOT_FOUND"; }));

  // An editor that spoils the file takes nothing away.
  auto tokens = data_ / "tokens.tsv";
  std::string line;
  std::string rest;
  {
    std::ifstream file(tokens);
    std::getline(file, line);  // the first token's
    for (std::string each; std::getline(file, each);) rest += each + "\n";
  }
  std::ofstream(tokens) << "spoilt\n";
  EXPECT_TRUE(gridloop.Eventually([&] { return gridloop.process().Log().find("the tokens were not read again; the former ones stay") != std::string::npos; }));
  EXPECT_EQ(reason(first), "NEED_NOT_FOUND");

  std::ofstream(tokens.string() + ".new") << rest;
  std::filesystem::permissions(tokens.string() + ".new", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::rename(tokens.string() + ".new", tokens);  // so that nobody reads half of it
  EXPECT_TRUE(gridloop.Eventually([&] { return reason(first) == "CREDENTIAL_UNKNOWN"; }));
  EXPECT_EQ(reason(second), "NEED_NOT_FOUND");
  gridloop.Stop();
}

TEST_F(Operations, ATermSignalUnderOpenStreamsEndsThemAndTheProcessInTime) {
  std::string app = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::string centre = MakeToken(data_, "centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center");
  StandingGridloop gridloop(data_, beside_.path(), true, {"--shutdown-drain", "2s", "--shutdown-limit", "20s"});
  ASSERT_FALSE(HasFailure());
  constexpr int kStreams = 5;
  std::atomic<int> open = 0;
  std::vector<Code> ended(kStreams * 2, Code::kUnknown);
  std::vector<std::jthread> readers;
  auto client = gridloop.Connect(app);
  auto staff = gridloop.Connect(centre);
  EXPECT_TRUE(Submit(*client, Report("watched")));
  for (int i = 0; i < kStreams; ++i) {
    readers.emplace_back([&, i] {
      v1::WatchNeedsResponse change;
      bool counted = false;
      auto read = client->ReadStream("gridloop.v1.IntakeService/WatchNeeds", v1::WatchNeedsRequest(), &change, [&] {
        if (!std::exchange(counted, true)) ++open;
        return true;
      });
      ended[static_cast<size_t>(i)] = read ? Code::kUnknown : read.error().code;
    });
    readers.emplace_back([&, i] {
      auto conversation = client->Converse("gridloop.v1.IntakeService/SubmitNeeds");
      v1::SubmitNeedsRequest item;
      *item.mutable_item() = Report("item-" + std::to_string(i));
      v1::SubmitNeedsResponse response;
      EXPECT_TRUE(conversation->Write(item));
      EXPECT_TRUE(conversation->Read(&response));
      ++open;
      EXPECT_FALSE(conversation->Read(&response));  // until the process stops
      auto finished = conversation->Finish();
      ended[static_cast<size_t>(kStreams) + static_cast<size_t>(i)] = finished ? Code::kUnknown : finished.error().code;
    });
  }
  ASSERT_TRUE(gridloop.Eventually([&] { return open == kStreams * 2; }));
  gridloop.process().Signal(SIGTERM);
  EXPECT_EQ(gridloop.process().Wait(), 0) << gridloop.process().Log();
  readers.clear();
  for (Code code : ended) EXPECT_EQ(code, Code::kUnavailable);
  EXPECT_EQ(gridloop.process().Log().find("stopping takes too long"), std::string::npos);
}

TEST_F(Operations, WhileItLingersItSaysNotReadyAndStillServesUntilASecondSignal) {
  std::string app = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  StandingGridloop gridloop(data_, beside_.path(), true, {"--shutdown-linger", "300s"});
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(app);
  auto serving = [&] {
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(client->Call("grpc.health.v1.Health/Check", grpc::health::v1::HealthCheckRequest(), &response));
    return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
  };
  EXPECT_EQ(gridloop.Http("/readyz").status, 200);
  EXPECT_TRUE(serving());
  gridloop.process().Signal(SIGTERM);
  EXPECT_TRUE(gridloop.Eventually([&] { return gridloop.Http("/readyz").status == 503; })) << gridloop.process().Log();
  EXPECT_NE(gridloop.Http("/readyz").body.find("the process is stopping"), std::string::npos);
  EXPECT_EQ(gridloop.Http("/healthz").status, 200) << "it is alive";
  EXPECT_TRUE(gridloop.Eventually([&] { return !serving(); }));
  EXPECT_TRUE(Submit(*client, Report("while-it-lingers"))) << "load balancers have not heard of it yet";
  gridloop.process().Signal(SIGTERM);
  EXPECT_EQ(gridloop.process().Wait(), -SIGTERM) << gridloop.process().Log();
}

TEST_F(Operations, IntakeSaysServingWithoutADirectoryAndTheWholeDoesNot) {
  Gridloop gridloop(data_, beside_.path(), false);
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect("");
  auto status = [&](const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(client->Call("grpc.health.v1.Health/Check", request, &response));
    return response.status();
  };
  EXPECT_EQ(status("gridloop.v1.IntakeService"), grpc::health::v1::HealthCheckResponse::SERVING);
  EXPECT_EQ(status("gridloop.v1.RoutingService"), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(status(""), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(gridloop.Http("/readyz").status, 503);
  client.reset();
  gridloop.Stop();
}

TEST_F(Operations, AStreamEndsWithinSecondsWhenItsTokenIsRevoked) {
  std::string app = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  Gridloop gridloop(data_, beside_.path());
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(app);
  ASSERT_TRUE(Submit(*client, Report("watched")));
  v1::WatchNeedsResponse change;
  bool revoked = false;
  auto watched = client->ReadStream(
      "gridloop.v1.IntakeService/WatchNeeds", v1::WatchNeedsRequest(), &change,
      [&] {
        if (!std::exchange(revoked, true)) {
          EXPECT_TRUE(RevokeToken(data_ / "tokens.tsv", Hex(Sha256(app))));
        }
        return true;
      },
      std::chrono::milliseconds(kPatienceMs));
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().reason, "CREDENTIAL_UNKNOWN") << watched.error().message;
  client.reset();
  gridloop.Stop();
}

TEST_F(Operations, AReaderOfTheLogThatHangsDoesNotKeepTheProcessAlive) {
  int log[2];
  ASSERT_EQ(::pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
  // The child's end blocks, ours does not: another open file of the same pipe.
  int child_end = ::open(("/proc/self/fd/" + std::to_string(log[1])).c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(child_end, 0);
  Gridloop gridloop(data_, beside_.path(), true, {"--shutdown-drain", "0s", "--shutdown-limit", "1s"},
                    "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(child_end));
  ASSERT_FALSE(HasFailure());
  const std::string filling(4096, 'x');
  while (::write(log[1], filling.data(), filling.size()) > 0) {
  }
  gridloop.process().Signal(SIGTERM);
  EXPECT_EQ(gridloop.process().Wait(), 1) << "a supervisor starts it anew";
  for (int each : {log[0], log[1], child_end}) ::close(each);
}

TEST_F(Operations, TheVersionIsSaid) {
  auto version = Run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.said.starts_with("gridloop 0.")) << version.said;
}

TEST_F(Operations, CheckConfigNamesEachProblemWithItsLine) {
  const std::string data = "data_directory: " + data_.string() + "\n";
  auto bad = RunWithFile(data +
                         "grpc:\n"
                         "  listn: 127.0.0.1:0\n"
                         "  max_streams: many\n"
                         "log:\n"
                         "  level: info\n"
                         "  level: debug\n");
  EXPECT_EQ(bad.code, 2);
  for (const char* part : {"gridloop.yaml:3 grpc.listn: is not known; did you mean grpc.listen?", "gridloop.yaml:4 grpc.max_streams: must be a number from 1",
                           "gridloop.yaml:7 log.level: stands twice"}) {
    EXPECT_NE(bad.said.find(part), std::string::npos) << part << "\nis missing in\n" << bad.said;
  }
  auto open_to_all = RunWithFile(data + "grpc:\n  listen: 0.0.0.0:0\n");
  EXPECT_EQ(open_to_all.code, 2) << "what would not start is not good";
  EXPECT_NE(open_to_all.said.find("can be reached from elsewhere"), std::string::npos) << open_to_all.said;
  auto nowhere = RunWithFile("log:\n  level: info\n");
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_NE(nowhere.said.find("data_directory is required"), std::string::npos) << nowhere.said;

  auto clock = RunWithFile("data_directory: data\nclock: simulated:yesterday\n");
  EXPECT_EQ(clock.code, 2);
  EXPECT_NE(clock.said.find("A time reads 2026-03-02T09:00+08:00"), std::string::npos) << clock.said;
  EXPECT_NE(RunWithFile("data_directory: data\nclock: sundial\n").said.find("clock must be system or simulated:TIME"), std::string::npos);
  auto folder = RunWithFile("data_directory: data\ndirectory_folder: " + (beside_.path() / "no-folder").string() + "\n");
  EXPECT_EQ(folder.code, 2);
  EXPECT_NE(folder.said.find("no-folder is no folder that can be read"), std::string::npos) << folder.said;
  ::setenv("GRIDLOOP_GRPC_LISTN", "127.0.0.1:0", 1);
  auto environment = RunWithFile("data_directory: data\n");
  ::unsetenv("GRIDLOOP_GRPC_LISTN");
  EXPECT_EQ(environment.code, 2);
  EXPECT_NE(environment.said.find("GRIDLOOP_GRPC_LISTN: is not known; did you mean GRIDLOOP_GRPC_LISTEN?"), std::string::npos) << environment.said;

  auto good = RunWithFile(data + "log:\n  level: debug\n");
  EXPECT_EQ(good.code, 0) << good.said;
  EXPECT_TRUE(good.said.starts_with("good\n")) << good.said;
  EXPECT_NE(good.said.find("gridloop.yaml:3"), std::string::npos) << good.said;
  EXPECT_FALSE(std::filesystem::exists(data_)) << "nothing was made";
}

}  // namespace
}  // namespace gridloop::e2e
