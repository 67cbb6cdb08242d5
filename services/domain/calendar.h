// Working time: opening hours, weekends, public holidays and make-up workdays; due times that explain themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gridloop/v1/directory.pb.h"

namespace gridloop {

// A stretch of time that counted towards a limit.
struct CountedSpan {
  int64_t start_us = 0;
  int64_t end_us = 0;
};

struct DueTime {
  int64_t due_us = 0;
  bool provisional = false;          // reaches beyond the last dated year
  std::vector<CountedSpan> counted;  // in order; at most 400, natural time is one span
};

// Immutable, thread-safe. Times are UTC microseconds; dates are local, YYYY-MM-DD.
class WorkCalendar {
 public:
  WorkCalendar() = default;
  explicit WorkCalendar(v1::Calendar calendar);

  const v1::Calendar& message() const { return calendar_; }
  std::string LocalDate(int64_t at_us) const;
  int LocalMinute(int64_t at_us) const;                  // minutes after local midnight
  int LocalWeekday(int64_t at_us) const;                 // 1 Monday … 7 Sunday
  int64_t LocalMidnightUs(std::string_view date) const;  // of a well-formed date
  bool IsWorkingDay(std::string_view date) const;
  bool IsOpen(int64_t at_us) const;  // within an opening span of a working day
  int64_t NextOpeningUs(int64_t at_us) const;
  // When a limit that starts then ends. N working days end at the close of the Nth working day after the start's
  // date. Working hours that are used up exactly at closing end then, not at the next opening.
  DueTime Due(int64_t start_us, const v1::Limit& limit) const;
  // When a limit that stood still from paused_us to resumed_us ends: what was left of it is left, open hours for working time,
  // round the clock for natural time. It was due at due_us, not before paused_us.
  DueTime DueAfterPause(int64_t due_us, v1::LimitUnit unit, int64_t paused_us, int64_t resumed_us) const;

 private:
  // Opening spans from start_us on, until `visit` returns false.
  template <class Visit>
  void VisitOpen(int64_t start_us, Visit visit) const;
  DueTime CountOpen(int64_t start_us, int64_t left_us) const;
  void MarkProvisional(v1::LimitUnit unit, DueTime* due) const;
  v1::Calendar calendar_;
  std::unordered_map<std::string, v1::DayKind> dated_;
};

// Civil dates without time zones: days since 1970-01-01.
int64_t DaysFromDate(std::string_view date);  // −1 sentinel is never valid: INT64_MIN if malformed
std::string DateFromDays(int64_t days);

}  // namespace gridloop
