#include "directory/csv_reader.h"

#include <gtest/gtest.h>

namespace gridloop {
namespace {

using Fields = std::vector<std::string>;

TEST(CsvReader, ReadsPlainLinesAndTrimsUnquotedFields) {
  CsvContent content = ReadCsv("a,b\n 1 ,\n");
  ASSERT_EQ(content.rows.size(), 2u);
  EXPECT_EQ(content.rows[1].fields, (Fields{"1", ""}));
  EXPECT_EQ(content.rows[1].line, 2);
  EXPECT_TRUE(content.problems.empty());
}

TEST(CsvReader, ReadsTheLastLineWithoutAnEnd) {
  EXPECT_EQ(ReadCsv("a,b\n1,2").rows[1].fields, (Fields{"1", "2"}));
  EXPECT_EQ(ReadCsv("a,b\n1,").rows[1].fields, (Fields{"1", ""}));
}

TEST(CsvReader, ReadsQuotesCommasAndDoubledQuotes) {
  CsvContent content = ReadCsv("\"a,b\",\"say \"\"yes\"\"\",\"\"\r\n");
  ASSERT_EQ(content.rows.size(), 1u);
  EXPECT_EQ(content.rows[0].fields, (Fields{"a,b", "say \"yes\"", ""}));
}

TEST(CsvReader, CountsLinesThroughBreaksInsideQuotesAndBlankLines) {
  CsvContent content = ReadCsv("a\r\n\"one\ntwo\"\r\n\r\n,\nlast\n");
  ASSERT_EQ(content.rows.size(), 3u);
  EXPECT_EQ(content.rows[1].fields[0], "one\ntwo");
  EXPECT_EQ(content.rows[1].line, 2);
  EXPECT_EQ(content.rows[2].line, 6);
}

TEST(CsvReader, ReportsAnUnclosedQuoteAndReadsOn) {
  CsvContent content = ReadCsv("a\n\"oops\nnext\n");
  ASSERT_EQ(content.problems.size(), 1u);
  EXPECT_EQ(content.problems[0].line, 2);
  ASSERT_EQ(content.rows.size(), 2u);
  EXPECT_EQ(content.rows[1].fields[0], "next");
  EXPECT_EQ(content.rows[1].line, 3);
}

TEST(CsvReader, ReportsStrayQuotesAndTextAfterAQuote) {
  CsvContent content = ReadCsv("a\"b\n\"a\"b\nfine\n");
  ASSERT_EQ(content.problems.size(), 2u);
  EXPECT_EQ(content.problems[0].line, 1);
  EXPECT_EQ(content.problems[1].line, 2);
  ASSERT_EQ(content.rows.size(), 1u);
  EXPECT_EQ(content.rows[0].line, 3);
}

TEST(CsvReader, ReportsALongLineAndReadsOn) {
  CsvContent content = ReadCsv("a\n" + std::string(100, 'x') + "\n" + std::string(30, ',') + "\nz\n", 20);
  ASSERT_EQ(content.problems.size(), 2u);
  EXPECT_EQ(content.problems[0].line, 2);
  EXPECT_EQ(content.problems[1].line, 3);
  ASSERT_EQ(content.rows.size(), 2u);
  EXPECT_EQ(content.rows[1].line, 4);
}

TEST(CsvReader, ReportsACarriageReturnInsideALine) {
  CsvContent content = ReadCsv("a\n\"b\"\rc\nd\n");
  ASSERT_EQ(content.problems.size(), 1u);
  EXPECT_EQ(content.problems[0].line, 2);
}

TEST(CsvReader, GivesNothingForNothing) { EXPECT_TRUE(ReadCsv("").rows.empty()); }

}  // namespace
}  // namespace gridloop
