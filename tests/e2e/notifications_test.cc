// The receiver of the notifications' page, run as it stands there, told by a process on a real disk over real connections.
#include <sys/stat.h>

#include <regex>

#include "e2e/process.h"
#include "gridloop/v1/notification_service.pb.h"

namespace gridloop::e2e {
namespace {

constexpr char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr char kNewSecret[] = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

class Notified : public testing::Test {
 protected:
  void SetUp() override {
    app_ = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
    admin_ = MakeToken(data_, "operations", "admin-1", v1::ROLE_ADMIN);
    std::ifstream file(std::string(GRIDLOOP_SOURCE_DIR) + "/docs/notifications.md");
    std::ostringstream text;
    text << file.rdbuf();
    std::string page = text.str();
    const std::string begin = "<!-- receiver -->\n\n```python\n";
    size_t from = page.find(begin);
    ASSERT_NE(from, std::string::npos) << "docs/notifications.md has no receiver";
    from += begin.size();
    std::ofstream(beside_.path() / "receiver.py") << page.substr(from, page.find("\n```\n", from) - from + 1);
    WriteSecret("gridloop.secret", kSecret);
    WriteSecret("receiver.secret", kSecret);
  }
  void WriteSecret(const std::string& name, const std::string& text) {
    auto next = beside_.path() / (name + ".next");
    std::ofstream(next) << text << "\n";
    ::chmod(next.c_str(), 0600);
    std::filesystem::rename(next, beside_.path() / name);
  }
  // Empty if it does not start.
  std::unique_ptr<Process> Receive(int* port) {
    auto log = beside_.path() / ("receiver-" + std::to_string(++receivers_) + ".log");
    auto process = std::make_unique<Process>(
        std::vector<std::string>{"/usr/bin/env", "python3", beside_.path() / "receiver.py", beside_.path() / "receiver.secret", std::to_string(*port)}, log);
    std::smatch found;
    std::string said;
    EXPECT_TRUE(Within(*process, [&] {
      said = process->Log();
      return std::regex_search(said, found, std::regex("listening on ([0-9]+)\n"));
    })) << said;
    *port = found.empty() ? 0 : std::stoi(found[1]);
    return process;
  }
  static bool Within(const Process& process, const std::function<bool()>& holds) {
    constexpr int kBetweenMs = 20;
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (!holds()) {
      pollfd poll{process.ended(), POLLIN, 0};
      if (::poll(&poll, 1, kBetweenMs) != 0 || std::chrono::steady_clock::now() > until) return holds();
    }
    return true;
  }
  std::vector<std::string> Setting(int port) {
    std::ofstream(beside_.path() / "recipients.yaml") << "recipients:\n  - id: page\n    url: http://localhost:" << port
                                                      << "/hook\n    secret_file: gridloop.secret\n    allow_private: true\n";
    return {"--recipients", beside_.path() / "recipients.yaml"};
  }
  v1::Recipient Shown(const Gridloop& gridloop) {
    v1::ListRecipientsResponse response;
    EXPECT_TRUE(gridloop.Connect(admin_)->Call("gridloop.v1.NotificationService/ListRecipients", v1::ListRecipientsRequest(), &response));
    return response.recipients_size() == 1 ? response.recipients(0) : v1::Recipient();
  }
  std::string Test(const Gridloop& gridloop, const std::string& request_id) {
    v1::SendTestNoticeRequest request;
    request.set_name("recipients/page");
    request.set_request_id(request_id);
    v1::SendTestNoticeResponse response;
    EXPECT_TRUE(gridloop.Connect(admin_)->Call("gridloop.v1.NotificationService/SendTestNotice", request, &response));
    return response.id();
  }
  static bool Has(const Process& receiver, const std::string& line) { return receiver.Log().find(line) != std::string::npos; }

  TemporaryDirectory beside_;
  std::filesystem::path data_ = beside_.path() / "data";
  std::string app_, admin_;
  int receivers_ = 0;
};

TEST_F(Notified, ThePagesReceiverTakesWhatIsSignedAndASecretIsReplacedWithoutAGap) {
  int port = 0;
  auto receiver = Receive(&port);
  ASSERT_FALSE(HasFailure());
  Gridloop gridloop(data_, beside_.path(), true, Setting(port));
  ASSERT_FALSE(HasFailure());
  auto submitted = Submit(*gridloop.Connect(app_), Report("told"));
  ASSERT_TRUE(submitted);
  // Dispatched or, by the calendar of the day that this runs on, held: either is told with the need's number.
  EXPECT_TRUE(gridloop.Eventually([&] { return Has(*receiver, submitted->number()); })) << receiver->Log() << gridloop.process().Log();

  // Both secrets sign; the receiver goes over to the new one; the old one goes.
  WriteSecret("gridloop.secret", std::string(kSecret) + "\n" + kNewSecret);
  ASSERT_TRUE(gridloop.Eventually([&] { return gridloop.process().Log().find("recipients read again") != std::string::npos; }));
  std::string id = Test(gridloop, "both");
  EXPECT_TRUE(gridloop.Eventually([&] { return Has(*receiver, id); }));
  receiver.reset();
  WriteSecret("receiver.secret", kNewSecret);
  receiver = Receive(&port);
  id = Test(gridloop, "new");
  EXPECT_TRUE(gridloop.Eventually([&] { return Has(*receiver, id); }));

  // A secret that the receiver does not know: refused, and it stays in the queue.
  WriteSecret("gridloop.secret", kSecret);
  ASSERT_TRUE(gridloop.Eventually([&] {
    std::string log = gridloop.process().Log();
    return log.find("recipients read again", log.find("recipients read again") + 1) != std::string::npos;
  }));
  Test(gridloop, "refused");
  EXPECT_TRUE(gridloop.Eventually([&] { return Shown(gridloop).failed() > 0; }));
  EXPECT_EQ(Shown(gridloop).last_failure(), v1::DELIVERY_FAILURE_REFUSED);
  EXPECT_EQ(Shown(gridloop).last_status(), 401);
  EXPECT_EQ(Shown(gridloop).queued(), 1);
  auto metrics = gridloop.Http("/metrics").body;
  EXPECT_NE(metrics.find("gridloop_notifications_total{outcome=\"failed\",recipient=\"page\"} 1"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("gridloop_notifications_queued{recipient=\"page\"} 1"), std::string::npos);
  EXPECT_NE(metrics.find("gridloop_notifications_behind_events 0"), std::string::npos);
  EXPECT_EQ(gridloop.process().Log().find("whsec_"), std::string::npos);
  EXPECT_EQ(gridloop.process().Log().find("/hook"), std::string::npos) << "no URL in the log";
  gridloop.Stop();
}

TEST_F(Notified, AKillWhileTheReceiverIsAwayLosesNothing) {
  int port = 0;
  Receive(&port).reset();  // nobody listens there any more
  std::string number, id;
  {
    Gridloop gridloop(data_, beside_.path(), true, Setting(port));
    ASSERT_FALSE(HasFailure());
    auto submitted = Submit(*gridloop.Connect(app_), Report("away"));
    ASSERT_TRUE(submitted);
    number = submitted->number();
    id = Test(gridloop, "away");
    ASSERT_TRUE(gridloop.Eventually([&] { return Shown(gridloop).failed() > 0 && Shown(gridloop).queued() >= 2; }));
    EXPECT_EQ(Shown(gridloop).last_failure(), v1::DELIVERY_FAILURE_UNREACHABLE);
    EXPECT_NE(gridloop.process().Log().find("a recipient fails; tried again"), std::string::npos);
    gridloop.Kill();
  }
  auto receiver = Receive(&port);
  Gridloop gridloop(data_, beside_.path(), true, Setting(port));
  ASSERT_FALSE(HasFailure());
  EXPECT_TRUE(gridloop.Eventually([&] { return Has(*receiver, number) && Has(*receiver, id) && Shown(gridloop).queued() == 0; })) << receiver->Log();
  gridloop.Stop();
}

TEST_F(Notified, AFileWithAMistakeStopsTheStartAndIsRefusedWhileItRuns) {
  auto setting = Setting(9);
  std::ofstream(beside_.path() / "recipients.yaml", std::ios::app) << "    kinds: [offerd]\n";
  Process start({GRIDLOOP_BINARY, "--data-dir", data_, "--listen", "127.0.0.1:0", "--check-config", setting[0], setting[1]}, beside_.path() / "check.log");
  EXPECT_EQ(start.Wait(), 2);
  EXPECT_NE(start.Log().find("recipients.yaml:6 kinds: has a word that is none of"), std::string::npos) << start.Log();
  Setting(9);
  Gridloop gridloop(data_, beside_.path(), true, setting);
  ASSERT_FALSE(HasFailure());
  std::ofstream(beside_.path() / "recipients.yaml", std::ios::app) << "    kinds: [offerd]\n";
  EXPECT_TRUE(
      gridloop.Eventually([&] { return gridloop.process().Log().find("the recipients were not read again; the former ones stay") != std::string::npos; }));
  EXPECT_EQ(Shown(gridloop).host(), "localhost");
  Setting(9);
  EXPECT_TRUE(gridloop.Eventually([&] { return gridloop.process().Log().find("recipients read again") != std::string::npos; }));
  gridloop.Stop();
}

}  // namespace
}  // namespace gridloop::e2e
