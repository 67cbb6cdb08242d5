// The store on disk: DIR/ledger (events, synced), DIR/view (disposable, no WAL), DIR/vault (keys and directories, synced).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/committer/store.h"
#include "ports/clock.h"
#include "ports/directory_store.h"
#include "ports/keys.h"

namespace rocksdb {
class DB;
}

namespace gridloop {

class RocksdbStore : public Store {
 public:
  // Makes what is missing. kFailedPrecondition: DATA_IN_USE (a second process), NEWER_FORMAT.
  // `events_between_flushes` bounds what is folded again after a crash.
  static Expected<std::unique_ptr<RocksdbStore>> Open(const std::filesystem::path& directory, IdSource& ids, uint64_t events_between_flushes = 50'000);
  ~RocksdbStore() override;

  Expected<void> Append(uint64_t first_offset, const std::vector<std::string>& values) override;
  std::optional<std::string> ReadEvent(uint64_t offset) const override;
  uint64_t EndOffset() const override { return end_; }
  std::string LogId() const override { return log_id_; }
  Expected<std::optional<NeedState>> LoadState(std::string_view subject) const override;
  void ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view, std::string_view)>& visit) const override;
  store::v1::Watermark LoadWatermark() const override;
  Expected<void> WriteView(const ViewChanges& changes) override;
  Expected<void> WipeView() override;

 private:
  RocksdbStore() = default;
  std::unique_ptr<rocksdb::DB> ledger_;
  std::unique_ptr<rocksdb::DB> view_;
  std::filesystem::path view_path_;
  std::atomic<uint64_t> end_ = 0;
  std::string log_id_;
  uint64_t flushed_at_ = 0;
  uint64_t events_between_flushes_ = 0;
};

// A small synced database for keys and directories; RocksdbKeys and RocksdbDirectories share it.
class Vault {
 public:
  static Expected<std::shared_ptr<Vault>> Open(const std::filesystem::path& directory);
  ~Vault();
  Expected<void> Write(const std::vector<std::pair<std::string, std::optional<std::string>>>& changes);  // durable
  // Durable, and the bytes themselves leave the disk: what is only marked as deleted could still be read there.
  Expected<void> Destroy(const std::vector<std::string>& keys);
  Expected<std::optional<std::string>> Read(const std::string& key) const;

 private:
  std::unique_ptr<rocksdb::DB> database_;
};

class RocksdbKeys : public KeyStore {
 public:
  RocksdbKeys(std::shared_ptr<Vault> vault, IdSource& ids);
  ~RocksdbKeys() override;
  Expected<SealingKey> Take() override;
  Expected<SealingKey> Get(const std::string& id) override;
  Expected<void> Forget(const std::vector<std::string>& ids) override;

 private:
  void Refill();
  std::shared_ptr<Vault> vault_;
  IdSource& ids_;
  std::mutex mutex_;
  std::condition_variable low_;
  std::condition_variable filled_;
  std::deque<SealingKey> pool_;   // durable, not yet given; lost with the process and then never given
  size_t waiting_ = 0;            // Takes that found the pool empty
  std::optional<Error> failure_;  // of the last refill; tried again at the next Take
  bool stopping_ = false;
  std::thread refiller_;
};

class RocksdbDirectories : public DirectoryStore {
 public:
  explicit RocksdbDirectories(std::shared_ptr<Vault> vault) : vault_(std::move(vault)) {}
  Expected<std::string> Put(const std::string& blob) override;
  Expected<std::string> Get(const std::string& hash) override;
  std::optional<store::v1::ActiveHashes> Active() override;
  Expected<void> Activate(const store::v1::ActiveHashes& hashes) override;
  Subscription Watch(std::function<void()> changed) override;

 private:
  std::shared_ptr<Vault> vault_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<std::function<void()>>> watchers_;
};

}  // namespace gridloop
