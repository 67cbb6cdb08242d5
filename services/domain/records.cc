#include "domain/records.h"

#include <algorithm>

#include "domain/figures.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr std::string_view kNeeds = "needs/";
constexpr std::string_view kFigures = "figures/";

}  // namespace

bool IsNeed(std::string_view subject) { return subject.starts_with(kNeeds); }

Void CheckRecord(const NeedState& state, const Event& event) {
  const std::string_view subject = event.subject();
  if (subject.starts_with(kFigures)) return CheckFigures(state, event, subject.substr(kFigures.size()));
  return Void::kLifeCycle;
}

void ApplyRecord(NeedState& state, const Event& event) {
  state.set_subject(event.subject());
  if (state.version() == 0) state.set_submitted_us(event.logged_at_us());
  if (event.has_figures_frozen()) ApplyFigures(state, event);
}

void AddRecordRows(const NeedState& state, std::vector<Row>* rows) {
  const std::string& subject = state.subject();
  rows->push_back({rows::RecordPrefix(subject.substr(0, subject.find('/'))) + rows::BigEndian(~static_cast<uint64_t>(state.submitted_us())) + subject});
}

}  // namespace gridloop
