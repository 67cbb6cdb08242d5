// The joint service action plan as its lead and the centre see it: who is asked for what, and answers for those who have no
// credential.
#include <algorithm>
#include <set>

#include "assignment/assignment.h"
#include "assignment/obligations.h"
#include "domain/authorise.h"

namespace gridloop {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int kMostDays = 366;
constexpr int kMostDaysUntilEnd = 1096;
constexpr int kMostTimes = 200;
constexpr int kMostSharedFields = 15;
constexpr size_t kLongestRole = 32;
constexpr size_t kCommunityDigits = 12;

std::optional<int64_t> CheckFuture(std::string_view field, const google::protobuf::Timestamp& time, int most_days, int64_t now_us,
                                   std::vector<FieldViolation>* violations) {
  auto at_us = CheckTime(field, time, violations);
  if (at_us && (*at_us <= now_us || *at_us > now_us + most_days * kDayUs)) {
    violations->push_back({std::string(field), "must be after now and at most " + std::to_string(most_days) + " days from now"});
  }
  return at_us;
}

void CheckParty(const std::string& party, v1::ObligationProposed* payload, std::vector<FieldViolation>* violations) {
  auto parsed = ParsePartyName(party);
  if (!parsed) {
    violations->push_back({"party", "must be departments/, organisations/ or roles/ and an id, or communities/ and 12 digits"});
    return;
  }
  const auto& [kind, id] = *parsed;
  payload->set_kind(kind);
  payload->set_party(id);
  if (kind == v1::PARTY_KIND_ROLE) {
    // No digits, so that no number of a person stands in the clear.
    const bool good = !id.empty() && id.size() <= kLongestRole && std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    if (!good) violations->push_back({"party", "must be roles/ and 1 to 32 characters of a-z and -, e.g. roles/community-police; never a person's name"});
  } else if (kind == v1::PARTY_KIND_COMMITTEE) {
    const bool good = id.size() == kCommunityDigits && std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; });
    if (!good) violations->push_back({"party", "must be communities/ and 12 digits"});
  } else {
    CheckId("party", id, violations);
  }
}

void CheckRecurrence(const v1::ProposeObligationRequest& request, int64_t due_us, int64_t now_us, v1::ObligationProposed* payload,
                     std::vector<FieldViolation>* violations) {
  if (!request.has_recurrence()) {
    if (request.has_end_time()) violations->push_back({"end_time", "belongs to what recurs; leave it out, or give recurrence"});
    return;
  }
  const auto& every = request.recurrence();
  const bool by_days = every.unit() == v1::LIMIT_UNIT_WORKING_DAYS || every.unit() == v1::LIMIT_UNIT_NATURAL_DAYS;
  if (!by_days || every.amount() < 1 || every.amount() > kMostDays) violations->push_back({"recurrence", "must be 1 to 366 working days or natural days"});
  if (!request.has_end_time()) {
    violations->push_back({"end_time", "is required for what recurs"});
    return;
  }
  auto end_us = CheckFuture("end_time", request.end_time(), kMostDaysUntilEnd, now_us, violations);
  if (end_us && *end_us < due_us) violations->push_back({"end_time", "is before due_time"});
  // Each time is an event of the need, whose state holds an entry for each.
  const bool often = end_us && every.amount() >= 1 && (*end_us - due_us) / (every.amount() * kDayUs) >= kMostTimes;
  if (often) violations->push_back({"end_time", "lets it recur more than 200 times; choose an earlier one or a longer recurrence"});
  payload->mutable_recurrence()->set_amount(every.amount());
  payload->mutable_recurrence()->set_unit(every.unit());
  payload->set_end_us(end_us.value_or(0));
}

void CheckShared(const v1::ProposeObligationRequest& request, v1::ObligationProposed* payload, std::vector<FieldViolation>* violations) {
  std::set<std::string> fields;
  for (const std::string& field : request.shared_fields()) {
    if (fields.size() < kMostSharedFields && IsShareable(field)) {
      fields.insert(field);
      continue;
    }
    violations->push_back(
        {"shared_fields",
         "takes best_contact_time, categories, consent, dangers, location, summary, type, and of the subject birth_year, contacts, display_name, "
         "guardian, identity_number, phone, residence, sex as subject.phone and so on; nothing else, and never the reporter"});
    break;
  }
  for (const std::string& field : fields) payload->add_fields(field);
}

// Is the party there today?
bool IsThere(const Snapshot* snapshot, const v1::ObligationProposed& payload, int64_t now_us) {
  if (payload.kind() == v1::PARTY_KIND_ROLE) return true;
  if (snapshot == nullptr) return false;
  switch (payload.kind()) {
    case v1::PARTY_KIND_DEPARTMENT:
      return snapshot->DepartmentAt(payload.party(), now_us) != nullptr;
    case v1::PARTY_KIND_ORGANISATION:
      return snapshot->OrganisationAt(payload.party(), now_us) != nullptr;
    default:
      return snapshot->CommunityOf(payload.party(), now_us) == payload.party();
  }
}

// By policy, but never after the work itself is due.
v1::ClockStart TimeToAnswer(const Snapshot* snapshot, const NeedState& head, int64_t due_us, int64_t now_us) {
  v1::ClockStart start = StartClock(snapshot, v1::CLOCK_KIND_OBLIGATION, head, now_us);
  return start.due_us() <= due_us ? start : ClockUntil(v1::CLOCK_KIND_OBLIGATION, "agreed", due_us);
}

}  // namespace

void Assignment::ProposeObligation(const Caller& caller, const v1::ProposeObligationRequest& request, Callback<Expected<v1::ProposeObligationResponse>> reply) {
  const int64_t asked_us = world_.clock.WallUs();
  std::vector<FieldViolation> violations;
  Event event;
  event.set_type(v1::EVENT_TYPE_OBLIGATION_PROPOSED);
  auto& payload = *event.mutable_obligation_proposed();
  CheckParty(request.party(), &payload, &violations);
  CheckText("text", request.text(), 1, 2000, &violations);
  payload.set_text(request.text());
  if (request.has_due_time()) {
    payload.set_due_us(CheckFuture("due_time", request.due_time(), kMostDays, asked_us, &violations).value_or(0));
  } else {
    violations.push_back({"due_time", "is required"});
  }
  CheckRecurrence(request, payload.due_us(), asked_us, &payload, &violations);
  CheckShared(request, &payload, &violations);
  if (!request.replaces().empty()) payload.set_replaces(CheckObjectId("replaces", request.replaces(), &violations));
  auto decide = [actor = caller.actor](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = CheckLead(head, actor); !good) return good;
    const auto& proposed = made.obligation_proposed();
    if (!proposed.replaces().empty()) {
      const auto* replaced = FindObligation(head, proposed.replaces());
      if (replaced == nullptr || !IsOpen(*replaced)) return ObligationNotOpen();
      // What somebody is late with is not proposed away.
      if (WaitsForParty(*replaced) && replaced->deadline_us() <= now_us && !IsCentreStaff(actor)) {
        return Fail(Code::kFailedPrecondition, "OBLIGATION_OVERDUE",
                    "It is overdue and has been escalated: let its party act, or ask the centre to change or waive it.",
                    "该任务已逾期并已升级，请督促办理，或由中心调整、免除。");
      }
    }
    if (head.obligations_size() >= kMostObligations) {
      return Fail(Code::kResourceExhausted, "TOO_MANY_OBLIGATIONS", "The plan has had 32 obligations, which is all; note what else is agreed.",
                  "联合服务行动计划的任务已达上限。");
    }
    if (auto good = TakesMore(head); !good) return good;
    if (!IsThere(snapshot, proposed, now_us)) {
      return Fail(Code::kFailedPrecondition, "PARTY_NOT_FOUND", "The active directory has no " + PartyName(proposed.kind(), proposed.party()) + " today.",
                  "机构目录中没有该单位，或当日未启用。");
    }
    if (proposed.due_us() <= now_us) return std::unexpected(*Refuse({{"due_time", "has passed; choose a later one"}}));
    *made.add_clocks() = TimeToAnswer(snapshot, head, proposed.due_us(), now_us);
    return {};
  };
  Run(world_, caller, request, "propose-obligation", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::AcceptObligation(const Caller& caller, const v1::AcceptObligationRequest& request, Callback<Expected<v1::AcceptObligationResponse>> reply) {
  Answer answer = Accepting({caller.actor, request.obligation(), &request.on_behalf()});
  Run(world_, caller, request, "accept-obligation", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Assignment::DeclineObligation(const Caller& caller, const v1::DeclineObligationRequest& request, Callback<Expected<v1::DeclineObligationResponse>> reply) {
  Answer answer = Declining({caller.actor, request.obligation(), &request.on_behalf()}, request.reason());
  Run(world_, caller, request, "decline-obligation", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Assignment::RecordObligationProgress(const Caller& caller, const v1::RecordObligationProgressRequest& request,
                                          Callback<Expected<v1::RecordObligationProgressResponse>> reply) {
  Answer answer = Progressing({caller.actor, request.obligation(), &request.on_behalf()}, request.text(), request.evidence_sha256());
  Run(world_, caller, request, "record-obligation-progress", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Assignment::FulfilObligation(const Caller& caller, const v1::FulfilObligationRequest& request, Callback<Expected<v1::FulfilObligationResponse>> reply) {
  Answer answer = Fulfilling({caller.actor, request.obligation(), &request.on_behalf()}, request.text(), request.evidence_sha256());
  Run(world_, caller, request, "fulfil-obligation", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Assignment::WaiveObligation(const Caller& caller, const v1::WaiveObligationRequest& request, Callback<Expected<v1::WaiveObligationResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string id = CheckObjectId("obligation", request.obligation(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_OBLIGATION_WAIVED);
  event.mutable_obligation_waived()->set_obligation(id);
  event.mutable_obligation_waived()->set_reason(request.reason());
  auto decide = [id](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    const auto* obligation = FindObligation(head, id);
    if (obligation == nullptr || !IsOpen(*obligation)) return ObligationNotOpen();
    return {};
  };
  Run(world_, caller, request, "waive-obligation", std::move(event), std::move(violations), decide, std::move(reply));
}

}  // namespace gridloop
