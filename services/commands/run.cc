#include "commands/run.h"

namespace gridloop {

v1::ClockStart StartClock(const Snapshot* snapshot, v1::ClockKind kind, const NeedState& head, int64_t now_us, v1::ClockKind chased) {
  if (snapshot != nullptr) return snapshot->StartClock(kind, head.urgency(), head.grade(), now_us, chased);
  constexpr int64_t kHourUs = 3'600'000'000;
  v1::ClockStart start;
  start.set_kind(kind);
  start.set_chased(chased);
  start.set_rule("built-in");
  start.mutable_limit()->set_amount(24);
  start.mutable_limit()->set_unit(v1::LIMIT_UNIT_NATURAL_HOURS);
  start.set_due_us(now_us + 24 * kHourUs);
  return start;
}

v1::ClockStart ClockUntil(v1::ClockKind kind, const std::string& rule, int64_t due_us) {
  v1::ClockStart start;
  start.set_kind(kind);
  start.set_rule(rule);
  start.set_due_us(due_us);
  return start;
}

}  // namespace gridloop
