// What an event does to the clocks of a need: which it starts, which it stops, and which of them is due next. Pure; fold's own.
#pragma once

#include <string>
#include <vector>

#include "domain/fold.h"

namespace gridloop {

// The clock of this name that runs; null if there is none or it stands still.
const store::v1::RunningClock* FindClock(const NeedState& state, v1::ClockKind kind, const std::string& object, v1::ClockKind chased);

// Does a clock of this kind stand still?
bool StandsStill(const NeedState& state, v1::ClockKind kind);

// The clock of the step that an open stage waits for.
v1::ClockKind StageClock(v1::Stage stage);

// Assignment, assessment, grading, planning, service: what a unit owes.
bool IsStepClock(v1::ClockKind kind);

// Nobody is to decide anything: what a new directory has left without its unit, or what lies in another place than was said, is
// routed again.
bool IsReroute(const Event& event);

// Has whoever leaves left nobody at work on it, and nothing that says so yet?
bool LeavesNobody(const NeedState& state, const Event& event);

// Does the event stop a clock like this one, or what it chases? By its kind, and an obligation's by its object.
bool Stops(const Event& event, const store::v1::RunningClock& clock);

// Are the clocks that the event starts those that it must start?
bool StartsRightClocks(const NeedState& state, const Event& event);

// Indices of the clocks that the event stops, ascending.
std::vector<int> StoppedBy(const NeedState& state, const Event& event);

// After the stage and the payload: changes, stops and starts clocks, and forgets the requests whose clock is over.
void ApplyClocks(NeedState& state, const Event& event, const std::vector<int>& stopped);

}  // namespace gridloop
