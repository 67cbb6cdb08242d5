// What policy makes of a need that becomes more urgent: shorter limits at once, and a crisis rings.
#pragma once

#include <vector>

#include "commands/command.h"

namespace gridloop {

// From when it is known to be more urgent, the shorter limits run; none of them ends later than it did. What stands still is hastened only if
// the event lets it go on.
void Hasten(const Snapshot* snapshot, const NeedState& head, v1::Urgency urgency, int64_t now_us, Event* made);

// Whom what has become a crisis rings at once: its station, who works on it, and the centre.
std::vector<v1::Alert> WhomItRings(const Snapshot& snapshot, const NeedState& head, int64_t now_us);

// Both, for an event with this judgement, which raises the urgency or not.
void ActOn(const Snapshot* snapshot, const NeedState& head, int64_t now_us, v1::Judgement* judgement, Event* made);

}  // namespace gridloop
