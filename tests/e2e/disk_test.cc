// The data directory: full, copied, in use, too new.
#include <rocksdb/db.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "e2e/process.h"
#include "grpc/health/v1/health.pb.h"

namespace gridloop::e2e {
namespace {

// A file system whose size can be changed. Where this process may not mount one, mounted() is false.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& path) : path_(path) {
    std::filesystem::create_directories(path);
    mounted_ = std::getenv("GRIDLOOP_E2E_NO_MOUNT") == nullptr && ::mount("none", path.c_str(), "tmpfs", 0, "size=2g") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  void LeaveFree(uint64_t bytes) {
    auto space = std::filesystem::space(path_);
    std::string size = "size=" + std::to_string(space.capacity - space.available + bytes);
    EXPECT_EQ(::mount("none", path_.c_str(), "tmpfs", MS_REMOUNT, size.c_str()), 0) << std::strerror(errno);
  }

 private:
  std::filesystem::path path_;
  bool mounted_ = false;
};

bool Serves(RpcClient& client) {
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_TRUE(client.Call("grpc.health.v1.Health/Check", grpc::health::v1::HealthCheckRequest(), &response));
  return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

// Each is there before any is sent again, which would make anew what was lost.
void ExpectAll(RpcClient& client, const std::map<std::string, v1::SubmitNeedResponse>& acknowledged, size_t summary_bytes) {
  for (const auto& [id, before] : acknowledged) {
    auto need = Get(client, before.name());
    ASSERT_TRUE(need) << id << ": " << need.error().message;
    EXPECT_EQ(need->number(), before.number()) << id;
  }
  for (const auto& [id, before] : acknowledged) {
    auto again = Submit(client, Report(id, summary_bytes));
    ASSERT_TRUE(again) << id << ": " << again.error().message;
    EXPECT_EQ(again->name(), before.name()) << id;
    EXPECT_EQ(again->position(), before.position()) << id;
  }
}

TEST(Disk, AFullDiskStopsAcknowledgingSaysSoAndItGoesOnWhenThereIsRoom) {
  TemporaryDirectory beside;
  SmallDisk disk(beside.path() / "small");
  if (!disk.mounted()) GTEST_SKIP() << "this process may not mount a tmpfs";
  auto data = beside.path() / "small" / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::map<std::string, v1::SubmitNeedResponse> acknowledged;
  auto submit = [&acknowledged](RpcClient& client, const std::string& id) {
    auto response = Submit(client, Report(id, 1500));
    ASSERT_TRUE(response) << id << ": " << response.error().message;
    acknowledged[id] = *response;
  };
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    auto client = gridloop.Connect(app);
    for (int i = 0; i < 20; ++i) submit(*client, "full-" + std::to_string(i));
    disk.LeaveFree(100 << 20);
    auto refused = Submit(*client, Report("refused", 1500));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kResourceExhausted) << refused.error().message;
    EXPECT_EQ(refused.error().reason, "DISK_FULL");
    EXPECT_NE(refused.error().message.find("make room"), std::string::npos) << refused.error().message;
    auto ready = gridloop.Http("/readyz");
    EXPECT_EQ(ready.status, 503);
    EXPECT_NE(ready.body.find("\"name\":\"ledger\",\"good\":false"), std::string::npos) << ready.body;
    EXPECT_TRUE(gridloop.Eventually([&] { return !Serves(*client); }));
    EXPECT_TRUE(Get(*client, acknowledged.begin()->second.name())) << "what is there is still shown";
    disk.LeaveFree(2ULL << 30);
    EXPECT_TRUE(gridloop.Eventually([&] { return Serves(*client); })) << gridloop.process().Log();
    EXPECT_EQ(gridloop.Http("/readyz").status, 200) << gridloop.Http("/readyz").body;
    submit(*client, "refused");
    disk.LeaveFree(0);  // not one more byte, until it has ended
    auto again = Submit(*client, Report("refused-again", 1500));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().reason, "DISK_FULL") << again.error().message;
    client.reset();
    gridloop.Stop();
  }
  disk.LeaveFree(2ULL << 30);
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(app);
  ExpectAll(*client, acknowledged, 1500);
  auto taken = Submit(*client, Report("refused-again", 1500));
  EXPECT_TRUE(taken) << taken.error().message;
  client.reset();
  gridloop.Stop();
}

TEST(Disk, ADiskThatFailsStopsAcknowledgingForGoodAndLosesNothing) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::map<std::string, v1::SubmitNeedResponse> acknowledged;
  ::signal(SIGXFSZ, SIG_IGN);  // gridloop inherits it: its writes fail instead of ending it
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    auto allow = [&gridloop](rlim_t bytes) {
      rlimit limit{bytes, RLIM_INFINITY};
      EXPECT_EQ(::prlimit(gridloop.process().id(), RLIMIT_FSIZE, &limit, nullptr), 0) << std::strerror(errno);
    };
    auto client = gridloop.Connect(app);
    for (int i = 0; i < 20; ++i) acknowledged["bad-" + std::to_string(i)] = *Submit(*client, Report("bad-" + std::to_string(i)));
    allow(1);
    auto refused = Submit(*client, Report("refused"));
    ASSERT_FALSE(refused);
    // Unless a reaction met it first.
    EXPECT_TRUE(refused.error().reason == "OUTCOME_UNKNOWN" || refused.error().reason == "LEDGER_FAILED") << refused.error().message;
    EXPECT_EQ(refused.error().code, refused.error().reason == "OUTCOME_UNKNOWN" ? Code::kUnknown : Code::kUnavailable);
    EXPECT_TRUE(gridloop.Eventually([&] { return !Serves(*client); }));
    allow(RLIM_INFINITY);  // from here on it acknowledges nothing, also not what would be written now
    for (int i = 0; i < 20; ++i) {
      auto response = Submit(*client, Report("after-" + std::to_string(i)));
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().code, Code::kUnavailable) << response.error().message;
    }
    auto ready = gridloop.Http("/readyz");
    EXPECT_EQ(ready.status, 503);
    EXPECT_NE(ready.body.find("\"name\":\"ledger\",\"good\":false"), std::string::npos) << ready.body;
    EXPECT_TRUE(gridloop.process().Runs());
    client.reset();
    gridloop.Stop();
  }
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(app);
  ExpectAll(*client, acknowledged, 30);
  EXPECT_TRUE(Submit(*client, Report("refused")));
  client.reset();
  gridloop.Stop();
}

TEST(Disk, ACopyOfAStoppedDataDirectoryServesElsewhereBesideTheOriginal) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  auto copy = beside.path() / "copy";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::string centre = MakeToken(data, "centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center");
  std::map<std::string, v1::SubmitNeedResponse> acknowledged;
  std::string hash;
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    auto client = gridloop.Connect(app);
    for (int i = 0; i < 30; ++i) acknowledged["copy-" + std::to_string(i)] = *Submit(*client, Report("copy-" + std::to_string(i)));
    hash = DirectoryHash(*gridloop.Connect(centre));
    client.reset();
    gridloop.Stop();
  }
  std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
  Gridloop original(data, beside.path(), false);
  Gridloop elsewhere(copy, beside.path(), false);  // without --directory: the active one comes along
  ASSERT_FALSE(HasFailure());
  auto client = elsewhere.Connect(app);
  ExpectAll(*client, acknowledged, 30);
  EXPECT_EQ(DirectoryHash(*elsewhere.Connect(centre)), hash);
  // They part from here on.
  auto apart = Submit(*client, Report("only-here"));
  ASSERT_TRUE(apart);
  EXPECT_EQ(Get(*original.Connect(app), apart->name()).error().reason, "NEED_NOT_FOUND");
  client.reset();
  elsewhere.Stop();
  original.Stop();
}

// Starts gridloop where it must refuse to, and gives what it says.
std::string Refusal(const std::filesystem::path& data, const std::filesystem::path& log) {
  Process process({GRIDLOOP_BINARY, "--data-dir", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, log);
  EXPECT_EQ(process.Wait(), 1);
  return process.Log();
}

TEST(Disk, ASecondProcessOnOneDataDirectoryIsRefusedAndTheFirstGoesOn) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  std::string said = Refusal(data, beside.path() / "second.log");
  EXPECT_NE(said.find("Another process uses " + data.string()), std::string::npos) << said;
  EXPECT_NE(said.find("name another data directory"), std::string::npos) << said;
  EXPECT_TRUE(Submit(*gridloop.Connect(app), Report("first-goes-on")));
  gridloop.Stop();
}

TEST(Disk, ADataDirectoryOfANewerFormatIsRefusedAndLeftAlone) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::map<std::string, v1::SubmitNeedResponse> acknowledged;
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    acknowledged["newer"] = *Submit(*gridloop.Connect(app), Report("newer"));
    gridloop.Stop();
  }
  auto set_format = [&data](const char* format) {
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, (data / "ledger").string(), &opened).ok());
    std::unique_ptr<rocksdb::DB> ledger(opened);
    ASSERT_TRUE(ledger->Put({}, "mformat", format).ok());
  };
  set_format("2");
  std::string said = Refusal(data, beside.path() / "newer.log");
  EXPECT_NE(said.find("has format 2, this build knows 1"), std::string::npos) << said;
  EXPECT_NE(said.find("start the gridloop that wrote it"), std::string::npos) << said;
  set_format("1");
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  ExpectAll(*gridloop.Connect(app), acknowledged, 30);
  gridloop.Stop();
}

// What belongs together: without one of them the rest is not served as if it were new.
TEST(Disk, ADataDirectoryThatLacksAPartIsRefusedUntilThePartIsBack) {
  TemporaryDirectory beside;
  auto data = beside.path() / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::map<std::string, v1::SubmitNeedResponse> acknowledged;
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    acknowledged["whole"] = *Submit(*gridloop.Connect(app), Report("whole"));
    gridloop.Stop();
  }
  for (auto [part, reason] : {std::pair{"secret", "SECRET_MISSING"}, {"vault", "VAULT_MISSING"}, {"ledger", "LEDGER_MISSING"}}) {
    std::filesystem::rename(data / part, beside.path() / part);
    std::string said = Refusal(data, beside.path() / (std::string(part) + ".log"));
    EXPECT_NE(said.find(reason), std::string::npos) << said;
    EXPECT_NE(said.find("from a copy"), std::string::npos) << said;
    EXPECT_FALSE(std::filesystem::exists(data / part)) << "it was made anew";
    std::filesystem::rename(beside.path() / part, data / part);
  }
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  ExpectAll(*gridloop.Connect(app), acknowledged, 30);
  gridloop.Stop();
}

}  // namespace
}  // namespace gridloop::e2e
