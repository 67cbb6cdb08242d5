// Webhooks through libcurl, on a thread of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "ports/webhooks.h"

namespace gridloop {

// No redirect is followed, no proxy of the environment used, http and https only, certificates verified. The address that a name has
// led to is looked at before it is connected to, and again before anything is sent over a connection that was kept.
class CurlWebhooks : public Webhooks {
 public:
  struct Options {
    int64_t connect_ms = 5'000;
    int64_t total_ms = 15'000;
    size_t answer_bytes = 64 << 10;  // more of headers or body is cut off; the status counts
    std::string user_agent = "gridloop";
  };
  // kInternal/CURL_FAILED.
  static Expected<std::unique_ptr<CurlWebhooks>> Make(Options options);
  ~CurlWebhooks() override;
  void Post(WebhookPost post, Callback<WebhookAnswer> done) override;

 private:
  struct Transfer;
  explicit CurlWebhooks(Options options);
  void Run();
  void Begin(WebhookPost post, Callback<WebhookAnswer> done);
  void End(void* easy, int result);

  const Options options_;
  void* multi_ = nullptr;
  std::mutex mutex_;
  std::deque<std::pair<WebhookPost, Callback<WebhookAnswer>>> waiting_;
  bool stopping_ = false;
  std::map<void*, std::unique_ptr<Transfer>> transfers_;  // by handle; of the thread alone
  std::thread thread_;
};

}  // namespace gridloop
