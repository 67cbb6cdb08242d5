// Reads the tables that an office edits (docs/formats/directory.md) into the messages that decisions are made with.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/directory.pb.h"

namespace gridloop {

// A checked directory. The blobs are the messages' deterministic bytes; the hashes are their SHA-256 (32 bytes).
// The same tables give the same blobs, whatever the order of their rows where order has no meaning.
struct Loaded {
  v1::Directory directory;
  v1::Policy policy;
  v1::Calendar calendar;
  store::v1::ActiveHashes hashes;  // activated_at_us is left to whoever activates
  std::string directory_blob;
  std::string policy_blob;
  std::string calendar_blob;
};

struct LoadResult {
  std::optional<Loaded> loaded;                // only if no problem is an error
  std::vector<v1::DirectoryProblem> problems;  // sorted by file and line
};

// Thread-safe, no state. `today` is the local date, YYYY-MM-DD: checks of what holds now and of the holidays ahead
// look from there. A malformed one is a bug of the caller and gives an error about no file.
LoadResult LoadFolder(const std::filesystem::path& folder, std::string_view today);
LoadResult LoadFiles(const std::vector<v1::DirectoryFile>& files, std::string_view today);

}  // namespace gridloop
