#include "adapters/rocksdb/forgotten_list.h"

#include <sstream>

#include "adapters/system/owner_only_file.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr std::string_view kHeader = "gridloop-forgotten 1\n";
constexpr size_t kIdCharacters = 26;

}  // namespace

Expected<ForgottenList> ForgottenList::Open(const std::filesystem::path& path) {
  ForgottenList list;
  list.path_ = path;
  auto content = ReadOwnerOnly(path);
  if (!content && content.error().reason != "FILE_MISSING") return std::unexpected(content.error());
  if (!content || content->empty()) {
    if (auto written = WriteOwnerOnly(path, std::string(kHeader)); !written) return std::unexpected(written.error());
    return list;
  }
  auto broken = [&path](int line) {
    return Fail(
        Code::kFailedPrecondition, "FORGOTTEN_LIST_BROKEN",
        path.string() + ", line " + std::to_string(line) + " is no key id. Put the list back from a copy: without it what was forgotten could be read again.");
  };
  if (!content->starts_with(kHeader)) return broken(1);
  // A last line without its end was cut off by a crash, before any key went.
  const size_t whole = content->rfind('\n') + 1;
  std::istringstream lines(content->substr(kHeader.size(), whole - kHeader.size()));
  std::string line;
  for (int number = 2; std::getline(lines, line); ++number) {
    auto id = line.size() == kIdCharacters ? ParseBase32(line) : std::nullopt;
    if (!id) return broken(number);
    list.ids_.push_back(std::move(*id));
  }
  if (whole < content->size()) {
    if (auto written = WriteOwnerOnly(path, content->substr(0, whole)); !written) return std::unexpected(written.error());
  }
  return list;
}

Expected<void> ForgottenList::Add(const std::vector<std::string>& ids) {
  std::string lines;
  for (const auto& id : ids) lines += Base32(id) + '\n';
  return AppendOwnerOnly(path_, lines);
}

}  // namespace gridloop
