// Duplicates: merges and their undoing, reporters who join, links, as one need's log tells them. Pure.
//
// A merge takes three events: `absorbing` on the need that is to go on, then `merged` or `merge_refused` on the one that is to end, then
// `merge_confirmed` or `merge_cancelled` on the first, by what the other's log says. An undoing is `releasing`, `unmerged`, `released`.
// docs/duplicates.md says why this order is safe.
#pragma once

#include <string>
#include <vector>

#include "domain/fold.h"

namespace gridloop {

// What this need's log said to another need's absorbing or releasing event; null: nothing yet.
const store::v1::MergeDecision* MergeDecisionOn(const NeedState& state, const std::string& event_id);

// Whoever has reported it and not withdrawn, each once, in that order.
std::vector<v1::ReporterRef> ReportersOf(const NeedState& state);
bool IsReporterOf(const NeedState& state, const std::string& client, const std::string& reporter_ref);
bool HasReporterOfClient(const NeedState& state, const std::string& client);

// What of two needs goes on if nobody says otherwise: the one that was submitted earlier, of two at once that with the smaller name.
bool GoesOnBefore(const NeedState& a, const NeedState& b);

// What settles the merge, or the undoing of one, that is open on `survivor`; `other` is the need that it names.
enum class MergeMove {
  kNone,    // nothing is open
  kWait,    // the other one is not settled itself, and that comes first
  kDecide,  // DecideMerge is to be appended to the other one
  kSettle,  // SettleMerge is to be appended to the survivor
};
MergeMove NextMergeMove(const NeedState& survivor, const NeedState& other);

// merged, merge_refused or unmerged for the head of the other one. An unmerged one lacks its clock (StageClock in clocks.h) and a crisis its alerts, a
// merged one its unmerge_until_us: the writer knows the policy.
Event DecideMerge(const NeedState& survivor, const NeedState& other_head);
// merge_confirmed, merge_cancelled or released for the head of the survivor, by what the other one's log says. A confirmed one lacks what policy
// makes of a raised urgency: hastened clocks, alerts.
Event SettleMerge(const NeedState& survivor_head, const NeedState& other);

// What the need is after a report, or another need, of this urgency, protection and dangers: never less than it was. Without alerts.
v1::Judgement Raise(const NeedState& head, v1::Urgency urgency, bool restricted, bool withdrawal_barred,
                    const google::protobuf::RepeatedPtrField<std::string>& dangers);

// Would the event, if applied, end the need? By what it says.
bool EndsNeed(const Event& event);

// Has it become a crisis by this event?
bool RaisesAlarm(const Event& event);
// May the event hasten clocks, because it makes the need more urgent?
bool MayHasten(v1::EventType type);

// For fold. Events of other families: kNone, nothing.
Void CheckMerging(const NeedState& state, const Event& event);
Void CheckWithdrawn(const NeedState& state, const Event& event);
void ApplyMerging(NeedState& state, const Event& event, v1::Stage before);
void ApplyWithdrawn(NeedState& state, const Event& event);

}  // namespace gridloop
