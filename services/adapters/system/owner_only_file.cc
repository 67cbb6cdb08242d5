#include "adapters/system/owner_only_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace gridloop {
namespace {

std::unexpected<Error> FileError(const std::string& doing, const std::filesystem::path& path) {
  return Fail(Code::kUnavailable, "FILE_FAILED", "Could not " + doing + " " + path.string() + ": " + std::strerror(errno) + ".");
}

bool WriteAll(int file, const std::string& content) {
  size_t written = 0;
  while (written < content.size()) {
    ssize_t size = ::write(file, content.data() + written, content.size() - written);
    if (size <= 0) return false;
    written += static_cast<size_t>(size);
  }
  return true;
}

Expected<void> SyncFolder(const std::filesystem::path& path) {
  std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return FileError("open", folder);
  bool synced = ::fsync(directory) == 0;
  ::close(directory);
  if (!synced) return FileError("sync", folder);
  return {};
}

}  // namespace

Expected<void> WriteOwnerOnly(const std::filesystem::path& path, const std::string& content, bool overwrite_former) {
  std::filesystem::path temporary = path.string() + ".new";
  int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return FileError("create", temporary);
  bool good = WriteAll(file, content) && ::fsync(file) == 0;
  good = ::close(file) == 0 && good;
  if (!good) return FileError("write", temporary);
  int former = overwrite_former ? ::open(path.c_str(), O_WRONLY | O_CLOEXEC) : -1;
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    if (former >= 0) ::close(former);
    return FileError("rename", temporary);
  }
  // Only once the new one is in its place: a crash never leaves neither.
  auto synced = SyncFolder(path);
  if (former >= 0) {
    struct stat status {};
    if (synced && ::fstat(former, &status) == 0) {
      (void)WriteAll(former, std::string(static_cast<size_t>(status.st_size), '\0'));
      (void)::fsync(former);
    }
    ::close(former);
  }
  return synced;
}

Expected<std::string> ReadOwnerOnly(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return Fail(Code::kNotFound, "FILE_MISSING", path.string() + " is missing.");
    return FileError("look at", path);
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Fail(Code::kFailedPrecondition, "FILE_READABLE", "Others may read " + path.string() + "; run: chmod 600 " + path.string());
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) return FileError("read", path);
  return content.str();
}

Expected<void> AppendOwnerOnly(const std::filesystem::path& path, const std::string& content) {
  bool is_new = !std::filesystem::exists(path);
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return FileError("open", path);
  bool good = WriteAll(file, content) && ::fsync(file) == 0;
  good = ::close(file) == 0 && good;
  if (!good) return FileError("write", path);
  return is_new ? SyncFolder(path) : Expected<void>();
}

}  // namespace gridloop
