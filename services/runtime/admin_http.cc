#include "runtime/admin_http.h"

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "runtime/log.h"

namespace gridloop {
namespace {

constexpr size_t kThreads = 8;
constexpr size_t kLongestRequest = 8 << 10;
constexpr int kTimeOutSeconds = 2;

class Server : public AdminHttp {
 public:
  explicit Server(Options options) : options_(std::move(options)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_payload_max_length(kLongestRequest);
    server_.set_read_timeout(kTimeOutSeconds);
    server_.set_write_timeout(kTimeOutSeconds);
    server_.set_keep_alive_max_count(1);  // a connection that waits for its next request would hold a thread
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      std::shared_lock lock(asking_);
      if (silent_) return Gone(response);
      response.set_content(options_.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server_.Get("/healthz", [](const httplib::Request&, httplib::Response& response) { response.set_content("ok\n", "text/plain"); });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      std::shared_lock lock(asking_);
      if (silent_) return Gone(response);
      auto checks = options_.checks();
      bool ready = std::ranges::all_of(checks, &ReadyCheck::good);
      std::string body = std::string("{\"ready\":") + (ready ? "true" : "false") + ",\"checks\":[";
      for (size_t i = 0; i < checks.size(); ++i) {
        body += std::string(i == 0 ? "" : ",") + "{\"name\":" + JsonString(checks[i].name) + ",\"good\":" + (checks[i].good ? "true" : "false") +
                ",\"reason\":" + JsonString(checks[i].reason) + "}";
      }
      response.status = ready ? 200 : 503;
      response.set_content(body + "]}\n", "application/json");
    });
  }
  ~Server() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Expected<void> Listen() {
    port_ = options_.port == 0 ? server_.bind_to_any_port(options_.host) : server_.bind_to_port(options_.host, options_.port) ? options_.port : -1;
    if (port_ <= 0) {
      return Fail(Code::kFailedPrecondition, "LISTEN_FAILED",
                  "Could not listen on " + options_.host + ":" + std::to_string(options_.port) + "; is the port taken?");
    }
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      over_ = true;
    });
    while (!server_.is_running() && !over_) std::this_thread::yield();  // a stop before it runs would not be noticed
    return {};
  }
  int port() const override { return port_; }
  void Silence() override {
    std::unique_lock lock(asking_);
    silent_ = true;
  }

 private:
  static void Gone(httplib::Response& response) {
    response.status = 503;
    response.set_content("the process is stopping\n", "text/plain");
  }

  std::shared_mutex asking_;  // held shared while the options' functions are asked
  bool silent_ = false;
  Options options_;
  httplib::Server server_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
  int port_ = 0;
};

}  // namespace

Expected<std::unique_ptr<AdminHttp>> AdminHttp::Start(Options options) {
  auto server = std::make_unique<Server>(std::move(options));
  if (auto listening = server->Listen(); !listening) return std::unexpected(listening.error());
  return server;
}

}  // namespace gridloop
