// Where outside the unit somebody works on it: referrals, workers of other units, and what somebody leaves behind.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"

namespace gridloop::cli {
namespace {

void AddReferrals(CLI::App& app, Session& session) {
  auto* refer = app.add_subcommand("refer-out", "refers it to somebody outside (转介); the centre's until their receipt is there");
  auto referred = std::make_shared<v1::ReferOutRequest>();
  auto refer_flags = AddCommandFlags(refer);
  refer->add_option("--to", *referred->mutable_to(), "12345, or a department's id")->required();
  AddText(refer, "--reason", *referred->mutable_reason(), "why and with what")->required();
  OnRun(refer, [&session, referred, refer_flags] { return RunCommand<v1::ReferOutResponse>(session, "AssignmentService/ReferOut", *refer_flags, *referred); });
  AddOnOpen<v1::ConfirmReferralRequest, v1::ConfirmReferralResponse>(
      app, session, "confirm-referral", "AssignmentService/ConfirmReferral", "records their receipt, which ends the need", "--referral",
      &v1::ConfirmReferralRequest::mutable_referral, &v1::Need::referral, [](CLI::App* verb, auto& request) {
        verb->add_option("--receipt", *request.mutable_receipt(), "number of their receipt")->required();
        AddText(verb, "--sentence", *request.mutable_reporter_sentence(), "the one sentence that the reporter gets")->required();
      });
  AddOnOpen<v1::ReturnReferralRequest, v1::ReturnReferralResponse>(
      app, session, "return-referral", "AssignmentService/ReturnReferral", "they do not take it: the centre's queue has it again", "--referral",
      &v1::ReturnReferralRequest::mutable_referral, &v1::Need::referral,
      [](CLI::App* verb, auto& request) { AddText(verb, "--reason", *request.mutable_reason(), "why")->required(); });
}

void AddSupports(CLI::App& app, Session& session) {
  struct Support {
    v1::AddSupportRequest request;
    std::string unit;
    std::string worker;
  };
  auto* support = app.add_subcommand("support", "a worker of another unit helps (协办); the need stays with its unit");
  auto added = std::make_shared<Support>();
  auto support_flags = AddCommandFlags(support);
  support->add_option("--unit", added->unit, "s02, r-320585100001")->required();
  support->add_option("--worker", added->worker, "w-0007")->required();
  AddText(support, "--reason", *added->request.mutable_reason(), "with what")->required();
  OnRun(support, [&session, added, support_flags] {
    added->request.set_unit(UnitName(added->unit));
    added->request.set_worker(WorkerName(added->worker));
    return RunCommand<v1::AddSupportResponse>(session, "AssignmentService/AddSupport", *support_flags, added->request);
  });

  struct End {
    v1::EndSupportRequest request;
    std::string worker;
  };
  auto* end = app.add_subcommand("end-support", "that worker helps no more");
  auto ended = std::make_shared<End>();
  auto end_flags = AddCommandFlags(end);
  end->add_option("--worker", ended->worker, "w-0007")->required();
  AddText(end, "--reason", *ended->request.mutable_reason(), "why");
  OnRun(end, [&session, ended, end_flags] {
    ended->request.set_worker(WorkerName(ended->worker));
    return RunCommand<v1::EndSupportResponse>(session, "AssignmentService/EndSupport", *end_flags, ended->request);
  });
}

std::string WhoLeaves(const v1::HandOver& hand_over) {
  if (!hand_over.organisation().empty()) return fmt::format("{} ({} workers)", hand_over.organisation(), hand_over.workers_size());
  return hand_over.workers().empty() ? std::string() : BareName(hand_over.workers(0));
}

void AddHandOverRow(const v1::HandOver& hand_over, Table* table) {
  table->Add({hand_over.name(), WhoLeaves(hand_over), LocalTime(hand_over.start_time()),
              hand_over.has_done_time() ? LocalTime(hand_over.done_time()) : "under way", std::to_string(hand_over.handed_over()),
              std::to_string(hand_over.unassigned()), std::to_string(hand_over.remaining())});
}

Table HandOverTable() { return Table({"HAND-OVER", "WHO LEAVES", "STARTED (+08:00)", "DONE (+08:00)", "HANDED OVER", "TO ASSIGN", "LEFT"}); }

void AddHandOvers(CLI::App& app, Session& session) {
  struct HandOver {
    v1::HandOverWorkRequest request;
    std::string request_id;
    std::string worker;
    std::vector<std::string> successors;
  };
  auto* hand_over = app.add_subcommand("hand-over", "a worker or an organisation leaves: their open needs go to successors (交接)");
  auto given = std::make_shared<HandOver>();
  auto* who = hand_over->add_option_group("who", "one of the two");
  who->add_option("--worker", given->worker, "who leaves, w-0007");
  who->add_option("--organisation", *given->request.mutable_organisation(), "which leaves, all its workers");
  who->require_option(1);
  hand_over->add_option("--to", given->successors,
                        "successor: w-0008 everywhere, or UNIT=WORKER for a unit; may be given several times. What has none its head assigns");
  AddText(hand_over, "--note", *given->request.mutable_note(), "what successors should know");
  hand_over->add_option("--request-id", given->request_id, "the same on every retry; made up if not given");
  OnRun(hand_over, [&session, given] {
    v1::HandOverWorkRequest request = given->request;
    if (!given->worker.empty()) request.set_worker(WorkerName(given->worker));
    for (const std::string& successor : given->successors) {
      const size_t equals = successor.find('=');
      auto& choice = *request.add_successors();
      if (equals != std::string::npos) choice.set_unit(UnitName(successor.substr(0, equals)));
      choice.set_worker(WorkerName(equals == std::string::npos ? successor : successor.substr(equals + 1)));
    }
    request.set_request_id(session.RequestId(given->request_id));
    v1::HandOverWorkResponse response;
    return session.CallAndShow("AssignmentService/HandOverWork", request, &response, [&] {
      Table table = HandOverTable();
      AddHandOverRow(response.hand_over(), &table);
      session.Print(table);
    });
  });

  auto* show = app.add_subcommand("hand-overs", "hand-overs and how far they are, or one of them");
  auto name = std::make_shared<std::string>();
  show->add_option("name", *name, "handovers/…; all if not given");
  OnRun(show, [&session, name] {
    if (!name->empty()) {
      v1::GetHandOverRequest request;
      request.set_name(*name);
      v1::GetHandOverResponse response;
      return session.CallAndShow("AssignmentService/GetHandOver", request, &response, [&] {
        Table table = HandOverTable();
        AddHandOverRow(response.hand_over(), &table);
        session.Print(table);
      });
    }
    v1::ListHandOversResponse response;
    return session.CallAndShow("AssignmentService/ListHandOvers", v1::ListHandOversRequest(), &response, [&] {
      Table table = HandOverTable();
      for (const auto& each : response.hand_overs()) AddHandOverRow(each, &table);
      session.Print(table);
    });
  });
}

}  // namespace

void AddElsewhereVerbs(CLI::App& app, Session& session) {
  AddReferrals(app, session);
  AddSupports(app, session);
  AddHandOvers(app, session);
}

}  // namespace gridloop::cli
