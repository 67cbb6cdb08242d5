// Whose need is guarded: minors, and whatever cannot be judged.
#include "services/city.h"

namespace gridloop {
namespace {

// GB 11643-1999, of somebody born on that day, YYYYMMDD.
std::string IdentityNumber(const std::string& born) {
  static constexpr int kWeights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  std::string number = "320585" + born + "002";
  int sum = 0;
  for (size_t i = 0; i < 17; ++i) sum += (number[i] - '0') * kWeights[i];
  return number + "10X98765432"[sum % 11];
}

TEST_F(City, AMinorsNeedIsRestrictedAndStaysEvenIfItsReporterWantsItBack) {
  struct Line {
    const char* why;
    std::string born;  // by the identity number
    int birth_year;
    v1::Consent consent;
    bool guarded;
  };
  const Line lines[] = {
      {"ten years old", "20160105", 0, v1::CONSENT_UNSPECIFIED, true},
      {"eighteen today, so full tomorrow", "20080302", 0, v1::CONSENT_UNSPECIFIED, true},
      {"eighteen since yesterday", "20080301", 0, v1::CONSENT_UNSPECIFIED, false},
      {"the number settles what the year leaves open", "20080301", 2008, v1::CONSENT_UNSPECIFIED, false},
      {"the year contradicts the number", "19800301", 2015, v1::CONSENT_UNSPECIFIED, true},
      {"born in the future", "20270101", 0, v1::CONSENT_UNSPECIFIED, true},
      {"ten by the year", "", 2016, v1::CONSENT_UNSPECIFIED, true},
      {"seventeen or eighteen by the year", "", 2008, v1::CONSENT_UNSPECIFIED, true},
      {"eighteen or nineteen by the year", "", 2007, v1::CONSENT_UNSPECIFIED, false},
      {"a guardian consented", "", 0, v1::CONSENT_GUARDIAN, true},
      {"of age and consented", "19800301", 1980, v1::CONSENT_GIVEN, false},
      {"nothing is known", "", 0, v1::CONSENT_UNSPECIFIED, false},
  };
  for (const Line& line : lines) {
    SCOPED_TRACE(line.why);
    auto request = Report("minor-" + std::to_string(&line - lines));
    auto& report = *request.mutable_report();
    if (!line.born.empty()) report.mutable_subject()->set_identity_number(IdentityNumber(line.born));
    report.mutable_subject()->set_birth_year(line.birth_year);
    report.set_consent(line.consent);
    std::string name = Submit(request);
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(State(name)->restricted(), line.guarded);
    EXPECT_EQ(State(name)->withdrawal_barred(), line.guarded);
    auto withdrawn = Call(*intake, &Intake::WithdrawNeed, app, On<v1::WithdrawNeedRequest>(name));
    EXPECT_EQ(withdrawn ? "" : withdrawn.error().reason, line.guarded ? "WITHDRAWAL_BARRED" : "");
  }
}

TEST_F(City, AnAgeCountsInShanghaiWhereverTheServerIs) {
  clock.AdvanceTo(kMondayNineUs + 15 * kHourUs + 30 * kMinuteUs);  // 00:30 on the 3rd there, still the 2nd in Greenwich
  auto request = Report("midnight");
  request.mutable_report()->mutable_subject()->set_identity_number(IdentityNumber("20080302"));
  EXPECT_FALSE(State(Submit(request))->restricted());
}

TEST_F(City, AnIdentityNumberWithNoDateInItIsRefused) {
  for (const char* born : {"20080230", "20081301", "20080100"}) {
    auto request = Report("no-date");
    request.mutable_report()->mutable_subject()->set_identity_number(IdentityNumber(born));
    auto refused = Call(*intake, &Intake::SubmitNeed, app, request);
    ASSERT_FALSE(refused) << born;
    ASSERT_EQ(refused.error().fields.size(), 1U);
    EXPECT_EQ(refused.error().fields[0].field, "report.subject.identity_number");
  }
}

TEST_F(City, WithoutADirectoryWhatNamesACategoryOrADangerIsGuardedAndIdsAreNoText) {
  MemoryDirectories empty;
  Snapshots none(empty);
  World bare{*ledger, *ledger, keys, none, clock, ids, secret};
  Intake bare_intake(bare);
  auto taken = [&](const v1::SubmitNeedRequest& request) {
    auto response = Call(bare_intake, &Intake::SubmitNeed, app, request);
    EXPECT_TRUE(response) << response.error().message;
    return State(response->name());
  };
  EXPECT_FALSE(taken(Report("plain"))->restricted());
  auto category = Report("category");
  category.mutable_report()->add_categories("children-in-difficulty");
  EXPECT_TRUE(taken(category)->restricted());
  EXPECT_TRUE(taken(category)->withdrawal_barred());
  auto danger = Report("danger");
  danger.mutable_report()->add_dangers("violence");
  EXPECT_TRUE(taken(danger)->restricted());
  EXPECT_TRUE(taken(danger)->withdrawal_barred());

  auto text = Report("text");
  text.mutable_report()->set_type("张三的儿子");
  text.mutable_report()->add_categories(std::string(65, 'a'));
  text.mutable_report()->add_dangers("Li Si, flat 3");
  text.mutable_report()->mutable_location()->set_institution("a school");
  auto refused = Call(bare_intake, &Intake::SubmitNeed, app, text);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fields.size(), 4U);
}

}  // namespace
}  // namespace gridloop
