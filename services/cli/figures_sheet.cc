#include "cli/figures_sheet.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "cli/words.h"

namespace gridloop::cli {
namespace {

using Words = std::pair<const char*, const char*>;  // English, Chinese

std::string In(Language language, const Words& words) { return language == Language::kChinese ? words.second : words.first; }

std::string FigureWord(v1::Figure figure, Language language) {
  static const std::map<v1::Figure, Words> kWords = {
      {v1::FIGURE_NEEDS, {"needs reported", "受理需求（件）"}},
      {v1::FIGURE_NEEDS_BY_SOURCE, {"needs by source", "按来源"}},
      {v1::FIGURE_NEEDS_BY_TYPE, {"needs by type", "按需求类型"}},
      {v1::FIGURE_NEEDS_BY_CATEGORY, {"needs by category", "按人群类别"}},
      {v1::FIGURE_NEEDS_BY_TOWN, {"needs by town", "按镇（街道）"}},
      {v1::FIGURE_NEEDS_BY_COMMUNITY, {"needs by community", "按社区（村）"}},
      {v1::FIGURE_CRISES, {"crises", "危机（件）"}},
      {v1::FIGURE_RESTRICTED, {"restricted needs", "保密需求（件）"}},
      {v1::FIGURE_ACCEPTED, {"accepted", "接单（件）"}},
      {v1::FIGURE_ACCEPTED_IN_TIME, {"accepted in time", "按时接单（件）"}},
      {v1::FIGURE_ASSESSED, {"assessed", "初步评估（件）"}},
      {v1::FIGURE_ASSESSED_IN_TIME, {"assessed in time", "按时评估（件）"}},
      {v1::FIGURE_BOUNCED, {"bounced", "退单（次）"}},
      {v1::FIGURE_CLOSED, {"closed", "结案（件）"}},
      {v1::FIGURE_CLOSED_BY_REASON, {"closed by reason", "按结案原因"}},
      {v1::FIGURE_WITHDRAWN, {"withdrawn", "撤销上报（件）"}},
      {v1::FIGURE_REOPENED, {"reopened", "重新办理（件）"}},
      {v1::FIGURE_SERVICES, {"services given", "服务（次）"}},
      {v1::FIGURE_EMERGENCIES, {"emergency actions", "紧急处置（次）"}},
      {v1::FIGURE_AFTER_VISITS, {"after-closing visits", "回访（次）"}},
      {v1::FIGURE_SATISFACTION, {"satisfaction", "满意度（1–5分）"}},
      {v1::FIGURE_OPEN, {"open at the month's end", "月末在办（件）"}},
      {v1::FIGURE_CASELOAD_BY_WORKER, {"caseload by worker", "按社工在办"}},
      {v1::FIGURE_CASELOAD_BY_ORGANISATION, {"caseload by organisation", "按社会组织在办"}},
      {v1::FIGURE_TIME_TO_ACCEPT, {"from report to acceptance", "上报至接单"}},
      {v1::FIGURE_TIME_TO_ASSESS, {"from report to assessment", "上报至评估"}},
      {v1::FIGURE_TIME_TO_CLOSE, {"from report to closing", "上报至结案"}},
      {v1::FIGURE_REFERRED_OUT, {"referred out", "转介（件）"}},
      {v1::FIGURE_SILENT_COMMUNITIES, {"communities that reported nothing", "无上报的社区（村）"}},
  };
  auto found = kWords.find(figure);
  return found == kWords.end() ? EnumWord(v1::Figure_descriptor(), figure) : In(language, found->second);  // a newer server's
}

// Keys that are words of the API, not ids of the directory.
std::string KeyWord(const v1::FigureLine& line, Language language) {
  static const std::map<std::string, const char*> kChinese = {
      {"patrol", "巡查"},      {"visit", "走访"},          {"walk-in", "来访"},       {"letter", "来信"},       {"hotline", "热线"},
      {"referral", "转介"},    {"self-found", "自主发现"}, {"goals-met", "目标达成"}, {"answered", "即时办结"}, {"referred-out", "已转介"},
      {"refused", "拒绝服务"}, {"lost-contact", "失联"},   {"not-found", "查无此人"}, {"moved", "迁出"},        {"died", "死亡"},
      {"unfounded", "不属实"}, {"closing", "结案时"},      {"after-visit", "回访时"}, {"none", "无"},           {"unknown", "未知"},
  };
  if (!line.display_name().empty()) return line.display_name();
  if (language == Language::kEnglish) return {};
  auto found = kChinese.find(line.key());
  return found == kChinese.end() ? std::string() : found->second;
}

bool IsTime(v1::Figure figure) { return figure == v1::FIGURE_TIME_TO_ACCEPT || figure == v1::FIGURE_TIME_TO_ASSESS || figure == v1::FIGURE_TIME_TO_CLOSE; }

std::string Minutes(const v1::FigureLine& line, int64_t minutes) {
  constexpr int64_t kEnough = 20;  // below it the server tells none
  if (!IsTime(line.figure())) return {};
  return line.count() < kEnough ? "–" : std::to_string(minutes);
}

std::string Number(const v1::FigureLine& line) { return line.withheld() ? "<3" : std::to_string(line.count()); }

std::string Mean(const v1::FigureLine& line) {
  if (line.figure() != v1::FIGURE_SATISFACTION || line.count() == 0) return {};
  return fmt::format("{:.2f}", static_cast<double>(line.sum()) / static_cast<double>(line.count()));
}

// A percentage or a mean may have changed where the count has not.
std::string Corrected(const v1::FigureLine& now) {
  std::string text = Number(now);
  if (std::string mean = Mean(now); !mean.empty()) text += " (" + mean + ")";
  return text;
}

}  // namespace

Language LanguageOf(std::string_view locale) { return locale.starts_with("zh") ? Language::kChinese : Language::kEnglish; }

std::vector<std::vector<std::string>> FigureRows(const v1::GetFiguresResponse& figures, Language language) {
  auto words = [language](const char* english, const char* chinese) { return In(language, {english, chinese}); };
  std::vector<std::vector<std::string>> rows = {{words("figure", "指标"), words("key", "代码"), words("name", "名称"), words("count", "数量"),
                                                 words("mean", "平均"), words("median (min)", "中位数（分钟）"), words("p90 (min)", "90分位（分钟）"),
                                                 words("corrected", "更正后")}};
  std::map<std::pair<int, std::string>, const v1::FigureCorrection*> corrections;
  for (const auto& correction : figures.corrections()) corrections[{correction.now().figure(), correction.now().key()}] = &correction;
  auto add = [&](const v1::FigureLine& line, const std::string& corrected) {
    rows.push_back({FigureWord(line.figure(), language), line.key(), KeyWord(line, language), Number(line), Mean(line), Minutes(line, line.median_minutes()),
                    Minutes(line, line.p90_minutes()), corrected});
  };
  std::map<std::pair<int, std::string>, std::pair<const v1::FigureLine*, std::string>> sorted;
  for (const auto& line : figures.lines()) sorted[{line.figure(), line.key()}] = {&line, {}};
  for (const auto& [key, correction] : corrections) {
    auto& row = sorted[key];
    if (row.first == nullptr) row.first = &correction->frozen();  // no such line was frozen: 0
    row.second = Corrected(correction->now());
  }
  for (const auto& [key, row] : sorted) add(*row.first, row.second);
  return rows;
}

std::string CsvCell(std::string_view text) {
  std::string cell;
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) cell = "'";
  cell += text;
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string FiguresCsv(const v1::GetFiguresResponse& figures, Language language) {
  std::string csv = "\xEF\xBB\xBF";
  const std::string month = BareName(figures.name());
  const std::string freeze = figures.freezes().empty() ? std::string() : std::to_string(figures.freezes().rbegin()->number());
  bool heading = true;
  for (const auto& row : FigureRows(figures, language)) {
    std::vector<std::string> cells = {month, figures.display_name(), freeze};
    if (heading) cells = {In(language, {"month", "月份"}), In(language, {"station", "单位"}), In(language, {"freeze", "定稿次数"})};
    heading = false;
    cells.insert(cells.end(), row.begin(), row.end());
    std::string line;
    for (const auto& cell : cells) line += (line.empty() ? "" : ",") + CsvCell(cell);
    csv += line + "\r\n";
  }
  return csv;
}

}  // namespace gridloop::cli
