// What stations, rooms and workers do with a need.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"

namespace gridloop::cli {
namespace {

// A command whose request only needs its own fields: `add` gives it its flags.
template <class Request, class Response>
void AddCommand(CLI::App& app, Session& session, const std::string& verb_name, const std::string& method, const std::string& help,
                const std::function<void(CLI::App*, Request&)>& add) {
  auto* verb = app.add_subcommand(verb_name, help);
  auto request = std::make_shared<Request>();
  auto flags = AddCommandFlags(verb);
  add(verb, *request);
  OnRun(verb, [&session, method, request, flags] { return RunCommand<Response>(session, "AssignmentService/" + method, *flags, *request); });
}

void AddNeed(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("need", "one need; personal data only to those assigned, with a purpose");
  struct Flags {
    std::string need, purpose;
    v1::AccessPurpose kind = v1::ACCESS_PURPOSE_UNSPECIFIED;
    bool history = false;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("need", flags->need, "its number or name")->required();
  AddEnum(verb, "--for", flags->kind, v1::AccessPurpose_descriptor(), "why the personal data is read; it is logged");
  verb->add_option("--purpose", flags->purpose, "the same in words");
  verb->add_flag("--history", flags->history, "also every step with its texts (with --for or --purpose)");
  OnRun(verb, [&session, flags] {
    v1::AssignmentServiceGetNeedRequest request;
    request.set_name(NeedName(flags->need));
    request.set_purpose(flags->purpose);
    request.set_purpose_kind(flags->kind);
    v1::AssignmentServiceGetNeedResponse response;
    return session.CallAndShow("AssignmentService/GetNeed", request, &response, [&] {
      PrintNeed(session, response.need());
      if (flags->history) {
        for (const auto& event : response.history()) session.PrintJson(event);
      }
      for (const auto& note : response.supervision_notes()) {
        fmt::print("\nsupervision, {} by {}:\n{}\n", LocalTime(note.log_time()), note.principal(), note.text());
      }
      for (const auto& report : response.conflicting_reports()) {
        fmt::print("\nanother report under the same request id, set aside:\n");
        session.PrintJson(report);
      }
    });
  });
}

// The open offer, as this person sees it when deciding; the server refuses if it is not the open one any more.
template <class Request, class Response>
int OnOffer(Session& session, const std::string& method, const CommandFlags& flags, Request request) {
  if (request.offer().empty()) {
    auto need = FindNeed(session, flags.need);
    if (!need) return session.Report(need.error());
    if (!need->has_offer()) {
      return session.Report(Error{Code::kFailedPrecondition,
                                  "NO_OFFER",
                                  "No offer is open for this need. To repeat what was sent before, give its --offer too.",
                                  "没有待接单。",
                                  {},
                                  {},
                                  std::nullopt});
    }
    request.set_name(need->name());
    request.set_offer(need->offer().id());
    session.Resolved("--offer", need->offer().id());
  }
  return RunCommand<Response>(session, method, flags, request);
}

void AddOfferVerbs(CLI::App& app, Session& session) {
  auto* accept = app.add_subcommand("accept", "accepts the offer to one's unit");
  auto accepted = std::make_shared<v1::AcceptOfferRequest>();
  auto accept_flags = AddCommandFlags(accept);
  accept->add_option("--offer", *accepted->mutable_offer(), "its id; the open one if not given");
  OnRun(accept, [&session, accepted, accept_flags] {
    return OnOffer<v1::AcceptOfferRequest, v1::AcceptOfferResponse>(session, "AssignmentService/AcceptOffer", *accept_flags, *accepted);
  });

  struct Declined {
    v1::DeclineOfferRequest request;
    v1::DeclineReason reason = v1::DECLINE_REASON_UNSPECIFIED;
  };
  auto* decline = app.add_subcommand("decline", "declines the offer (退单)");
  auto declined = std::make_shared<Declined>();
  auto decline_flags = AddCommandFlags(decline);
  decline->add_option("--offer", *declined->request.mutable_offer(), "its id; the open one if not given");
  AddEnum(decline, "--reason", declined->reason, v1::DeclineReason_descriptor(), "why")->required();
  AddText(decline, "--text", *declined->request.mutable_text(), "in words");
  OnRun(decline, [&session, declined, decline_flags] {
    declined->request.set_reason(declined->reason);
    return OnOffer<v1::DeclineOfferRequest, v1::DeclineOfferResponse>(session, "AssignmentService/DeclineOffer", *decline_flags, declined->request);
  });
}

void AddAssign(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("assign", "assigns a worker");
  struct Flags {
    std::string worker;
    std::vector<std::string> co_workers;
  };
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  verb->add_option("--worker", flags->worker, "w-0001")->required();
  verb->add_option("--co-worker", flags->co_workers, "who helps; may be given several times");
  OnRun(verb, [&session, flags, command] {
    v1::AssignWorkerRequest request;
    request.set_worker(WorkerName(flags->worker));
    for (const auto& worker : flags->co_workers) request.add_co_workers(WorkerName(worker));
    return RunCommand<v1::AssignWorkerResponse>(session, "AssignmentService/AssignWorker", *command, request);
  });
}

void AddServe(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("serve", "records a service");
  struct Flags {
    v1::RecordServiceRequest request;
    std::vector<std::string> workers;
    int64_t start_s = 0;
    int minutes = 0;
  };
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  verb->add_option("--worker", flags->workers, "who served; the assigned worker if not given");
  AddTime(verb, "--start", flags->start_s, "when it began; now if not given");
  verb->add_option("--minutes", flags->minutes, "how long it took")->required()->check(CLI::Range(1, 24 * 60));
  verb->add_option("--form", *flags->request.mutable_form(), "visit, phone, office …")->required();
  AddText(verb, "--content", *flags->request.mutable_content(), "what was done")->required();
  OnRun(verb, [&session, flags, command] {
    for (const auto& worker : flags->workers) flags->request.add_workers(WorkerName(worker));
    if (flags->start_s == 0) {
      flags->start_s = session.NowSeconds();
      session.Resolved("--start", UtcTime(flags->start_s));
    }
    flags->request.mutable_start_time()->set_seconds(flags->start_s);
    flags->request.mutable_duration()->set_seconds(flags->minutes * 60);
    return RunCommand<v1::RecordServiceResponse>(session, "AssignmentService/RecordService", *command, flags->request);
  });
}

void AddAssess(CLI::App& app, Session& session) {
  struct Assessed {
    v1::AssessNeedRequest request;
    bool casework = false;
  };
  auto* assess = app.add_subcommand("assess", "records the first assessment: does it become casework?");
  auto assessed = std::make_shared<Assessed>();
  auto assess_flags = AddCommandFlags(assess);
  assess->add_flag("--casework,!--no-casework", assessed->casework, "casework is graded and planned, anything else is served at once")->required();
  AddText(assess, "--findings", *assessed->request.mutable_findings(), "what was found")->required();
  assess->add_option("--type", *assessed->request.mutable_type(), "the type if it is another one");
  OnRun(assess, [&session, assessed, assess_flags] {
    assessed->request.set_casework(assessed->casework);
    return RunCommand<v1::AssessNeedResponse>(session, "AssignmentService/AssessNeed", *assess_flags, assessed->request);
  });

  struct Graded {
    v1::GradeNeedRequest request;
    v1::Grade grade = v1::GRADE_UNSPECIFIED;
  };
  auto* grade = app.add_subcommand("grade", "grades casework; one is the heaviest");
  auto graded = std::make_shared<Graded>();
  auto grade_flags = AddCommandFlags(grade);
  AddEnum(grade, "--grade", graded->grade, v1::Grade_descriptor(), "one, two, three, four")->required();
  AddText(grade, "--reason", *graded->request.mutable_reason(), "why");
  OnRun(grade, [&session, graded, grade_flags] {
    graded->request.set_grade(graded->grade);
    return RunCommand<v1::GradeNeedResponse>(session, "AssignmentService/GradeNeed", *grade_flags, graded->request);
  });
}

void AddPlan(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("plan", "records the plan of service");
  struct Flags {
    v1::PlanServiceRequest request;
    std::vector<std::string> goals;
    int services = 0;
  };
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  verb->add_option("--goal", flags->goals, "may be given several times")->required();
  AddText(verb, "--measures", *flags->request.mutable_measures(), "what will be done")->required();
  verb->add_option("--services", flags->services, "how many services are planned")->check(CLI::Range(0, 1000));
  OnRun(verb, [&session, flags, command] {
    for (const auto& goal : flags->goals) flags->request.add_goals(goal);
    flags->request.set_planned_services(flags->services);
    return RunCommand<v1::PlanServiceResponse>(session, "AssignmentService/PlanService", *command, flags->request);
  });
}

}  // namespace

void AddStationVerbs(CLI::App& app, Session& session) {
  AddNeed(app, session);
  AddOfferVerbs(app, session);
  AddAssign(app, session);
  AddAssess(app, session);
  AddPlan(app, session);
  AddServe(app, session);
  AddCommand<v1::RecordEmergencyActionRequest, v1::RecordEmergencyActionResponse>(
      app, session, "emergency", "RecordEmergencyAction", "records what was done in an emergency, at any stage (先处置后补录)",
      [](CLI::App* verb, auto& request) {
        AddText(verb, "--action", *request.mutable_action(), "what was done")->required();
        AddText(verb, "--informed", *request.mutable_informed_parties(), "who was told");
      });
  AddCommand<v1::RecordFollowUpRequest, v1::RecordFollowUpResponse>(
      app, session, "follow-up", "RecordFollowUp", "records a follow-up",
      [](CLI::App* verb, auto& request) { AddText(verb, "--findings", *request.mutable_findings(), "what was found")->required(); });
  AddCommand<v1::AddNoteRequest, v1::AddNoteResponse>(app, session, "note", "AddNote", "adds a note", [](CLI::App* verb, auto& request) {
    AddText(verb, "--text", *request.mutable_text(), "the note")->required();
  });
  AddCommand<v1::EscalateNeedRequest, v1::EscalateNeedResponse>(
      app, session, "escalate", "EscalateNeed", "asks the level above to look at it; the owner stays",
      [](CLI::App* verb, auto& request) { AddText(verb, "--reason", *request.mutable_reason(), "why")->required(); });
}

}  // namespace gridloop::cli
