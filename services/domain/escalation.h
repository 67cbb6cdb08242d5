// Escalation: one level up from the owner, or from the head who asks.
#pragma once

#include <string>

#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

struct Escalation {
  int level = 0;     // 1 the station, 2 the centre, 3 above it
  std::string unit;  // that is told
};

// `levels`: how many levels above the owner the policy has; 0: two. `by`: the person who escalates, if one does. What a
// station owns, or its head escalates, is the centre's at once: one level up is never the same desk.
Escalation OneLevelUp(const store::v1::NeedState& head, int levels, const v1::Actor& by = {});

}  // namespace gridloop
