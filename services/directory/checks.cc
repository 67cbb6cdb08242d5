#include "directory/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "domain/calendar.h"

namespace gridloop {
namespace {

constexpr std::string_view kFirstDay = "0000-00-00";
constexpr std::string_view kLastDay = "9999-99-99";
constexpr int64_t kHolidayOutlookDays = 60;  // how far ahead an empty duty roster before a long holiday is an error
constexpr int64_t kLongHolidayDays = 3;

std::string_view From(const v1::Validity& validity) { return validity.from_date().empty() ? kFirstDay : std::string_view(validity.from_date()); }
std::string_view To(const v1::Validity& validity) { return validity.to_date().empty() ? kLastDay : std::string_view(validity.to_date()); }
bool Holds(const v1::Validity& validity, std::string_view date) { return From(validity) <= date && date <= To(validity); }
bool Within(const v1::Validity& inner, const v1::Validity& outer) { return From(outer) <= From(inner) && To(inner) <= To(outer); }
std::string DaysText(const v1::Validity& validity) {
  if (validity.from_date().empty() && validity.to_date().empty()) return "always";
  if (validity.to_date().empty()) return fmt::format("from {}", validity.from_date());
  if (validity.from_date().empty()) return fmt::format("until {}", validity.to_date());
  return fmt::format("from {} to {}", validity.from_date(), validity.to_date());
}
std::string NextDay(std::string_view date) { return DateFromDays(DaysFromDate(date) + 1); }

std::string_view Bare(std::string_view name) {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

template <class Message>
using Index = std::unordered_map<std::string, const Row<Message>*>;

template <class Message, class Key>
Index<Message> MakeIndex(const std::vector<Row<Message>>& rows, Key key) {
  Index<Message> index;
  for (const Row<Message>& row : rows) index.emplace(key(row.value), &row);
  return index;
}

template <class Message>
const Row<Message>* Find(const Index<Message>& index, const std::string& key) {
  auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

class Checker {
 public:
  Checker(const Tables& tables, std::string_view today, Problems& problems) : tables_(tables), today_(today), problems_(problems) {
    units_ = MakeIndex(tables.units, [](const v1::Unit& unit) { return unit.name(); });
    communities_ = MakeIndex(tables.communities, [](const v1::Community& community) { return community.code(); });
    institutions_ = MakeIndex(tables.institutions, [](const v1::Institution& row) { return row.id(); });
    organisations_ = MakeIndex(tables.organisations, [](const v1::Organisation& row) { return row.id(); });
    teams_ = MakeIndex(tables.teams, [](const v1::Team& row) { return row.id(); });
    workers_ = MakeIndex(tables.workers, [](const v1::Worker& row) { return row.name(); });
  }

  void Run() {
    CheckUnits();
    CheckCoverage();
    CheckAliases();
    CheckInstitutions();
    CheckWorkers();
    CheckPosts();
    CheckShiftsAndLeaves();
    CheckDuties();
    CheckCalendar();
    CheckHolidays();
    CheckWords();
    CheckPolicy();
  }

 private:
  // Is something known, or is its table unreadable, which was said already?
  template <class Message>
  bool Known(const Index<Message>& index, std::string_view table, const std::string& key) const {
    return index.contains(key) || !tables_.Readable(table);
  }

  void CheckUnit(std::string_view path, int line, std::string_view column, const std::string& name) {
    if (name.empty() || Known(units_, "units.csv", name)) return;
    problems_.Error(std::string(path), line, std::string(column), fmt::format("there is no unit \"{}\"", Bare(name)),
                    "Use an id from units.csv, or add the unit there.");
  }

  const Row<v1::Worker>* CheckWorker(std::string_view path, int line, const std::string& name) {
    const Row<v1::Worker>* worker = Find(workers_, name);
    if (worker == nullptr && tables_.Readable("workers.csv")) {
      problems_.Error(std::string(path), line, "worker", fmt::format("there is no worker \"{}\"", Bare(name)),
                      "Use an id from workers.csv, or add the worker there.");
    }
    return worker;
  }

  // Within a group that must not overlap: reports each row that begins before an earlier one ended.
  struct Span {
    const v1::Validity* validity;
    int line;
    std::string who;
  };
  void CheckOverlaps(std::string_view path, std::string_view column, const std::string& what, std::vector<Span> spans) {
    std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return From(*a.validity) < From(*b.validity); });
    for (size_t index = 1, longest = 0; index < spans.size(); ++index) {
      const Span& before = spans[longest];
      const Span& here = spans[index];
      if (From(*here.validity) <= To(*before.validity)) {
        const Span& later = here.line >= before.line ? here : before;
        const Span& earlier = here.line >= before.line ? before : here;
        problems_.Error(std::string(path), later.line, std::string(column),
                        fmt::format("{} has {} ({}) on the same days as {} ({}) in line {}", what, later.who, DaysText(*later.validity), earlier.who,
                                    DaysText(*earlier.validity), earlier.line),
                        "Drop one line, or end the earlier one the day before the later one begins.");
      }
      if (To(*here.validity) > To(*before.validity)) longest = index;
    }
  }

  void CheckUnits() {
    if (!tables_.Readable("units.csv")) return;
    const Row<v1::Unit>* center = nullptr;
    for (const Row<v1::Unit>& row : tables_.units) {
      const v1::Unit& unit = row.value;
      if (unit.kind() == v1::UNIT_KIND_CENTER) {
        if (center != nullptr) {
          problems_.Error("units.csv", row.line, "kind", fmt::format("a second centre; line {} has one already", center->line),
                          "There is exactly one centre: give this unit another kind.");
        } else {
          center = &row;
        }
        if (!unit.parent().empty()) {
          problems_.Error("units.csv", row.line, "parent", "the centre has no unit above it", "Leave parent empty.");
        }
        continue;
      }
      if (unit.parent().empty()) {
        problems_.Error("units.csv", row.line, "parent", "is empty",
                        unit.kind() == v1::UNIT_KIND_ROOM ? "Write the id of the room's station." : "Write the id of the unit above it.");
        continue;
      }
      const Row<v1::Unit>* parent = Find(units_, unit.parent());
      if (parent == nullptr) {
        CheckUnit("units.csv", row.line, "parent", unit.parent());
        continue;
      }
      const v1::UnitKind above = parent->value.kind();
      const bool fits = unit.kind() == v1::UNIT_KIND_ROOM      ? above == v1::UNIT_KIND_STATION
                        : unit.kind() == v1::UNIT_KIND_STATION ? above == v1::UNIT_KIND_CENTER
                                                               : above == v1::UNIT_KIND_STATION || above == v1::UNIT_KIND_CENTER;
      if (InCycle(unit)) {
        problems_.Error("units.csv", row.line, "parent", fmt::format("\"{}\" is above itself: the parents run in a circle", Bare(unit.name())),
                        "Let every chain of parents end at the centre.");
      } else if (!fits) {
        problems_.Error("units.csv", row.line, "parent", fmt::format("\"{}\" has the wrong kind to be above this unit", Bare(unit.parent())),
                        "A room is under a station, a station under the centre, a special unit under either.");
      }
      if (!Within(unit.validity(), parent->value.validity())) {
        problems_.Error(
            "units.csv", row.line, "from_date",
            fmt::format("exists {}, but the unit above it, \"{}\", {}", DaysText(unit.validity()), Bare(unit.parent()), DaysText(parent->value.validity())),
            "Make the dates meet: a unit cannot outlast the one above it.");
      }
    }
    if (center == nullptr) {
      problems_.Error("units.csv", 0, "kind", "there is no centre", "Add a line with kind center.");
    }
  }

  bool InCycle(const v1::Unit& unit) const {
    std::unordered_set<std::string> seen;
    const v1::Unit* above = &unit;
    while (seen.insert(above->name()).second) {
      const Row<v1::Unit>* parent = Find(units_, above->parent());
      if (parent == nullptr) return false;
      above = &parent->value;
      if (above->name() == unit.name()) return true;
    }
    return false;
  }

  // A community's code, or the community of a grid code, if the directory lists it.
  bool AreaKnown(const std::string& area) const {
    if (IsDigits(area, 12)) return Known(communities_, "communities.csv", area);
    if (IsDigits(area, 15)) return Known(communities_, "communities.csv", area.substr(0, 12));
    return false;
  }

  void CheckCoverage() {
    std::unordered_map<std::string, std::vector<Span>> by_area;
    for (const Row<v1::Coverage>& row : tables_.coverages) {
      const v1::Coverage& coverage = row.value;
      CheckUnit("coverage.csv", row.line, "unit", coverage.unit());
      const bool place = IsDigits(coverage.area(), 12) || IsDigits(coverage.area(), 15);
      if (place ? !AreaKnown(coverage.area()) : !Known(institutions_, "institutions.csv", coverage.area())) {
        problems_.Error("coverage.csv", row.line, "area",
                        fmt::format("\"{}\" is neither a known community, nor a cell of one, nor an institution", coverage.area()),
                        "Use a 12-digit code from communities.csv, 15 digits that begin with one, or an id from "
                        "institutions.csv.");
      }
      if (const Row<v1::Unit>* unit = Find(units_, coverage.unit())) {
        const bool special = unit->value.kind() == v1::UNIT_KIND_SPECIAL;
        if (special == place) {
          problems_.Error("coverage.csv", row.line, "unit",
                          special ? "a special unit covers institutions, not communities or cells" : "only a special unit covers an institution",
                          special ? "Name the room or station that covers it." : "Name a unit of kind special.");
        }
        if (!Within(coverage.validity(), unit->value.validity())) {
          problems_.Error("coverage.csv", row.line, "from_date",
                          fmt::format("holds {}, but the unit exists {}", DaysText(coverage.validity()), DaysText(unit->value.validity())),
                          "Make the dates meet: no coverage outside the unit's days.");
        }
      }
      by_area[coverage.area()].push_back({&coverage.validity(), row.line, fmt::format("\"{}\"", Bare(coverage.unit()))});
    }
    for (auto& [area, spans] : by_area) CheckOverlaps("coverage.csv", "area", fmt::format("\"{}\"", area), spans);
    if (!tables_.Readable("coverage.csv")) return;
    for (const Row<v1::Community>& row : tables_.communities) CheckGap(row, by_area[row.value.code()]);
  }

  // A gap today is an error; one in the future may yet be filled.
  void CheckGap(const Row<v1::Community>& row, std::vector<Span> spans) {
    std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return From(*a.validity) < From(*b.validity); });
    std::string day(today_);  // the first day that is not known to be covered
    for (const Span& span : spans) {
      if (From(*span.validity) > day) break;
      if (To(*span.validity) < day) continue;
      if (span.validity->to_date().empty()) return;
      day = NextDay(span.validity->to_date());
    }
    const std::string code = row.value.code();
    if (day == today_) {
      problems_.Error("communities.csv", row.line, "community_code",
                      spans.empty() ? fmt::format("no unit covers {}", code) : fmt::format("no unit covers {} on {}", code, day),
                      "Add a line to coverage.csv: the community's room, or its station if it has none.");
    } else {
      problems_.Warning("communities.csv", row.line, "community_code", fmt::format("no unit covers {} on {}", code, day),
                        "Add the unit that follows to coverage.csv before that day.");
    }
  }

  void CheckAliases() {
    std::unordered_map<std::string, std::vector<Span>> by_alias;
    for (const Row<v1::GridAlias>& row : tables_.grid_aliases) {
      if (!AreaKnown(row.value.grid_code())) {
        problems_.Error("grid_aliases.csv", row.line, "grid_code", fmt::format("\"{}\" lies in no known community", row.value.grid_code()),
                        "Its first 12 digits must be in communities.csv.");
      }
      if (communities_.contains(row.value.alias())) {
        problems_.Error("grid_aliases.csv", row.line, "alias", "is the code of a community", "An alias must not hide a code of the directory itself.");
      }
      by_alias[row.value.alias()].push_back({&row.value.validity(), row.line, row.value.grid_code()});
    }
    for (auto& [alias, spans] : by_alias) CheckOverlaps("grid_aliases.csv", "alias", fmt::format("\"{}\"", alias), spans);
  }

  void CheckInstitutions() {
    for (const Row<v1::Institution>& row : tables_.institutions) {
      if (!Known(communities_, "communities.csv", row.value.community())) {
        problems_.Error("institutions.csv", row.line, "community", fmt::format("there is no community {}", row.value.community()),
                        "Use a code from communities.csv.");
      }
      if (IsDigits(row.value.id(), 12) || IsDigits(row.value.id(), 15)) {
        problems_.Error("institutions.csv", row.line, "id", "looks like the code of a community or cell", "Give it an id with a letter.");
      }
    }
  }

  bool CheckOrganisation(std::string_view path, int line, const std::string& id) {
    if (id.empty() || Known(organisations_, "organisations.csv", id)) return true;
    problems_.Error(std::string(path), line, "organisation", fmt::format("there is no organisation \"{}\"", id),
                    "Use an id from organisations.csv, or add it there.");
    return false;
  }

  void CheckWorkers() {
    for (const Row<v1::Team>& row : tables_.teams) {
      CheckOrganisation("teams.csv", row.line, row.value.organisation());
    }
    for (const Row<v1::Worker>& row : tables_.workers) {
      const v1::Worker& worker = row.value;
      CheckOrganisation("workers.csv", row.line, worker.organisation());
      if (const auto* organisation = Find(organisations_, worker.organisation());
          organisation != nullptr && !Within(worker.validity(), organisation->value.validity())) {
        problems_.Error("workers.csv", row.line, "from_date",
                        fmt::format("is employed {}, but the organisation is there {}", DaysText(worker.validity()), DaysText(organisation->value.validity())),
                        "Make the dates meet, or name the organisation that takes over.");
      }
      if (worker.team().empty()) continue;
      const auto* team = Find(teams_, worker.team());
      if (team == nullptr) {
        if (tables_.Readable("teams.csv")) {
          problems_.Error("workers.csv", row.line, "team", fmt::format("there is no team \"{}\"", worker.team()), "Use an id from teams.csv, or add it there.");
        }
      } else if (team->value.organisation() != worker.organisation()) {
        problems_.Error("workers.csv", row.line, "team",
                        fmt::format("the team belongs to \"{}\", the worker to \"{}\"", team->value.organisation(), worker.organisation()),
                        "Name a team of the worker's own organisation.");
      }
    }
  }

  void CheckPosts() {
    std::unordered_map<std::string, std::vector<Span>> by_post;
    std::unordered_set<std::string> staffed;  // on the day that counts for the unit
    std::unordered_set<std::string> headed;
    for (const Row<PostRow>& row : tables_.posts) {
      const v1::Post& post = row.value.post;
      CheckUnit("posts.csv", row.line, "unit", post.unit());
      const Row<v1::Worker>* worker = CheckWorker("posts.csv", row.line, "workers/" + row.value.worker);
      const Row<v1::Unit>* unit = Find(units_, post.unit());
      if (worker != nullptr && !Within(post.validity(), worker->value.validity())) {
        problems_.Error("posts.csv", row.line, "from_date",
                        fmt::format("the post holds {}, but the worker is employed {}", DaysText(post.validity()), DaysText(worker->value.validity())),
                        "Make the dates meet: no post outside the worker's employment.");
      }
      if (unit != nullptr && !Within(post.validity(), unit->value.validity())) {
        problems_.Error("posts.csv", row.line, "from_date",
                        fmt::format("the post holds {}, but the unit exists {}", DaysText(post.validity()), DaysText(unit->value.validity())),
                        "Make the dates meet: no post outside the unit's days.");
      }
      by_post[row.value.worker + " " + post.unit()].push_back({&post.validity(), row.line, "a post"});
      if (unit == nullptr || worker == nullptr) continue;
      const std::string_view day = CountingDay(unit->value);
      if (!Holds(post.validity(), day) || !Holds(worker->value.validity(), day)) continue;
      staffed.insert(post.unit());
      if (post.head()) headed.insert(post.unit());
    }
    for (auto& [key, spans] : by_post) {
      CheckOverlaps("posts.csv", "worker", fmt::format("worker \"{}\" at this unit", key.substr(0, key.find(' '))), spans);
    }
    if (!tables_.Readable("posts.csv") || !tables_.Readable("workers.csv")) return;
    for (const Row<v1::Unit>& row : tables_.units) {
      const v1::Unit& unit = row.value;
      if (To(unit.validity()) < today_) continue;
      if (!staffed.contains(unit.name())) {
        std::string message = fmt::format("\"{}\" has no worker on {}", Bare(unit.name()), CountingDay(unit));
        if (unit.kind() == v1::UNIT_KIND_ROOM) {
          problems_.Warning("units.csv", row.line, "id", message + "; its station serves it", "Add a post to posts.csv, or leave it to the station.");
        } else {
          problems_.Error("units.csv", row.line, "id", std::move(message), "Add a post to posts.csv.");
        }
      } else if (unit.kind() == v1::UNIT_KIND_STATION && !headed.contains(unit.name())) {
        problems_.Warning("units.csv", row.line, "id", fmt::format("station \"{}\" has no head", Bare(unit.name())),
                          "Write yes under head in one of its posts: the head accepts, assigns and verifies.");
      }
    }
  }

  // The day on which a unit must be staffed: today, or its first day if it is yet to open.
  std::string_view CountingDay(const v1::Unit& unit) const { return std::max(From(unit.validity()), today_); }

  void CheckShiftsAndLeaves() {
    std::unordered_map<std::string, std::vector<const Row<ShiftRow>*>> by_day;
    for (const Row<ShiftRow>& row : tables_.shifts) {
      CheckWorker("shifts.csv", row.line, "workers/" + row.value.worker);
      auto& earlier = by_day[fmt::format("{} {}", row.value.worker, row.value.shift.weekday())];
      for (const Row<ShiftRow>* other : earlier) {
        if (row.value.shift.start_minute() < other->value.shift.end_minute() && other->value.shift.start_minute() < row.value.shift.end_minute()) {
          problems_.Error("shifts.csv", row.line, "start", fmt::format("overlaps the worker's shift in line {}", other->line),
                          "Join the two lines or make them apart.");
          break;
        }
      }
      earlier.push_back(&row);
    }
    for (const Row<LeaveRow>& row : tables_.leaves) {
      CheckWorker("leaves.csv", row.line, "workers/" + row.value.worker);
    }
  }

  void CheckDuties() {
    std::unordered_map<std::string, std::vector<const Row<LeaveRow>*>> leaves;
    for (const Row<LeaveRow>& row : tables_.leaves) leaves["workers/" + row.value.worker].push_back(&row);
    for (const Row<v1::DutyEntry>& row : tables_.duties) {
      const v1::DutyEntry& duty = row.value;
      CheckUnit("duty.csv", row.line, "unit", duty.unit());
      const Row<v1::Unit>* unit = Find(units_, duty.unit());
      if (unit != nullptr && unit->value.kind() == v1::UNIT_KIND_SPECIAL) {
        problems_.Error("duty.csv", row.line, "unit", "a special unit has no duty roster", "Rosters are for rooms, stations and the centre.");
      }
      const Row<v1::Worker>* worker = CheckWorker("duty.csv", row.line, duty.worker());
      if (worker != nullptr && !Holds(worker->value.validity(), duty.date())) {
        problems_.Error("duty.csv", row.line, "date",
                        fmt::format("on {} \"{}\" is not employed ({})", duty.date(), Bare(duty.worker()), DaysText(worker->value.validity())),
                        "Put somebody else on duty.");
      }
      for (const Row<LeaveRow>* leave : leaves[duty.worker()]) {
        if (!Holds(leave->value.days, duty.date())) continue;
        problems_.Error("duty.csv", row.line, "date",
                        fmt::format("on {} \"{}\" is on leave (leaves.csv line {})", duty.date(), Bare(duty.worker()), leave->line),
                        "Put somebody else on duty.");
      }
    }
  }

  void CheckCalendar() {
    const int last_year = tables_.policy.last_dated_year;
    if (!tables_.Readable("calendar.csv") || !tables_.Readable("policy.yaml") || last_year == 0) return;
    bool dated = false;
    for (const Row<v1::DatedDay>& row : tables_.dated_days) {
      const std::string year = row.value.date().substr(0, 4);
      if (year == fmt::format("{:04}", last_year)) dated = true;
      if (year > fmt::format("{:04}", last_year)) {
        problems_.Error("calendar.csv", row.line, "date", fmt::format("{} is after the last dated year {}", row.value.date(), last_year),
                        "Raise last_dated_year in policy.yaml once the year's notice is entered in full.");
      }
    }
    if (!dated) {
      problems_.Error("calendar.csv", 0, "date", fmt::format("has no day of the last dated year {}", last_year),
                      "Enter that year's notice, or lower last_dated_year in policy.yaml.");
    }
    if (today_ >= fmt::format("{:04}-10-01", last_year)) {
      problems_.Warning("calendar.csv", 0, "date", fmt::format("after {} only weekends are known: limits that reach further are provisional", last_year),
                        "Enter the next year's notice of holidays when it is out, and raise last_dated_year.");
    }
  }

  // Holidays with the weekends beside them: runs of days off in which at least one day is a dated holiday.
  void CheckHolidays() {
    if (!tables_.Readable("calendar.csv") || !tables_.Readable("duty.csv")) return;
    std::unordered_map<std::string, v1::DayKind> dated;
    for (const Row<v1::DatedDay>& row : tables_.dated_days) dated[row.value.date()] = row.value.kind();
    std::unordered_set<std::string> on_duty;
    for (const Row<v1::DutyEntry>& row : tables_.duties) on_duty.insert(row.value.unit() + " " + row.value.date());
    auto is_off = [&](int64_t day) {
      if (auto found = dated.find(DateFromDays(day)); found != dated.end()) {
        return found->second == v1::DAY_KIND_HOLIDAY;
      }
      const int64_t weekday = ((day + 3) % 7 + 7) % 7;  // 1970-01-01 was a Thursday; 0 is Monday
      return weekday >= 5;
    };
    const int64_t today = DaysFromDate(today_);
    int64_t day = today;
    while (is_off(day) && is_off(day - 1)) --day;  // a holiday that has begun still counts
    while (day <= today + kHolidayOutlookDays) {
      if (!is_off(day)) {
        ++day;
        continue;
      }
      const int64_t first = day;
      bool holiday = false;
      for (; is_off(day); ++day) holiday = holiday || dated.contains(DateFromDays(day));
      if (!holiday || day - first < kLongHolidayDays) continue;
      for (const Row<v1::Unit>& row : tables_.units) {
        const v1::Unit& unit = row.value;
        if (unit.kind() != v1::UNIT_KIND_CENTER && unit.kind() != v1::UNIT_KIND_STATION) continue;
        std::vector<std::string> empty;
        for (int64_t at = std::max(first, today); at < day; ++at) {
          const std::string date = DateFromDays(at);
          if (Holds(unit.validity(), date) && !on_duty.contains(unit.name() + " " + date)) empty.push_back(date);
        }
        if (empty.empty()) continue;
        problems_.Error("duty.csv", 0, "date",
                        fmt::format("nobody is on duty at \"{}\" in the holiday {} to {}: {}", Bare(unit.name()), DateFromDays(first), DateFromDays(day - 1),
                                    fmt::join(empty, ", ")),
                        "Add a line for each of these days.");
      }
    }
  }

  void CheckWords() {
    if (!tables_.Readable("types.csv")) return;
    const bool has_other = std::any_of(tables_.types.begin(), tables_.types.end(), [](const auto& row) { return row.value.id() == "other"; });
    if (!has_other) {
      problems_.Error("types.csv", 0, "id", "there is no type \"other\"", "Add it: a report without a type is taken as other.");
    }
  }

  void CheckPolicy() {
    if (!tables_.Readable("policy.yaml")) return;
    const auto categories = MakeIndex(tables_.categories, [](const v1::Category& row) { return row.id(); });
    const auto types = MakeIndex(tables_.types, [](const v1::NeedType& row) { return row.id(); });
    const auto dangers = MakeIndex(tables_.dangers, [](const v1::Danger& row) { return row.id(); });
    for (const PolicyReference& reference : tables_.policy.references) {
      auto complain = [&](std::string_view noun, std::string_view table) {
        problems_.Error("policy.yaml", reference.line, reference.key, fmt::format("there is no {} \"{}\"", noun, reference.value),
                        fmt::format("Use one from {}, or add it there.", table));
      };
      const std::string& value = reference.value;
      switch (reference.kind) {
        case PolicyReference::Kind::kCategory:
          if (!Known(categories, "categories.csv", value)) complain("category", "categories.csv");
          break;
        case PolicyReference::Kind::kType:
          if (!Known(types, "types.csv", value)) complain("type", "types.csv");
          break;
        case PolicyReference::Kind::kDanger:
          if (!Known(dangers, "dangers.csv", value)) complain("danger", "dangers.csv");
          break;
        case PolicyReference::Kind::kUnit:
          if (!Known(units_, "units.csv", "units/" + value)) complain("unit", "units.csv");
          break;
        case PolicyReference::Kind::kAreaPrefix: {
          const bool found = !value.empty() && std::any_of(tables_.communities.begin(), tables_.communities.end(),
                                                           [&](const auto& row) { return row.value.code().starts_with(value); });
          if (!found && tables_.Readable("communities.csv")) complain("community that begins with", "communities.csv");
          break;
        }
      }
    }
    CheckLimits();
    for (int grade = v1::GRADE_ONE; grade <= v1::GRADE_FOUR; ++grade) {
      const auto& grades = tables_.policy.policy.grades();
      if (std::any_of(grades.begin(), grades.end(), [&](const v1::GradeRule& rule) { return rule.grade() == grade; })) continue;
      problems_.Error("policy.yaml", tables_.policy.grades_line, "grades", fmt::format("grade {} is missing", grade), "Add it with its tier.");
    }
  }

  // Every clock must end for every urgency, graded or not.
  void CheckLimits() {
    const auto* kinds = v1::ClockKind_descriptor();
    const auto* urgencies = v1::Urgency_descriptor();
    auto word = [](const google::protobuf::EnumValueDescriptor* value, size_t prefix) {
      std::string text = value->name().substr(prefix);
      for (char& c : text) c = c == '_' ? '-' : static_cast<char>(c - 'A' + 'a');
      return text;
    };
    for (int k = 0; k < kinds->value_count(); ++k) {
      if (kinds->value(k)->number() == 0) continue;
      for (int u = 0; u < urgencies->value_count(); ++u) {
        const int urgency = urgencies->value(u)->number();
        if (urgency == 0) continue;
        const auto& limits = tables_.policy.policy.limits();
        const bool found = std::any_of(limits.begin(), limits.end(), [&](const v1::LimitRule& rule) {
          return rule.kind() == kinds->value(k)->number() && rule.grades().empty() &&
                 (rule.urgencies().empty() || std::find(rule.urgencies().begin(), rule.urgencies().end(), urgency) != rule.urgencies().end());
        });
        if (found) continue;
        problems_.Error("policy.yaml", tables_.policy.limits_line, "limits",
                        fmt::format("there is no limit for clock {} at urgency {}", word(kinds->value(k), std::string_view("CLOCK_KIND_").size()),
                                    word(urgencies->value(u), std::string_view("URGENCY_").size())),
                        "Add one without grades: it holds for needs that are not graded.");
      }
    }
  }

  const Tables& tables_;
  const std::string_view today_;
  Problems& problems_;
  Index<v1::Unit> units_;
  Index<v1::Community> communities_;
  Index<v1::Institution> institutions_;
  Index<v1::Organisation> organisations_;
  Index<v1::Team> teams_;
  Index<v1::Worker> workers_;
};

}  // namespace

void CheckTables(const Tables& tables, std::string_view today, Problems& problems) { Checker(tables, today, problems).Run(); }

}  // namespace gridloop
