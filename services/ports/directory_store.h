// Directories, policies and calendars as immutable blobs named by their SHA-256, kept for ever.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "domain/error.h"
#include "gridloop/store/v1/state.pb.h"
#include "ports/ledger.h"

namespace gridloop {

// Thread-safe. Put and Activate are durable when they return.
class DirectoryStore {
 public:
  virtual ~DirectoryStore() = default;
  virtual Expected<std::string> Put(const std::string& blob) = 0;  // gives the hash, 32 bytes; twice is harmless
  virtual Expected<std::string> Get(const std::string& hash) = 0;  // kNotFound/BLOB_NOT_FOUND
  virtual std::optional<store::v1::ActiveHashes> Active() = 0;
  virtual Expected<void> Activate(const store::v1::ActiveHashes& hashes) = 0;
  // Calls `changed` after each activation, one call at a time: of two at once the last call sees the later one.
  virtual Subscription Watch(std::function<void()> changed) = 0;
};

}  // namespace gridloop
