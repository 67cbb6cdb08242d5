#include "domain/fold.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "domain/row_keys.h"
#include "histories.h"

namespace gridloop {
namespace {

using namespace histories;  // the walks below read as a need's life
using enum Void;

class Walk {
 public:
  Void Go(Event event, int64_t at_us = kNoonUs) { return FoldNext(state, std::move(event), offset++, at_us); }
  Void Go(v1::EventType type, int64_t at_us = kNoonUs) { return Go(Next(state, type), at_us); }
  void Legal(std::initializer_list<v1::EventType> types) {
    for (v1::EventType type : types) ASSERT_EQ(VoidName(Go(type)), "") << v1::EventType_Name(type) << " in " << v1::Stage_Name(state.stage());
  }
  void ToOffer() {
    ASSERT_EQ(Go(Submitted("r")), kNone);
    Legal({v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED});
  }
  NeedState state;
  uint64_t offset = 0;
};

TEST(Fold, TheMainRoadEndsClosed) {
  Walk walk;
  walk.ToOffer();
  walk.Legal({v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED, v1::EVENT_TYPE_ASSESSED, v1::EVENT_TYPE_GRADED, v1::EVENT_TYPE_PLANNED,
              v1::EVENT_TYPE_SERVICE_RECORDED, v1::EVENT_TYPE_FOLLOW_UP_RECORDED, v1::EVENT_TYPE_CLOSING_REQUESTED, v1::EVENT_TYPE_CLOSING_VERIFIED});
  EXPECT_EQ(walk.state.stage(), v1::STAGE_CLOSED);
  EXPECT_TRUE(walk.state.clocks().empty());
  EXPECT_TRUE(walk.state.owner().empty());
  EXPECT_EQ(walk.state.version(), 12U);
}

TEST(Fold, ADeclineIsABounceAndAnExpiryIsNot) {
  Walk walk;
  walk.ToOffer();
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_DECLINED), kNone);
  EXPECT_EQ(walk.state.bounces(), 1U);
  EXPECT_EQ(Wants(walk.state), Want::kRoute);
  walk.Legal({v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED});
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_EXPIRED, kNoonUs + 2 * kHourUs), kNone);
  EXPECT_EQ(walk.state.bounces(), 1U);
  EXPECT_EQ(walk.state.excluded_units_size(), 2);
}

TEST(Fold, AnOfferNeverExpiresEarlyAndAnAcceptanceBeforeTheExpiryWins) {
  Walk walk;
  walk.ToOffer();
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_EXPIRED, kNoonUs + 2 * kHourUs - 1), kClock);
  Event expiry = Next(walk.state, v1::EVENT_TYPE_OFFER_EXPIRED);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_ACCEPTED, kNoonUs + 3 * kHourUs), kNone);  // late, but first
  EXPECT_EQ(walk.Go(expiry, kNoonUs + 3 * kHourUs), kLifeCycle);
}

TEST(Fold, ACommandOnAnotherOfferIsVoid) {
  Walk walk;
  walk.ToOffer();
  Event stale = Next(walk.state, v1::EVENT_TYPE_OFFER_ACCEPTED);
  walk.Legal({v1::EVENT_TYPE_OFFER_DECLINED, v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED});
  EXPECT_EQ(walk.Go(stale), kObject);
}

TEST(Fold, ABindingOfferCannotBeDeclined) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), kNone);
  ASSERT_EQ(walk.Go(Dispatched(walk.state, true)), kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFERED), kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_DECLINED), kBarred);
}

TEST(Fold, ACrisisCannotBeWithdrawn) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r", v1::URGENCY_CRISIS)), kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_WITHDRAWN), kBarred);
}

TEST(Fold, TheVerifierIsNeitherExecutorNorOfItsOrganisation) {
  Walk walk;
  walk.ToOffer();
  walk.Legal({v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED, v1::EVENT_TYPE_CLOSING_REQUESTED});
  Event verified = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
  verified.mutable_actor()->set_worker("w-1");
  EXPECT_EQ(walk.Go(verified), kVerifier);
  verified.mutable_actor()->set_worker("w-2");
  verified.mutable_actor()->set_organisation("org-1");
  EXPECT_EQ(walk.Go(verified), kVerifier);
  verified.mutable_actor()->clear_organisation();  // a civil servant is of none, and none equals none not
  EXPECT_EQ(walk.Go(verified), kNone);
}

TEST(Fold, AReturnedClosingRestoresTheStageBefore) {
  Walk walk;
  walk.ToOffer();
  walk.Legal({v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED, v1::EVENT_TYPE_ASSESSED, v1::EVENT_TYPE_CLOSING_REQUESTED});
  Event returned = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
  returned.mutable_closing_verified()->set_approved(false);
  EXPECT_EQ(walk.Go(returned), kInvariant);  // an open need must have a running clock
  StartClock(&returned, v1::CLOCK_KIND_GRADING, kNoonUs + kHourUs);
  EXPECT_EQ(walk.Go(returned), kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_ASSESSED);
}

TEST(Fold, PromisesStartOnceAndSurviveABounce) {
  Walk walk;
  walk.ToOffer();
  int64_t due_us = 0;
  for (const auto& clock : walk.state.clocks()) {
    if (clock.start().kind() == v1::CLOCK_KIND_ACCEPTANCE) due_us = clock.start().due_us();
  }
  walk.Legal({v1::EVENT_TYPE_OFFER_DECLINED});
  Event again = Dispatched(walk.state);
  StartClock(&again, v1::CLOCK_KIND_ACCEPTANCE, kNoonUs + 99 * kHourUs);
  EXPECT_EQ(walk.Go(again), kPayload);
  walk.Legal({v1::EVENT_TYPE_DISPATCHED});
  int running = 0;
  for (const auto& clock : walk.state.clocks()) {
    if (clock.start().kind() != v1::CLOCK_KIND_ACCEPTANCE) continue;
    ++running;
    EXPECT_EQ(clock.start().due_us(), due_us);
  }
  EXPECT_EQ(running, 1);
}

TEST(Fold, WhatTheSoftwareRecallsWantsANewRouteAndWhatAPersonRecallsADecision) {
  Walk walk;
  walk.ToOffer();
  walk.Legal({v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED});
  NeedState before = walk.state;
  Event recalled = Next(walk.state, v1::EVENT_TYPE_RECALLED);
  ASSERT_EQ(walk.Go(recalled), kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_HELD);
  EXPECT_EQ(walk.state.held_reason(), v1::HELD_REASON_RECALLED);

  walk.state = before;
  recalled.mutable_actor()->set_role(v1::ROLE_SYSTEM);
  recalled.clear_clocks();
  StartClock(&recalled, v1::CLOCK_KIND_ROUTING, kNoonUs + kHourUs);
  ASSERT_EQ(walk.Go(recalled), kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_SUBMITTED);
  EXPECT_EQ(Wants(walk.state), Want::kRoute);
  EXPECT_EQ(walk.state.owner(), "center");
  EXPECT_EQ(walk.state.unit() + walk.state.station() + walk.state.worker() + walk.state.held_event_id(), "");
  EXPECT_EQ(walk.state.bounces(), 0U);
  EXPECT_TRUE(walk.state.excluded_units().empty());
  // The promise of acceptance was kept once and never restarts: fold refuses a dispatch that would start it again.
  Event again = Dispatched(walk.state);
  StartClock(&again, v1::CLOCK_KIND_ACCEPTANCE, kNoonUs + kHourUs);
  EXPECT_EQ(walk.Go(again), kPayload);
  walk.Legal({v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED, v1::EVENT_TYPE_OFFER_ACCEPTED});
}

TEST(Fold, ASecondBodyUnderOneIdIsAConflictAndEightAreKept) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), kNone);
  Event other = Submitted("r");
  other.set_version(1);
  for (int i = 0; i < 10; ++i) {
    other.set_body_mac("other body " + std::to_string(i));
    other.set_key_id("key of body " + std::to_string(i));
    EXPECT_EQ(Fold(walk.state, other, {static_cast<uint64_t>(100 + i), "digest"}), kConflict);
  }
  EXPECT_EQ(walk.state.conflicts_size(), 8);
  EXPECT_EQ(walk.state.conflict_count(), 10U);
  // Whoever forgets the subject finds the keys of their bodies.
  EXPECT_EQ(walk.state.conflicts(0).key_id(), "key of body 0");
  EXPECT_EQ(walk.state.conflicts(7).key_id(), "key of body 9");
  EXPECT_EQ(walk.state.version(), 1U);
}

TEST(Fold, AWrongVersionOrChainIsVoidAndKeptAsAnAttempt) {
  Walk walk;
  walk.ToOffer();
  NeedState before = walk.state;
  Event event = Next(walk.state, v1::EVENT_TYPE_NOTE_ADDED);
  event.set_subject(walk.state.subject());
  event.set_event_id("forged-event-id-");
  event.set_version(walk.state.version() + 2);
  event.set_prev_digest(walk.state.head_digest());
  EXPECT_EQ(Fold(walk.state, event, {50, "d"}), kVersion);
  event.set_version(walk.state.version() + 1);
  event.set_prev_digest("not the head");
  EXPECT_EQ(Fold(walk.state, event, {51, "d"}), kChain);
  EXPECT_EQ(walk.state.voids_size(), 2);
  walk.state.clear_voids();
  EXPECT_EQ(walk.state.SerializeAsString(), before.SerializeAsString());
}

TEST(Rows, AnEndedNeedIsInNoInboxAndHasNoDeadline) {
  Walk walk;
  walk.ToOffer();
  auto has = [&](const std::string& prefix) { return std::ranges::any_of(Rows(walk.state), [&](const Row& row) { return row.key.starts_with(prefix); }); };
  EXPECT_TRUE(has(rows::DuePrefix()));
  EXPECT_TRUE(has(rows::InboxPrefix(rows::UnitBox("r-1"))));
  EXPECT_TRUE(has(rows::InboxPrefix(rows::WorkerBox("w-1"))));
  walk.Legal({v1::EVENT_TYPE_WITHDRAWN});
  for (const char* table : {"i", "d", "w", "k", "h", "g"}) EXPECT_FALSE(has(table)) << table;
  EXPECT_TRUE(has(rows::BoxChangePrefix(rows::UnitBox("r-1"))));  // its watchers learn that it left
}

}  // namespace
}  // namespace gridloop
