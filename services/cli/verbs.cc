#include "cli/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::cli {
namespace {

constexpr size_t kLongestTextBytes = 64 * 1024;  // the server's limits are in characters and much smaller

std::string ReadAll(std::istream& in) {
  std::string text(kLongestTextBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

std::string Join(const google::protobuf::RepeatedPtrField<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string Flags(const v1::Need& need) {
  std::string flags;
  auto add = [&flags](bool set, const std::string& word) {
    if (set) flags += (flags.empty() ? "" : ", ") + word;
  };
  add(need.restricted(), "restricted");
  add(need.bounces() > 0, fmt::format("bounced {}×", need.bounces()));
  add(need.escalation_level() > 0, fmt::format("escalated to level {}", need.escalation_level()));
  add(need.urgings() > 0, fmt::format("urged {}×", need.urgings()));
  add(need.conflicts() > 0, fmt::format("{} conflicts", need.conflicts()));
  add(need.offer().binding(), "binding");
  add(!need.information().empty(), "reporter asked");
  add(!need.extension().empty(), "extension asked for");
  add(need.supervision_notes() > 0, fmt::format("{} supervision notes", need.supervision_notes()));
  add(need.forgotten(), "forgotten");
  add(!need.transfer().empty(), "transfer to " + BareName(need.transfer_unit()));
  add(!need.hold().empty() && need.stage() != v1::STAGE_ON_HOLD, "hold asked for");
  const auto owed = std::ranges::count_if(need.obligations(), [](const v1::Obligation& each) { return each.has_deadline_time(); });
  add(owed > 0, fmt::format("joint plan: {} open", owed));
  add(need.held_reason() != v1::HELD_REASON_UNSPECIFIED, "held: " + EnumWord(v1::HeldReason_descriptor(), need.held_reason()));
  return flags;
}

}  // namespace

void OnRun(CLI::App* verb, std::function<int()> run) {
  verb->callback([run = std::move(run)] {
    if (int code = run(); code != kGood) throw CLI::RuntimeError(code);
  });
}

std::shared_ptr<CommandFlags> AddCommandFlags(CLI::App* verb) {
  auto flags = std::make_shared<CommandFlags>();
  verb->add_option("need", flags->need, "its number (260302-7KQ4M-X) or name (needs/…)")->required();
  verb->add_option("--request-id", flags->request_id, "the same on every retry of the same command; made up if not given");
  verb->add_option("--etag", flags->etag, "refuse if the need has changed since this version");
  return flags;
}

void AddListFlags(CLI::App* verb, ListFlags& flags) {
  verb->add_option("--limit", flags.limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str();
  verb->add_flag("--watch", flags.watch, "again and again, until it is stopped");
  verb->add_option("--every", flags.every_s, "with --watch: seconds between")->check(CLI::Range(1, 3600))->capture_default_str();
}

CLI::Option* AddText(CLI::App* verb, const std::string& flag, std::string& value, const std::string& help) {
  return verb->add_option_function<std::string>(
      flag,
      [&value, flag](const std::string& given) {
        value = given;
        if (given == "-") {
          value = ReadAll(std::cin);
        } else if (given.starts_with('@')) {
          std::ifstream file(given.substr(1), std::ios::binary);
          if (!file) throw CLI::ValidationError(flag, given.substr(1) + " cannot be read");
          value = ReadAll(file);
        }
      },
      help + "; - reads standard input, @FILE a file");
}

CLI::Option* AddEvidence(CLI::App* verb, std::vector<std::string>& digests) {
  return verb->add_option_function<std::vector<std::string>>(
      "--evidence",
      [&digests](const std::vector<std::string>& given) {
        for (const std::string& hex : given) {
          if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
            throw CLI::ValidationError("--evidence", hex + " is no SHA-256 in hex, 64 characters");
          }
          std::string& bytes = digests.emplace_back();
          for (size_t i = 0; i < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
        }
      },
      "SHA-256 of a file kept elsewhere, in hex; may be given several times");
}

CLI::Option* AddTime(CLI::App* verb, const std::string& flag, int64_t& seconds, const std::string& help) {
  return verb->add_option_function<std::string>(
      flag,
      [&seconds, flag](const std::string& given) {
        auto parsed = ParseLocalTime(given);
        if (!parsed) throw CLI::ValidationError(flag, given + " is no time; write 2026-03-02 09:00 (+08:00) or 2026-03-02T01:00:00Z");
        seconds = *parsed;
      },
      help + ", e.g. \"2026-03-02 09:00\"");
}

Expected<v1::Need> FindNeed(Session& session, const std::string& need, const std::string& purpose) {
  v1::AssignmentServiceGetNeedRequest request;
  request.set_name(NeedName(need));
  request.set_purpose(purpose);
  v1::AssignmentServiceGetNeedResponse response;
  if (auto called = session.Call("AssignmentService/GetNeed", request, &response); !called) return std::unexpected(called.error());
  return response.need();
}

Expected<std::string> FindName(Session& session, const std::string& need, bool as_reporter) {
  std::string name = NeedName(need);
  if (!name.starts_with("numbers/")) return name;
  if (!as_reporter) {
    auto found = FindNeed(session, need);
    if (!found) return std::unexpected(found.error());
    return found->name();
  }
  v1::IntakeServiceGetNeedRequest request;
  request.set_name(name);
  v1::IntakeServiceGetNeedResponse response;
  if (auto called = session.Call("IntakeService/GetNeed", request, &response); !called) return std::unexpected(called.error());
  return response.need().name();
}

Table NeedTable() { return Table({"NUMBER", "STAGE", "URGENCY", "UNIT", "WORKER", "PLACE", "NEXT", "DUE (+08:00)", "", "NOTES"}); }

void AddNeedRow(Session& session, const v1::Need& need, Table* table) {
  std::string next, due, left;
  if (need.deadlines_size() > 0) {
    const auto& deadline = need.deadlines(0);
    next = EnumWord(v1::ClockKind_descriptor(), deadline.kind());
    due = LocalTime(deadline.due_time());
    left = Relative(deadline.due_time().seconds(), session.NowSeconds());
  }
  bool known = need.stage() != v1::STAGE_UNSPECIFIED;
  table->Add({need.number(), known ? EnumWord(v1::Stage_descriptor(), need.stage()) : "—",
              need.urgency() == v1::URGENCY_UNSPECIFIED ? "—" : EnumWord(v1::Urgency_descriptor(), need.urgency()), BareName(need.unit()),
              BareName(need.worker().empty() ? need.offer().suggested_worker() : need.worker()), need.grid_code().empty() ? need.community() : need.grid_code(),
              next, due, left, Flags(need)});
}

void PrintNeed(Session& session, const v1::Need& need) {
  Table table({"FIELD", "VALUE"});
  auto add = [&table](const std::string& field, const std::string& value) {
    if (!value.empty()) table.Add({field, value});
  };
  add("number", need.number());
  add("name", need.name());
  if (need.stage() != v1::STAGE_UNSPECIFIED) add("stage", EnumWord(v1::Stage_descriptor(), need.stage()));
  if (need.urgency() != v1::URGENCY_UNSPECIFIED) add("urgency", EnumWord(v1::Urgency_descriptor(), need.urgency()));
  add("owner", need.owner());
  add("unit", need.unit());
  add("station", need.station());
  add("worker", need.worker());
  add("co-workers", Join(need.co_workers()));
  if (need.has_offer()) {
    add("offer", need.offer().id() + " until " + LocalTime(need.offer().expire_time()));
    add("suggested worker", need.offer().suggested_worker());
  }
  if (need.grade() != v1::GRADE_UNSPECIFIED) add("grade", EnumWord(v1::Grade_descriptor(), need.grade()));
  add("grid code", need.grid_code());
  add("community", need.community());
  add("proposed unit", need.proposed_unit());
  add("question to the reporter", need.information());
  if (!need.referral().empty())
    add(need.stage() == v1::STAGE_REFERRED_OUT ? "referred to" : "being referred to", need.referred_to() + " by " + need.referral());
  for (const auto& support : need.supports()) add("helped by", support.worker() + " of " + support.unit());
  if (!need.transfer().empty()) add("asked to take it over", need.transfer_unit() + " by " + need.transfer());
  if (need.has_reopen_limit_time()) add("may be reopened until", LocalTime(need.reopen_limit_time()));
  if (need.reopenings() > 0) add("reopened", fmt::format("{}×", need.reopenings()));
  if (need.after_visits() > 0) add("visits after the closing", fmt::format("{}", need.after_visits()));
  if (need.obligations_size() > 0) add("joint plan", fmt::format("{} obligations, of which joint-plan shows how far they are", need.obligations_size()));
  add("extension asked for", need.extension());
  add(need.stage() == v1::STAGE_ON_HOLD ? "on hold by" : "hold asked for", need.hold());
  if (!need.survivor().empty()) add("merged into", need.survivor());
  if (need.has_unmerge_limit_time()) add("merge may be undone until", LocalTime(need.unmerge_limit_time()));
  if (need.reporters() > 1) add("reporters", fmt::format("{}", need.reporters()));
  for (const auto& merged : need.merged()) add("goes on for", merged.need() + (merged.pending() ? "  (not settled yet)" : ""));
  for (const auto& link : need.links()) add("linked: " + EnumWord(v1::LinkKind_descriptor(), link.kind()), link.need());
  add("alerted", Join(need.alerted()));
  add("notes", Flags(need));
  if (need.has_submit_time()) add("submitted", LocalTime(need.submit_time(), true));
  if (need.has_end_time()) add("ended", LocalTime(need.end_time(), true));
  if (need.forgotten()) add("personal data", "forgotten" + (need.has_forget_time() ? " " + LocalTime(need.forget_time()) : std::string()) + " 已删除");
  if (need.closing_reason() != v1::CLOSING_REASON_UNSPECIFIED) add("closed as", EnumWord(v1::ClosingReason_descriptor(), need.closing_reason()));
  for (const auto& deadline : need.deadlines()) {
    add("due: " + EnumWord(v1::ClockKind_descriptor(), deadline.kind()), LocalTime(deadline.due_time()) + "  " +
                                                                             Relative(deadline.due_time().seconds(), session.NowSeconds()) + "  (" +
                                                                             deadline.rule() + (deadline.provisional() ? ", provisional" : "") + ")");
  }
  const auto& report = need.report();
  add("summary", report.summary());
  add("address", report.location().address());
  add("type", report.type());
  add("categories", Join(report.categories()));
  add("dangers", Join(report.dangers()));
  add("person", report.subject().display_name());
  add("person's phone", report.subject().phone());
  add("best reached", report.best_contact_time());
  add("reporter", report.reporter().display_name().empty() ? report.reporter().reference() : report.reporter().display_name());
  add("reporter's phone", report.reporter().phone());
  add("done already", report.actions_taken());
  add("informed already", report.informed_parties());
  add("etag", need.etag());
  session.Print(table);
}

}  // namespace gridloop::cli
