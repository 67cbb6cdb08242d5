// The evaluation that ends a need: its fields, what casework needs, the policy's checklist of a grade, and who may do without a verifier.
#pragma once

#include <vector>

#include "commands/command.h"
#include "gridloop/v1/assignment_service.pb.h"

namespace gridloop {

// Lengths and words of a closing, also of an answer at once.
void CheckClosing(const v1::Closing& closing, std::vector<FieldViolation>* violations);

// What a decision must know of fields that are sealed away before it runs.
struct Told {
  bool services = false;      // what was given
  bool confirmation = false;  // confirmed, or why not
};
Told ToldIn(const v1::Closing& closing);

// Does the evaluation fit what was done? `checklist` gets the items of the policy that it was held against, all of which it has. kFailedPrecondition:
// NO_SERVICE_YET, CHECKLIST_OPEN with metadata `missing`; kInvalidArgument where a field of casework is missing.
Expected<void> FitsTheWork(const v1::Closing& closing, const Told& told, const NeedState& head, const Snapshot* snapshot,
                           google::protobuf::RepeatedField<int>* checklist);

// Must somebody else look at this closing? A crisis always; the rest unless a rule of the policy (`unverified`) says not.
bool NeedsVerifier(const v1::Closing& closing, const NeedState& head, const Snapshot* snapshot, int64_t now_us);

}  // namespace gridloop
