#include "domain/records.h"

#include <algorithm>

namespace gridloop {
namespace {

constexpr std::string_view kNeeds = "needs/";
constexpr std::string_view kAccesses = "accesses/";
constexpr size_t kIdCharacters = 26;
constexpr int kRecentAccessesKept = 16;

bool IsSorted(const google::protobuf::RepeatedPtrField<std::string>& words) { return std::ranges::adjacent_find(words, std::greater_equal()) == words.end(); }

// accesses/{need}, or a further volume of it, accesses/{need}.0001, takes the readings of that need.
Void CheckAccess(const Event& event) {
  if (event.type() != v1::EVENT_TYPE_ACCESSED) return Void::kLifeCycle;
  const auto& payload = event.accessed();
  const std::string_view need = payload.need();
  if (!need.starts_with(kNeeds) || need.substr(kNeeds.size()) != std::string_view(event.subject()).substr(kAccesses.size(), kIdCharacters)) return Void::kObject;
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

Void CheckRecord(const NeedState& /*state*/, const Event& event) {
  const std::string_view subject = event.subject();
  if (subject.starts_with(kAccesses)) return CheckAccess(event);
  return Void::kLifeCycle;
}

void ApplyRecord(NeedState& state, const Event& event) {
  state.set_subject(event.subject());
  if (state.version() == 0) state.set_submitted_us(event.logged_at_us());
  if (event.subject().starts_with(kAccesses)) ApplyAccess(state, event);
}

void AddRecordRows(const NeedState& state, std::vector<Row>* /*rows*/) {
  if (state.subject().starts_with(kAccesses)) return;  // found through their need
}

}  // namespace gridloop
