#include "notification/recipients.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "notification/notice.h"

namespace gridloop {
namespace {

class RecipientsFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-recipients-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    Secret("good.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    std::ofstream(folder_ / "ca.pem") << "-----BEGIN CERTIFICATE-----\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Secret(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::ofstream(folder_ / name) << text;
    ::chmod((folder_ / name).c_str(), mode);
  }
  Expected<Recipients> Load(const std::string& text) {
    std::ofstream(folder_ / "recipients.yaml") << text;
    return LoadRecipients(folder_ / "recipients.yaml");
  }
  // What is said of one recipient with this line instead of a good one.
  std::string Said(const std::string& lines) {
    auto loaded = Load("recipients:\n" + lines);
    if (loaded) return "good";
    std::string said;
    for (const auto& field : loaded.error().fields) {
      EXPECT_TRUE(field.field.starts_with((folder_ / "recipients.yaml").string() + ":")) << field.field;
      said += field.field.substr(field.field.find(".yaml:") + 6) + " " + field.description + "\n";
    }
    EXPECT_EQ(loaded.error().reason, "RECIPIENTS_BAD");
    return said;
  }

  std::filesystem::path folder_;
};

TEST_F(RecipientsFile, EverySettingIsRead) {
  Secret("two.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\nwhsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n");
  auto loaded = Load(R"(deadline_lead: 30m
source: https://gridloop.example.cn
recipients:
  - id: station-s01
    url: https://hooks.example.cn:8443/s01?key=1
    secret_file: two.secret
    unit: units/s01
    kinds: [offered, deadline-coming, restricted]
  - id: app
    url: http://10.0.0.7/hook
    secret_file: good.secret
    client: city-app
    allow_private: true
    ca_file: ca.pem
)");
  ASSERT_TRUE(loaded) << loaded.error().fields.at(0).field << loaded.error().fields.at(0).description;
  EXPECT_EQ(loaded->deadline_lead_us, 1'800'000'000);
  EXPECT_EQ(loaded->source, "https://gridloop.example.cn");
  ASSERT_EQ(loaded->all.size(), 2U);
  const Recipient& app = loaded->all[0];
  EXPECT_EQ(app.id, "app");
  EXPECT_EQ(app.client, "city-app");
  EXPECT_TRUE(app.allow_private);
  EXPECT_EQ(app.host, "10.0.0.7");
  EXPECT_EQ(app.ca_file, folder_ / "ca.pem");
  const Recipient& station = loaded->all[1];
  EXPECT_EQ(station.host, "hooks.example.cn");
  EXPECT_EQ(station.unit, "s01");
  EXPECT_EQ(station.secrets.size(), 2U);
  EXPECT_EQ(station.kinds, (std::set{v1::NOTICE_KIND_OFFERED, v1::NOTICE_KIND_DEADLINE_COMING, v1::NOTICE_KIND_RESTRICTED}));
  EXPECT_FALSE(station.allow_private);
  EXPECT_EQ(loaded->files.size(), 4U) << "itself, two secrets, an authority";
}

TEST_F(RecipientsFile, AnEmptyOneHasNobody) {
  for (const char* text : {"", "# nobody yet\n", "recipients:\n", "recipients: []\n"}) {
    auto loaded = Load(text);
    ASSERT_TRUE(loaded) << text;
    EXPECT_TRUE(loaded->all.empty());
    EXPECT_EQ(loaded->deadline_lead_us, 3'600'000'000);
  }
}

TEST_F(RecipientsFile, EveryMistakeIsNamedWithItsLineAndTheRemedy) {
  const std::string rest = "    secret_file: good.secret\n";
  const std::string good = "  - id: a\n    url: https://a.example\n" + rest;
  EXPECT_EQ(Said(good), "good");
  struct Line {
    std::string lines, said;
  };
  Secret("readable.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0644);
  Secret("three.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  Secret("weak.secret", "whsec_c2hvcnQ=\n");
  for (const auto& line : std::vector<Line>{
           {good + good, "5 id stands twice"},
           {"  - id: A b\n    url: https://a.example\n" + rest, "2 id must be 1 to 40 of a-z 0-9 -"},
           {"  - url: https://a.example\n" + rest, "2 id must be"},
           {"  - id: a\n" + rest, "2 url must be https://host/"},
           {"  - id: a\n    url: http://a.example\n" + rest, "3 url must begin with https://"},
           {"  - id: a\n    url: ftp://a.example\n" + rest, "3 url must be https://host/"},
           {"  - id: a\n    url: https://name:word@a.example\n" + rest, "3 url must be https://host/"},
           {"  - id: a\n    url: https://a.example:99999\n" + rest, "3 url must be https://host/"},
           {"  - id: a\n    url: https://[::1/x\n" + rest, "3 url must be https://host/"},
           {"  - id: a\n    url: https://a.example/#x\n" + rest, "3 url must be https://host/"},
           {"  - id: a\n    url: https://a.example\n", "2 secret_file is required"},
           {"  - id: a\n    url: https://a.example\n    secret_file: none\n", "4 secret_file cannot be read"},
           {"  - id: a\n    url: https://a.example\n    secret_file: readable.secret\n", "4 secret_file may be read by others; run: chmod 600"},
           {"  - id: a\n    url: https://a.example\n    secret_file: three.secret\n", "4 secret_file must hold one secret"},
           {"  - id: a\n    url: https://a.example\n    secret_file: weak.secret\n", "4 secret_file holds a line that is not whsec_"},
           {good + "    unit: s01\n    client: app\n", "6 client and unit exclude each other"},
           {good + "    kinds: [offerd]\n", "5 kinds has a word that is none of restricted, deadline-coming"},
           {good + "    kinds: []\n", "5 kinds is a list"},
           {good + "    kinds: [test]\n", "5 kinds has a word that is none of"},
           {good + "    client: app\n    kinds: [escalated]\n", "6 kinds escalated is not told to an app"},
           {good + "    allow_private: maybe\n", "5 allow_private must be true or false"},
           {good + "    ca_file: good.secret\n", "5 ca_file holds no certificate"},
           {good + "    secret: x\n", "5 secret is not known; the keys here are id, url"},
           {good + "    id: b\n", "5 id stands twice; keep one"},
           {"  a: b\n", "2 recipients is a list"},
       }) {
    EXPECT_NE(Said(line.lines).find(line.said), std::string::npos) << line.lines << "\nsays\n" << Said(line.lines) << "not\n" << line.said;
  }
  for (const char* text : {"deadline_lead: 1\n", "deadline_lead: 8d\n", "deadline_lead: -1h\n", "source: a b\n", "other: 1\n", "- a\n", "a: [\n"})
    EXPECT_FALSE(Load(text)) << text;
  EXPECT_FALSE(LoadRecipients(folder_ / "missing.yaml"));
  std::string many = "recipients:\n";
  for (int i = 0; i < 65; ++i) many += "  - id: a" + std::to_string(i) + "\n    url: https://a.example\n" + rest;
  EXPECT_FALSE(Load(many));
}

TEST(NoticeKinds, StandOnThePage) {
  std::ifstream file(std::string(GRIDLOOP_SOURCE_DIR) + "/docs/notifications.md");
  std::string page((std::istreambuf_iterator<char>(file)), {});
  for (int number = v1::NoticeKind_MIN + 1; number <= v1::NoticeKind_MAX; ++number) {
    std::string word = KindWord(static_cast<v1::NoticeKind>(number));
    EXPECT_EQ(ParseKindWord(word), static_cast<v1::NoticeKind>(number));
    EXPECT_NE(page.find("`" + word + "`"), std::string::npos) << word;
  }
  EXPECT_EQ(ParseKindWord("unspecified"), std::nullopt);
}

// A receiver that has seen an id must not be told the same under another one.
TEST(NoticeIds, StayWhatTheyAre) {
  Recipient recipient;
  recipient.id = "station-s01";
  EXPECT_EQ(NoticeId(recipient, std::string(16, 'e')), "zygyapd4cnb2ulbduq4pmr5wky");
}

TEST_F(RecipientsFile, NoProblemShowsASecretOrAUrl) {
  std::string said = Said("  - id: a\n    url: https://name:HIDDEN@a.example\n    secret_file: good.secret\n");
  EXPECT_EQ(said.find("HIDDEN"), std::string::npos) << said;
}

}  // namespace
}  // namespace gridloop
