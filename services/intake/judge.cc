#include "intake/judge.h"

#include <algorithm>

namespace gridloop {

Judged JudgeReport(const v1::Report& report, const Snapshot* snapshot, int64_t now_us) {
  Judged judged;
  judged.urgency = std::max(report.reported_urgency(), v1::URGENCY_ROUTINE);
  judged.restricted = report.restricted();
  if (snapshot == nullptr) {
    judged.withdrawal_barred = report.categories_size() > 0 || report.dangers_size() > 0;
    judged.restricted |= judged.withdrawal_barred;
  } else {
    for (const auto& id : report.dangers()) {
      const v1::Danger* danger = snapshot->DangerAt(id, now_us);
      if (danger == nullptr) continue;  // an amended report may name what has ended since
      judged.urgency = std::max(judged.urgency, danger->urgency());
      judged.restricted |= danger->restricted();
    }
    for (const auto& id : report.categories()) {
      const v1::Category* category = snapshot->CategoryAt(id, now_us);
      if (category == nullptr) continue;
      judged.restricted |= category->restricted();
      judged.withdrawal_barred |= category->withdrawal_barred();
    }
  }
  judged.withdrawal_barred |= judged.urgency == v1::URGENCY_CRISIS;
  return judged;
}

}  // namespace gridloop
