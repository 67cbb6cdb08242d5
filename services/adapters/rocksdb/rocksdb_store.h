// The store on disk: DIR/ledger (events, synced), DIR/view (disposable, no WAL), DIR/vault (keys and directories, synced),
// DIR/notices (what waits for its delivery; disposable, not synced).
//
// Below a reserve of free space nothing more is written: after a failed write RocksDB takes no more until it is opened again.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/committer/store.h"
#include "adapters/committer/watchers.h"
#include "ports/clock.h"
#include "ports/directory_store.h"
#include "ports/notices.h"

namespace rocksdb {
class DB;
}

namespace gridloop {

// The room that a data directory has left.
struct DiskRoom {
  std::filesystem::path directory;
  uint64_t reserve_bytes = 256ULL << 20;      // memtables of ledger and view on their way to the disk, and as much again
  std::function<uint64_t()> free_bytes = {};  // empty: what the file system says
  // Empty, or what is missing and what to do.
  std::string Shortage() const;
};

class RocksdbStore : public Store {
 public:
  struct Options {
    uint64_t events_between_flushes = 50'000;   // bounds what is folded again after a crash
    std::function<uint64_t()> free_bytes = {};  // DiskRoom's
  };
  // Makes what is missing at a first start. kFailedPrecondition: DATA_IN_USE (a second process), NEWER_FORMAT, LEDGER_MISSING
  // (beside a view). kUnavailable/STORE_DAMAGED: the ledger cannot be read; a damaged view is made anew.
  static Expected<std::unique_ptr<RocksdbStore>> Open(const std::filesystem::path& directory, IdSource& ids, Options options);
  static Expected<std::unique_ptr<RocksdbStore>> Open(const std::filesystem::path& directory, IdSource& ids) { return Open(directory, ids, Options()); }
  ~RocksdbStore() override;

  Expected<void> Append(uint64_t first_offset, const std::vector<std::string>& values) override;
  Expected<std::optional<std::string>> ReadEvent(uint64_t offset) const override;
  uint64_t EndOffset() const override { return end_; }
  std::string LogId() const override { return log_id_; }
  Expected<std::optional<NeedState>> LoadState(std::string_view subject) const override;
  Expected<void> ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view)>& visit) const override;
  store::v1::Watermark LoadWatermark() const override;
  Expected<void> WriteView(const ViewChanges& changes) override;
  Expected<void> WipeView() override;
  std::string Shortage() const override { return room_.Shortage(); }

 private:
  explicit RocksdbStore(DiskRoom room);
  Expected<void> OpenLedger(IdSource& ids);
  Expected<void> FindEnd();
  DiskRoom room_;
  std::unique_ptr<rocksdb::DB> ledger_;
  std::unique_ptr<rocksdb::DB> view_;
  std::filesystem::path view_path_;
  std::atomic<uint64_t> end_ = 0;
  std::string log_id_;
  bool append_failed_ = false;
  uint64_t flushed_at_ = 0;
  uint64_t events_between_flushes_ = 0;
};

// A small synced database for keys and directories; RocksdbKeys (rocksdb_keys.h) and RocksdbDirectories share it. Thread-safe. With too little
// room it waits for more; after any other failed write it takes no more until a restart, and is still read.
class Vault {
 public:
  struct Options {
    bool make = true;                           // false: kFailedPrecondition/VAULT_MISSING if there is none
    std::function<uint64_t()> free_bytes = {};  // DiskRoom's
  };
  static Expected<std::shared_ptr<Vault>> Open(const std::filesystem::path& directory, Options options);
  static Expected<std::shared_ptr<Vault>> Open(const std::filesystem::path& directory) { return Open(directory, Options()); }
  explicit Vault(DiskRoom room);
  ~Vault();
  Expected<void> Write(const std::vector<std::pair<std::string, std::optional<std::string>>>& changes);  // durable
  // Durable, and the bytes themselves leave the disk: what is only marked as deleted could still be read there.
  Expected<void> Destroy(const std::vector<std::string>& keys);
  Expected<std::optional<std::string>> Read(const std::string& key) const;
  // What was overwritten or deleted leaves the disk.
  Expected<void> Compact();
  // Keys that start with `prefix` and are greater than `after`, in order, with their values; at most `limit`.
  Expected<std::vector<std::pair<std::string, std::string>>> Scan(const std::string& prefix, const std::string& after, size_t limit) const;

 private:
  Expected<void> CompactRanges(const std::vector<std::string>& keys);  // none: everything
  DiskRoom room_;
  std::unique_ptr<rocksdb::DB> database_;
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
  Watchers watchers_;
};

class RocksdbNotices : public NoticeStore {
 public:
  // One that is damaged is made anew: nothing but notices is lost. kFailedPrecondition: DATA_IN_USE.
  static Expected<std::unique_ptr<RocksdbNotices>> Open(const std::filesystem::path& directory);
  ~RocksdbNotices() override;
  Expected<void> Write(const std::vector<NoticeChange>& changes) override;
  Expected<std::optional<std::string>> Read(const std::string& key) const override;
  Expected<void> Scan(std::string_view prefix, std::string_view after,
                      const std::function<bool(std::string_view key, std::string_view value)>& visit) const override;

 private:
  explicit RocksdbNotices(DiskRoom room);
  DiskRoom room_;
  std::unique_ptr<rocksdb::DB> database_;
};

}  // namespace gridloop
