// A month's figures: counts over the events of needs, folded in log order. Pure. docs/figures.md defines each line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "domain/error.h"
#include "domain/fold.h"
#include "domain/snapshot.h"
#include "gridloop/v1/audit_service.pb.h"
#include "gridloop/v1/figures.pb.h"

namespace gridloop {

inline constexpr int kMostFigureLines = 20'000;  // that are frozen in one event
inline constexpr int64_t kPercentilesFrom = 20;  // observations; fewer tell of single people
inline constexpr int64_t kWithheldBelow = 3;     // of restricted needs and categories, in a station's figures

// A month of Asia/Shanghai, which is +08:00 without daylight saving time.
struct Month {
  std::string name;  // YYYY-MM
  int64_t start_us = 0;
  int64_t end_us = 0;
  bool Has(int64_t at_us) const { return start_us <= at_us && at_us < end_us; }
};
std::optional<Month> ParseMonth(std::string_view name);  // of the years 1970 to 9999

// What the events up to some place of the log come to. Not thread-safe. Memory: the state of each open need, a few facts of each
// need of the month, a number for each line and for each time that is measured; more than a million needs are refused.
class MonthCount {
 public:
  // One event of a need's history.
  struct Past {
    Event event;
    uint64_t offset = 0;
    std::string digest;
  };
  // The applied events of a need before that offset, in order; none of one that begins. Asked for a need that begins, or had ended.
  using History = std::function<Expected<std::vector<Past>>(const std::string& subject, uint64_t before)>;
  MonthCount(Month month, History history) : month_(std::move(month)), history_(std::move(history)) {}

  // Takes the next record of the log; what was taken before, what is void and what is no need's changes nothing. After an error
  // nothing of the record was taken: it may be given again.
  Expected<void> Add(const Event& event, const Located& at);
  // Says that the log was read up to here, whatever was there.
  void Reached(uint64_t next) { next_ = std::max(next_, next); }
  uint64_t next() const { return next_; }  // offset
  const Month& month() const { return month_; }

  // Every line that is not 0, of the city and of each station, sorted by station, figure and key; without FIGURE_SILENT_COMMUNITIES.
  std::vector<v1::FigureLine> Lines() const;

 private:
  // An open need, and what its state does not keep.
  struct Open {
    NeedState state;
    int32_t satisfaction = 0;                // of the closing that waits
    std::vector<std::string> organisations;  // of who was assigned last
  };
  // What is known of a need that was reported in the month, as the month ended or as it was corrected since.
  struct Reported {
    v1::Source source = v1::SOURCE_UNSPECIFIED;
    std::string station, type, community;
    std::vector<std::string> categories;
    bool crisis = false;
    bool restricted = false;
  };
  struct Before;
  using Key = std::tuple<std::string, int, std::string>;  // station, figure, key
  struct Sums {
    int64_t count = 0;
    int64_t sum = 0;
  };
  using Counts = std::map<Key, Sums>;

  static Void Apply(Open& need, const Event& event, const Located& at);
  Expected<Open> Recall(const std::string& subject, uint64_t before) const;
  void Count(const Open& need, const Event& event, const Before& before);
  void Note(const Open& need, const Event& event, const Before& before);
  void CountOpen(Counts* counts) const;
  static void Increase(Counts* counts, const std::string& station, v1::Figure figure, const std::string& key = {}, int64_t sum = 0);
  void Measure(const std::string& station, v1::Figure figure, int64_t from_us, int64_t to_us);

  Month month_;
  History history_;
  uint64_t next_ = 0;
  bool ended_ = false;  // something was logged after the month
  std::unordered_map<std::string, Open> open_;
  std::unordered_map<std::string, Reported> reported_;
  Counts counts_;
  std::map<std::pair<std::string, int>, std::vector<int64_t>> minutes_;  // by station and figure
};

// Adds the communities of the directory from which nothing was reported, of the city and of each station. `at_us`: when they had to be there.
void AddSilentCommunities(const Snapshot& snapshot, int64_t at_us, std::vector<v1::FigureLine>* lines);

// What one station, or with an empty id the city, gets to see: its lines, each figure without a key also where it is 0, and of a
// station's restricted needs and categories no number below 3; also where that is 0.
std::vector<v1::FigureLine> ShownLines(const std::vector<v1::FigureLine>& lines, const std::string& station, const Snapshot* snapshot, int64_t at_us);

// Of a subject figures/{month}: may its figures be frozen by this event, and what the state keeps of it. Fold's own.
Void CheckFigures(const NeedState& state, const Event& event, std::string_view month);
void ApplyFigures(NeedState& state, const Event& event);

// Lines of one station (or of the city) that differ.
std::vector<v1::FigureCorrection> Corrections(const std::vector<v1::FigureLine>& frozen, const std::vector<v1::FigureLine>& now);

}  // namespace gridloop
