// Escalation: one level up from the owner, or from the head who asks, as the policy says.
#pragma once

#include <optional>
#include <string>

#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/directory.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

struct Escalation {
  int level = 0;                   // 1 is the first above the owner
  std::string unit;                // that is told
  std::string rule;                // of the policy; empty: the station, then the centre
  std::optional<v1::Limit> limit;  // how long it is chased there; none: the limit of the clock CHASE
};

// What is late is told one level up: by the first rule of the policy that matches the need and the clock that is chased, else the station, then
// the centre, as often as `escalation_levels` says (two without a policy). `by`: the person who escalates, if one does. What a
// station owns, or its head escalates, is never told to that station: one level up is never the same desk.
Escalation OneLevelUp(const store::v1::NeedState& head, const v1::Policy* policy, v1::ClockKind chased, int64_t now_us, const v1::Actor& by = {});

}  // namespace gridloop
