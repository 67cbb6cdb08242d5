#include "assignment/evaluation.h"

#include <algorithm>

#include "domain/calendar.h"
#include "domain/routing.h"

namespace gridloop {
namespace {

struct ItemWords {
  const char* en;
  const char* zh;
};

ItemWords WordsOf(v1::ChecklistItem item) {
  switch (item) {
    case v1::CHECKLIST_ITEM_SERVICES:
      return {"as many services as were planned", "服务次数达到方案要求"};
    case v1::CHECKLIST_ITEM_FOLLOW_UP:
      return {"a follow-up", "追踪辅导记录"};
    case v1::CHECKLIST_ITEM_CONFIRMATION:
      return {"the confirmation of the person or the guardian", "服务对象或监护人确认"};
    case v1::CHECKLIST_ITEM_EVIDENCE:
      return {"a digest of evidence", "佐证材料摘要"};
    case v1::CHECKLIST_ITEM_FOLLOW_UP_DATE:
      return {"a date for the visit afterwards", "回访日期"};
    default:
      return {"satisfaction", "满意度"};
  }
}

bool Has(v1::ChecklistItem item, const v1::Closing& closing, const NeedState& head) {
  switch (item) {
    case v1::CHECKLIST_ITEM_SERVICES:
      return head.services() >= static_cast<uint32_t>(std::max(1, head.planned_services()));
    case v1::CHECKLIST_ITEM_FOLLOW_UP:
      return head.follow_ups() > 0;
    case v1::CHECKLIST_ITEM_CONFIRMATION:
      return closing.confirmed();
    case v1::CHECKLIST_ITEM_EVIDENCE:
      return !closing.evidence_sha256().empty();
    case v1::CHECKLIST_ITEM_FOLLOW_UP_DATE:
      return !closing.follow_up_date().empty();
    default:
      return closing.satisfaction() > 0;
  }
}

}  // namespace

void CheckClosing(const v1::Closing& closing, std::vector<FieldViolation>* violations) {
  if (closing.reason() == v1::CLOSING_REASON_UNSPECIFIED || !v1::ClosingReason_IsValid(closing.reason())) {
    violations->push_back({"closing.reason", "is required"});
  }
  if (closing.reason() == v1::CLOSING_REASON_REFERRED_OUT) {
    violations->push_back({"closing.reason", "a referral is made with ReferOut, and ends the need with its receipt"});
  }
  if (!v1::GoalsOutcome_IsValid(closing.goals())) violations->push_back({"closing.goals", "must be met, partly or not met"});
  if (!v1::Grade_IsValid(closing.final_grade())) violations->push_back({"closing.final_grade", "must be one to four"});
  CheckText("closing.result_summary", closing.result_summary(), 1, 2000, violations);
  CheckText("closing.reporter_sentence", closing.reporter_sentence(), 1, 200, violations);
  CheckText("closing.services_given", closing.services_given(), 0, 1000, violations);
  CheckText("closing.unconfirmed_reason", closing.unconfirmed_reason(), 0, 300, violations);
  CheckText("closing.unmet_needs", closing.unmet_needs(), 0, 1000, violations);
  if (!closing.follow_up_date().empty() && DaysFromDate(closing.follow_up_date()) == INT64_MIN) {
    violations->push_back({"closing.follow_up_date", "must be a date, YYYY-MM-DD"});
  }
  if (closing.satisfaction() < 0 || closing.satisfaction() > 5) violations->push_back({"closing.satisfaction", "must be 1 to 5, or 0 if not asked"});
  if (closing.evidence_sha256_size() > 20) violations->push_back({"closing.evidence_sha256", "at most 20 are taken"});
  for (const auto& digest : closing.evidence_sha256()) {
    if (digest.size() != 32) violations->push_back({"closing.evidence_sha256", "must be 32 bytes each"});
  }
}

Told ToldIn(const v1::Closing& closing) { return {!closing.services_given().empty(), closing.confirmed() || !closing.unconfirmed_reason().empty()}; }

Expected<void> FitsTheWork(const v1::Closing& closing, const Told& told, const NeedState& head, const Snapshot* snapshot,
                           google::protobuf::RepeatedField<int>* checklist) {
  if (closing.reason() == v1::CLOSING_REASON_GOALS_MET && head.services() == 0) {
    return Fail(Code::kFailedPrecondition, "NO_SERVICE_YET", "Goals are met only after a service; record it first, or give another reason.",
                "尚无服务记录，不能以目标达成结案。");
  }
  std::vector<FieldViolation> missing;
  if (head.casework() && head.services() > 0) {
    // Of somebody who was not found, or of what was not so, there is no result to measure.
    bool measured = closing.reason() != v1::CLOSING_REASON_NOT_FOUND && closing.reason() != v1::CLOSING_REASON_UNFOUNDED;
    if (measured && closing.goals() == v1::GOALS_OUTCOME_UNSPECIFIED) missing.push_back({"closing.goals", "is required for casework"});
    if (measured && closing.final_grade() == v1::GRADE_UNSPECIFIED) missing.push_back({"closing.final_grade", "is required for casework"});
    if (!told.services) missing.push_back({"closing.services_given", "is required for casework: say what was given"});
    // Who refused, moved, died or is lost cannot be asked.
    if (closing.reason() == v1::CLOSING_REASON_GOALS_MET && !told.confirmation) {
      missing.push_back({"closing.unconfirmed_reason", "is required for casework that neither the person nor the guardian confirmed"});
    }
  }
  if (auto refused = Refuse(std::move(missing))) return std::unexpected(std::move(*refused));
  // Who refused, moved or died leaves a list that nobody can complete.
  if (!head.casework() || snapshot == nullptr || closing.reason() != v1::CLOSING_REASON_GOALS_MET) return {};
  Error error{Code::kFailedPrecondition, "CHECKLIST_OPEN", "The policy's checklist of this grade still lacks ", "结案清单尚缺：", {}, {}, std::nullopt};
  std::string names;
  for (const auto& rule : snapshot->policy().grades()) {
    if (rule.grade() != head.grade()) continue;
    for (int number : rule.checklist()) {
      auto item = static_cast<v1::ChecklistItem>(number);
      checklist->Add(number);
      if (Has(item, closing, head)) continue;
      ItemWords words = WordsOf(item);
      error.message += (names.empty() ? "" : ", ") + std::string(words.en);
      error.message_zh += (names.empty() ? "" : "、") + std::string(words.zh);
      names += (names.empty() ? "" : ",") + v1::ChecklistItem_Name(item).substr(std::string_view("CHECKLIST_ITEM_").size());
    }
  }
  if (names.empty()) return {};
  error.message += ". Add it, or close with another reason than goals met.";
  error.message_zh += "。请补充后再申请。";
  error.metadata = {{"missing", names}};
  return std::unexpected(std::move(error));
}

bool NeedsVerifier(const v1::Closing& closing, const NeedState& head, const Snapshot* snapshot, int64_t now_us) {
  if (head.urgency() == v1::URGENCY_CRISIS || snapshot == nullptr) return true;
  const v1::RoutingInputs inputs = RoutingInputsOf(head, now_us);
  return std::ranges::none_of(snapshot->policy().unverified(), [&](const v1::UnverifiedRule& rule) {
    const bool grade = head.casework() ? std::ranges::find(rule.grades(), static_cast<int>(head.grade())) != rule.grades().end() : rule.grades().empty();
    const bool reason = rule.reasons().empty() || std::ranges::find(rule.reasons(), static_cast<int>(closing.reason())) != rule.reasons().end();
    return grade && reason && Matches(rule.match(), inputs, head.community());
  });
}

}  // namespace gridloop
