#include "directory/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "domain/calendar.h"
#include "domain/snapshot.h"

namespace gridloop {
namespace {

constexpr std::string_view kFirstDay = "0000-00-00";
constexpr std::string_view kLastDay = "9999-99-99";
constexpr std::string_view kLastDate = "9999-12-31";
constexpr int64_t kHolidayOutlookDays = 60;  // how far ahead an empty duty roster before a long holiday is an error
constexpr int64_t kLongHolidayDays = 3;
constexpr int64_t kRosterOutlookDays = 30;
constexpr size_t kMaxTerms = 32;  // lines of one id; a worker's each carry the posts and shifts that fall into them
constexpr size_t kCommunityDigits = 12;
constexpr int kMaxSuggestions = 100;
constexpr size_t kMaxSuggested = 200;

std::string_view From(const v1::Validity& validity) { return validity.from_date().empty() ? kFirstDay : std::string_view(validity.from_date()); }
std::string_view To(const v1::Validity& validity) { return validity.to_date().empty() ? kLastDay : std::string_view(validity.to_date()); }
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

// The rows of each id, by first day; one more than may be is enough to see that there are too many.
template <class Message>
using Terms = std::unordered_map<std::string, std::vector<const Row<Message>*>>;

template <class Message, class Key>
Terms<Message> MakeTerms(const std::vector<Row<Message>>& rows, Key key) {
  Terms<Message> terms;
  for (const Row<Message>& row : rows) {
    if (auto& of_id = terms[key(row.value)]; of_id.size() <= kMaxTerms) of_id.push_back(&row);
  }
  for (auto& [id, of_id] : terms) {
    std::ranges::stable_sort(of_id, {}, [](const Row<Message>* row) { return From(row->value.validity()); });
  }
  return terms;
}

template <class Message>
const std::vector<const Row<Message>*>& Find(const Terms<Message>& terms, const std::string& key) {
  static const std::vector<const Row<Message>*> none;
  auto found = terms.find(key);
  return found == terms.end() ? none : found->second;
}

template <class Message>
bool AnyOn(const std::vector<const Row<Message>*>& rows, std::string_view date) {
  return std::ranges::any_of(rows, [&](const Row<Message>* row) { return HoldsOn(row->value.validity(), date); });
}

const v1::Validity& DaysOf(const v1::Validity* days) { return *days; }
template <class Message>
const v1::Validity& DaysOf(const Row<Message>* row) {
  return row->value.validity();
}

// The first day from `from` to `to` on which none of the rows holds. They are sorted by first day.
template <class Rows>
std::optional<std::string> FirstGap(const Rows& rows, std::string_view from, std::string_view to) {
  std::string day(from);
  for (const auto& row : rows) {
    const v1::Validity& days = DaysOf(row);
    if (From(days) > day) break;
    if (To(days) < day) continue;
    if (To(days) >= to || To(days) >= kLastDate) return std::nullopt;
    day = NextDay(days.to_date());
  }
  return day <= to ? std::optional(std::move(day)) : std::nullopt;
}

template <class Rows>
bool Cover(const Rows& rows, const v1::Validity& days) {
  return !FirstGap(rows, From(days), To(days));
}

template <class Rows>
std::string DaysTextOf(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : ", ") + DaysText(DaysOf(row));
  return text;
}

// How many characters must be put in, taken out or replaced to turn one word into the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

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
    communities_ = MakeTerms(tables.communities, [](const v1::Community& community) { return community.code(); });
    institutions_ = MakeTerms(tables.institutions, [](const v1::Institution& row) { return row.id(); });
    organisations_ = MakeTerms(tables.organisations, [](const v1::Organisation& row) { return row.id(); });
    teams_ = MakeTerms(tables.teams, [](const v1::Team& row) { return row.id(); });
    workers_ = MakeTerms(tables.workers, [](const v1::Worker& row) { return row.name(); });
  }

  void Run() {
    CheckTerms("communities.csv", "community_code", communities_);
    CheckTerms("institutions.csv", "id", institutions_);
    CheckTerms("organisations.csv", "id", organisations_);
    CheckTerms("teams.csv", "id", teams_);
    CheckTerms("workers.csv", "id", workers_);
    auto id = [](const auto& row) { return row.id(); };
    CheckTerms("departments.csv", "id", MakeTerms(tables_.departments, id));
    CheckTerms("categories.csv", "id", MakeTerms(tables_.categories, id));
    CheckTerms("types.csv", "id", MakeTerms(tables_.types, id));
    CheckTerms("dangers.csv", "id", MakeTerms(tables_.dangers, id));
    CheckUnits();
    CheckCoverage();
    CheckAliases();
    CheckInstitutions();
    CheckWorkers();
    CheckPosts();
    CheckShiftsAndLeaves();
    CheckDuties();
    CheckDutyPosts();
    CheckRosterEnds();
    CheckCalendar();
    CheckHolidays();
    CheckWords();
    CheckSkills();
    CheckPolicy();
  }

 private:
  // Is something known, or is its table unreadable, which was said already?
  template <class Rows>
  bool Known(const Rows& index, std::string_view table, const std::string& key) const {
    return index.contains(key) || !tables_.Readable(table);
  }

  void CheckUnit(std::string_view path, int line, std::string_view column, const std::string& name) {
    if (name.empty() || Known(units_, "units.csv", name)) return;
    problems_.Error(std::string(path), line, std::string(column), fmt::format("there is no unit \"{}\"", Bare(name)),
                    "Use an id from units.csv, or add the unit there.");
  }

  // The worker's terms; none if there is no such worker.
  const std::vector<const Row<v1::Worker>*>& CheckWorker(std::string_view path, int line, const std::string& name) {
    const auto& terms = Find(workers_, name);
    if (terms.empty() && tables_.Readable("workers.csv")) {
      problems_.Error(std::string(path), line, "worker", fmt::format("there is no worker \"{}\"", Bare(name)),
                      "Use an id from workers.csv, or add the worker there.");
    }
    return terms;
  }

  // Within a group that must not overlap: reports each row that begins before an earlier one ended.
  struct Span {
    const v1::Validity* validity;
    int line;
    std::string who;  // empty: the row itself, known by its id
  };
  void CheckOverlaps(std::string_view path, std::string_view column, const std::string& what, std::vector<Span> spans) {
    std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return From(*a.validity) < From(*b.validity); });
    for (size_t index = 1, longest = 0; index < spans.size(); ++index) {
      const Span& before = spans[longest];
      const Span& here = spans[index];
      if (From(*here.validity) <= To(*before.validity)) {
        const Span& later = here.line >= before.line ? here : before;
        const Span& earlier = here.line >= before.line ? before : here;
        if (later.who.empty()) {
          problems_.Error(std::string(path), later.line, std::string(column),
                          fmt::format("{} ({}) stands in line {} ({}) already", what, DaysText(*later.validity), earlier.line, DaysText(*earlier.validity)),
                          "Keep one of the two lines, give this one an id of its own, or end the earlier one the day before the later one begins.");
        } else {
          problems_.Error(std::string(path), later.line, std::string(column),
                          fmt::format("{} has {} ({}) on the same days as {} ({}) in line {}", what, later.who, DaysText(*later.validity), earlier.who,
                                      DaysText(*earlier.validity), earlier.line),
                          "Drop one line, or end the earlier one the day before the later one begins.");
        }
      }
      if (To(*here.validity) > To(*before.validity)) longest = index;
    }
  }

  // Rows of one id hold on different days.
  template <class Message>
  void CheckTerms(std::string_view path, std::string_view column, const Terms<Message>& terms) {
    for (const auto& [id, rows] : terms) {
      if (rows.size() < 2) continue;
      std::vector<Span> spans;
      for (const Row<Message>* row : rows) spans.push_back({&row->value.validity(), row->line, {}});
      CheckOverlaps(path, column, fmt::format("\"{}\"", Bare(id)), std::move(spans));
      if (rows.size() <= kMaxTerms) continue;
      const auto last = std::ranges::max_element(rows, {}, [](const Row<Message>* row) { return row->line; });
      problems_.Error(std::string(path), (*last)->line, std::string(column), fmt::format("\"{}\" has more than {} lines", Bare(id), kMaxTerms),
                      "Drop those that ended long ago.");
    }
  }

  // Reports a row whose dates reach beyond those of what it names. A side without a date does not: it goes as far as
  // the named goes.
  template <class Rows>
  void CheckMeets(std::string_view path, int line, const v1::Validity& days, const Rows& named, std::string_view noun) {
    if (named.empty() || (days.from_date().empty() && days.to_date().empty())) return;
    const auto last = std::ranges::max_element(named, {}, [](const auto* row) { return To(row->value.validity()); });
    const std::string_view from = days.from_date().empty() ? From(named.front()->value.validity()) : From(days);
    const std::string_view to = days.to_date().empty() ? To((*last)->value.validity()) : To(days);
    if (from <= to && !FirstGap(named, from, to)) return;
    problems_.Error(std::string(path), line, "from_date", fmt::format("holds {}, but the {} is there {}", DaysText(days), noun, DaysTextOf(named)),
                    fmt::format("Make the dates meet: nothing outside the {}'s days.", noun));
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
    if (IsDigits(area, kCommunityDigits)) return Known(communities_, "communities.csv", area);
    if (IsDigits(area, 15)) return Known(communities_, "communities.csv", area.substr(0, kCommunityDigits));
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
      CheckMeets("coverage.csv", row.line, coverage.validity(), Find(communities_, place ? coverage.area().substr(0, kCommunityDigits) : std::string()),
                 "community");
      CheckMeets("coverage.csv", row.line, coverage.validity(), Find(institutions_, coverage.area()), "institution");
      if (const Row<v1::Unit>* unit = Find(units_, coverage.unit())) {
        const bool special = unit->value.kind() == v1::UNIT_KIND_SPECIAL;
        if (unit->value.kind() == v1::UNIT_KIND_CENTER) {
          problems_.Error("coverage.csv", row.line, "unit", "the centre covers nothing: routing never offers to it",
                          place ? "Name a room or a station. What nobody covers comes to the centre by itself." : "Name a unit of kind special.");
        } else if (special == place) {
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
    for (const Row<v1::Institution>& row : tables_.institutions) {
      const auto gap = GapFromToday(row.value.validity(), by_area[row.value.id()]);
      if (!gap) continue;
      problems_.Warning("institutions.csv", row.line, "id", fmt::format("no unit covers \"{}\" on {}", row.value.id(), *gap),
                        "Add a line to coverage.csv with the special unit that serves it; needs from there go by its community until then.");
    }
  }

  // The first day, today or later, on which the row holds and none of the spans does.
  std::optional<std::string> GapFromToday(const v1::Validity& days, const std::vector<Span>& spans) const {
    if (To(days) < today_) return std::nullopt;
    std::vector<const v1::Validity*> sorted;
    for (const Span& span : spans) sorted.push_back(span.validity);
    std::ranges::stable_sort(sorted, {}, [](const v1::Validity* each) { return From(*each); });
    return FirstGap(sorted, std::max(From(days), today_), To(days));
  }

  // A gap today is an error; one in the future may yet be filled.
  void CheckGap(const Row<v1::Community>& row, const std::vector<Span>& spans) {
    const auto day = GapFromToday(row.value.validity(), spans);
    if (!day) return;
    const std::string code = row.value.code();
    if (*day == today_) {
      problems_.Error("communities.csv", row.line, "community_code",
                      spans.empty() ? fmt::format("no unit covers {}", code) : fmt::format("no unit covers {} on {}", code, *day),
                      "Add a line to coverage.csv: the community's room, or its station if it has none.");
    } else {
      problems_.Warning("communities.csv", row.line, "community_code", fmt::format("no unit covers {} on {}", code, *day),
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
      CheckMeets("grid_aliases.csv", row.line, row.value.validity(), Find(communities_, row.value.grid_code().substr(0, kCommunityDigits)), "community");
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
      CheckMeets("institutions.csv", row.line, row.value.validity(), Find(communities_, row.value.community()), "community");
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
      CheckMeets("teams.csv", row.line, row.value.validity(), Find(organisations_, row.value.organisation()), "organisation");
    }
    for (const Row<v1::Worker>& row : tables_.workers) CheckTerm(row);
    for (const auto& [name, terms] : workers_) {
      const auto first = std::ranges::min_element(terms, {}, [](const Row<v1::Worker>* term) { return term->line; });
      for (const Row<v1::Worker>* term : terms) {
        if (term->value.display_name() == (*first)->value.display_name()) continue;
        problems_.Error("workers.csv", term->line, "display_name", fmt::format("\"{}\" has another name in line {}", Bare(name), (*first)->line),
                        "Write the name the same way in each line of the worker, or give this one an id of its own.");
      }
    }
  }

  void CheckTerm(const Row<v1::Worker>& row) {
    const v1::Worker& worker = row.value;
    CheckOrganisation("workers.csv", row.line, worker.organisation());
    if (const auto& organisation = Find(organisations_, worker.organisation()); !organisation.empty() && !Cover(organisation, worker.validity())) {
      problems_.Error("workers.csv", row.line, "from_date",
                      fmt::format("is employed {}, but the organisation is there {}", DaysText(worker.validity()), DaysTextOf(organisation)),
                      "Make the dates meet, or name the organisation that takes over.");
    }
    if (worker.team().empty()) return;
    const auto& team = Find(teams_, worker.team());
    if (team.empty()) {
      if (tables_.Readable("teams.csv")) {
        problems_.Error("workers.csv", row.line, "team", fmt::format("there is no team \"{}\"", worker.team()), "Use an id from teams.csv, or add it there.");
      }
      return;
    }
    CheckMeets("workers.csv", row.line, worker.validity(), team, "team");
    for (const Row<v1::Team>* each : team) {
      if (!Overlap(each->value.validity(), worker.validity()) || each->value.organisation() == worker.organisation()) continue;
      problems_.Error("workers.csv", row.line, "team",
                      fmt::format("the team belongs to \"{}\", the worker to \"{}\"", each->value.organisation(), worker.organisation()),
                      "Name a team of the worker's own organisation.");
      break;
    }
  }

  void CheckPosts() {
    std::unordered_map<std::string, std::vector<Span>> by_post;
    std::unordered_set<std::string> staffed;  // on the day that counts for the unit
    std::unordered_set<std::string> headed;
    for (const Row<PostRow>& row : tables_.posts) {
      const v1::Post& post = row.value.post;
      CheckUnit("posts.csv", row.line, "unit", post.unit());
      const auto& terms = CheckWorker("posts.csv", row.line, "workers/" + row.value.worker);
      const Row<v1::Unit>* unit = Find(units_, post.unit());
      if (!terms.empty()) CheckPostInTerms(row, terms);
      if (unit != nullptr && !Within(post.validity(), unit->value.validity())) {
        problems_.Error("posts.csv", row.line, "from_date",
                        fmt::format("the post holds {}, but the unit exists {}", DaysText(post.validity()), DaysText(unit->value.validity())),
                        "Make the dates meet: no post outside the unit's days.");
      }
      by_post[row.value.worker + " " + post.unit()].push_back({&post.validity(), row.line, "a post"});
      if (unit == nullptr || terms.empty()) continue;
      const std::string_view day = CountingDay(unit->value);
      if (!HoldsOn(post.validity(), day) || !AnyOn(terms, day)) continue;
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

  // A post may outlast one term and go on in the next. Days between two terms may be meant: then the worker is away.
  void CheckPostInTerms(const Row<PostRow>& row, const std::vector<const Row<v1::Worker>*>& terms) {
    const v1::Validity& days = row.value.post.validity();
    const auto gap = FirstGap(terms, From(days), To(days));
    if (!gap) return;
    const auto last = std::ranges::max_element(terms, {}, [](const Row<v1::Worker>* term) { return To(term->value.validity()); });
    if (From(terms.front()->value.validity()) <= From(days) && To(days) <= To((*last)->value.validity())) {
      problems_.Warning("posts.csv", row.line, "from_date",
                        fmt::format("the post holds {}, but from {} on \"{}\" is not employed until the next line in workers.csv begins", DaysText(days), *gap,
                                    row.value.worker),
                        "Close the gap in workers.csv, or end the post and begin it again in a line of its own.");
    } else {
      problems_.Error("posts.csv", row.line, "from_date", fmt::format("the post holds {}, but the worker is employed {}", DaysText(days), DaysTextOf(terms)),
                      "Make the dates meet: no post outside the worker's employment.");
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
        if (row.value.shift.start_minute() < other->value.shift.end_minute() && other->value.shift.start_minute() < row.value.shift.end_minute() &&
            Overlap(row.value.shift.validity(), other->value.shift.validity())) {
          problems_.Error("shifts.csv", row.line, "start", fmt::format("overlaps the worker's shift in line {}", other->line),
                          "Join the two lines, make them apart, or end one the day before the other begins.");
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
      const auto& terms = CheckWorker("duty.csv", row.line, duty.worker());
      if (!terms.empty() && !AnyOn(terms, duty.date())) {
        problems_.Error("duty.csv", row.line, "date", fmt::format("on {} \"{}\" is not employed ({})", duty.date(), Bare(duty.worker()), DaysTextOf(terms)),
                        "Put somebody else on duty.");
      }
      for (const Row<LeaveRow>* leave : leaves[duty.worker()]) {
        if (!HoldsOn(leave->value.days, duty.date())) continue;
        problems_.Error("duty.csv", row.line, "date",
                        fmt::format("on {} \"{}\" is on leave (leaves.csv line {})", duty.date(), Bare(duty.worker()), leave->line),
                        "Put somebody else on duty.");
      }
    }
  }

  // Who is rung for a unit should know it: by a post there, at its station, or at another unit of that station.
  void CheckDutyPosts() {
    if (!tables_.Readable("posts.csv") || !tables_.Readable("units.csv")) return;
    std::unordered_map<std::string, std::vector<const v1::Post*>> posts;
    for (const Row<PostRow>& row : tables_.posts) posts["workers/" + row.value.worker].push_back(&row.value.post);
    // The unit that a roster belongs to: a room's station, and for all others themselves.
    auto station_of = [&](const std::string& name) -> std::string {
      const Row<v1::Unit>* unit = Find(units_, name);
      if (unit == nullptr) return {};
      return unit->value.kind() == v1::UNIT_KIND_STATION || unit->value.kind() == v1::UNIT_KIND_CENTER ? name : unit->value.parent();
    };
    std::map<std::pair<std::string, std::string>, std::pair<const Row<v1::DutyEntry>*, int>> strangers;  // by unit and worker: first line, days
    for (const Row<v1::DutyEntry>& row : tables_.duties) {
      const v1::DutyEntry& duty = row.value;
      const std::string station = station_of(duty.unit());
      if (station.empty() || !workers_.contains(duty.worker())) continue;
      const bool posted = std::ranges::any_of(posts[duty.worker()], [&](const v1::Post* post) {
        if (!HoldsOn(post->validity(), duty.date())) return false;
        const Row<v1::Unit>* unit = Find(units_, post->unit());
        return post->unit() == duty.unit() || post->unit() == station || (unit != nullptr && unit->value.parent() == station);
      });
      if (posted) continue;
      auto& [first, days] = strangers[{duty.unit(), duty.worker()}];
      if (first == nullptr) first = &row;
      ++days;
    }
    for (const auto& [key, found] : strangers) {
      const auto& [first, days] = found;
      problems_.Warning("duty.csv", first->line, "worker",
                        fmt::format("on {} \"{}\" has no post at \"{}\", its station or a unit of that station{}", first->value.date(), Bare(key.second),
                                    Bare(key.first), days > 1 ? fmt::format(", nor on {} more days", days - 1) : ""),
                        "Put somebody of the station on duty, or add the post to posts.csv.");
    }
  }

  // A roster that nobody goes on with leaves the unit without duty from the next day on.
  void CheckRosterEnds() {
    std::map<std::string, const Row<v1::DutyEntry>*> last;  // by unit
    for (const Row<v1::DutyEntry>& row : tables_.duties) {
      auto& latest = last[row.value.unit()];
      if (latest == nullptr || latest->value.date() < row.value.date()) latest = &row;
    }
    const std::string horizon = DateFromDays(DaysFromDate(today_) + kRosterOutlookDays);
    for (const auto& [name, row] : last) {
      const Row<v1::Unit>* unit = Find(units_, name);
      const std::string& date = row->value.date();
      if (unit == nullptr || date >= horizon || date >= To(unit->value.validity()) || To(unit->value.validity()) < today_) continue;
      problems_.Warning("duty.csv", row->line, "date", fmt::format("the roster of \"{}\" ends here: nobody is on duty from {} on", Bare(name), NextDay(date)),
                        "Go on with it: add a line for each day that follows.");
    }
  }

  void CheckCalendar() {
    const int last_year = tables_.policy.last_dated_year;
    if (!tables_.Readable("calendar.csv") || !tables_.Readable("policy.yaml") || last_year == 0) return;
    std::map<std::string, int> years;  // with the line of the first row of each
    for (const Row<v1::DatedDay>& row : tables_.dated_days) {
      const std::string year = row.value.date().substr(0, 4);
      years.emplace(year, row.line);
      if (year > fmt::format("{:04}", last_year)) {
        problems_.Error("calendar.csv", row.line, "date", fmt::format("{} is after the last dated year {}", row.value.date(), last_year),
                        "Raise last_dated_year in policy.yaml once the year's notice is entered in full.");
      }
    }
    for (auto year = years.begin(); year != years.end(); ++year) {
      const auto next = std::next(year);
      if (next == years.end()) break;
      const std::string missing = DateFromDays(DaysFromDate(year->first + "-12-31") + 1).substr(0, 4);
      if (missing == next->first) continue;
      problems_.Error("calendar.csv", next->second, "date", fmt::format("{} has dated days and so has {}, but {} has none", year->first, next->first, missing),
                      fmt::format("Enter the notice of {} in full: without it its holidays count as working days.", missing));
    }
    if (!years.contains(fmt::format("{:04}", last_year))) {
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
          if (HoldsOn(unit.validity(), date) && !on_duty.contains(unit.name() + " " + date)) empty.push_back(date);
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
    const bool has_other =
        std::ranges::any_of(tables_.types, [&](const auto& row) { return row.value.id() == "other" && HoldsOn(row.value.validity(), today_); });
    if (!has_other) {
      problems_.Error("types.csv", 0, "id", "there is no type \"other\" today", "Add it: a report without a type is taken as other.");
    }
  }

  // Skills have no table of their own: one that stands on one side only matches nothing, and is often misspelt.
  void CheckSkills() {
    if (!tables_.Readable("workers.csv") || !tables_.Readable("categories.csv") || !tables_.Readable("types.csv")) return;
    struct Use {
      std::string path;
      int line = 0;
      int rows = 0;
    };
    using Uses = std::map<std::string, Use>;
    Uses had, wanted;
    auto collect = [](const auto& rows, const char* path, Uses& uses) {
      for (const auto& row : rows) {
        for (const std::string& skill : row.value.skills()) {
          Use& use = uses[skill];
          if (use.rows++ == 0) use.path = path, use.line = row.line;
        }
      }
    };
    collect(tables_.workers, "workers.csv", had);
    collect(tables_.categories, "categories.csv", wanted);
    collect(tables_.types, "types.csv", wanted);
    int suggestions = 0;
    auto check = [&](const Uses& uses, const Uses& others, const char* lack, const char* remedy) {
      for (const auto& [skill, use] : uses) {
        if (others.contains(skill)) continue;
        std::string like;
        size_t nearest = std::min<size_t>(3, 1 + skill.size() / 3);  // as far as a slip of the pen
        if (others.size() <= kMaxSuggested && ++suggestions <= kMaxSuggestions) {
          for (const auto& [other, ignored] : others) {
            if (const size_t distance = EditDistance(skill, other); distance < nearest) nearest = distance, like = other;
          }
        }
        problems_.Warning(use.path, use.line, "skills",
                          fmt::format("{} \"{}\"{}{}", lack, skill, use.rows > 1 ? fmt::format(" (here and in {} more lines)", use.rows - 1) : "",
                                      like.empty() ? "" : fmt::format("; did you mean \"{}\"?", like)),
                          remedy);
      }
    };
    check(had, wanted, "no category and no type asks for the skill", "Write the skill as categories.csv and types.csv do, or add it where it helps.");
    check(wanted, had, "no worker has the skill", "Write the skill as workers.csv does, or add it to those who have it.");
  }

  void CheckPolicy() {
    if (!tables_.Readable("policy.yaml")) return;
    const auto categories = MakeTerms(tables_.categories, [](const v1::Category& row) { return row.id(); });
    const auto types = MakeTerms(tables_.types, [](const v1::NeedType& row) { return row.id(); });
    const auto dangers = MakeTerms(tables_.dangers, [](const v1::Danger& row) { return row.id(); });
    for (const PolicyReference& reference : tables_.policy.references) {
      auto complain = [&](std::string_view noun, std::string_view table) {
        problems_.Error("policy.yaml", reference.line, reference.key, fmt::format("there is no {} \"{}\"", noun, reference.value),
                        fmt::format("Use one from {}, or add it there.", table));
      };
      const std::string& value = reference.value;
      // A rule on what has ended matches nothing any more, and nobody sees it.
      auto warn_if_ended = [&](std::string_view noun, const auto& rows, std::string_view table) {
        std::string_view last;
        for (const auto* row : rows) last = std::max(last, To(row->value.validity()));
        if (rows.empty() || last >= today_) return;
        problems_.Warning("policy.yaml", reference.line, reference.key, fmt::format("{} \"{}\" ended on {}", noun, value, last),
                          fmt::format("Take it out of the rule, or add a line with new days to {}.", table));
      };
      switch (reference.kind) {
        case PolicyReference::Kind::kCategory:
          if (!Known(categories, "categories.csv", value)) complain("category", "categories.csv");
          warn_if_ended("category", Find(categories, value), "categories.csv");
          break;
        case PolicyReference::Kind::kType:
          if (!Known(types, "types.csv", value)) complain("type", "types.csv");
          warn_if_ended("type", Find(types, value), "types.csv");
          break;
        case PolicyReference::Kind::kDanger:
          if (!Known(dangers, "dangers.csv", value)) complain("danger", "dangers.csv");
          warn_if_ended("danger", Find(dangers, value), "dangers.csv");
          break;
        case PolicyReference::Kind::kUnit:
          if (!Known(units_, "units.csv", "units/" + value)) complain("unit", "units.csv");
          if (const auto* named = Find(units_, "units/" + value); named != nullptr) warn_if_ended("unit", std::vector{named}, "units.csv");
          if (const auto* unit = Find(units_, "units/" + value); unit != nullptr && unit->value.kind() == v1::UNIT_KIND_CENTER) {
            problems_.Error("policy.yaml", reference.line, reference.key, "is the centre, to which routing never offers",
                            "Write target: center and drop unit: then it waits in the centre's queue.");
          }
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
      if (kinds->value(k)->number() == 0 || kinds->value(k)->number() == v1::CLOCK_KIND_HOLD) continue;  // a hold has the end that was asked for
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
  Terms<v1::Community> communities_;
  Terms<v1::Institution> institutions_;
  Terms<v1::Organisation> organisations_;
  Terms<v1::Team> teams_;
  Terms<v1::Worker> workers_;
};

}  // namespace

void CheckTables(const Tables& tables, std::string_view today, Problems& problems) { Checker(tables, today, problems).Run(); }

}  // namespace gridloop
