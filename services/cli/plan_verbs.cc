// Joint service action plans (联合服务行动计划): the lead's verbs, and those of a department's own system.
#include <fmt/format.h>

#include <charconv>

#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/department_service.pb.h"

namespace gridloop::cli {
namespace {

constexpr int kMostLookedThrough = 100'000;

// "30 natural-days".
std::string ParseRecurrence(const std::string& text, v1::Limit* limit) {
  const size_t space = text.find(' ');
  int amount = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + std::min(space, text.size()), amount);
  std::optional<int> unit;
  if (space != std::string::npos) unit = ParseEnumWord(v1::LimitUnit_descriptor(), std::string_view(text).substr(space + 1));
  if (wrong != std::errc{} || !unit || end != text.data() + space) return text + " is no span; write \"30 natural-days\" or \"5 working-days\"";
  limit->set_amount(amount);
  limit->set_unit(static_cast<v1::LimitUnit>(*unit));
  return {};
}

std::string SpanText(const v1::Limit& limit) { return fmt::format("{} {}", limit.amount(), EnumWord(v1::LimitUnit_descriptor(), limit.unit())); }

// Status and party in both languages: partners read one, the centre's staff the other.
std::string StatusText(v1::ObligationStatus status) {
  static constexpr const char* kChinese[] = {"", "待答复", "已接受", "已谢绝", "已完成", "已免除", "已改派", "已终止"};
  const auto number = static_cast<size_t>(status);
  return EnumWord(v1::ObligationStatus_descriptor(), status) + (number < std::size(kChinese) ? std::string(" ") + kChinese[number] : std::string());
}

Table ObligationTable() { return Table({"OBLIGATION", "PARTY", "STATUS", "NEXT STEP DUE (+08:00)", "", "WORK DUE", "EVERY", "DONE", "REPORTS"}); }

void AddObligationRow(Session& session, const v1::Obligation& obligation, Table* table) {
  const bool waits = obligation.has_deadline_time();
  table->Add({obligation.id(), obligation.party(), StatusText(obligation.status()), waits ? LocalTime(obligation.deadline_time()) : "",
              waits ? Relative(obligation.deadline_time().seconds(), session.NowSeconds()) : "", LocalTime(obligation.due_time()),
              obligation.has_recurrence() ? SpanText(obligation.recurrence()) : "", fmt::format("{}", obligation.fulfilments()),
              fmt::format("{}", obligation.reports())});
}

// What waits for the caller's department in this need, named in full or by its number.
Expected<v1::DepartmentNeed> FindOwn(Session& session, const std::string& need) {
  v1::ListObligationsResponse all;
  if (auto listed = session.List("DepartmentService/ListObligations", v1::ListObligationsRequest(), kMostLookedThrough, &all,
                                 &v1::ListObligationsResponse::mutable_needs);
      !listed) {
    return std::unexpected(listed.error());
  }
  for (const auto& each : all.needs()) {
    if (each.name() == NeedName(need) || each.number() == need) return each;
  }
  return Fail(Code::kNotFound, "NEED_NOT_FOUND", "Nothing of this need waits for your department; `obligations` shows what does.",
              "该需求没有待贵部门办理的任务。");
}

// A name that begins with needs/ is known; a number is looked up.
Expected<std::string> FindOwnName(Session& session, const std::string& need) {
  if (NeedName(need).starts_with("needs/")) return NeedName(need);
  auto found = FindOwn(session, need);
  if (!found) return std::unexpected(found.error());
  return found->name();
}

// The one obligation with this status.
template <class Obligations>
Expected<std::string> OnlyOne(const Obligations& obligations, const std::vector<v1::ObligationStatus>& wanted) {
  std::string found;
  std::string all;
  int count = 0;
  for (const auto& each : obligations) {
    if (std::ranges::find(wanted, each.status()) == wanted.end()) continue;
    ++count;
    found = each.id();
    all += (all.empty() ? "" : ", ") + each.id() + " of " + each.party();
  }
  if (count == 1) return found;
  if (count == 0) {
    return Fail(Code::kFailedPrecondition, "NOTHING_OPEN",
                "No obligation of this plan waits for that. To repeat what was sent before, give its --obligation too.", "没有待处理的任务。");
  }
  return Fail(Code::kFailedPrecondition, "SEVERAL_OPEN", "Several obligations wait for that; say which with --obligation: " + all + ".",
              "有多项任务，请用 --obligation 指明。");
}

void AddPropose(CLI::App& app, Session& session) {
  struct Flags {
    v1::ProposeObligationRequest request;
    std::string every;
    std::vector<std::string> share;
    int64_t due_s = 0;
    int64_t until_s = 0;
  };
  auto* verb = app.add_subcommand("propose-obligation", "asks a party of the joint plan (联合服务行动计划) for something");
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  verb->add_option("--party", *flags->request.mutable_party(), "departments/education, organisations/…, communities/… (12 digits), roles/community-police")
      ->required();
  AddText(verb, "--text", *flags->request.mutable_text(), "what it is to do")->required();
  AddTime(verb, "--due", flags->due_s, "when it is to be done, of what recurs the first time")->required();
  verb->add_option("--every", flags->every, "it recurs: \"30 natural-days\", \"5 working-days\"");
  AddTime(verb, "--until", flags->until_s, "with --every: nothing is due after this");
  verb->add_option("--share", flags->share, "a field of the report that it gets to see: summary, location, subject.display_name …; may be given several times");
  verb->add_option("--replaces", *flags->request.mutable_replaces(), "id of the obligation whose place it takes");
  OnRun(verb, [&session, flags, command] {
    auto& request = flags->request;
    request.mutable_due_time()->set_seconds(flags->due_s);
    if (!flags->every.empty()) {
      if (auto wrong = ParseRecurrence(flags->every, request.mutable_recurrence()); !wrong.empty()) throw CLI::ValidationError("--every", wrong);
    }
    if (flags->until_s != 0) request.mutable_end_time()->set_seconds(flags->until_s);
    for (const auto& field : flags->share) request.add_shared_fields(field);
    return RunCommand<v1::ProposeObligationResponse>(session, "AssignmentService/ProposeObligation", *command, request);
  });
}

struct AnswerFlags {
  std::string obligation, name, text, on_behalf;
  std::vector<std::string> evidence;  // bytes
  bool as_department = false;
};

// Copies what the request has a field for.
template <class Request>
void Fill(const AnswerFlags& flags, Request* request) {
  if constexpr (requires { request->set_text(""); }) request->set_text(flags.text);
  if constexpr (requires { request->set_reason(""); }) request->set_reason(flags.text);
  if constexpr (requires { request->set_on_behalf(""); }) request->set_on_behalf(flags.on_behalf);
  if constexpr (requires { request->add_evidence_sha256(""); }) {
    for (const auto& digest : flags.evidence) request->add_evidence_sha256(digest);
  }
}

// A verb on an open obligation. Staff answer for a party; with --as-department the department answers for itself.
template <class Staff, class StaffResponse, class Own, class OwnResponse>
void AddAnswer(CLI::App& app, Session& session, const std::string& name, const std::string& help, const std::string& staff_method,
               const std::string& own_method, v1::ObligationStatus wanted, const std::string& text_flag, bool evidence) {
  auto* verb = app.add_subcommand(name, help);
  auto flags = std::make_shared<AnswerFlags>();
  auto command = AddCommandFlags(verb);
  verb->add_option("--obligation", flags->obligation, "its id; the only one that waits for this if not given");
  if (!text_flag.empty()) AddText(verb, text_flag, flags->text, text_flag == "--reason" ? "why" : "what was done")->required();
  if (evidence) {
    AddEvidence(verb, flags->evidence);
  }
  auto* itself = verb->add_flag("--as-department", flags->as_department, "with a department's own credential");
  verb->add_option("--name", flags->name, "needs/…, to repeat what was sent before: by its number a department finds only what waits for it yet")
      ->needs(itself);
  AddText(verb, "--on-behalf", flags->on_behalf, "on whose word; the centre says why a department does not answer itself")->excludes(itself);
  OnRun(verb, [=, &session] {
    if (flags->as_department) {
      Own request;
      Fill(*flags, &request);
      request.set_obligation(flags->obligation);
      request.set_name(flags->name);
      if (flags->obligation.empty()) {
        auto need = FindOwn(session, flags->name.empty() ? command->need : flags->name);
        if (!need) return session.Report(need.error());
        auto id = OnlyOne(need->obligations(), {wanted});
        if (!id) return session.Report(id.error());
        request.set_name(need->name());
        request.set_obligation(*id);
        session.Resolved("--obligation", *id);
        session.Resolved("--name", need->name());
      } else if (flags->name.empty()) {
        auto found = FindOwnName(session, command->need);
        if (!found) return session.Report(found.error());
        request.set_name(*found);
        session.Resolved("--name", *found);
      }
      return RunCommand<OwnResponse>(session, own_method, *command, request);
    }
    Staff request;
    Fill(*flags, &request);
    request.set_obligation(flags->obligation);
    if (flags->obligation.empty()) {
      auto need = FindNeed(session, command->need);
      if (!need) return session.Report(need.error());
      auto id = OnlyOne(need->obligations(), {wanted});
      if (!id) return session.Report(id.error());
      request.set_name(need->name());
      request.set_obligation(*id);
      session.Resolved("--obligation", *id);
    }
    return RunCommand<StaffResponse>(session, staff_method, *command, request);
  });
}

void AddAnswers(CLI::App& app, Session& session) {
  AddAnswer<v1::AcceptObligationRequest, v1::AcceptObligationResponse, v1::DepartmentServiceAcceptObligationRequest,
            v1::DepartmentServiceAcceptObligationResponse>(app, session, "accept-obligation", "accepts what a party is asked for (接受分工)",
                                                           "AssignmentService/AcceptObligation", "DepartmentService/AcceptObligation",
                                                           v1::OBLIGATION_STATUS_PROPOSED, "", false);
  AddAnswer<v1::DeclineObligationRequest, v1::DeclineObligationResponse, v1::DepartmentServiceDeclineObligationRequest,
            v1::DepartmentServiceDeclineObligationResponse>(app, session, "decline-obligation", "declines it (谢绝分工): whoever leads asks somebody else",
                                                            "AssignmentService/DeclineObligation", "DepartmentService/DeclineObligation",
                                                            v1::OBLIGATION_STATUS_PROPOSED, "--reason", false);
  AddAnswer<v1::RecordObligationProgressRequest, v1::RecordObligationProgressResponse, v1::DepartmentServiceRecordObligationProgressRequest,
            v1::DepartmentServiceRecordObligationProgressResponse>(app, session, "progress", "tells how far a party has got (进展)",
                                                                   "AssignmentService/RecordObligationProgress", "DepartmentService/RecordObligationProgress",
                                                                   v1::OBLIGATION_STATUS_ACCEPTED, "--text", true);
  AddAnswer<v1::FulfilObligationRequest, v1::FulfilObligationResponse, v1::DepartmentServiceFulfilObligationRequest,
            v1::DepartmentServiceFulfilObligationResponse>(app, session, "fulfil", "tells that a party has done it (完成); what recurs is due again",
                                                           "AssignmentService/FulfilObligation", "DepartmentService/FulfilObligation",
                                                           v1::OBLIGATION_STATUS_ACCEPTED, "--text", true);

  auto* waive = app.add_subcommand("waive", "the centre releases a party (免除)");
  auto waived = std::make_shared<v1::WaiveObligationRequest>();
  auto command = AddCommandFlags(waive);
  waive->add_option("--obligation", *waived->mutable_obligation(), "its id; the only open one if not given");
  AddText(waive, "--reason", *waived->mutable_reason(), "why")->required();
  OnRun(waive, [&session, waived, command] {
    if (waived->obligation().empty()) {
      auto need = FindNeed(session, command->need);
      if (!need) return session.Report(need.error());
      auto id = OnlyOne(need->obligations(), {v1::OBLIGATION_STATUS_PROPOSED, v1::OBLIGATION_STATUS_ACCEPTED, v1::OBLIGATION_STATUS_DECLINED});
      if (!id) return session.Report(id.error());
      waived->set_name(need->name());
      waived->set_obligation(*id);
      session.Resolved("--obligation", *id);
    }
    return RunCommand<v1::WaiveObligationResponse>(session, "AssignmentService/WaiveObligation", *command, *waived);
  });
}

void PrintOwn(Session& session, const v1::OwnObligation& own) {
  fmt::print("\n{}\n{}\n", own.id(), own.text());
  if (!own.last_report().empty()) fmt::print("told last: {}\n", own.last_report());
  if (own.shared_fields().empty()) return;
  const auto& report = own.report();
  Table table({"SHARED", "VALUE"});
  auto add = [&table](const std::string& field, const std::string& value) {
    if (!value.empty()) table.Add({field, value});
  };
  auto join = [](const auto& parts) { return fmt::format("{}", fmt::join(parts, ", ")); };
  const auto& person = report.subject();
  add("summary", report.summary());
  add("grid code", report.location().grid_code());
  add("address", report.location().address());
  add("institution", report.location().institution());
  add("type", report.type());
  add("categories", join(report.categories()));
  add("dangers", join(report.dangers()));
  add("best reached", report.best_contact_time());
  if (report.consent() != v1::CONSENT_UNSPECIFIED) add("consent", EnumWord(v1::Consent_descriptor(), report.consent()));
  add("person", person.display_name());
  if (person.sex() != v1::SEX_UNSPECIFIED) add("sex", EnumWord(v1::Sex_descriptor(), person.sex()));
  if (person.birth_year() != 0) add("born", fmt::format("{}", person.birth_year()));
  add("person's phone", person.phone());
  add("identity number", person.identity_number());
  add("residence", person.residence());
  add("guardian", person.guardian());
  for (const auto& contact : person.contacts()) add("contact", contact.display_name() + " " + contact.relation() + " " + contact.phone());
  session.Print(table);
}

void AddPlan(CLI::App& app, Session& session) {
  struct Flags {
    std::string need, purpose;
    bool as_department = false;
  };
  auto* verb = app.add_subcommand("joint-plan", "who owes what to the joint plan of a need (联合服务行动计划), and how far it is");
  auto flags = std::make_shared<Flags>();
  verb->add_option("need", flags->need, "its number (260302-7KQ4M-X) or name (needs/…)")->required();
  verb->add_option("--purpose", flags->purpose, "with --as-department: why its texts and shared fields are read; without one they are not shown");
  verb->add_flag("--as-department", flags->as_department, "with a department's own credential");
  OnRun(verb, [&session, flags] {
    if (!flags->as_department) {
      auto need = FindNeed(session, flags->need);
      if (!need) return session.Report(need.error());
      if (session.json()) {
        session.PrintJson(*need);
        return static_cast<int>(kGood);
      }
      fmt::print("{} led by {}\n", need->number(), need->owner());
      Table table = ObligationTable();
      for (const auto& each : need->obligations()) AddObligationRow(session, each, &table);
      session.Print(table);
      return static_cast<int>(kGood);
    }
    v1::GetPlanRequest request;
    auto found = FindOwnName(session, flags->need);
    if (!found) return session.Report(found.error());
    request.set_name(*found);
    request.set_purpose(flags->purpose);
    v1::GetPlanResponse response;
    return session.CallAndShow("DepartmentService/GetPlan", request, &response, [&] {
      fmt::print("{} led by {} {} {}\n", response.number(), response.lead(), response.lead_display_name(), response.lead_phone());
      Table table = ObligationTable();
      for (const auto& each : response.obligations()) AddObligationRow(session, each, &table);
      session.Print(table);
      for (const auto& own : response.own()) PrintOwn(session, own);
    });
  });
}

void AddObligations(CLI::App& app, Session& session) {
  struct Flags {
    std::string resume;
    int limit = 200;
    bool watch = false;
  };
  auto* verb = app.add_subcommand("obligations", "what waits for the caller's department, next deadline first");
  auto flags = std::make_shared<Flags>();
  verb->add_option("--limit", flags->limit, "at most this many needs")->check(CLI::Range(1, 100'000))->capture_default_str();
  auto* watch = verb->add_flag("--watch", flags->watch, "shows what is there, then each change as it comes, until it is stopped");
  verb->add_option("--resume", flags->resume, "with --watch: the last resume_token seen")->needs(watch);
  OnRun(verb, [&session, flags] {
    if (flags->watch) {
      return session.Watch<v1::WatchObligationsRequest, v1::WatchObligationsResponse>(
          "DepartmentService/WatchObligations", v1::WatchObligationsRequest(), flags->resume, [&session](const v1::WatchObligationsResponse& change) {
            if (session.json()) return session.PrintJson(change, true);
            if (change.removed()) fmt::print("removed {}\n", change.need().number());
            for (const auto& each : change.need().obligations()) {
              fmt::print("{} {} {} due {} lead {}\n", change.need().number(), each.id(), StatusText(each.status()), LocalTime(each.deadline_time()),
                         change.need().lead_display_name());
            }
            std::fflush(stdout);
          });
    }
    v1::ListObligationsResponse all;
    return session.ListAndShow<v1::ListObligationsResponse>(
        "DepartmentService/ListObligations", v1::ListObligationsRequest(), flags->limit, &all, &v1::ListObligationsResponse::mutable_needs, [&] {
          Table table({"NUMBER", "OBLIGATION", "STATUS", "NEXT STEP DUE (+08:00)", "", "LEAD", "PHONE"});
          for (const auto& need : all.needs()) {
            for (const auto& each : need.obligations()) {
              table.Add({need.number(), each.id(), StatusText(each.status()), LocalTime(each.deadline_time()),
                         Relative(each.deadline_time().seconds(), session.NowSeconds()), need.lead_display_name(), need.lead_phone()});
            }
          }
          session.Print(table);
          if (all.needs_size() == 0) fmt::print("nothing waits for your department\n");
        });
  });
}

}  // namespace

void AddPlanVerbs(CLI::App& app, Session& session) {
  AddPlan(app, session);
  AddPropose(app, session);
  AddAnswers(app, session);
  AddObligations(app, session);
}

}  // namespace gridloop::cli
