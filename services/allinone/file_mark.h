// What a file was when it was last read; it is read again when any of it differs.
#pragma once

#include <sys/stat.h>

#include <filesystem>

namespace gridloop {

struct FileMark {
  ino_t inode = 0;
  off_t size = 0;
  timespec modified = {};
  // Of a file that is not there: nothing but zeros.
  static FileMark Of(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return {};
    return {status.st_ino, status.st_size, status.st_mtim};
  }
  bool operator==(const FileMark& other) const {
    return inode == other.inode && size == other.size && modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
  }
};

}  // namespace gridloop
