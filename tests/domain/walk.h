// Walks a need through its life, a step a line.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "histories.h"

namespace gridloop::histories {

// The shortest legal road to each stage, as docs/life-cycle.md tells it.
inline std::vector<v1::EventType> RoadTo(v1::Stage stage) {
  using namespace v1;
  std::vector<EventType> road = {
      EVENT_TYPE_SUBMITTED,         EVENT_TYPE_DISPATCHED,      EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED,   EVENT_TYPE_WORKER_ASSIGNED,
      EVENT_TYPE_ASSESSED,          EVENT_TYPE_GRADED,          EVENT_TYPE_PLANNED, EVENT_TYPE_SERVICE_RECORDED, EVENT_TYPE_FOLLOW_UP_RECORDED,
      EVENT_TYPE_CLOSING_REQUESTED, EVENT_TYPE_CLOSING_VERIFIED};
  auto first = [&road](size_t steps) { return std::vector<EventType>(road.begin(), road.begin() + static_cast<std::ptrdiff_t>(steps)); };
  switch (stage) {
    case STAGE_SUBMITTED:
      return first(1);
    case STAGE_HELD:
      return {EVENT_TYPE_SUBMITTED, EVENT_TYPE_HELD};
    case STAGE_DISPATCHED:
      return first(2);
    case STAGE_OFFERED:
      return first(3);
    case STAGE_ACCEPTED:
      return first(4);
    case STAGE_ASSIGNED:
      return first(5);
    case STAGE_ASSESSED:
      return first(6);
    case STAGE_GRADED:
      return first(7);
    case STAGE_PLANNED:
      return first(8);
    case STAGE_IN_SERVICE:
      return first(9);
    case STAGE_FOLLOW_UP:
      return first(10);
    case STAGE_EVALUATED:
      return first(11);
    case STAGE_CLOSED:
      return first(12);
    case STAGE_WITHDRAWN:
      return {EVENT_TYPE_SUBMITTED, EVENT_TYPE_WITHDRAWN};
    case STAGE_ON_HOLD: {
      auto to_hold = first(9);
      to_hold.insert(to_hold.end(), {EVENT_TYPE_HOLD_REQUESTED, EVENT_TYPE_HOLD_DECIDED});
      return to_hold;
    }
    case STAGE_REFERRING:
      return {EVENT_TYPE_SUBMITTED, EVENT_TYPE_HELD, EVENT_TYPE_REFERRED_OUT};
    case STAGE_REFERRED_OUT:
      return {EVENT_TYPE_SUBMITTED, EVENT_TYPE_HELD, EVENT_TYPE_REFERRED_OUT, EVENT_TYPE_REFERRAL_RECEIVED};
    case STAGE_MERGED:
      return {EVENT_TYPE_SUBMITTED, EVENT_TYPE_MERGED};
    default:
      return {};
  }
}

// Gives an open need what such an event is about where no earlier event of the same stage could: somebody who is rung, or helps.
inline void GiveItsObject(NeedState& state, v1::EventType type) {
  if (state.version() == 0 || Ended(state) || HasItsObject(state, type)) return;
  if (type == v1::EVENT_TYPE_HANDED_OVER) state.add_alerts()->set_worker("w-1");
  if (type != v1::EVENT_TYPE_SUPPORT_ENDED) return;
  state.add_supports()->set_worker("w-9");
  state.add_co_workers("w-9");
}

// A well-formed event for this head; only the stage, or the lack of what it is about, may make it illegal.
inline Event WellFormed(const NeedState& head, v1::EventType type) {
  Event event = Next(head, type);
  if (type == v1::EVENT_TYPE_SUBMITTED && head.version() > 0) {
    event.set_subject(head.subject());
    event.set_event_id("another-submit--");
  }
  return event;
}

// What must have been asked before such an event, if anything.
inline v1::EventType AskedBefore(v1::EventType type) {
  switch (type) {
    case v1::EVENT_TYPE_INFORMATION_PROVIDED:
    case v1::EVENT_TYPE_RESUMED:
      return v1::EVENT_TYPE_INFORMATION_REQUESTED;
    case v1::EVENT_TYPE_EXTENSION_DECIDED:
      return v1::EVENT_TYPE_EXTENSION_REQUESTED;
    case v1::EVENT_TYPE_TRANSFERRED:
    case v1::EVENT_TYPE_TRANSFER_DECLINED:
      return v1::EVENT_TYPE_TRANSFER_PROPOSED;
    case v1::EVENT_TYPE_HOLD_DECIDED:
      return v1::EVENT_TYPE_HOLD_REQUESTED;
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return v1::EVENT_TYPE_OBLIGATION_PROPOSED;
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
      return v1::EVENT_TYPE_OBLIGATION_ACCEPTED;
    case v1::EVENT_TYPE_KEYS_DESTROYED:
      return v1::EVENT_TYPE_FORGOTTEN;
    case v1::EVENT_TYPE_MERGE_CONFIRMED:
    case v1::EVENT_TYPE_MERGE_CANCELLED:
      return v1::EVENT_TYPE_ABSORBING;
    case v1::EVENT_TYPE_RELEASING:
      return v1::EVENT_TYPE_MERGE_CONFIRMED;
    case v1::EVENT_TYPE_RELEASED:
      return v1::EVENT_TYPE_RELEASING;
    default:
      return v1::EVENT_TYPE_UNSPECIFIED;
  }
}

// All that must be asked on this head before such an event, in order.
inline std::vector<v1::EventType> AllAskedBefore(const NeedState& head, v1::EventType type) {
  std::vector<v1::EventType> asked;
  for (v1::EventType next = type; !HasItsObject(head, next) && AskedBefore(next) != v1::EVENT_TYPE_UNSPECIFIED; next = AskedBefore(next)) {
    asked.insert(asked.begin(), AskedBefore(next));
  }
  return asked;
}

// When such an event may come: what is overdue is neither asked away nor put off, everything else may be late.
inline int64_t TimeOf(v1::EventType type) {
  const bool in_time = type == v1::EVENT_TYPE_INFORMATION_REQUESTED || type == v1::EVENT_TYPE_EXTENSION_REQUESTED || type == v1::EVENT_TYPE_REFERRED_OUT;
  return in_time ? kNoonUs : kLateUs;
}

struct Walk {
  explicit Walk(const LifeCycle& table = LifeCycle::Standard()) : rules(&table) {}
  Void Go(Event event, int64_t at_us = kNoonUs) { return FoldNext(state, std::move(event), offset++, at_us, *rules); }
  Void Go(v1::EventType type, int64_t at_us = kNoonUs) { return Go(WellFormed(state, type), at_us); }
  // Stops at the first void one and gives its reason.
  Void GoAll(const std::vector<v1::EventType>& types) {
    for (v1::EventType type : types) {
      if (Void verdict = Go(type); verdict != Void::kNone) return verdict;
    }
    return Void::kNone;
  }
  Void To(v1::Stage stage) { return GoAll(RoadTo(stage)); }

  const LifeCycle* rules;
  NeedState state;
  uint64_t offset = 0;
};

inline const store::v1::RunningClock* Running(const NeedState& state, v1::ClockKind kind) {
  for (const auto& clock : state.clocks()) {
    if (clock.start().kind() == kind) return &clock;
  }
  return nullptr;
}

}  // namespace gridloop::histories
