// A store, keys and directories in memory: small real implementations, the tests' world.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "adapters/committer/store.h"
#include "adapters/committer/watchers.h"
#include "ports/clock.h"
#include "ports/directory_store.h"
#include "ports/keys.h"
#include "ports/notices.h"

namespace gridloop {

class MemoryStore : public Store {
 public:
  Expected<void> Append(uint64_t first_offset, const std::vector<std::string>& values) override;
  Expected<std::optional<std::string>> ReadEvent(uint64_t offset) const override;
  uint64_t EndOffset() const override;
  std::string LogId() const override { return "memory-log-00001"; }
  Expected<std::optional<NeedState>> LoadState(std::string_view subject) const override;
  Expected<void> ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view)>& visit) const override;
  store::v1::Watermark LoadWatermark() const override;
  Expected<void> WriteView(const ViewChanges& changes) override;
  Expected<void> WipeView() override;

  // Fault injection: from now on every append fails with this message.
  void FailAppends(std::string message);
  // And every event that is read, until the message is empty.
  void FailEventReads(std::string message);

 private:
  mutable std::shared_mutex mutex_;
  std::vector<std::string> events_;
  std::map<std::string, std::string, std::less<>> states_;
  std::set<std::string, std::less<>> rows_;
  store::v1::Watermark watermark_;
  std::string failure_;
  std::string read_failure_;
};

class MemoryKeys : public KeyStore {
 public:
  explicit MemoryKeys(IdSource& ids) : ids_(ids) {}
  // Nothing of it outlives the process, so nothing is wrapped: a rotation is over at once.
  Expected<void> RotateMaster(const std::string& active, int64_t now_us) override;
  MasterKeyStatus Masters() const override;
  Expected<SealingKey> Take() override;
  Expected<SealingKey> Get(const std::string& id) override;
  Expected<void> Forget(const std::vector<std::string>& ids) override;

 private:
  IdSource& ids_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> keys_;
  MasterKeyInfo master_{std::string(16, '0'), 0};
  std::string replaced_;
  uint64_t rotations_ = 0;
};

class MemoryDirectories : public DirectoryStore {
 public:
  Expected<std::string> Put(const std::string& blob) override;
  Expected<std::string> Get(const std::string& hash) override;
  std::optional<store::v1::ActiveHashes> Active() override;
  Expected<void> Activate(const store::v1::ActiveHashes& hashes) override;
  Subscription Watch(std::function<void()> changed) override;

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> blobs_;
  std::optional<store::v1::ActiveHashes> active_;
  Watchers watchers_;
};

class MemoryNotices : public NoticeStore {
 public:
  Expected<void> Write(const std::vector<NoticeChange>& changes) override;
  Expected<std::optional<std::string>> Read(const std::string& key) const override;
  Expected<void> Scan(std::string_view prefix, std::string_view after,
                      const std::function<bool(std::string_view key, std::string_view value)>& visit) const override;
  // Fault injection: every write fails, until this says otherwise.
  void FailWrites(bool fail);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> values_;
  bool fails_ = false;
};

}  // namespace gridloop
