#include "sealing/secret.h"

#include <gtest/gtest.h>

#include "gridloop/v1/assignment_service.pb.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

const std::string kSecret(32, 's');

TEST(Digest, HkdfIsRfc5869WithAnEmptySalt) {
  // RFC 5869, test case 3 (SHA-256, zero-length salt and info), first 32 bytes.
  EXPECT_EQ(Hex(Hkdf(std::string(22, '\x0b'), "")), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(Secret, BodyMacLooksAtTheBodyAndNotAtIdOrEtag) {
  Secret secret(kSecret);
  v1::AddNoteRequest request;
  request.set_name("needs/a");
  request.set_text("note");
  std::string mac = secret.BodyMac(request);
  EXPECT_EQ(mac.size(), 16U);
  request.set_request_id("other");
  request.set_etag("7");
  EXPECT_EQ(secret.BodyMac(request), mac);
  request.set_text("another note");
  EXPECT_NE(secret.BodyMac(request), mac);
  EXPECT_NE(Secret(std::string(32, 't')).BodyMac(request), secret.BodyMac(request));
}

TEST(Secret, BodyMacTellsMessagesOfTheSameShapeApart) {
  Secret secret(kSecret);
  v1::EscalateNeedRequest escalate;
  v1::AddNoteRequest note;
  EXPECT_NE(secret.BodyMac(escalate), secret.BodyMac(note));
}

TEST(Secret, PageTokensSurviveARestartAndAreBoundToTheirQuery) {
  std::string token = Secret(kSecret).PageToken("ListInbox units/s01", std::string("key\0with zero", 13));
  Secret restarted(kSecret);
  EXPECT_EQ(restarted.ParsePageToken("ListInbox units/s01", token), std::string("key\0with zero", 13));
  EXPECT_EQ(restarted.ParsePageToken("ListInbox units/s01", ""), "");
  EXPECT_FALSE(restarted.ParsePageToken("ListInbox units/s02", token));
  EXPECT_FALSE(Secret(std::string(32, 't')).ParsePageToken("ListInbox units/s01", token));
  EXPECT_FALSE(restarted.ParsePageToken("ListInbox units/s01", "abc"));
  EXPECT_FALSE(restarted.ParsePageToken("ListInbox units/s01", token + "%"));
  EXPECT_FALSE(restarted.ParsePageToken("ListInbox units/s01", std::string(100000, 'a')));
  int spellings = 0;
  for (char last : std::string("abcdefghijklmnopqrstuvwxyz234567")) {
    token.back() = last;
    spellings += restarted.ParsePageToken("ListInbox units/s01", token) ? 1 : 0;
  }
  EXPECT_EQ(spellings, 1);
}

TEST(Secret, APersonIsKnownAgainUnderTheSameSecretAlone) {
  const std::string ref = Secret(kSecret).PersonRef("phone 13800000000");
  EXPECT_EQ(ref.size(), 16U);
  EXPECT_EQ(Secret(kSecret).PersonRef("phone 13800000000"), ref);
  EXPECT_NE(Secret(kSecret).PersonRef("identity 13800000000"), ref);
  EXPECT_NE(Secret(std::string(32, 't')).PersonRef("phone 13800000000"), ref);
}

TEST(Secret, ASealedTokenTellsNobodyItsTextAndIsBoundToItsQuery) {
  Secret secret(kSecret);
  const std::string text("needs/\0abc", 10);
  const std::string token = secret.SealedToken("JoinNeed app", text);
  EXPECT_EQ(Secret(kSecret).OpenSealedToken("JoinNeed app", token), text);
  EXPECT_EQ(ParseAnyBase32(token)->find("needs"), std::string::npos);
  EXPECT_NE(secret.SealedToken("JoinNeed app", "needs/another"), token);
  EXPECT_NE(secret.SealedToken("JoinNeed other", text).substr(0, 19), token.substr(0, 19));  // nor do two share a nonce
  EXPECT_FALSE(secret.OpenSealedToken("JoinNeed other", token));
  EXPECT_FALSE(Secret(std::string(32, 't')).OpenSealedToken("JoinNeed app", token));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string spoilt = token;
    spoilt[i] = spoilt[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(secret.OpenSealedToken("JoinNeed app", spoilt)) << i;
  }
  for (const std::string& wrong : {std::string(), std::string("abc"), token + "%", std::string(100000, 'a')}) {
    EXPECT_FALSE(secret.OpenSealedToken("JoinNeed app", wrong));
  }
}

}  // namespace
}  // namespace gridloop
