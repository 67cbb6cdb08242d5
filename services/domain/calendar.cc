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
    case v1::LIMIT_UNIT_WORKING_DAYS: {
      bool by_day = limit.unit() == v1::LIMIT_UNIT_WORKING_DAYS;
      int64_t left = by_day ? amount : amount * 60 * kMinuteUs;
      int64_t first_day = FloorDiv(LocalUs(calendar_, start_us), kDayUs);
      due.due_us = start_us;
      for (int i = 0; i < kLongestSearchDays && left > 0; ++i) {
        std::string date = DateFromDays(first_day + i);
        if (!IsWorkingDay(date)) continue;
        int64_t midnight = LocalMidnightUs(date);
        if (by_day) {
          if (i == 0) continue;  // the day of the start does not count
          --left;
        }
        for (const auto& span : calendar_.opening_spans()) {
          int64_t from = std::max(start_us, midnight + span.start_minute() * kMinuteUs);
          int64_t to = midnight + span.end_minute() * kMinuteUs;
          if (from >= to) continue;
          if (!by_day) {
            if (left == 0) break;
            to = std::min(to, from + left);
            left -= to - from;
          }
          if (due.counted.size() < kSpansKept) due.counted.push_back({from, to});
          due.due_us = to;
        }
      }
      break;
    }
    default:
      natural(60 * kMinuteUs);
      break;
  }
  // Natural time knows no holidays, so nothing about it can change later.
  bool working = limit.unit() == v1::LIMIT_UNIT_WORKING_HOURS || limit.unit() == v1::LIMIT_UNIT_WORKING_DAYS;
  std::string last_year = LocalDate(due.due_us).substr(0, 4);
  due.provisional = working && calendar_.last_dated_year() > 0 && last_year > std::to_string(calendar_.last_dated_year());
  return due;
}

}  // namespace gridloop
