#include "directory/loader.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "directory/checks.h"
#include "directory/encoding.h"
#include "directory/problems.h"
#include "directory/tables.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr size_t kMaxTableBytes = size_t{64} * 1024 * 1024;
constexpr size_t kMaxPolicyBytes = size_t{1024} * 1024;
constexpr size_t kMaxFiles = 32;          // there are half as many tables
constexpr size_t kMaxFileNameBytes = 64;  // of files that are sent; they come back in problems

std::string DeterministicBytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&output);
  }
  return bytes;
}

// Moves the rows into the field, sorted by `key`; rows of equal keys stay in the table's order.
template <class Message, class Field, class Key>
void Fill(std::vector<Row<Message>>& rows, Field* field, Key key) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Row<Message>& a, const Row<Message>& b) { return key(a.value) < key(b.value); });
  for (Row<Message>& row : rows) *field->Add() = std::move(row.value);
}

Loaded Build(Tables& tables) {
  Loaded loaded;
  v1::Directory& directory = loaded.directory;
  directory.set_display_name(tables.policy.display_name);

  std::unordered_map<std::string, std::vector<v1::Worker*>> terms;  // by worker
  for (Row<v1::Worker>& row : tables.workers) terms[row.value.name().substr(sizeof("workers/") - 1)].push_back(&row.value);
  // Calls add(term) for each of the worker's terms that shares a day with the row.
  auto each_term = [&](const std::string& worker, const v1::Validity& days, auto add) {
    for (v1::Worker* term : terms.at(worker)) {
      if (Overlap(term->validity(), days)) add(*term);
    }
  };
  std::stable_sort(tables.posts.begin(), tables.posts.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.value.post.unit(), a.value.post.validity().from_date()) < std::tuple(b.value.post.unit(), b.value.post.validity().from_date());
  });
  for (const auto& [row, line] : tables.posts) {
    each_term(row.worker, row.post.validity(), [&](v1::Worker& term) { *term.add_posts() = row.post; });
  }
  std::stable_sort(tables.shifts.begin(), tables.shifts.end(), [](const auto& a, const auto& b) {
    auto key = [](const v1::Shift& shift) { return std::tuple(shift.weekday(), shift.start_minute(), shift.validity().from_date()); };
    return key(a.value.shift) < key(b.value.shift);
  });
  for (const auto& [row, line] : tables.shifts) {
    each_term(row.worker, row.shift.validity(), [&](v1::Worker& term) { *term.add_shifts() = row.shift; });
  }
  std::stable_sort(tables.leaves.begin(), tables.leaves.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.value.days.from_date(), a.value.days.to_date()) < std::tuple(b.value.days.from_date(), b.value.days.to_date());
  });
  for (const auto& [row, line] : tables.leaves) {
    each_term(row.worker, row.days, [&](v1::Worker& term) { *term.add_leaves() = row.days; });
  }

  Fill(tables.units, directory.mutable_units(), [](const v1::Unit& row) { return row.name(); });
  auto by_id_and_day = [](const auto& row) { return std::tuple(row.id(), row.validity().from_date()); };
  Fill(tables.communities, directory.mutable_communities(), [](const v1::Community& row) { return std::tuple(row.code(), row.validity().from_date()); });
  Fill(tables.coverages, directory.mutable_coverages(), [](const v1::Coverage& row) { return std::tuple(row.area(), row.validity().from_date()); });
  Fill(tables.grid_aliases, directory.mutable_grid_aliases(), [](const v1::GridAlias& row) { return std::tuple(row.alias(), row.validity().from_date()); });
  Fill(tables.institutions, directory.mutable_institutions(), by_id_and_day);
  Fill(tables.organisations, directory.mutable_organisations(), by_id_and_day);
  Fill(tables.teams, directory.mutable_teams(), by_id_and_day);
  Fill(tables.workers, directory.mutable_workers(), [](const v1::Worker& row) { return std::tuple(row.name(), row.validity().from_date()); });
  Fill(tables.duties, directory.mutable_duties(), [](const v1::DutyEntry& row) {
    return std::tuple(row.unit(), row.date());  // within a day the table's order is the order of ringing
  });
  Fill(tables.departments, directory.mutable_departments(), by_id_and_day);
  // These keep the table's order, in which people read them.
  auto same = [](const auto&) { return 0; };
  Fill(tables.categories, directory.mutable_categories(), same);
  Fill(tables.types, directory.mutable_types(), same);
  Fill(tables.dangers, directory.mutable_dangers(), same);

  loaded.policy = std::move(tables.policy.policy);
  loaded.calendar.set_utc_offset_minutes(tables.policy.utc_offset_minutes);
  loaded.calendar.set_last_dated_year(tables.policy.last_dated_year);
  for (v1::OpeningSpan& span : tables.policy.opening_spans) *loaded.calendar.add_opening_spans() = std::move(span);
  Fill(tables.dated_days, loaded.calendar.mutable_dated_days(), [](const v1::DatedDay& row) { return row.date(); });

  loaded.directory_blob = DeterministicBytes(loaded.directory);
  loaded.policy_blob = DeterministicBytes(loaded.policy);
  loaded.calendar_blob = DeterministicBytes(loaded.calendar);
  loaded.hashes.set_directory_hash(Sha256(loaded.directory_blob));
  loaded.hashes.set_policy_hash(Sha256(loaded.policy_blob));
  loaded.hashes.set_calendar_hash(Sha256(loaded.calendar_blob));
  return loaded;
}

// The text without its byte order mark, or nothing, and a problem that says how to save the file.
std::optional<std::string_view> TextOf(const std::string& path, std::string_view bytes, Problems& problems) {
  const size_t limit = path == "policy.yaml" ? kMaxPolicyBytes : kMaxTableBytes;
  if (bytes.size() > limit) {
    problems.Error(path, 0, "", fmt::format("is larger than {} MiB", limit / 1024 / 1024), "Drop what is not needed.");
    return std::nullopt;
  }
  const EncodingCheck check = CheckEncoding(bytes);
  const std::string how = fmt::format(
      "Save it as UTF-8. In Excel or WPS: 文件 → 另存为 → \"CSV UTF-8（逗号分隔）(*.csv)\"; in Notepad (记事本): 另存为 → "
      "编码 UTF-8; or: iconv -f {} -t UTF-8 {} > new-file",
      check.encoding == Encoding::kUtf16 ? "UTF-16" : "GB18030", path);
  switch (check.encoding) {
    case Encoding::kUtf8:
      return check.text;
    case Encoding::kGb18030:
      problems.Error(path, check.line, "", "is not UTF-8; it looks like GB18030 (GBK, ANSI), which spreadsheets save by default", how);
      return std::nullopt;
    case Encoding::kUtf16:
      problems.Error(path, check.line, "", "is UTF-16 (\"Unicode text\"), not UTF-8", how);
      return std::nullopt;
    case Encoding::kOther:
      problems.Error(path, check.line, "", "holds bytes that are not UTF-8 text", how);
      return std::nullopt;
  }
  return std::nullopt;
}

bool LooksLikeTable(std::string_view name) { return name.ends_with(".csv") || name.ends_with(".CSV") || name.ends_with(".yaml") || name.ends_with(".yml"); }

std::string AllNames() {
  std::vector<std::string_view> names;
  for (const auto& [name, required] : TableNames()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

LoadResult Load(const std::map<std::string, std::string_view, std::less<>>& contents, std::string_view today, Tables tables, Problems problems) {
  LoadResult result;
  if (!IsDate(today)) {
    problems.Error("", 0, "today", "is not a date", "Give the local date as YYYY-MM-DD.");
    result.problems = problems.Take();
    return result;
  }
  Texts texts;
  for (const auto& [path, bytes] : contents) {
    if (!TableNames().contains(path)) {
      problems.Error(path, 0, "", "is not a table of a directory", fmt::format("The files are: {}.", AllNames()));
    } else if (auto text = TextOf(path, bytes, problems)) {
      texts.emplace(path, *text);
    } else {
      tables.unreadable.insert(path);
    }
  }
  for (const auto& [path, required] : TableNames()) {
    if (!required || contents.contains(path) || !tables.Readable(path)) continue;
    problems.Error(path, 0, "", "the file is missing", "Add it; a table without rows still needs its header.");
    tables.unreadable.insert(path);
  }
  ReadTables(texts, tables, problems);
  if (auto policy = texts.find("policy.yaml"); policy != texts.end()) ReadPolicy(policy->second, tables, problems);
  CheckTables(tables, today, problems);
  if (!problems.HasErrors()) result.loaded = Build(tables);
  result.problems = problems.Take();
  return result;
}

}  // namespace

LoadResult LoadFiles(const std::vector<v1::DirectoryFile>& files, std::string_view today) {
  Problems problems;
  std::map<std::string, std::string_view, std::less<>> contents;
  if (files.size() > kMaxFiles) {
    problems.Error("", 0, "", fmt::format("{} files are given; at most {} are taken", files.size(), kMaxFiles), "Send the tables alone.");
    return {std::nullopt, problems.Take()};
  }
  for (const v1::DirectoryFile& file : files) {
    if (file.path().size() > kMaxFileNameBytes) {
      problems.Error(file.path().substr(0, kMaxFileNameBytes), 0, "", fmt::format("the name is longer than {} bytes", kMaxFileNameBytes),
                     "Name the table's file, e.g. units.csv.");
      return {std::nullopt, problems.Take()};
    }
    if (!contents.emplace(file.path(), file.content()).second) {
      problems.Error(file.path(), 0, "", "the file is given twice", "Give it once.");
    }
  }
  return Load(contents, today, Tables{}, std::move(problems));
}

LoadResult LoadFolder(const std::filesystem::path& folder, std::string_view today) {
  Problems problems;
  Tables tables;
  std::map<std::string, std::string> bytes;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    problems.Error("", 0, "", fmt::format("cannot read the folder {}: {}", folder.string(), error.message()),
                   "Name a folder that holds the tables and that this process may read.");
    return {std::nullopt, problems.Take()};
  }
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    // Lock and backup files of editors lie beside the tables while they are open.
    if (name.starts_with('.') || name.starts_with('~') || !LooksLikeTable(name)) continue;
    std::error_code size_error;
    const auto size = std::filesystem::file_size(entries->path(), size_error);
    if (!size_error && size > kMaxTableBytes) {
      problems.Error(name, 0, "", fmt::format("is larger than {} MiB", kMaxTableBytes / 1024 / 1024), "Drop what is not needed.");
      tables.unreadable.insert(name);
      continue;
    }
    std::ifstream input(entries->path(), std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    if (size_error || !input || input.bad()) {
      problems.Error(name, 0, "", "cannot be read", "Check the file's owner and permissions.");
      tables.unreadable.insert(name);
      continue;
    }
    bytes.emplace(name, std::move(content));
  }
  if (error) {
    problems.Error("", 0, "", fmt::format("cannot list the folder {}: {}", folder.string(), error.message()), "Try again; check the disk.");
  }
  std::map<std::string, std::string_view, std::less<>> contents;
  for (const auto& [name, content] : bytes) contents.emplace(name, content);
  return Load(contents, today, std::move(tables), std::move(problems));
}

}  // namespace gridloop
