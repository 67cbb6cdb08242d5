// Keys that seal personal data. A subject has keys of its own; forgetting destroys them. They are kept wrapped by a master key, which can
// be replaced while everything goes on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "domain/error.h"

namespace gridloop {

struct SealingKey {
  std::string id;     // 16 bytes
  std::string bytes;  // 32 bytes, AES-256
};

struct MasterKeyInfo {
  std::string id;  // 16 characters of hex
  int64_t made_us = 0;
};

struct MasterKeyStatus {
  std::vector<MasterKeyInfo> keys;  // the active one first; several only while a rotation runs
  bool rotating = false;
  int progress_percent = 100;
  uint64_t rewrapped = 0;  // keys, since the process started
  std::string failure;     // why the rotation does not go on and what to do; empty while it does
};

// Thread-safe. A key that Take gave is durable before Take returns (a pool is made ahead, so Take seldom
// waits), and is never given twice, also not after a crash.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  virtual Expected<SealingKey> Take() = 0;
  // kNotFound/KEY_FORGOTTEN after Forget; the caller shows the need without its personal part.
  virtual Expected<SealingKey> Get(const std::string& id) = 0;
  // Durable when it returns. Unknown ids are fine: calling twice is harmless.
  virtual Expected<void> Forget(const std::vector<std::string>& ids) = 0;
  // Makes a new master key, durably, and wraps every key anew with it in the background; the former one is destroyed when nothing needs
  // it, also if the process ends in between. `active` is the id of the one to replace: calling twice rotates once.
  // kFailedPrecondition: MASTER_KEY_CHANGED, ROTATION_RUNNING.
  virtual Expected<void> RotateMaster(const std::string& active, int64_t now_us) = 0;
  virtual MasterKeyStatus Masters() const = 0;
  // Empty when it makes keys; otherwise why it does not and what to do, for health.
  virtual std::string Failure() const { return {}; }
};

}  // namespace gridloop
