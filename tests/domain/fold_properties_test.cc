#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "domain/fold.h"
#include "histories.h"

namespace gridloop {
namespace {

using namespace histories;

v1::EventType AnyType() {
  int number = *rc::gen::inRange(1, kEventTypeCount);
  while (!v1::EventType_IsValid(number)) --number;  // a number that is kept free
  return static_cast<v1::EventType>(number);
}

// May such an event come after the end?
bool ComesAfterTheEnd(v1::EventType type) {
  return type == v1::EVENT_TYPE_REOPENED || type == v1::EVENT_TYPE_AFTER_VISIT_RECORDED || type == v1::EVENT_TYPE_MERGE_REFUSED ||
         type == v1::EVENT_TYPE_UNMERGED;
}

// Legal and illegal steps, early and late.
RC_GTEST_PROP(FoldProperties, AnOpenNeedHasAnOwnerAndARunningClock, ()) {
  NeedState state;
  RC_ASSERT(FoldNext(state, Submitted("r"), 0) == Void::kNone);
  int steps = *rc::gen::inRange(0, 60);
  int64_t at_us = kNoonUs;
  for (int i = 1; i <= steps; ++i) {
    at_us += *rc::gen::inRange<int64_t>(0, kHourUs);
    Event event = Next(state, AnyType());
    if (*rc::gen::inRange(0, 6) == 0) event.clear_clocks();  // a writer that forgets
    NeedState before = state;
    Void verdict = FoldNext(state, event, static_cast<uint64_t>(i), at_us);
    if (verdict == Void::kNone) {
      RC_ASSERT(state.version() == before.version() + 1);
      RC_ASSERT(!Ended(before) || ComesAfterTheEnd(event.type()));
    } else {
      RC_ASSERT(state.version() == before.version());
      RC_ASSERT(state.head_digest() == before.head_digest());
      RC_ASSERT(state.stage() == before.stage());
    }
    if (Ended(state)) {
      RC_ASSERT(state.clocks().empty());
      RC_ASSERT(state.owner().empty());
    } else {
      RC_ASSERT(!state.clocks().empty());
      RC_ASSERT(!state.owner().empty());
    }
  }
}

// Any duplication and reordering of deliveries that keeps each subject's first occurrence in order folds to the same timeline.
RC_GTEST_PROP(FoldProperties, DuplicatedDeliveriesFoldToTheSameTimeline, ()) {
  struct Logged {
    Event event;
    std::string digest;
  };
  std::vector<Logged> log;
  NeedState writer;
  auto append = [&](Event event) {
    event.set_magic(kEventMagic);
    if (event.subject().empty()) event.set_subject(writer.subject());
    if (event.event_id().empty()) event.set_event_id(Sha256("event " + std::to_string(log.size())).substr(0, 16));
    event.set_version(writer.version() + 1);
    event.set_prev_digest(writer.head_digest());
    event.set_logged_at_us(kNoonUs);
    std::string digest = Sha256(event.SerializeAsString());
    Fold(writer, event, {log.size(), digest});
    log.push_back({std::move(event), std::move(digest)});
  };
  append(Submitted("r"));
  for (int i = 0; i < 20; ++i) append(Next(writer, AnyType()));
  NeedState reader;
  for (size_t i = 0; i < log.size(); ++i) {
    Fold(reader, log[i].event, {i, log[i].digest});
    size_t again = *rc::gen::inRange<size_t>(0, i + 1);
    Fold(reader, log[again].event, {again, log[again].digest});
  }
  RC_ASSERT(reader.SerializeAsString() == writer.SerializeAsString());
}

}  // namespace
}  // namespace gridloop
