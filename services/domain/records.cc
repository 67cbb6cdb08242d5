#include "domain/records.h"

#include <algorithm>

#include "domain/figures.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr std::string_view kNeeds = "needs/";
constexpr std::string_view kFigures = "figures/";
constexpr std::string_view kHandOvers = "handovers/";
constexpr std::string_view kAccesses = "accesses/";
constexpr size_t kIdCharacters = 26;
constexpr int kRecentAccessesKept = 16;

bool IsSorted(const google::protobuf::RepeatedPtrField<std::string>& words) { return std::ranges::adjacent_find(words, std::greater_equal()) == words.end(); }

Void CheckHandOver(const NeedState& state, const Event& event) {
  if (event.type() == v1::EVENT_TYPE_HAND_OVER_STARTED) {
    if (state.version() != 0) return Void::kLifeCycle;
    const auto& workers = event.hand_over_started().workers();
    return !workers.empty() && IsSorted(workers) ? Void::kNone : Void::kPayload;
  }
  if (event.type() != v1::EVENT_TYPE_HAND_OVER_ADVANCED || state.version() == 0 || state.hand_over().done_us() != 0) return Void::kLifeCycle;
  const auto& payload = event.hand_over_advanced();
  if (payload.handed_over() < 0 || payload.unassigned() < 0) return Void::kPayload;
  // It only ever goes on, worker by worker and need by need.
  const auto& before = state.hand_over();
  const bool on = payload.worker() > before.worker() || (payload.worker() == before.worker() && payload.cursor() >= before.cursor());
  const auto& workers = before.started().workers();
  return on && std::ranges::find(workers, payload.worker()) != workers.end() ? Void::kNone : Void::kObject;
}

void ApplyHandOver(store::v1::HandOver& hand_over, const Event& event) {
  if (event.has_hand_over_started()) {
    *hand_over.mutable_started() = event.hand_over_started();
    hand_over.set_started_by_unit(event.actor().unit());
    return;
  }
  const auto& payload = event.hand_over_advanced();
  hand_over.set_worker(payload.worker());
  hand_over.set_cursor(payload.cursor());
  hand_over.set_handed_over(hand_over.handed_over() + payload.handed_over());
  hand_over.set_unassigned(hand_over.unassigned() + payload.unassigned());
  if (payload.done()) hand_over.set_done_us(event.logged_at_us());
}

// accesses/{need}, or a further volume of it, accesses/{need}.0001, takes the readings of that need.
Void CheckAccess(const Event& event) {
  if (event.type() != v1::EVENT_TYPE_ACCESSED) return Void::kLifeCycle;
  const auto& payload = event.accessed();
  const std::string_view need = payload.need();
  if (!need.starts_with(kNeeds) || need.substr(kNeeds.size()) != std::string_view(event.subject()).substr(kAccesses.size(), kIdCharacters))
    return Void::kObject;
  return payload.purpose() != v1::ACCESS_PURPOSE_UNSPECIFIED && !payload.parts().empty() && IsSorted(payload.parts()) ? Void::kNone : Void::kPayload;
}

void ApplyAccess(NeedState& state, const Event& event) {
  const auto& payload = event.accessed();
  auto* recent = state.mutable_recent_accesses();
  if (recent->size() >= kRecentAccessesKept) recent->DeleteSubrange(0, recent->size() - kRecentAccessesKept + 1);
  auto& access = *recent->Add();
  access.set_principal(event.actor().principal());
  access.set_client(event.client());
  access.set_purpose(payload.purpose());
  access.set_text_mac(payload.text_mac());
  *access.mutable_parts() = payload.parts();
  access.set_need_version(payload.need_version());
  access.set_logged_at_us(event.logged_at_us());
}

}  // namespace

bool IsNeed(std::string_view subject) { return subject.starts_with(kNeeds); }

Void CheckRecord(const NeedState& state, const Event& event) {
  const std::string_view subject = event.subject();
  if (subject.starts_with(kHandOvers)) return CheckHandOver(state, event);
  if (subject.starts_with(kFigures)) return CheckFigures(state, event, subject.substr(kFigures.size()));
  if (subject.starts_with(kAccesses)) return CheckAccess(event);
  return Void::kLifeCycle;
}

void ApplyRecord(NeedState& state, const Event& event) {
  state.set_subject(event.subject());
  if (state.version() == 0) state.set_submitted_us(event.logged_at_us());
  if (event.subject().starts_with(kHandOvers)) ApplyHandOver(*state.mutable_hand_over(), event);
  if (event.has_figures_frozen()) ApplyFigures(state, event);
  if (event.subject().starts_with(kAccesses)) ApplyAccess(state, event);
}

void AddRecordRows(const NeedState& state, std::vector<Row>* rows) {
  if (state.subject().starts_with(kAccesses)) return;  // found through its need
  const std::string& subject = state.subject();
  rows->push_back({rows::RecordPrefix(subject.substr(0, subject.find('/'))) + rows::BigEndian(~static_cast<uint64_t>(state.submitted_us())) + subject});
  if (state.has_hand_over() && state.hand_over().done_us() == 0) rows->push_back({rows::WorkPrefix(subject)});
}

}  // namespace gridloop
