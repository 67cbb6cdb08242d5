// The built gridloop, killed while it replaces its master key and after it has forgotten, and restored from a copy that is older than that.
#include <rocksdb/db.h>

#include "e2e/process.h"
#include "gridloop/v1/clock_service.pb.h"
#include "sealing/ids.h"

namespace gridloop::e2e {
namespace {

namespace fs = std::filesystem;

class Forgetting : public testing::Test {
 protected:
  void SetUp() override {
    app_ = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
    head_ = MakeToken(data_, "station-s01", "head-s01", v1::ROLE_STATION_HEAD, "s01", "h-s01");
    centre_ = MakeToken(data_, "centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center", "c-dispatch-1");
    admin_ = MakeToken(data_, "ops", "admin-1", v1::ROLE_ADMIN);
    // The sample city, where what has ended may be forgotten after a day.
    fs::copy(kSampleCity, city_, fs::copy_options::recursive);
    std::ifstream sample(fs::path(kSampleCity) / "policy.yaml");
    std::string policy((std::istreambuf_iterator<char>(sample)), {});
    const std::string years = "forget_after_days: 1095";
    ASSERT_NE(policy.find(years), std::string::npos);
    policy.replace(policy.find(years), years.size(), "forget_after_days: 1   ");
    std::ofstream(city_ / "policy.yaml") << policy;
    Start(data_);
  }
  void Start(const fs::path& data) {
    gridloop_.reset();
    gridloop_ = std::make_unique<StandingGridloop>(data, beside_.path(), false, std::vector<std::string>{"--directory", city_});
  }
  template <class Response>
  Response Call(const std::string& token, const std::string& method, const google::protobuf::Message& request) {
    Response response;
    auto called = gridloop_->Connect(token)->Call("gridloop.v1." + method, request, &response);
    EXPECT_TRUE(called) << method << ": " << called.error().message;
    return response;
  }
  v1::Need Look(const std::string& name) {
    v1::AssignmentServiceGetNeedRequest request;
    request.set_name(name);
    return Call<v1::AssignmentServiceGetNeedResponse>(centre_, "AssignmentService/GetNeed", request).need();
  }
  v1::ReporterNeed Seen(const std::string& name) {
    auto need = Get(*gridloop_->Connect(app_), name);
    EXPECT_TRUE(need);
    return need ? *need : v1::ReporterNeed();
  }
  std::string Answered(const std::string& request_id) {
    auto submitted = Submit(*gridloop_->Connect(app_), Report(request_id));
    EXPECT_TRUE(submitted);
    const std::string name = submitted ? submitted->name() : "";
    EXPECT_TRUE(gridloop_->Eventually([&] { return Look(name).has_offer(); }));
    v1::AcceptOfferRequest accept;
    accept.set_name(name);
    accept.set_request_id(request_id + "-accept");
    accept.set_offer(Look(name).offer().id());
    Call<v1::AcceptOfferResponse>(head_, "AssignmentService/AcceptOffer", accept);
    v1::AnswerNeedRequest answer;
    answer.set_name(name);
    answer.set_request_id(request_id + "-answer");
    answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
    answer.mutable_closing()->set_result_summary("done");
    answer.mutable_closing()->set_reporter_sentence("a sentence");
    Call<v1::AnswerNeedResponse>(head_, "AssignmentService/AnswerNeed", answer);
    return name;
  }
  v1::MasterKeys Masters() { return Call<v1::GetMasterKeysResponse>(admin_, "AuditService/GetMasterKeys", v1::GetMasterKeysRequest()).master_keys(); }
  bool KeysGone(const std::string& name) {
    auto auditor = gridloop_->Connect(centre_);
    auto timeline = Timeline(*auditor, name);
    return timeline && timeline->entries(timeline->entries_size() - 1).type() == v1::EVENT_TYPE_KEYS_DESTROYED;
  }
  // The ids on the list of what was forgotten.
  static std::vector<std::string> Listed(const fs::path& data) {
    std::ifstream file(data / "forgotten");
    std::vector<std::string> ids;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) ids.push_back(*ParseBase32(line));
    return ids;
  }
  static std::string StoredKey(const fs::path& data, const std::string& id) {
    rocksdb::DB* opened = nullptr;
    EXPECT_TRUE(rocksdb::DB::OpenForReadOnly({}, data / "vault", &opened).ok());
    std::unique_ptr<rocksdb::DB> vault(opened);
    std::string value;
    return vault && vault->Get({}, "k" + id, &value).ok() ? value : std::string();
  }
  static bool Holds(const fs::path& folder, const std::string& bytes) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::string content((std::istreambuf_iterator<char>(file)), {});
      if (content.find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  TemporaryDirectory beside_;
  fs::path data_ = beside_.path() / "data";
  fs::path older_ = beside_.path() / "older";
  fs::path city_ = beside_.path() / "city";
  std::string app_, head_, centre_, admin_;
  std::unique_ptr<Gridloop> gridloop_;
};

TEST_F(Forgetting, WhatWasForgottenIsGoneFromTheDiskAfterAKillAndFromAnOlderCopy) {
  const std::string name = Answered("gone");
  const std::string kept = Answered("kept");
  EXPECT_EQ(Seen(name).closing_sentence(), "a sentence");
  gridloop_->Stop();
  fs::copy(data_, older_, fs::copy_options::recursive);
  Start(data_);
  v1::AdvanceTimeRequest advance;
  advance.mutable_time()->set_seconds(StandingGridloop::kStartSeconds + 2 * 86'400);
  Call<v1::AdvanceTimeResponse>(admin_, "ClockService/AdvanceTime", advance);
  v1::ForgetNeedRequest forget;
  forget.set_name(name);
  forget.set_request_id("forget-1");
  forget.set_reason(v1::FORGET_REASON_PERSON_ASKS);
  forget.set_validate_only(true);
  EXPECT_EQ(Call<v1::ForgetNeedResponse>(centre_, "AssignmentService/ForgetNeed", forget).plan().keys(), 1);
  EXPECT_FALSE(Seen(name).forgotten());
  forget.set_validate_only(false);
  Call<v1::ForgetNeedResponse>(centre_, "AssignmentService/ForgetNeed", forget);
  ASSERT_TRUE(gridloop_->Eventually([&] { return KeysGone(name); }));
  gridloop_->Kill();

  auto listed = Listed(data_);
  ASSERT_EQ(listed.size(), 1U);
  const std::string key = StoredKey(older_, listed[0]);
  ASSERT_FALSE(key.empty());
  EXPECT_TRUE(Holds(older_ / "vault", key));
  EXPECT_FALSE(Holds(data_, key)) << "the key's bytes are on the disk still";
  Start(data_);
  EXPECT_TRUE(Seen(name).forgotten());
  EXPECT_EQ(Seen(name).closing_sentence(), "");
  EXPECT_EQ(Seen(kept).closing_sentence(), "a sentence");
  gridloop_->Stop();

  // As docs/operations.md says: the copy, and the newest list.
  fs::copy_file(data_ / "forgotten", older_ / "forgotten", fs::copy_options::overwrite_existing);
  Start(older_);
  EXPECT_NE(gridloop_->process().Log().find("destroyed again"), std::string::npos);
  EXPECT_TRUE(Seen(name).forgotten()) << "although this log does not know of it";
  EXPECT_EQ(Seen(name).closing_sentence(), "");
  EXPECT_EQ(Seen(kept).closing_sentence(), "a sentence");
  EXPECT_FALSE(Holds(older_, key));
}

TEST_F(Forgetting, AKilledRotationOfTheMasterKeyGoesOnWhereEverythingIsServed) {
  const std::string name = Answered("rotated");
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(gridloop_->Eventually([&] { return !Masters().rotating(); }));
    v1::RotateMasterKeyRequest rotate;
    rotate.set_active(Masters().keys(0).id());
    auto rotated = Call<v1::RotateMasterKeyResponse>(admin_, "AuditService/RotateMasterKey", rotate).master_keys();
    EXPECT_NE(rotated.keys(0).id(), rotate.active());
    gridloop_->Kill();
    Start(data_);
    EXPECT_EQ(Seen(name).closing_sentence(), "a sentence");
    EXPECT_EQ(Masters().keys(0).id(), rotated.keys(0).id());
    // The retry of a caller who heard nothing is the same rotation.
    EXPECT_EQ(Call<v1::RotateMasterKeyResponse>(admin_, "AuditService/RotateMasterKey", rotate).master_keys().keys(0).id(), rotated.keys(0).id());
  }
  ASSERT_TRUE(gridloop_->Eventually([&] { return Masters().keys_size() == 1; }));
  EXPECT_EQ(Seen(name).closing_sentence(), "a sentence");
}

}  // namespace
}  // namespace gridloop::e2e
