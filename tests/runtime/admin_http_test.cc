#include "runtime/admin_http.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <future>
#include <vector>

#include "adapters/committer/committer.h"
#include "adapters/memory/memory_store.h"
#include "adapters/memory/simulated_clock.h"
#include "allinone/observation.h"
#include "histories.h"

namespace gridloop {
namespace {

class AdminHttpTest : public testing::Test {
 protected:
  AdminHttpTest()
      : committer_(*Committer::Open(store_, clock_, {})),
        snapshots_(directories_),
        world_{*committer_, *committer_, keys_, snapshots_, clock_, ids_, secret_},
        guard_(clock_) {
    AdminHttp::Options options;
    options.metrics = [] { return std::string("a 1\n"); };
    options.checks = [this] {
      ++asked_;
      return Checks(world_, guard_, false);
    };
    http_ = std::move(*AdminHttp::Start(std::move(options)));
  }
  httplib::Result Get(const std::string& path) { return httplib::Client("127.0.0.1", http_->port()).Get(path.c_str()); }
  bool IsGood(const std::string& check) { return Get("/readyz")->body.find("\"name\":\"" + check + "\",\"good\":true") != std::string::npos; }

  SimulatedClock clock_{histories::kNoonUs};
  SeededIds ids_{1};
  MemoryStore store_;
  MemoryKeys keys_{ids_};
  MemoryDirectories directories_;
  std::unique_ptr<Committer> committer_;
  Snapshots snapshots_;
  Secret secret_{std::string(32, 's')};
  World world_;
  ClockGuard guard_;
  std::atomic<int> asked_ = 0;
  std::unique_ptr<AdminHttp> http_;
};

TEST_F(AdminHttpTest, ServesThreePagesAndNothingElse) {
  EXPECT_EQ(Get("/healthz")->status, 200);
  EXPECT_EQ(Get("/metrics")->body, "a 1\n");
  EXPECT_EQ(Get("/readyz")->status, 503);  // no directory is active
  for (const char* check : {"ledger", "view", "keys"}) EXPECT_TRUE(IsGood(check)) << check;
  EXPECT_FALSE(IsGood("directory"));
  EXPECT_EQ(Get("/")->status, 404);
  EXPECT_EQ(httplib::Client("127.0.0.1", http_->port()).Post("/metrics", std::string(100, 'x'), "text/plain")->status, 404);
}

TEST_F(AdminHttpTest, ConnectionsThatStayOpenHoldNobodyUp) {
  std::vector<std::unique_ptr<httplib::Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<httplib::Client>("127.0.0.1", http_->port()));
    clients.back()->set_keep_alive(true);
    clients.back()->set_read_timeout(std::chrono::milliseconds(1500));
    auto answer = clients.back()->Get("/healthz");
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->get_header_value("Connection"), "close");
  }
}

TEST_F(AdminHttpTest, OnceSilencedItAsksNothingMore) {
  EXPECT_EQ(Get("/readyz")->status, 503);
  EXPECT_EQ(asked_, 1);
  http_->Silence();
  EXPECT_EQ(Get("/readyz")->body, "the process is stopping\n");
  EXPECT_EQ(Get("/metrics")->status, 503);
  EXPECT_EQ(asked_, 1);
}

TEST_F(AdminHttpTest, IntakeServesWithoutADirectoryAndWithASteppedClock) {
  clock_.StepWall(86'400'000'000);
  auto checks = Checks(world_, guard_, false);
  EXPECT_TRUE(Serves("gridloop.v1.IntakeService", checks));
  EXPECT_FALSE(Serves("gridloop.v1.AssignmentService", checks));
  store_.FailAppends("the disk is full");
  std::promise<Expected<Position>> done;
  committer_->Append(histories::Submitted("r-1"), 0, [&](Expected<Position> position) { done.set_value(std::move(position)); });
  EXPECT_FALSE(done.get_future().get());
  EXPECT_FALSE(Serves("gridloop.v1.IntakeService", Checks(world_, guard_, false)));
}

TEST(Observation, FailedReactionsAndCallsAreLoggedWithTheirNeedAndNotWithoutEnd) {
  std::vector<std::string> lines;
  Log log({.level = LogLevel::kInfo, .form = Log::Form::kJson, .write = [&](std::string_view line) { lines.emplace_back(line); }});
  const Error error{Code::kUnavailable, "LEDGER_FAILED", "no line holds this text", "", {}, {}, std::nullopt};
  ReactionLog reactions(log);
  for (int i = 0; i < 1000; ++i) reactions.Failed("needs/a", "offer", error);
  ASSERT_GE(lines.size(), 1U);
  EXPECT_LT(lines.size(), 100U);
  for (const char* part : {R"("need":"needs/a")", R"("kind":"offer")", R"("reason":"LEDGER_FAILED")"})
    EXPECT_NE(lines[0].find(part), std::string::npos) << lines[0];
  EXPECT_EQ(lines[0].find("no line"), std::string::npos);
  lines.clear();
  AccessLog calls(log);
  int method = calls.Register("gridloop.v1.AssignmentService", "AcceptOffer", "unary");
  calls.Handled(method, static_cast<int>(Code::kNotFound), 100, "", "needs/b");
  EXPECT_TRUE(lines.empty()) << "the caller's mistake";
  calls.Handled(method, static_cast<int>(Code::kUnavailable), 100, "", "needs/b");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find(R"("need":"needs/b")"), std::string::npos) << lines[0];
}

TEST_F(AdminHttpTest, AFailedSyncShowsInReadiness) {
  store_.FailAppends("the disk is full");
  std::promise<Expected<Position>> done;
  committer_->Append(histories::Submitted("r-1"), 0, [&](Expected<Position> position) { done.set_value(std::move(position)); });
  EXPECT_EQ(done.get_future().get().error().reason, "OUTCOME_UNKNOWN");
  auto page = Get("/readyz");
  EXPECT_EQ(page->status, 503);
  EXPECT_NE(page->body.find("the disk is full"), std::string::npos) << page->body;
}

TEST_F(AdminHttpTest, ASteppedClockIsNotReadyAndStaysSo) {
  EXPECT_TRUE(IsGood("clock"));
  clock_.StepWall(86'400'000'000);
  EXPECT_FALSE(IsGood("clock"));
  clock_.StepWall(-86'400'000'000);
  guard_.Sample();
  EXPECT_FALSE(IsGood("clock"));
}

}  // namespace
}  // namespace gridloop
