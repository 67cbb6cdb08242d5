// The master keys that wrap sealing keys, in an owner-only file (docs/formats/master-keys.md): the active one first, others only while a
// rotation runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "domain/error.h"
#include "ports/clock.h"
#include "ports/keys.h"

namespace gridloop {

// Not thread-safe; RocksdbKeys guards it.
class MasterKeys {
 public:
  // Makes the file with a first key if it is missing and `make` says so. kFailedPrecondition: MASTER_KEYS_MISSING, MASTER_KEYS_BROKEN,
  // FILE_READABLE.
  static Expected<MasterKeys> Open(const std::filesystem::path& path, IdSource& ids, bool make, int64_t now_us);

  // Durable when they return.
  Expected<void> AddActive(IdSource& ids, int64_t now_us);
  Expected<void> DropFormer();

  const std::string& active() const { return keys_.front().info.id; }
  const std::string& replaced() const { return keys_.front().replaces; }  // id of the one before; empty for the first
  std::vector<MasterKeyInfo> infos() const;

  // The bytes as the vault keeps them: 01, the master key's id (8 bytes), AES-256-GCM with the key's id as associated data.
  Expected<std::string> Wrap(const SealingKey& key, IdSource& ids) const;
  // kUnavailable/KEY_UNREADABLE if no master key here opens it. Bytes of 32 are an older build's, which were not wrapped.
  Expected<std::string> Unwrap(const std::string& id, const std::string& value) const;
  bool IsWrappedByActive(const std::string& value) const;

 private:
  struct Key {
    MasterKeyInfo info;
    std::string replaces;
    std::string bytes;
  };
  Expected<void> Write(bool overwrite_former) const;
  static Key MakeKey(IdSource& ids, int64_t now_us);
  std::filesystem::path path_;
  std::vector<Key> keys_;
};

}  // namespace gridloop
