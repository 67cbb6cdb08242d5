// Needs that are reported twice, or have to do with each other.
#include <fmt/format.h>

#include "cli/report_fields.h"
#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::cli {
namespace {

void AddFind(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("duplicates", "what is open already and may be the same (疑似重复): of a place and type; staff also of a need or a person");
  struct Flags {
    v1::FindDuplicatesRequest request;
    std::string need;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("--need", flags->need, "staff: whose duplicates, by number or name");
  verb->add_option("--grid-code", *flags->request.mutable_grid_code(), "cell or community");
  verb->add_option("--institution", *flags->request.mutable_institution(), "id from the directory");
  verb->add_option("--type", *flags->request.mutable_type(), "id from the directory; other if not given");
  AddText(verb, "--person", *flags->request.mutable_person(), "staff: identity number or phone");
  OnRun(verb, [&session, flags] {
    if (!flags->need.empty()) flags->request.set_name(NeedName(flags->need));
    v1::FindDuplicatesResponse response;
    return session.CallAndShow("IntakeService/FindDuplicates", flags->request, &response, [&] {
      if (!response.similar_open()) fmt::print("nothing similar is open\n");
      if (!response.join_token().empty()) {
        fmt::print("a similar need is open (已有相似需求); until {}: gridctl join --token {}\n", LocalTime(response.join_limit_time()), response.join_token());
      }
      if (response.duplicates_size() == 0) return;
      Table table({"NUMBER", "STAGE", "TYPE", "UNIT", "SUBMITTED (+08:00)", "WHY"});
      for (const auto& each : response.duplicates()) {
        const auto& need = each.need();
        const std::string why = each.same_person() && each.same_place() ? "same person, same place" : each.same_person() ? "same person" : "same place";
        table.Add(
            {need.number(), EnumWord(v1::Stage_descriptor(), need.stage()), need.report().type(), BareName(need.unit()), LocalTime(need.submit_time()), why});
      }
      session.Print(table);
    });
  });
}

void AddJoin(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("join", "joins an open need with a report of one's own (并案上报) instead of submitting it a second time");
  struct Flags {
    std::string token;
    std::vector<std::string> values = std::vector<std::string>(ReportFields().size());
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("--token", flags->token, "from `duplicates`")->required();
  for (size_t i = 0; i < flags->values.size(); ++i) AddText(verb, FlagOf(ReportFields()[i].name), flags->values[i], ReportFields()[i].help);
  for (const char* required : {"--summary", "--source", "--reporter-role", "--reporter-reference"}) verb->get_option(required)->required();
  OnRun(verb, [&session, flags] {
    v1::SubmitNeedRequest report;
    for (size_t i = 0; i < flags->values.size(); ++i) {
      const auto& field = ReportFields()[i];
      if (flags->values[i].empty()) continue;
      if (auto wrong = field.set(report, flags->values[i]); !wrong.empty()) throw CLI::ValidationError(FlagOf(field.name), wrong);
    }
    v1::JoinNeedRequest request;
    request.set_request_id(session.RequestId(report.request_id()));
    request.set_join_token(flags->token);
    *request.mutable_report() = report.report();
    v1::JoinNeedResponse response;
    return session.CallAndShow("IntakeService/JoinNeed", request, &response, [&] {
      Table table({"FIELD", "VALUE"});
      table.Add({"number", response.number()});
      table.Add({"name", response.name()});
      table.Add({"next", response.next_step()});
      if (!response.emergency_advice().empty()) table.Add({"NOW", response.emergency_advice()});
      session.Print(table);
    });
  });
}

// A command on a need that names another one, which is looked up like the first.
template <class Request, class Response>
void AddOnTwo(CLI::App& app, Session& session, const std::string& name, const std::string& method, const std::string& help, const std::string& other_help,
              std::string* (Request::*other)(), const std::function<void(CLI::App*, Request&)>& add) {
  auto* verb = app.add_subcommand(name, help);
  auto request = std::make_shared<Request>();
  auto command = AddCommandFlags(verb);
  auto other_need = std::make_shared<std::string>();
  verb->add_option("other", *other_need, other_help)->required();
  add(verb, *request);
  OnRun(verb, [=, &session] {
    auto found = FindName(session, *other_need);
    if (!found) return session.Report(found.error());
    *((*request).*other)() = *found;
    return RunCommand<Response>(session, method, *command, *request);
  });
}

}  // namespace

void AddDuplicateVerbs(CLI::App& app, Session& session) {
  AddFind(app, session);
  AddJoin(app, session);

  struct Merge {
    v1::MergeNeedRequest request;
    std::string other, survivor;
  };
  auto* merge = app.add_subcommand("merge", "merges two needs that are the same (合并): the later one ends, the earlier goes on for both");
  auto merged = std::make_shared<Merge>();
  auto merge_flags = AddCommandFlags(merge);
  merge->add_option("other", merged->other, "the other need, its number or name")->required();
  merge->add_option("--survivor", merged->survivor, "which of the two goes on; the earlier one if not given");
  AddText(merge, "--reason", *merged->request.mutable_reason(), "why")->required();
  OnRun(merge, [&session, merged, merge_flags] {
    auto other = FindName(session, merged->other);
    if (!other) return session.Report(other.error());
    merged->request.set_other(*other);
    if (!merged->survivor.empty()) {
      auto survivor = FindName(session, merged->survivor);
      if (!survivor) return session.Report(survivor.error());
      merged->request.set_survivor(*survivor);
    }
    return RunCommand<v1::MergeNeedResponse>(session, "AssignmentService/MergeNeed", *merge_flags, merged->request);
  });

  AddOnTwo<v1::UnmergeNeedRequest, v1::UnmergeNeedResponse>(
      app, session, "unmerge", "AssignmentService/UnmergeNeed", "undoes a merge (撤销合并): the merged need is open again", "the need that was merged into it",
      &v1::UnmergeNeedRequest::mutable_merged, [](CLI::App* verb, auto& request) { AddText(verb, "--reason", *request.mutable_reason(), "why")->required(); });

  AddOnTwo<v1::LinkNeedsRequest, v1::LinkNeedsResponse>(
      app, session, "link", "AssignmentService/LinkNeeds", "says that two needs have to do with each other (关联), or takes that back", "the other need",
      &v1::LinkNeedsRequest::mutable_other, [](CLI::App* verb, auto& request) {
        verb->add_option_function<std::string>(
                "--kind",
                [&request](const std::string& word) {
                  request.set_kind(static_cast<v1::LinkKind>(ParseEnumWord(v1::LinkKind_descriptor(), word).value_or(0)));
                },
                "same-person, household, related")
            ->check(CLI::IsMember(EnumWords(v1::LinkKind_descriptor())))
            ->required();
        verb->add_flag_callback(
            "--remove", [&request] { request.set_remove(true); }, "takes the link away");
        AddText(verb, "--note", *request.mutable_note(), "in words");
      });
}

}  // namespace gridloop::cli
