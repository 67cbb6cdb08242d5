// What upstream apps and workers who report can do.
#include <fmt/format.h>

#include <algorithm>

#include "cli/report_fields.h"
#include "cli/verbs.h"
#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::cli {
namespace {

void AddSubmit(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("submit", "reports a need");
  auto request = std::make_shared<v1::SubmitNeedRequest>();
  auto values = std::make_shared<std::vector<std::string>>(ReportFields().size());
  for (size_t i = 0; i < values->size(); ++i) AddText(verb, FlagOf(ReportFields()[i].name), (*values)[i], ReportFields()[i].help);
  for (const char* required : {"--summary", "--source", "--reporter-role", "--reporter-reference"}) verb->get_option(required)->required();
  OnRun(verb, [&session, request, values] {
    for (size_t i = 0; i < values->size(); ++i) {
      const auto& field = ReportFields()[i];
      if ((*values)[i].empty()) continue;
      if (auto wrong = field.set(*request, (*values)[i]); !wrong.empty()) throw CLI::ValidationError(FlagOf(field.name), wrong);
    }
    request->set_request_id(session.RequestId(request->request_id()));
    v1::SubmitNeedResponse response;
    return session.CallAndShow("IntakeService/SubmitNeed", *request, &response, [&] {
      Table table({"FIELD", "VALUE"});
      table.Add({"number", response.number()});
      table.Add({"name", response.name()});
      table.Add({"urgency", EnumWord(v1::Urgency_descriptor(), response.urgency())});
      table.Add({"next", response.next_step()});
      if (!response.emergency_advice().empty()) table.Add({"NOW", response.emergency_advice()});
      session.Print(table);
    });
  });
}

Table ReportTable() { return Table({"NUMBER", "STAGE", "SUBMITTED (+08:00)", "UNIT", "PHONE", "EXPECTED", "NEXT OR ANSWER"}); }

// The answer if there is one, else what the reporter is asked, else what happens next.
const std::string& WhatNext(const v1::ReporterNeed& need) {
  if (!need.closing_sentence().empty()) return need.closing_sentence();
  return need.question().empty() ? need.next_step() : need.question();
}

void AddReportRow(const v1::ReporterNeed& need, Table* table) {
  table->Add(
      {need.number(), need.stage_text(), LocalTime(need.submit_time()), need.unit_display_name(), need.unit_phone(), need.expected_date(), WhatNext(need)});
}

void AddReports(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("report", "what the reporter of one need gets to see");
  auto need = std::make_shared<std::string>();
  verb->add_option("need", *need, "its number or name")->required();
  OnRun(verb, [&session, need] {
    v1::IntakeServiceGetNeedRequest request;
    request.set_name(NeedName(*need));
    v1::IntakeServiceGetNeedResponse response;
    return session.CallAndShow("IntakeService/GetNeed", request, &response, [&] {
      Table table = ReportTable();
      AddReportRow(response.need(), &table);
      session.Print(table);
    });
  });

  struct Flags {
    std::string reporter, resume;
    int limit = 50;
    bool watch = false;
  };
  auto flags = std::make_shared<Flags>();
  auto* list = app.add_subcommand("reports", "what the app reported, newest first; --watch: each change as it comes");
  auto* watch = list->add_flag("--watch", flags->watch, "every report of the app, then each change, until it is stopped");
  AddText(list, "--reporter", flags->reporter, "only of this reporter, by the reference in the app")->excludes(watch);
  list->add_option("--limit", flags->limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str()->excludes(watch);
  list->add_option("--resume", flags->resume, "with --watch: the last resume_token seen")->needs(watch);
  OnRun(list, [&session, flags] {
    if (flags->watch) {
      return session.Watch<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(
          "IntakeService/WatchNeeds", {}, flags->resume, [&session](const v1::WatchNeedsResponse& change) {
            if (session.json()) return session.PrintJson(change, true);
            const auto& changed = change.need();
            fmt::print("{}  {}  {}  {}\n", changed.number(), changed.stage_text(), changed.unit_display_name(), WhatNext(changed));
            std::fflush(stdout);
          });
    }
    v1::ListNeedsRequest request;
    request.set_reporter_reference(flags->reporter);
    v1::ListNeedsResponse all;
    return session.ListAndShow<v1::ListNeedsResponse>("IntakeService/ListNeeds", request, flags->limit, &all, &v1::ListNeedsResponse::mutable_needs, [&] {
      Table table = ReportTable();
      for (const auto& each : all.needs()) AddReportRow(each, &table);
      session.Print(table);
    });
  });
}

}  // namespace

void AddReporterVerbs(CLI::App& app, Session& session) {
  AddSubmit(app, session);
  AddReports(app, session);

  auto* withdraw = app.add_subcommand("withdraw", "withdraws a report before a unit has accepted it");
  auto reason = std::make_shared<v1::WithdrawNeedRequest>();
  auto withdrawn = AddCommandFlags(withdraw);
  AddText(withdraw, "--reason", *reason->mutable_reason(), "why");
  AddText(withdraw, "--reporter", *reason->mutable_reporter_reference(), "who withdraws, by the reference in the app, where several have reported it");
  OnRun(withdraw,
        [&session, reason, withdrawn] { return RunCommand<v1::WithdrawNeedResponse>(session, "IntakeService/WithdrawNeed", *withdrawn, *reason, true); });

  auto* urge = app.add_subcommand("urge", "urges whoever owns the need (催办)");
  auto text = std::make_shared<v1::UrgeNeedRequest>();
  auto urged = AddCommandFlags(urge);
  AddText(urge, "--text", *text->mutable_text(), "what to say");
  OnRun(urge, [&session, text, urged] { return RunCommand<v1::UrgeNeedResponse>(session, "IntakeService/UrgeNeed", *urged, *text, true); });
}

}  // namespace gridloop::cli
