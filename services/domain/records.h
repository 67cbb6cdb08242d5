// Subjects that are no needs. They share with needs the envelope, the chain, the retries and the list of void attempts, and have no stage,
// no owner and no clock. Pure; fold's own.
#pragma once

#include <string_view>
#include <vector>

#include "domain/fold.h"

namespace gridloop {

bool IsNeed(std::string_view subject);

// Of an event of a subject that is no need, or would be one: may it be applied? A subject takes the events of its collection only.
Void CheckRecord(const NeedState& state, const Event& event);

// After CheckRecord said kNone.
void ApplyRecord(NeedState& state, const Event& event);

// "l" for every record, but an access log, which is found through its need; "o" while work on it is left.
void AddRecordRows(const NeedState& state, std::vector<Row>* rows);

}  // namespace gridloop
