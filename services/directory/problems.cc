#include "directory/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace gridloop {
namespace {

v1::DirectoryProblem Make(std::string path, int line, std::string column, std::string message, std::string remedy, bool warning) {
  v1::DirectoryProblem problem;
  problem.set_path(std::move(path));
  problem.set_line(line);
  problem.set_column(std::move(column));
  problem.set_message(std::move(message));
  problem.set_remedy(std::move(remedy));
  problem.set_warning(warning);
  return problem;
}

}  // namespace

void Problems::Add(std::string path, int line, std::string column, std::string message, std::string remedy, bool warning) {
  if (!warning) has_errors_ = true;
  if (++counts_[{path, warning}] > kMaxProblemsPerFile) return;
  problems_.push_back(Make(std::move(path), line, std::move(column), std::move(message), std::move(remedy), warning));
}

std::vector<v1::DirectoryProblem> Problems::Take() {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const auto& a, const auto& b) { return std::tuple(a.path(), a.line()) < std::tuple(b.path(), b.line()); });
  for (const auto& [key, count] : counts_) {
    if (count <= kMaxProblemsPerFile) continue;
    problems_.push_back(Make(key.first, 0, "", fmt::format("{} more problems are not listed", count - kMaxProblemsPerFile),
                             "Mend the listed ones and check again.", key.second));
  }
  counts_.clear();
  return std::move(problems_);
}

}  // namespace gridloop
