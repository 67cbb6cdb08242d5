#include "domain/calendar.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "domain/routing/calendar_2026.h"

namespace gridloop {
namespace {

using namespace testing_2026;

constexpr v1::LimitUnit kMinutes = v1::LIMIT_UNIT_NATURAL_MINUTES;
constexpr v1::LimitUnit kHours = v1::LIMIT_UNIT_NATURAL_HOURS;
constexpr v1::LimitUnit kDays = v1::LIMIT_UNIT_NATURAL_DAYS;
constexpr v1::LimitUnit kWorkingHours = v1::LIMIT_UNIT_WORKING_HOURS;
constexpr v1::LimitUnit kWorkingDays = v1::LIMIT_UNIT_WORKING_DAYS;

TEST(CalendarOf2026, EveryHolidayAndMakeUpWorkdayIsWhatTheNoticeSays) {
  WorkCalendar calendar(CalendarOf2026());
  const std::set<std::string> make_up = {"2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"};
  const std::pair<const char*, const char*> holidays[] = {{"2026-01-01", "2026-01-03"}, {"2026-02-15", "2026-02-23"}, {"2026-04-04", "2026-04-06"},
                                                          {"2026-05-01", "2026-05-05"}, {"2026-06-19", "2026-06-21"}, {"2026-09-25", "2026-09-27"},
                                                          {"2026-10-01", "2026-10-07"}};
  int working = 0;
  for (int64_t day = DaysFromDate("2026-01-01"); day <= DaysFromDate("2026-12-31"); ++day) {
    std::string date = DateFromDays(day);
    bool holiday = false;
    for (auto [first, last] : holidays) holiday |= first <= date && date <= last;
    bool weekend = calendar.LocalWeekday(calendar.LocalMidnightUs(date)) >= 6;
    bool expected = make_up.contains(date) || (!holiday && !weekend);
    EXPECT_EQ(calendar.IsWorkingDay(date), expected) << date;
    working += expected ? 1 : 0;
  }
  EXPECT_EQ(working, 248);
}

struct DueCase {
  const char* start;
  int amount;
  v1::LimitUnit unit;
  const char* due;
};

TEST(CalendarOf2026, DueTimesAreAsCountedByHand) {
  WorkCalendar calendar(CalendarOf2026());
  const DueCase cases[] = {
      // Ordinary days.
      {"2026-03-02 09:00", 8, kWorkingHours, "2026-03-02 18:30"},  // used up at closing: then, not at the next opening
      {"2026-03-02 09:01", 8, kWorkingHours, "2026-03-03 09:01"},
      {"2026-03-02 09:00", 3, kWorkingHours, "2026-03-02 12:00"},  // used up at the noon break
      {"2026-03-02 12:00", 1, kWorkingHours, "2026-03-02 14:30"},
      {"2026-03-02 08:59", 1, kWorkingHours, "2026-03-02 10:00"},
      {"2026-03-06 18:30", 1, kWorkingHours, "2026-03-09 10:00"},
      {"2026-03-02 09:00", 1, kWorkingDays, "2026-03-03 18:30"},
      // Midnight.
      {"2026-03-02 23:59", 1, kWorkingHours, "2026-03-03 10:00"},
      {"2026-03-03 00:00", 1, kWorkingHours, "2026-03-03 10:00"},
      {"2026-03-02 23:59", 1, kWorkingDays, "2026-03-03 18:30"},
      {"2026-03-03 00:00", 1, kWorkingDays, "2026-03-04 18:30"},
      // The end of the year: Thursday to Saturday off, Sunday 4 January made up.
      {"2025-12-31 18:00", 1, kWorkingHours, "2026-01-04 09:30"},
      {"2025-12-31 18:30", 8, kWorkingHours, "2026-01-04 18:30"},
      {"2026-01-01 00:00", 1, kWorkingDays, "2026-01-04 18:30"},
      {"2026-01-01 00:00", 2, kWorkingDays, "2026-01-05 18:30"},
      // Spring Festival. The eve's make-up Saturday is worked.
      {"2026-02-13 18:30", 8, kWorkingHours, "2026-02-14 18:30"},
      {"2026-02-14 18:29", 1, kWorkingHours, "2026-02-24 09:59"},
      {"2026-02-14 18:30", 1, kWorkingHours, "2026-02-24 10:00"},  // at closing time on the eve
      {"2026-02-14 18:30", 1, kWorkingDays, "2026-02-24 18:30"},
      {"2026-02-14 18:30", 4, kHours, "2026-02-14 22:30"},
      {"2026-02-23 23:59", 1, kWorkingHours, "2026-02-24 10:00"},
      {"2026-02-14 12:00", 5, kWorkingDays, "2026-02-28 18:30"},  // 24, 25, 26, 27 and the made-up 28
      // The other holidays.
      {"2026-04-03 18:30", 1, kWorkingHours, "2026-04-07 10:00"},
      {"2026-04-30 10:00", 1, kWorkingDays, "2026-05-06 18:30"},
      {"2026-05-08 18:00", 1, kWorkingHours, "2026-05-09 09:30"},
      {"2026-06-18 10:00", 1, kWorkingDays, "2026-06-22 18:30"},
      {"2026-09-18 18:30", 1, kWorkingHours, "2026-09-20 10:00"},  // a make-up Sunday
      {"2026-09-20 18:00", 1, kWorkingHours, "2026-09-21 09:30"},
      {"2026-09-24 18:00", 8, kWorkingHours, "2026-09-28 18:00"},
      {"2026-09-30 18:30", 3, kWorkingDays, "2026-10-10 18:30"},  // 8, 9 and the made-up Saturday
      {"2026-10-10 18:30", 1, kWorkingHours, "2026-10-12 10:00"},
      // Natural time knows no days off.
      {"2026-12-31 23:50", 30, kMinutes, "2027-01-01 00:20"},
      {"2026-02-14 10:00", 3, kDays, "2026-02-17 10:00"},
      {"2026-02-28 10:00", 1, kDays, "2026-03-01 10:00"},
      {"2024-02-28 10:00", 1, kDays, "2024-02-29 10:00"},
  };
  for (const DueCase& each : cases) {
    DueTime due = calendar.Due(At(calendar, each.start), LimitOf(each.amount, each.unit));
    EXPECT_EQ(Show(calendar, due.due_us), each.due) << each.start << " + " << each.amount << " " << each.unit;
    EXPECT_FALSE(due.provisional) << each.start;
  }
}

TEST(CalendarOf2026, EveryMomentOfSpringFestivalLeadsToTheMorningAfter) {
  WorkCalendar calendar(CalendarOf2026());
  const int64_t opening = At(calendar, "2026-02-24 09:00");
  for (int64_t at = At(calendar, "2026-02-14 18:30"); at < opening; at += 7 * kMinuteUs) {
    ASSERT_FALSE(calendar.IsOpen(at)) << Show(calendar, at);
    ASSERT_EQ(calendar.NextOpeningUs(at), opening) << Show(calendar, at);
    ASSERT_EQ(calendar.Due(at, LimitOf(1, kWorkingHours)).due_us, opening + kHourUs) << Show(calendar, at);
  }
  EXPECT_TRUE(calendar.IsOpen(At(calendar, "2026-02-14 18:29")));
  EXPECT_TRUE(calendar.IsOpen(opening));
}

TEST(CalendarOf2026, AfterTheLastDatedYearOnlyWeekendsAreKnownAndWorkingTimeIsProvisional) {
  WorkCalendar calendar(CalendarOf2026());
  EXPECT_TRUE(calendar.IsWorkingDay("2027-01-01"));  // a Friday
  EXPECT_FALSE(calendar.IsWorkingDay("2027-01-02"));
  DueTime beyond = calendar.Due(At(calendar, "2026-12-31 18:00"), LimitOf(1, kWorkingHours));
  EXPECT_EQ(Show(calendar, beyond.due_us), "2027-01-01 09:30");
  EXPECT_TRUE(beyond.provisional);
  EXPECT_FALSE(calendar.Due(At(calendar, "2026-12-31 17:30"), LimitOf(1, kWorkingHours)).provisional);
  EXPECT_TRUE(calendar.Due(At(calendar, "2026-12-31 09:00"), LimitOf(1, kWorkingDays)).provisional);
  EXPECT_TRUE(calendar.Due(At(calendar, "2028-05-01 09:00"), LimitOf(1, kWorkingHours)).provisional);
  EXPECT_FALSE(calendar.Due(At(calendar, "2026-12-31 23:00"), LimitOf(2, kHours)).provisional);
}

TEST(CalendarOf2026, VeryLongLimitsEndAndKeepAtMost400Spans) {
  WorkCalendar calendar(CalendarOf2026());
  for (v1::LimitUnit unit : {kMinutes, kHours, kDays, kWorkingHours, kWorkingDays}) {
    DueTime due = calendar.Due(At(calendar, "2026-03-02 09:00"), LimitOf(2'147'483'647, unit));
    EXPECT_LE(due.counted.size(), 400U);
    EXPECT_GT(due.due_us, At(calendar, "2026-03-02 09:00"));
  }
}

TEST(CalendarOf2026, ACalendarWithoutAnyOpeningHoursStillAnswers) {
  WorkCalendar never{v1::Calendar()};
  EXPECT_FALSE(never.IsOpen(0));
  EXPECT_EQ(never.NextOpeningUs(0), 0);
  EXPECT_TRUE(never.Due(0, LimitOf(8, kWorkingHours)).counted.empty());
}

TEST(CalendarOf2026, AnOpeningSpanMayEndAtMidnight) {
  v1::Calendar message = CalendarOf2026();
  message.clear_opening_spans();
  auto* span = message.add_opening_spans();
  span->set_start_minute(0);
  span->set_end_minute(1440);
  WorkCalendar calendar(message);
  EXPECT_EQ(Show(calendar, calendar.Due(At(calendar, "2026-03-06 23:30"), LimitOf(1, kWorkingHours)).due_us), "2026-03-09 00:30");
  EXPECT_EQ(Show(calendar, calendar.Due(At(calendar, "2026-03-06 23:00"), LimitOf(1, kWorkingHours)).due_us), "2026-03-07 00:00");
}

v1::Limit AnyLimit() { return LimitOf(*rc::gen::inRange(1, 300), *rc::gen::element(kMinutes, kHours, kDays, kWorkingHours, kWorkingDays)); }

int64_t AnyMoment(const WorkCalendar& calendar) { return At(calendar, "2025-11-01 00:00") + *rc::gen::inRange<int64_t>(0, 450LL * 24 * kHourUs); }

TEST(CalendarProperties, DueIsMonotoneInItsStart) {
  WorkCalendar calendar(CalendarOf2026());
  EXPECT_TRUE(rc::check("a later start is never due earlier", [&] {
    v1::Limit limit = AnyLimit();
    int64_t start = AnyMoment(calendar);
    int64_t later = start + *rc::gen::inRange<int64_t>(0, 12LL * 24 * kHourUs);
    RC_ASSERT(calendar.Due(start, limit).due_us <= calendar.Due(later, limit).due_us);
    RC_ASSERT(calendar.Due(start, limit).due_us >= start);
  }));
}

TEST(CalendarProperties, CountedSpansOfWorkingHoursAddUpToTheLimit) {
  WorkCalendar calendar(CalendarOf2026());
  EXPECT_TRUE(rc::check("spans are in order, open, and sum to the limit", [&] {
    int hours = *rc::gen::inRange(1, 300);
    int64_t start = AnyMoment(calendar);
    DueTime due = calendar.Due(start, LimitOf(hours, kWorkingHours));
    int64_t sum = 0;
    int64_t before = start;
    for (const CountedSpan& span : due.counted) {
      RC_ASSERT(span.start_us >= before);
      RC_ASSERT(span.end_us > span.start_us);
      RC_ASSERT(calendar.IsOpen(span.start_us));
      RC_ASSERT(calendar.IsOpen(span.end_us - 1));
      sum += span.end_us - span.start_us;
      before = span.end_us;
    }
    RC_ASSERT(sum == hours * kHourUs);
    RC_ASSERT(due.due_us == before);
  }));
}

TEST(CalendarOf2026, WhatWasLeftOfAPausedLimitIsLeft) {
  WorkCalendar calendar(CalendarOf2026());
  struct Case {
    const char* due;
    v1::LimitUnit unit;
    const char* paused;
    const char* resumed;
    const char* expected;
  };
  const Case cases[] = {
      {"2026-03-02 18:30", kWorkingHours, "2026-03-02 11:00", "2026-03-04 09:00", "2026-03-04 16:30"},  // 6 open hours
      {"2026-03-02 18:30", kWorkingHours, "2026-03-02 11:00", "2026-03-06 17:30", "2026-03-09 15:30"},  // over a weekend
      {"2026-03-05 18:30", kWorkingDays, "2026-03-03 18:30", "2026-03-09 09:00", "2026-03-10 18:30"},   // two days
      {"2026-02-14 18:30", kWorkingHours, "2026-02-14 17:30", "2026-02-16 10:00", "2026-02-24 10:00"},  // Spring Festival
      {"2026-03-02 18:30", kWorkingHours, "2026-03-02 18:30", "2026-03-04 10:00", "2026-03-04 10:00"},  // nothing left
      {"2026-03-02 22:00", kHours, "2026-03-02 20:00", "2026-03-07 03:00", "2026-03-07 05:00"},
      {"2026-03-16 10:00", kDays, "2026-03-10 10:00", "2026-03-11 12:00", "2026-03-17 12:00"},
  };
  for (const Case& each : cases) {
    DueTime due = calendar.DueAfterPause(At(calendar, each.due), each.unit, At(calendar, each.paused), At(calendar, each.resumed));
    EXPECT_EQ(Show(calendar, due.due_us), each.expected) << each.due << " paused " << each.paused << " resumed " << each.resumed;
  }
  EXPECT_TRUE(
      calendar.DueAfterPause(At(calendar, "2026-12-30 18:30"), kWorkingDays, At(calendar, "2026-12-29 09:00"), At(calendar, "2026-12-31 09:00")).provisional);
}

TEST(CalendarProperties, APauseOfNoTimeChangesNothingAndALongerOneNeverEndsEarlier) {
  WorkCalendar calendar(CalendarOf2026());
  EXPECT_TRUE(rc::check("a pause moves the end by what it took", [&] {
    v1::Limit limit = AnyLimit();
    int64_t start = AnyMoment(calendar);
    int64_t due = calendar.Due(start, limit).due_us;
    int64_t paused = start + *rc::gen::inRange<int64_t>(0, due - start + 1);
    RC_ASSERT(calendar.DueAfterPause(due, limit.unit(), paused, paused).due_us == due);
    int64_t resumed = paused + *rc::gen::inRange<int64_t>(0, 40LL * 24 * kHourUs);
    int64_t later = resumed + *rc::gen::inRange<int64_t>(0, 40LL * 24 * kHourUs);
    RC_ASSERT(calendar.DueAfterPause(due, limit.unit(), paused, resumed).due_us >= due);
    RC_ASSERT(calendar.DueAfterPause(due, limit.unit(), paused, resumed).due_us <= calendar.DueAfterPause(due, limit.unit(), paused, later).due_us);
  }));
}

TEST(CalendarProperties, DatesAndDaysAreInverse) {
  EXPECT_TRUE(rc::check("a date survives the way there and back", [] {
    int64_t day = *rc::gen::inRange<int64_t>(-700'000, 2'900'000);
    RC_ASSERT(DaysFromDate(DateFromDays(day)) == day);
  }));
}

}  // namespace
}  // namespace gridloop
