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

}  // namespace
}  // namespace gridloop
