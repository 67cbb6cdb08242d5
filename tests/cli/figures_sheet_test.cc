#include "cli/figures_sheet.h"

#include <gtest/gtest.h>

namespace gridloop::cli {
namespace {

v1::FigureLine Line(v1::Figure figure, const std::string& key, int64_t count) {
  v1::FigureLine line;
  line.set_figure(figure);
  line.set_key(key);
  line.set_count(count);
  return line;
}

TEST(FiguresSheet, ACellIsQuotedWhereItMustBeAndNeverAFormula) {
  EXPECT_EQ(CsvCell("太仓市"), "太仓市");
  EXPECT_EQ(CsvCell("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvCell("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(CsvCell("a\r\nb"), "\"a\r\nb\"");
  for (const char* formula : {"=1+1", "+1", "-1", "@sum"}) EXPECT_EQ(CsvCell(formula), std::string("'") + formula);
  EXPECT_EQ(CsvCell("=A1,\"B\""), "\"'=A1,\"\"B\"\"\"");
  EXPECT_EQ(CsvCell("\tx"), "'\tx");
  EXPECT_EQ(CsvCell("a=b"), "a=b");
  EXPECT_EQ(CsvCell(""), "");
}

TEST(FiguresSheet, EveryFigureHasItsWordsInBothLanguages) {
  v1::GetFiguresResponse figures;
  int count = 0;
  for (int figure = 1; figure < v1::Figure_ARRAYSIZE; ++figure) {
    if (!v1::Figure_IsValid(figure)) continue;
    *figures.add_lines() = Line(static_cast<v1::Figure>(figure), {}, 1);
    ++count;
  }
  auto english = FigureRows(figures, Language::kEnglish);
  auto chinese = FigureRows(figures, Language::kChinese);
  ASSERT_EQ(english.size(), static_cast<size_t>(count) + 1);
  for (size_t i = 0; i < english.size(); ++i) {
    EXPECT_EQ(english[i].size(), english[0].size());
    EXPECT_FALSE(english[i][0].empty());
    EXPECT_NE(english[i][0], chinese[i][0]) << "row " << i << " has no words of its own";
    EXPECT_GE(static_cast<unsigned char>(chinese[i][0][0]), 0x80) << chinese[i][0];
  }
}

TEST(FiguresSheet, WhatIsWithheldTooFewOrCorrectedReadsSo) {
  v1::GetFiguresResponse figures;
  figures.set_name("figures/2026-03");
  figures.set_display_name("城厢镇社工站");
  auto withheld = Line(v1::FIGURE_NEEDS_BY_CATEGORY, "community-corrections", 0);
  withheld.set_withheld(true);
  *figures.add_lines() = withheld;
  *figures.add_lines() = Line(v1::FIGURE_TIME_TO_ACCEPT, {}, 19);
  auto satisfaction = Line(v1::FIGURE_SATISFACTION, "closing", 3);
  satisfaction.set_sum(13);
  *figures.add_lines() = satisfaction;
  *figures.add_lines() = Line(v1::FIGURE_NEEDS_BY_TYPE, "care", 4);
  figures.add_freezes()->set_number(1);
  auto& gone = *figures.add_corrections();
  *gone.mutable_frozen() = Line(v1::FIGURE_NEEDS_BY_TYPE, "care", 4);
  *gone.mutable_now() = Line(v1::FIGURE_NEEDS_BY_TYPE, "care", 3);
  auto& new_line = *figures.add_corrections();
  *new_line.mutable_frozen() = Line(v1::FIGURE_NEEDS_BY_TYPE, "other", 0);
  *new_line.mutable_now() = Line(v1::FIGURE_NEEDS_BY_TYPE, "other", 1);
  EXPECT_EQ(FiguresCsv(figures, Language::kChinese),
            "\xEF\xBB\xBF"
            "月份,单位,定稿次数,指标,代码,名称,数量,平均,中位数（分钟）,90分位（分钟）,更正后\r\n"
            "2026-03,城厢镇社工站,1,按需求类型,care,,4,,,,3\r\n"
            "2026-03,城厢镇社工站,1,按需求类型,other,,0,,,,1\r\n"
            "2026-03,城厢镇社工站,1,按人群类别,community-corrections,,<3,,,,\r\n"
            "2026-03,城厢镇社工站,1,满意度（1–5分）,closing,结案时,3,4.33,,,\r\n"
            "2026-03,城厢镇社工站,1,上报至接单,,,19,,–,–,\r\n");
}

TEST(FiguresSheet, TheLanguageIsThatOfTheLocale) {
  EXPECT_EQ(LanguageOf("zh_CN.UTF-8"), Language::kChinese);
  EXPECT_EQ(LanguageOf("zh"), Language::kChinese);
  EXPECT_EQ(LanguageOf("en_GB.UTF-8"), Language::kEnglish);
  EXPECT_EQ(LanguageOf("C"), Language::kEnglish);
  EXPECT_EQ(LanguageOf(""), Language::kEnglish);
}

}  // namespace
}  // namespace gridloop::cli
