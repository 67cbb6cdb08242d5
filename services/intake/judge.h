// What a report means by policy: how urgent it is, who may see it, whether its reporter may withdraw it. Pure.
#pragma once

#include "domain/snapshot.h"
#include "gridloop/v1/need.pb.h"

namespace gridloop {

struct Judged {
  v1::Urgency urgency = v1::URGENCY_ROUTINE;  // the highest of what is reported and of its dangers
  bool restricted = false;
  bool withdrawal_barred = false;
};

// By the report's categories, dangers, reported urgency and restriction; whether it is about a minor is not looked at. Without a
// directory nobody can say what categories and dangers mean, so they mean the most.
Judged JudgeReport(const v1::Report& report, const Snapshot* snapshot, int64_t now_us);

}  // namespace gridloop
