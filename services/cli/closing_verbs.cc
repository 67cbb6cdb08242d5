// How a need ends: answered at once, a closing that is requested and verified, or one that the policy lets stand without a verifier.
#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"

namespace gridloop::cli {
namespace {

struct ClosingFlags {
  v1::Closing closing;
  v1::ClosingReason reason = v1::CLOSING_REASON_UNSPECIFIED;
  v1::GoalsOutcome goals = v1::GOALS_OUTCOME_UNSPECIFIED;
  v1::Grade final_grade = v1::GRADE_UNSPECIFIED;
  bool confirmed = false;
  int satisfaction = 0;
  std::vector<std::string> evidence;
};

void AddResult(CLI::App* verb, ClosingFlags& flags) {
  AddText(verb, "--result", *flags.closing.mutable_result_summary(), "what came of it")->required();
  AddText(verb, "--sentence", *flags.closing.mutable_reporter_sentence(), "the one sentence that the reporter gets; no personal data")->required();
  AddText(verb, "--unmet", *flags.closing.mutable_unmet_needs(), "what is still needed");
  verb->add_option("--satisfaction", flags.satisfaction, "1 to 5")->check(CLI::Range(1, 5));
}

v1::Closing ToClosing(const ClosingFlags& flags) {
  v1::Closing closing = flags.closing;
  closing.set_reason(flags.reason);
  closing.set_goals(flags.goals);
  closing.set_final_grade(flags.final_grade);
  closing.set_confirmed(flags.confirmed);
  closing.set_satisfaction(flags.satisfaction);
  for (const std::string& digest : flags.evidence) {
    closing.add_evidence_sha256(digest);
  }
  return closing;
}

template <class Request, class Response>
void AddClosing(CLI::App& app, Session& session, const std::string& name, const std::string& method, const std::string& help) {
  auto* verb = app.add_subcommand(name, help);
  auto closed = std::make_shared<ClosingFlags>();
  auto command = AddCommandFlags(verb);
  AddEnum(verb, "--reason", closed->reason, v1::ClosingReason_descriptor(), "why it ends")->required();
  AddResult(verb, *closed);
  AddEnum(verb, "--goals", closed->goals, v1::GoalsOutcome_descriptor(), "casework: how far they were reached");
  AddEnum(verb, "--final-grade", closed->final_grade, v1::Grade_descriptor(), "casework: the grade at the end");
  AddText(verb, "--services", *closed->closing.mutable_services_given(), "services given");
  auto* confirmed = verb->add_flag("--confirmed", closed->confirmed, "the person or guardian confirmed it");
  AddText(verb, "--unconfirmed-reason", *closed->closing.mutable_unconfirmed_reason(), "why not")->excludes(confirmed);
  verb->add_option("--follow-up-date", *closed->closing.mutable_follow_up_date(), "of the after-closing visit, YYYY-MM-DD");
  AddEvidence(verb, closed->evidence);
  OnRun(verb, [=, &session] {
    Request request;
    *request.mutable_closing() = ToClosing(*closed);
    return RunCommand<Response>(session, method, *command, request);
  });
}

void AddVerify(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("verify", "approves the closing that waits, or returns it with reasons");
  struct Flags {
    v1::VerifyClosingRequest request;
    bool approve = false;
  };
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  verb->add_option("--closing", *flags->request.mutable_closing(), "its id; the one that waits if not given");
  verb->add_flag("--approve,!--return", flags->approve, "closes it; --return gives it back")->required();
  AddText(verb, "--reasons", *flags->request.mutable_reasons(), "required for a return");
  OnRun(verb, [&session, flags, command] {
    auto& request = flags->request;
    request.set_approve(flags->approve);
    if (request.closing().empty()) {
      auto need = FindNeed(session, command->need);
      if (!need) return session.Report(need.error());
      if (need->closing().empty()) {
        return session.Report(Error{Code::kFailedPrecondition,
                                    "NO_CLOSING",
                                    "No closing of this need waits to be verified. To repeat what was sent before, give its --closing too.",
                                    "没有待审核的结案申请。",
                                    {},
                                    {},
                                    std::nullopt});
      }
      request.set_name(need->name());
      request.set_closing(need->closing());
      session.Resolved("--closing", need->closing());
    }
    return RunCommand<v1::VerifyClosingResponse>(session, "AssignmentService/VerifyClosing", *command, request);
  });
}

}  // namespace

void AddClosingVerbs(CLI::App& app, Session& session) {
  auto* answer = app.add_subcommand("answer", "answers at once and closes (即时办结)");
  auto answered = std::make_shared<ClosingFlags>();
  auto answer_flags = AddCommandFlags(answer);
  AddResult(answer, *answered);
  OnRun(answer, [&session, answered, answer_flags] {
    answered->reason = v1::CLOSING_REASON_ANSWERED;
    v1::AnswerNeedRequest request;
    *request.mutable_closing() = ToClosing(*answered);
    return RunCommand<v1::AnswerNeedResponse>(session, "AssignmentService/AnswerNeed", *answer_flags, request);
  });

  AddClosing<v1::RequestClosingRequest, v1::RequestClosingResponse>(app, session, "close", "AssignmentService/RequestClosing",
                                                                    "asks for the closing, with the evaluation; the verifier decides");
  AddClosing<v1::CloseNeedRequest, v1::CloseNeedResponse>(app, session, "close-now", "AssignmentService/CloseNeed",
                                                          "closes it, with the evaluation, where the policy needs no verifier");
  AddVerify(app, session);
}

}  // namespace gridloop::cli
