// Collects what is wrong with a directory, so that one look finds it all.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gridloop/v1/directory.pb.h"

namespace gridloop {

// At most this many are kept for each file and severity; the rest is counted.
inline constexpr int kMaxProblemsPerFile = 1000;

class Problems {
 public:
  void Error(std::string path, int line, std::string column, std::string message, std::string remedy) {
    Add(std::move(path), line, std::move(column), std::move(message), std::move(remedy), false);
  }
  void Warning(std::string path, int line, std::string column, std::string message, std::string remedy) {
    Add(std::move(path), line, std::move(column), std::move(message), std::move(remedy), true);
  }
  bool HasErrors() const { return has_errors_; }
  // Sorted by file and line, each file's count of those left out last.
  std::vector<v1::DirectoryProblem> Take();

 private:
  void Add(std::string path, int line, std::string column, std::string message, std::string remedy, bool warning);

  std::vector<v1::DirectoryProblem> problems_;
  std::map<std::pair<std::string, bool>, int> counts_;
  bool has_errors_ = false;
};

}  // namespace gridloop
