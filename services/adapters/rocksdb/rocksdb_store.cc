#include "adapters/rocksdb/rocksdb_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "domain/row_keys.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr std::string_view kFormat = "1";
constexpr char kFormatKey[] = "mformat";
constexpr char kLogIdKey[] = "mlog_id";
constexpr char kWatermarkKey[] = "mwatermark";
constexpr size_t kCompactedSingly = 16;
constexpr size_t kNoticesBufferBytes = 4 << 20;

std::string EventKey(uint64_t offset) { return "e" + rows::BigEndian(offset); }

// RocksDB's own log file would lie beside the data, and Debian's build ends the process when a line of it meets a full disk.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

rocksdb::Options CommonOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.max_open_files = 256;
  options.info_log = std::make_shared<NoLog>();
  options.track_and_verify_wals_in_manifest = true;
  // A last write that was cut off is dropped, it was never acknowledged; damage before it is refused, not skipped.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.max_bgerror_resume_count = 0;  // after a failed sync nothing is retried behind our back
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(64 << 20);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::Options ViewOptions() {
  rocksdb::Options options = CommonOptions();
  // Every submit asks for a state that is not there: a filter over the memtable answers most of them.
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  // Rows are written in order, table by table: each is looked for from where the last one of its table went.
  options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(2));
  options.avoid_flush_during_shutdown = true;  // the store does it, when there is room
  return options;
}

std::unexpected<Error> StoreError(const std::string& doing, const rocksdb::Status& status, const std::filesystem::path& path) {
  std::string what = "Could not " + doing + ": " + status.ToString();
  if (!status.IsCorruption() && !status.IsPathNotFound()) return Fail(Code::kUnavailable, "STORE_FAILED", what);
  return Fail(Code::kUnavailable, "STORE_DAMAGED",
              path.filename() == "view" ? what + ". Stop, remove " + path.string() + " and start: it is rebuilt from the ledger."
                                        : what + ". Restore the data directory from a copy: " + path.string() + " holds what nothing else does.");
}

std::unexpected<Error> StoreError(const std::string& doing, const rocksdb::Status& status, const rocksdb::DB& database) {
  return StoreError(doing, status, std::filesystem::path(database.GetName()));
}

// After a failed write RocksDB takes no more, until it is opened again.
std::unexpected<Error> TakesNoMore(const std::string& doing, const rocksdb::Status& status) {
  return Fail(Code::kUnavailable, "STORE_FAILED",
              "Could not " + doing + ": " + status.ToString() + ". Mend the disk and restart; nothing acknowledged is lost");
}

std::unexpected<Error> DiskFull(const std::string& shortage) { return Fail(Code::kResourceExhausted, "DISK_FULL", shortage); }

bool IsHeldElsewhere(const rocksdb::Status& status) {
  std::string text = status.ToString();
  return status.IsIOError() && (text.find("While lock file: ") != std::string::npos || text.find("lock hold by current process") != std::string::npos);
}

bool IsThere(const std::filesystem::path& database) { return std::filesystem::exists(database / "CURRENT"); }

Expected<std::unique_ptr<rocksdb::DB>> OpenDatabase(const rocksdb::Options& options, const std::filesystem::path& path) {
  rocksdb::DB* database = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, path.string(), &database);
  if (status.ok()) return std::unique_ptr<rocksdb::DB>(database);
  if (IsHeldElsewhere(status)) {
    return Fail(Code::kFailedPrecondition, "DATA_IN_USE", "Another process uses " + path.parent_path().string() + "; stop it, or name another data directory.");
  }
  return StoreError("open " + path.string(), status, path);
}

Expected<std::optional<std::string>> ReadKey(rocksdb::DB& database, const rocksdb::Slice& key) {
  std::string value;
  rocksdb::Status status = database.Get(rocksdb::ReadOptions(), key, &value);
  if (status.ok()) return std::optional(std::move(value));
  if (status.IsNotFound()) return std::optional<std::string>();
  return StoreError("read from the disk", status, database);
}

Expected<void> MakeDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Fail(Code::kFailedPrecondition, "DATA_DIRECTORY", "Could not make " + directory.string() + ": " + error.message());
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  return {};
}

// Of keys with their new values; without one a key is deleted.
template <class Changes>
rocksdb::WriteBatch BatchOf(const Changes& changes) {
  rocksdb::WriteBatch batch;
  for (const auto& [key, value] : changes) {
    if (value) {
      batch.Put(key, *value);
    } else {
      batch.Delete(key);
    }
  }
  return batch;
}

}  // namespace

std::string DiskRoom::Shortage() const {
  uint64_t free = 0;
  if (free_bytes) {
    free = free_bytes();
  } else {
    std::error_code error;
    auto space = std::filesystem::space(directory, error);
    if (error) return {};  // then the write says what is wrong
    free = space.available;
  }
  if (free >= reserve_bytes) return {};
  return "only " + std::to_string(free >> 20) + " MiB are free where the data directory lies, " + std::to_string(reserve_bytes >> 20) +
         " are kept in reserve: make room, it then goes on by itself";
}

RocksdbStore::RocksdbStore(DiskRoom room) : room_(std::move(room)) {}

RocksdbStore::~RocksdbStore() {
  // After a failed append nothing more is written here.
  if (view_ && !append_failed_ && Shortage().empty()) (void)view_->Flush(rocksdb::FlushOptions());
}

Expected<std::unique_ptr<RocksdbStore>> RocksdbStore::Open(const std::filesystem::path& directory, IdSource& ids, Options options) {
  if (auto made = MakeDirectory(directory); !made) return std::unexpected(made.error());
  std::unique_ptr<RocksdbStore> store(new RocksdbStore({.directory = directory, .free_bytes = std::move(options.free_bytes)}));
  store->events_between_flushes_ = options.events_between_flushes;
  store->view_path_ = directory / "view";
  if (auto opened = store->OpenLedger(ids); !opened) return std::unexpected(opened.error());
  auto view = OpenDatabase(ViewOptions(), store->view_path_);
  if (view) {
    store->view_ = std::move(*view);
  } else if (view.error().reason == "STORE_DAMAGED") {
    if (auto wiped = store->WipeView(); !wiped) return std::unexpected(wiped.error());  // it is rebuilt from the log
  } else {
    return std::unexpected(view.error());
  }
  store->flushed_at_ = store->LoadWatermark().next_offset();
  return store;
}

Expected<void> RocksdbStore::OpenLedger(IdSource& ids) {
  std::filesystem::path path = room_.directory / "ledger";
  // A view is made after its ledger: beside one, a ledger that is missing or empty has lost everything.
  auto missing = [&path] {
    return Fail(Code::kFailedPrecondition, "LEDGER_MISSING",
                path.string() + " is missing or empty, and the view beside it has seen one. Restore it from a copy; to start anew without any need, name " +
                    "another data directory.");
  };
  bool first_start = !IsThere(view_path_);
  if (!first_start && !IsThere(path)) return missing();
  auto ledger = OpenDatabase(CommonOptions(), path);
  if (!ledger) return std::unexpected(ledger.error());
  ledger_ = std::move(*ledger);
  if (auto found = FindEnd(); !found) return found;
  auto format = ReadKey(*ledger_, kFormatKey);
  if (!format) return std::unexpected(format.error());
  if (!*format) {
    if (!first_start || end_ > 0) return missing();
    rocksdb::WriteBatch batch;
    rocksdb::WriteOptions synced;
    synced.sync = true;
    batch.Put(kFormatKey, kFormat);
    batch.Put(kLogIdKey, ids.Random(16));
    if (auto status = ledger_->Write(synced, &batch); !status.ok()) return StoreError("start the ledger", status, *ledger_);
  } else if (**format != kFormat) {
    return Fail(Code::kFailedPrecondition, "NEWER_FORMAT",
                "The data directory has format " + **format + ", this build knows " + std::string(kFormat) + ": start the gridloop that wrote it.");
  }
  auto log_id = ReadKey(*ledger_, kLogIdKey);
  if (!log_id) return std::unexpected(log_id.error());
  log_id_ = log_id->value_or("");
  return {};
}

Expected<void> RocksdbStore::FindEnd() {
  auto offset_of = [](const rocksdb::Iterator& at) -> std::optional<uint64_t> {
    if (!at.Valid() || at.key().size() != 9 || at.key()[0] != 'e') return std::nullopt;
    return rows::ParseBigEndian({at.key().data() + 1, 8});
  };
  std::unique_ptr<rocksdb::Iterator> at(ledger_->NewIterator(rocksdb::ReadOptions()));
  at->SeekForPrev(EventKey(UINT64_MAX));
  auto last = offset_of(*at);
  // What cannot be read is not the beginning of a log: the next event would be written over another one.
  if (!at->status().ok()) return StoreError("find the end of the ledger", at->status(), *ledger_);
  if (last) {
    end_ = *last + 1;
    return {};
  }
  at->Seek("e");
  if (!at->status().ok()) return StoreError("find the end of the ledger", at->status(), *ledger_);
  if (offset_of(*at)) return StoreError("find the end of the ledger", rocksdb::Status::Corruption("it has a first event and no last one"), *ledger_);
  return {};
}

Expected<void> RocksdbStore::Append(uint64_t first_offset, const std::vector<std::string>& values) {
  if (auto shortage = Shortage(); !shortage.empty()) return DiskFull(shortage);
  rocksdb::WriteBatch batch;
  for (size_t i = 0; i < values.size(); ++i) batch.Put(EventKey(first_offset + i), values[i]);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (auto status = ledger_->Write(synced, &batch); !status.ok()) {
    append_failed_ = true;
    return Fail(Code::kUnavailable, "STORE_FAILED", "Could not write to the ledger: " + status.ToString());
  }
  end_ = first_offset + values.size();
  return {};
}

Expected<std::optional<std::string>> RocksdbStore::ReadEvent(uint64_t offset) const { return ReadKey(*ledger_, EventKey(offset)); }

Expected<std::optional<NeedState>> RocksdbStore::LoadState(std::string_view subject) const {
  auto value = ReadKey(*view_, "s" + std::string(subject));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::optional<NeedState>();
  NeedState state;
  if (!state.ParseFromString(**value)) {
    return Fail(Code::kInternal, "VIEW_DAMAGED", "A state in the view cannot be read; stop, remove " + view_path_.string() + " and start: it is rebuilt.");
  }
  return std::optional(std::move(state));
}

Expected<void> RocksdbStore::ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view)>& visit) const {
  std::string start = "r" + std::string(std::max(prefix, after));
  std::unique_ptr<rocksdb::Iterator> rows(view_->NewIterator(rocksdb::ReadOptions()));
  for (rows->Seek(start); rows->Valid(); rows->Next()) {
    std::string_view key(rows->key().data(), rows->key().size());
    if (key.empty() || key[0] != 'r' || !key.substr(1).starts_with(prefix)) break;
    key.remove_prefix(1);
    if (key > after && !visit(key)) break;
  }
  if (!rows->status().ok()) return StoreError("read rows", rows->status(), *view_);
  return {};
}

store::v1::Watermark RocksdbStore::LoadWatermark() const {
  store::v1::Watermark watermark;
  // What cannot be read is taken as none: the view is then rebuilt.
  auto value = ReadKey(*view_, kWatermarkKey);
  if (value && *value && !watermark.ParseFromString(**value)) watermark.Clear();
  return watermark;
}

Expected<void> RocksdbStore::WriteView(const ViewChanges& changes) {
  if (auto shortage = Shortage(); !shortage.empty()) return DiskFull(shortage);
  // One column family and one batch: states, rows and watermark survive a crash together or not at all.
  rocksdb::WriteBatch batch;
  std::string stored_key;
  std::string stored_state;
  // In order, like the rows: each is looked for near the one before it.
  std::vector<const NeedState*> states;
  states.reserve(changes.states.size());
  for (const auto& state : changes.states) states.push_back(state.get());
  std::ranges::sort(states, {}, &NeedState::subject);
  for (const NeedState* state : states) {
    stored_key.assign("s").append(state->subject());
    state->SerializeToString(&stored_state);
    batch.Put(stored_key, stored_state);
  }
  for (const auto& [key, there] : changes.rows) {
    stored_key.assign("r").append(key);
    if (there) {
      batch.Put(stored_key, {});
    } else {
      batch.Delete(stored_key);
    }
  }
  batch.Put(kWatermarkKey, changes.watermark.SerializeAsString());
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  if (auto status = view_->Write(unlogged, &batch); !status.ok()) return TakesNoMore("write the view", status);
  if (changes.watermark.next_offset() >= flushed_at_ + events_between_flushes_) {
    if (auto status = view_->Flush(rocksdb::FlushOptions()); !status.ok()) return TakesNoMore("write the view", status);
    flushed_at_ = changes.watermark.next_offset();
  }
  return {};
}

Expected<void> RocksdbStore::WipeView() {
  view_.reset();
  if (auto status = rocksdb::DestroyDB(view_path_.string(), rocksdb::Options()); !status.ok()) return StoreError("wipe the view", status, view_path_);
  auto view = OpenDatabase(ViewOptions(), view_path_);
  if (!view) return std::unexpected(view.error());
  view_ = std::move(*view);
  flushed_at_ = 0;
  return {};
}

Vault::Vault(DiskRoom room) : room_(std::move(room)) {}

Vault::~Vault() = default;

Expected<std::shared_ptr<Vault>> Vault::Open(const std::filesystem::path& directory, Options options) {
  if (auto made = MakeDirectory(directory); !made) return std::unexpected(made.error());
  std::filesystem::path path = directory / "vault";
  if (!options.make && !IsThere(path)) {
    return Fail(Code::kFailedPrecondition, "VAULT_MISSING",
                path.string() + " is missing, and the ledger has needs that only its keys open. Restore it from a copy of the data directory.");
  }
  auto vault = std::make_shared<Vault>(DiskRoom{.directory = directory, .free_bytes = std::move(options.free_bytes)});
  auto database = OpenDatabase(CommonOptions(), path);
  if (!database) return std::unexpected(database.error());
  vault->database_ = std::move(*database);
  return vault;
}

Expected<void> Vault::Write(const std::vector<std::pair<std::string, std::optional<std::string>>>& changes) {
  if (auto shortage = room_.Shortage(); !shortage.empty()) return DiskFull(shortage);
  rocksdb::WriteBatch batch = BatchOf(changes);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (auto status = database_->Write(synced, &batch); !status.ok()) return TakesNoMore("write keys or directories", status);
  return {};
}

Expected<std::optional<std::string>> Vault::Read(const std::string& key) const { return ReadKey(*database_, key); }

Expected<std::vector<std::pair<std::string, std::string>>> Vault::Scan(const std::string& prefix, const std::string& after, size_t limit) const {
  std::vector<std::pair<std::string, std::string>> found;
  std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(std::max(prefix, after)); at->Valid() && found.size() < limit && at->key().starts_with(prefix); at->Next()) {
    if (at->key() != rocksdb::Slice(after)) found.emplace_back(at->key().ToString(), at->value().ToString());
  }
  if (!at->status().ok()) return StoreError("read keys", at->status(), *database_);
  return found;
}

Expected<void> Vault::Destroy(const std::vector<std::string>& keys) {
  std::vector<std::pair<std::string, std::optional<std::string>>> gone;
  for (const auto& key : keys) gone.emplace_back(key, std::nullopt);
  if (auto written = Write(gone); !written) return written;
  return keys.size() > kCompactedSingly ? CompactRanges({}) : CompactRanges(keys);
}

Expected<void> Vault::Compact() { return CompactRanges({}); }

Expected<void> Vault::CompactRanges(const std::vector<std::string>& keys) {
  // The flush ends the log file that holds them, the compaction the table files.
  if (auto status = database_->Flush(rocksdb::FlushOptions()); !status.ok()) return TakesNoMore("destroy keys", status);
  rocksdb::CompactRangeOptions all_levels;
  all_levels.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  if (keys.empty()) {
    if (auto status = database_->CompactRange(all_levels, nullptr, nullptr); !status.ok()) return TakesNoMore("destroy keys", status);
  }
  for (const auto& key : keys) {
    rocksdb::Slice slice(key);
    if (auto status = database_->CompactRange(all_levels, &slice, &slice); !status.ok()) return TakesNoMore("destroy keys", status);
  }
  return {};
}

Expected<std::string> RocksdbDirectories::Put(const std::string& blob) {
  std::string hash = Sha256(blob);
  if (auto written = vault_->Write({{"b" + hash, blob}}); !written) return std::unexpected(written.error());
  return hash;
}

Expected<std::string> RocksdbDirectories::Get(const std::string& hash) {
  auto blob = vault_->Read("b" + hash);
  if (!blob) return std::unexpected(blob.error());
  if (!*blob) return Fail(Code::kNotFound, "BLOB_NOT_FOUND", "No directory of this hash is stored.");
  return std::move(**blob);
}

std::optional<store::v1::ActiveHashes> RocksdbDirectories::Active() {
  auto value = vault_->Read("mactive");
  store::v1::ActiveHashes hashes;
  if (!value || !*value || !hashes.ParseFromString(**value)) return std::nullopt;
  return hashes;
}

Expected<void> RocksdbDirectories::Activate(const store::v1::ActiveHashes& hashes) {
  if (auto written = vault_->Write({{"mactive", hashes.SerializeAsString()}}); !written) return written;
  watchers_.Wake([](std::string_view) { return true; });
  return {};
}

Subscription RocksdbDirectories::Watch(std::function<void()> changed) { return watchers_.Add({}, std::move(changed)); }

RocksdbNotices::RocksdbNotices(DiskRoom room) : room_(std::move(room)) {}

RocksdbNotices::~RocksdbNotices() = default;

Expected<std::unique_ptr<RocksdbNotices>> RocksdbNotices::Open(const std::filesystem::path& directory) {
  if (auto made = MakeDirectory(directory); !made) return std::unexpected(made.error());
  std::unique_ptr<RocksdbNotices> notices(new RocksdbNotices({.directory = directory}));
  std::filesystem::path path = directory / "notices";
  rocksdb::Options options = CommonOptions();
  options.write_buffer_size = kNoticesBufferBytes;
  auto database = OpenDatabase(options, path);
  if (!database && database.error().reason == "STORE_DAMAGED") {
    if (auto status = rocksdb::DestroyDB(path.string(), rocksdb::Options()); !status.ok()) return StoreError("make the notices anew", status, path);
    database = OpenDatabase(options, path);
  }
  if (!database) return std::unexpected(database.error());
  notices->database_ = std::move(*database);
  return notices;
}

Expected<void> RocksdbNotices::Write(const std::vector<NoticeChange>& changes) {
  if (auto shortage = room_.Shortage(); !shortage.empty()) return DiskFull(shortage);
  rocksdb::WriteBatch batch = BatchOf(changes);
  if (auto status = database_->Write(rocksdb::WriteOptions(), &batch); !status.ok()) return TakesNoMore("write notices", status);
  return {};
}

Expected<std::optional<std::string>> RocksdbNotices::Read(const std::string& key) const { return ReadKey(*database_, key); }

Expected<void> RocksdbNotices::Scan(std::string_view prefix, std::string_view after,
                                    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions()));
  std::string_view start = std::max(prefix, after);
  for (at->Seek({start.data(), start.size()}); at->Valid(); at->Next()) {
    std::string_view key(at->key().data(), at->key().size());
    if (!key.starts_with(prefix)) break;
    if (key > after && !visit(key, {at->value().data(), at->value().size()})) break;
  }
  if (!at->status().ok()) return StoreError("read notices", at->status(), *database_);
  return {};
}

}  // namespace gridloop
