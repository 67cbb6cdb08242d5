#include "domain/escalation.h"

#include <algorithm>

#include "domain/routing.h"
#include "domain/snapshot.h"

namespace gridloop {
namespace {

constexpr int kStation = 1;
constexpr int kCentre = 2;

// Is the station no level above the owner, or above who asks?
bool SameDesk(const store::v1::NeedState& head, const v1::Actor& by) {
  return head.station().empty() || head.station() == head.center() || head.owner() == head.station() || head.owner() == head.center() ||
         by.role() == v1::ROLE_STATION_HEAD;
}

Escalation ByRule(const store::v1::NeedState& head, const v1::EscalationRule& rule, const v1::Actor& by) {
  auto unit_of = [&](const v1::EscalationLevel& level) {
    if (level.target() == v1::ESCALATION_TARGET_STATION) return SameDesk(head, by) ? std::string() : head.station();
    return level.target() == v1::ESCALATION_TARGET_UNIT ? BareId(level.unit()) : head.center();
  };
  const int last = rule.levels_size() - 1;
  int index = std::clamp(static_cast<int>(head.escalation_level()), 0, last);
  while (index < last && unit_of(rule.levels(index)).empty()) ++index;
  const auto& level = rule.levels(index);
  std::string unit = unit_of(level);
  return {.level = index + 1,
          .unit = unit.empty() ? head.center() : unit,
          .rule = rule.id(),
          .limit = level.has_limit() ? std::optional(level.limit()) : std::nullopt};
}

}  // namespace

Escalation OneLevelUp(const store::v1::NeedState& head, const v1::Policy* policy, v1::ClockKind chased, int64_t now_us, const v1::Actor& by) {
  if (policy != nullptr && !policy->escalations().empty()) {
    const v1::RoutingInputs inputs = RoutingInputsOf(head, now_us);
    for (const auto& rule : policy->escalations()) {
      const bool clock = rule.clocks().empty() || std::ranges::find(rule.clocks(), static_cast<int>(chased)) != rule.clocks().end();
      if (clock && !rule.levels().empty() && Matches(rule.match(), inputs, head.community())) return ByRule(head, rule, by);
    }
  }
  const int levels = policy == nullptr ? 0 : policy->escalation_levels();
  int first = SameDesk(head, by) ? kCentre : kStation;
  int highest = std::max(first, levels > 0 ? levels : kCentre);
  Escalation up;
  up.level = std::clamp(static_cast<int>(head.escalation_level()) + 1, first, highest);
  up.unit = up.level == kStation ? head.station() : head.center();
  return up;
}

}  // namespace gridloop
