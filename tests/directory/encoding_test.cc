#include "directory/encoding.h"

#include <gtest/gtest.h>

namespace gridloop {
namespace {

TEST(Encoding, TakesUtf8WithAndWithoutAByteOrderMark) {
  EXPECT_EQ(CheckEncoding("城厢镇\n").encoding, Encoding::kUtf8);
  EXPECT_EQ(CheckEncoding("\xEF\xBB\xBFid\n").text, "id\n");
}

TEST(Encoding, TellsGb18030ByItsBytesAndLine) {
  EncodingCheck check = CheckEncoding("id,name\ns01,\xB3\xC7\xCF\xE1\n");  // 城厢 in GBK
  EXPECT_EQ(check.encoding, Encoding::kGb18030);
  EXPECT_EQ(check.line, 2);
}

TEST(Encoding, TellsUtf16AndGarbage) {
  EXPECT_EQ(CheckEncoding(std::string_view("\xFF\xFE\x69\x00", 4)).encoding, Encoding::kUtf16);
  EXPECT_EQ(CheckEncoding("a\xFF").encoding, Encoding::kOther);
  EXPECT_EQ(CheckEncoding(std::string_view("a\0b", 3)).encoding, Encoding::kOther);
}

TEST(Encoding, RefusesOverlongFormsSurrogatesAndCutOffSequences) {
  for (std::string_view bytes : {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE5\x9F"}) {
    EXPECT_NE(CheckEncoding(bytes).encoding, Encoding::kUtf8);
  }
}

}  // namespace
}  // namespace gridloop
