// How many needs a principal may report in a minute.
#include "services/city.h"

namespace gridloop {
namespace {

class QuotaCity : public City {
 protected:
  std::string Outcome(Intake& limited, const Who& who, const v1::SubmitNeedRequest& request) {
    auto response = Call(limited, &Intake::SubmitNeed, who, request);
    return response ? "OK" : response.error().reason;
  }
};

TEST_F(QuotaCity, WhoeverReportsTooMuchInAMinuteIsToldWhenToGoOnAndOthersAreNot) {
  Intake limited(*world, 3);
  for (const char* id : {"q-1", "q-2", "q-3"}) EXPECT_EQ(Outcome(limited, app, Report(id)), "OK");
  auto refused = Call(limited, &Intake::SubmitNeed, app, Report("q-4"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "TOO_MANY_NEEDS");
  ASSERT_TRUE(refused.error().retry_after_us);
  EXPECT_LE(*refused.error().retry_after_us, kMinuteUs / 3 + 1);
  EXPECT_EQ(Outcome(limited, other_app, Report("q-5")), "OK");
  EXPECT_EQ(Outcome(limited, app, Report("q-1")), "OK");  // what was taken stays taken
  auto crisis = Report("q-6");
  crisis.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  EXPECT_EQ(Outcome(limited, app, crisis), "OK");
  clock.AdvanceTo(clock.WallUs() + *refused.error().retry_after_us);
  EXPECT_EQ(Outcome(limited, app, Report("q-4")), "OK");
  EXPECT_EQ(Outcome(limited, app, Report("q-7")), "TOO_MANY_NEEDS");
  clock.AdvanceTo(clock.WallUs() + 10 * kMinuteUs);  // no more than a minute's are saved up
  for (const char* id : {"q-8", "q-9", "q-10"}) EXPECT_EQ(Outcome(limited, app, Report(id)), "OK");
  EXPECT_EQ(Outcome(limited, app, Report("q-11")), "TOO_MANY_NEEDS");
}

TEST_F(QuotaCity, WithoutALimitNobodyWaits) {
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Outcome(*intake, app, Report("n-" + std::to_string(i))), "OK");
}

}  // namespace
}  // namespace gridloop
