#include "domain/figures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "domain/calendar.h"

namespace gridloop {
namespace {

constexpr int64_t kHourUs = 3'600'000'000;
constexpr int64_t kMinuteUs = 60'000'000;
constexpr int64_t kDayUs = 24 * kHourUs;
constexpr int64_t kShanghaiUs = 8 * kHourUs;
constexpr size_t kMostNeeds = 1'000'000;
constexpr size_t kTownDigits = 9;
constexpr size_t kCommunityDigits = 12;
constexpr std::string_view kNeeds = "needs/";
const std::string kNoKey = "none";
const std::string kUnknown = "unknown";

// SOURCE_WALK_IN is "walk-in".
template <class Enum>
std::string WordOf(const std::string& (*name)(Enum), Enum value, std::string_view prefix) {
  std::string word = name(value).substr(prefix.size());
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return word;
}

// Whether a promise is open, and would be kept at that time. A passed one is chased.
enum class Promise { kNone, kInTime, kLate };
Promise PromiseOf(const NeedState& state, v1::ClockKind kind, int64_t at_us) {
  for (const auto& clock : state.clocks()) {
    if (clock.start().kind() != kind) continue;
    return clock.paused_us() != 0 || at_us <= clock.start().due_us() ? Promise::kInTime : Promise::kLate;
  }
  const bool chased =
      std::ranges::any_of(state.clocks(), [kind](const auto& clock) { return clock.start().kind() == v1::CLOCK_KIND_CHASE && clock.start().chased() == kind; });
  return chased ? Promise::kLate : Promise::kNone;
}

// The centre has what has no station.
const std::string& StationOf(const NeedState& state) { return state.station().empty() ? state.center() : state.station(); }

// What no later verdict looks at, and grows with the events.
void Trim(NeedState& state) {
  if (state.applied_size() > 1) state.mutable_applied()->DeleteSubrange(1, state.applied_size() - 1);
  state.clear_conflicts();
  state.clear_voids();
  state.clear_boxes_seen();
  state.clear_key_ids();
}

int64_t NearestRank(const std::vector<int64_t>& sorted, int64_t percent) {
  const auto rank = (static_cast<int64_t>(sorted.size()) * percent + 99) / 100;
  return sorted[static_cast<size_t>(rank - 1)];
}

bool HasKey(v1::Figure figure) {
  switch (figure) {
    case v1::FIGURE_NEEDS_BY_SOURCE:
    case v1::FIGURE_NEEDS_BY_TYPE:
    case v1::FIGURE_NEEDS_BY_CATEGORY:
    case v1::FIGURE_NEEDS_BY_TOWN:
    case v1::FIGURE_NEEDS_BY_COMMUNITY:
    case v1::FIGURE_CLOSED_BY_REASON:
    case v1::FIGURE_SATISFACTION:
    case v1::FIGURE_CASELOAD_BY_WORKER:
    case v1::FIGURE_CASELOAD_BY_ORGANISATION:
    case v1::FIGURE_REFERRED_OUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<Month> ParseMonth(std::string_view name) {
  constexpr size_t kSize = 7;
  if (name.size() != kSize || name[4] != '-') return std::nullopt;
  const int64_t first = DaysFromDate(std::string(name) + "-01");
  if (first == INT64_MIN || first < 0) return std::nullopt;
  int64_t next = first + 28;
  while (DateFromDays(next).starts_with(name)) ++next;
  return Month{std::string(name), first * kDayUs - kShanghaiUs, next * kDayUs - kShanghaiUs};
}

// What was so before the event was applied.
struct MonthCount::Before {
  v1::Stage stage = v1::STAGE_UNSPECIFIED;
  v1::Urgency urgency = v1::URGENCY_UNSPECIFIED;
  std::string station;
  Promise acceptance = Promise::kNone;
  Promise assessment = Promise::kNone;
  int32_t satisfaction = 0;
};

Void MonthCount::Apply(Open& need, const Event& event, const Located& at) {
  Void verdict = Fold(need.state, event, at);
  if (verdict != Void::kNone) return verdict;
  Trim(need.state);
  if (event.has_closing_requested()) need.satisfaction = event.closing_requested().closing().satisfaction();
  if (event.has_worker_assigned()) need.organisations.assign(event.worker_assigned().organisations().begin(), event.worker_assigned().organisations().end());
  if (event.has_offer_accepted()) need.organisations.assign(event.offer_accepted().organisations().begin(), event.offer_accepted().organisations().end());
  if (const auto& left = event.handed_over(); event.has_handed_over() && left.successor() == need.state.worker()) {
    need.organisations.clear();
    if (!left.organisation().empty()) need.organisations.push_back(left.organisation());
  }
  return verdict;
}

Expected<MonthCount::Open> MonthCount::Recall(const std::string& subject, uint64_t before) const {
  auto past = history_(subject, before);
  if (!past) return std::unexpected(past.error());
  Open need;
  for (const Past& each : *past) Apply(need, each.event, {each.offset, each.digest});
  return need;
}

Expected<void> MonthCount::Add(const Event& event, const Located& at) {
  if (at.offset < next_) return {};
  if (!event.subject().starts_with(kNeeds)) {
    next_ = at.offset + 1;
    return {};
  }
  if (!ended_ && event.logged_at_us() >= month_.end_us) {
    ended_ = true;
    CountOpen(&counts_);
  }
  if (open_.size() + reported_.size() > kMostNeeds) {
    return Fail(Code::kResourceExhausted, "FIGURES_TOO_LARGE", "More than a million needs are open or of this month: figures of so many are not counted here.");
  }
  auto found = open_.find(event.subject());
  if (found == open_.end()) {
    // New, or it had ended: a second report of an ended need must not look like a new one.
    auto recalled = Recall(event.subject(), at.offset);
    if (!recalled) return std::unexpected(recalled.error());
    found = open_.emplace(event.subject(), std::move(*recalled)).first;
  }
  Open& need = found->second;
  Before before;
  before.stage = need.state.stage();
  before.urgency = need.state.urgency();
  before.station = StationOf(need.state);
  before.acceptance = PromiseOf(need.state, v1::CLOCK_KIND_ACCEPTANCE, event.logged_at_us());
  before.assessment = PromiseOf(need.state, v1::CLOCK_KIND_ASSESSMENT, event.logged_at_us());
  before.satisfaction = need.satisfaction;
  if (Apply(need, event, at) == Void::kNone) {
    Count(need, event, before);
    Note(need, event, before);
  }
  if (need.state.version() == 0 || Ended(need.state)) open_.erase(found);
  next_ = at.offset + 1;
  return {};
}

void MonthCount::Increase(Counts* counts, const std::string& station, v1::Figure figure, const std::string& key, int64_t sum) {
  for (const std::string& whose : {std::string(), station}) {
    Sums& sums = (*counts)[{whose, figure, key}];
    ++sums.count;
    sums.sum += sum;
  }
}

void MonthCount::Measure(const std::string& station, v1::Figure figure, int64_t from_us, int64_t to_us) {
  const int64_t minutes = std::max<int64_t>(0, to_us - from_us) / kMinuteUs;
  for (const std::string& whose : {std::string(), station}) minutes_[{whose, figure}].push_back(minutes);
}

void MonthCount::Count(const Open& need, const Event& event, const Before& before) {
  const NeedState& state = need.state;
  const std::string& station = StationOf(state);
  auto increase = [&](v1::Figure figure, const std::string& key = {}, int64_t sum = 0) { Increase(&counts_, station, figure, key, sum); };
  // By when it happened: people record these afterwards.
  if (event.has_service_recorded() && month_.Has(event.service_recorded().start_us())) increase(v1::FIGURE_SERVICES);
  const int64_t happened_us = event.occurred_at_us() != 0 ? event.occurred_at_us() : event.logged_at_us();
  if (event.has_emergency_recorded() && month_.Has(happened_us)) increase(v1::FIGURE_EMERGENCIES);
  // By when it was logged.
  if (!month_.Has(event.logged_at_us())) return;
  auto satisfied = [&](const std::string& when, int32_t points) {
    if (points > 0) increase(v1::FIGURE_SATISFACTION, when, points);
  };
  const int64_t now_us = event.logged_at_us();
  const bool first_time = state.reopenings() == 0;
  if (event.has_offer_accepted() && first_time && before.acceptance != Promise::kNone) {
    increase(v1::FIGURE_ACCEPTED);
    if (before.acceptance == Promise::kInTime) increase(v1::FIGURE_ACCEPTED_IN_TIME);
    Measure(station, v1::FIGURE_TIME_TO_ACCEPT, state.submitted_us(), now_us);
  }
  if (event.has_assessed() && first_time && before.assessment != Promise::kNone) {
    increase(v1::FIGURE_ASSESSED);
    if (before.assessment == Promise::kInTime) increase(v1::FIGURE_ASSESSED_IN_TIME);
    Measure(station, v1::FIGURE_TIME_TO_ASSESS, state.submitted_us(), now_us);
  }
  if (event.has_offer_declined()) Increase(&counts_, before.station, v1::FIGURE_BOUNCED);
  if (event.has_reopened()) increase(v1::FIGURE_REOPENED);
  if (event.has_after_visit_recorded()) {
    increase(v1::FIGURE_AFTER_VISITS);
    satisfied("after-visit", event.after_visit_recorded().satisfaction());
  }
  if (state.stage() == v1::STAGE_CLOSED && before.stage != v1::STAGE_CLOSED) {
    increase(v1::FIGURE_CLOSED);
    increase(v1::FIGURE_CLOSED_BY_REASON, WordOf(v1::ClosingReason_Name, state.closing_reason(), "CLOSING_REASON_"));
    satisfied("closing", event.has_answered() ? event.answered().closing().satisfaction()
                         : event.has_closed() ? event.closed().closing().satisfaction()
                                              : before.satisfaction);
    if (first_time) Measure(station, v1::FIGURE_TIME_TO_CLOSE, state.submitted_us(), now_us);
  }
  if (event.has_referral_received()) increase(v1::FIGURE_REFERRED_OUT, state.referral().to());
  if (state.stage() == v1::STAGE_WITHDRAWN && before.stage != v1::STAGE_WITHDRAWN) Increase(&counts_, before.station, v1::FIGURE_WITHDRAWN);
}

void MonthCount::Note(const Open& need, const Event& event, const Before& before) {
  const NeedState& state = need.state;
  const bool in_month = month_.Has(event.logged_at_us());
  if (event.has_submitted() && in_month) reported_[event.subject()].source = state.source();
  auto found = reported_.find(event.subject());
  if (found == reported_.end()) return;
  Reported& known = found->second;
  auto amended = [&event](std::string_view field) { return std::ranges::find(event.amended().fields(), field) != event.amended().fields().end(); };
  // Once the month has ended only a corrected report changes what was reported in it.
  if (in_month) known.station = StationOf(state);
  if (in_month || amended("type")) known.type = state.type();
  if (in_month || amended("location") || known.community.empty()) known.community = state.community();
  if (in_month || amended("categories")) known.categories.assign(state.categories().begin(), state.categories().end());
  if (in_month || (event.has_amended() && before.urgency != state.urgency())) known.crisis = state.urgency() == v1::URGENCY_CRISIS;
  if (in_month || event.has_amended()) known.restricted = state.restricted();
}

void MonthCount::CountOpen(Counts* counts) const {
  for (const auto& [subject, need] : open_) {
    const std::string& station = StationOf(need.state);
    Increase(counts, station, v1::FIGURE_OPEN);
    const std::string& worker = need.state.worker();
    Increase(counts, station, v1::FIGURE_CASELOAD_BY_WORKER, worker.empty() ? kNoKey : worker);
    if (worker.empty() || need.organisations.empty()) {
      Increase(counts, station, v1::FIGURE_CASELOAD_BY_ORGANISATION, kNoKey);
      continue;
    }
    for (const std::string& organisation : need.organisations) Increase(counts, station, v1::FIGURE_CASELOAD_BY_ORGANISATION, organisation);
  }
}

std::vector<v1::FigureLine> MonthCount::Lines() const {
  Counts counts = counts_;
  if (!ended_) CountOpen(&counts);
  for (const auto& [subject, need] : reported_) {
    auto increase = [&](v1::Figure figure, const std::string& key = {}) { Increase(&counts, need.station, figure, key); };
    increase(v1::FIGURE_NEEDS);
    increase(v1::FIGURE_NEEDS_BY_SOURCE, WordOf(v1::Source_Name, need.source, "SOURCE_"));
    increase(v1::FIGURE_NEEDS_BY_TYPE, need.type.empty() ? kNoKey : need.type);
    if (need.categories.empty()) increase(v1::FIGURE_NEEDS_BY_CATEGORY, kNoKey);
    for (const std::string& category : std::set(need.categories.begin(), need.categories.end())) increase(v1::FIGURE_NEEDS_BY_CATEGORY, category);
    const bool known = need.community.size() == kCommunityDigits;
    increase(v1::FIGURE_NEEDS_BY_TOWN, known ? need.community.substr(0, kTownDigits) : kUnknown);
    increase(v1::FIGURE_NEEDS_BY_COMMUNITY, known ? need.community : kUnknown);
    if (need.crisis) increase(v1::FIGURE_CRISES);
    if (need.restricted) increase(v1::FIGURE_RESTRICTED);
  }
  std::map<Key, v1::FigureLine> lines;
  auto line = [&lines](const std::string& station, int figure, const std::string& key) -> v1::FigureLine& {
    v1::FigureLine& made = lines[{station, figure, key}];
    made.set_station(station);
    made.set_figure(static_cast<v1::Figure>(figure));
    made.set_key(key);
    return made;
  };
  for (const auto& [key, sums] : counts) {
    v1::FigureLine& made = line(std::get<0>(key), std::get<1>(key), std::get<2>(key));
    made.set_count(sums.count);
    made.set_sum(sums.sum);
  }
  for (const auto& [key, minutes] : minutes_) {
    v1::FigureLine& made = line(key.first, key.second, {});
    made.set_count(static_cast<int64_t>(minutes.size()));
    if (made.count() < kPercentilesFrom) continue;
    std::vector<int64_t> sorted = minutes;
    std::ranges::sort(sorted);
    made.set_median_minutes(NearestRank(sorted, 50));
    made.set_p90_minutes(NearestRank(sorted, 90));
  }
  std::vector<v1::FigureLine> all;
  for (auto& [key, made] : lines) all.push_back(std::move(made));
  return all;
}

void AddSilentCommunities(const Snapshot& snapshot, int64_t at_us, std::vector<v1::FigureLine>* lines) {
  std::set<std::string> heard;
  for (const auto& line : *lines) {
    if (line.figure() == v1::FIGURE_NEEDS_BY_COMMUNITY && line.station().empty()) heard.insert(line.key());
  }
  std::map<std::string, std::set<std::string>> silent;  // by station; "" is the city
  for (const auto& community : snapshot.directory().communities()) {
    if (!snapshot.IsValid(community.validity(), at_us) || heard.contains(community.code())) continue;
    silent[""].insert(community.code());
    const auto coverage = snapshot.CoverageOf(community.code(), at_us);
    silent[coverage.empty() ? snapshot.center() : snapshot.StationOf(BareId(coverage.front()->unit()))].insert(community.code());
  }
  for (const auto& [station, codes] : silent) {
    auto add = [&, whose = station](const std::string& key, size_t count) {
      v1::FigureLine& line = lines->emplace_back();
      line.set_station(whose);
      line.set_figure(v1::FIGURE_SILENT_COMMUNITIES);
      line.set_key(key);
      line.set_count(static_cast<int64_t>(count));
    };
    add({}, codes.size());
    for (const std::string& code : codes) add(code, 1);
  }
}

std::vector<v1::FigureLine> ShownLines(const std::vector<v1::FigureLine>& lines, const std::string& station, const Snapshot* snapshot, int64_t at_us) {
  std::map<std::pair<int, std::string>, v1::FigureLine> shown;
  auto put = [&](v1::Figure figure, const std::string& key) -> v1::FigureLine& {
    v1::FigureLine& line = shown[{figure, key}];
    line.set_station(station);
    line.set_figure(figure);
    line.set_key(key);
    return line;
  };
  for (int figure = v1::FIGURE_NEEDS; figure < v1::Figure_ARRAYSIZE; ++figure) {
    // Without a directory nobody knows who was silent.
    if (figure == v1::FIGURE_SILENT_COMMUNITIES && snapshot == nullptr) continue;
    if (v1::Figure_IsValid(figure) && !HasKey(static_cast<v1::Figure>(figure))) put(static_cast<v1::Figure>(figure), {});
  }
  for (const v1::FigureLine& line : lines) {
    if (line.station() == station) put(line.figure(), line.key()) = line;
  }
  if (station.empty()) {
    std::vector<v1::FigureLine> all;
    for (auto& [key, line] : shown) all.push_back(std::move(line));
    return all;
  }
  // One that is 0 and one that is 2 look alike, so that no sum over the stations tells of a single person.
  if (snapshot != nullptr) {
    for (const auto& category : snapshot->directory().categories()) {
      if (category.restricted() && snapshot->IsValid(category.validity(), at_us)) put(v1::FIGURE_NEEDS_BY_CATEGORY, category.id());
    }
  }
  auto restricted = [&](const v1::FigureLine& line) {
    if (line.figure() == v1::FIGURE_RESTRICTED) return true;
    if (line.figure() != v1::FIGURE_NEEDS_BY_CATEGORY || line.key() == kNoKey) return false;
    const v1::Category* category = snapshot == nullptr ? nullptr : snapshot->CategoryAt(line.key(), at_us);
    return category == nullptr || category->restricted();  // one that the directory does not know may be
  };
  std::vector<v1::FigureLine> all;
  for (auto& [key, line] : shown) {
    if (line.count() < kWithheldBelow && restricted(line)) {
      line.set_withheld(true);
      line.clear_count();
    }
    all.push_back(std::move(line));
  }
  return all;
}

Void CheckFigures(const NeedState& state, const Event& event, std::string_view month) {
  if (event.type() != v1::EVENT_TYPE_FIGURES_FROZEN) return Void::kLifeCycle;
  const auto& payload = event.figures_frozen();
  const auto parsed = ParseMonth(month);
  if (!parsed || payload.position().empty() || payload.lines_size() > kMostFigureLines) return Void::kPayload;
  if (payload.number() < 1 || static_cast<uint64_t>(payload.number()) != state.version() + 1) return Void::kObject;
  return event.logged_at_us() >= parsed->end_us ? Void::kNone : Void::kClock;
}

void ApplyFigures(NeedState& state, const Event& event) {
  auto& freeze = *state.add_figures_freezes();
  freeze.set_frozen_us(event.logged_at_us());
  freeze.set_position(event.figures_frozen().position());
}

std::vector<v1::FigureCorrection> Corrections(const std::vector<v1::FigureLine>& frozen, const std::vector<v1::FigureLine>& now) {
  std::map<std::pair<int, std::string>, v1::FigureCorrection> pairs;
  for (const auto& line : frozen) *pairs[{line.figure(), line.key()}].mutable_frozen() = line;
  for (const auto& line : now) *pairs[{line.figure(), line.key()}].mutable_now() = line;
  std::vector<v1::FigureCorrection> differing;
  for (auto& [key, pair] : pairs) {
    auto numbers = [](const v1::FigureLine& line) { return std::tuple(line.count(), line.sum(), line.median_minutes(), line.p90_minutes(), line.withheld()); };
    if (numbers(pair.frozen()) == numbers(pair.now())) continue;
    for (v1::FigureLine* line : {pair.mutable_frozen(), pair.mutable_now()}) {
      line->set_figure(static_cast<v1::Figure>(key.first));
      line->set_key(key.second);
    }
    differing.push_back(std::move(pair));
  }
  return differing;
}

}  // namespace gridloop
