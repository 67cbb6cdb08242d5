// Small files that only their owner may read: secrets, keys, tokens, ports.
#pragma once

#include <filesystem>
#include <string>

#include "domain/error.h"

namespace gridloop {

// Writes it durably: to a temporary name, synced, renamed, directory synced. kUnavailable/FILE_FAILED. `overwrite_former`: what the file held
// before is overwritten, so that its bytes do not stay in what the disk calls free (as far as the file system writes in place).
Expected<void> WriteOwnerOnly(const std::filesystem::path& path, const std::string& content, bool overwrite_former = false);

// kFailedPrecondition/FILE_READABLE if others may read it; kNotFound/FILE_MISSING; kUnavailable/FILE_FAILED.
Expected<std::string> ReadOwnerOnly(const std::filesystem::path& path);

// Adds to its end, and makes it if it is missing; synced.
Expected<void> AppendOwnerOnly(const std::filesystem::path& path, const std::string& content);

}  // namespace gridloop
