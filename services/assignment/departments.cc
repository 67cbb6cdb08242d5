#include "assignment/departments.h"

#include <algorithm>

#include "assignment/obligations.h"
#include "commands/change_feed.h"
#include "domain/amendment.h"
#include "domain/authorise.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

using store::v1::Obligation;

bool IsOf(const Obligation& obligation, const std::string& department) {
  return obligation.kind() == v1::PARTY_KIND_DEPARTMENT && obligation.party() == department;
}

// The unit of a department's credential is the department.
Expected<std::string> DepartmentOf(const Caller& caller) {
  if (!caller.actor.unit().empty()) return caller.actor.unit();
  return Fail(Code::kPermissionDenied, "NO_DEPARTMENT", "This credential names no department: ask the operator for one whose unit is the department's id.",
              "凭证未注明部门，请联系管理员。");
}

// The report as corrected since, with its personal parts.
Expected<v1::Report> OpenedReport(World& world, const NeedState& state) {
  v1::Report report;
  for (const auto& applied : state.applied()) {
    auto event = ReadEvent(world, applied.offset());
    if (!event) return std::unexpected(event.error());
    if (!event->has_submitted() && !event->has_amended()) continue;
    auto opened = ReadOpened(world, applied.offset());
    if (!opened) return std::unexpected(opened.error());
    if (opened->has_submitted()) report = opened->submitted().report();
    if (opened->has_amended()) CopyFields(opened->amended().report(), opened->amended().fields(), &report);
  }
  return report;
}

template <class Response>
void SetLead(const Snapshot* snapshot, const NeedState& state, Response* response) {
  if (state.owner().empty()) return;
  response->set_lead("units/" + state.owner());
  const v1::Unit* unit = snapshot == nullptr ? nullptr : snapshot->FindUnit(state.owner());
  if (unit == nullptr) return;
  response->set_lead_display_name(unit->display_name());
  response->set_lead_phone(unit->phone());
}

}  // namespace

v1::DepartmentNeed Departments::Waiting(const NeedState& state, const std::string& department) const {
  v1::DepartmentNeed need;
  need.set_name(state.subject());
  need.set_number(state.number());
  SetLead(world_.snapshots.Active().get(), state, &need);
  std::vector<const Obligation*> waiting;
  for (const auto& obligation : state.obligations()) {
    if (IsOf(obligation, department) && WaitsForParty(obligation)) waiting.push_back(&obligation);
  }
  std::ranges::stable_sort(waiting, {}, &Obligation::deadline_us);
  for (const Obligation* obligation : waiting) *need.add_obligations() = ToObligation(*obligation);
  return need;
}

void Departments::ListObligations(const Caller& caller, const v1::ListObligationsRequest& request, Callback<Expected<v1::ListObligationsResponse>> reply) {
  auto department = DepartmentOf(caller);
  if (!department) return reply(std::unexpected(department.error()));
  const std::string query = "ListObligations " + *department;
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto page = ReadRows(world_.view, rows::InboxPrefix(rows::PartyBox(*department)), *after, PageSize(request.page_size()), at_least);
  if (!page) return reply(std::unexpected(std::move(page.error())));
  v1::ListObligationsResponse response;
  for (const Row& row : page->rows) {
    auto state = StateNow(world_, rows::SubjectOf(row.key));
    if (!state) return reply(std::unexpected(std::move(state.error())));
    if (!*state) continue;
    v1::DepartmentNeed need = Waiting(**state, *department);
    if (!need.obligations().empty()) *response.add_needs() = std::move(need);
  }
  response.set_next_page_token(world_.secret.PageToken(query, page->next_key));
  reply(std::move(response));
}

void Departments::WatchObligations(const Caller& caller, const v1::WatchObligationsRequest& request, std::shared_ptr<Sink<v1::WatchObligationsResponse>> sink) {
  auto department = DepartmentOf(caller);
  if (!department) return sink->Finish(std::move(department.error()));
  const std::string query = "WatchObligations " + *department;
  auto after = world_.secret.ParsePageToken(query, request.resume_token());
  if (!after) return sink->Finish(Refuse({{"resume_token", "is not of this department; start again without one"}}));
  Follow<v1::WatchObligationsResponse>(
      world_, pumps_, rows::BoxChangePrefix(rows::PartyBox(*department)), *after,
      [this, query, id = *department](const NeedState& state, bool caught_up, const std::string& key) -> Expected<std::optional<v1::WatchObligationsResponse>> {
        v1::WatchObligationsResponse change;
        if (!Ended(state)) *change.mutable_need() = Waiting(state, id);
        const bool removed = change.need().obligations().empty();
        if (removed && !caught_up) return std::nullopt;  // had left before the watch began
        if (removed) {
          change.clear_need();
          change.mutable_need()->set_name(state.subject());
          change.mutable_need()->set_number(state.number());
        }
        change.set_removed(removed);
        change.set_resume_token(world_.secret.PageToken(query, key));
        return change;
      },
      sink, [id = *department](const NeedState& state) { return rows::PartyChange(state, id); });
}

Expected<std::vector<v1::OwnObligation>> Departments::Own(const NeedState& state, const std::string& department) const {
  std::vector<v1::OwnObligation> own;
  std::optional<v1::Report> report;
  for (const auto& obligation : state.obligations()) {
    const bool done = obligation.status() == v1::OBLIGATION_STATUS_FULFILLED;
    if (!IsOf(obligation, department) || (!WaitsForParty(obligation) && !done)) continue;
    auto proposal = ReadOpened(world_, obligation.offset());
    if (!proposal) return std::unexpected(proposal.error());
    const auto& proposed = proposal->obligation_proposed();
    auto& shown = own.emplace_back();
    shown.set_id(Base32(obligation.event_id()));
    shown.set_text(proposed.text());
    if (obligation.report_offset() != 0) {
      auto told = ReadOpened(world_, obligation.report_offset());
      if (!told) return std::unexpected(told.error());
      shown.set_last_report(told->has_obligation_progressed() ? told->obligation_progressed().text() : told->obligation_fulfilled().text());
    }
    if (!WaitsForParty(obligation) || proposed.fields().empty()) continue;  // what is done needs nothing more
    *shown.mutable_shared_fields() = proposed.fields();
    if (!report) {
      auto opened = OpenedReport(world_, state);
      if (!opened) return std::unexpected(opened.error());
      report = std::move(*opened);
    }
    CopyShared(*report, proposed.fields(), shown.mutable_report());
  }
  return own;
}

void Departments::GetPlan(const Caller& caller, const v1::GetPlanRequest& request, Callback<Expected<v1::GetPlanResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckName(request.name(), &violations);  // a number may be another's
  CheckText("purpose", request.purpose(), 0, 200, &violations);
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto answer = [this, caller, purpose = request.purpose(), reply = std::move(reply)](Expected<std::shared_ptr<const NeedState>> found) mutable {
    if (!found) return reply(std::unexpected(found.error()));
    const NeedState& state = **found;
    if (auto allowed = Authorise(caller.access, caller.actor, caller.client, state); !allowed) return reply(std::unexpected(allowed.error()));
    v1::GetPlanResponse response;
    response.set_name(state.subject());
    response.set_number(state.number());
    response.set_etag(std::to_string(state.version()));
    response.set_position(ToText({0, state.head_offset()}));
    SetLead(world_.snapshots.Active().get(), state, &response);
    for (const auto& obligation : state.obligations()) *response.add_obligations() = ToObligation(obligation);
    if (!purpose.empty() && !Ended(state)) {
      auto own = Own(state, caller.actor.unit());
      if (!own) return reply(std::unexpected(own.error()));
      for (auto& each : *own) *response.add_own() = std::move(each);
    }
    reply(std::move(response));
  };
  world_.view.Get(request.name(), at_least, std::move(answer));
}

void Departments::AcceptObligation(const Caller& caller, const v1::DepartmentServiceAcceptObligationRequest& request,
                                   Callback<Expected<v1::DepartmentServiceAcceptObligationResponse>> reply) {
  Answer answer = Accepting({caller.actor, request.obligation()});
  Run(world_, caller, request, "accept-obligation", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Departments::DeclineObligation(const Caller& caller, const v1::DepartmentServiceDeclineObligationRequest& request,
                                    Callback<Expected<v1::DepartmentServiceDeclineObligationResponse>> reply) {
  Answer answer = Declining({caller.actor, request.obligation()}, request.reason());
  Run(world_, caller, request, "decline-obligation", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Departments::RecordObligationProgress(const Caller& caller, const v1::DepartmentServiceRecordObligationProgressRequest& request,
                                           Callback<Expected<v1::DepartmentServiceRecordObligationProgressResponse>> reply) {
  Answer answer = Progressing({caller.actor, request.obligation()}, request.text(), request.evidence_sha256());
  Run(world_, caller, request, "record-obligation-progress", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

void Departments::FulfilObligation(const Caller& caller, const v1::DepartmentServiceFulfilObligationRequest& request,
                                   Callback<Expected<v1::DepartmentServiceFulfilObligationResponse>> reply) {
  Answer answer = Fulfilling({caller.actor, request.obligation()}, request.text(), request.evidence_sha256());
  Run(world_, caller, request, "fulfil-obligation", std::move(answer.event), std::move(answer.violations), std::move(answer.decide), std::move(reply));
}

}  // namespace gridloop
