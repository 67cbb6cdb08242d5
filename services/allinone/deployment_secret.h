// The deployment secret: 32 bytes made at first start, kept owner-only in the data directory.
#pragma once

#include <filesystem>
#include <string>

#include "domain/error.h"
#include "ports/clock.h"

namespace gridloop {

// Reads DIR/secret, or makes it durably (file and directory synced) at first start. kFailedPrecondition if others may read
// it or it is not 32 bytes: the message says which command mends it.
Expected<std::string> LoadOrMakeSecret(const std::filesystem::path& data_directory, IdSource& ids);

// Writes a small owner-only file durably: to a temporary name, synced, renamed, directory synced.
Expected<void> WriteOwnerOnly(const std::filesystem::path& path, const std::string& content);

}  // namespace gridloop
