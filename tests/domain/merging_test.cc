// Merges across needs: several of them, whose reactions interleave, are repeated and break off anywhere.
#include "domain/merging.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "domain/row_keys.h"
#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

// Some needs on one log.
struct Needs {
  std::map<std::string, NeedState> states;
  std::vector<std::pair<Event, Void>> log;

  std::string Submit(const std::string& request_id, const std::string& reporter, int64_t at_us = kNoonUs) {
    Event event = Submitted(request_id);
    event.mutable_submitted()->set_reporter_ref(reporter);
    const std::string subject = event.subject();
    FoldNext(states[subject], std::move(event), log.size(), at_us);
    log.emplace_back(Event(), Void::kNone);
    return subject;
  }
  NeedState& At(const std::string& subject) { return states.at(subject); }
  // As the ledger appends what was decided at the head.
  Void Append(const std::string& subject, Event event, int64_t at_us = kNoonUs) {
    event.set_subject(subject);
    Void verdict = FoldNext(At(subject), event, log.size(), at_us);
    log.emplace_back(std::move(event), verdict);
    return verdict;
  }
  Void Absorb(const std::string& survivor, const std::string& other) {
    Event event;
    event.set_type(v1::EVENT_TYPE_ABSORBING);
    event.mutable_absorbing()->set_need(other);
    return Append(survivor, event);
  }
  Void Release(const std::string& survivor, const std::string& other, int64_t at_us = kNoonUs) {
    Event event;
    event.set_type(v1::EVENT_TYPE_RELEASING);
    event.mutable_releasing()->set_need(other);
    return Append(survivor, event, at_us);
  }
  // What the owner of the survivor's row does once: false: it waits, or nothing is open. `seen`: what it had read when it began, which may be old.
  bool React(const std::string& survivor, const std::map<std::string, NeedState>& seen) {
    const NeedState& read = seen.at(survivor);
    if (!read.has_merging()) return false;
    const std::string& other = read.merging().need();
    switch (NextMergeMove(read, seen.at(other))) {
      case MergeMove::kDecide: {
        const NeedState& head = At(other);
        // The ledger finds a decision that was made before under its id; `make` looks at the head again.
        if (MergeDecisionOn(head, read.merging().event_id()) != nullptr || NextMergeMove(read, head) != MergeMove::kDecide) return false;
        Event event = DecideMerge(read, head);
        if (event.has_merged()) event.mutable_merged()->set_unmerge_until_us(kHoldEndUs);
        if (event.has_unmerged()) StartClock(&event, StageClock(head.stage_before_merge()), kHoldEndUs);
        EXPECT_EQ(Append(other, event), Void::kNone) << v1::EventType_Name(event.type());
        return true;
      }
      case MergeMove::kSettle: {
        const NeedState& head = At(survivor);
        if (!head.has_merging() || head.merging().event_id() != read.merging().event_id()) return false;
        EXPECT_EQ(Append(survivor, SettleMerge(head, seen.at(other))), Void::kNone);
        return true;
      }
      default:
        return false;
    }
  }
  // Runs what is open until nothing moves; false: something still waits then.
  bool Settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& [subject, state] : states) moved |= React(subject, states);
    }
    return std::ranges::none_of(states, [](const auto& each) { return each.second.has_merging(); });
  }
};

std::set<std::string> RefsOf(const NeedState& state) {
  std::set<std::string> refs;
  for (const auto& who : ReportersOf(state)) refs.insert(who.reporter_ref());
  return refs;
}

TEST(Merging, TheOtherOneEndsAndTheSurvivorGoesOnForBoth) {
  Needs needs;
  const std::string a = needs.Submit("a", "reporter-a");
  const std::string b = needs.Submit("b", "reporter-b");
  needs.At(a).set_urgency(v1::URGENCY_URGENT);
  needs.At(a).set_restricted(true);
  ASSERT_EQ(needs.Absorb(b, a), Void::kNone);
  EXPECT_EQ(Wants(needs.At(b)), Want::kMerge);  // before it is routed
  EXPECT_EQ(needs.At(a).stage(), v1::STAGE_SUBMITTED);
  ASSERT_TRUE(needs.Settle());
  EXPECT_EQ(needs.At(a).stage(), v1::STAGE_MERGED);
  EXPECT_EQ(needs.At(a).survivor(), b);
  EXPECT_TRUE(Ended(needs.At(a)));
  EXPECT_EQ(Wants(needs.At(b)), Want::kRoute);
  EXPECT_EQ(needs.At(b).urgency(), v1::URGENCY_URGENT);
  EXPECT_TRUE(needs.At(b).restricted());
  EXPECT_EQ(RefsOf(needs.At(b)), (std::set<std::string>{"reporter-a", "reporter-b"}));
  auto rows = Rows(needs.At(b));
  EXPECT_TRUE(std::ranges::any_of(rows, [](const Row& row) { return row.key.starts_with(rows::ReporterPrefix("app", "reporter-a")); }));
}

TEST(Merging, TwoThatMergeIntoEachOtherAtOnceLeaveOneSurvivor) {
  Needs needs;
  const std::string a = needs.Submit("a", "reporter-a");
  const std::string b = needs.Submit("b", "reporter-b");
  ASSERT_EQ(needs.Absorb(b, a), Void::kNone);
  ASSERT_EQ(needs.Absorb(a, b), Void::kNone);
  ASSERT_TRUE(needs.Settle());
  EXPECT_NE(needs.At(a).stage() == v1::STAGE_MERGED, needs.At(b).stage() == v1::STAGE_MERGED);
  EXPECT_EQ(needs.At(std::min(a, b)).stage(), v1::STAGE_SUBMITTED);  // the smaller name waits, the other is refused
}

TEST(Merging, ARingOfThreeLeavesOneSurvivor) {
  Needs needs;
  std::vector<std::string> names = {needs.Submit("a", "1"), needs.Submit("b", "2"), needs.Submit("c", "3")};
  std::ranges::sort(names);
  do {
    Needs ring = needs;
    for (size_t i = 0; i < 3; ++i) ASSERT_EQ(ring.Absorb(names[i], names[(i + 1) % 3]), Void::kNone);
    ASSERT_TRUE(ring.Settle());
    EXPECT_TRUE(std::ranges::any_of(ring.states, [](const auto& each) { return !Ended(each.second); }));
  } while (std::ranges::next_permutation(names).found);
}

TEST(Merging, WhatIsToGoOnForAnotherCannotEndBeforeThatIsSettled) {
  for (v1::EventType end : {v1::EVENT_TYPE_WITHDRAWN, v1::EVENT_TYPE_MERGED}) {
    Walk walk;
    ASSERT_EQ(walk.To(v1::STAGE_OFFERED), Void::kNone);
    ASSERT_EQ(walk.Go(v1::EVENT_TYPE_ABSORBING), Void::kNone);
    EXPECT_EQ(walk.Go(end), Void::kBarred);
    ASSERT_EQ(walk.Go(v1::EVENT_TYPE_MERGE_CANCELLED), Void::kNone);
    EXPECT_EQ(walk.Go(end), Void::kNone);
  }
  for (v1::EventType end : {v1::EVENT_TYPE_ANSWERED, v1::EVENT_TYPE_CLOSING_VERIFIED}) {
    Walk walk;
    ASSERT_EQ(walk.To(end == v1::EVENT_TYPE_ANSWERED ? v1::STAGE_ASSIGNED : v1::STAGE_EVALUATED), Void::kNone);
    ASSERT_EQ(walk.GoAll({v1::EVENT_TYPE_ABSORBING, v1::EVENT_TYPE_MERGE_CONFIRMED, v1::EVENT_TYPE_RELEASING}), Void::kNone);
    EXPECT_EQ(walk.Go(end), Void::kBarred);
    ASSERT_EQ(walk.Go(v1::EVENT_TYPE_RELEASED), Void::kNone);
    EXPECT_EQ(walk.Go(end), Void::kNone);
  }
}

// Two owners of one row, of whom each wrote what it saw.
TEST(Merging, TheFirstWordOfTheOthersLogStays) {
  Needs needs;
  const std::string a = needs.Submit("a", "reporter-a");
  const std::string b = needs.Submit("b", "reporter-b");
  ASSERT_EQ(needs.Absorb(b, a), Void::kNone);
  Event refused = DecideMerge(needs.At(b), needs.At(a));
  refused.set_type(v1::EVENT_TYPE_MERGE_REFUSED);
  refused.mutable_merge_refused()->set_survivor(b);
  refused.mutable_merge_refused()->set_absorbing(needs.At(b).merging().event_id());
  Needs other_way = needs;
  ASSERT_TRUE(needs.React(b, needs.states));
  EXPECT_EQ(needs.Append(a, refused), Void::kObject);
  ASSERT_TRUE(needs.Settle());
  EXPECT_EQ(needs.At(b).absorbed_size(), 1);

  ASSERT_EQ(other_way.Append(a, refused), Void::kNone);
  EXPECT_EQ(other_way.Append(a, DecideMerge(other_way.At(b), other_way.At(a))), Void::kObject);
  ASSERT_TRUE(other_way.Settle());
  EXPECT_EQ(other_way.At(b).absorbed_size(), 0);
  EXPECT_EQ(other_way.At(a).stage(), v1::STAGE_SUBMITTED);
}

TEST(Merging, WhatHasEndedMeanwhileIsRefusedAndTheSurvivorGoesOnForItself) {
  Needs needs;
  const std::string a = needs.Submit("a", "reporter-a");
  const std::string b = needs.Submit("b", "reporter-b");
  ASSERT_EQ(needs.Absorb(b, a), Void::kNone);
  ASSERT_EQ(needs.Append(a, Next(needs.At(a), v1::EVENT_TYPE_WITHDRAWN)), Void::kNone);
  ASSERT_TRUE(needs.Settle());
  EXPECT_EQ(needs.At(a).stage(), v1::STAGE_WITHDRAWN);
  EXPECT_EQ(needs.At(a).merge_decisions(0).refusal(), v1::MERGE_REFUSAL_ENDED);
  EXPECT_EQ(RefsOf(needs.At(b)), (std::set<std::string>{"reporter-b"}));
  EXPECT_EQ(needs.Release(b, a), Void::kObject);  // nothing is to be undone
}

TEST(Merging, WhatIsUndoneReturnsAtItsStageWithANewClockAndItsReporters) {
  const std::map<v1::Stage, v1::Stage> kAskedAnew = {
      {v1::STAGE_OFFERED, v1::STAGE_DISPATCHED}, {v1::STAGE_EVALUATED, v1::STAGE_FOLLOW_UP}, {v1::STAGE_ON_HOLD, v1::STAGE_IN_SERVICE}};
  for (v1::Stage stage :
       {v1::STAGE_SUBMITTED, v1::STAGE_HELD, v1::STAGE_DISPATCHED, v1::STAGE_OFFERED, v1::STAGE_ACCEPTED, v1::STAGE_ASSIGNED, v1::STAGE_ASSESSED,
        v1::STAGE_GRADED, v1::STAGE_PLANNED, v1::STAGE_IN_SERVICE, v1::STAGE_FOLLOW_UP, v1::STAGE_EVALUATED, v1::STAGE_ON_HOLD}) {
    SCOPED_TRACE(v1::Stage_Name(stage));
    Walk walk;
    ASSERT_EQ(walk.To(stage), Void::kNone);
    const NeedState before = walk.state;
    ASSERT_EQ(walk.Go(v1::EVENT_TYPE_MERGED), Void::kNone);
    EXPECT_TRUE(walk.state.owner().empty());
    EXPECT_EQ(walk.state.clocks_size(), 0);
    EXPECT_EQ(walk.state.closing_reason(), v1::CLOSING_REASON_UNSPECIFIED);
    Event another_clock = WellFormed(walk.state, v1::EVENT_TYPE_UNMERGED);
    another_clock.mutable_clocks(0)->set_kind(v1::CLOCK_KIND_VERIFICATION);
    EXPECT_EQ(walk.Go(another_clock), Void::kPayload);
    ASSERT_EQ(walk.Go(v1::EVENT_TYPE_UNMERGED), Void::kNone);
    const auto asked_anew = kAskedAnew.find(stage);
    EXPECT_EQ(v1::Stage_Name(walk.state.stage()), v1::Stage_Name(asked_anew == kAskedAnew.end() ? stage : asked_anew->second));
    EXPECT_EQ(walk.state.owner(), before.owner());
    EXPECT_EQ(walk.state.worker(), before.worker());
    EXPECT_EQ(walk.state.clocks_size(), 1);
    EXPECT_EQ(walk.state.ended_us(), 0);
    EXPECT_TRUE(walk.state.survivor().empty());
    EXPECT_EQ(walk.state.held_event_id().empty(), stage != v1::STAGE_HELD);
    EXPECT_FALSE(walk.state.has_hold());
    EXPECT_TRUE(walk.state.closing_event_id().empty());
  }
}

TEST(Merging, AnUndoingTakesTheReportersWithItAndHasItsWindow) {
  Needs needs;
  const std::string a = needs.Submit("a", "reporter-a");
  const std::string b = needs.Submit("b", "reporter-b");
  ASSERT_EQ(needs.Absorb(b, a), Void::kNone);
  ASSERT_TRUE(needs.Settle());
  EXPECT_EQ(needs.Absorb(b, a), Void::kObject);  // it has been
  EXPECT_EQ(needs.Release(b, a, kHoldEndUs + 1), Void::kClock);
  ASSERT_EQ(needs.Release(b, a, kHoldEndUs), Void::kNone);
  EXPECT_EQ(needs.Release(b, a), Void::kBarred);
  ASSERT_TRUE(needs.Settle());
  EXPECT_EQ(needs.At(a).stage(), v1::STAGE_SUBMITTED);
  EXPECT_EQ(RefsOf(needs.At(b)), (std::set<std::string>{"reporter-b"}));
  EXPECT_EQ(RefsOf(needs.At(a)), (std::set<std::string>{"reporter-a"}));
  ASSERT_EQ(needs.Absorb(a, b), Void::kNone);  // and the other way round
  ASSERT_TRUE(needs.Settle());
  EXPECT_EQ(needs.At(b).survivor(), a);
}

TEST(Merging, AJudgementIsNeverLess) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r", v1::URGENCY_URGENT)), Void::kNone);
  walk.state.set_restricted(true);
  walk.state.set_withdrawal_barred(true);
  walk.state.add_dangers("dog");
  const auto joined = [&walk](const std::function<void(v1::Judgement&)>& spoil) {
    Event event = Next(walk.state, v1::EVENT_TYPE_JOINED);
    spoil(*event.mutable_joined()->mutable_judgement());
    return walk.Go(event);
  };
  EXPECT_EQ(joined([](auto& judgement) { judgement.set_urgency(v1::URGENCY_ROUTINE); }), Void::kBarred);
  EXPECT_EQ(joined([](auto& judgement) { judgement.clear_urgency(); }), Void::kPayload);
  EXPECT_EQ(joined([](auto& judgement) { judgement.set_restricted(false); }), Void::kBarred);
  EXPECT_EQ(joined([](auto& judgement) { judgement.set_withdrawal_barred(false); }), Void::kBarred);
  EXPECT_EQ(joined([](auto& judgement) { judgement.clear_dangers(); }), Void::kBarred);
  EXPECT_EQ(joined([](auto& judgement) { judgement.set_alarm(true); }), Void::kPayload);
  EXPECT_EQ(joined([](auto& judgement) { judgement.set_urgency(v1::URGENCY_CRISIS); }), Void::kPayload);
  EXPECT_EQ(joined([](auto& judgement) { judgement.add_dangers("fire"); }), Void::kNone);
  EXPECT_EQ(walk.state.dangers_size(), 2);
}

TEST(Merging, WhatBecomesACrisisByAnotherReportIsOnHoldNoMore) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_ON_HOLD), Void::kNone);
  Event joined = Next(walk.state, v1::EVENT_TYPE_JOINED);
  *joined.mutable_joined()->mutable_judgement() = Raise(walk.state, v1::URGENCY_CRISIS, false, false, {});
  EXPECT_EQ(walk.Go(joined), Void::kInvariant);  // what stood still must go on
  AddResumptions(walk.state, nullptr, kLateUs, &joined);
  ASSERT_EQ(walk.Go(joined, kLateUs), Void::kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_IN_SERVICE);
  EXPECT_FALSE(walk.state.has_hold());
}

TEST(Merging, OneReportersWithdrawalLeavesItAlive) {
  Walk walk;
  Event first = Submitted("r");
  first.mutable_submitted()->set_reporter_ref("the-first-------");
  ASSERT_EQ(walk.Go(first), Void::kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_JOINED), Void::kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_JOINED), Void::kNone);  // the same one again
  ASSERT_EQ(ReportersOf(walk.state).size(), 2U);
  auto withdrawn = [](const std::string& who, bool left) {
    Event event;
    event.set_type(v1::EVENT_TYPE_WITHDRAWN);
    event.mutable_withdrawn()->set_client("app");
    event.mutable_withdrawn()->set_reporter_ref(who);
    event.mutable_withdrawn()->set_left(left);
    return event;
  };
  EXPECT_EQ(walk.Go(withdrawn("the-first-------", false)), Void::kPayload);
  EXPECT_EQ(walk.Go(withdrawn("nobody----------", true)), Void::kObject);
  const int clocks = walk.state.clocks_size();
  ASSERT_EQ(walk.Go(withdrawn("the-first-------", true)), Void::kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_SUBMITTED);
  EXPECT_EQ(walk.state.clocks_size(), clocks);
  EXPECT_FALSE(IsReporterOf(walk.state, "app", "the-first-------"));
  EXPECT_EQ(walk.Go(withdrawn("the-first-------", true)), Void::kObject);
  EXPECT_EQ(walk.Go(withdrawn("reporter-joined-", true)), Void::kPayload);  // the last one's ends it
  ASSERT_EQ(walk.Go(withdrawn("reporter-joined-", false)), Void::kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_WITHDRAWN);
}

TEST(Merging, TheEarlierOneGoesOnAndOfTwoAtOnceTheOneWithTheSmallerName) {
  Needs needs;
  const std::string later = needs.Submit("a", "1", kNoonUs + 1);
  const std::string earlier = needs.Submit("b", "2");
  EXPECT_TRUE(GoesOnBefore(needs.At(earlier), needs.At(later)));
  EXPECT_FALSE(GoesOnBefore(needs.At(later), needs.At(earlier)));
  const std::string at_once = needs.Submit("c", "3");
  EXPECT_EQ(GoesOnBefore(needs.At(earlier), needs.At(at_once)), earlier < at_once);
  EXPECT_FALSE(GoesOnBefore(needs.At(earlier), needs.At(earlier)));
}

TEST(Merging, ALinkIsKeptOnceAndShownFromBothSides) {
  Walk walk;
  ASSERT_EQ(walk.Go(Submitted("r")), Void::kNone);
  Event link = Next(walk.state, v1::EVENT_TYPE_LINKED);
  ASSERT_EQ(walk.Go(link), Void::kNone);
  EXPECT_EQ(walk.Go(link), Void::kObject);
  auto rows = Rows(walk.state);
  EXPECT_TRUE(std::ranges::any_of(rows, [&](const Row& row) {
    return row.key == rows::LinkPrefix(kOtherNeed) + "2" + walk.state.subject() && rows::LinkKindOf(row.key) == v1::LINK_KIND_HOUSEHOLD;
  }));
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_LINKED), Void::kNone);  // takes it away
  EXPECT_EQ(walk.state.links_size(), 0);
  Event itself = Next(walk.state, v1::EVENT_TYPE_LINKED);
  itself.mutable_linked()->set_need(walk.state.subject());
  EXPECT_EQ(walk.Go(itself), Void::kPayload);
}

// Where a need that was merged has gone; fails on a circle.
std::string EndOf(const Needs& needs, const std::string& subject) {
  std::set<std::string> seen;
  std::string at = subject;
  while (needs.states.at(at).stage() == v1::STAGE_MERGED) {
    RC_ASSERT(seen.insert(at).second);
    at = needs.states.at(at).survivor();
  }
  return at;
}

void CheckTogether(const Needs& needs) {
  for (const auto& [subject, state] : needs.states) {
    RC_ASSERT(!(Ended(state) && state.has_merging()));
    RC_ASSERT(Ended(state) == state.owner().empty());
    RC_ASSERT(Ended(state) == (NextClock(state) == nullptr));
    RC_ASSERT((state.stage() == v1::STAGE_MERGED) == !state.survivor().empty());
    EndOf(needs, subject);
    if (state.stage() == v1::STAGE_MERGED) {
      const NeedState& survivor = needs.states.at(state.survivor());
      const bool taken = std::ranges::find(survivor.absorbed(), subject, &store::v1::AbsorbedNeed::need) != survivor.absorbed().end();
      RC_ASSERT(taken || survivor.merging().need() == subject);
    }
    for (const auto& absorbed : state.absorbed()) {
      const NeedState& other = needs.states.at(absorbed.need());
      const bool returning = state.has_merging() && state.merging().releasing() && state.merging().need() == absorbed.need();
      RC_ASSERT(returning || (other.stage() == v1::STAGE_MERGED && other.survivor() == subject));
    }
  }
}

// Staff merge, undo, close, reopen, reporters join and withdraw, while the owners of the rows act on what they read a while ago, twice or not at all.
RC_GTEST_PROP(MergingProperties, WhateverInterleavesNoTwoNeedsEndInEachOtherAndEverythingSettles, ()) {
  Needs needs;
  std::vector<std::string> names;
  const int count = *rc::gen::inRange(2, 6);
  for (int i = 0; i < count; ++i) names.push_back(needs.Submit("need " + std::to_string(i), "reporter " + std::to_string(i)));
  std::vector<std::map<std::string, NeedState>> read = {needs.states};
  int merges = 0;
  const int steps = *rc::gen::inRange(5, 80);
  for (int step = 0; step < steps; ++step) {
    const std::string one = *rc::gen::elementOf(names);
    const std::string two = *rc::gen::elementOf(names);
    NeedState& head = needs.At(one);
    switch (*rc::gen::inRange(0, 10)) {
      case 0:
      case 1:
      case 2:
        if (one != two && !Ended(needs.At(two)) && needs.Absorb(one, two) == Void::kNone) ++merges;
        break;
      case 3:
        if (!head.absorbed().empty()) needs.Release(one, head.absorbed(*rc::gen::inRange(0, head.absorbed_size())).need());
        break;
      case 4: {  // to its closing, by the shortest road, as far as it goes
        for (v1::EventType type : {v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED, v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_ANSWERED}) {
          needs.Append(one, Next(needs.At(one), type));
        }
        break;
      }
      case 5:
        needs.Append(one, Next(head, *rc::gen::element(v1::EVENT_TYPE_REOPENED, v1::EVENT_TYPE_RECALLED, v1::EVENT_TYPE_WITHDRAWN, v1::EVENT_TYPE_JOINED)));
        break;
      default: {  // an owner acts on what it read now, or some time ago
        const auto& seen = *rc::gen::inRange(0, 2) == 0 ? needs.states : read[*rc::gen::inRange<size_t>(0, read.size())];
        const auto then = seen;
        needs.React(one, then);
        if (*rc::gen::inRange(0, 4) == 0) needs.React(one, then);  // and so does a second one
      }
    }
    read.push_back(needs.states);
    CheckTogether(needs);
  }
  RC_ASSERT(needs.Settle());
  CheckTogether(needs);
  int merged = 0;
  for (const auto& [subject, state] : needs.states) {
    if (state.stage() != v1::STAGE_MERGED) continue;
    ++merged;
    const auto reporters = RefsOf(needs.At(state.survivor()));
    const NeedState& survivor = needs.At(state.survivor());
    // Nobody who has not withdrawn is lost.
    const bool all_left = survivor.stage() == v1::STAGE_WITHDRAWN;
    for (const std::string& ref : RefsOf(state)) {
      const bool withdrew = std::ranges::any_of(needs.log, [&](const auto& each) { return each.first.withdrawn().reporter_ref() == ref; });
      RC_ASSERT(all_left || withdrew || reporters.contains(ref));
    }
  }
  RC_CLASSIFY(merged > 0, "merged");
  RC_CLASSIFY(merged > 1, "several merged");
  RC_CLASSIFY(merges > 3, "many merges begun");
}

}  // namespace
}  // namespace gridloop
