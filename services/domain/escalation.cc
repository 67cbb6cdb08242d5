#include "domain/escalation.h"

#include <algorithm>

namespace gridloop {
namespace {

constexpr int kStation = 1;
constexpr int kCentre = 2;

}  // namespace

Escalation OneLevelUp(const store::v1::NeedState& head, int levels, const v1::Actor& by) {
  bool above_station = head.station().empty() || head.station() == head.center() || head.owner() == head.station() || head.owner() == head.center() ||
                       by.role() == v1::ROLE_STATION_HEAD;
  int first = above_station ? kCentre : kStation;
  int highest = std::max(first, levels > 0 ? levels : kCentre);
  Escalation up;
  up.level = std::clamp(static_cast<int>(head.escalation_level()) + 1, first, highest);
  up.unit = up.level == kStation ? head.station() : head.center();
  return up;
}

}  // namespace gridloop
