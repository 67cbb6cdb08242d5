#include "domain/calendar.h"

#include <algorithm>
#include <limits>

namespace gridloop {
namespace {

constexpr int64_t kMinuteUs = 60'000'000;
constexpr int64_t kDayUs = 24 * 60 * kMinuteUs;
constexpr int kLongestSearchDays = 3 * 366;
constexpr size_t kSpansKept = 400;
constexpr int64_t kLargestAmount = 100'000;  // as v1::Limit says; larger ones would overflow

bool IsWorkingTime(v1::LimitUnit unit) { return unit == v1::LIMIT_UNIT_WORKING_HOURS || unit == v1::LIMIT_UNIT_WORKING_DAYS; }

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

// Days from civil and back: Howard Hinnant, "chrono-compatible low-level date algorithms".
int64_t DaysFromDate(std::string_view date) {
  constexpr int64_t kBad = std::numeric_limits<int64_t>::min();
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return kBad;
  auto number = [&](size_t at, size_t size) {
    int64_t value = 0;
    for (size_t i = at; i < at + size; ++i) {
      if (date[i] < '0' || date[i] > '9') return int64_t{-1};
      value = value * 10 + (date[i] - '0');
    }
    return value;
  };
  int64_t y = number(0, 4);
  int64_t m = number(5, 2);
  int64_t d = number(8, 2);
  if (y < 0 || m < 1 || m > 12 || d < 1 || d > 31) return kBad;
  int64_t year = m <= 2 ? y - 1 : y;
  int64_t era = FloorDiv(year, 400);
  int64_t yoe = year - era * 400;
  int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  int64_t days = era * 146097 + doe - 719468;
  return DateFromDays(days) == date ? days : kBad;  // 30 February is no date
}

std::string DateFromDays(int64_t days) {
  int64_t z = days + 719468;
  int64_t era = FloorDiv(z, 146097);
  int64_t doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153;
  int64_t d = doy - (153 * mp + 2) / 5 + 1;
  int64_t m = mp < 10 ? mp + 3 : mp - 9;
  int64_t y = yoe + era * 400 + (m <= 2 ? 1 : 0);
  std::string date = "0000-00-00";
  auto put = [&date](size_t at, size_t size, int64_t value) {
    for (size_t i = at + size; i-- > at; value /= 10) date[i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, y);
  put(5, 2, m);
  put(8, 2, d);
  return date;
}

WorkCalendar::WorkCalendar(v1::Calendar calendar) : calendar_(std::move(calendar)) {
  for (const auto& day : calendar_.dated_days()) dated_[day.date()] = day.kind();
}

namespace {

int64_t LocalUs(const v1::Calendar& calendar, int64_t at_us) { return at_us + calendar.utc_offset_minutes() * kMinuteUs; }

}  // namespace

std::string WorkCalendar::LocalDate(int64_t at_us) const { return DateFromDays(FloorDiv(LocalUs(calendar_, at_us), kDayUs)); }

int WorkCalendar::LocalMinute(int64_t at_us) const {
  int64_t local = LocalUs(calendar_, at_us);
  return static_cast<int>((local - FloorDiv(local, kDayUs) * kDayUs) / kMinuteUs);
}

int WorkCalendar::LocalWeekday(int64_t at_us) const {
  int64_t days = FloorDiv(LocalUs(calendar_, at_us), kDayUs);
  return static_cast<int>(((days + 3) % 7 + 7) % 7) + 1;  // 1970-01-01 was a Thursday
}

int64_t WorkCalendar::LocalMidnightUs(std::string_view date) const { return DaysFromDate(date) * kDayUs - calendar_.utc_offset_minutes() * kMinuteUs; }

bool WorkCalendar::IsWorkingDay(std::string_view date) const {
  if (auto found = dated_.find(std::string(date)); found != dated_.end()) return found->second == v1::DAY_KIND_WORKDAY;
  int64_t weekday = ((DaysFromDate(date) + 3) % 7 + 7) % 7;
  return weekday < 5;
}

bool WorkCalendar::IsOpen(int64_t at_us) const {
  if (!IsWorkingDay(LocalDate(at_us))) return false;
  int minute = LocalMinute(at_us);
  return std::ranges::any_of(calendar_.opening_spans(),
                             [minute](const v1::OpeningSpan& span) { return minute >= span.start_minute() && minute < span.end_minute(); });
}

int64_t WorkCalendar::NextOpeningUs(int64_t at_us) const {
  if (IsOpen(at_us)) return at_us;
  int64_t day = FloorDiv(LocalUs(calendar_, at_us), kDayUs);
  for (int i = 0; i < kLongestSearchDays; ++i, ++day) {
    std::string date = DateFromDays(day);
    if (!IsWorkingDay(date)) continue;
    for (const auto& span : calendar_.opening_spans()) {
      int64_t opening = LocalMidnightUs(date) + span.start_minute() * kMinuteUs;
      if (opening >= at_us) return opening;
    }
  }
  return at_us;
}

template <class Visit>
void WorkCalendar::VisitOpen(int64_t start_us, Visit visit) const {
  const int64_t first_day = FloorDiv(LocalUs(calendar_, start_us), kDayUs);
  for (int i = 0; i < kLongestSearchDays; ++i) {
    const std::string date = DateFromDays(first_day + i);
    if (!IsWorkingDay(date)) continue;
    const int64_t midnight = LocalMidnightUs(date);
    for (const auto& span : calendar_.opening_spans()) {
      const int64_t from = std::max(start_us, midnight + span.start_minute() * kMinuteUs);
      const int64_t to = midnight + span.end_minute() * kMinuteUs;
      if (from < to && !visit(from, to)) return;
    }
  }
}

// So much open time from start_us on.
DueTime WorkCalendar::CountOpen(int64_t start_us, int64_t left_us) const {
  DueTime due;
  due.due_us = start_us;
  if (left_us <= 0) return due;
  VisitOpen(start_us, [&](int64_t from_us, int64_t to_us) {
    to_us = std::min(to_us, from_us + left_us);
    left_us -= to_us - from_us;
    if (due.counted.size() < kSpansKept) due.counted.push_back({from_us, to_us});
    due.due_us = to_us;
    return left_us > 0;
  });
  return due;
}

DueTime WorkCalendar::Due(int64_t start_us, const v1::Limit& limit) const {
  DueTime due;
  const int64_t amount = std::clamp<int64_t>(limit.amount(), 0, kLargestAmount);
  auto natural = [&](int64_t unit_us) {
    due.due_us = start_us + amount * unit_us;
    due.counted.push_back({start_us, due.due_us});
  };
  switch (limit.unit()) {
    case v1::LIMIT_UNIT_NATURAL_MINUTES:
      natural(kMinuteUs);
      break;
    case v1::LIMIT_UNIT_NATURAL_HOURS:
      natural(60 * kMinuteUs);
      break;
    case v1::LIMIT_UNIT_NATURAL_DAYS:
      natural(kDayUs);
      break;
    case v1::LIMIT_UNIT_WORKING_HOURS:
      due = CountOpen(start_us, amount * 60 * kMinuteUs);
      break;
    case v1::LIMIT_UNIT_WORKING_DAYS: {
      const int64_t first_day = FloorDiv(LocalUs(calendar_, start_us), kDayUs);
      int64_t last_day = first_day;  // the day of the start does not count
      int64_t days = 0;
      due.due_us = start_us;
      VisitOpen(LocalMidnightUs(DateFromDays(first_day + 1)), [&](int64_t from_us, int64_t to_us) {
        const int64_t day = FloorDiv(LocalUs(calendar_, from_us), kDayUs);
        if (day != last_day) ++days;
        last_day = day;
        if (days > amount) return false;
        if (due.counted.size() < kSpansKept) due.counted.push_back({from_us, to_us});
        due.due_us = to_us;
        return true;
      });
      break;
    }
    default:
      natural(60 * kMinuteUs);
      break;
  }
  MarkProvisional(limit.unit(), &due);
  return due;
}

DueTime WorkCalendar::DueAfterPause(int64_t due_us, v1::LimitUnit unit, int64_t paused_us, int64_t resumed_us) const {
  DueTime due;
  if (IsWorkingTime(unit)) {
    int64_t left_us = 0;
    VisitOpen(paused_us, [&](int64_t from_us, int64_t to_us) {
      if (from_us < due_us) left_us += std::min(to_us, due_us) - from_us;
      return to_us < due_us;
    });
    due = CountOpen(resumed_us, left_us);
  } else {
    due.due_us = resumed_us + std::max<int64_t>(0, due_us - paused_us);
    due.counted.push_back({resumed_us, due.due_us});
  }
  MarkProvisional(unit, &due);
  return due;
}

// Natural time knows no holidays, so nothing about it can change later.
void WorkCalendar::MarkProvisional(v1::LimitUnit unit, DueTime* due) const {
  const std::string last_year = LocalDate(due->due_us).substr(0, 4);
  due->provisional = IsWorkingTime(unit) && calendar_.last_dated_year() > 0 && last_year > std::to_string(calendar_.last_dated_year());
}

}  // namespace gridloop
