// kill -9 in the middle of load: what was acknowledged is there, what was not may be sent again.
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "e2e/process.h"

namespace gridloop::e2e {
namespace {

constexpr int kRounds = 3;
constexpr int kThreads = 4;
constexpr int kAcknowledgedBeforeTheKill = 300;

TEST(Crash, WhatWasAcknowledgedBeforeKill9IsThereAfterwards) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::string auditor = MakeToken(data, "audit", "auditor-1", v1::ROLE_AUDITOR, "center");
  std::map<std::string, v1::SubmitNeedResponse> acknowledged;  // by request id, of all rounds
  std::vector<std::string> unanswered;
  for (int round = 0; round < kRounds; ++round) {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    std::mutex mutex;
    std::atomic<int> answers = 0;
    {
      std::vector<std::jthread> threads;
      for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
          auto client = gridloop.Connect(app);
          for (int i = 0;; ++i) {
            std::string id = "kill-" + std::to_string(round) + "-" + std::to_string(thread) + "-" + std::to_string(i);
            auto response = Submit(*client, Report(id));
            std::lock_guard lock(mutex);
            if (!response) {  // the process is gone: this one may or may not be in the log
              EXPECT_TRUE(response.error().code == Code::kUnavailable || response.error().code == Code::kUnknown) << response.error().message;
              unanswered.push_back(id);
              return;
            }
            acknowledged[id] = *response;
            ++answers;
            answers.notify_one();
          }
        });
      }
      for (int seen = 0; seen < kAcknowledgedBeforeTheKill; seen = answers) answers.wait(seen);
      gridloop.Kill();
    }
  }
  ASSERT_EQ(unanswered.size(), static_cast<size_t>(kRounds * kThreads));

  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  auto reporter = gridloop.Connect(app);
  auto reader = gridloop.Connect(auditor);
  // First look for all of them: sending again would make anew what was lost.
  for (const auto& [id, before] : acknowledged) {
    auto need = Get(*reporter, before.name());
    ASSERT_TRUE(need) << id << ": " << need.error().message;
    EXPECT_EQ(need->number(), before.number());
    auto timeline = Timeline(*reader, before.name());
    ASSERT_TRUE(timeline) << id;
    EXPECT_TRUE(timeline->chain_intact()) << id;
    int submitted = 0;
    for (const auto& entry : timeline->entries()) submitted += entry.type() == v1::EVENT_TYPE_SUBMITTED ? 1 : 0;
    EXPECT_EQ(submitted, 1) << id;
    EXPECT_EQ(timeline->entries(0).position(), before.position()) << id;
  }
  for (const auto& [id, before] : acknowledged) {
    auto again = Submit(*reporter, Report(id));
    ASSERT_TRUE(again) << id << ": " << again.error().message;
    EXPECT_EQ(again->name(), before.name()) << id;
    EXPECT_EQ(again->number(), before.number()) << id;
    EXPECT_EQ(again->position(), before.position()) << id;
  }
  for (const auto& id : unanswered) EXPECT_TRUE(Submit(*reporter, Report(id))) << id;
  EXPECT_GE(acknowledged.size(), static_cast<size_t>(kRounds * kAcknowledgedBeforeTheKill));
  // And none was forgotten on its way.
  for (const auto& [id, before] : acknowledged) {
    EXPECT_TRUE(gridloop.Eventually([&] {
      auto need = Get(*reporter, before.name());
      return need && need->stage() != v1::REPORTER_STAGE_RECEIVED;
    })) << id;
    if (HasFailure()) break;
  }
  reporter.reset();
  reader.reset();
  gridloop.Stop();
}

TEST(Crash, AnAppThatIsAnsweredWhileTheProcessStopsFindsItsNeedAfterwards) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::map<std::string, std::string> acknowledged;
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    std::atomic<int> answers = 0;
    std::jthread thread([&] {
      auto client = gridloop.Connect(app);
      for (int i = 0;; ++i) {
        auto response = Submit(*client, Report("stop-" + std::to_string(i)));
        if (!response) return;
        acknowledged["stop-" + std::to_string(i)] = response->name();
        ++answers;
        answers.notify_one();
      }
    });
    for (int seen = 0; seen < 50; seen = answers) answers.wait(seen);
    gridloop.Stop();
  }
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(app);
  for (const auto& [id, name] : acknowledged) EXPECT_TRUE(Get(*client, name)) << id;
  for (const auto& [id, name] : acknowledged) EXPECT_EQ(Submit(*client, Report(id))->name(), name);
  client.reset();
  gridloop.Stop();
}

}  // namespace
}  // namespace gridloop::e2e
