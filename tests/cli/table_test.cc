#include "cli/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace gridloop::cli {
namespace {

TEST(Table, ColumnsAlignWithChineseText) {
  Table table({"UNIT", "NAME", "PHONE"});
  table.Add({"s01", "城厢镇社工站", "1"});
  table.Add({"center", "Centre", "2"});
  std::istringstream lines(table.Text());
  std::string header, first, second;
  std::getline(lines, header);
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(header, "UNIT    NAME          PHONE");
  EXPECT_EQ(first, "s01     城厢镇社工站  1");
  EXPECT_EQ(second, "center  Centre        2");
  EXPECT_EQ(DisplayWidth("城厢镇社工站"), 12);
}

TEST(Table, WidthsAreThoseOfATerminal) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("（）"), 4);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);         // e and a combining accent
  EXPECT_EQ(DisplayWidth("\xF0\xA0\x80\x80"), 2);  // a rare character beyond the first plane
  EXPECT_EQ(DisplayWidth("\xFF\xE4\xB8"), 3);      // broken UTF-8 ends nothing
}

TEST(Table, CutsWholeCharacters) {
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdef", 4), "abc…");
  EXPECT_EQ(Cut("城厢镇社工站", 6), "城厢…");
  Table table({"TEXT"});
  table.Add({"一二三四五六七八九十"});
  EXPECT_EQ(table.Text(7), "TEXT\n一二三…\n");
}

TEST(Table, NothingInACellCanSteerTheTerminal) {
  Table table({"TEXT"});
  table.Add({"a\x1b[2Jb\nc\td\x7f"});
  EXPECT_EQ(table.Text(), "TEXT\na[2Jb c d\n");
}

}  // namespace
}  // namespace gridloop::cli
