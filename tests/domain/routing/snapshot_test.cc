#include "domain/snapshot.h"

#include <gtest/gtest.h>

#include "domain/routing/small_city.h"

namespace gridloop {
namespace {

using namespace small_city;

std::string Names(const std::vector<const v1::Worker*>& workers) {
  std::string names;
  for (const v1::Worker* worker : workers) names += (names.empty() ? "" : " ") + BareId(worker->name());
  return names;
}

TEST(Snapshot, FindsWhatTheTablesHold) {
  auto snapshot = City().Make();
  EXPECT_EQ(snapshot->center(), "center");
  ASSERT_NE(snapshot->FindUnit("oak"), nullptr);
  EXPECT_EQ(snapshot->FindUnit("nowhere"), nullptr);
  const int64_t now = At("2026-03-02 09:00");
  EXPECT_NE(snapshot->CategoryAt("elderly", now), nullptr);
  EXPECT_NE(snapshot->TypeAt("care", now), nullptr);
  EXPECT_EQ(snapshot->DangerAt("care", now), nullptr);
  EXPECT_EQ(snapshot->InstitutionAt("middle-school", now)->community(), kOak);
  EXPECT_EQ(BareId("units/oak"), "oak");
  EXPECT_EQ(BareId("oak"), "oak");
}

TEST(Snapshot, TheStationOfAUnitIsItselfOrItsParent) {
  auto snapshot = City().Make();
  EXPECT_EQ(snapshot->StationOf("oak"), "north");
  EXPECT_EQ(snapshot->StationOf("north"), "north");
  EXPECT_EQ(snapshot->StationOf("center"), "center");
  EXPECT_EQ(snapshot->StationOf("x-school"), "south");
}

TEST(Snapshot, ValidityIncludesBothItsDaysInLocalTime) {
  auto snapshot = City().Make();
  v1::Validity january;
  january.set_from_date("2026-01-01");
  january.set_to_date("2026-01-31");
  EXPECT_FALSE(snapshot->IsValid(january, At("2025-12-31 23:59")));
  EXPECT_TRUE(snapshot->IsValid(january, At("2026-01-01 00:00")));  // still December in UTC
  EXPECT_TRUE(snapshot->IsValid(january, At("2026-01-31 23:59")));
  EXPECT_FALSE(snapshot->IsValid(january, At("2026-02-01 00:00")));
  EXPECT_TRUE(snapshot->IsValid(v1::Validity(), At("2026-02-01 00:00")));
}

TEST(Snapshot, AnAliasStandsForItsCodeWhileItIsValid) {
  City city;
  city.AddAlias("G-2", kElm).mutable_validity()->set_to_date("2026-03-31");
  city.AddAlias("G-2", kOakCell).mutable_validity()->set_from_date("2026-04-01");
  auto snapshot = city.Make();
  EXPECT_EQ(snapshot->CommunityOf("G-1", At("2026-03-02 09:00")), kOak);
  EXPECT_EQ(snapshot->ResolveGridCode("G-2", At("2026-03-31 23:59")), kElm);
  EXPECT_EQ(snapshot->ResolveGridCode("G-2", At("2026-04-01 00:00")), kOakCell);
  EXPECT_EQ(snapshot->CommunityOf("G-3", At("2026-03-02 09:00")), "");
  EXPECT_EQ(snapshot->CommunityOf("999999999999001", At("2026-03-02 09:00")), "");
  EXPECT_EQ(snapshot->CommunityOf(kElm + "077", At("2026-03-02 09:00")), kElm);
}

TEST(Snapshot, WorkersAreAtAUnitWhileTheirPostAndEmploymentLast) {
  City city;
  city.AddWorker("a", {"oak", "north"});
  city.AddWorker("b", {"oak"}).mutable_posts(0)->mutable_validity()->set_to_date("2026-02-28");
  city.AddWorker("c", {"oak"}).mutable_validity()->set_from_date("2026-03-02");
  auto snapshot = city.Make();
  EXPECT_EQ(Names(snapshot->WorkersAt("oak", At("2026-02-28 23:59"))), "a b");
  EXPECT_EQ(Names(snapshot->WorkersAt("oak", At("2026-03-02 00:00"))), "a c");
  EXPECT_EQ(Names(snapshot->WorkersAt("north", At("2026-03-02 00:00"))), "a");
  EXPECT_EQ(Names(snapshot->WorkersAt("nowhere", At("2026-03-02 00:00"))), "");
}

TEST(Snapshot, AnIdWithSeveralRowsIsTheOneThatHoldsAtThatTime) {
  City city;
  auto& before = city.AddWorker("a", {"oak"}, {"elderly"});
  before.set_organisation("o1");
  before.mutable_validity()->set_to_date("2026-02-28");
  auto& after = city.AddWorker("a", {"oak", "market"}, {"medical"});
  after.set_organisation("o2");
  after.mutable_validity()->set_from_date("2026-03-02");
  for (const char* date : {"2026-02-28", "2026-03-01", "2026-03-02"}) city.OnDuty("oak", date, "a");
  city.directory.mutable_categories(0)->mutable_validity()->set_to_date("2025-12-31");
  auto* strict = city.directory.add_categories();
  strict->set_id("elderly");
  strict->set_restricted(true);
  strict->mutable_validity()->set_from_date("2026-01-01");
  auto snapshot = city.Make();
  EXPECT_EQ(snapshot->WorkerAt("a", At("2026-02-28 23:59"))->organisation(), "o1");
  EXPECT_EQ(snapshot->WorkerAt("a", At("2026-03-01 12:00")), nullptr);
  EXPECT_EQ(snapshot->WorkerAt("a", At("2026-03-02 00:00"))->organisation(), "o2");
  EXPECT_EQ(Names(snapshot->WorkersAt("oak", At("2026-02-28 12:00"))), "a");
  EXPECT_EQ(Names(snapshot->WorkersAt("oak", At("2026-03-01 12:00"))), "");
  EXPECT_EQ(Names(snapshot->WorkersAt("market", At("2026-02-28 12:00"))), "");
  EXPECT_EQ(Names(snapshot->WorkersAt("market", At("2026-03-02 12:00"))), "a");
  EXPECT_EQ(Names(snapshot->OnDutyRoster("oak", At("2026-02-28 12:00"))), "a");
  EXPECT_EQ(Names(snapshot->OnDutyRoster("oak", At("2026-03-02 20:00"))), "a");
  EXPECT_FALSE(snapshot->CategoryAt("elderly", At("2025-12-31 23:59"))->restricted());
  EXPECT_TRUE(snapshot->CategoryAt("elderly", At("2026-01-01 00:00"))->restricted());
}

TEST(Snapshot, ACommunityIsKnownWhileItIsValid) {
  City city;
  city.directory.mutable_communities(0)->mutable_validity()->set_to_date("2026-03-31");
  auto snapshot = city.Make();
  EXPECT_EQ(snapshot->CommunityOf(kOakCell, At("2026-03-31 23:59")), kOak);
  EXPECT_EQ(snapshot->CommunityOf(kOakCell, At("2026-04-01 00:00")), "");
}

TEST(DutyRoster, AnEntryLastsFromClosingToTheNextOpening) {
  City city;
  for (const char* id : {"tue", "wed"}) city.AddWorker(id, {"north"});
  city.OnDuty("north", "2026-03-03", "tue");
  city.OnDuty("north", "2026-03-04", "wed");
  auto snapshot = city.Make();
  const std::pair<const char*, const char*> cases[] = {
      {"2026-03-03 08:59", ""},    {"2026-03-03 18:29", ""},    {"2026-03-03 18:30", "tue"}, {"2026-03-04 00:00", "tue"},
      {"2026-03-04 08:59", "tue"}, {"2026-03-04 09:00", ""},    {"2026-03-04 12:00", "wed"},  // the day's noon break
      {"2026-03-04 13:30", ""},    {"2026-03-04 18:30", "wed"}, {"2026-03-05 08:59", "wed"}, {"2026-03-05 18:30", ""}};
  for (auto [at, expected] : cases) EXPECT_EQ(Names(snapshot->OnDutyRoster("north", At(at))), expected) << at;
  EXPECT_EQ(Names(snapshot->OnDutyRoster("oak", At("2026-03-03 20:00"))), "");
}

TEST(DutyRoster, OnDaysOffAnEntryBeginsAtMidnightAndRelievesTheOneBefore) {
  City city;
  for (const char* id : {"eve", "first", "fifth"}) city.AddWorker(id, {"center"});
  city.OnDuty("center", "2026-02-14", "eve");  // a made-up Saturday, then nine days of Spring Festival
  city.OnDuty("center", "2026-02-15", "first");
  city.OnDuty("center", "2026-02-19", "fifth");
  auto snapshot = city.Make();
  const std::pair<const char*, const char*> cases[] = {{"2026-02-14 18:29", ""},      {"2026-02-14 18:30", "eve"},   {"2026-02-14 23:59", "eve"},
                                                       {"2026-02-15 00:00", "first"}, {"2026-02-15 10:00", "first"}, {"2026-02-18 23:59", "first"},
                                                       {"2026-02-19 00:00", "fifth"}, {"2026-02-23 12:00", "fifth"}, {"2026-02-24 08:59", "fifth"},
                                                       {"2026-02-24 09:00", ""},      {"2026-02-24 18:30", ""}};
  for (auto [at, expected] : cases) EXPECT_EQ(Names(snapshot->OnDutyRoster("center", At(at))), expected) << at;
}

TEST(DutyRoster, FridaysEntryCoversAWeekendThatHasNone) {
  City city;
  city.AddWorker("fri", {"oak"});
  city.OnDuty("oak", "2026-03-06", "fri");
  auto snapshot = city.Make();
  EXPECT_EQ(Names(snapshot->OnDutyRoster("oak", At("2026-03-07 00:30"))), "fri");
  EXPECT_EQ(Names(snapshot->OnDutyRoster("oak", At("2026-03-09 08:59"))), "fri");
  EXPECT_EQ(Names(snapshot->OnDutyRoster("oak", At("2026-03-09 18:30"))), "");
}

TEST(DutyRoster, SeveralOnOneDayStandInTheTablesOrderAndTheDismissedDoNot) {
  City city;
  for (const char* id : {"a", "b"}) city.AddWorker(id, {"oak"});
  city.AddWorker("gone", {"oak"}).mutable_validity()->set_to_date("2026-03-01");
  for (const char* id : {"gone", "b", "a"}) city.OnDuty("oak", "2026-03-02", id);
  EXPECT_EQ(Names(city.Make()->OnDutyRoster("oak", At("2026-03-02 20:00"))), "b a");
}

TEST(StartClock, TheFirstRuleThatFitsDecides) {
  City city;
  auto rule = [&](const std::string& id, v1::Urgency urgency, v1::Grade grade, int amount) {
    auto* limit = city.policy.add_limits();
    limit->set_id(id);
    limit->set_kind(v1::CLOCK_KIND_OFFER);
    if (urgency != v1::URGENCY_UNSPECIFIED) limit->add_urgencies(urgency);
    if (grade != v1::GRADE_UNSPECIFIED) limit->add_grades(grade);
    *limit->mutable_limit() = testing_2026::LimitOf(amount, v1::LIMIT_UNIT_WORKING_HOURS);
  };
  rule("urgent", v1::URGENCY_URGENT, v1::GRADE_UNSPECIFIED, 1);
  rule("heavy", v1::URGENCY_UNSPECIFIED, v1::GRADE_ONE, 2);
  rule("else", v1::URGENCY_UNSPECIFIED, v1::GRADE_UNSPECIFIED, 8);
  auto snapshot = city.Make();
  int64_t now = At("2026-03-02 09:00");
  auto start = [&](v1::Urgency urgency, int grade) { return snapshot->StartClock(v1::CLOCK_KIND_OFFER, urgency, static_cast<v1::Grade>(grade), now); };
  EXPECT_EQ(start(v1::URGENCY_URGENT, 1).rule(), "urgent");
  EXPECT_EQ(start(v1::URGENCY_ROUTINE, 1).rule(), "heavy");
  EXPECT_EQ(start(v1::URGENCY_ROUTINE, 2).rule(), "else");
  EXPECT_EQ(start(v1::URGENCY_ROUTINE, 2).due_us(), At("2026-03-02 18:30"));
  v1::ClockStart none = snapshot->StartClock(v1::CLOCK_KIND_CENTER, v1::URGENCY_ROUTINE, v1::GRADE_UNSPECIFIED, now);
  EXPECT_EQ(none.rule(), "built-in");
  EXPECT_EQ(none.due_us(), At("2026-03-03 09:00"));
}

TEST(StartClock, ReachingPastTheLastDatedYearIsProvisional) {
  City city;
  auto* limit = city.policy.add_limits();
  limit->set_kind(v1::CLOCK_KIND_OFFER);
  *limit->mutable_limit() = testing_2026::LimitOf(8, v1::LIMIT_UNIT_WORKING_HOURS);
  auto snapshot = city.Make();
  auto at = [&](const char* text) { return snapshot->StartClock(v1::CLOCK_KIND_OFFER, v1::URGENCY_ROUTINE, v1::GRADE_ONE, At(text)).provisional(); };
  EXPECT_FALSE(at("2026-12-31 09:00"));
  EXPECT_TRUE(at("2026-12-31 09:01"));
}

}  // namespace
}  // namespace gridloop
