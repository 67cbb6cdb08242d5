// The real daemon on port 0 and a disk of its own, for tests that call it with a real client.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <thread>

#include "adapters/system/system_clock.h"
#include "allinone/daemon.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/audit_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"
#include "gridloop/v1/routing_service.pb.h"
#include "runtime/credentials.h"
#include "runtime/rpc_client.h"

namespace gridloop {

class Daemon : public testing::Test {
 protected:
  // It stands still at opening time of a Monday, whenever the test runs.
  static constexpr int64_t kStartUs = 1'772'413'200'000'000;  // 2026-03-02T09:00+08:00
  virtual std::string Clock() const { return "simulated:2026-03-02T09:00+08:00"; }
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-wire-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    app_token_ = Token("city-app", "app-1", v1::ROLE_REPORTER_APP);
    other_token_ = Token("other-app", "app-2", v1::ROLE_REPORTER_APP);
    expired_token_ = Token("city-app", "app-1", v1::ROLE_REPORTER_APP, {}, 1);
    head_token_ = Token("station", "head-s02", v1::ROLE_STATION_HEAD, "s02");
    head1_token_ = Token("station-1", "head-s01", v1::ROLE_STATION_HEAD, "s01");  // of the place in Report()
    centre_token_ = Token("centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center");
    admin_token_ = Token("operations", "admin-1", v1::ROLE_ADMIN);
    auditor_token_ = Token("audit", "auditor-1", v1::ROLE_AUDITOR);
    const auto* roles = v1::Role_descriptor();
    for (int i = 0; i < roles->value_count(); ++i) {
      auto role = static_cast<v1::Role>(roles->value(i)->number());
      if (role != v1::ROLE_UNSPECIFIED) role_tokens_[role] = Token("one-of-each", roles->value(i)->name(), role, "s01");
    }
    Start();
  }
  // On the same data, at another port.
  void Restart() {
    Stop();
    Start();
  }
  void Start() {
    std::promise<void> stop;
    stop_ = std::move(stop);
    std::promise<void> serving;
    auto is_serving = serving.get_future();
    daemon_ = std::thread([this, &serving] {
      DaemonOptions options;
      options.data_directory = directory_;
      options.rpc.listen = "127.0.0.1:0";
      options.clock = Clock();
      options.directory_folder = std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang";
      options.ports_file = directory_ / "ports";
      if (std::filesystem::exists(directory_ / "recipients.yaml")) options.recipients_file = directory_ / "recipients.yaml";
      auto stopped = stop_.get_future();
      Log log(Log::Options{.level = LogLevel::kError});
      auto run = RunDaemon(options, log, [&] {
        serving.set_value();
        stopped.wait();
        return Order::kStop;
      });
      if (!run) {
        ADD_FAILURE() << run.error().message;
        serving.set_value();
      }
    });
    is_serving.wait();
    std::string line;
    std::ifstream(directory_ / "ports") >> line;
    address_ = "127.0.0.1:" + line.substr(line.find('=') + 1);
  }
  void Stop() {
    stop_.set_value();
    daemon_.join();
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(directory_);
  }
  std::string Token(const std::string& client, const std::string& principal, v1::Role role, const std::string& unit = {}, int64_t expires_s = 0) {
    Credential credential{client, {}, expires_s};
    credential.actor.set_principal(principal);
    credential.actor.set_role(role);
    if (role == v1::ROLE_SUPERVISOR) {
      credential.actor.add_stations(unit);
    } else {
      credential.actor.set_unit(unit);
    }
    RandomIds ids;
    return *CreateToken(directory_ / "tokens.tsv", credential, ids);
  }
  static v1::SubmitNeedRequest Report(const std::string& request_id) {
    v1::SubmitNeedRequest request;
    request.set_request_id(request_id);
    auto& report = *request.mutable_report();
    report.set_summary("MARK-summary");
    report.mutable_location()->set_grid_code("320585100001001");
    report.mutable_location()->set_address("MARK-address");
    report.mutable_reporter()->set_role(v1::REPORTER_ROLE_GRID_WORKER);
    report.mutable_reporter()->set_reference("MARK-reference");
    report.set_source(v1::SOURCE_PATROL);
    report.mutable_subject()->set_display_name("MARK-person");
    return request;
  }
  Expected<v1::SubmitNeedResponse> Submit(const std::string& token, const v1::SubmitNeedRequest& request) {
    v1::SubmitNeedResponse response;
    auto called = RpcClient::Connect(address_, token)->Call("gridloop.v1.IntakeService/SubmitNeed", request, &response);
    if (!called) return std::unexpected(called.error());
    return response;
  }

  std::filesystem::path directory_;
  std::string address_, app_token_, other_token_, expired_token_, head_token_, head1_token_, centre_token_, admin_token_, auditor_token_;
  std::map<v1::Role, std::string> role_tokens_;  // one of each role
  std::promise<void> stop_;
  std::thread daemon_;
};

}  // namespace gridloop
