// The verbs of gridctl: each function adds those of one theme to the command line. A verb runs when the line is parsed and
// throws CLI::RuntimeError with its exit code if that is not 0.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/words.h"
#include "gridloop/v1/directory.pb.h"
#include "gridloop/v1/need.pb.h"

namespace gridloop::cli {

void AddReporterVerbs(CLI::App& app, Session& session);         // submit, report, reports, withdraw, urge
void AddSubmitCsv(CLI::App& app, Session& session);             // submit-csv
void AddInboxVerb(CLI::App& app, Session& session);             // inbox
void AddStationVerbs(CLI::App& app, Session& session);          // need, accept, decline, assign … escalate
void AddBranchVerbs(CLI::App& app, Session& session);           // ask, inform, amend, reassess, replan, extend, hold …
void AddElsewhereVerbs(CLI::App& app, Session& session);        // refer-out …, support, end-support, hand-over …
void AddDuplicateVerbs(CLI::App& app, Session& session);        // duplicates, join, merge, unmerge, link
void AddClosingVerbs(CLI::App& app, Session& session);          // answer, close, close-now, verify
void AddCentreVerbs(CLI::App& app, Session& session);           // held, confirm, dispatch, recall, explain-route, replay-route
void AddDirectoryVerbs(CLI::App& app, Session& session);        // directory …, units, unit, workers, categories
void AddAuditVerbs(CLI::App& app, Session& session);            // timeline, deadline, loops, export
void AddNotificationVerbs(CLI::App& app, Session& session);     // notifications, dead-letters, redeliver, notify-test
void AddPlanVerbs(CLI::App& app, Session& session);             // joint-plan, propose-obligation … waive, obligations
void AddFiguresVerbs(CLI::App& app, Session& session);          // figures
void AddConfidentialityVerbs(CLI::App& app, Session& session);  // supervise, forget, accesses, keys …
void AddToolVerbs(CLI::App& app, Session& session);             // token …, clock …, health, completion, call

// directory compare.
void AddCompareVerb(CLI::App& directory, Session& session);
// The tables of a folder, to be sent; says on standard error what is wrong with it.
bool ReadTables(const std::string& folder, google::protobuf::RepeatedPtrField<v1::DirectoryFile>* files);

// `run` gives the exit code.
void OnRun(CLI::App* verb, std::function<int()> run);

// A command changes one need; these come with each.
struct CommandFlags {
  std::string need;
  std::string request_id;  // made up if not given
  std::string etag;
};
// Adds the verb with its flags.
std::shared_ptr<CommandFlags> AddCommandFlags(CLI::App* verb);

// A list, which may be shown again and again.
struct ListFlags {
  int limit = 200, every_s = 5;
  bool watch = false;
};
// Adds --limit, --watch and --every.
void AddListFlags(CLI::App* verb, ListFlags& flags);

// An option that takes one of an enum's words.
template <class Enum>
CLI::Option* AddEnum(CLI::App* verb, const std::string& flag, Enum& value, const google::protobuf::EnumDescriptor* type, const std::string& help) {
  auto words = EnumWords(type);
  return verb
      ->add_option_function<std::string>(
          flag, [&value, type](const std::string& word) { value = static_cast<Enum>(ParseEnumWord(type, word).value_or(0)); }, help)
      ->check(CLI::IsMember(words));
}

// A text for people: "-" reads it from standard input, "@FILE" from a file, so that it stands in no list of processes.
CLI::Option* AddText(CLI::App* verb, const std::string& flag, std::string& value, const std::string& help);
// --evidence, which may be given several times: SHA-256 digests of files kept elsewhere, in hex; `digests` gets their bytes.
CLI::Option* AddEvidence(CLI::App* verb, std::vector<std::string>& digests);
// A local time (2026-03-02 09:00, taken as +08:00) or RFC 3339.
CLI::Option* AddTime(CLI::App* verb, const std::string& flag, int64_t& seconds, const std::string& help);

// The need's full name: numbers that people say are looked up as staff (or, if `as_reporter`, as the one who reported).
Expected<std::string> FindName(Session& session, const std::string& need, bool as_reporter = false);
// The need as staff see it now.
Expected<v1::Need> FindNeed(Session& session, const std::string& need, const std::string& purpose = {});

// Sends the command `method` ("AssignmentService/AcceptOffer") for the need of `flags` and shows the outcome.
template <class Response, class Request>
int RunCommand(Session& session, const std::string& method, const CommandFlags& flags, Request request, bool as_reporter = false) {
  if (request.name().empty()) {
    auto name = FindName(session, flags.need, as_reporter);
    if (!name) return session.Report(name.error());
    request.set_name(*name);
  }
  request.set_request_id(session.RequestId(flags.request_id));
  request.set_etag(flags.etag);
  Response response;
  return session.CallAndShow(method, request, &response, [&] { session.PrintOutcome(response.outcome()); });
}

// A command on an open request, which is looked up unless its id is given; the server refuses if it is not the open one any more.
template <class Request, class Response>
CLI::App* AddOnOpen(CLI::App& app, Session& session, const std::string& name, const std::string& method, const std::string& help, const std::string& flag,
                    std::string* (Request::*id)(), const std::string& (v1::Need::*open)() const, const std::function<void(CLI::App*, Request&)>& add) {
  auto* verb = app.add_subcommand(name, help);
  auto request = std::make_shared<Request>();
  auto command = AddCommandFlags(verb);
  verb->add_option(flag, *((*request).*id)(), "its id; the open one if not given");
  add(verb, *request);
  OnRun(verb, [=, &session] {
    if (((*request).*id)()->empty()) {
      auto need = FindNeed(session, command->need);
      if (!need) return session.Report(need.error());
      const std::string& found = ((*need).*open)();
      if (found.empty()) {
        return session.Report(Error{Code::kFailedPrecondition,
                                    "NOTHING_OPEN",
                                    "Nothing of this kind is open for this need. To repeat what was sent before, give its " + flag + " too.",
                                    "没有待处理的申请。",
                                    {},
                                    {},
                                    std::nullopt});
      }
      request->set_name(need->name());
      *((*request).*id)() = found;
      session.Resolved(flag, found);
    }
    return RunCommand<Response>(session, method, *command, *request);
  });
  return verb;
}

// Rows of a list of needs, next deadline in the last column.
Table NeedTable();
void AddNeedRow(Session& session, const v1::Need& need, Table* table);
void PrintNeed(Session& session, const v1::Need& need);

}  // namespace gridloop::cli
