// Clocks that stand still, go on or move: holds, requests for information, extensions, a raised urgency. Pure.
#pragma once

#include <vector>

#include "domain/calendar.h"
#include "domain/fold.h"

namespace gridloop {

// A change of this clock, which it names; it says nothing else yet.
v1::ClockChange ChangeOf(const store::v1::RunningClock& clock);
bool Names(const v1::ClockChange& change, const store::v1::RunningClock& clock);

// Is it a clock whose end ends a pause: of a hold, of a request for information, of a referral?
bool IsPause(v1::ClockKind kind);

// That clock, while one runs. There is at most one pause.
const store::v1::RunningClock* PauseClock(const NeedState& state);

// Does this event end the pause, by its type or by what it stops?
bool EndsPause(const NeedState& state, const Event& event);

// For fold: what is wrong with the changes that the event carries, in the light of the clocks that it stops (indices into the
// state's clocks, ascending). A pause that ends must let go on what stood still.
Void CheckClockChanges(const NeedState& state, const Event& event, const std::vector<int>& stopped);

// For fold, before the event stops and starts clocks.
void ApplyClockChanges(NeedState& state, const Event& event);

// For writers: pauses what the event is to pause. A request for information pauses what still has time, so that nobody asks
// away what is overdue, and nothing of a crisis; so does a referral; a hold pauses everything.
void AddPauses(const NeedState& head, int64_t now_us, Event* event);

// For writers: lets go on what stood still, with what was left of it, if the event ends the pause and does not say itself when. `calendar` may be null: then
// time is counted round the clock.
void AddResumptions(const NeedState& head, const WorkCalendar* calendar, int64_t now_us, Event* event);

}  // namespace gridloop
