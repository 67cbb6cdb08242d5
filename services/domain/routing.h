// Routing: which unit a need goes to, by ordered rules, then coverage at the decision's time. Pure: the same
// inputs and directory give the same receipt, so any stored receipt can be computed again.
#pragma once

#include "domain/snapshot.h"
#include "gridloop/v1/routing.pb.h"

namespace gridloop {

// What routing looks at, taken from a need's state.
v1::RoutingInputs RoutingInputsOf(const store::v1::NeedState& state, int64_t now_us);

// Does a need with these inputs, in this community, match? An empty list matches everything.
bool Matches(const v1::RuleMatch& match, const v1::RoutingInputs& inputs, const std::string& community);

// Decides. receipt.unit is empty when it is held; receipt.mode CONFIRM means unit is a proposal.
v1::RoutingReceipt Route(const Snapshot& snapshot, const v1::RoutingInputs& inputs);

// Is an open need with a unit (its owner, the one it is offered to, a proposal) that the directory does not have, or not at
// that time, or with a station that it does not have? Then it wants a new route.
bool HasLostItsUnit(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us);

// Names of the fields in which two receipts differ; empty means the same.
std::vector<std::string> DifferingFields(const v1::RoutingReceipt& stored, const v1::RoutingReceipt& computed);

}  // namespace gridloop
