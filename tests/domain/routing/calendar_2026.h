// The public holidays of mainland China in 2026 and the opening hours of the sample city, for tests.
#pragma once

#include <cstdio>
#include <string>

#include "domain/calendar.h"

namespace gridloop::testing_2026 {

inline constexpr int64_t kMinuteUs = 60'000'000;
inline constexpr int64_t kHourUs = 60 * kMinuteUs;

inline v1::Calendar CalendarOf2026() {
  v1::Calendar calendar;
  calendar.set_utc_offset_minutes(480);
  calendar.set_last_dated_year(2026);
  auto open = [&](int start, int end) {
    auto* span = calendar.add_opening_spans();
    span->set_start_minute(start);
    span->set_end_minute(end);
  };
  open(9 * 60, 12 * 60);
  open(13 * 60 + 30, 18 * 60 + 30);  // 8 working hours a day
  auto days = [&](const std::string& first, const std::string& last, v1::DayKind kind) {
    for (int64_t day = DaysFromDate(first); day <= DaysFromDate(last); ++day) {
      auto* dated = calendar.add_dated_days();
      dated->set_date(DateFromDays(day));
      dated->set_kind(kind);
    }
  };
  auto holidays = [&](const std::string& first, const std::string& last) { days(first, last, v1::DAY_KIND_HOLIDAY); };
  auto workday = [&](const std::string& date) { days(date, date, v1::DAY_KIND_WORKDAY); };
  holidays("2026-01-01", "2026-01-03");  // New Year
  workday("2026-01-04");
  workday("2026-02-14");
  holidays("2026-02-15", "2026-02-23");  // Spring Festival
  workday("2026-02-28");
  holidays("2026-04-04", "2026-04-06");  // Qingming
  holidays("2026-05-01", "2026-05-05");  // Labour Day
  workday("2026-05-09");
  holidays("2026-06-19", "2026-06-21");  // Dragon Boat
  workday("2026-09-20");
  holidays("2026-09-25", "2026-09-27");  // Mid-Autumn
  holidays("2026-10-01", "2026-10-07");  // National Day
  workday("2026-10-10");
  return calendar;
}

// "2026-02-14 18:30" in the calendar's local time.
inline int64_t At(const WorkCalendar& calendar, const std::string& text) {
  int minute = std::stoi(text.substr(11, 2)) * 60 + std::stoi(text.substr(14, 2));
  return calendar.LocalMidnightUs(text.substr(0, 10)) + minute * kMinuteUs;
}

inline std::string Show(const WorkCalendar& calendar, int64_t at_us) {
  int minute = calendar.LocalMinute(at_us);
  char time[16];
  std::snprintf(time, sizeof(time), " %02d:%02d", minute / 60 % 24, minute % 60);
  return calendar.LocalDate(at_us) + time;
}

inline v1::Limit LimitOf(int amount, v1::LimitUnit unit) {
  v1::Limit limit;
  limit.set_amount(amount);
  limit.set_unit(unit);
  return limit;
}

}  // namespace gridloop::testing_2026
