#include "commands/hasten.h"

#include <algorithm>

#include "commands/run.h"
#include "domain/clock_changes.h"
#include "domain/clocks.h"
#include "domain/joint_plan.h"
#include "domain/offers.h"

namespace gridloop {

void Hasten(const Snapshot* snapshot, const NeedState& head, v1::Urgency urgency, int64_t now_us, Event* made) {
  AddResumptions(head, snapshot == nullptr ? nullptr : &snapshot->calendar(), now_us, made);
  NeedState facts;
  facts.set_urgency(urgency);
  facts.set_grade(head.grade());
  for (const auto& clock : head.clocks()) {
    if (Stops(*made, clock) || IsAgreed(head, clock)) continue;
    const v1::ClockStart shorter = StartClock(snapshot, clock.start().kind(), facts, now_us, clock.start().chased());
    auto& changes = *made->mutable_clock_changes();
    auto change = std::ranges::find_if(changes, [&clock](const auto& each) { return Names(each, clock); });
    const bool changed = change != changes.end();
    if (!changed && clock.paused_us() != 0) continue;
    if (shorter.due_us() >= (changed ? change->due_us() : clock.start().due_us())) continue;
    v1::ClockChange& hastened = changed ? *change : *changes.Add();
    if (!changed) hastened = ChangeOf(clock);
    hastened.set_due_us(shorter.due_us());
    hastened.set_provisional(shorter.provisional());
    hastened.set_rule(shorter.rule());
    *hastened.mutable_limit() = shorter.limit();
  }
}

std::vector<v1::Alert> WhomItRings(const Snapshot& snapshot, const NeedState& head, int64_t now_us) {
  std::vector<v1::Alert> alerts;
  if (!head.worker().empty()) alerts.emplace_back().set_worker(head.worker());
  if (!head.station().empty() && head.station() != snapshot.center()) alerts.emplace_back().set_unit(head.station());
  for (v1::Alert& alert : CenterAlerts(snapshot, now_us)) alerts.push_back(std::move(alert));
  return alerts;
}

void ActOn(const Snapshot* snapshot, const NeedState& head, int64_t now_us, v1::Judgement* judgement, Event* made) {
  if (judgement->urgency() > head.urgency()) Hasten(snapshot, head, judgement->urgency(), now_us, made);
  if (!judgement->alarm() || snapshot == nullptr) return;
  for (v1::Alert& alert : WhomItRings(*snapshot, head, now_us)) *judgement->add_alerts() = std::move(alert);
}

}  // namespace gridloop
