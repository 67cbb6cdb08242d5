// What the centre does: its queue, its dispatches, and why a need goes where it goes.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "gridloop/v1/routing_service.pb.h"

namespace gridloop::cli {
namespace {

void PrintReceipt(Session& session, const v1::RoutingReceipt& receipt) {
  std::string mode = EnumWord(v1::DispatchMode_descriptor(), receipt.mode());
  if (receipt.unit().empty()) {
    fmt::print("to the centre: {} (rule {})\n", EnumWord(v1::HeldReason_descriptor(), receipt.held_reason()), receipt.rule());
  } else {
    fmt::print("to {} of {} by rule {}; mode {}{}\n", receipt.unit(), receipt.station(), receipt.rule(), mode,
               receipt.mode_rule().empty() ? "" : " by " + receipt.mode_rule());
  }
  Table table({"", "UNIT", "WHY"});
  for (const auto& candidate : receipt.candidates()) table.Add({candidate.chosen() ? "*" : "", candidate.unit(), candidate.reason()});
  session.Print(table);
}

void AddHeld(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("held", "what waits for the centre, next deadline first");
  auto flags = std::make_shared<ListFlags>();
  AddListFlags(verb, *flags);
  OnRun(verb, [&session, flags] {
    auto once = [&session, flags] {
      v1::ListHeldNeedsResponse all;
      return session.ListAndShow<v1::ListHeldNeedsResponse>("RoutingService/ListHeldNeeds", v1::ListHeldNeedsRequest(), flags->limit, &all,
                                                            &v1::ListHeldNeedsResponse::mutable_needs, [&] {
                                                              Table table = NeedTable();
                                                              for (const auto& need : all.needs()) AddNeedRow(session, need, &table);
                                                              session.Print(table);
                                                              if (all.needs_size() == 0) fmt::print("nothing waits for the centre\n");
                                                            });
    };
    return flags->watch ? session.Repeat(flags->every_s, once) : once();
  });
}

// Fills name and `held` by what the need is now, unless the caller named it.
template <class Request>
Expected<void> FillHeld(Session& session, const CommandFlags& flags, Request* request) {
  if (!request->held().empty()) return {};
  auto need = FindNeed(session, flags.need);
  if (!need) return std::unexpected(need.error());
  if (need->held().empty()) {
    return Fail(Code::kFailedPrecondition, "NOT_HELD",
                "This need does not wait for the centre; recall takes it back. To repeat what was sent before, give its --held too.", "该需求不在中心待处理。");
  }
  request->set_name(need->name());
  request->set_held(need->held());
  session.Resolved("--held", need->held());
  return {};
}

void AddDispatches(CLI::App& app, Session& session) {
  auto* confirm = app.add_subcommand("confirm", "confirms the proposed unit");
  auto confirmed = std::make_shared<v1::ConfirmDispatchRequest>();
  auto confirm_flags = AddCommandFlags(confirm);
  confirm->add_option("--held", *confirmed->mutable_held(), "the decision it answers; the one that waits if not given");
  OnRun(confirm, [&session, confirmed, confirm_flags] {
    if (auto filled = FillHeld(session, *confirm_flags, confirmed.get()); !filled) return session.Report(filled.error());
    return RunCommand<v1::ConfirmDispatchResponse>(session, "RoutingService/ConfirmDispatch", *confirm_flags, *confirmed);
  });

  auto* dispatch = app.add_subcommand("dispatch", "the centre's own choice of a unit; binding after the second bounce");
  auto dispatched = std::make_shared<v1::DispatchNeedRequest>();
  auto unit = std::make_shared<std::string>();
  auto dispatch_flags = AddCommandFlags(dispatch);
  dispatch->add_option("--unit", *unit, "s01, r-…")->required();
  AddText(dispatch, "--reason", *dispatched->mutable_reason(), "why this one")->required();
  dispatch->add_option("--held", *dispatched->mutable_held(), "the decision it answers; the one that waits if not given");
  OnRun(dispatch, [&session, dispatched, unit, dispatch_flags] {
    dispatched->set_unit(UnitName(*unit));
    if (auto filled = FillHeld(session, *dispatch_flags, dispatched.get()); !filled) return session.Report(filled.error());
    return RunCommand<v1::DispatchNeedResponse>(session, "RoutingService/DispatchNeed", *dispatch_flags, *dispatched);
  });

  auto* recall = app.add_subcommand("recall", "takes an open need back to the centre (收回)");
  auto recalled = std::make_shared<v1::RecallNeedRequest>();
  auto recall_flags = AddCommandFlags(recall);
  AddText(recall, "--reason", *recalled->mutable_reason(), "why")->required();
  OnRun(recall,
        [&session, recalled, recall_flags] { return RunCommand<v1::RecallNeedResponse>(session, "RoutingService/RecallNeed", *recall_flags, *recalled); });
}

void AddRoutes(CLI::App& app, Session& session) {
  auto* explain = app.add_subcommand("explain-route", "where such a need would go, and why not elsewhere; nothing is written");
  struct Flags {
    v1::RoutingInputs inputs;
    std::vector<std::string> categories, dangers;
    v1::Urgency urgency = v1::URGENCY_ROUTINE;
    v1::Source source = v1::SOURCE_UNSPECIFIED;
    int64_t at_s = 0;
  };
  auto flags = std::make_shared<Flags>();
  explain->add_option("--grid-code", *flags->inputs.mutable_grid_code(), "grid cell, alias or community");
  explain->add_option("--institution", *flags->inputs.mutable_institution(), "id of a school or the like");
  explain->add_option("--type", *flags->inputs.mutable_type(), "id from the directory");
  explain->add_option("--category", flags->categories, "id from the directory; may be given several times");
  explain->add_option("--danger", flags->dangers, "id from the directory; may be given several times");
  AddEnum(explain, "--urgency", flags->urgency, v1::Urgency_descriptor(), "routine, urgent, crisis");
  AddEnum(explain, "--source", flags->source, v1::Source_descriptor(), "how it was found");
  AddTime(explain, "--at", flags->at_s, "when; now if not given");
  OnRun(explain, [&session, flags] {
    v1::ExplainRouteRequest request;
    auto& inputs = *request.mutable_inputs();
    inputs = flags->inputs;
    for (const auto& id : flags->categories) inputs.add_categories(id);
    for (const auto& id : flags->dangers) inputs.add_dangers(id);
    inputs.set_urgency(flags->urgency);
    inputs.set_source(flags->source);
    if (flags->at_s != 0) inputs.mutable_decision_time()->set_seconds(flags->at_s);
    v1::ExplainRouteResponse response;
    return session.CallAndShow("RoutingService/ExplainRoute", request, &response, [&] { PrintReceipt(session, response.receipt()); });
  });

  auto* replay = app.add_subcommand("replay-route", "computes a stored receipt again: the same, or what differs");
  struct Replayed {
    std::string need;
    uint64_t version = 0;
  };
  auto replayed = std::make_shared<Replayed>();
  replay->add_option("need", replayed->need, "its number or name")->required();
  replay->add_option("--version", replayed->version, "of the dispatch; the last one if not given");
  OnRun(replay, [&session, replayed] {
    auto name = FindName(session, replayed->need);
    if (!name) return session.Report(name.error());
    v1::ReplayRouteRequest request;
    request.set_name(*name);
    request.set_version(replayed->version);
    v1::ReplayRouteResponse response;
    int code = session.CallAndShow("RoutingService/ReplayRoute", request, &response, [&] {
      PrintReceipt(session, response.stored());
      fmt::print("{}\n",
                 response.same() ? "computed again: the same" : fmt::format("computed again: differs in {}", fmt::join(response.differing_fields(), ", ")));
    });
    return code != kGood ? code : response.same() ? static_cast<int>(kGood) : static_cast<int>(kRefused);
  });
}

}  // namespace

void AddCentreVerbs(CLI::App& app, Session& session) {
  AddHeld(app, session);
  AddDispatches(app, session);
  AddRoutes(app, session);
}

}  // namespace gridloop::cli
