#include "cli/words.h"

#include <gtest/gtest.h>

#include "gridloop/v1/need.pb.h"

namespace gridloop::cli {
namespace {

google::protobuf::Timestamp At(int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  return time;
}

TEST(Words, WhatIsSaidOnThePhoneIsANumberAndAnIdIsAName) {
  EXPECT_EQ(NeedName("260302-7KQ4M-X"), "numbers/260302-7KQ4M-X");
  EXPECT_EQ(NeedName("jke5k7yoeeudqnib4fsxkvlz3u"), "needs/jke5k7yoeeudqnib4fsxkvlz3u");
  EXPECT_EQ(NeedName("needs/x"), "needs/x");
  EXPECT_EQ(UnitName("s01"), "units/s01");
  EXPECT_EQ(UnitName("workers/w-1"), "workers/w-1");
  EXPECT_EQ(UnitName(""), "");
  EXPECT_EQ(BareName("units/s01"), "s01");
  EXPECT_EQ(BareName("s01"), "s01");
}

TEST(Words, EnumWordsAreWhatPeopleType) {
  const auto* source = v1::Source_descriptor();
  EXPECT_EQ(EnumWord(source, v1::SOURCE_WALK_IN), "walk-in");
  EXPECT_EQ(ParseEnumWord(source, "walk-in"), v1::SOURCE_WALK_IN);
  EXPECT_EQ(ParseEnumWord(source, "SOURCE_WALK_IN"), v1::SOURCE_WALK_IN);
  EXPECT_FALSE(ParseEnumWord(source, "unspecified"));
  EXPECT_FALSE(ParseEnumWord(source, ""));
  EXPECT_EQ(EnumWord(source, 999), "999");  // a newer server's
  EXPECT_EQ(EnumWords(source).size(), 7U);
}

TEST(Words, TimesAreTheOfficesUnlessAZoneIsSaid) {
  EXPECT_EQ(ParseLocalTime("2026-03-02 09:00"), 1772413200);
  EXPECT_EQ(UtcTime(1772413201), "2026-03-02T01:00:01Z");
  EXPECT_EQ(ParseLocalTime(UtcTime(1772413201)), 1772413201);
  EXPECT_EQ(ParseLocalTime("2026-03-02T09:00"), 1772413200);
  EXPECT_EQ(ParseLocalTime("2026-03-02T01:00:00Z"), 1772413200);
  EXPECT_EQ(ParseLocalTime("2026-03-02T02:30:00+01:30"), 1772413200);
  EXPECT_EQ(ParseLocalTime("2026-03-02 09:00:07"), 1772413207);
  for (const char* bad : {"", "2026-03-02", "2026-02-30 09:00", "2026-03-02 24:00", "2026-03-02 09:60", "2026-03-02 09:00x", "2026-03-02 9:00",
                          "2026-03-02T09:00+8", "tomorrow at nine o'clock"}) {
    EXPECT_FALSE(ParseLocalTime(bad)) << bad;
  }
  EXPECT_EQ(LocalTime(At(1772413207)), "2026-03-02 09:00");
  EXPECT_EQ(LocalTime(At(1772413207), true), "2026-03-02 09:00:07");
  EXPECT_EQ(LocalTime(At(0)), "1970-01-01 08:00");
  EXPECT_EQ(LocalTime(At(-28'801)), "1969-12-31 23:59");
  EXPECT_EQ(LocalDate(1772413207), "2026-03-02");
}

TEST(Words, SpansHaveAUnit) {
  EXPECT_EQ(ParseSpan("90d"), 90 * 86'400);
  EXPECT_EQ(ParseSpan("12h"), 12 * 3600);
  EXPECT_EQ(ParseSpan("30m"), 1800);
  EXPECT_EQ(ParseSpan("45s"), 45);
  for (const char* bad : {"", "d", "90", "-1d", "1.5h", "9999999999d", "3w"}) EXPECT_FALSE(ParseSpan(bad)) << bad;
}

TEST(Words, HowLongUntilADeadlineIsSaidInTwoUnits) {
  EXPECT_EQ(Relative(1000, 1000), "in 0 min");
  EXPECT_EQ(Relative(1000 + 90 * 60, 1000), "in 1 h 30 min");
  EXPECT_EQ(Relative(1000 + 50 * 3600, 1000), "in 2 d 2 h");
  EXPECT_EQ(Relative(1000 - 3 * 3600, 1000), "overdue 3 h 0 min");
}

}  // namespace
}  // namespace gridloop::cli
