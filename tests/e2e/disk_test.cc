// The data directory: full, copied, in use, too new.
#include <rocksdb/db.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "e2e/process.h"

namespace gridloop::e2e {
namespace {

// A disk that can be filled: a small file system where this process may mount one, elsewhere a limit on the size of the files that
// gridloop writes, which fails the same writes.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& path) : path_(path) {
    std::filesystem::create_directories(path);
    bool may_mount = std::getenv("GRIDLOOP_E2E_NO_MOUNT") == nullptr;
    mounted_ = may_mount && ::mount("none", path.c_str(), "tmpfs", 0, "size=48m") == 0;
    if (!mounted_) ::signal(SIGXFSZ, SIG_IGN);  // gridloop inherits it: its writes fail instead of ending it
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  void Fill(pid_t writer) {
    if (!mounted_) return Limit(writer, 1);
    int file = ::open((path_ / "filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    std::string block(64 * 1024, 'f');
    for (size_t size = block.size(); size > 0;) {
      if (::write(file, block.data(), size) <= 0) size /= 2;
    }
    ::close(file);
  }
  void MakeRoom(pid_t writer) {
    if (!mounted_) return Limit(writer, RLIM_INFINITY);
    std::filesystem::remove(path_ / "filler");
  }

 private:
  static void Limit(pid_t writer, rlim_t bytes) {
    rlimit limit{bytes, RLIM_INFINITY};
    EXPECT_EQ(::prlimit(writer, RLIMIT_FSIZE, &limit, nullptr), 0) << std::strerror(errno);
  }
  std::filesystem::path path_;
  bool mounted_ = false;
};

TEST(Disk, AFullDiskStopsAcknowledgingAndLosesNothing) {
  TemporaryDirectory beside;
  SmallDisk disk(beside.path() / "small");
  auto data = beside.path() / "small" / "data";
  std::string app = MakeToken(data, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  std::map<std::string, std::string> acknowledged;
  std::string refused;
  {
    Gridloop gridloop(data, beside.path());
    ASSERT_FALSE(HasFailure());
    auto client = gridloop.Connect(app);
    for (int i = 0; i < 20; ++i) acknowledged["full-" + std::to_string(i)] = Submit(*client, Report("full-" + std::to_string(i), 1500))->name();
    disk.Fill(gridloop.process().id());
    for (int i = 20; i < 50'000 && refused.empty(); ++i) {  // what was set aside for the log may still be written
      std::string id = "full-" + std::to_string(i);
      auto response = Submit(*client, Report(id, 1500));
      if (response) {
        acknowledged[id] = response->name();
        continue;
      }
      refused = id;
      EXPECT_EQ(response.error().code, Code::kUnavailable) << response.error().message;
    }
    ASSERT_FALSE(refused.empty());
    // From here on it acknowledges nothing, also not what would fit again.
    disk.MakeRoom(gridloop.process().id());
    for (int i = 0; i < 20 && gridloop.process().Runs(); ++i) {
      auto response = Submit(*client, Report("after-" + std::to_string(i)));
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().code, Code::kUnavailable) << response.error().message;
    }
    client.reset();
    gridloop.process().Signal(SIGTERM);
    gridloop.process().Wait();
  }
  Gridloop gridloop(data, beside.path());
  ASSERT_FALSE(HasFailure());
  auto client = gridloop.Connect(app);
  for (const auto& [id, name] : acknowledged) {
    auto again = Submit(*client, Report(id, 1500));
    ASSERT_TRUE(again) << id << ": " << again.error().message;
    EXPECT_EQ(again->name(), name);
    EXPECT_TRUE(Get(*client, name)) << id;
  }
  EXPECT_TRUE(Submit(*client, Report(refused, 1500)));
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
  for (const auto& [id, before] : acknowledged) {
    auto again = Submit(*client, Report(id));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->name(), before.name());
    EXPECT_EQ(again->number(), before.number());
    EXPECT_EQ(again->position(), before.position());
  }
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
  EXPECT_NE(process.Wait(), 0);
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
  std::filesystem::create_directories(data);
  { Gridloop(data, beside.path()).Stop(); }
  {
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, (data / "ledger").string(), &opened).ok());
    std::unique_ptr<rocksdb::DB> ledger(opened);
    ASSERT_TRUE(ledger->Put({}, "mformat", "2").ok());
  }
  std::string said = Refusal(data, beside.path() / "newer.log");
  EXPECT_NE(said.find("has format 2, this build knows 1"), std::string::npos) << said;
  EXPECT_NE(said.find("start the gridloop that wrote it"), std::string::npos) << said;
}

}  // namespace
}  // namespace gridloop::e2e
