// The built gridloop as a process of its own, and a client for it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/system/system_clock.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/audit_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"
#include "gridloop/v1/routing_service.pb.h"
#include "runtime/credentials.h"
#include "runtime/rpc_client.h"

extern char** environ;

namespace gridloop::e2e {

inline constexpr int kPatienceMs = 60'000;  // only ends a broken test
inline const std::string kSampleCity = std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang";

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-e2e-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// One run of the program. Killed when destroyed.
class Process {
 public:
  Process(std::vector<std::string> arguments, const std::filesystem::path& log) : log_(log) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<char*> environment;
    for (char** each = environ; *each != nullptr; ++each) {
      std::string_view variable(*each);
      if (!variable.starts_with("GRIDLOOP_E2E_") && !variable.starts_with("GRIDLOOP_UPDATE_")) environment.push_back(*each);  // the tests' own
    }
    environment.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environment.data()), 0) << arguments[0];
    posix_spawn_file_actions_destroy(&actions);
    ended_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  }
  ~Process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      Wait();
    }
    ::close(ended_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void Signal(int signal) { ::kill(pid_, signal); }
  // Exit code, or minus the signal that ended it.
  int Wait() {
    pollfd poll{ended_, POLLIN, 0};
    if (::poll(&poll, 1, kPatienceMs) != 1) {
      ADD_FAILURE() << "it does not end: " << Log();
      ::kill(pid_, SIGKILL);
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  pid_t id() const { return pid_; }
  bool Runs() const {
    pollfd poll{ended_, POLLIN, 0};
    return ::poll(&poll, 1, 0) == 0;
  }
  int ended() const { return ended_; }  // readable when it has ended
  std::string Log() const {
    std::ifstream file(log_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path log_;
  pid_t pid_ = 0;
  int ended_ = -1;
};

// gridloop on a data directory; `log` and the ports file lie beside the data, so that a full disk does not silence them.
class Gridloop {
 public:
  // `more` comes last, so it may say otherwise than the settings here. `log`: where standard error goes, if elsewhere.
  Gridloop(const std::filesystem::path& data, const std::filesystem::path& beside, bool with_directory = true, const std::vector<std::string>& more = {},
           const std::filesystem::path& log = {})
      : ports_(beside / (data.filename().string() + ".ports")) {
    std::filesystem::remove(ports_);
    int watch = ::inotify_init1(IN_CLOEXEC);
    ::inotify_add_watch(watch, beside.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE);
    std::vector<std::string> arguments = {GRIDLOOP_BINARY,  "--data-dir",  data,           "--listen", "127.0.0.1:0",
                                          "--admin-listen", "127.0.0.1:0", "--ports-file", ports_};
    if (with_directory) arguments.insert(arguments.end(), {"--directory", kSampleCity});
    arguments.insert(arguments.end(), more.begin(), more.end());
    process_ = std::make_unique<Process>(std::move(arguments), log.empty() ? beside / (data.filename().string() + ".log") : log);
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (!std::filesystem::exists(ports_) && process_->Runs() && std::chrono::steady_clock::now() < until) {
      pollfd polls[] = {{watch, POLLIN, 0}, {process_->ended(), POLLIN, 0}};
      ::poll(polls, 2, kPatienceMs);
      char events[4096];
      if ((polls[0].revents & POLLIN) != 0 && ::read(watch, events, sizeof(events)) < 0) break;
    }
    ::close(watch);
    std::ifstream file(ports_);
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("grpc=")) address_ = "127.0.0.1:" + line.substr(5);
      if (line.starts_with("admin=")) admin_port_ = std::stoi(line.substr(6));
    }
    EXPECT_FALSE(address_.empty()) << process_->Log();
  }
  Process& process() { return *process_; }
  const std::string& address() const { return address_; }
  std::unique_ptr<RpcClient> Connect(const std::string& token) const { return RpcClient::Connect(address_, token); }
  // What the operators' HTTP server answers; status 0 if it does not.
  struct Page {
    int status = 0;
    std::string body;
  };
  Page Http(const std::string& path) const {
    auto result = httplib::Client("127.0.0.1", admin_port_).Get(path);
    return result ? Page{result->status, result->body} : Page{};
  }
  // Asks again until it holds or the process ends; the bound only ends a broken test.
  [[nodiscard]] bool Eventually(const std::function<bool()>& holds) const {
    constexpr int kBetweenMs = 20;
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (!holds()) {
      pollfd poll{process_->ended(), POLLIN, 0};
      if (::poll(&poll, 1, kBetweenMs) != 0 || std::chrono::steady_clock::now() > until) return holds();
    }
    return true;
  }
  // SIGTERM, and all is in order. Let go of clients first: an idle one is waited for.
  void Stop() {
    process_->Signal(SIGTERM);
    EXPECT_EQ(process_->Wait(), 0) << process_->Log();
  }
  void Kill() {
    process_->Signal(SIGKILL);
    EXPECT_EQ(process_->Wait(), -SIGKILL);
  }

 private:
  std::filesystem::path ports_;
  std::unique_ptr<Process> process_;
  std::string address_;
  int admin_port_ = 0;
};

// The same by a clock that stands still at opening time of a Monday, whenever the test runs.
class StandingGridloop : public Gridloop {
 public:
  static constexpr int64_t kStartSeconds = 1'772'413'200;  // 2026-03-02T09:00+08:00
  StandingGridloop(const std::filesystem::path& data, const std::filesystem::path& beside, bool with_directory = true, std::vector<std::string> more = {})
      : Gridloop(data, beside, with_directory, WithClock(std::move(more))) {}

 private:
  static std::vector<std::string> WithClock(std::vector<std::string> more) {
    more.insert(more.begin(), {"--clock", "simulated:2026-03-02T09:00+08:00"});
    return more;
  }
};

inline std::string MakeToken(const std::filesystem::path& data, const std::string& client, const std::string& principal, v1::Role role,
                             const std::string& unit = {}, const std::string& worker = {}) {
  std::filesystem::create_directories(data);
  Credential credential{client, {}, 0};
  credential.actor.set_principal(principal);
  credential.actor.set_role(role);
  credential.actor.set_unit(unit);
  credential.actor.set_worker(worker);
  RandomIds ids;
  auto token = CreateToken(data / "tokens.tsv", credential, ids);
  EXPECT_TRUE(token) << token.error().message;
  return token ? *token : std::string();
}

inline v1::SubmitNeedRequest Report(const std::string& request_id, size_t summary_bytes = 30) {
  v1::SubmitNeedRequest request;
  request.set_request_id(request_id);
  auto& report = *request.mutable_report();
  report.set_summary(std::string(summary_bytes, 's'));
  report.mutable_location()->set_grid_code("320585100001001");
  report.mutable_reporter()->set_role(v1::REPORTER_ROLE_GRID_WORKER);
  report.mutable_reporter()->set_reference("grid-17");
  report.set_source(v1::SOURCE_PATROL);
  return request;
}

inline Expected<v1::SubmitNeedResponse> Submit(RpcClient& client, const v1::SubmitNeedRequest& request) {
  v1::SubmitNeedResponse response;
  auto called = client.Call("gridloop.v1.IntakeService/SubmitNeed", request, &response);
  if (!called) return std::unexpected(called.error());
  return response;
}

inline Expected<v1::ReporterNeed> Get(RpcClient& client, const std::string& name) {
  v1::IntakeServiceGetNeedRequest request;
  request.set_name(name);
  v1::IntakeServiceGetNeedResponse response;
  auto called = client.Call("gridloop.v1.IntakeService/GetNeed", request, &response);
  if (!called) return std::unexpected(called.error());
  return response.need();
}

inline Expected<v1::GetTimelineResponse> Timeline(RpcClient& client, const std::string& name) {
  v1::GetTimelineRequest request;
  request.set_name(name);
  v1::GetTimelineResponse response;
  auto called = client.Call("gridloop.v1.AuditService/GetTimeline", request, &response);
  if (!called) return std::unexpected(called.error());
  return response;
}

// Of what is active: directory, policy and calendar.
inline std::string DirectoryHash(RpcClient& client) {
  v1::GetDirectoryResponse response;
  EXPECT_TRUE(client.Call("gridloop.v1.RoutingService/GetDirectory", v1::GetDirectoryRequest(), &response));
  return response.directory_hash() + response.policy_hash() + response.calendar_hash();
}

}  // namespace gridloop::e2e
