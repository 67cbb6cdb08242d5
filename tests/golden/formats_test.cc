// Bytes that outlive a process, pinned. Each line of formats.txt is a value that the page named before it under docs/formats tells
// how to make; a change here is a change of format, with a new version of the page.
#include <functional>

#include "directory/loader.h"
#include "domain/row_keys.h"
#include "domain/walk.h"
#include "golden/golden.h"
#include "gridloop/v1/intake_service.pb.h"
#include "sealing/seal.h"
#include "sealing/secret.h"

namespace gridloop {
namespace {

using namespace histories;

// 01 02 03 … so that salt and nonce can be told apart in the bytes.
class CountingBytes : public IdSource {
 public:
  std::string Random(size_t size) override {
    std::string bytes;
    while (bytes.size() < size) bytes.push_back(static_cast<char>(++next_));
    return bytes;
  }

 private:
  uint8_t next_ = 0;
};

// Readable where the bytes are, hex where they are not.
std::string Show(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    if (c > ' ' && c < 127 && c != '\\') {
      text.push_back(c);
    } else {
      text += "\\x" + Hex(std::string_view(&c, 1));
    }
  }
  return text;
}

Event Envelope() {
  Event event = Submitted("golden-1");
  event.set_magic(kEventMagic);
  event.set_version(1);
  event.set_rules_epoch(1);
  event.set_directory_hash(std::string(32, 'd'));
  event.set_policy_hash(std::string(32, 'p'));
  event.set_calendar_hash(std::string(32, 'c'));
  event.mutable_actor()->set_principal("app-1");
  event.mutable_actor()->set_role(v1::ROLE_REPORTER_APP);
  event.set_request_id("golden-1");
  event.set_occurred_at_us(kNoonUs - kHourUs);
  event.set_logged_at_us(kNoonUs);
  event.set_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  auto& submitted = *event.mutable_submitted();
  submitted.set_reporter_ref(std::string(16, 'r'));
  auto& report = *submitted.mutable_report();
  report.set_summary("独居老人一周未出门");
  report.mutable_location()->set_address("中区社区3栋201室");
  report.mutable_reporter()->set_role(v1::REPORTER_ROLE_GRID_WORKER);
  report.mutable_reporter()->set_reference("grid-17");
  report.set_source(v1::SOURCE_PATROL);
  report.set_type("care");
  return event;
}

v1::SubmitNeedRequest Request() {
  v1::SubmitNeedRequest request;
  request.set_request_id("golden-1");
  *request.mutable_report() = Envelope().submitted().report();
  return request;
}

TEST(GoldenFormats, AreWhatThePagesSay) {
  std::string text = "# Written by GRIDLOOP_UPDATE_GOLDENS=1; what each line is stands in the page under docs/formats that is named before it.\n";
  auto page = [&text](const std::string& name) { text += "\n# docs/formats/" + name + "\n"; };
  auto line = [&text](const std::string& name, const std::string& value) { text += name + " " + value + "\n"; };

  page("ids.md");
  std::string subject = NeedSubject("city-app", "golden-1");
  line("need", subject);
  line("event-of-submit", Base32(EventIdFor(subject, "city-app", "golden-1", "submit")));
  line("event-of-command", Base32(EventIdFor(subject, "head-s01", "golden-2", "accept")));
  line("event-of-reaction", Base32(ReactionIdFor(subject, std::string(16, 'h'), "route")));
  line("number", SpeakableNumber("2026-03-02", subject));
  Secret secret(std::string(32, 's'));
  line("body-mac", Hex(secret.BodyMac(Request())));
  line("reporter-ref", Hex(secret.ReporterRef("city-app", "grid-17")));
  line("person-ref", Hex(secret.PersonRef("phone 13800000000")));
  line("join-token", secret.SealedToken("JoinNeed city-app", rows::BigEndian(kNoonUs) + subject));
  line("page-token", secret.PageToken("ListInbox units/s01", rows::InboxPrefix(rows::UnitBox("s01")) + rows::BigEndian(kNoonUs) + subject));
  line("labelled-digest", Hex(LabelledSha256("gridloop/need/1", {"city-app", "golden-1"})));

  page("event.md");
  Event event = Envelope();
  line("event-in-clear", Hex(event.SerializeAsString()));
  CountingBytes ids;
  ASSERT_TRUE(SealEvent(&event, {std::string(16, 'i'), std::string(32, 'k')}, ids));
  line("sealed", Hex(event.sealed()));
  line("commitment", Hex(event.payload_commitment()));
  std::string logged = event.SerializeAsString();
  line("event-as-logged", Hex(logged));
  line("digest", Hex(Sha256(logged)));
  EXPECT_EQ(logged.substr(0, 5),
            "\x0D"
            "GLE1");
  EXPECT_EQ(logged.find("grid-17"), std::string::npos);

  page("rows.md");
  Walk walk;
  Event first = Envelope();
  ASSERT_EQ(walk.Go(first), Void::kNone);
  ASSERT_EQ(walk.GoAll({v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED}), Void::kNone);
  for (const Row& row : Rows(walk.state)) line("offered", Show(row.key));
  ASSERT_EQ(walk.GoAll({v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED}), Void::kNone);
  for (const Row& row : Rows(walk.state)) line("assigned", Show(row.key));

  page("directory.md");
  auto result = LoadFolder(std::filesystem::path(GRIDLOOP_SOURCE_DIR) / "deploy" / "directory" / "taicang", "2026-03-02");
  ASSERT_TRUE(result.loaded);
  line("taicang-directory", Hex(result.loaded->hashes.directory_hash()));
  line("taicang-policy", Hex(result.loaded->hashes.policy_hash()));
  line("taicang-calendar", Hex(result.loaded->hashes.calendar_hash()));

  auto path = golden::Folder() / "formats.txt";
  if (golden::Updating()) golden::WriteText(path, text);
  EXPECT_EQ(text, golden::ReadText(path));
}

TEST(GoldenFormats, EveryPageNamesThisTest) {
  int pages = 0;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(GRIDLOOP_SOURCE_DIR) / "docs" / "formats")) {
    std::string text = golden::ReadText(file.path());
    if (golden::ReadText(golden::Folder() / "formats.txt").find("# docs/formats/" + file.path().filename().string()) == std::string::npos) continue;
    EXPECT_NE(text.find("tests/golden/formats_test.cc"), std::string::npos) << file.path() << " does not name its golden test";
    ++pages;
  }
  EXPECT_EQ(pages, 4);
}

}  // namespace
}  // namespace gridloop
