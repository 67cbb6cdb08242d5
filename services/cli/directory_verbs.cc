// Units, workers, rules: looking them up, checking and activating a folder of tables.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/verbs.h"
#include "directory/loader.h"
#include "domain/calendar.h"
#include "domain/snapshot.h"
#include "gridloop/v1/routing_service.pb.h"

namespace gridloop::cli {
namespace {

constexpr uintmax_t kLargestTableBytes = 64 << 20;

template <class Problems>
int PrintProblems(const std::string& folder, const Problems& found) {
  int errors = 0;
  for (const v1::DirectoryProblem& problem : found) {
    errors += problem.warning() ? 0 : 1;
    std::string path = folder.empty() || problem.path().empty() ? problem.path() : (std::filesystem::path(folder) / problem.path()).string();
    fmt::print("{}:{}: {}{}{}: {}\n    {}\n", path, problem.line(), problem.warning() ? "warning" : "error", problem.column().empty() ? "" : " in ",
               problem.column(), problem.message(), problem.remedy());
  }
  return errors;
}

// How many ids hold on the day.
template <class Entries>
size_t CountOn(const Entries& entries, const std::string& date) {
  return static_cast<size_t>(std::count_if(entries.begin(), entries.end(), [&](const auto& entry) { return HoldsOn(entry.validity(), date); }));
}

int Check(Session& session, const std::string& folder, const std::string& today) {
  LoadResult result = LoadFolder(folder, today);
  if (session.json()) {
    v1::ActivateDirectoryResponse response;
    for (const auto& problem : result.problems) *response.add_problems() = problem;
    session.PrintJson(response);
    return result.loaded ? kGood : kDirectoryBad;
  }
  int errors = PrintProblems(folder, result.problems);
  size_t warnings = result.problems.size() - static_cast<size_t>(errors);
  if (!result.loaded) {
    fmt::print("{} errors, {} warnings: this directory cannot be activated\n", errors, warnings);
    return kDirectoryBad;
  }
  const auto& directory = result.loaded->directory;
  fmt::print("good: {} units, {} workers, {} communities, {} categories; {} warnings\n", CountOn(directory.units(), today), CountOn(directory.workers(), today),
             CountOn(directory.communities(), today), CountOn(directory.categories(), today), warnings);
  return kGood;
}

int Activate(Session& session, const std::string& folder, bool validate_only) {
  v1::ActivateDirectoryRequest request;
  request.set_validate_only(validate_only);
  if (!ReadTables(folder, request.mutable_files())) return kUsage;
  v1::ActivateDirectoryResponse response;
  return session.CallAndShow("RoutingService/ActivateDirectory", request, &response, [&] {
    PrintProblems(folder, response.problems());
    fmt::print("{}: {} units, {} workers{}\n", response.active().display_name(), response.active().units(), response.active().workers(),
               validate_only          ? " (only checked)"
               : response.unchanged() ? " (was active already)"
                                      : " are active");
  });
}

void AddFolderVerbs(CLI::App& app, Session& session) {
  auto* directory = app.add_subcommand("directory", "the tables of units, workers, coverage and rules");
  directory->require_subcommand(1);
  struct Flags {
    std::string folder, today;
    bool validate_only = false;
  };
  auto flags = std::make_shared<Flags>();
  auto* check = directory->add_subcommand("check", "every problem of a folder, with file, line, column and remedy; needs no server");
  check->add_option("folder", flags->folder, "with the tables and policy.yaml")->required();
  check->add_option("--today", flags->today, "YYYY-MM-DD, the date to check for; today if not given");
  OnRun(check, [&session, flags] {
    std::string today = flags->today.empty() ? LocalDate(session.LocalNowSeconds()) : flags->today;
    if (DaysFromDate(today) == INT64_MIN) throw CLI::ValidationError("--today", today + " is no date; write YYYY-MM-DD");
    return Check(session, flags->folder, today);
  });
  auto* activate = directory->add_subcommand("activate", "sends a folder to the server, which takes all of it or nothing");
  activate->add_option("folder", flags->folder, "with the tables and policy.yaml")->required();
  activate->add_flag("--validate-only", flags->validate_only, "the server only checks it");
  OnRun(activate, [&session, flags] { return Activate(session, flags->folder, flags->validate_only); });
  AddCompareVerb(*directory, session);
  auto* show = directory->add_subcommand("show", "what is active");
  OnRun(show, [&session] {
    v1::GetDirectoryResponse response;
    return session.CallAndShow("RoutingService/GetDirectory", v1::GetDirectoryRequest(), &response, [&] {
      Table table({"FIELD", "VALUE"});
      table.Add({"name", response.display_name()});
      table.Add({"units", std::to_string(response.units())});
      table.Add({"workers", std::to_string(response.workers())});
      table.Add({"communities", std::to_string(response.communities())});
      table.Add({"holidays dated until", std::to_string(response.last_dated_year())});
      table.Add({"directory", response.directory_hash()});
      table.Add({"policy", response.policy_hash()});
      table.Add({"calendar", response.calendar_hash()});
      session.Print(table);
    });
  });
}

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

void AddUnitRow(const v1::Unit& unit, Table* table) {
  table->Add(
      {BareName(unit.name()), unit.display_name(), EnumWord(v1::UnitKind_descriptor(), unit.kind()), BareName(unit.parent()), unit.phone(), unit.address()});
}

void AddLookUps(CLI::App& app, Session& session) {
  struct Flags {
    std::string unit;
    int limit = 1000;
  };
  auto flags = std::make_shared<Flags>();
  auto unit_table = [] { return Table({"UNIT", "NAME", "KIND", "ABOVE", "PHONE", "ADDRESS"}); };

  auto* units = app.add_subcommand("units", "the centre, stations, rooms and special units");
  units->add_option("--above", flags->unit, "only those right below this unit");
  units->add_option("--limit", flags->limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str();
  OnRun(units, [&session, flags, unit_table] {
    v1::ListUnitsRequest request;
    request.set_parent(UnitName(flags->unit));
    v1::ListUnitsResponse all;
    return session.ListAndShow<v1::ListUnitsResponse>("RoutingService/ListUnits", request, flags->limit, &all, &v1::ListUnitsResponse::mutable_units, [&] {
      Table table = unit_table();
      for (const auto& unit : all.units()) AddUnitRow(unit, &table);
      session.Print(table);
    });
  });

  auto* unit = app.add_subcommand("unit", "one unit");
  unit->add_option("unit", flags->unit, "s01, r-…, center")->required();
  OnRun(unit, [&session, flags, unit_table] {
    v1::GetUnitRequest request;
    request.set_name(UnitName(flags->unit));
    v1::GetUnitResponse response;
    return session.CallAndShow("RoutingService/GetUnit", request, &response, [&] {
      Table table = unit_table();
      AddUnitRow(response.unit(), &table);
      session.Print(table);
    });
  });

  auto* workers = app.add_subcommand("workers", "the social workers with their posts and skills");
  workers->add_option("--unit", flags->unit, "only those with a post there");
  workers->add_option("--limit", flags->limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str();
  OnRun(workers, [&session, flags] {
    v1::ListWorkersRequest request;
    request.set_unit(UnitName(flags->unit));
    v1::ListWorkersResponse all;
    return session.ListAndShow<
        v1::ListWorkersResponse>("RoutingService/ListWorkers", request, flags->limit, &all, &v1::ListWorkersResponse::mutable_workers, [&] {
      Table table({"WORKER", "NAME", "POSTS", "SKILLS", "ORGANISATION", "CAPACITY"});
      for (const auto& worker : all.workers()) {
        std::string posts;
        for (const auto& post : worker.posts()) {
          posts += (posts.empty() ? "" : ", ") + BareName(post.unit()) + (post.head() ? " (head)" : "");
          if (!post.validity().to_date().empty()) posts += " until " + post.validity().to_date();
        }
        table.Add({BareName(worker.name()), worker.display_name(), posts, Joined(worker.skills()), worker.organisation(), std::to_string(worker.capacity())});
      }
      session.Print(table);
    });
  });

  auto* categories = app.add_subcommand("categories", "whom to look out for, with recognition cards; types and dangers");
  OnRun(categories, [&session] {
    v1::ListCategoriesResponse response;
    return session.CallAndShow("RoutingService/ListCategories", v1::ListCategoriesRequest(), &response, [&] {
      Table table({"", "ID", "NAME", "NOTES", "LOOK OUT FOR"});
      for (const auto& category : response.categories()) {
        std::string notes = category.temporary() ? "temporary" : "regular visits";
        if (category.restricted()) notes += ", restricted";
        table.Add({"category", category.id(), category.display_name(), notes, fmt::format("{}", fmt::join(category.recognition(), "；"))});
      }
      for (const auto& type : response.types()) table.Add({"type", type.id(), type.display_name(), "", ""});
      for (const auto& danger : response.dangers()) {
        table.Add({"danger", danger.id(), danger.display_name(),
                   danger.urgency() == v1::URGENCY_UNSPECIFIED ? "" : EnumWord(v1::Urgency_descriptor(), danger.urgency()), ""});
      }
      session.Print(table);
    });
  });
}

}  // namespace

bool ReadTables(const std::string& folder, google::protobuf::RepeatedPtrField<v1::DirectoryFile>* files) {
  std::error_code wrong;
  for (const auto& entry : std::filesystem::directory_iterator(folder, wrong)) {
    if (entry.path().extension() != ".csv" && entry.path().extension() != ".yaml") continue;
    if (entry.file_size(wrong) > kLargestTableBytes) {
      fmt::print(stderr, "{} is larger than 64 MiB\n", entry.path().string());
      return false;
    }
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    auto* each = files->Add();
    each->set_path(entry.path().filename().string());
    each->set_content(content.str());
  }
  if (!wrong && !files->empty()) return true;
  fmt::print(stderr, "{} is no folder with tables (.csv, .yaml)\n", folder);
  return false;
}

void AddDirectoryVerbs(CLI::App& app, Session& session) {
  AddFolderVerbs(app, session);
  AddLookUps(app, session);
}

}  // namespace gridloop::cli
