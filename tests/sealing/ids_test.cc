#include "sealing/ids.h"

#include <gtest/gtest.h>

#include "sealing/digest.h"

namespace gridloop {
namespace {

// Golden values: formats/ids.md. They were computed with Python's hashlib; a change breaks every stored id.
TEST(Ids, NeedIdIsTheDocumentedFormula) {
  EXPECT_EQ(Hex(LabelledSha256("gridloop/need/1", {"app-1", "r-1"}).substr(0, 16)), "61592ef0804452c6699a6f42cb64e438");
  EXPECT_EQ(NeedSubject("app-1", "r-1"), "needs/mfms54eairjmm2m2n5bmwzheha");
}

TEST(Ids, FieldsDoNotRunIntoEachOther) {
  EXPECT_NE(NeedSubject("ab", "c"), NeedSubject("a", "bc"));
  EXPECT_NE(EventIdFor("s", "p", "r", "v"), EventIdFor("s", "p", "rv", ""));
}

TEST(Ids, Base32RoundTripsAndHasOneSpelling) {
  std::string bytes = Sha256("x").substr(0, 16);
  std::string text = Base32(bytes);
  EXPECT_EQ(text.size(), 26U);
  EXPECT_EQ(ParseBase32(text), bytes);
  EXPECT_FALSE(ParseBase32(text.substr(1)));
  text.back() = text.back() == 'b' ? 'c' : 'b';  // sets bits that no 16 bytes have
  EXPECT_FALSE(ParseBase32(text));
  EXPECT_FALSE(IsNeedName("needs/UPPERCASEISNOTTAKENHEREXXX"));
}

TEST(Ids, SpeakableNumberShowsEveryWrongCharacterAndEverySwapOfNeighbours) {
  std::string number = SpeakableNumber("2026-03-02", NeedSubject("app-1", "r-1"));
  ASSERT_TRUE(IsSpeakableNumber(number)) << number;
  EXPECT_EQ(number.substr(0, 7), "260302-");
  for (size_t i = 0; i < 12; ++i) {
    if (i == 6) continue;
    for (char c : std::string(i < 6 ? "0123456789" : "23456789ABCDEFGHJKMNPQRSTUVWXYZ")) {
      if (c == number[i]) continue;
      std::string wrong = number;
      wrong[i] = c;
      EXPECT_FALSE(IsSpeakableNumber(wrong)) << wrong;
    }
    if (i + 1 < 12 && i != 5 && number[i] != number[i + 1]) {
      std::string swapped = number;
      std::swap(swapped[i], swapped[i + 1]);
      EXPECT_FALSE(IsSpeakableNumber(swapped)) << swapped;
    }
  }
}

}  // namespace
}  // namespace gridloop
