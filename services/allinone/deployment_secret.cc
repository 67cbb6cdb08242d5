#include "allinone/deployment_secret.h"

#include "adapters/system/owner_only_file.h"

namespace gridloop {
namespace {

constexpr size_t kSecretBytes = 32;

}  // namespace

Expected<std::string> LoadOrMakeSecret(const std::filesystem::path& data_directory, IdSource& ids, bool may_make) {
  std::filesystem::path path = data_directory / "secret";
  auto secret = ReadOwnerOnly(path);
  if (!secret) {
    if (secret.error().reason == "FILE_READABLE") return Fail(Code::kFailedPrecondition, "SECRET_READABLE", secret.error().message);
    if (secret.error().reason != "FILE_MISSING") return secret;
    if (!may_make) {
      return Fail(Code::kFailedPrecondition, "SECRET_MISSING",
                  path.string() +
                      " is missing, and the ledger was written with it: with another one, requests that were answered would be taken twice. "
                      "Restore it from a copy of the data directory.");
    }
    std::string made = ids.Random(kSecretBytes);
    if (auto written = WriteOwnerOnly(path, made); !written) return std::unexpected(written.error());
    return made;
  }
  if (secret->size() != kSecretBytes) {
    return Fail(Code::kFailedPrecondition, "SECRET_BROKEN",
                path.string() + " is not 32 bytes; restore it from a copy of the data directory, nothing else opens the data.");
  }
  return secret;
}

}  // namespace gridloop
