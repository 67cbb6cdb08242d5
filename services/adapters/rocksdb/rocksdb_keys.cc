#include "adapters/rocksdb/rocksdb_keys.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr size_t kKeysAtATime = 256;
constexpr size_t kKeysAhead = 1024;  // the refiller starts when fewer are left
constexpr auto kAgain = std::chrono::seconds(1);
constexpr auto kBreath = std::chrono::milliseconds(2);  // between two batches of a rotation, for whoever waits for the disk
constexpr char kWrappedKey[] = "mwrapped";              // the master key that wraps every key of the vault

std::string VaultKey(const std::string& id) { return "k" + id; }

}  // namespace

RocksdbKeys::RocksdbKeys(std::shared_ptr<Vault> vault, IdSource& ids, MasterKeys masters, ForgottenList forgotten)
    : vault_(std::move(vault)), ids_(ids), masters_(std::move(masters)), forgotten_(std::move(forgotten)) {}

Expected<std::unique_ptr<RocksdbKeys>> RocksdbKeys::Open(std::shared_ptr<Vault> vault, IdSource& ids, Options options) {
  auto wrapped_by = vault->Read(kWrappedKey);
  if (!wrapped_by) return std::unexpected(wrapped_by.error());
  // A vault that was never wrapped is new, or an older build's.
  auto masters = MasterKeys::Open(options.master_keys_file, ids, !*wrapped_by, options.now_us);
  if (!masters) return std::unexpected(masters.error());
  const auto known = masters->infos();
  if (*wrapped_by && !(*wrapped_by)->empty() && std::ranges::find(known, **wrapped_by, &MasterKeyInfo::id) == known.end()) {
    return Fail(Code::kFailedPrecondition, "MASTER_KEYS_OTHER",
                options.master_keys_file.string() + " does not hold master key " + **wrapped_by +
                    ", which wraps the keys of this vault. Put the file back that belongs to this copy of the data; a master key that was replaced since opens "
                    "no older copy.");
  }
  auto forgotten = ForgottenList::Open(options.forgotten_file);
  if (!forgotten) return std::unexpected(forgotten.error());
  const bool whole = *wrapped_by && **wrapped_by == masters->active() && masters->infos().size() == 1;
  std::unique_ptr<RocksdbKeys> keys(new RocksdbKeys(std::move(vault), ids, std::move(*masters), std::move(*forgotten)));
  if (auto again = keys->ForgetAgain(); !again) return std::unexpected(again.error());
  if (!whole) {
    // Said before the first key is wrapped: from then on the file may not be missing.
    if (!*wrapped_by) {
      if (auto written = keys->vault_->Write({{kWrappedKey, std::string()}}); !written) return std::unexpected(written.error());
    }
    keys->rotating_ = true;
    keys->progress_percent_ = 0;
    keys->rotation_wanted_ = true;
  }
  keys->refiller_ = std::thread([raw = keys.get()] { raw->Refill(); });
  keys->rewrapper_ = std::thread([raw = keys.get()] { raw->Rewrap(); });
  return keys;
}

RocksdbKeys::~RocksdbKeys() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  low_.notify_all();
  filled_.notify_all();
  rotate_.notify_all();
  if (refiller_.joinable()) refiller_.join();
  if (rewrapper_.joinable()) rewrapper_.join();
}

Expected<void> RocksdbKeys::ForgetAgain() {
  std::vector<std::string> back;
  for (const auto& id : forgotten_.TakeIds()) {
    auto there = vault_->Read(VaultKey(id));
    if (!there) return std::unexpected(there.error());
    if (*there) back.push_back(VaultKey(id));
  }
  if (back.empty()) return {};
  forgotten_again_ = back.size();
  return vault_->Destroy(back);
}

Expected<std::deque<SealingKey>> RocksdbKeys::MakeKeys() {
  std::lock_guard writing(writing_);
  std::vector<std::pair<std::string, std::optional<std::string>>> made;
  std::deque<SealingKey> fresh;
  for (size_t i = 0; i < kKeysAtATime; ++i) {
    fresh.push_back({ids_.Random(16), ids_.Random(32)});
    auto wrapped = masters_.Wrap(fresh.back(), ids_);
    if (!wrapped) return std::unexpected(wrapped.error());
    made.emplace_back(VaultKey(fresh.back().id), std::move(*wrapped));
  }
  if (auto written = vault_->Write(made); !written) return std::unexpected(written.error());
  return fresh;
}

void RocksdbKeys::Refill() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (failure_) {
      low_.wait_for(lock, kAgain, [this] { return stopping_ || waiting_ > 0; });
    } else {
      low_.wait(lock, [this] { return stopping_ || waiting_ > 0 || pool_.size() < kKeysAhead; });
    }
    if (stopping_) return;
    lock.unlock();
    auto fresh = MakeKeys();
    lock.lock();
    failure_.reset();
    if (fresh) {
      for (auto& key : *fresh) pool_.push_back(std::move(key));
    } else {
      failure_ = fresh.error();
    }
    waiting_ = 0;
    filled_.notify_all();
  }
}

std::string RocksdbKeys::Failure() const {
  std::lock_guard lock(mutex_);
  return failure_ ? failure_->message : std::string();
}

Expected<SealingKey> RocksdbKeys::Take() {
  std::unique_lock lock(mutex_);
  while (pool_.empty()) {
    if (stopping_) return Fail(Code::kUnavailable, "STOPPING", "The process is stopping; send it again.", "服务正在停止，请稍后重试。");
    ++waiting_;
    low_.notify_one();
    filled_.wait(lock);
    if (pool_.empty() && failure_) return std::unexpected(*failure_);
  }
  SealingKey key = std::move(pool_.front());
  pool_.pop_front();
  if (pool_.size() < kKeysAhead) low_.notify_one();
  return key;
}

Expected<SealingKey> RocksdbKeys::Get(const std::string& id) {
  while (true) {
    auto value = vault_->Read(VaultKey(id));
    if (!value) return std::unexpected(value.error());
    if (!*value) return Fail(Code::kNotFound, "KEY_FORGOTTEN", "The key of this personal part was destroyed.");
    Expected<std::string> bytes;
    {
      std::lock_guard lock(masters_mutex_);
      bytes = masters_.Unwrap(id, **value);
    }
    if (bytes) return SealingKey{id, std::move(*bytes)};
    // Read before it was wrapped anew, and its former master key is gone since: it stands there anew.
    auto now = vault_->Read(VaultKey(id));
    if (!now) return std::unexpected(now.error());
    if (*now == *value) return std::unexpected(bytes.error());
  }
}

Expected<void> RocksdbKeys::Forget(const std::vector<std::string>& ids) {
  std::lock_guard writing(writing_);
  // First on the list: a copy that was taken a moment ago loses them too.
  if (auto listed = forgotten_.Add(ids); !listed) return listed;
  std::vector<std::string> keys;
  for (const auto& id : ids) keys.push_back(VaultKey(id));
  return vault_->Destroy(keys);
}

Expected<void> RocksdbKeys::RotateMaster(const std::string& active, int64_t now_us) {
  {
    std::lock_guard writing(writing_);
    std::lock_guard lock(masters_mutex_);
    if (active != masters_.active()) {
      if (!active.empty() && active == masters_.replaced()) return {};  // has been done
      return Fail(Code::kFailedPrecondition, "MASTER_KEY_CHANGED", "This is not the active master key; get them and name the active one.");
    }
    if (rotating_) {
      return Fail(Code::kFailedPrecondition, "ROTATION_RUNNING", "Keys are being wrapped anew already; wait until only one master key is left.");
    }
    if (auto added = masters_.AddActive(ids_, now_us); !added) return added;
    rotating_ = true;
    progress_percent_ = 0;
    rewrap_after_.clear();
  }
  std::lock_guard lock(mutex_);
  rotation_wanted_ = true;
  rotate_.notify_all();
  return {};
}

MasterKeyStatus RocksdbKeys::Masters() const {
  std::lock_guard lock(masters_mutex_);
  return {masters_.infos(), rotating_, progress_percent_, rewrapped_, rotation_failure_};
}

void RocksdbKeys::Rewrap() {
  std::unique_lock lock(mutex_);
  while (true) {
    rotate_.wait(lock, [this] { return stopping_ || rotation_wanted_; });
    if (stopping_) return;
    lock.unlock();
    auto more = RewrapSome();
    {
      std::lock_guard told(masters_mutex_);
      rotation_failure_ = more ? "" : more.error().message;
    }
    lock.lock();
    if (more && !*more) {
      rotation_wanted_ = false;
      continue;
    }
    rotate_.wait_for(lock, more ? std::chrono::milliseconds(kBreath) : std::chrono::milliseconds(kAgain), [this] { return stopping_; });
  }
}

Expected<bool> RocksdbKeys::RewrapSome() {
  std::lock_guard writing(writing_);
  auto some = vault_->Scan("k", rewrap_after_, kKeysAtATime);
  if (!some) return std::unexpected(some.error());
  std::vector<std::pair<std::string, std::optional<std::string>>> anew;
  for (const auto& [key, value] : *some) {
    if (masters_.IsWrappedByActive(value)) continue;
    const std::string id = key.substr(1);
    auto bytes = masters_.Unwrap(id, value);
    if (!bytes) return std::unexpected(bytes.error());
    auto wrapped = masters_.Wrap({id, *bytes}, ids_);
    if (!wrapped) return std::unexpected(wrapped.error());
    anew.emplace_back(key, std::move(*wrapped));
  }
  if (!anew.empty()) {
    if (auto written = vault_->Write(anew); !written) return std::unexpected(written.error());
  }
  if (!some->empty()) {
    rewrap_after_ = some->back().first;
    std::lock_guard lock(masters_mutex_);
    rewrapped_ += anew.size();
    // Ids are random bytes: the first one tells how far it is.
    progress_percent_ = static_cast<unsigned char>(rewrap_after_[1]) * 100 / 256;
    return true;
  }
  if (auto written = vault_->Write({{kWrappedKey, masters_.active()}}); !written) return std::unexpected(written.error());
  // Wrapped by the former one, or by none: off the disk too.
  if (auto compacted = vault_->Compact(); !compacted) return std::unexpected(compacted.error());
  std::lock_guard lock(masters_mutex_);
  if (auto dropped = masters_.DropFormer(); !dropped) return std::unexpected(dropped.error());
  rotating_ = false;
  progress_percent_ = 100;
  rewrap_after_.clear();
  return false;
}

}  // namespace gridloop
