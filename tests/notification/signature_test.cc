#include "notification/signature.h"

#include <gtest/gtest.h>

namespace gridloop {
namespace {

// The example of the specification (https://github.com/standard-webhooks/standard-webhooks).
TEST(Signatures, AreThoseOfTheSpecification) {
  auto secret = ParseWebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  ASSERT_TRUE(secret);
  EXPECT_EQ(SignatureHeader({*secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signatures, StandBesideEachOtherWhileASecretIsReplaced) {
  std::string header = SignatureHeader({std::string(24, 'a'), std::string(24, 'b')}, "id", 1, "body");
  EXPECT_EQ(header, SignatureHeader({std::string(24, 'a')}, "id", 1, "body") + " " + SignatureHeader({std::string(24, 'b')}, "id", 1, "body"));
}

TEST(Signatures, SecretsThatAreNoneAreRefused) {
  EXPECT_EQ(ParseWebhookSecret("whsec_" + std::string(32, 'A'))->size(), 24U);
  EXPECT_EQ(ParseWebhookSecret("whsec_" + std::string(84, 'A') + "AA==")->size(), 64U);
  for (const char* bad : {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==",
                          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La LaSw", "whsec_====================================", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa=w"}) {
    EXPECT_FALSE(ParseWebhookSecret(bad)) << bad;
  }
  EXPECT_FALSE(ParseWebhookSecret("whsec_" + std::string(88, 'A'))) << "66 bytes";
}

}  // namespace
}  // namespace gridloop
