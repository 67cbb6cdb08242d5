// Clocks: what starts, stops, chases and fires.
#include <gtest/gtest.h>

#include <algorithm>

#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;
using enum Void;

Event Fired(const NeedState& state, v1::ClockKind kind, v1::ClockKind chased = v1::CLOCK_KIND_UNSPECIFIED) {
  Event event;
  event.set_type(v1::EVENT_TYPE_ESCALATED);
  auto& escalated = *event.mutable_escalated();
  escalated.set_kind(kind);
  escalated.set_chased(chased);
  for (const auto& clock : state.clocks()) {
    if (clock.start().kind() == kind && clock.start().chased() == chased) escalated.set_object(clock.object());
  }
  escalated.set_level(static_cast<int>(state.escalation_level()) + 1);
  StartClock(&event, v1::CLOCK_KIND_CHASE, kLateUs, kind == v1::CLOCK_KIND_CHASE ? chased : kind);
  return event;
}

TEST(Clocks, APassedClockFiresOnceAndIsChasedUntilItsStepIsDone) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_GRADED), kNone);
  Event early = Fired(walk.state, v1::CLOCK_KIND_PLANNING);
  int64_t due_us = Running(walk.state, v1::CLOCK_KIND_PLANNING)->start().due_us();
  EXPECT_EQ(walk.Go(early, due_us - 1), kClock);
  ASSERT_EQ(walk.Go(early, due_us), kNone);
  EXPECT_EQ(walk.state.escalation_level(), 1U);
  EXPECT_EQ(walk.state.owner(), "r-1");
  EXPECT_EQ(walk.state.stage(), v1::STAGE_GRADED);
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_PLANNING), nullptr);
  EXPECT_EQ(walk.Go(early, due_us), kClock);
  ASSERT_EQ(walk.Go(Fired(walk.state, v1::CLOCK_KIND_CHASE, v1::CLOCK_KIND_PLANNING), kLateUs), kNone);  // the chase passed too
  EXPECT_EQ(walk.state.escalation_level(), 2U);
  ASSERT_NE(Running(walk.state, v1::CLOCK_KIND_CHASE), nullptr);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_PLANNED), kNone);
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_CHASE), nullptr);
}

TEST(Clocks, TheChaseNamesTheClockThatPassed) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_GRADED), kNone);
  Event event = Fired(walk.state, v1::CLOCK_KIND_PLANNING);
  event.mutable_clocks(0)->set_chased(v1::CLOCK_KIND_SERVICE);
  EXPECT_EQ(walk.Go(event, kLateUs), kPayload);
}

TEST(Clocks, AnEscalationNeverLowersTheLevel) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_PLANNED), kNone);
  Event high = Next(walk.state, v1::EVENT_TYPE_ESCALATED);
  high.mutable_escalated()->set_level(3);
  ASSERT_EQ(walk.Go(high), kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_ESCALATED), kNone);
  EXPECT_EQ(walk.state.escalation_level(), 3U);
}

TEST(Clocks, AChaseDoesNotStandInForTheClockOfAReturnedClosing) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_PLANNED), kNone);
  Event chase = Next(walk.state, v1::EVENT_TYPE_ESCALATED);
  chase.mutable_clocks(0)->clear_chased();
  ASSERT_EQ(walk.Go(chase), kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_CLOSING_REQUESTED), kNone);
  Event returned = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
  returned.mutable_closing_verified()->set_approved(false);
  ASSERT_NE(Running(walk.state, v1::CLOCK_KIND_CHASE), nullptr);
  EXPECT_EQ(walk.Go(returned), kInvariant);
}

TEST(Clocks, ARecallStopsTheWorkAndKeepsThePromise) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_OFFERED), kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_RECALLED), kNone);
  EXPECT_EQ(walk.state.held_reason(), v1::HELD_REASON_RECALLED);
  EXPECT_EQ(walk.state.held_event_id(), walk.state.head_event_id());
  EXPECT_EQ(walk.state.owner(), "center");
  EXPECT_FALSE(walk.state.has_offer());
  EXPECT_TRUE(walk.state.unit().empty());
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_OFFER), nullptr);
  EXPECT_NE(Running(walk.state, v1::CLOCK_KIND_ACCEPTANCE), nullptr);
  EXPECT_NE(Running(walk.state, v1::CLOCK_KIND_CENTER), nullptr);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_DISPATCHED), kNone);
}

TEST(Clocks, WhatTheCentreHoldsIsNotRecalled) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), kNone);
  Event held = Held();
  held.mutable_held()->set_reason(v1::HELD_REASON_SECOND_BOUNCE);
  ASSERT_EQ(walk.Go(held), kNone);
  int64_t due_us = Running(walk.state, v1::CLOCK_KIND_CENTER)->start().due_us();
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_RECALLED), kLifeCycle);
  EXPECT_EQ(walk.state.held_reason(), v1::HELD_REASON_SECOND_BOUNCE);
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_CENTER)->start().due_us(), due_us);
}

TEST(Clocks, AnEscalationReplacesTheChaseOfTheSameKindAndNoOther) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_PLANNED), kNone);
  auto chases = [&](v1::ClockKind chased) {
    return std::ranges::count_if(walk.state.clocks(), [chased](const auto& clock) { return clock.start().chased() == chased; });
  };
  Event other = Next(walk.state, v1::EVENT_TYPE_ESCALATED);
  other.mutable_clocks(0)->set_chased(v1::CLOCK_KIND_ASSESSMENT);
  ASSERT_EQ(walk.Go(other), kNone);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(walk.Go(v1::EVENT_TYPE_ESCALATED), kNone);
  EXPECT_EQ(chases(v1::CLOCK_KIND_SERVICE), 1);
  EXPECT_EQ(chases(v1::CLOCK_KIND_ASSESSMENT), 1);
  // A passed clock's chase takes the place of a person's, too.
  ASSERT_EQ(walk.Go(Fired(walk.state, v1::CLOCK_KIND_SERVICE), kLateUs), kNone);
  EXPECT_EQ(chases(v1::CLOCK_KIND_SERVICE), 1);
}

TEST(Clocks, TheNextDeadlineIsTheEarliestAndTiesGoByKind) {
  NeedState state;
  EXPECT_EQ(NextClock(state), nullptr);
  EXPECT_EQ(OnDue(state), Due::kNone);
  auto run = [&state](v1::ClockKind kind, int64_t due_us, const std::string& object) {
    auto& clock = *state.add_clocks();
    clock.mutable_start()->set_kind(kind);
    clock.mutable_start()->set_due_us(due_us);
    clock.set_object(object);
  };
  run(v1::CLOCK_KIND_ASSESSMENT, 7, "a");
  run(v1::CLOCK_KIND_ACCEPTANCE, 5, "b");
  EXPECT_EQ(NextClock(state)->start().kind(), v1::CLOCK_KIND_ACCEPTANCE);
  EXPECT_EQ(OnDue(state), Due::kEscalate);
  run(v1::CLOCK_KIND_OFFER, 5, "d");
  run(v1::CLOCK_KIND_OFFER, 5, "c");
  EXPECT_EQ(NextClock(state)->object(), "c");
  EXPECT_EQ(OnDue(state), Due::kExpireOffer);
}

TEST(Clocks, EachOfferHasItsOwnFullWindow) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_OFFERED), kNone);
  std::string first = Running(walk.state, v1::CLOCK_KIND_OFFER)->object();
  ASSERT_EQ(walk.GoAll({v1::EVENT_TYPE_OFFER_DECLINED, v1::EVENT_TYPE_DISPATCHED}), kNone);
  Event second = Offered(walk.state);
  second.mutable_clocks(0)->set_due_us(kNoonUs + 50 * kHourUs);
  ASSERT_EQ(walk.Go(second), kNone);
  EXPECT_NE(Running(walk.state, v1::CLOCK_KIND_OFFER)->object(), first);
  EXPECT_EQ(walk.state.offer().due_us(), kNoonUs + 50 * kHourUs);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_EXPIRED, kNoonUs + 49 * kHourUs), kClock);
}

}  // namespace
}  // namespace gridloop
