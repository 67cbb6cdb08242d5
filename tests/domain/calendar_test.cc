#include "domain/calendar.h"

#include <gtest/gtest.h>

namespace gridloop {
namespace {

constexpr int64_t kMinuteUs = 60'000'000;

WorkCalendar Calendar2026() {
  v1::Calendar calendar;
  calendar.set_utc_offset_minutes(480);
  calendar.set_last_dated_year(2026);
  auto span = [&](int start, int end) {
    auto* each = calendar.add_opening_spans();
    each->set_start_minute(start);
    each->set_end_minute(end);
  };
  span(9 * 60, 12 * 60);
  span(13 * 60 + 30, 18 * 60 + 30);
  auto day = [&](const std::string& date, v1::DayKind kind) {
    auto* each = calendar.add_dated_days();
    each->set_date(date);
    each->set_kind(kind);
  };
  day("2026-01-01", v1::DAY_KIND_HOLIDAY);
  day("2026-01-02", v1::DAY_KIND_HOLIDAY);
  day("2026-01-03", v1::DAY_KIND_HOLIDAY);
  day("2026-01-04", v1::DAY_KIND_WORKDAY);
  day("2026-02-14", v1::DAY_KIND_WORKDAY);
  for (int i = 15; i <= 23; ++i) day("2026-02-" + std::to_string(i), v1::DAY_KIND_HOLIDAY);
  day("2026-02-28", v1::DAY_KIND_WORKDAY);
  return WorkCalendar(calendar);
}

int64_t At(const WorkCalendar& calendar, const std::string& date, int hour, int minute) {
  return calendar.LocalMidnightUs(date) + (hour * 60 + minute) * kMinuteUs;
}

std::string Show(const WorkCalendar& calendar, int64_t at_us) {
  int minute = calendar.LocalMinute(at_us);
  char text[32];
  std::snprintf(text, sizeof(text), "%s %02d:%02d", calendar.LocalDate(at_us).c_str(), minute / 60, minute % 60);
  return text;
}

struct Case {
  const char* start_date;
  int hour, minute;
  int amount;
  v1::LimitUnit unit;
  const char* due;
};

TEST(Calendar, DueTimes) {
  WorkCalendar calendar = Calendar2026();
  const Case cases[] = {
      {"2026-03-02", 9, 0, 8, v1::LIMIT_UNIT_WORKING_HOURS, "2026-03-02 18:30"},  // used up at closing: then, not next morning
      {"2026-03-02", 10, 0, 8, v1::LIMIT_UNIT_WORKING_HOURS, "2026-03-03 10:00"},
      {"2026-03-02", 12, 30, 1, v1::LIMIT_UNIT_WORKING_HOURS, "2026-03-02 14:30"},  // noon does not count
      {"2026-03-06", 18, 30, 8, v1::LIMIT_UNIT_WORKING_HOURS, "2026-03-09 18:30"},  // at closing time on a Friday
      {"2026-02-14", 18, 30, 8, v1::LIMIT_UNIT_WORKING_HOURS, "2026-02-24 18:30"},  // on the eve of Spring Festival
      {"2026-02-18", 3, 0, 1, v1::LIMIT_UNIT_WORKING_DAYS, "2026-02-24 18:30"},     // in the middle of it
      {"2026-02-13", 17, 0, 1, v1::LIMIT_UNIT_WORKING_DAYS, "2026-02-14 18:30"},    // a make-up Saturday
      {"2025-12-31", 18, 0, 1, v1::LIMIT_UNIT_WORKING_HOURS, "2026-01-04 09:30"},   // a make-up Sunday after New Year
      {"2026-02-27", 17, 0, 2, v1::LIMIT_UNIT_WORKING_DAYS, "2026-03-02 18:30"},
      {"2026-03-02", 23, 50, 30, v1::LIMIT_UNIT_NATURAL_MINUTES, "2026-03-03 00:20"},
      {"2026-02-20", 0, 0, 4, v1::LIMIT_UNIT_NATURAL_HOURS, "2026-02-20 04:00"},
  };
  for (const Case& each : cases) {
    v1::Limit limit;
    limit.set_amount(each.amount);
    limit.set_unit(each.unit);
    DueTime due = calendar.Due(At(calendar, each.start_date, each.hour, each.minute), limit);
    EXPECT_EQ(Show(calendar, due.due_us), each.due) << each.start_date << " " << each.hour << ":" << each.minute;
    EXPECT_FALSE(due.provisional);
  }
}

TEST(Calendar, CountedTimeAddsUpToTheLimit) {
  WorkCalendar calendar = Calendar2026();
  v1::Limit limit;
  limit.set_amount(30);
  limit.set_unit(v1::LIMIT_UNIT_WORKING_HOURS);
  DueTime due = calendar.Due(At(calendar, "2026-02-13", 11, 11), limit);
  int64_t counted_us = 0;
  for (const auto& span : due.counted) counted_us += span.end_us - span.start_us;
  EXPECT_EQ(counted_us, 30 * 60 * kMinuteUs);
  EXPECT_EQ(due.counted.back().end_us, due.due_us);
}

TEST(Calendar, AfterTheLastDatedYearWorkingTimeIsProvisional) {
  WorkCalendar calendar = Calendar2026();
  v1::Limit limit;
  limit.set_amount(3);
  limit.set_unit(v1::LIMIT_UNIT_WORKING_DAYS);
  EXPECT_TRUE(calendar.Due(At(calendar, "2026-12-31", 10, 0), limit).provisional);
  limit.set_unit(v1::LIMIT_UNIT_NATURAL_HOURS);
  EXPECT_FALSE(calendar.Due(At(calendar, "2026-12-31", 23, 0), limit).provisional);
}

TEST(Calendar, ImpossibleDatesAreRefused) {
  for (const char* date : {"2026-02-29", "2026-13-01", "2026-04-31", "26-01-01", "2026-1-1", "", "2026-02-3x"}) {
    EXPECT_EQ(DaysFromDate(date), INT64_MIN) << date;
  }
  EXPECT_EQ(DateFromDays(DaysFromDate("2024-02-29")), "2024-02-29");
}

}  // namespace
}  // namespace gridloop
