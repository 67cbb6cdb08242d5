#include "adapters/memory/memory_store.h"

#include "sealing/digest.h"

namespace gridloop {

Expected<void> MemoryStore::Append(uint64_t first_offset, const std::vector<std::string>& values) {
  std::unique_lock lock(mutex_);
  if (!failure_.empty()) return Fail(Code::kUnavailable, "SYNC_FAILED", failure_);
  if (first_offset != events_.size()) return Fail(Code::kInternal, "LOG_GAP", "Offsets must follow each other.");
  events_.insert(events_.end(), values.begin(), values.end());
  return {};
}

Expected<std::optional<std::string>> MemoryStore::ReadEvent(uint64_t offset) const {
  std::shared_lock lock(mutex_);
  if (!read_failure_.empty()) return Fail(Code::kUnavailable, "STORE_FAILED", read_failure_);
  if (offset >= events_.size()) return std::optional<std::string>();
  return std::optional(events_[offset]);
}

uint64_t MemoryStore::EndOffset() const {
  std::shared_lock lock(mutex_);
  return events_.size();
}

Expected<std::optional<NeedState>> MemoryStore::LoadState(std::string_view subject) const {
  std::shared_lock lock(mutex_);
  auto found = states_.find(subject);
  if (found == states_.end()) return std::optional<NeedState>();
  NeedState state;
  state.ParseFromString(found->second);
  return std::optional(std::move(state));
}

Expected<void> MemoryStore::ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view)>& visit) const {
  std::shared_lock lock(mutex_);
  for (auto it = rows_.lower_bound(std::max(prefix, after)); it != rows_.end() && it->starts_with(prefix); ++it) {
    if (*it > after && !visit(*it)) break;
  }
  return {};
}

store::v1::Watermark MemoryStore::LoadWatermark() const {
  std::shared_lock lock(mutex_);
  return watermark_;
}

Expected<void> MemoryStore::WriteView(const ViewChanges& changes) {
  std::unique_lock lock(mutex_);
  for (const auto& state : changes.states) states_[state->subject()] = state->SerializeAsString();
  for (const auto& [key, there] : changes.rows) {
    if (there) {
      rows_.emplace(key);
    } else {
      rows_.erase(std::string(key));
    }
  }
  watermark_ = changes.watermark;
  return {};
}

Expected<void> MemoryStore::WipeView() {
  std::unique_lock lock(mutex_);
  states_.clear();
  rows_.clear();
  watermark_.Clear();
  return {};
}

void MemoryStore::FailAppends(std::string message) {
  std::unique_lock lock(mutex_);
  failure_ = std::move(message);
}

void MemoryStore::FailEventReads(std::string message) {
  std::unique_lock lock(mutex_);
  read_failure_ = std::move(message);
}

Expected<SealingKey> MemoryKeys::Take() {
  std::lock_guard lock(mutex_);
  SealingKey key{ids_.Random(16), ids_.Random(32)};
  keys_[key.id] = key.bytes;
  return key;
}

Expected<SealingKey> MemoryKeys::Get(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto found = keys_.find(id);
  if (found == keys_.end()) return Fail(Code::kNotFound, "KEY_FORGOTTEN", "The key of this personal part was destroyed.");
  return SealingKey{id, found->second};
}

Expected<void> MemoryKeys::Forget(const std::vector<std::string>& ids) {
  std::lock_guard lock(mutex_);
  for (const auto& id : ids) keys_.erase(id);
  return {};
}

Expected<void> MemoryKeys::RotateMaster(const std::string& active, int64_t now_us) {
  std::lock_guard lock(mutex_);
  if (active != master_.id) {
    if (active == replaced_) return {};
    return Fail(Code::kFailedPrecondition, "MASTER_KEY_CHANGED", "This is not the active master key; get them and name the active one.");
  }
  std::string number = std::to_string(++rotations_);
  replaced_ = std::exchange(master_.id, std::string(16 - number.size(), '0') + number);
  master_.made_us = now_us;
  return {};
}

MasterKeyStatus MemoryKeys::Masters() const {
  std::lock_guard lock(mutex_);
  return {{master_}, false, 100, keys_.size() * rotations_, ""};
}

Expected<std::string> MemoryDirectories::Put(const std::string& blob) {
  std::lock_guard lock(mutex_);
  std::string hash = Sha256(blob);
  blobs_[hash] = blob;
  return hash;
}

Expected<std::string> MemoryDirectories::Get(const std::string& hash) {
  std::lock_guard lock(mutex_);
  auto found = blobs_.find(hash);
  if (found == blobs_.end()) return Fail(Code::kNotFound, "BLOB_NOT_FOUND", "No directory of this hash is stored.");
  return found->second;
}

std::optional<store::v1::ActiveHashes> MemoryDirectories::Active() {
  std::lock_guard lock(mutex_);
  return active_;
}

Expected<void> MemoryDirectories::Activate(const store::v1::ActiveHashes& hashes) {
  {
    std::lock_guard lock(mutex_);
    active_ = hashes;
  }
  watchers_.Wake([](std::string_view) { return true; });
  return {};
}

Subscription MemoryDirectories::Watch(std::function<void()> changed) { return watchers_.Add({}, std::move(changed)); }

Expected<void> MemoryNotices::Write(const std::vector<NoticeChange>& changes) {
  std::lock_guard lock(mutex_);
  if (fails_) return Fail(Code::kResourceExhausted, "DISK_FULL", "the test lets writes fail");
  for (const auto& [key, value] : changes) {
    if (value) {
      values_[key] = *value;
    } else {
      values_.erase(key);
    }
  }
  return {};
}

Expected<std::optional<std::string>> MemoryNotices::Read(const std::string& key) const {
  std::lock_guard lock(mutex_);
  auto found = values_.find(key);
  return found == values_.end() ? std::optional<std::string>() : std::optional(found->second);
}

Expected<void> MemoryNotices::Scan(std::string_view prefix, std::string_view after,
                                   const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  std::lock_guard lock(mutex_);
  for (auto at = values_.lower_bound(std::max(prefix, after)); at != values_.end() && at->first.starts_with(prefix); ++at) {
    if (at->first > after && !visit(at->first, at->second)) break;
  }
  return {};
}

void MemoryNotices::FailWrites(bool fail) {
  std::lock_guard lock(mutex_);
  fails_ = fail;
}

}  // namespace gridloop
