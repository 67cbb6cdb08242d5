#include "domain/joint_plan.h"

#include <algorithm>
#include <array>
#include <functional>

#include "domain/authorise.h"

namespace gridloop {
namespace {

using store::v1::Obligation;

struct Collection {
  v1::PartyKind kind;
  std::string_view prefix;
};
constexpr std::array<Collection, 4> kCollections = {{{v1::PARTY_KIND_DEPARTMENT, "departments/"},
                                                     {v1::PARTY_KIND_ORGANISATION, "organisations/"},
                                                     {v1::PARTY_KIND_COMMITTEE, "communities/"},
                                                     {v1::PARTY_KIND_ROLE, "roles/"}}};

constexpr std::array<std::string_view, 15> kShareable = {"best_contact_time",
                                                         "categories",
                                                         "consent",
                                                         "dangers",
                                                         "location",
                                                         "subject.birth_year",
                                                         "subject.contacts",
                                                         "subject.display_name",
                                                         "subject.guardian",
                                                         "subject.identity_number",
                                                         "subject.phone",
                                                         "subject.residence",
                                                         "subject.sex",
                                                         "summary",
                                                         "type"};

Obligation* Find(NeedState& state, const std::string& id) {
  for (auto& obligation : *state.mutable_obligations()) {
    if (obligation.event_id() == id) return &obligation;
  }
  return nullptr;
}

// The obligation that the event is about but for a proposal, which makes one; empty if none.
std::string Subject(const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
      return event.obligation_accepted().obligation();
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
      return event.obligation_declined().obligation();
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
      return event.obligation_progressed().obligation();
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
      return event.obligation_fulfilled().obligation();
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return event.obligation_waived().obligation();
    default:
      return {};
  }
}

Void CheckProposed(const NeedState& state, const v1::ObligationProposed& payload) {
  const auto& fields = payload.fields();
  const bool sorted = std::ranges::adjacent_find(fields, std::greater_equal()) == fields.end();
  if (!sorted || !std::ranges::all_of(fields, IsShareable)) return Void::kPayload;
  if (PartyName(payload.kind(), payload.party()).empty() || payload.party().empty() || payload.due_us() <= 0) return Void::kPayload;
  const bool by_days = payload.recurrence().unit() == v1::LIMIT_UNIT_WORKING_DAYS || payload.recurrence().unit() == v1::LIMIT_UNIT_NATURAL_DAYS;
  const bool recurs = payload.has_recurrence();
  if (recurs != (payload.end_us() != 0)) return Void::kPayload;
  if (recurs && (!by_days || payload.recurrence().amount() <= 0 || payload.end_us() < payload.due_us())) return Void::kPayload;
  if (state.obligations_size() >= kMostObligations) return Void::kBarred;
  if (payload.replaces().empty()) return Void::kNone;
  const Obligation* replaced = FindObligation(state, payload.replaces());
  return replaced != nullptr && IsOpen(*replaced) ? Void::kNone : Void::kObject;
}

}  // namespace

const Obligation* FindObligation(const NeedState& state, const std::string& id) {
  auto found = std::ranges::find(state.obligations(), id, &Obligation::event_id);
  return found == state.obligations().end() ? nullptr : &*found;
}

bool WaitsForParty(const Obligation& obligation) {
  return obligation.status() == v1::OBLIGATION_STATUS_PROPOSED || obligation.status() == v1::OBLIGATION_STATUS_ACCEPTED;
}

bool IsOpen(const Obligation& obligation) { return WaitsForParty(obligation) || obligation.status() == v1::OBLIGATION_STATUS_DECLINED; }

bool HasOpenObligation(const NeedState& state) { return std::ranges::any_of(state.obligations(), IsOpen); }

std::string PartyName(v1::PartyKind kind, const std::string& party) {
  auto found = std::ranges::find(kCollections, kind, &Collection::kind);
  return found == kCollections.end() ? std::string() : std::string(found->prefix) + party;
}

std::optional<std::pair<v1::PartyKind, std::string>> ParsePartyName(std::string_view name) {
  auto found = std::ranges::find_if(kCollections, [name](const Collection& each) { return name.starts_with(each.prefix); });
  if (found == kCollections.end()) return std::nullopt;
  return std::pair(found->kind, std::string(name.substr(found->prefix.size())));
}

bool IsParty(const NeedState& state, std::string_view department) {
  return !department.empty() && std::ranges::any_of(state.obligations(), [department](const Obligation& each) {
    const bool released =
        each.status() == v1::OBLIGATION_STATUS_DECLINED || each.status() == v1::OBLIGATION_STATUS_WAIVED || each.status() == v1::OBLIGATION_STATUS_REPLACED;
    return each.kind() == v1::PARTY_KIND_DEPARTMENT && each.party() == department && !released;
  });
}

bool MayAnswerFor(const Obligation& obligation, const v1::Actor& actor) {
  if (obligation.kind() != v1::PARTY_KIND_DEPARTMENT) return actor.role() != v1::ROLE_DEPARTMENT;
  return IsCentreStaff(actor) || (actor.role() == v1::ROLE_DEPARTMENT && actor.unit() == obligation.party());
}

bool IsShareable(std::string_view field) { return std::ranges::binary_search(kShareable, field); }

void CopyShared(const v1::Report& from, const google::protobuf::RepeatedPtrField<std::string>& fields, v1::Report* to) {
  const auto& subject = from.subject();
  for (const std::string& field : fields) {
    if (field == "best_contact_time") to->set_best_contact_time(from.best_contact_time());
    if (field == "categories") *to->mutable_categories() = from.categories();
    if (field == "consent") to->set_consent(from.consent());
    if (field == "dangers") *to->mutable_dangers() = from.dangers();
    if (field == "location") *to->mutable_location() = from.location();
    if (field == "summary") to->set_summary(from.summary());
    if (field == "type") to->set_type(from.type());
    if (!field.starts_with("subject.") || !from.has_subject()) continue;
    auto& person = *to->mutable_subject();
    if (field == "subject.birth_year") person.set_birth_year(subject.birth_year());
    if (field == "subject.contacts") *person.mutable_contacts() = subject.contacts();
    if (field == "subject.display_name") person.set_display_name(subject.display_name());
    if (field == "subject.guardian") person.set_guardian(subject.guardian());
    if (field == "subject.identity_number") person.set_identity_number(subject.identity_number());
    if (field == "subject.phone") person.set_phone(subject.phone());
    if (field == "subject.residence") person.set_residence(subject.residence());
    if (field == "subject.sex") person.set_sex(subject.sex());
  }
}

bool IsObligationClock(const store::v1::RunningClock& clock) { return ChasedKind(clock) == v1::CLOCK_KIND_OBLIGATION; }

bool IsAgreed(const NeedState& state, const store::v1::RunningClock& clock) {
  if (clock.start().kind() != v1::CLOCK_KIND_OBLIGATION) return false;
  const Obligation* obligation = FindObligation(state, clock.object());
  return obligation != nullptr && obligation->status() == v1::OBLIGATION_STATUS_ACCEPTED;
}

std::string StartedObligation(const Event& event) {
  if (event.type() == v1::EVENT_TYPE_OBLIGATION_PROPOSED) return event.event_id();
  return event.type() == v1::EVENT_TYPE_ESCALATED ? event.escalated().object() : Subject(event);
}

std::string StoppedObligation(const Event& event) {
  if (event.type() == v1::EVENT_TYPE_OBLIGATION_PROPOSED) return event.obligation_proposed().replaces();
  return event.type() == v1::EVENT_TYPE_OBLIGATION_PROGRESSED ? std::string() : Subject(event);
}

Void CheckPlan(const NeedState& state, const Event& event) {
  if (event.type() == v1::EVENT_TYPE_OBLIGATION_PROPOSED) return CheckProposed(state, event.obligation_proposed());
  const Obligation* obligation = FindObligation(state, Subject(event));
  if (obligation == nullptr) return Void::kObject;
  switch (event.type()) {
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return IsOpen(*obligation) ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
      if (obligation->status() != v1::OBLIGATION_STATUS_PROPOSED) return Void::kObject;
      break;
    default:
      if (obligation->status() != v1::OBLIGATION_STATUS_ACCEPTED) return Void::kObject;
      break;
  }
  return MayAnswerFor(*obligation, event.actor()) ? Void::kNone : Void::kVerifier;
}

bool StartsRightPlanClocks(const NeedState& state, const Event& event) {
  const auto& clocks = event.clocks();
  const bool starts_one = clocks.size() == 1 && clocks[0].kind() == v1::CLOCK_KIND_OBLIGATION;
  switch (event.type()) {
    case v1::EVENT_TYPE_OBLIGATION_PROPOSED:
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
      return starts_one;
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
      return starts_one && clocks[0].due_us() == FindObligation(state, Subject(event))->due_us();
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED: {
      if (clocks.empty()) return true;
      const Obligation& obligation = *FindObligation(state, Subject(event));
      return starts_one && obligation.has_recurrence() && clocks[0].due_us() <= obligation.end_us();
    }
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
    case v1::EVENT_TYPE_OBLIGATION_WAIVED:
      return clocks.empty();
    case v1::EVENT_TYPE_ESCALATED:
      return std::ranges::all_of(clocks, [&](const v1::ClockStart& start) {
        if (start.kind() == v1::CLOCK_KIND_OBLIGATION) return false;
        if (start.chased() != v1::CLOCK_KIND_OBLIGATION) return true;
        const Obligation* obligation = FindObligation(state, event.escalated().object());
        return obligation != nullptr && IsOpen(*obligation);
      });
    default:
      return std::ranges::none_of(
          clocks, [](const v1::ClockStart& start) { return start.kind() == v1::CLOCK_KIND_OBLIGATION || start.chased() == v1::CLOCK_KIND_OBLIGATION; });
  }
}

void ApplyPlan(NeedState& state, const Event& event, uint64_t offset) {
  const int64_t deadline_us = event.clocks().empty() ? 0 : event.clocks(0).due_us();
  if (event.type() == v1::EVENT_TYPE_OBLIGATION_PROPOSED) {
    const auto& payload = event.obligation_proposed();
    if (Obligation* replaced = Find(state, payload.replaces()); replaced != nullptr) {
      replaced->set_status(v1::OBLIGATION_STATUS_REPLACED);
      replaced->clear_deadline_us();
      replaced->set_changed_offset(offset);
    }
    auto& made = *state.add_obligations();
    made.set_event_id(event.event_id());
    made.set_kind(payload.kind());
    made.set_party(payload.party());
    made.set_status(v1::OBLIGATION_STATUS_PROPOSED);
    made.set_deadline_us(deadline_us);
    made.set_due_us(payload.due_us());
    if (payload.has_recurrence()) *made.mutable_recurrence() = payload.recurrence();
    made.set_end_us(payload.end_us());
    made.set_replaces(payload.replaces());
    made.set_proposed_us(event.logged_at_us());
    made.set_offset(offset);
    made.set_changed_offset(offset);
    return;
  }
  Obligation* obligation = Find(state, Subject(event));
  if (obligation == nullptr) return;
  obligation->set_changed_offset(offset);
  switch (event.type()) {
    case v1::EVENT_TYPE_OBLIGATION_ACCEPTED:
      obligation->set_status(v1::OBLIGATION_STATUS_ACCEPTED);
      obligation->set_deadline_us(deadline_us);
      break;
    case v1::EVENT_TYPE_OBLIGATION_DECLINED:
      obligation->set_status(v1::OBLIGATION_STATUS_DECLINED);
      obligation->set_deadline_us(deadline_us);
      break;
    case v1::EVENT_TYPE_OBLIGATION_PROGRESSED:
      obligation->set_reports(obligation->reports() + 1);
      obligation->set_report_offset(offset);
      break;
    case v1::EVENT_TYPE_OBLIGATION_FULFILLED:
      obligation->set_fulfilments(obligation->fulfilments() + 1);
      obligation->set_report_offset(offset);
      obligation->set_deadline_us(deadline_us);
      if (deadline_us != 0) {
        obligation->set_due_us(deadline_us);  // again
      } else {
        obligation->set_status(v1::OBLIGATION_STATUS_FULFILLED);
      }
      break;
    default:
      obligation->set_status(v1::OBLIGATION_STATUS_WAIVED);
      obligation->clear_deadline_us();
      break;
  }
}

void HurryPlan(NeedState& state, const Event& event, uint64_t offset) {
  for (const auto& change : event.clock_changes()) {
    if (change.kind() != v1::CLOCK_KIND_OBLIGATION) continue;
    Obligation& obligation = *Find(state, change.object());
    obligation.set_deadline_us(change.due_us());
    obligation.set_changed_offset(offset);
    state.set_plan_offset(offset);
  }
}

void EndPlan(NeedState& state, uint64_t offset) {
  for (auto& obligation : *state.mutable_obligations()) {
    if (!IsOpen(obligation)) continue;
    obligation.set_status(v1::OBLIGATION_STATUS_ENDED);
    obligation.clear_deadline_us();
    obligation.set_changed_offset(offset);
  }
}

}  // namespace gridloop
