// Reports that were too thin or wrong: the reporter's answers, and corrections.
#include <algorithm>

#include "commands/hasten.h"
#include "commands/person_index.h"
#include "commands/run.h"
#include "domain/amendment.h"
#include "domain/authorise.h"
#include "intake/intake.h"
#include "intake/judge.h"

namespace gridloop {
namespace {

std::set<std::string> CheckMask(const google::protobuf::FieldMask& mask, std::vector<FieldViolation>* violations) {
  std::set<std::string> fields;
  for (const std::string& path : mask.paths()) {
    if (IsAmendable(path)) {
      fields.insert(path);
    } else {
      violations->push_back({"update_mask", "takes categories, dangers, location, reported_urgency, restricted, subject, summary, type and nothing else"});
      break;
    }
  }
  if (mask.paths().empty()) violations->push_back({"update_mask", "is required: name the fields that change"});
  return fields;
}

// Where it now lies; true: in another community or institution than was said. A place without a cell in the same institution, or with
// an address alone, keeps the cell that was said before.
bool SetPlace(const Snapshot* snapshot, const NeedState& head, int64_t now_us, v1::Amended* amended) {
  auto& location = *amended->mutable_report()->mutable_location();
  const bool same_institution = location.institution() == head.institution();
  if (location.grid_code().empty() && same_institution) location.set_grid_code(head.grid_code());
  const bool same_cell = same_institution && location.grid_code() == head.grid_code();
  const std::string community = same_cell ? head.community() : snapshot == nullptr ? std::string() : snapshot->CommunityOf(location.grid_code(), now_us);
  amended->set_community(community);
  if (same_cell) return false;
  return !same_institution || community.empty() || community != head.community();
}

}  // namespace

void Intake::ProvideInformation(const Caller& caller, const v1::ProvideInformationRequest& request, Callback<Expected<v1::ProvideInformationResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string information = CheckObjectId("information", request.information(), &violations);
  CheckText("text", request.text(), 1, 2000, &violations);
  CheckAttachments("attachments", request.attachments(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_INFORMATION_PROVIDED);
  auto& payload = *event.mutable_information_provided();
  payload.set_request(information);
  payload.set_text(request.text());
  *payload.mutable_attachments() = request.attachments();
  auto decide = [information](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    if (!information.empty() && head.information_event_id() == information) return {};
    return Fail(Code::kFailedPrecondition, "INFORMATION_NOT_OPEN",
                "Nobody waits for this answer any more; get the need, and correct the report with AmendNeed if something is wrong in it.",
                "该补正要求已失效；如上报内容有误，请更正上报。");
  };
  Run(world_, caller, request, "provide-information", std::move(event), std::move(violations), decide, std::move(reply));
}

void Intake::AmendNeed(const Caller& caller, const v1::AmendNeedRequest& request, Callback<Expected<v1::AmendNeedResponse>> reply) {
  auto active = world_.snapshots.Active();
  const int64_t asked_us = world_.clock.WallUs();
  std::vector<FieldViolation> violations;
  const std::set<std::string> fields = CheckMask(request.update_mask(), &violations);
  v1::Report report;  // the named fields alone
  CopyFields(request.report(), fields, &report);
  CheckAmendment(report, fields, active.get(), asked_us, &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  const bool minor = IsAboutMinor(report, asked_us);
  if (fields.contains("type") && report.type().empty()) report.set_type("other");
  Event event;
  event.set_type(v1::EVENT_TYPE_AMENDED);
  auto& payload = *event.mutable_amended();
  *payload.mutable_report() = std::move(report);
  for (const std::string& field : fields) payload.add_fields(field);
  payload.set_reason(request.reason());
  const std::string person = fields.contains("subject") ? PersonRefOf(world_.secret, payload.report().subject()) : std::string();
  payload.set_person_ref(person);
  auto decide = [fields, minor, actor = caller.actor, client = caller.client](const NeedState& head, const Snapshot* snapshot, int64_t now_us,
                                                                              Event& made) -> Expected<void> {
    auto& amended = *made.mutable_amended();
    const auto& changed = amended.report();
    const bool before = BeforeAcceptance(head);
    const bool centre = IsCentreStaff(actor);
    const bool staff = centre || actor.role() == v1::ROLE_STATION_HEAD || WorksOn(head, actor.worker());
    if (!before && !staff) {
      return Fail(Code::kFailedPrecondition, "AMEND_AT_UNIT", "A unit works on it already; tell the unit, whose phone GetNeed gives, what is wrong.",
                  "已由社工站接单，请直接联系承办单位更正。");
    }
    if (actor.role() == v1::ROLE_REPORTER_APP && client != head.client()) {
      return Fail(Code::kFailedPrecondition, "AMEND_FIRST_REPORT",
                  "Another app reported it first and its report is the one that counts; join again with what is new.",
                  "此件由其他应用首先上报，请通过加入上报补充新的情况。");
    }
    if (auto good = TakesMore(head); !good) return good;
    v1::Report whole;
    *whole.mutable_categories() = fields.contains("categories") ? changed.categories() : head.categories();
    *whole.mutable_dangers() = fields.contains("dangers") ? changed.dangers() : head.dangers();
    whole.set_reported_urgency(fields.contains("reported_urgency") ? changed.reported_urgency() : head.reported_urgency());
    whole.set_restricted(head.restricted() || changed.restricted() || minor);
    const Judged judged = JudgeReport(whole, snapshot, now_us);
    // Lowered only by the centre, and only when it says so: a corrected word changes no urgency.
    const bool may_lower = centre && (fields.contains("reported_urgency") || fields.contains("dangers"));
    const v1::Urgency urgency = may_lower ? judged.urgency : std::max(judged.urgency, head.urgency());
    amended.set_urgency(urgency);
    amended.set_restricted(judged.restricted);
    amended.set_withdrawal_barred(head.withdrawal_barred() || judged.withdrawal_barred || minor);
    if (fields.contains("location")) {
      const bool elsewhere = SetPlace(snapshot, head, now_us, &amended);
      // Whoever is asked to take it does not send it away by another name for the place.
      const bool reporter = actor.role() == v1::ROLE_REPORTER_APP || (actor.role() == v1::ROLE_WORKER && client == head.client());
      if (elsewhere && !centre && (!before || head.binding() || !reporter)) {
        return Fail(Code::kPermissionDenied, "PLACE_NEEDS_CENTER",
                    "The new place belongs to another community or institution: tell the centre, which moves the need to the unit that covers it.",
                    "新地点属于其他社区或机构，请联系中心改派。");
      }
      amended.set_reroute(elsewhere);
    }
    amended.set_alarm(urgency == v1::URGENCY_CRISIS && head.urgency() != v1::URGENCY_CRISIS);
    NeedState facts;
    facts.set_urgency(urgency);
    if (amended.reroute()) *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ROUTING, facts, now_us);
    if (urgency > head.urgency()) Hasten(snapshot, head, urgency, now_us, &made);
    if (!amended.alarm() || snapshot == nullptr) return {};
    for (v1::Alert& alert : WhomItRings(*snapshot, head, now_us)) *amended.add_alerts() = std::move(alert);
    return {};
  };
  Callback<Expected<v1::AmendNeedResponse>> noted = [this, person, name = request.name(), reply = std::move(reply)](auto response) mutable {
    if (response && world_.persons != nullptr) world_.persons->Note(name, person);
    reply(std::move(response));
  };
  Run(world_, caller, request, "amend", std::move(event), std::move(violations), decide, std::move(noted));
}

}  // namespace gridloop
