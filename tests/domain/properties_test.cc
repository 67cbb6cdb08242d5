// Properties over random histories: racing writers, copies, losses, forged steps.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "domain/row_keys.h"
#include "history_oracle.h"
#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

v1::EventType AnyType() { return *rc::gen::elementOf(AllTypes()); }

// Steps that lead on are drawn more often than chance would, and short ways out less, so that histories reach the end of the road.
v1::EventType LikelyType(const NeedState& head) {
  if (*rc::gen::inRange(0, 8) == 0) return AnyType();
  std::vector<v1::EventType> legal;
  for (v1::EventType type : AllTypes()) {
    const Cell& cell = LifeCycle::Standard().At(head.stage(), type);
    bool short_way = type == v1::EVENT_TYPE_WITHDRAWN || type == v1::EVENT_TYPE_MERGED || type == v1::EVENT_TYPE_RECALLED || type == v1::EVENT_TYPE_ANSWERED ||
                     type == v1::EVENT_TYPE_REFERRED_OUT || type == v1::EVENT_TYPE_REFERRAL_RECEIVED || type == v1::EVENT_TYPE_CLOSED ||
                     (type == v1::EVENT_TYPE_CLOSING_REQUESTED && head.services() == 0) ||
                     (type == v1::EVENT_TYPE_OBLIGATION_PROPOSED && head.obligations_size() >= 2);  // each bars the end
    const bool branch = cell.next != Cell::Next::kIllegal && type >= v1::EVENT_TYPE_INFORMATION_REQUESTED && HasItsObject(head, type);
    if ((cell.next == Cell::Next::kTo || cell.next == Cell::Next::kBefore || branch) && !short_way) legal.push_back(type);
  }
  return legal.empty() ? AnyType() : *rc::gen::elementOf(legal);
}

Event AnyEvent(const NeedState& head) {
  v1::EventType type = LikelyType(head);
  if (!HasItsObject(head, type) || IsOfARecord(type)) type = v1::EVENT_TYPE_NOTE_ADDED;
  Event event = WellFormed(head, type);
  if (type == v1::EVENT_TYPE_AMENDED && *rc::gen::inRange(0, 6) == 0) event = Moved(head);
  if (type == v1::EVENT_TYPE_HANDED_OVER && head.worker() == "w-1" && *rc::gen::arbitrary<bool>()) event = LeftToTheHead(head);
  if (type == v1::EVENT_TYPE_HOLD_DECIDED && *rc::gen::arbitrary<bool>()) {
    event.mutable_hold_decided()->set_approved(false);
    event.clear_clocks();
    event.clear_clock_changes();
  }
  if (event.type() == v1::EVENT_TYPE_OFFER_ACCEPTED && *rc::gen::arbitrary<bool>()) event = AcceptedDirectly(head);
  if (event.type() == v1::EVENT_TYPE_ASSESSED) event.mutable_assessed()->set_casework(*rc::gen::arbitrary<bool>());
  if (event.type() == v1::EVENT_TYPE_CLOSING_VERIFIED && *rc::gen::arbitrary<bool>()) {
    event.mutable_closing_verified()->set_approved(false);
    StartClock(&event, v1::CLOCK_KIND_SERVICE, kNoonUs + kHourUs);
  }
  return event;
}

struct Logged {
  Event event;
  std::string digest;
};

void Seal(Event& event, const NeedState& head, int64_t logged_at_us, const std::string& id) {
  event.set_magic(kEventMagic);
  if (event.subject().empty()) event.set_subject(head.subject());
  if (event.event_id().empty()) event.set_event_id(Sha256(id).substr(0, 16));
  event.set_version(head.version() + 1);
  event.set_prev_digest(head.head_digest());
  event.set_logged_at_us(logged_at_us);
}

// A log as several writers leave it: each decides on a head that may be stale, some writes come twice, some never, some
// reports have another body under the same id.
std::vector<Logged> AnyLog() {
  std::vector<NeedState> heads(1);
  std::vector<Logged> log;
  NeedState state;
  auto append = [&](const Event& event) {
    log.push_back({event, Sha256(event.SerializeAsString())});
    if (Fold(state, event, {log.size() - 1, log.back().digest}) == Void::kNone) heads.push_back(state);
  };
  int steps = *rc::gen::inRange(1, 80);
  for (int i = 0; i < steps; ++i) {
    size_t stale = *rc::gen::inRange(0, 4) == 0 ? std::min<size_t>(heads.size() - 1, *rc::gen::inRange<size_t>(0, 3)) : 0;
    const NeedState& head = heads[heads.size() - 1 - stale];
    Event event = head.version() == 0 ? Submitted("r") : AnyEvent(head);
    if (head.version() == 0 && *rc::gen::arbitrary<bool>()) event.set_body_mac("another body");
    Seal(event, head, kNoonUs + i * kHourUs, "step " + std::to_string(i));
    int copies = *rc::gen::element(0, 1, 1, 1, 1, 2);  // lost, written, written twice
    for (int copy = 0; copy < copies; ++copy) append(event);
  }
  return log;
}

void CheckInvariant(const NeedState& state) {
  if (state.version() == 0) return;
  bool open = !Ended(state);
  RC_ASSERT(open == !state.owner().empty());
  RC_ASSERT(open == (state.clocks_size() > 0));
  RC_ASSERT(open == (NextClock(state) != nullptr));
  RC_ASSERT(open == (state.ended_us() == 0));
  RC_ASSERT(state.has_offer() == (state.stage() == v1::STAGE_OFFERED));
  RC_ASSERT(state.held_event_id().empty() == (state.stage() != v1::STAGE_HELD));
  RC_ASSERT(state.closing_event_id().empty() == (state.stage() != v1::STAGE_EVALUATED));
  const bool stands_still = std::ranges::any_of(state.clocks(), [](const auto& clock) { return clock.paused_us() != 0; });
  RC_ASSERT(!stands_still || PauseClock(state) != nullptr);
  RC_ASSERT((state.stage() == v1::STAGE_ON_HOLD) == (Running(state, v1::CLOCK_KIND_HOLD) != nullptr));
  RC_ASSERT((state.stage() == v1::STAGE_REFERRING) == (Running(state, v1::CLOCK_KIND_REFERRAL) != nullptr));
  RC_ASSERT(state.has_referral() == (state.stage() == v1::STAGE_REFERRING || state.stage() == v1::STAGE_REFERRED_OUT));
  for (const auto& support : state.supports()) RC_ASSERT(std::ranges::find(state.co_workers(), support.worker()) != state.co_workers().end());
  RC_ASSERT(state.worker().empty() || std::ranges::find(state.co_workers(), state.worker()) == state.co_workers().end());
  RC_ASSERT(state.information_event_id().empty() == (Running(state, v1::CLOCK_KIND_INFORMATION) == nullptr));
  for (const auto& obligation : state.obligations()) {
    // What is open has a clock or is chased, whatever else runs; what is not has neither.
    const bool runs =
        std::ranges::any_of(state.clocks(), [&](const auto& clock) { return IsObligationClock(clock) && clock.object() == obligation.event_id(); });
    RC_ASSERT(runs == IsOpen(obligation));
    RC_ASSERT(IsOpen(obligation) == (obligation.deadline_us() != 0));
  }
  RC_ASSERT(std::ranges::is_sorted(state.executors()));
  RC_ASSERT(std::ranges::is_sorted(state.boxes_seen()));
}

// The applied events, by their offsets, are versions 1, 2, 3 … and each names the bytes of the one before.
void CheckTimeline(const NeedState& state, const std::vector<Logged>& log) {
  RC_ASSERT(static_cast<uint64_t>(state.applied_size()) == state.version());
  std::string previous;
  for (int i = 0; i < state.applied_size(); ++i) {
    const Logged& logged = log[state.applied(i).offset()];
    RC_ASSERT(state.applied(i).version() == static_cast<uint64_t>(i + 1));
    RC_ASSERT(logged.event.version() == static_cast<uint64_t>(i + 1));
    RC_ASSERT(logged.event.prev_digest() == previous);
    previous = logged.digest;
  }
  RC_ASSERT(state.head_digest() == previous);
}

RC_GTEST_PROP(Properties, OpenMeansOneOwnerAndARunningClock, ()) {
  NeedState state;
  auto log = AnyLog();
  for (size_t i = 0; i < log.size(); ++i) {
    Fold(state, log[i].event, {i, log[i].digest});
    CheckInvariant(state);
  }
  RC_CLASSIFY(Ended(state), "ended");
  RC_CLASSIFY(state.version() > 8, "long");
  RC_CLASSIFY(state.conflict_count() > 0, "with conflicts");
  RC_CLASSIFY(state.voids_size() > 0, "with voids");
}

RC_GTEST_PROP(Properties, FoldDoesWhatTheHistorySays, ()) {
  Walk walk;
  HistoryOracle oracle;
  RC_ASSERT(walk.Go(Submitted("r")) == Void::kNone);
  oracle.Add({v1::EVENT_TYPE_SUBMITTED});
  int steps = *rc::gen::inRange(0, 60);
  for (int i = 0; i < steps; ++i) {
    Event event = AnyEvent(walk.state);
    bool may = oracle.May(event.type());
    RC_ASSERT(walk.Go(event, TimeOf(event.type())) == (may ? Void::kNone : Void::kLifeCycle));
    if (may) oracle.Add(HistoryOracle::StepOf(event));
    RC_ASSERT(walk.state.stage() == oracle.Stage());
    RC_ASSERT(Ended(walk.state) == oracle.Ended());
  }
}

// A reader that is set back again and again, and so meets records many times, comes to the writer's state, byte by byte.
RC_GTEST_PROP(Properties, AnyDuplicationOfDeliveriesFoldsToOneTimeline, ()) {
  auto log = AnyLog();
  NeedState once;
  for (size_t i = 0; i < log.size(); ++i) Fold(once, log[i].event, {i, log[i].digest});
  NeedState often;
  size_t reached = 0;
  while (reached < log.size()) {
    size_t from = *rc::gen::inRange<size_t>(0, reached + 1);
    size_t to = std::min(log.size(), reached + *rc::gen::inRange<size_t>(1, 8));
    for (size_t i = from; i < to; ++i) Fold(often, log[i].event, {i, log[i].digest});
    reached = to;
  }
  RC_ASSERT(often.SerializeAsString() == once.SerializeAsString());
  CheckTimeline(often, log);
}

// Losing deliveries can only stop a reader short: what it has is still a chain without gaps.
RC_GTEST_PROP(Properties, AnyLossOfDeliveriesLeavesATimelineWithoutGaps, ()) {
  auto log = AnyLog();
  NeedState state;
  for (size_t i = 0; i < log.size(); ++i) {
    if (*rc::gen::inRange(0, 5) == 0) continue;
    Fold(state, log[i].event, {i, log[i].digest});
    CheckTimeline(state, log);
    CheckInvariant(state);
  }
}

RC_GTEST_PROP(Properties, AVoidEventLeavesTheStateAsItWasButForTheLists, ()) {
  auto log = AnyLog();
  NeedState state;
  for (size_t i = 0; i < log.size(); ++i) {
    NeedState before = state;
    if (Fold(state, log[i].event, {i, log[i].digest}) == Void::kNone) continue;
    NeedState after = state;
    for (NeedState* each : {&before, &after}) {
      each->clear_voids();
      each->clear_conflicts();
      each->clear_conflict_count();
      each->clear_set_aside_key_ids();
    }
    RC_ASSERT(after.SerializeAsString() == before.SerializeAsString());
  }
}

RC_GTEST_PROP(Properties, RowsOfAnEndedNeedHoldNoInboxOrDeadlineAndNoWantButToForget, ()) {
  NeedState state;
  auto log = AnyLog();
  for (size_t i = 0; i < log.size(); ++i) {
    Fold(state, log[i].event, {i, log[i].digest});
    auto rows = Rows(state);
    RC_ASSERT(std::ranges::is_sorted(rows));
    auto count = [&rows](char table) { return std::ranges::count_if(rows, [table](const Row& row) { return row.key[0] == table; }); };
    bool open = state.version() > 0 && !Ended(state);
    RC_ASSERT(count('d') == (open ? 1 : 0));
    RC_ASSERT((count('i') > 0) == open);
    RC_ASSERT(count('w') == (Wants(state) == Want::kNone ? 0 : 1));
    if (!open) RC_ASSERT(count('k') + count('h') + count('g') == 0);
    if (Ended(state)) RC_ASSERT((Wants(state) == Want::kForget) == !state.forgotten_event_id().empty());
    RC_ASSERT(open || Wants(state) == Want::kNone || Wants(state) == Want::kForget);
    // Whoever has it in an inbox now learns of its leaving later.
    for (const auto& box : rows::PartyBoxesOf(state)) RC_ASSERT(std::ranges::binary_search(state.boxes_seen(), box));
    for (const auto& box : rows::BoxesOf(state)) RC_ASSERT(std::ranges::binary_search(state.boxes_seen(), box));
  }
}

}  // namespace
}  // namespace gridloop
