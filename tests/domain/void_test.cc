// Each reason for being void, and what a void event may leave behind.
#include <gtest/gtest.h>

#include <functional>

#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;
using enum Void;

struct VoidCase {
  std::string name;
  v1::Stage stage;
  v1::EventType type;
  std::function<void(Event&)> spoil;
  Void reason;
  int64_t at_us = kNoonUs;
};

void SetVerifier(Event& event, const std::string& worker, const std::string& organisation) {
  event.mutable_actor()->set_worker(worker);
  event.mutable_actor()->set_organisation(organisation);
}

const std::vector<VoidCase>& Cases() {
  using namespace v1;
  static const std::string kOther(16, 'o');
  static const std::vector<VoidCase> cases = {
      {"another held decision", STAGE_HELD, EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->set_held(kOther); }, kObject},
      {"no held decision named", STAGE_HELD, EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->clear_held(); }, kObject},
      {"a held decision where none waits", STAGE_SUBMITTED, EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->set_held(kOther); }, kObject},
      {"offered to another unit", STAGE_DISPATCHED, EVENT_TYPE_OFFERED, [](Event& e) { e.mutable_offered()->set_unit("r-2"); }, kObject},
      {"another offer accepted", STAGE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED, [](Event& e) { e.mutable_offer_accepted()->set_offer(kOther); }, kObject},
      {"another offer declined", STAGE_OFFERED, EVENT_TYPE_OFFER_DECLINED, [](Event& e) { e.mutable_offer_declined()->set_offer(kOther); }, kObject},
      {"another offer expired", STAGE_OFFERED, EVENT_TYPE_OFFER_EXPIRED, [](Event& e) { e.mutable_offer_expired()->set_offer(kOther); }, kObject, kLateUs},
      {"another closing", STAGE_EVALUATED, EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { e.mutable_closing_verified()->set_closing(kOther); }, kObject},
      {"expired early", STAGE_OFFERED, EVENT_TYPE_OFFER_EXPIRED, [](Event&) {}, kClock, kNoonUs + 2 * kHourUs - 1},
      {"a clock that does not run escalates", STAGE_PLANNED, EVENT_TYPE_ESCALATED, [](Event& e) { e.mutable_escalated()->set_kind(CLOCK_KIND_VERIFICATION); },
       kClock, kLateUs},
      {"an offer's clock escalates", STAGE_OFFERED, EVENT_TYPE_ESCALATED, [](Event& e) { e.mutable_escalated()->set_kind(CLOCK_KIND_OFFER); }, kClock, kLateUs},
      {"verified by an executor", STAGE_EVALUATED, EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { SetVerifier(e, "w-1", ""); }, kVerifier},
      {"verified by the executing organisation", STAGE_EVALUATED, EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { SetVerifier(e, "w-9", "org-1"); }, kVerifier},
      {"goals met without a service", STAGE_PLANNED, EVENT_TYPE_CLOSING_REQUESTED,
       [](Event& e) { e.mutable_closing_requested()->mutable_closing()->set_reason(CLOSING_REASON_GOALS_MET); }, kLifeCycle},
      {"closing requested as answered", STAGE_PLANNED, EVENT_TYPE_CLOSING_REQUESTED,
       [](Event& e) { e.mutable_closing_requested()->mutable_closing()->set_reason(CLOSING_REASON_ANSWERED); }, kPayload},
      {"closing without a reason", STAGE_PLANNED, EVENT_TYPE_CLOSING_REQUESTED, [](Event& e) { e.mutable_closing_requested()->clear_closing(); }, kPayload},
      {"answered for another reason", STAGE_ACCEPTED, EVENT_TYPE_ANSWERED,
       [](Event& e) { e.mutable_answered()->mutable_closing()->set_reason(CLOSING_REASON_MOVED); }, kPayload},
      {"nobody assigned", STAGE_ACCEPTED, EVENT_TYPE_WORKER_ASSIGNED, [](Event& e) { e.mutable_worker_assigned()->clear_worker(); }, kPayload},
      {"a service given by nobody", STAGE_PLANNED, EVENT_TYPE_SERVICE_RECORDED, [](Event& e) { e.mutable_service_recorded()->clear_workers(); }, kPayload},
      {"dispatched to no unit", STAGE_SUBMITTED, EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->clear_unit(); }, kPayload},
      {"a first dispatch without promises", STAGE_SUBMITTED, EVENT_TYPE_DISPATCHED, [](Event& e) { e.clear_clocks(); }, kPayload},
      {"an offer without a window", STAGE_DISPATCHED, EVENT_TYPE_OFFERED, [](Event& e) { e.clear_clocks(); }, kPayload},
      {"an escalation that chases nothing", STAGE_PLANNED, EVENT_TYPE_ESCALATED, [](Event& e) { e.clear_clocks(); }, kPayload},
      {"a promise started again", STAGE_PLANNED, EVENT_TYPE_NOTE_ADDED, [](Event& e) { StartClock(&e, CLOCK_KIND_ACCEPTANCE, kLateUs); }, kPayload},
      {"two clocks of one name", STAGE_PLANNED, EVENT_TYPE_SERVICE_RECORDED, [](Event& e) { StartClock(&e, CLOCK_KIND_SERVICE, kLateUs); }, kPayload},
      {"a clock of no kind", STAGE_PLANNED, EVENT_TYPE_NOTE_ADDED, [](Event& e) { StartClock(&e, CLOCK_KIND_UNSPECIFIED, kLateUs); }, kPayload},
      {"a clock without a due time", STAGE_PLANNED, EVENT_TYPE_NOTE_ADDED, [](Event& e) { StartClock(&e, CLOCK_KIND_SERVICE, 0); }, kPayload},
      {"type and payload disagree", STAGE_PLANNED, EVENT_TYPE_NOTE_ADDED, [](Event& e) { e.mutable_urged(); }, kPayload},
      {"a type of no payload", STAGE_PLANNED, EVENT_TYPE_NOTE_ADDED, [](Event& e) { e.clear_payload(); }, kPayload},
      {"the last clock stopped", STAGE_PLANNED, EVENT_TYPE_SERVICE_RECORDED, [](Event& e) { e.clear_clocks(); }, kInvariant},
      {"a return that restarts no clock", STAGE_EVALUATED, EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { e.mutable_closing_verified()->set_approved(false); },
       kInvariant},
      {"an event of another subject", STAGE_PLANNED, EVENT_TYPE_NOTE_ADDED, [](Event& e) { e.set_subject("needs/another"); }, kChain},
  };
  return cases;
}

TEST(Void, HasItsReasonAndLeavesNothingButAnAttempt) {
  for (const VoidCase& each : Cases()) {
    SCOPED_TRACE(each.name);
    Walk walk;
    ASSERT_EQ(walk.To(each.stage), kNone);
    Event event = Next(walk.state, each.type);
    each.spoil(event);
    NeedState before = walk.state;
    EXPECT_EQ(VoidName(walk.Go(event, each.at_us)), VoidName(each.reason));
    ASSERT_EQ(walk.state.voids_size(), 1);
    EXPECT_EQ(walk.state.voids(0).reason(), VoidName(each.reason));
    EXPECT_EQ(walk.state.voids(0).offset(), walk.offset - 1);
    walk.state.clear_voids();
    EXPECT_EQ(walk.state.SerializeAsString(), before.SerializeAsString());
  }
}

TEST(Void, AReportNeedsACentreThatOwnsItAndARunningClock) {
  Walk walk;
  Event nobody = Submitted("r");
  nobody.mutable_submitted()->clear_center();
  EXPECT_EQ(walk.Go(nobody), kInvariant);
  Event timeless = Submitted("r");
  timeless.clear_clocks();
  EXPECT_EQ(walk.Go(timeless), kInvariant);
  EXPECT_EQ(walk.state.SerializeAsString(), NeedState().SerializeAsString());
  EXPECT_TRUE(Rows(walk.state).empty());
}

TEST(Void, ABarredNeedIsNotWithdrawn) {
  Walk walk;
  Event minor = Submitted("r");
  minor.mutable_submitted()->set_withdrawal_barred(true);
  ASSERT_EQ(walk.Go(minor), kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_WITHDRAWN), kBarred);
}

TEST(Void, ACrisisIsNotAnsweredAtOnce) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r", v1::URGENCY_CRISIS)), kNone);
  ASSERT_EQ(walk.GoAll({v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED, v1::EVENT_TYPE_OFFER_ACCEPTED}), kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_ANSWERED), kBarred);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_WORKER_ASSIGNED), kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_ANSWERED), kBarred);
}

TEST(Void, AVerifierIsNobodyWhoEverGaveAService) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_PLANNED), kNone);
  Event service = Next(walk.state, v1::EVENT_TYPE_SERVICE_RECORDED);
  service.mutable_service_recorded()->add_workers("w-7");
  service.mutable_service_recorded()->add_organisations("org-7");
  Event assigned = Next(walk.state, v1::EVENT_TYPE_WORKER_ASSIGNED);
  assigned.mutable_worker_assigned()->set_worker("w-2");
  assigned.mutable_worker_assigned()->add_co_workers("w-3");
  ASSERT_EQ(walk.Go(service), kNone);
  ASSERT_EQ(walk.Go(assigned), kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_CLOSING_REQUESTED), kNone);
  EXPECT_EQ(std::vector<std::string>(walk.state.executors().begin(), walk.state.executors().end()), (std::vector<std::string>{"w-1", "w-2", "w-3", "w-7"}));
  for (const char* worker : {"w-1", "w-2", "w-3", "w-7"}) {
    Event verified = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
    SetVerifier(verified, worker, "");
    EXPECT_EQ(walk.Go(verified), kVerifier) << worker;
  }
  Event verified = Next(walk.state, v1::EVENT_TYPE_CLOSING_VERIFIED);
  SetVerifier(verified, "", "org-7");
  EXPECT_EQ(walk.Go(verified), kVerifier);
}

TEST(Void, TheLastHundredAttemptsAreKeptAndASecondDeliveryAddsNone) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_HELD), kNone);
  std::vector<Event> attempts;
  for (int i = 0; i < 130; ++i) {
    Event event = Next(walk.state, v1::EVENT_TYPE_GRADED);
    event.set_version(walk.state.version() + 1);
    event.set_prev_digest(walk.state.head_digest());
    event.set_subject(walk.state.subject());
    event.set_event_id("attempt " + std::to_string(i));
    attempts.push_back(event);
    Fold(walk.state, event, {walk.offset + static_cast<uint64_t>(i), "digest"});
  }
  ASSERT_EQ(walk.state.voids_size(), 100);
  EXPECT_EQ(walk.state.voids(0).offset(), walk.offset + 30);
  std::string before = walk.state.SerializeAsString();
  for (size_t i = 0; i < attempts.size(); ++i) Fold(walk.state, attempts[i], {walk.offset + i, "digest"});
  EXPECT_EQ(walk.state.SerializeAsString(), before);
}

TEST(Void, ConflictsAreCountedOnceEachHoweverOftenTheyAreDelivered) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), kNone);
  Event other = Submitted("r");
  other.set_version(1);
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < 20; ++i) {
      other.set_body_mac("body " + std::to_string(i));
      EXPECT_EQ(Fold(walk.state, other, {10 + i, "digest"}), kConflict);
    }
  }
  EXPECT_EQ(walk.state.conflict_count(), 20U);
  ASSERT_EQ(walk.state.conflicts_size(), 8);
  EXPECT_EQ(walk.state.conflicts(0).offset(), 10U);
  EXPECT_EQ(walk.state.conflicts(7).offset(), 29U);
  EXPECT_EQ(walk.state.voids_size(), 0);
}

TEST(Void, ACopyOfAnAppliedEventIsVoidButNoAttempt) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), kNone);
  Event copy = Submitted("r");
  copy.set_version(1);
  std::string before = walk.state.SerializeAsString();
  EXPECT_EQ(Fold(walk.state, copy, {0, "digest"}), kVersion);    // delivered twice
  EXPECT_EQ(Fold(walk.state, copy, {900, "digest"}), kVersion);  // logged twice
  EXPECT_EQ(walk.state.SerializeAsString(), before);
}

TEST(Void, EveryReasonHasAName) {
  for (Void reason : {kVersion, kChain, kConflict, kLifeCycle, kObject, kClock, kVerifier, kBarred, kInvariant, kPayload}) {
    EXPECT_FALSE(VoidName(reason).empty());
  }
  EXPECT_EQ(VoidName(kLifeCycle), "life_cycle");
  EXPECT_EQ(VoidName(kPayload), "payload");
}

}  // namespace
}  // namespace gridloop
