// Reports that were too thin or wrong, and time: questions, corrections, extensions, holds.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/report_fields.h"
#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::cli {
namespace {

// Which field of the report a flag of `amend` belongs to.
const std::map<std::string, std::string>& AmendableFields() {
  static const std::map<std::string, std::string> kFields = {
      {"summary", "summary"},       {"grid_code", "location"},    {"address", "location"},         {"institution", "location"},
      {"latitude", "location"},     {"longitude", "location"},    {"urgency", "reported_urgency"}, {"type", "type"},
      {"categories", "categories"}, {"dangers", "dangers"},       {"person", "subject"},           {"person_sex", "subject"},
      {"birth_year", "subject"},    {"person_phone", "subject"},  {"identity_number", "subject"},  {"residence", "subject"},
      {"guardian", "subject"},      {"restricted", "restricted"},
  };
  return kFields;
}

void AddAmend(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("amend", "corrects a report: what is given replaces what was said; a place or a person is given whole");
  struct Flags {
    std::vector<const ReportField*> fields;
    std::vector<std::string> values;
    std::vector<CLI::Option*> options;  // an empty value clears the field
    std::string reason;
    bool staff = false;
  };
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  verb->add_flag("--as-staff", flags->staff, "for whoever corrects what an app has reported");
  for (const ReportField& field : ReportFields()) {
    if (AmendableFields().contains(field.name)) flags->fields.push_back(&field);
  }
  flags->values.resize(flags->fields.size());
  for (size_t i = 0; i < flags->fields.size(); ++i) {
    flags->options.push_back(AddText(verb, FlagOf(flags->fields[i]->name), flags->values[i], flags->fields[i]->help));
  }
  AddText(verb, "--reason", flags->reason, "why")->required();
  OnRun(verb, [&session, flags, command] {
    v1::SubmitNeedRequest report;
    v1::AmendNeedRequest request;
    std::set<std::string> mask;
    for (size_t i = 0; i < flags->fields.size(); ++i) {
      if (flags->options[i]->count() == 0) continue;
      const ReportField& field = *flags->fields[i];
      mask.insert(AmendableFields().at(field.name));
      if (flags->values[i].empty()) continue;
      if (auto wrong = field.set(report, flags->values[i]); !wrong.empty()) throw CLI::ValidationError(FlagOf(field.name), wrong);
    }
    *request.mutable_report() = report.report();
    for (const auto& path : mask) request.mutable_update_mask()->add_paths(path);
    request.set_reason(flags->reason);
    return RunCommand<v1::AmendNeedResponse>(session, "IntakeService/AmendNeed", *command, request, !flags->staff);
  });
}

// --approve, or --refuse with --reasons.
template <class Request>
void AddDecision(CLI::App* verb, Request& request) {
  auto* decision = verb->add_option_group("decision", "one of the two");
  decision->add_flag_callback(
      "--approve", [&request] { request.set_approve(true); }, "agrees");
  decision->add_flag_callback(
      "--refuse", [&request] { request.set_approve(false); }, "does not, with --reasons");
  decision->require_option(1);
  AddText(verb, "--reasons", *request.mutable_reasons(), "why");
}

void AddQuestions(CLI::App& app, Session& session) {
  auto* ask = app.add_subcommand("ask", "asks the reporter for more (补正); the clocks of the step stand still meanwhile");
  auto question = std::make_shared<v1::RequestInformationRequest>();
  auto ask_flags = AddCommandFlags(ask);
  AddText(ask, "--question", *question->mutable_question(), "what the reporter sees")->required();
  OnRun(ask, [&session, question, ask_flags] {
    return RunCommand<v1::RequestInformationResponse>(session, "AssignmentService/RequestInformation", *ask_flags, *question);
  });

  auto* inform = app.add_subcommand("inform", "answers what was asked (补正)");
  struct Flags {
    v1::ProvideInformationRequest request;
    bool staff = false;
  };
  auto flags = std::make_shared<Flags>();
  auto inform_flags = AddCommandFlags(inform);
  inform->add_option("--information", *flags->request.mutable_information(), "id of the question; the open one if not given");
  AddText(inform, "--text", *flags->request.mutable_text(), "the answer")->required();
  inform->add_flag("--as-staff", flags->staff, "for whoever learned it without having reported it");
  OnRun(inform, [&session, flags, inform_flags] {
    v1::ProvideInformationRequest request = flags->request;
    if (request.information().empty()) {
      std::string found;
      if (flags->staff) {
        auto need = FindNeed(session, inform_flags->need);
        if (!need) return session.Report(need.error());
        request.set_name(need->name());
        found = need->information();
      } else {
        v1::IntakeServiceGetNeedRequest read;
        read.set_name(NeedName(inform_flags->need));
        v1::IntakeServiceGetNeedResponse response;
        if (auto called = session.Call("IntakeService/GetNeed", read, &response); !called) return session.Report(called.error());
        request.set_name(response.need().name());
        found = response.need().information();
      }
      if (found.empty()) {
        return session.Report(Error{Code::kFailedPrecondition,
                                    "NOTHING_OPEN",
                                    "Nothing is asked of this need's reporter. To repeat what was sent before, give its --information too.",
                                    "没有待补正的内容。",
                                    {},
                                    {},
                                    std::nullopt});
      }
      request.set_information(found);
      session.Resolved("--information", found);
    }
    return RunCommand<v1::ProvideInformationResponse>(session, "IntakeService/ProvideInformation", *inform_flags, request, !flags->staff);
  });
}

void AddRevisions(CLI::App& app, Session& session) {
  auto* reassess = app.add_subcommand("reassess", "corrects the assessment; the former one stays in the history");
  auto revised = std::make_shared<v1::ReviseAssessmentRequest>();
  auto reassess_flags = AddCommandFlags(reassess);
  AddText(reassess, "--findings", *revised->mutable_findings(), "what was found")->required();
  reassess->add_option("--type", *revised->mutable_type(), "the type if it is another one");
  OnRun(reassess, [&session, revised, reassess_flags] {
    return RunCommand<v1::ReviseAssessmentResponse>(session, "AssignmentService/ReviseAssessment", *reassess_flags, *revised);
  });

  auto* replan = app.add_subcommand("replan", "corrects the plan; the former one stays in the history");
  struct Flags {
    v1::RevisePlanRequest request;
    std::vector<std::string> goals;
    int services = 0;
  };
  auto flags = std::make_shared<Flags>();
  auto replan_flags = AddCommandFlags(replan);
  replan->add_option("--goal", flags->goals, "may be given several times")->required();
  AddText(replan, "--measures", *flags->request.mutable_measures(), "what will be done")->required();
  replan->add_option("--services", flags->services, "how many services are planned")->check(CLI::Range(0, 1000));
  AddText(replan, "--reason", *flags->request.mutable_reason(), "why it changes")->required();
  OnRun(replan, [&session, flags, replan_flags] {
    for (const auto& goal : flags->goals) flags->request.add_goals(goal);
    flags->request.set_planned_services(flags->services);
    return RunCommand<v1::RevisePlanResponse>(session, "AssignmentService/RevisePlan", *replan_flags, flags->request);
  });
}

void AddTimeVerbs(CLI::App& app, Session& session) {
  struct Extension {
    v1::RequestExtensionRequest request;
    v1::ClockKind clock = v1::CLOCK_KIND_UNSPECIFIED;
    int64_t until_s = 0;
  };
  auto* extend = app.add_subcommand("extend", "asks for a later deadline (延期)");
  auto extension = std::make_shared<Extension>();
  auto extend_flags = AddCommandFlags(extend);
  AddEnum(extend, "--clock", extension->clock, v1::ClockKind_descriptor(), "assignment, assessment, grading, planning, service")->required();
  AddTime(extend, "--until", extension->until_s, "when it is to end")->required();
  AddText(extend, "--reason", *extension->request.mutable_reason(), "why")->required();
  OnRun(extend, [&session, extension, extend_flags] {
    extension->request.set_clock(extension->clock);
    extension->request.mutable_due_time()->set_seconds(extension->until_s);
    return RunCommand<v1::RequestExtensionResponse>(session, "AssignmentService/RequestExtension", *extend_flags, extension->request);
  });
  AddOnOpen<v1::DecideExtensionRequest, v1::DecideExtensionResponse>(
      app, session, "decide-extension", "AssignmentService/DecideExtension", "decides on the extension that was asked for", "--extension",
      &v1::DecideExtensionRequest::mutable_extension, &v1::Need::extension, [](CLI::App* verb, auto& request) { AddDecision(verb, request); });

  struct Hold {
    v1::RequestHoldRequest request;
    int64_t until_s = 0;
  };
  auto* hold = app.add_subcommand("hold", "asks to put it on hold (挂起)");
  auto held = std::make_shared<Hold>();
  auto hold_flags = AddCommandFlags(hold);
  AddTime(hold, "--until", held->until_s, "when the work is to go on")->required();
  AddText(hold, "--reason", *held->request.mutable_reason(), "why")->required();
  OnRun(hold, [&session, held, hold_flags] {
    held->request.mutable_end_time()->set_seconds(held->until_s);
    return RunCommand<v1::RequestHoldResponse>(session, "AssignmentService/RequestHold", *hold_flags, held->request);
  });
  AddOnOpen<v1::DecideHoldRequest, v1::DecideHoldResponse>(app, session, "decide-hold", "AssignmentService/DecideHold",
                                                           "decides on the hold that was asked for", "--hold", &v1::DecideHoldRequest::mutable_hold,
                                                           &v1::Need::hold, [](CLI::App* verb, auto& request) { AddDecision(verb, request); });
  AddOnOpen<v1::ResumeNeedRequest, v1::ResumeNeedResponse>(
      app, session, "resume", "AssignmentService/ResumeNeed", "ends a hold before its end", "--hold", &v1::ResumeNeedRequest::mutable_hold, &v1::Need::hold,
      [](CLI::App* verb, auto& request) { AddText(verb, "--reason", *request.mutable_reason(), "why")->required(); });
}

void AddTransfers(CLI::App& app, Session& session) {
  struct Proposed {
    v1::ProposeTransferRequest request;
    std::string unit;
  };
  auto* transfer = app.add_subcommand("transfer", "asks another unit to take it over (转派)");
  auto proposed = std::make_shared<Proposed>();
  auto transfer_flags = AddCommandFlags(transfer);
  transfer->add_option("--unit", proposed->unit, "s02, r-320585100001")->required();
  AddText(transfer, "--reason", *proposed->request.mutable_reason(), "why")->required();
  OnRun(transfer, [&session, proposed, transfer_flags] {
    proposed->request.set_unit(UnitName(proposed->unit));
    return RunCommand<v1::ProposeTransferResponse>(session, "AssignmentService/ProposeTransfer", *transfer_flags, proposed->request);
  });
  AddOnOpen<v1::AcceptTransferRequest, v1::AcceptTransferResponse>(app, session, "accept-transfer", "AssignmentService/AcceptTransfer", "takes it over",
                                                                   "--transfer", &v1::AcceptTransferRequest::mutable_transfer, &v1::Need::transfer,
                                                                   [](CLI::App*, auto&) {});
  AddOnOpen<v1::DeclineTransferRequest, v1::DeclineTransferResponse>(
      app, session, "decline-transfer", "AssignmentService/DeclineTransfer", "does not take it over, or takes the proposal back", "--transfer",
      &v1::DeclineTransferRequest::mutable_transfer, &v1::Need::transfer,
      [](CLI::App* verb, auto& request) { AddText(verb, "--reason", *request.mutable_reason(), "why")->required(); });
}

void AddAfterEnd(CLI::App& app, Session& session) {
  auto* reopen = app.add_subcommand("reopen", "opens a closed need again, within the days of the policy");
  auto reopened = std::make_shared<v1::ReopenNeedRequest>();
  auto reopen_flags = AddCommandFlags(reopen);
  AddText(reopen, "--reason", *reopened->mutable_reason(), "why")->required();
  OnRun(reopen,
        [&session, reopened, reopen_flags] { return RunCommand<v1::ReopenNeedResponse>(session, "AssignmentService/ReopenNeed", *reopen_flags, *reopened); });

  struct Visit {
    v1::RecordAfterVisitRequest request;
    int satisfaction = 0;
  };
  auto* visit = app.add_subcommand("after-visit", "records a visit after the closing (回访), which stays");
  auto visited = std::make_shared<Visit>();
  auto visit_flags = AddCommandFlags(visit);
  AddText(visit, "--findings", *visited->request.mutable_findings(), "what was found")->required();
  visit->add_option("--satisfaction", visited->satisfaction, "1 to 5")->check(CLI::Range(1, 5));
  OnRun(visit, [&session, visited, visit_flags] {
    visited->request.set_satisfaction(visited->satisfaction);
    return RunCommand<v1::RecordAfterVisitResponse>(session, "AssignmentService/RecordAfterVisit", *visit_flags, visited->request);
  });
}

}  // namespace

void AddBranchVerbs(CLI::App& app, Session& session) {
  AddQuestions(app, session);
  AddAmend(app, session);
  AddRevisions(app, session);
  AddTimeVerbs(app, session);
  AddTransfers(app, session);
  AddAfterEnd(app, session);
}

}  // namespace gridloop::cli
