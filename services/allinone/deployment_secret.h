// The deployment secret: 32 bytes made at first start, kept owner-only in the data directory.
#pragma once

#include <filesystem>
#include <string>

#include "domain/error.h"
#include "ports/clock.h"

namespace gridloop {

// Reads DIR/secret, or makes it durably (file and directory synced) if `may_make`: at a first start. kFailedPrecondition if
// others may read it, it is not 32 bytes, or it is missing (SECRET_MISSING): the message says what mends it.
Expected<std::string> LoadOrMakeSecret(const std::filesystem::path& data_directory, IdSource& ids, bool may_make);

}  // namespace gridloop
