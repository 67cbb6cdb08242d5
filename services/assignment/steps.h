// What the steps of a need have in common: their clocks, and who may take part.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "commands/command.h"
#include "domain/escalation.h"

namespace gridloop {

// The clock of the step that a stage waits for, started by policy. Where the promise of an assessment watches already, none.
void StartStepClock(const Snapshot* snapshot, v1::Stage stage, const NeedState& head, int64_t now_us, Event* event);

// kFailedPrecondition/UNIT_NOT_FOUND unless the active directory has the unit today.
Expected<void> CheckUnitToday(const Snapshot* snapshot, const std::string& unit, int64_t now_us);

// Posted at the unit, the station, or any unit under that station; or at work on the need already, or rung by it.
bool MayBeAssigned(const Snapshot& snapshot, const NeedState& head, const std::string& worker, int64_t now_us);

// The organisations that the directory names for these workers at that time. kFailedPrecondition/WORKER_NOT_FOUND for one whom it does not have then.
Expected<std::set<std::string>> OrganisationsOf(const Snapshot* snapshot, int64_t at_us, const std::vector<std::string>& workers);

// The chase at the level that an escalation reaches, by its rule or by the policy's limit of the clock CHASE.
v1::ClockStart StartChase(const Snapshot* snapshot, const NeedState& head, const Escalation& up, int64_t now_us, v1::ClockKind chased);

// For the centre's queue: a referral that they do not take, or whose receipt has not come in time.
void FillReturn(const Snapshot* snapshot, const NeedState& head, int64_t now_us, Event* event);

// Until when a need that ends now may be reopened by policy, microseconds since the epoch; 0: not at all.
int64_t ReopenUntil(const Snapshot* snapshot, int64_t now_us);

}  // namespace gridloop
