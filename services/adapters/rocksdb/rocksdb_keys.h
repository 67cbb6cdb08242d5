// Sealing keys in the vault, wrapped by a master key. A pool is made ahead; a rotation of the master key goes on in the background.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/rocksdb/forgotten_list.h"
#include "adapters/rocksdb/master_keys.h"
#include "adapters/rocksdb/rocksdb_store.h"
#include "ports/clock.h"
#include "ports/keys.h"

namespace gridloop {

class RocksdbKeys : public KeyStore {
 public:
  struct Options {
    std::filesystem::path master_keys_file;
    std::filesystem::path forgotten_file;
    int64_t now_us = 0;  // for a master key that is made
  };
  // Destroys again what the list says was forgotten, and goes on with a rotation that was cut off. kFailedPrecondition: MASTER_KEYS_MISSING if
  // the vault has wrapped keys and the file is not there, MASTER_KEYS_OTHER if it is another vault's or of another time, and what MasterKeys and ForgottenList
  // say. `ids` outlives it.
  static Expected<std::unique_ptr<RocksdbKeys>> Open(std::shared_ptr<Vault> vault, IdSource& ids, Options options);
  ~RocksdbKeys() override;
  Expected<SealingKey> Take() override;
  Expected<SealingKey> Get(const std::string& id) override;
  Expected<void> Forget(const std::vector<std::string>& ids) override;
  Expected<void> RotateMaster(const std::string& active, int64_t now_us) override;
  MasterKeyStatus Masters() const override;
  std::string Failure() const override;
  // Keys that the list had destroyed again when it was opened.
  size_t forgotten_again() const { return forgotten_again_; }

 private:
  RocksdbKeys(std::shared_ptr<Vault> vault, IdSource& ids, MasterKeys masters, ForgottenList forgotten);
  Expected<void> ForgetAgain();
  void Refill();
  Expected<std::deque<SealingKey>> MakeKeys();
  void Rewrap();
  Expected<bool> RewrapSome();  // false: nothing is left

  std::shared_ptr<Vault> vault_;
  IdSource& ids_;
  size_t forgotten_again_ = 0;

  // One writer of keys at a time: what is wrapped anew must not bring back what is forgotten meanwhile, nor a key be wrapped by a master
  // that is on its way out.
  mutable std::mutex writing_;
  MasterKeys masters_;        // changed with both writing_ and masters_mutex_ held
  ForgottenList forgotten_;   // guarded by writing_
  std::string rewrap_after_;  // guarded by writing_
  mutable std::mutex masters_mutex_;
  bool rotating_ = false;  // guarded by masters_mutex_, and what follows
  int progress_percent_ = 100;
  uint64_t rewrapped_ = 0;
  std::string rotation_failure_;

  mutable std::mutex mutex_;
  std::condition_variable low_;
  std::condition_variable filled_;
  std::deque<SealingKey> pool_;   // durable, not yet given; lost with the process and then never given
  size_t waiting_ = 0;            // Takes that found the pool empty
  std::optional<Error> failure_;  // of the last refill; tried again every second, and by each Take that finds nothing
  bool stopping_ = false;
  std::condition_variable rotate_;  // with mutex_
  bool rotation_wanted_ = false;
  std::thread refiller_;
  std::thread rewrapper_;
};

}  // namespace gridloop
