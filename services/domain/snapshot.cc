#include "domain/snapshot.h"

#include <algorithm>
#include <set>

namespace gridloop {
namespace {

constexpr int64_t kMinuteUs = 60'000'000;
constexpr int kLongestHolidayDays = 31;

template <class Entries>
auto FindHolding(const Entries& entries, std::string_view id, const std::string& date) -> decltype(&entries.Get(0)) {
  for (const auto& entry : entries) {
    if (entry.id() == id && HoldsOn(entry.validity(), date)) return &entry;
  }
  return nullptr;
}

}  // namespace

std::string BareId(std::string_view name) {
  size_t slash = name.rfind('/');
  return std::string(slash == std::string_view::npos ? name : name.substr(slash + 1));
}

bool HoldsOn(const v1::Validity& validity, std::string_view date) {
  return (validity.from_date().empty() || validity.from_date() <= date) && (validity.to_date().empty() || date <= validity.to_date());
}

std::shared_ptr<const Snapshot> Snapshot::Make(v1::Directory directory, v1::Policy policy, v1::Calendar calendar, store::v1::ActiveHashes hashes) {
  std::shared_ptr<Snapshot> made(new Snapshot());
  made->directory_ = std::move(directory);
  made->policy_ = std::move(policy);
  made->calendar_ = WorkCalendar(std::move(calendar));
  made->hashes_ = std::move(hashes);
  for (const auto& unit : made->directory_.units()) {
    made->units_[BareId(unit.name())] = &unit;
    if (unit.kind() == v1::UNIT_KIND_CENTER) made->center_ = BareId(unit.name());
  }
  for (const auto& worker : made->directory_.workers()) {
    made->workers_[BareId(worker.name())].push_back(&worker);
    std::set<std::string> units;
    for (const auto& post : worker.posts()) units.insert(BareId(post.unit()));
    for (const auto& unit : units) made->workers_by_unit_[unit].push_back(&worker);
  }
  for (const auto& coverage : made->directory_.coverages()) made->coverage_[coverage.area()].push_back(&coverage);
  for (const auto& duty : made->directory_.duties()) made->duties_[BareId(duty.unit())].push_back(&duty);
  for (const auto& alias : made->directory_.grid_aliases()) made->aliases_[alias.alias()].push_back(&alias);
  return made;
}

const v1::Unit* Snapshot::FindUnit(std::string_view id) const {
  auto found = units_.find(std::string(id));
  return found == units_.end() ? nullptr : found->second;
}
const v1::Unit* Snapshot::UnitAt(std::string_view id, int64_t at_us) const {
  const v1::Unit* found = FindUnit(id);
  return found != nullptr && IsValid(found->validity(), at_us) ? found : nullptr;
}
const v1::Worker* Snapshot::WorkerAt(std::string_view id, int64_t at_us) const {
  auto found = workers_.find(std::string(id));
  if (found == workers_.end()) return nullptr;
  auto term = std::ranges::find_if(found->second, [&](const v1::Worker* worker) { return IsValid(worker->validity(), at_us); });
  return term == found->second.end() ? nullptr : *term;
}
const v1::Category* Snapshot::CategoryAt(std::string_view id, int64_t at_us) const {
  return FindHolding(directory_.categories(), id, calendar_.LocalDate(at_us));
}
const v1::NeedType* Snapshot::TypeAt(std::string_view id, int64_t at_us) const { return FindHolding(directory_.types(), id, calendar_.LocalDate(at_us)); }
const v1::Danger* Snapshot::DangerAt(std::string_view id, int64_t at_us) const { return FindHolding(directory_.dangers(), id, calendar_.LocalDate(at_us)); }
const v1::Institution* Snapshot::InstitutionAt(std::string_view id, int64_t at_us) const {
  return FindHolding(directory_.institutions(), id, calendar_.LocalDate(at_us));
}

const v1::Department* Snapshot::DepartmentAt(std::string_view id, int64_t at_us) const {
  return FindHolding(directory_.departments(), id, calendar_.LocalDate(at_us));
}
const v1::Organisation* Snapshot::OrganisationAt(std::string_view id, int64_t at_us) const {
  return FindHolding(directory_.organisations(), id, calendar_.LocalDate(at_us));
}

std::string Snapshot::StationOf(std::string_view unit) const {
  const v1::Unit* found = FindUnit(unit);
  if (found == nullptr || found->kind() == v1::UNIT_KIND_STATION || found->kind() == v1::UNIT_KIND_CENTER) {
    return std::string(unit);
  }
  return found->parent().empty() ? std::string(unit) : BareId(found->parent());
}

bool Snapshot::IsHead(const v1::Worker& worker, std::string_view unit, int64_t at_us) const {
  return std::ranges::any_of(worker.posts(),
                             [&](const v1::Post& post) { return post.head() && BareId(post.unit()) == unit && IsValid(post.validity(), at_us); });
}

bool Snapshot::IsValid(const v1::Validity& validity, int64_t at_us) const {
  return (validity.from_date().empty() && validity.to_date().empty()) || HoldsOn(validity, calendar_.LocalDate(at_us));
}

std::vector<const v1::Worker*> Snapshot::WorkersAt(std::string_view unit, int64_t at_us) const {
  std::vector<const v1::Worker*> at;
  auto found = workers_by_unit_.find(std::string(unit));
  if (found == workers_by_unit_.end()) return at;
  for (const v1::Worker* worker : found->second) {
    bool posted = IsValid(worker->validity(), at_us) &&
                  std::ranges::any_of(worker->posts(), [&](const v1::Post& post) { return BareId(post.unit()) == unit && IsValid(post.validity(), at_us); });
    if (posted) at.push_back(worker);
  }
  return at;
}

std::vector<const v1::Worker*> Snapshot::OnDutyRoster(std::string_view unit, int64_t at_us) const {
  std::vector<const v1::Worker*> on_duty;
  auto found = duties_.find(std::string(unit));
  if (found == duties_.end() || calendar_.IsOpen(at_us)) return on_duty;
  // An entry begins at closing (a day off: at midnight) and lasts to the next opening; a later entry of the unit
  // relieves it. A noon break belongs to its own day. So: the latest entry since the last working day's closing.
  const auto& spans = calendar_.message().opening_spans();
  std::string date = calendar_.LocalDate(at_us);
  int64_t day = DaysFromDate(date);
  bool before_opening = !spans.empty() && calendar_.LocalMinute(at_us) < spans.begin()->start_minute();
  if (calendar_.IsWorkingDay(date) && before_opening) date = DateFromDays(--day);
  for (int i = 0; i < kLongestHolidayDays; ++i, date = DateFromDays(--day)) {
    for (const v1::DutyEntry* duty : found->second) {
      if (duty->date() != date) continue;
      if (const v1::Worker* worker = WorkerAt(BareId(duty->worker()), at_us); worker != nullptr) on_duty.push_back(worker);
    }
    if (!on_duty.empty() || calendar_.IsWorkingDay(date)) break;
  }
  return on_duty;
}

std::vector<const v1::Coverage*> Snapshot::CoverageOf(std::string_view area, int64_t at_us) const {
  std::vector<const v1::Coverage*> valid;
  if (auto found = coverage_.find(std::string(area)); found != coverage_.end()) {
    std::ranges::copy_if(found->second, std::back_inserter(valid), [&](const v1::Coverage* coverage) { return IsValid(coverage->validity(), at_us); });
  }
  return valid;
}

std::string Snapshot::ResolveGridCode(std::string_view grid_code, int64_t at_us) const {
  if (auto found = aliases_.find(std::string(grid_code)); found != aliases_.end()) {
    for (const v1::GridAlias* alias : found->second) {
      if (IsValid(alias->validity(), at_us)) return alias->grid_code();
    }
  }
  return std::string(grid_code);
}

std::string Snapshot::CommunityOf(std::string_view grid_code, int64_t at_us) const {
  std::string code = ResolveGridCode(grid_code, at_us).substr(0, 12);
  if (code.size() != 12) return {};
  const auto& communities = directory_.communities();
  auto found = std::lower_bound(communities.begin(), communities.end(), code,
                                [](const v1::Community& community, const std::string& wanted) { return community.code() < wanted; });
  for (; found != communities.end() && found->code() == code; ++found) {
    if (IsValid(found->validity(), at_us)) return code;
  }
  return {};
}

v1::ClockStart Snapshot::StartClock(v1::ClockKind kind, v1::Urgency urgency, v1::Grade grade, int64_t start_us, v1::ClockKind chased) const {
  v1::ClockStart start;
  start.set_kind(kind);
  start.set_chased(chased);
  start.set_rule("built-in");
  start.mutable_limit()->set_amount(24);
  start.mutable_limit()->set_unit(v1::LIMIT_UNIT_NATURAL_HOURS);
  for (const auto& rule : policy_.limits()) {
    bool urgency_fits = rule.urgencies().empty() || std::ranges::find(rule.urgencies(), urgency) != rule.urgencies().end();
    bool grade_fits = rule.grades().empty() || std::ranges::find(rule.grades(), grade) != rule.grades().end();
    if (rule.kind() != kind || !urgency_fits || !grade_fits) continue;
    start.set_rule(rule.id());
    *start.mutable_limit() = rule.limit();
    break;
  }
  DueTime due = calendar_.Due(start_us, start.limit());
  start.set_due_us(std::max(due.due_us, start_us + kMinuteUs));
  start.set_provisional(due.provisional);
  return start;
}

}  // namespace gridloop
