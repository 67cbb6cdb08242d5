// The calendar of the sample city and what tests say times with.
#pragma once

#include <cstdio>
#include <string>

#include "directory/loader.h"
#include "domain/calendar.h"

namespace gridloop::testing_2026 {

inline constexpr int64_t kMinuteUs = 60'000'000;
inline constexpr int64_t kHourUs = 60 * kMinuteUs;

// The one that is shipped, public holidays and opening hours.
inline const v1::Calendar& CalendarOf2026() {
  static const v1::Calendar calendar = [] {
    LoadResult result = LoadFolder(std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang", "2026-03-02");
    return result.loaded ? result.loaded->calendar : v1::Calendar();
  }();
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
