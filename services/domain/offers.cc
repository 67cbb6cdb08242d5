#include "domain/offers.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace gridloop {
namespace {

constexpr int kUsualCapacity = 30;
constexpr int64_t kMinuteUs = 60'000'000;

// What has ended since the need was reported still says what suits it.
std::set<std::string> WantedSkills(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us) {
  std::set<std::string> skills;
  const int64_t then_us = state.submitted_us();
  for (const auto& id : state.categories()) {
    const auto* category = snapshot.CategoryAt(id, now_us);
    if (category == nullptr) category = snapshot.CategoryAt(id, then_us);
    if (category != nullptr) {
      skills.insert(category->skills().begin(), category->skills().end());
    }
  }
  const auto* type = snapshot.TypeAt(state.type(), now_us);
  if (type == nullptr) type = snapshot.TypeAt(state.type(), then_us);
  if (type != nullptr) {
    skills.insert(type->skills().begin(), type->skills().end());
  }
  return skills;
}

bool OnLeave(const Snapshot& snapshot, const v1::Worker& worker, int64_t at_us) {
  return std::ranges::any_of(worker.leaves(), [&](const v1::Validity& leave) { return snapshot.IsValid(leave, at_us); });
}

bool OnShift(const Snapshot& snapshot, const v1::Worker& worker, int64_t at_us) {
  auto holds = [&](const v1::Shift& shift) { return snapshot.IsValid(shift.validity(), at_us); };
  if (std::ranges::none_of(worker.shifts(), holds)) return snapshot.calendar().IsOpen(at_us);
  int weekday = snapshot.calendar().LocalWeekday(at_us);
  int minute = snapshot.calendar().LocalMinute(at_us);
  return std::ranges::any_of(worker.shifts(), [&](const v1::Shift& shift) {
    return holds(shift) && shift.weekday() == weekday && minute >= shift.start_minute() && minute < shift.end_minute();
  });
}

}  // namespace

OfferDecision DecideOffer(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us,
                          const std::function<int(const std::string& worker)>& load, const std::set<std::string>& serves_person) {
  OfferDecision decision;
  v1::OfferReceipt& receipt = decision.receipt;
  receipt.set_directory_hash(snapshot.hashes().directory_hash());
  receipt.mutable_decision_time()->set_seconds(now_us / 1'000'000);
  receipt.mutable_decision_time()->set_nanos(static_cast<int32_t>(now_us % 1'000'000 * 1000));
  bool open = snapshot.calendar().IsOpen(now_us);
  receipt.set_outside_opening_hours(!open);
  bool duty = !open && (state.urgency() == v1::URGENCY_URGENT || state.urgency() == v1::URGENCY_CRISIS);

  const bool crisis = state.urgency() == v1::URGENCY_CRISIS;
  const auto skills = WantedSkills(snapshot, state, now_us);
  struct Ranked {
    std::tuple<bool, bool, bool, bool, int, int, std::string> rank;  // smaller is better
    v1::OfferCandidate candidate;
  };
  std::vector<Ranked> ranked;
  auto self_found = [&](const v1::Worker& worker) { return state.self_accept() && BareId(worker.name()) == state.submitter_worker(); };
  // Looks at a worker once; `barred` says why somebody who cannot be suggested stands in the receipt all the same.
  auto look_at = [&](const v1::Worker& worker, bool on_duty, const std::string& barred = {}) {
    if (std::ranges::find(ranked, worker.name(), [](const Ranked& each) { return each.candidate.worker(); }) != ranked.end()) return;
    std::string id = BareId(worker.name());
    Ranked entry;
    v1::OfferCandidate& candidate = entry.candidate;
    candidate.set_worker(worker.name());
    candidate.set_on_duty(on_duty);
    candidate.set_load(load(id));
    candidate.set_serves_person(serves_person.contains(id));
    candidate.set_matching_skills(static_cast<int>(std::ranges::count_if(worker.skills(), [&](const std::string& skill) { return skills.contains(skill); })));
    std::string reason = barred;
    if (reason.empty() && OnLeave(snapshot, worker, now_us)) reason = "on-leave";
    bool full = candidate.load() >= (worker.capacity() > 0 ? worker.capacity() : kUsualCapacity);
    if (reason.empty() && full && !duty && !crisis) reason = "at-capacity";
    candidate.set_reason(reason);
    entry.rank = {!self_found(worker),
                  crisis && !candidate.on_duty(),
                  !candidate.serves_person(),
                  !candidate.on_duty(),
                  -candidate.matching_skills(),
                  candidate.load(),
                  id};
    ranked.push_back(std::move(entry));
  };
  auto anybody = [&] { return std::ranges::any_of(ranked, [](const Ranked& each) { return each.candidate.reason().empty(); }); };
  if (duty) {
    // A roster whose workers are all on leave rings nobody, so the next one up is asked too.
    for (const std::string& unit : {state.unit(), state.station(), snapshot.center()}) {
      bool answers = false;
      for (const v1::Worker* worker : snapshot.OnDutyRoster(unit, now_us)) {
        look_at(*worker, true);
        answers |= !OnLeave(snapshot, *worker, now_us);
      }
      if (!answers) continue;
      receipt.set_duty_unit("units/" + unit);
      break;
    }
  } else {
    // The head leads; suggested is whoever serves there, or the head who found the need and takes it.
    auto look_at_those_of = [&](const std::string& unit) {
      auto workers = snapshot.WorkersAt(unit, now_us);
      auto heads =
          std::ranges::stable_partition(workers, [&](const v1::Worker* worker) { return self_found(*worker) || !snapshot.IsHead(*worker, unit, now_us); });
      for (auto each = workers.begin(); each != heads.begin(); ++each) look_at(**each, OnShift(snapshot, **each, now_us));
      if (heads.begin() != workers.begin() && (!crisis || anybody())) return;
      for (const v1::Worker* each : heads) look_at(*each, OnShift(snapshot, *each, now_us));
    };
    look_at_those_of(state.unit());
    if (!anybody()) look_at_those_of(state.station());
  }
  const v1::Worker* submitter = state.self_accept() ? snapshot.WorkerAt(state.submitter_worker(), now_us) : nullptr;
  if (submitter != nullptr) {
    bool posted = std::ranges::any_of(std::array{state.unit(), state.station()}, [&](const std::string& unit) {
      auto workers = snapshot.WorkersAt(unit, now_us);
      return std::ranges::find(workers, submitter) != workers.end();
    });
    look_at(*submitter, !duty && OnShift(snapshot, *submitter, now_us), posted ? "" : "not-posted-then");
  }

  Ranked* best = nullptr;
  for (auto& entry : ranked) {
    if (entry.candidate.reason().empty() && (best == nullptr || entry.rank < best->rank)) best = &entry;
  }
  for (auto& entry : ranked) {
    if (&entry == best) {
      entry.candidate.set_chosen(true);
      entry.candidate.set_reason(std::get<0>(entry.rank) ? "suggested" : "self-found");
      decision.worker = std::get<6>(entry.rank);
    } else if (entry.candidate.reason().empty()) {
      const auto& a = entry.candidate;
      const auto& b = best->candidate;
      entry.candidate.set_reason(!std::get<0>(best->rank)                     ? "self-found"
                                 : crisis && a.on_duty() != b.on_duty()       ? "off-duty"
                                 : a.serves_person() != b.serves_person()     ? "serves-person"
                                 : a.on_duty() != b.on_duty()                 ? "off-duty"
                                 : a.matching_skills() != b.matching_skills() ? "fewer-skills"
                                 : a.load() != b.load()                       ? "more-load"
                                                                              : "tie-by-id");
    }
    *receipt.add_candidates() = entry.candidate;
  }
  const v1::Unit* unit = snapshot.FindUnit(state.unit());
  bool room = unit != nullptr && unit->kind() == v1::UNIT_KIND_ROOM;
  bool takes_own = state.self_accept() && decision.worker == state.submitter_worker();
  bool direct = duty || takes_own || (room && snapshot.policy().room_accepts_directly());
  decision.direct_accept = !decision.worker.empty() && direct;

  if (crisis) {
    if (!decision.worker.empty()) decision.alerts.emplace_back().set_worker(decision.worker);
    if (!state.station().empty() && state.station() != snapshot.center()) decision.alerts.emplace_back().set_unit(state.station());
    for (v1::Alert& alert : CenterAlerts(snapshot, now_us)) {
      if (alert.worker().empty() || alert.worker() != decision.worker) decision.alerts.push_back(std::move(alert));
    }
  }
  return decision;
}

std::vector<v1::Alert> CenterAlerts(const Snapshot& snapshot, int64_t now_us) {
  std::vector<v1::Alert> alerts;
  if (snapshot.center().empty()) return alerts;
  alerts.emplace_back().set_unit(snapshot.center());
  const auto& spans = snapshot.calendar().message().opening_spans();
  int64_t at_us = now_us;
  // The directory does not say who sits at the centre by day; that day's entry is the nearest to it.
  if (snapshot.calendar().IsOpen(now_us) && !spans.empty()) {
    at_us += (spans.rbegin()->end_minute() - snapshot.calendar().LocalMinute(now_us)) * kMinuteUs;
  }
  for (const v1::Worker* worker : snapshot.OnDutyRoster(snapshot.center(), at_us)) {
    if (!OnLeave(snapshot, *worker, now_us)) alerts.emplace_back().set_worker(BareId(worker->name()));
  }
  return alerts;
}

}  // namespace gridloop
