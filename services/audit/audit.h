// Reads back every step. Thread-safe.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "commands/command.h"
#include "commands/pumps.h"
#include "domain/figures.h"
#include "gridloop/v1/audit_service.pb.h"
#include "ports/stream.h"

namespace gridloop {

class Audit {
 public:
  static constexpr size_t kMostExports = 32;
  static constexpr size_t kMostReplays = 64;
  static constexpr size_t kMostCounts = 16;
  explicit Audit(World& world) : world_(world) {}
  void GetTimeline(const Caller& caller, const v1::GetTimelineRequest& request, Callback<Expected<v1::GetTimelineResponse>> reply);
  void ExplainDeadline(const Caller& caller, const v1::ExplainDeadlineRequest& request, Callback<Expected<v1::ExplainDeadlineResponse>> reply);
  void ListOpenLoops(const Caller& caller, const v1::ListOpenLoopsRequest& request, Callback<Expected<v1::ListOpenLoopsResponse>> reply);
  // Counts on a thread of its own, from where the last count of the month ended.
  void GetFigures(const Caller& caller, const v1::GetFiguresRequest& request, Callback<Expected<v1::GetFiguresResponse>> reply);
  void FreezeFigures(const Caller& caller, const v1::FreezeFiguresRequest& request, Callback<Expected<v1::FreezeFiguresResponse>> reply);
  void ListAccesses(const Caller& caller, const v1::ListAccessesRequest& request, Callback<Expected<v1::ListAccessesResponse>> reply);
  void GetMasterKeys(const Caller& caller, const v1::GetMasterKeysRequest& request, Callback<Expected<v1::GetMasterKeysResponse>> reply);
  void RotateMasterKey(const Caller& caller, const v1::RotateMasterKeyRequest& request, Callback<Expected<v1::RotateMasterKeyResponse>> reply);
  void ExportEvents(const Caller& caller, const v1::ExportEventsRequest& request, std::shared_ptr<Sink<v1::ExportEventsResponse>> sink);

 private:
  struct FoundClock {
    store::v1::RunningClock clock;
    Event starter;
  };
  // A running clock, or any that the named event started.
  Expected<FoundClock> FindClock(const NeedState& state, const v1::ExplainDeadlineRequest& request) const;

  // What has become of a clock since it started: when it stood still, went on (with its due time then) or was moved.
  struct ClockHistory {
    struct Change {
      int64_t at_us = 0;
      int64_t due_us = 0;  // 0: it stood still from here on
      bool moved = false;  // by a decision, not by going on
    };
    std::vector<CountedSpan> counted;  // of the limit as it started
    std::vector<Change> changes;
    int64_t due_us = 0;   // computed again
    int64_t told_us = 0;  // as the log says
  };
  Expected<ClockHistory> FollowClock(const NeedState& state, const FoundClock& found, const WorkCalendar& calendar) const;
  static std::string Explain(const store::v1::RunningClock& clock, const ClockHistory& history, const WorkCalendar& calendar, int64_t now_us);
  static std::string ExplainZh(const store::v1::RunningClock& clock, const ClockHistory& history, const WorkCalendar& calendar, int64_t now_us);
  Expected<WorkCalendar> CalendarOf(const Event& event) const;  // that the event was computed by

  struct Replay;
  struct TimelinePage;
  Expected<std::shared_ptr<const NeedState>> FindState(const Caller& caller, const std::string& name, const std::string& at_least,
                                                       std::vector<FieldViolation> violations) const;
  bool ReadOn(TimelinePage& page);  // some records; true: the page is done
  void Show(TimelinePage& page);

  // Counts a month up to the log's end as it was when this was called, then gives the count, for as long as `counted` runs.
  void CountMonth(const Month& month, int64_t deadline_us, std::function<void(Expected<const MonthCount*>)> counted);
  static std::vector<v1::FigureLine> LinesOf(const MonthCount& count, const Snapshot* snapshot, int64_t now_us);
  Expected<std::shared_ptr<const Snapshot>> DirectoryOfFreeze(const NeedState& record) const;  // null if there was none
  std::shared_ptr<MonthCount> CountOf(const Month& month);                                     // on the thread of counts_
  Expected<std::vector<MonthCount::Past>> HistoryOf(const std::string& subject, uint64_t before) const;

  World& world_;
  // Where pages of timelines ended, so that the next one need not fold all before it again. Few: what is gone is folded again.
  std::mutex left_off_mutex_;
  std::deque<std::shared_ptr<Replay>> left_off_;
  Pumps pumps_{kMostExports};
  Pumps replays_{kMostReplays};
  std::deque<std::shared_ptr<MonthCount>> months_;  // counted last, on the thread of counts_ alone; few
  Pumps counts_{kMostCounts};
};

}  // namespace gridloop
