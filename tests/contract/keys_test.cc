// Sealing keys on disk: wrapped by a master key that is replaced while everything goes on, and forgotten for good.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <thread>

#include "adapters/rocksdb/rocksdb_keys.h"
#include "adapters/system/owner_only_file.h"
#include "adapters/system/system_clock.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "gridloop-keys-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  bool Holds(const std::string& bytes, const std::string& part = {}) const {
    for (const auto& entry : fs::recursive_directory_iterator(path_ / part)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::string content((std::istreambuf_iterator<char>(file)), {});
      if (content.find(bytes) != std::string::npos) return true;
    }
    return false;
  }

 private:
  fs::path path_;
};

class Keys : public testing::Test {
 protected:
  static RocksdbKeys::Options In(const fs::path& path) { return {path / "master-keys", path / "forgotten", 1'772'413'200'000'000}; }
  Expected<std::unique_ptr<RocksdbKeys>> TryOpen(const fs::path& path) {
    auto vault = Vault::Open(path);
    if (!vault) return std::unexpected(vault.error());
    return RocksdbKeys::Open(*vault, ids, In(path));
  }
  std::unique_ptr<RocksdbKeys> Open(const fs::path& path) {
    auto keys = TryOpen(path);
    EXPECT_TRUE(keys) << keys.error().message;
    return keys ? std::move(*keys) : nullptr;
  }
  // The bound only ends a broken test.
  static bool Rests(const RocksdbKeys& keys) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (keys.Masters().rotating && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return !keys.Masters().rotating;
  }
  std::map<std::string, std::string> TakeSome(RocksdbKeys& keys, int count) {
    std::map<std::string, std::string> taken;
    for (int i = 0; i < count; ++i) {
      auto key = keys.Take();
      EXPECT_TRUE(key);
      taken[key->id] = key->bytes;
    }
    return taken;
  }
  static void ExpectAllThere(RocksdbKeys& keys, const std::map<std::string, std::string>& taken) {
    for (const auto& [id, bytes] : taken) {
      auto key = keys.Get(id);
      ASSERT_TRUE(key) << key.error().message;
      ASSERT_EQ(key->bytes, bytes);
    }
  }
  static void CopyOf(const fs::path& running, const fs::path& copy) {
    for (int tries = 0; tries < 1000; ++tries) {
      fs::remove_all(copy);
      try {
        fs::copy(running, copy, fs::copy_options::recursive);
        return;
      } catch (const fs::filesystem_error&) {
        continue;  // files come and go in the background
      }
    }
    FAIL() << "the files never rest";
  }
  RandomIds ids;
  Folder folder;
};

TEST_F(Keys, LieOnTheDiskOnlyWrapped) {
  auto keys = Open(folder.path());
  auto taken = TakeSome(*keys, 3);
  for (const auto& [id, bytes] : taken) EXPECT_FALSE(folder.Holds(bytes));
  ExpectAllThere(*keys, taken);
  auto masters = keys->Masters();
  ASSERT_EQ(masters.keys.size(), 1U);
  EXPECT_EQ(masters.keys[0].made_us, 1'772'413'200'000'000);
  EXPECT_EQ(masters.keys[0].id.size(), 16U);
  const std::string line = *ReadOwnerOnly(folder.path() / "master-keys");
  const std::string hex = line.substr(line.rfind(' ') + 1, 64);
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  EXPECT_TRUE(folder.Holds(hex));
  EXPECT_FALSE(folder.Holds(hex, "vault")) << "what opens the vault does not lie in it";
  EXPECT_FALSE(folder.Holds(bytes, "vault"));
}

TEST_F(Keys, ARotationWrapsEveryKeyAnewAndDestroysTheFormerMaster) {
  auto keys = Open(folder.path());
  ASSERT_TRUE(Rests(*keys));
  auto taken = TakeSome(*keys, 2000);
  const std::string former = keys->Masters().keys[0].id;
  const std::string former_line = *ReadOwnerOnly(folder.path() / "master-keys");
  EXPECT_EQ(keys->RotateMaster("0123456789abcdef", 2).error().reason, "MASTER_KEY_CHANGED");
  ASSERT_TRUE(keys->RotateMaster(former, 2));
  ASSERT_TRUE(keys->RotateMaster(former, 3)) << "a retry is the same rotation";
  auto later = TakeSome(*keys, 300);
  ASSERT_TRUE(Rests(*keys));
  auto masters = keys->Masters();
  ASSERT_EQ(masters.keys.size(), 1U);
  EXPECT_NE(masters.keys[0].id, former);
  EXPECT_EQ(masters.keys[0].made_us, 2);
  EXPECT_GE(masters.rewrapped, 2000U);
  EXPECT_EQ(masters.progress_percent, 100);
  EXPECT_EQ(masters.failure, "");
  ExpectAllThere(*keys, taken);
  ExpectAllThere(*keys, later);
  const std::string secret = former_line.substr(former_line.rfind(' ') + 1, 64);
  EXPECT_FALSE(folder.Holds(secret)) << "the former master key is destroyed";
  keys.reset();
  keys = Open(folder.path());
  EXPECT_FALSE(keys->Masters().rotating) << "nothing is left to do";
  ExpectAllThere(*keys, taken);
  EXPECT_TRUE(keys->RotateMaster(former, 4)) << "also after a restart";
  EXPECT_EQ(keys->Masters().keys[0].id, masters.keys[0].id);
}

TEST_F(Keys, ARotationThatWasCutOffGoesOn) {
  auto keys = Open(folder.path());
  ASSERT_TRUE(Rests(*keys));
  auto taken = TakeSome(*keys, 3000);
  ASSERT_TRUE(keys->RotateMaster(keys->Masters().keys[0].id, 2));
  // The rotation holds the file with both keys until its last step.
  Folder crashed;
  CopyOf(folder.path(), crashed.path());
  auto after = Open(crashed.path());
  ExpectAllThere(*after, taken);
  ASSERT_TRUE(Rests(*after));
  EXPECT_EQ(after->Masters().keys.size(), 1U);
  EXPECT_EQ(after->Masters().keys[0].id, keys->Masters().keys[0].id);
  ExpectAllThere(*after, taken);
  ASSERT_TRUE(Rests(*keys));
}

TEST_F(Keys, ARotationWithoutRoomSaysSoRunsAloneAndGoesOnByItself) {
  std::atomic<uint64_t> free_bytes = 1ULL << 40;
  auto vault = Vault::Open(folder.path(), {.free_bytes = [&] { return free_bytes.load(); }});
  ASSERT_TRUE(vault);
  auto opened = RocksdbKeys::Open(*vault, ids, In(folder.path()));
  ASSERT_TRUE(opened);
  RocksdbKeys& keys = **opened;
  ASSERT_TRUE(Rests(keys));
  auto taken = TakeSome(keys, 10);
  free_bytes = 0;
  ASSERT_TRUE(keys.RotateMaster(keys.Masters().keys[0].id, 2));
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (keys.Masters().failure.empty() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_NE(keys.Masters().failure.find("make room"), std::string::npos) << keys.Masters().failure;
  EXPECT_EQ(keys.Masters().keys.size(), 2U);
  EXPECT_EQ(keys.RotateMaster(keys.Masters().keys[0].id, 3).error().reason, "ROTATION_RUNNING");
  ExpectAllThere(keys, taken);
  free_bytes = 1ULL << 40;
  ASSERT_TRUE(Rests(keys));
  EXPECT_EQ(keys.Masters().failure, "");
  ExpectAllThere(keys, taken);
}

TEST_F(Keys, ServingGoesOnWhileTheMasterKeyIsReplacedAndNothingForgottenComesBack) {
  auto keys = Open(folder.path());
  ASSERT_TRUE(Rests(*keys));
  auto taken = TakeSome(*keys, 1500);
  std::vector<std::string> gone;
  for (const auto& [id, bytes] : taken) {
    if (gone.size() < 20) gone.push_back(id);
  }
  const std::map<std::string, std::string> read(std::next(taken.begin(), 20), std::next(taken.begin(), 60));
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) ExpectAllThere(*keys, read);
  });
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(keys->RotateMaster(keys->Masters().keys[0].id, round + 2));
    for (int i = 0; i < 5 && !gone.empty(); ++i) {
      EXPECT_TRUE(keys->Forget({gone.back()}));
      taken.erase(gone.back());
      gone.pop_back();
      EXPECT_TRUE(keys->Take());
    }
    EXPECT_TRUE(Rests(*keys));
  }
  stop = true;
  reader.join();
  const std::string list = *ReadOwnerOnly(folder.path() / "forgotten");
  EXPECT_EQ(std::ranges::count(list, '\n'), 1 + 15);
  ExpectAllThere(*keys, taken);
}

TEST_F(Keys, WhatAnOlderBuildKeptBareIsWrappedAndLeavesTheDisk) {
  SealingKey bare{ids.Random(16), ids.Random(32)};
  {
    auto vault = Vault::Open(folder.path());
    ASSERT_TRUE(vault);
    ASSERT_TRUE((*vault)->Write({{"k" + bare.id, bare.bytes}}));
  }
  ASSERT_TRUE(folder.Holds(bare.bytes));
  auto keys = Open(folder.path());
  ASSERT_TRUE(Rests(*keys));
  EXPECT_EQ(keys->Get(bare.id)->bytes, bare.bytes);
  EXPECT_FALSE(folder.Holds(bare.bytes));
}

TEST_F(Keys, WhatWasForgottenGoesAgainFromAnOlderCopy) {
  auto keys = Open(folder.path());
  auto gone = *keys->Take();
  auto kept = *keys->Take();
  Folder copy;
  CopyOf(folder.path(), copy.path());
  ASSERT_TRUE(keys->Forget({gone.id}));
  EXPECT_EQ(Open(copy.path())->Get(gone.id)->bytes, gone.bytes) << "a copy alone does not know of it";
  fs::copy_file(folder.path() / "forgotten", copy.path() / "forgotten", fs::copy_options::overwrite_existing);
  auto restored = Open(copy.path());
  EXPECT_EQ(restored->forgotten_again(), 1U);
  EXPECT_EQ(restored->Get(gone.id).error().reason, "KEY_FORGOTTEN");
  EXPECT_EQ(restored->Get(kept.id)->bytes, kept.bytes);
  restored.reset();
  EXPECT_EQ(Open(copy.path())->forgotten_again(), 0U);
}

TEST_F(Keys, ALineOfTheListThatACrashCutOffIsNoId) {
  auto keys = Open(folder.path());
  auto key = *keys->Take();
  ASSERT_TRUE(keys->Forget({key.id}));
  keys.reset();
  const fs::path list = folder.path() / "forgotten";
  ASSERT_TRUE(AppendOwnerOnly(list, Base32(std::string(16, 'x')).substr(0, 9)));
  keys = Open(folder.path());
  ASSERT_TRUE(keys->Forget({std::string(16, 'y')}));
  keys.reset();
  ASSERT_TRUE(Open(folder.path()));
  ASSERT_TRUE(AppendOwnerOnly(list, "no id\n"));
  auto broken = TryOpen(folder.path());
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().reason, "FORGOTTEN_LIST_BROKEN");
  EXPECT_NE(broken.error().message.find("line 4"), std::string::npos) << broken.error().message;
}

TEST_F(Keys, WithoutItsMasterKeysAVaultIsRefused) {
  auto keys = Open(folder.path());
  auto key = *keys->Take();
  ASSERT_TRUE(Rests(*keys));
  keys.reset();
  const fs::path file = folder.path() / "master-keys";
  const std::string content = *ReadOwnerOnly(file);
  fs::remove(file);
  EXPECT_EQ(TryOpen(folder.path()).error().reason, "MASTER_KEYS_MISSING");
  EXPECT_FALSE(fs::exists(file)) << "no other one is made";
  ASSERT_TRUE(WriteOwnerOnly(file, "gridloop-master-keys 1\n0123 x\n"));
  EXPECT_EQ(TryOpen(folder.path()).error().reason, "MASTER_KEYS_BROKEN");
  ASSERT_TRUE(WriteOwnerOnly(file, content));
  fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(TryOpen(folder.path()).error().reason, "FILE_READABLE");
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  // Another vault's, or of another time.
  Folder other;
  ASSERT_TRUE(Rests(*Open(other.path())));
  ASSERT_TRUE(WriteOwnerOnly(file, *ReadOwnerOnly(other.path() / "master-keys")));
  EXPECT_EQ(TryOpen(folder.path()).error().reason, "MASTER_KEYS_OTHER");
  ASSERT_TRUE(WriteOwnerOnly(file, content));
  EXPECT_EQ(Open(folder.path())->Get(key.id)->bytes, key.bytes);
}

}  // namespace
}  // namespace gridloop
