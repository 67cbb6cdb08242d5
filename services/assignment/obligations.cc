#include "assignment/obligations.h"

#include <algorithm>

#include "domain/authorise.h"

namespace gridloop {
namespace {

using store::v1::Obligation;

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int kMostDigests = 20;
constexpr size_t kDigestBytes = 32;
constexpr int kMostNamed = 5;  // in one error

std::string StatusWord(v1::ObligationStatus status) {
  std::string word = v1::ObligationStatus_Name(status).substr(std::string_view("OBLIGATION_STATUS_").size());
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

// The one that is answered to, if it may be, by this actor and now. `told`: on whose word was said.
Expected<const Obligation*> FindToAnswer(const NeedState& head, const std::string& id, const v1::Actor& actor, bool told, v1::ObligationStatus wanted) {
  const Obligation* obligation = FindObligation(head, id);
  if (obligation == nullptr) return ObligationNotOpen();
  const bool itself = actor.role() == v1::ROLE_DEPARTMENT;
  if (!itself) {
    if (auto good = CheckLead(head, actor); !good) return std::unexpected(good.error());
  }
  if (!MayAnswerFor(*obligation, actor)) {
    if (itself)
      return Fail(Code::kPermissionDenied, "NOT_YOUR_OBLIGATION", "This is another party's; GetPlan tells which are your department's.",
                  "该任务属于其他单位。");
    return Fail(Code::kPermissionDenied, "DEPARTMENT_ANSWERS", "A department answers with its own credential (DepartmentService), or the centre does for it.",
                "部门须以自己的凭证答复，或由中心代为登记。");
  }
  if (!itself && obligation->kind() == v1::PARTY_KIND_DEPARTMENT && !told) {
    return std::unexpected(*Refuse({{"on_behalf", "is required: say why the department does not answer itself"}}));
  }
  if (obligation->status() != wanted) {
    return Fail(Code::kFailedPrecondition, "OBLIGATION_NOT_OPEN",
                "This obligation is " + StatusWord(obligation->status()) + ", and must be " + StatusWord(wanted) + " for that; get the plan and look again.",
                "该任务当前状态不能这样操作，请刷新后再看。");
  }
  return obligation;
}

// What every answer has in common. `wanted`: what the obligation must be.
Answer Begin(const Answerer& by, v1::EventType type, std::string* id) {
  Answer answer;
  *id = CheckObjectId("obligation", by.obligation, &answer.violations);
  if (by.on_behalf != nullptr) CheckText("on_behalf", *by.on_behalf, 0, 500, &answer.violations);
  answer.event.set_type(type);
  return answer;
}

std::string BehalfOf(const Answerer& by) { return by.on_behalf == nullptr ? std::string() : *by.on_behalf; }

void CheckEvidence(const Digests& evidence, std::vector<FieldViolation>* violations) {
  if (evidence.size() > kMostDigests) violations->push_back({"evidence_sha256", "at most 20 are taken"});
  if (std::ranges::any_of(evidence, [](const std::string& digest) { return digest.size() != kDigestBytes; })) {
    violations->push_back({"evidence_sha256", "must be 32 bytes each"});
  }
}

// The clock of what recurs, until it is due no more. Whoever was so late that the next time has passed too counts from now.
void StartAgain(const Snapshot* snapshot, const Obligation& obligation, int64_t now_us, Event* made) {
  if (!obligation.has_recurrence()) return;
  auto next = [&](int64_t from_us) {
    if (snapshot != nullptr) return snapshot->calendar().Due(from_us, obligation.recurrence());
    return DueTime{.due_us = from_us + obligation.recurrence().amount() * kDayUs, .counted = {}};
  };
  int64_t from_us = obligation.due_us();
  DueTime due = next(from_us);
  if (due.due_us <= now_us) {
    from_us = now_us;
    due = next(from_us);
  }
  if (due.due_us > obligation.end_us()) return;
  v1::ClockStart start = ClockUntil(v1::CLOCK_KIND_OBLIGATION, "recurrence", due.due_us);
  start.set_start_us(from_us);
  *start.mutable_limit() = obligation.recurrence();
  start.set_provisional(due.provisional);
  *made->add_clocks() = start;
}

}  // namespace

std::unexpected<Error> ObligationNotOpen() {
  return Fail(Code::kFailedPrecondition, "OBLIGATION_NOT_OPEN",
              "The plan has no such obligation that is open; get the need or the plan and use the `id` of one.", "计划中没有该项待办任务，请刷新后再看。");
}

Expected<void> PlanIsSettled(const NeedState& head) {
  std::string waits;
  int named = 0;
  int open = 0;
  for (const auto& obligation : head.obligations()) {
    if (!IsOpen(obligation)) continue;
    if (++open > kMostNamed) continue;
    ++named;
    waits += (waits.empty() ? "" : ", ") + PartyName(obligation.kind(), obligation.party()) + " (" + StatusWord(obligation.status()) + ")";
  }
  if (open == 0) return {};
  if (open > named) waits += " and " + std::to_string(open - named) + " more";
  return Fail(
      Code::kFailedPrecondition, "OBLIGATIONS_OPEN",
      "The joint plan is not done, it waits for " + waits + ": let them fulfil it, propose others for what was declined, or ask the centre to waive it.",
      "联合服务行动计划尚有 " + std::to_string(open) + " 项未完成，请督促完成、改派或由中心免除后再结案。");
}

Expected<void> CheckLead(const NeedState& head, const v1::Actor& actor) {
  if (IsCentreStaff(actor) || !BeforeAcceptance(head)) return {};
  return Fail(Code::kPermissionDenied, "CENTRE_LEADS", "Until a unit has accepted it the centre leads the plan of this need.",
              "接单前由中心牵头联合服务行动计划。");
}

Answer Accepting(const Answerer& by) {
  std::string id;
  Answer answer = Begin(by, v1::EVENT_TYPE_OBLIGATION_ACCEPTED, &id);
  answer.event.mutable_obligation_accepted()->set_obligation(id);
  answer.event.mutable_obligation_accepted()->set_on_behalf(BehalfOf(by));
  answer.decide = [id, actor = by.actor, told = !BehalfOf(by).empty()](const NeedState& head, const Snapshot*, int64_t, Event& made) -> Expected<void> {
    auto obligation = FindToAnswer(head, id, actor, told, v1::OBLIGATION_STATUS_PROPOSED);
    if (!obligation) return std::unexpected(obligation.error());
    *made.add_clocks() = ClockUntil(v1::CLOCK_KIND_OBLIGATION, "agreed", (*obligation)->due_us());
    return {};
  };
  return answer;
}

Answer Declining(const Answerer& by, const std::string& reason) {
  std::string id;
  Answer answer = Begin(by, v1::EVENT_TYPE_OBLIGATION_DECLINED, &id);
  CheckText("reason", reason, 1, 500, &answer.violations);
  auto& payload = *answer.event.mutable_obligation_declined();
  payload.set_obligation(id);
  payload.set_reason(reason);
  payload.set_on_behalf(BehalfOf(by));
  answer.decide = [id, actor = by.actor, told = !BehalfOf(by).empty()](const NeedState& head, const Snapshot* snapshot, int64_t now_us,
                                                                       Event& made) -> Expected<void> {
    auto obligation = FindToAnswer(head, id, actor, told, v1::OBLIGATION_STATUS_PROPOSED);
    if (!obligation) return std::unexpected(obligation.error());
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_OBLIGATION, head, now_us);
    return {};
  };
  return answer;
}

Answer Progressing(const Answerer& by, const std::string& text, const Digests& evidence) {
  std::string id;
  Answer answer = Begin(by, v1::EVENT_TYPE_OBLIGATION_PROGRESSED, &id);
  CheckText("text", text, 1, 2000, &answer.violations);
  CheckEvidence(evidence, &answer.violations);
  auto& payload = *answer.event.mutable_obligation_progressed();
  payload.set_obligation(id);
  payload.set_text(text);
  *payload.mutable_evidence_sha256() = evidence;
  payload.set_on_behalf(BehalfOf(by));
  answer.decide = [id, actor = by.actor, told = !BehalfOf(by).empty()](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    auto obligation = FindToAnswer(head, id, actor, told, v1::OBLIGATION_STATUS_ACCEPTED);
    if (!obligation) return std::unexpected(obligation.error());
    return TakesMore(head);
  };
  return answer;
}

Answer Fulfilling(const Answerer& by, const std::string& text, const Digests& evidence) {
  std::string id;
  Answer answer = Begin(by, v1::EVENT_TYPE_OBLIGATION_FULFILLED, &id);
  CheckText("text", text, 1, 2000, &answer.violations);
  CheckEvidence(evidence, &answer.violations);
  auto& payload = *answer.event.mutable_obligation_fulfilled();
  payload.set_obligation(id);
  payload.set_text(text);
  *payload.mutable_evidence_sha256() = evidence;
  payload.set_on_behalf(BehalfOf(by));
  answer.decide = [id, actor = by.actor, told = !BehalfOf(by).empty()](const NeedState& head, const Snapshot* snapshot, int64_t now_us,
                                                                       Event& made) -> Expected<void> {
    auto obligation = FindToAnswer(head, id, actor, told, v1::OBLIGATION_STATUS_ACCEPTED);
    if (!obligation) return std::unexpected(obligation.error());
    StartAgain(snapshot, **obligation, now_us, &made);
    return {};
  };
  return answer;
}

}  // namespace gridloop
