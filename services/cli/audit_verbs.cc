// What happened, why, and which loops are open.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "gridloop/v1/audit_service.pb.h"

namespace gridloop::cli {
namespace {

std::string Clocks(const google::protobuf::RepeatedPtrField<v1::Deadline>& started) {
  std::string text;
  for (const auto& clock : started) {
    text += fmt::format("{}{} until {}", text.empty() ? "" : ", ", EnumWord(v1::ClockKind_descriptor(), clock.kind()), LocalTime(clock.due_time()));
  }
  return text;
}

void PrintRouting(const v1::RoutingReceipt& receipt) {
  fmt::print("    routing receipt: rule {} → {}\n", receipt.rule(),
             receipt.unit().empty() ? "the centre (" + EnumWord(v1::HeldReason_descriptor(), receipt.held_reason()) + ")" : receipt.unit());
  for (const auto& candidate : receipt.candidates()) fmt::print("      {} {}: {}\n", candidate.chosen() ? "*" : " ", candidate.unit(), candidate.reason());
}

void PrintReceipts(const v1::Event& event) {
  if (event.dispatched().has_receipt()) PrintRouting(event.dispatched().receipt());
  if (event.held().has_receipt()) PrintRouting(event.held().receipt());
  if (!event.offered().has_receipt()) return;
  const auto& receipt = event.offered().receipt();
  fmt::print("    offer receipt: {}{}\n", receipt.outside_opening_hours() ? "outside opening hours" : "in opening hours",
             receipt.duty_unit().empty() ? "" : ", duty of " + receipt.duty_unit());
  for (const auto& candidate : receipt.candidates()) {
    fmt::print("      {} {}: {} (load {}, {} matching skills{})\n", candidate.chosen() ? "*" : " ", candidate.worker(), candidate.reason(), candidate.load(),
               candidate.matching_skills(), candidate.on_duty() ? ", on duty" : "");
  }
  for (const auto& alert : event.offered().alerts())
    fmt::print("      ! rings: {}\n", alert.worker().empty() ? "units/" + alert.unit() : "workers/" + alert.worker());
}

std::string Bare(const std::string& principal, const std::string& worker) { return worker.empty() ? principal : worker; }

int ShowTimeline(Session& session, const std::string& need, bool receipts, bool explain) {
  v1::GetTimelineRequest request;
  request.set_name(NeedName(need));
  v1::GetTimelineResponse response;
  bool intact = true;
  request.set_page_size(200);
  do {
    v1::GetTimelineResponse page;
    if (auto called = session.Call("AuditService/GetTimeline", request, &page); !called) return session.Report(called.error());
    intact = intact && page.chain_intact();
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    response.MergeFrom(page);
  } while (!request.page_token().empty());
  response.set_chain_intact(intact);
  if (session.json()) {
    session.PrintJson(response);
    return response.chain_intact() ? kGood : kRefused;
  }
  fmt::print("{}  {}  chain {}\n\n", response.number(), response.name(), response.chain_intact() ? "intact" : "BROKEN");
  Table table({"V", "TIME (+08:00)", "EVENT", "STAGE AFTER", "OWNER", "BY", "CLOCKS STARTED"});
  for (const auto& entry : response.entries()) {
    std::string event = entry.type() == v1::EVENT_TYPE_UNSPECIFIED ? "—" : EnumWord(v1::EventType_descriptor(), entry.type());
    if (!entry.void_reason().empty()) event += " (void: " + entry.void_reason() + ")";
    table.Add({entry.version() == 0 ? "" : std::to_string(entry.version()), LocalTime(entry.log_time(), true), event,
               entry.stage_after() == v1::STAGE_UNSPECIFIED ? "" : EnumWord(v1::Stage_descriptor(), entry.stage_after()), BareName(entry.owner_after()),
               Bare(entry.actor().principal(), entry.actor().worker()), Clocks(entry.started())});
  }
  fmt::print("{}", table.Text());
  if (receipts || explain) fmt::print("\n");
  for (const auto& entry : response.entries()) {
    if (receipts && (entry.event().has_dispatched() || entry.event().has_held() || entry.event().has_offered())) {
      fmt::print("{} {}\n", entry.version(), EnumWord(v1::EventType_descriptor(), entry.type()));
      PrintReceipts(entry.event());
    }
    if (!explain) continue;
    for (const auto& clock : entry.started()) {
      v1::ExplainDeadlineRequest ask;
      ask.set_name(response.name());
      ask.set_event(entry.event_id());
      ask.set_kind(clock.kind());
      v1::ExplainDeadlineResponse answer;
      if (auto called = session.Call("AuditService/ExplainDeadline", ask, &answer); !called) return session.Report(called.error());
      fmt::print("{} {}: {}{}\n", entry.version(), EnumWord(v1::ClockKind_descriptor(), clock.kind()), answer.explanation(),
                 answer.reproduced() ? "" : " NOT the same when computed again!");
    }
  }
  return response.chain_intact() ? kGood : kRefused;
}

void AddDeadline(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("deadline", "what started a clock, what counted, when it ends");
  struct Flags {
    std::string need, event;
    v1::ClockKind kind = v1::CLOCK_KIND_UNSPECIFIED;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("need", flags->need, "its number or name")->required();
  AddEnum(verb, "--kind", flags->kind, v1::ClockKind_descriptor(), "which clock; the next one if not given");
  verb->add_option("--event", flags->event, "id of the event that started it: also a clock that runs no more");
  OnRun(verb, [&session, flags] {
    v1::ExplainDeadlineRequest request;
    request.set_name(NeedName(flags->need));
    request.set_kind(flags->kind);
    request.set_event(flags->event);
    v1::ExplainDeadlineResponse response;
    return session.CallAndShow("AuditService/ExplainDeadline", request, &response, [&] {
      fmt::print("{}\n{}\n", response.explanation(), response.explanation_zh());
      Table table({"COUNTED FROM (+08:00)", "TO"});
      for (const auto& span : response.counted()) table.Add({LocalTime(span.start_time()), LocalTime(span.end_time())});
      session.Print(table);
      fmt::print("{}\n", response.reproduced() ? "computed again: the same" : "computed again: NOT the same");
    });
  });
}

void AddLoops(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("loops", "open needs that are overdue, stuck or orphaned, or fall due before a time, each with its reason");
  struct Flags : ListFlags {
    v1::LoopProblem problem = v1::LOOP_PROBLEM_UNSPECIFIED;
    int64_t due_before_s = 0;
    bool holiday = false;
  };
  auto flags = std::make_shared<Flags>();
  AddEnum(verb, "--problem", flags->problem, v1::LoopProblem_descriptor(), "only this problem");
  auto* due_before = AddTime(verb, "--due-before", flags->due_before_s, "also what falls due before this");
  verb->add_flag("--holiday", flags->holiday, "also what falls due before the end of the next three or more days off")->excludes(due_before);
  AddListFlags(verb, *flags);
  OnRun(verb, [&session, flags] {
    auto once = [&session, flags] {
      v1::ListOpenLoopsRequest request;
      request.set_problem(flags->problem);
      request.set_through_holiday(flags->holiday);
      if (flags->due_before_s != 0) request.mutable_due_before()->set_seconds(flags->due_before_s);
      v1::ListOpenLoopsResponse all;
      return session.ListAndShow<v1::ListOpenLoopsResponse>(
          "AuditService/ListOpenLoops", request, flags->limit, &all, &v1::ListOpenLoopsResponse::mutable_loops, [&] {
            Table table({"NUMBER", "STAGE", "OWNER", "WORKER", "NEXT", "DUE (+08:00)", "WHY"});
            for (const auto& loop : all.loops()) {
              table.Add({loop.number(), loop.stage() == v1::STAGE_UNSPECIFIED ? "restricted" : EnumWord(v1::Stage_descriptor(), loop.stage()),
                         BareName(loop.owner()), BareName(loop.worker()), EnumWord(v1::ClockKind_descriptor(), loop.deadline().kind()),
                         LocalTime(loop.deadline().due_time()), fmt::format("{}", fmt::join(loop.reasons(), " "))});
            }
            session.Print(table);
            if (all.loops_size() == 0) fmt::print("no open loop has {}\n", flags->problem == v1::LOOP_PROBLEM_UNSPECIFIED ? "a problem" : "this problem");
          });
    };
    return flags->watch ? session.Repeat(flags->every_s, once) : once();
  });
}

void AddExport(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("export", "the events as logged, a line each; personal parts stay sealed, restricted needs show position and digest only");
  struct Flags {
    std::string from;
    int64_t most = 0;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("--from", flags->from, "position to start at; the beginning if not given");
  verb->add_option("--max", flags->most, "at most this many")->check(CLI::Range(int64_t{1}, int64_t{10'000'000}));
  OnRun(verb, [&session, flags] {
    v1::ExportEventsRequest request;
    request.set_from_position(flags->from);
    request.set_max_events(flags->most);
    auto client = session.Client();
    if (!client) return session.Report(client.error());
    v1::ExportEventsResponse record;
    auto ended = (*client)->ReadStream("gridloop.v1.AuditService/ExportEvents", request, &record, [&] {
      if (session.json()) {
        session.PrintJson(record, true);
        return true;
      }
      if (record.event().empty()) {
        fmt::print("{}  not shown, SHA-256 {}{}\n", record.position(), record.digest(), record.void_reason().empty() ? "" : "  void: " + record.void_reason());
        return true;
      }
      v1::Event event;
      bool read = event.ParseFromString(record.event());
      google::protobuf::Timestamp at;
      at.set_seconds(event.logged_at_us() / 1'000'000);
      fmt::print("{}  {}  {}  v{}  {}{}\n", record.position(), LocalTime(at, true), event.subject(), event.version(),
                 read ? EnumWord(v1::EventType_descriptor(), event.type()) : "unreadable",
                 record.void_reason().empty() ? "" : "  void: " + record.void_reason());
      return true;
    });
    return ended ? static_cast<int>(kGood) : session.Report(ended.error());
  });
}

}  // namespace

void AddAuditVerbs(CLI::App& app, Session& session) {
  auto* timeline = app.add_subcommand("timeline", "every step of a need");
  struct Flags {
    std::string need;
    bool receipts = false, explain = false;
  };
  auto flags = std::make_shared<Flags>();
  timeline->add_option("need", flags->need, "its number or name")->required();
  timeline->add_flag("--receipts", flags->receipts, "also why it went where it went");
  timeline->add_flag("--explain", flags->explain, "also every deadline in a sentence, computed again");
  OnRun(timeline, [&session, flags] { return ShowTimeline(session, flags->need, flags->receipts, flags->explain); });
  AddDeadline(app, session);
  AddLoops(app, session);
  AddExport(app, session);
}

}  // namespace gridloop::cli
