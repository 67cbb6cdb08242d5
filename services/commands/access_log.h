// Who read personal data of a need, for what and when: an event in the ledger before anything is opened (docs/confidentiality.md).
#pragma once

#include <string>
#include <vector>

#include "commands/command.h"

namespace gridloop {

// What somebody is about to read.
struct Access {
  v1::AccessPurpose purpose = v1::ACCESS_PURPOSE_UNSPECIFIED;
  std::string text;                // the purpose in words; may be empty
  std::vector<std::string> parts;  // of the answer, sorted
};

// The purpose that a request names: the code, or OTHER if there are only words; unspecified if there is neither. Appends what is wrong.
v1::AccessPurpose CheckPurpose(v1::AccessPurpose kind, std::string_view text, std::vector<FieldViolation>* violations);

// Calls `done` once the reading is durably in the log; the same reader's with the same purpose within 10 minutes, of the same version of the
// need and the same parts, stands for it. kUnavailable/ACCESS_NOT_LOGGED if it cannot be written: then nothing may be opened.
void LogAccess(World& world, const Caller& caller, const NeedState& need, Access access, Callback<Expected<void>> done);

// The subjects that hold a need's access log, oldest first: accesses/{need}, and further volumes of it, each of 500 entries.
Expected<std::vector<std::string>> AccessVolumes(World& world, std::string_view need);

}  // namespace gridloop
