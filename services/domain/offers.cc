#include "domain/offers.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace gridloop {
namespace {

constexpr int kUsualCapacity = 30;

std::set<std::string> WantedSkills(const Snapshot& snapshot, const store::v1::NeedState& state) {
  std::set<std::string> skills;
  for (const auto& id : state.categories()) {
    if (const auto* category = snapshot.FindCategory(id); category != nullptr) {
      skills.insert(category->skills().begin(), category->skills().end());
    }
  }
  if (const auto* type = snapshot.FindType(state.type()); type != nullptr) {
    skills.insert(type->skills().begin(), type->skills().end());
  }
  return skills;
}

bool OnLeave(const Snapshot& snapshot, const v1::Worker& worker, int64_t at_us) {
  return std::ranges::any_of(worker.leaves(), [&](const v1::Validity& leave) { return snapshot.IsValid(leave, at_us); });
}

bool HeadOf(const Snapshot& snapshot, const v1::Worker& worker, const std::string& unit, int64_t at_us) {
  return std::ranges::any_of(worker.posts(),
                             [&](const v1::Post& post) { return post.head() && BareId(post.unit()) == unit && snapshot.IsValid(post.validity(), at_us); });
}

bool OnShift(const Snapshot& snapshot, const v1::Worker& worker, int64_t at_us) {
  if (worker.shifts().empty()) return snapshot.calendar().IsOpen(at_us);
  int weekday = snapshot.calendar().LocalWeekday(at_us);
  int minute = snapshot.calendar().LocalMinute(at_us);
  return std::ranges::any_of(
      worker.shifts(), [&](const v1::Shift& shift) { return shift.weekday() == weekday && minute >= shift.start_minute() && minute < shift.end_minute(); });
}

}  // namespace

OfferDecision DecideOffer(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us,
                          const std::function<int(const std::string& worker)>& load) {
  OfferDecision decision;
  v1::OfferReceipt& receipt = decision.receipt;
  receipt.set_directory_hash(snapshot.hashes().directory_hash());
  receipt.mutable_decision_time()->set_seconds(now_us / 1'000'000);
  receipt.mutable_decision_time()->set_nanos(static_cast<int32_t>(now_us % 1'000'000 * 1000));
  bool open = snapshot.calendar().IsOpen(now_us);
  receipt.set_outside_opening_hours(!open);
  bool duty = !open && (state.urgency() == v1::URGENCY_URGENT || state.urgency() == v1::URGENCY_CRISIS);

  std::vector<const v1::Worker*> workers;
  std::string posted_at = state.unit();
  if (duty) {
    // A roster whose workers are all on leave rings nobody, so the next one up is asked too.
    for (const std::string& unit : {state.unit(), state.station(), snapshot.center()}) {
      bool answers = false;
      for (const v1::Worker* worker : snapshot.OnDutyRoster(unit, now_us)) {
        if (std::ranges::find(workers, worker) == workers.end()) workers.push_back(worker);
        answers |= !OnLeave(snapshot, *worker, now_us);
      }
      if (!answers) continue;
      receipt.set_duty_unit("units/" + unit);
      break;
    }
  } else {
    workers = snapshot.WorkersAt(posted_at, now_us);
    if (workers.empty()) workers = snapshot.WorkersAt(posted_at = state.station(), now_us);
    // The head leads; suggested is whoever serves there, or the head who found the need and takes it.
    auto leads = [&](const v1::Worker* worker) {
      bool self_found = state.self_accept() && BareId(worker->name()) == state.submitter_worker();
      return HeadOf(snapshot, *worker, posted_at, now_us) && !self_found;
    };
    if (!std::ranges::all_of(workers, leads)) std::erase_if(workers, leads);
  }

  const auto skills = WantedSkills(snapshot, state);
  struct Ranked {
    std::tuple<bool, bool, int, int, std::string> rank;  // smaller is better
    v1::OfferCandidate candidate;
  };
  std::vector<Ranked> ranked;
  for (const v1::Worker* worker : workers) {
    std::string id = BareId(worker->name());
    Ranked entry;
    v1::OfferCandidate& candidate = entry.candidate;
    candidate.set_worker(worker->name());
    candidate.set_on_duty(duty || OnShift(snapshot, *worker, now_us));
    candidate.set_load(load(id));
    candidate.set_matching_skills(static_cast<int>(std::ranges::count_if(worker->skills(), [&](const std::string& skill) { return skills.contains(skill); })));
    if (OnLeave(snapshot, *worker, now_us)) {
      candidate.set_reason("on-leave");
    } else if (!duty && candidate.load() >= (worker->capacity() > 0 ? worker->capacity() : kUsualCapacity)) {
      candidate.set_reason("at-capacity");
    }
    bool self_found = state.self_accept() && id == state.submitter_worker();
    entry.rank = {!self_found, !candidate.on_duty(), -candidate.matching_skills(), candidate.load(), id};
    ranked.push_back(std::move(entry));
  }
  Ranked* best = nullptr;
  for (auto& entry : ranked) {
    if (entry.candidate.reason().empty() && (best == nullptr || entry.rank < best->rank)) best = &entry;
  }
  for (auto& entry : ranked) {
    if (&entry == best) {
      entry.candidate.set_chosen(true);
      entry.candidate.set_reason(std::get<0>(entry.rank) ? "suggested" : "self-found");
      decision.worker = std::get<4>(entry.rank);
    } else if (entry.candidate.reason().empty()) {
      const auto& a = entry.candidate;
      const auto& b = best->candidate;
      entry.candidate.set_reason(!std::get<0>(best->rank)                     ? "self-found"
                                 : a.on_duty() != b.on_duty()                 ? "off-duty"
                                 : a.matching_skills() != b.matching_skills() ? "fewer-skills"
                                 : a.load() != b.load()                       ? "more-load"
                                                                              : "tie-by-id");
    }
    *receipt.add_candidates() = entry.candidate;
  }
  const v1::Unit* unit = snapshot.FindUnit(state.unit());
  bool room = unit != nullptr && unit->kind() == v1::UNIT_KIND_ROOM;
  bool self_found = !decision.worker.empty() && state.self_accept() && decision.worker == state.submitter_worker();
  bool direct = duty || self_found || (room && snapshot.policy().room_accepts_directly());
  decision.direct_accept = !decision.worker.empty() && direct;

  if (state.urgency() == v1::URGENCY_CRISIS) {
    auto alert_unit = [&](const std::string& id) {
      if (!id.empty()) decision.alerts.emplace_back().set_unit(id);
    };
    if (!decision.worker.empty()) decision.alerts.emplace_back().set_worker(decision.worker);
    alert_unit(state.station());
    if (snapshot.center() != state.station()) alert_unit(snapshot.center());
  }
  return decision;
}

}  // namespace gridloop
