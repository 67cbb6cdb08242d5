// Keys that seal personal data. A subject has keys of its own; forgetting destroys them.
#pragma once

#include <string>
#include <vector>

#include "domain/error.h"

namespace gridloop {

struct SealingKey {
  std::string id;     // 16 bytes
  std::string bytes;  // 32 bytes, AES-256
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
  // Empty when it makes keys; otherwise why it does not and what to do, for health.
  virtual std::string Failure() const { return {}; }
};

}  // namespace gridloop
