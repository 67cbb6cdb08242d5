#include "allinone/deployment_secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace gridloop {
namespace {

constexpr size_t kSecretBytes = 32;

std::unexpected<Error> FileError(const std::string& doing, const std::filesystem::path& path) {
  return Fail(Code::kUnavailable, "FILE_FAILED", "Could not " + doing + " " + path.string() + ": " + std::strerror(errno) + ".");
}

}  // namespace

Expected<void> WriteOwnerOnly(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::path temporary = path.string() + ".new";
  int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return FileError("create", temporary);
  size_t written = 0;
  bool good = true;
  while (good && written < content.size()) {
    ssize_t size = ::write(file, content.data() + written, content.size() - written);
    good = size > 0;
    if (good) written += static_cast<size_t>(size);
  }
  good = good && ::fsync(file) == 0;
  good = ::close(file) == 0 && good;
  if (!good) return FileError("write", temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return FileError("rename", temporary);
  int directory = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return FileError("open", path.parent_path());
  bool synced = ::fsync(directory) == 0;
  ::close(directory);
  if (!synced) return FileError("sync", path.parent_path());
  return {};
}

Expected<std::string> LoadOrMakeSecret(const std::filesystem::path& data_directory, IdSource& ids, bool may_make) {
  std::filesystem::path path = data_directory / "secret";
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return FileError("look at", path);
    if (!may_make) {
      return Fail(Code::kFailedPrecondition, "SECRET_MISSING",
                  path.string() +
                      " is missing, and the ledger was written with it: with another one, requests that were answered would be taken twice. "
                      "Restore it from a copy of the data directory.");
    }
    std::string secret = ids.Random(kSecretBytes);
    if (auto written = WriteOwnerOnly(path, secret); !written) return std::unexpected(written.error());
    return secret;
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Fail(Code::kFailedPrecondition, "SECRET_READABLE", "Others may read " + path.string() + "; run: chmod 600 " + path.string());
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().size() != kSecretBytes) {
    return Fail(Code::kFailedPrecondition, "SECRET_BROKEN",
                path.string() + " is not 32 bytes; restore it from a copy of the data directory, nothing else opens the data.");
  }
  return content.str();
}

}  // namespace gridloop
