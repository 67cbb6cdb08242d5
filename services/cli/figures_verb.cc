// A month's figures.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "cli/figures_sheet.h"
#include "cli/verbs.h"
#include "gridloop/v1/audit_service.pb.h"

namespace gridloop::cli {
namespace {

std::string Locale() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

void Show(Session& session, const v1::GetFiguresResponse& figures, Language language) {
  const bool chinese = language == Language::kChinese;
  fmt::print("{}  {}\n", figures.display_name(), BareName(figures.name()));
  if (!figures.month_ended()) fmt::print("{}\n", chinese ? "本月尚未结束，数据仍会变化" : "the month goes on, and the figures with it");
  for (const auto& freeze : figures.freezes()) {
    fmt::print(fmt::runtime(chinese ? "第 {} 次定稿：{}，日志位置 {}\n" : "frozen the {}. time: {}, log position {}\n"), freeze.number(),
               LocalTime(freeze.freeze_time()), freeze.position());
  }
  if (figures.freezes().empty()) {
    fmt::print(fmt::runtime(chinese ? "未定稿，统计至日志位置 {}\n" : "not frozen, counted up to log position {}\n"), figures.position());
  } else {
    fmt::print(fmt::runtime(chinese ? "定稿后更正 {} 行，统计至日志位置 {}\n" : "{} lines have changed since, counted up to log position {}\n"),
               figures.corrections_size(), figures.corrected_position());
  }
  auto rows = FigureRows(figures, language);
  Table table(rows.front());
  for (size_t i = 1; i < rows.size(); ++i) table.Add(rows[i]);
  fmt::print("\n");
  session.Print(table);
}

}  // namespace

void AddFiguresVerbs(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("figures", "a month's figures; once frozen, as they were frozen, and what has changed since");
  struct Flags {
    std::string month, station, output, language;
    int freeze = 0;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("--month", flags->month, "YYYY-MM")->required();
  verb->add_option("--station", flags->station, "only this station's, or the centre's own; the whole city if not given, for a head the own station");
  verb->add_option("--freeze", flags->freeze, "as this freeze recorded them, the first being 1; the last one if not given")->check(CLI::Range(1, 1000));
  verb->add_option("-o,--output", flags->output, "table, json, or csv for an office program")->check(CLI::IsMember({"table", "json", "csv"}));
  verb->add_option("--lang", flags->language, "headings in en or zh; by LC_ALL, LC_MESSAGES or LANG if not given")->check(CLI::IsMember({"en", "zh"}));
  OnRun(verb, [&session, flags] {
    v1::GetFiguresRequest request;
    request.set_name("figures/" + flags->month);
    request.set_station(UnitName(flags->station));
    request.set_freeze(flags->freeze);
    const Language language = LanguageOf(flags->language.empty() ? Locale() : flags->language);
    v1::GetFiguresResponse response;
    if (auto called = session.Call("AuditService/GetFigures", request, &response); !called) return session.Report(called.error());
    if (flags->output == "csv") {
      fmt::print("{}", FiguresCsv(response, language));
    } else if (flags->output == "json" || (flags->output.empty() && session.json())) {
      session.PrintJson(response);
    } else {
      Show(session, response, language);
    }
    std::fflush(stdout);
    return static_cast<int>(kGood);
  });

  auto* freeze = app.add_subcommand("freeze-figures", "writes the figures of a month that has ended into the log; again: as a numbered correction");
  struct Freeze {
    std::string month, request_id, etag;
  };
  auto freezing = std::make_shared<Freeze>();
  freeze->add_option("--month", freezing->month, "YYYY-MM")->required();
  freeze->add_option("--request-id", freezing->request_id, "the same on every retry of the same command; made up if not given");
  freeze->add_option("--etag", freezing->etag, "refuse if the number of the last freeze is another one");
  OnRun(freeze, [&session, freezing] {
    v1::FreezeFiguresRequest request;
    request.set_name("figures/" + freezing->month);
    request.set_request_id(session.RequestId(freezing->request_id));
    request.set_etag(freezing->etag);
    v1::FreezeFiguresResponse response;
    return session.CallAndShow("AuditService/FreezeFigures", request, &response, [&] {
      fmt::print("{} frozen, number {}{}\n", freezing->month, response.outcome().version(), response.outcome().replayed() ? "  (was done already)" : "");
    });
  });
}

}  // namespace gridloop::cli
