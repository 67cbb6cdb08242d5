#include "domain/escalation.h"

#include <gtest/gtest.h>

namespace gridloop {
namespace {

store::v1::NeedState Owned(const std::string& owner, const std::string& station, uint32_t reached = 0) {
  store::v1::NeedState state;
  state.set_center("center");
  state.set_owner(owner);
  state.set_station(station);
  state.set_escalation_level(reached);
  return state;
}

v1::Actor As(v1::Role role) {
  v1::Actor actor;
  actor.set_role(role);
  return actor;
}

// By the count of levels alone.
Escalation OneLevelUp(const store::v1::NeedState& head, int levels, const v1::Actor& by = {}) {
  v1::Policy policy;
  policy.set_escalation_levels(levels);
  return gridloop::OneLevelUp(head, &policy, v1::CLOCK_KIND_SERVICE, 0, by);
}

std::string Text(const Escalation& up) { return std::to_string(up.level) + " " + up.unit; }

TEST(Escalation, OneLevelUpIsNeverTheOwnersOwnDesk) {
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01"), 2)), "1 s01");
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01", 1), 2)), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("s01", "s01"), 2)), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("center", "s01"), 2)), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("center", ""), 2)), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("x-minors", "center"), 2)), "2 center");  // a special unit below the centre
}

TEST(Escalation, WhatAStationsHeadEscalatesIsTheCentres) {
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01"), 2, As(v1::ROLE_STATION_HEAD))), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01"), 2, As(v1::ROLE_WORKER))), "1 s01");
}

TEST(Escalation, EndsAtThePolicysHighestLevelButReachesWhoMustBeTold) {
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01", 2), 2)), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01", 2), 3)), "3 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01", 1), 1)), "1 s01");
  EXPECT_EQ(Text(OneLevelUp(Owned("s01", "s01"), 1)), "2 center");
  EXPECT_EQ(Text(OneLevelUp(Owned("r-1", "s01", 1), 0)), "2 center");  // no policy
}

v1::Policy WithRule() {
  v1::Policy policy;
  policy.set_escalation_levels(2);
  auto& rule = *policy.add_escalations();
  rule.set_id("urgent-service");
  rule.mutable_match()->add_urgencies(v1::URGENCY_URGENT);
  rule.add_clocks(v1::CLOCK_KIND_SERVICE);
  rule.add_levels()->set_target(v1::ESCALATION_TARGET_STATION);
  auto& office = *rule.add_levels();
  office.set_target(v1::ESCALATION_TARGET_UNIT);
  office.set_unit("units/x-minors");
  office.mutable_limit()->set_amount(2);
  office.mutable_limit()->set_unit(v1::LIMIT_UNIT_NATURAL_HOURS);
  rule.add_levels()->set_target(v1::ESCALATION_TARGET_CENTER);
  return policy;
}

TEST(Escalation, ARuleOfThePolicySaysWhomEachLevelTells) {
  const v1::Policy policy = WithRule();
  auto at = [&](uint32_t reached, v1::ClockKind kind = v1::CLOCK_KIND_SERVICE, const v1::Actor& by = {}) {
    auto head = Owned("r-1", "s01", reached);
    head.set_urgency(v1::URGENCY_URGENT);
    return gridloop::OneLevelUp(head, &policy, kind, 0, by);
  };
  EXPECT_EQ(Text(at(0)), "1 s01");
  EXPECT_EQ(Text(at(1)), "2 x-minors");
  EXPECT_EQ(at(1).limit->amount(), 2);
  EXPECT_EQ(at(1).rule, "urgent-service");
  EXPECT_EQ(Text(at(2)), "3 center");
  EXPECT_EQ(Text(at(3)), "3 center");
  EXPECT_EQ(Text(at(0, v1::CLOCK_KIND_SERVICE, As(v1::ROLE_STATION_HEAD))), "2 x-minors");  // never the same desk
  EXPECT_EQ(Text(at(1, v1::CLOCK_KIND_OFFER)), "2 center");                                 // another clock
  EXPECT_TRUE(at(1, v1::CLOCK_KIND_OFFER).rule.empty());
}

TEST(Escalation, WhatNoRuleMatchesGoesToTheStationThenTheCentre) {
  const v1::Policy policy = WithRule();
  EXPECT_EQ(Text(gridloop::OneLevelUp(Owned("r-1", "s01", 1), &policy, v1::CLOCK_KIND_SERVICE, 0)), "2 center");
}

}  // namespace
}  // namespace gridloop
