// The joint service action plan (联合服务行动计划): what its parties owe, who answers for them, and which clock runs for what. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "domain/fold.h"

namespace gridloop {

inline constexpr int kMostObligations = 32;  // of a need, whatever has become of them

// By the id of its proposal; null if there is none.
const store::v1::Obligation* FindObligation(const NeedState& state, const std::string& id);
// Proposed or accepted: its party is to do something.
bool WaitsForParty(const store::v1::Obligation& obligation);
// That, or declined and neither replaced nor waived: the need cannot be closed.
bool IsOpen(const store::v1::Obligation& obligation);
bool HasOpenObligation(const NeedState& state);

// "departments/education" and its kind and bare id; nothing if it begins with no collection of parties.
std::string PartyName(v1::PartyKind kind, const std::string& party);
std::optional<std::pair<v1::PartyKind, std::string>> ParsePartyName(std::string_view name);

// Does this department owe, or has it done, something in the plan? Not what it has declined or was released from.
bool IsParty(const NeedState& state, std::string_view department);
// A department answers for itself, or the centre does for it; for any other party everybody who is no department may.
bool MayAnswerFor(const store::v1::Obligation& obligation, const v1::Actor& actor);

// Names of a report's fields that a party may be shown: never the reporter.
bool IsShareable(std::string_view field);
void CopyShared(const v1::Report& from, const google::protobuf::RepeatedPtrField<std::string>& fields, v1::Report* to);

// Is the clock, or what it chases, an obligation's? Its object is then the obligation's id.
bool IsObligationClock(const store::v1::RunningClock& clock);
// Does it run until a time that its party has agreed to? Such a clock is nobody else's to move.
bool IsAgreed(const NeedState& state, const store::v1::RunningClock& clock);
// The obligation whose clock or chase the event starts: its proposal's id; empty if it is about none.
std::string StartedObligation(const Event& event);
// The obligation whose clock and chase the event stops; empty if none.
std::string StoppedObligation(const Event& event);

// For fold: what the payload says against the state; whether the event starts the clocks that it must; what becomes of the plan.
Void CheckPlan(const NeedState& state, const Event& event);
bool StartsRightPlanClocks(const NeedState& state, const Event& event);
void ApplyPlan(NeedState& state, const Event& event, uint64_t offset);
void HurryPlan(NeedState& state, const Event& event, uint64_t offset);  // of what has become more urgent
void EndPlan(NeedState& state, uint64_t offset);                        // the need has ended: nobody owes anything any more

}  // namespace gridloop
