// What another version of the directory would have done with the needs of a period.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/verbs.h"
#include "domain/calendar.h"
#include "gridloop/v1/routing_service.pb.h"

namespace gridloop::cli {
namespace {

constexpr size_t kHashDigits = 64;
constexpr int64_t kBarColumns = 30;

bool IsHash(const std::string& text) { return text.size() == kHashDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos; }

// A day counts from its midnight.
void AddDay(CLI::App* verb, const std::string& flag, google::protobuf::Timestamp* time, bool required, const std::string& help) {
  auto* option = verb->add_option_function<std::string>(
      flag,
      [time, flag](const std::string& given) {
        const bool day = DaysFromDate(given) != INT64_MIN;
        auto parsed = ParseLocalTime(day ? given + " 00:00" : given);
        if (!parsed) throw CLI::ValidationError(flag, given + " is no day; write 2026-03-02, or 2026-03-02 09:00 (+08:00)");
        time->set_seconds(*parsed);
      },
      help + ", e.g. 2026-03-02");
  if (required) option->required();
}

std::string Difference(const v1::UnitLoad& load) {
  const int64_t difference = load.other_needs() - load.base_needs();
  return difference == 0 ? "" : fmt::format("{:+}", difference);
}

// What stays as blocks, what comes as +, what goes as -.
std::string Bar(const v1::UnitLoad& load, int64_t largest) {
  auto columns = [largest](int64_t needs) { return largest == 0 ? 0 : (needs * kBarColumns + largest - 1) / largest; };
  const int64_t stays = columns(std::min(load.base_needs(), load.other_needs()));
  const int64_t whole = columns(std::max(load.base_needs(), load.other_needs()));
  std::string bar;
  for (int64_t i = 0; i < stays; ++i) bar += "█";
  bar.append(static_cast<size_t>(whole - stays), load.other_needs() > load.base_needs() ? '+' : '-');
  return bar;
}

std::string Place(const v1::RouteOutcome& outcome) {
  if (outcome.unit().empty()) return "centre (" + EnumWord(v1::HeldReason_descriptor(), outcome.held_reason()) + ")";
  return BareName(outcome.unit()) + (outcome.station() == outcome.unit() ? "" : " under " + BareName(outcome.station()));
}

void Show(Session& session, const v1::CompareDirectoriesResponse& answer) {
  const auto& comparison = answer.comparison();
  int64_t largest = 0;
  for (const auto& load : comparison.stations()) largest = std::max({largest, load.base_needs(), load.other_needs()});
  Table stations({"STATION", "NAME", "NOW", "THEN", "DIFFERENCE", ""});
  for (const auto& load : comparison.stations()) {
    stations.Add({BareName(load.unit()), load.display_name(), std::to_string(load.base_needs()), std::to_string(load.other_needs()), Difference(load),
                  session.terminal() ? Bar(load, largest) : ""});
  }
  stations.Add({"centre", "held, nobody proposed", std::to_string(comparison.base_held()), std::to_string(comparison.other_held()),
                comparison.base_held() == comparison.other_held() ? "" : fmt::format("{:+}", comparison.other_held() - comparison.base_held()), ""});
  session.Print(stations);
  Table units({"UNIT", "NAME", "NOW", "THEN", "DIFFERENCE"});
  for (const auto& load : comparison.units()) {
    if (load.base_needs() == load.other_needs()) continue;
    units.Add({BareName(load.unit()), load.display_name(), std::to_string(load.base_needs()), std::to_string(load.other_needs()), Difference(load)});
  }
  if (units.size() > 0) {
    fmt::print("\n");
    session.Print(units);
  }
  if (answer.changes_size() > 0) {
    Table changes({"NUMBER", "FROM", "TO", "RULE NOW", "RULE THEN"});
    for (const auto& change : answer.changes()) {
      if (change.restricted()) {
        changes.Add({change.number(), "restricted", "restricted", "", ""});
      } else {
        changes.Add({change.number(), Place(change.base()), Place(change.other()), change.base().rule(), change.other().rule()});
      }
    }
    fmt::print("\n");
    session.Print(changes);
  }
  fmt::print("\n{} of {} needs would go elsewhere{}\n", comparison.changed(), comparison.needs(),
             comparison.cut_off() ? "; there are more in the period after " + LocalTime(comparison.last_time()) + ", --max takes them too" : "");
  for (const auto& problem : comparison.problems()) {
    fmt::print("{}:{}: {}: {} {}\n", problem.path(), problem.line(), problem.warning() ? "warning" : "error", problem.message(), problem.remedy());
  }
}

}  // namespace

void AddCompareVerb(CLI::App& directory, Session& session) {
  auto* verb = directory.add_subcommand("compare", "what another version would have done with the needs of a period; nothing is activated");
  struct Flags {
    std::string other;
    v1::CompareDirectoriesRequest request;
    google::protobuf::Timestamp from, to, as_of, base_as_of;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("other", flags->other, "a folder with tables, or the hash of a directory that was active; not given: the active one");
  AddDay(verb, "--from", &flags->from, true, "needs reported from here on");
  AddDay(verb, "--to", &flags->to, true, "needs reported before this");
  AddDay(verb, "--as-of", &flags->as_of, false, "take its dated rows as they hold on this day; not given: on the day of each report");
  AddDay(verb, "--base-as-of", &flags->base_as_of, false, "the same for the version that it is compared with");
  auto hash = [verb](const std::string& flag, std::string* value, const std::string& help) {
    verb->add_option(flag, *value, help)->check([](const std::string& text) { return IsHash(text) ? "" : "is no hash: 64 digits 0–9 a–f"; });
  };
  auto* hashes = &flags->request;
  hash("--policy", hashes->mutable_other()->mutable_policy_hash(), "hash of a policy that was active, with a hash of a directory");
  hash("--base", hashes->mutable_base()->mutable_directory_hash(), "compare with this directory, not with the active one");
  hash("--base-policy", hashes->mutable_base()->mutable_policy_hash(), "and with this policy");
  verb->add_option_function<int32_t>(
          "--max", [flags](int32_t given) { flags->request.set_max_needs(given); }, "at most this many needs; 10000 if not given")
      ->check(CLI::Range(1, 100'000));
  OnRun(verb, [&session, flags] {
    v1::CompareDirectoriesRequest request = flags->request;
    *request.mutable_from_time() = flags->from;
    *request.mutable_to_time() = flags->to;
    if (flags->as_of.seconds() != 0) *request.mutable_other()->mutable_as_of_time() = flags->as_of;
    if (flags->base_as_of.seconds() != 0) *request.mutable_base()->mutable_as_of_time() = flags->base_as_of;
    if (IsHash(flags->other)) {
      request.mutable_other()->set_directory_hash(flags->other);
    } else if (!flags->other.empty() && !ReadTables(flags->other, request.mutable_files())) {
      return static_cast<int>(kUsage);
    }
    auto client = session.Client();
    if (!client) return session.Report(client.error());
    const bool progress = ::isatty(STDERR_FILENO) == 1;
    v1::CompareDirectoriesResponse part, whole;
    auto ended = (*client)->ReadStream("gridloop.v1.RoutingService/CompareDirectories", request, &part, [&] {
      if (progress) fmt::print(stderr, "\r{:3} %  {} needs", part.percent(), part.needs());
      whole.MergeFrom(part);
      return true;
    });
    if (progress) fmt::print(stderr, "\r\033[K");
    if (!ended) {
      const int code = session.Report(ended.error());
      return ended.error().reason == "DIRECTORY_BAD" ? static_cast<int>(kDirectoryBad) : code;
    }
    if (session.json()) {
      session.PrintJson(whole);
    } else {
      Show(session, whole);
    }
    return static_cast<int>(kGood);
  });
}

}  // namespace gridloop::cli
