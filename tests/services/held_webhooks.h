// Webhooks in memory: remembers what was posted, answers as the test says, or not until it says so.
#pragma once

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ports/webhooks.h"

namespace gridloop {

class HeldWebhooks : public Webhooks {
 public:
  ~HeldWebhooks() override {
    for (auto& done : held_) done({0, v1::DELIVERY_FAILURE_UNREACHABLE, 0});
  }
  void Post(WebhookPost post, Callback<WebhookAnswer> done) override {
    std::optional<WebhookAnswer> answer = WebhookAnswer{200, {}, 0};
    {
      std::lock_guard lock(mutex_);
      posts_.push_back(post);
      if (auto found = answers_.find(post.url); found != answers_.end()) answer = found->second(post);
      if (!answer) {
        held_.push_back(std::move(done));
        changed_.notify_all();
        return;
      }
    }
    done(*answer);
    changed_.notify_all();
  }
  // From now on. Nothing: it hangs until Release.
  void Answer(const std::string& url, std::function<std::optional<WebhookAnswer>(const WebhookPost&)> answer) {
    std::lock_guard lock(mutex_);
    answers_[url] = std::move(answer);
  }
  void Answer(const std::string& url, int status) {
    Answer(url, [status](const WebhookPost&) { return WebhookAnswer{status, {}, 0}; });
  }
  void Hang(const std::string& url) {
    Answer(url, [](const WebhookPost&) { return std::nullopt; });
  }
  // Answers whatever hangs.
  void Release(WebhookAnswer answer) {
    std::vector<Callback<WebhookAnswer>> held;
    {
      std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& done : held) done(answer);
  }
  std::vector<WebhookPost> Posts(const std::string& url = {}) const {
    std::lock_guard lock(mutex_);
    std::vector<WebhookPost> posts;
    for (const auto& post : posts_) {
      if (url.empty() || post.url == url) posts.push_back(post);
    }
    return posts;
  }
  std::vector<v1::CloudEvent> Events(const std::string& url = {}) const {
    std::vector<v1::CloudEvent> events;
    for (const auto& post : Posts(url)) EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(post.body, &events.emplace_back()).ok()) << post.body;
    return events;
  }
  std::vector<std::string> Types(const std::string& url) const {
    std::vector<std::string> types;
    for (const auto& event : Events(url)) types.push_back(event.type().substr(std::string("gridloop.notice.").size()));
    return types;
  }
  // The bound only ends a broken test.
  [[nodiscard]] bool Eventually(const std::function<bool()>& holds) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      std::unique_lock lock(mutex_);
      if (std::chrono::steady_clock::now() > until) return false;
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    return true;
  }
  [[nodiscard]] bool Reach(size_t count, const std::string& url = {}) {
    return Eventually([&] { return Posts(url).size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<WebhookPost> posts_;
  std::map<std::string, std::function<std::optional<WebhookAnswer>(const WebhookPost&)>> answers_;
  std::vector<Callback<WebhookAnswer>> held_;
};

}  // namespace gridloop
