// Ids of the keys that were forgotten, in a file of its own: a copy of a data directory that is older than a forgetting still holds the keys,
// and loses them again when it is opened beside this list (docs/operations.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "domain/error.h"

namespace gridloop {

// Not thread-safe; RocksdbKeys guards it.
class ForgottenList {
 public:
  // Reads it, or makes it. kFailedPrecondition: FILE_READABLE, FORGOTTEN_LIST_BROKEN (names the line).
  static Expected<ForgottenList> Open(const std::filesystem::path& path);
  // Durable when it returns.
  Expected<void> Add(const std::vector<std::string>& ids);
  // As read when it was opened; 16 bytes each.
  std::vector<std::string> TakeIds() { return std::move(ids_); }

 private:
  std::filesystem::path path_;
  std::vector<std::string> ids_;
};

}  // namespace gridloop
