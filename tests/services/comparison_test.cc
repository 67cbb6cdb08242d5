// What another version of the directory would do with the needs of a period, before anybody activates it.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sealing/digest.h"
#include "services/city.h"

namespace gridloop {
namespace {

constexpr char kSecondCell[] = "320585100002001";  // of the next community, a room of station s01 too

class Comparison : public City {
 protected:
  // Takes at most `room` messages until Ready is called.
  struct Reader : MessageStream {
    bool Write(const google::protobuf::Message& message) override {
      std::lock_guard lock(mutex);
      if (static_cast<int>(parts.size()) == room) {
        full.set_value();
        room = 1'000'000;
        return false;
      }
      parts.push_back(static_cast<const v1::CompareDirectoriesResponse&>(message));
      return true;
    }
    void Skip() override {}
    void Finish(std::optional<Error> given) override {
      if (std::exchange(finished, true)) return;
      error = std::move(given);
      done.set_value();
    }
    void OnReady(std::function<void()> callback) override { ready = std::move(callback); }
    void OnCancel(std::function<void()>) override {}
    void OnMessage(std::function<void(const google::protobuf::Message&)>) override {}
    void OnHalfClose(std::function<void()>) override {}
    void OnUnreadable(std::function<void(const google::protobuf::Message&, const Error&)>) override {}
    bool cancelled() const override { return false; }
    std::mutex mutex;
    int room = 1'000'000;
    std::vector<v1::CompareDirectoriesResponse> parts;
    bool finished = false;
    std::optional<Error> error;
    std::function<void()> ready;
    std::promise<void> done, full;
  };
  std::shared_ptr<Reader> Begin(const v1::CompareDirectoriesRequest& request, int room = 1'000'000) {
    auto reader = std::make_shared<Reader>();
    reader->room = room;
    routing->CompareDirectories({}, request, std::make_shared<Sink<v1::CompareDirectoriesResponse>>(reader));
    return reader;
  }
  // All parts in one; the comparison stands in the last alone.
  v1::CompareDirectoriesResponse Compare(const v1::CompareDirectoriesRequest& request) {
    auto reader = Begin(request);
    reader->done.get_future().wait();
    EXPECT_FALSE(reader->error) << reader->error->message;
    v1::CompareDirectoriesResponse whole;
    for (const auto& part : reader->parts) {
      EXPECT_FALSE(whole.has_comparison()) << "something came after it";
      EXPECT_GE(part.percent(), whole.percent());
      whole.MergeFrom(part);
    }
    EXPECT_TRUE(whole.has_comparison());
    EXPECT_EQ(whole.percent(), 100);
    return whole;
  }
  Error Refused(const v1::CompareDirectoriesRequest& request) {
    auto reader = Begin(request);
    reader->done.get_future().wait();
    EXPECT_TRUE(reader->error);
    return reader->error.value_or(Error());
  }
  // The day that City begins with.
  static v1::CompareDirectoriesRequest Monday() {
    v1::CompareDirectoriesRequest request;
    *request.mutable_from_time() = ToTimestamp(kMondayNineUs - kHourUs);
    *request.mutable_to_time() = ToTimestamp(kMondayNineUs + kDayUs);
    return request;
  }
  // The tables of the sample city, with one line of one of them replaced.
  static void AddTables(v1::CompareDirectoriesRequest* request, const std::string& table, const std::string& line, const std::string& by) {
    bool replaced = false;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang")) {
      if (entry.path().extension() != ".csv" && entry.path().extension() != ".yaml") continue;
      std::ostringstream content;
      content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      auto* file = request->add_files();
      file->set_path(entry.path().filename());
      file->set_content(content.str());
      if (file->path() != table) continue;
      size_t at = file->content().find(line);
      ASSERT_NE(at, std::string::npos);
      file->mutable_content()->replace(at, line.size(), by);
      replaced = true;
    }
    ASSERT_TRUE(replaced);
  }
  // A changed directory, stored as if it had been active once.
  std::string Stored(const std::function<void(v1::Directory&)>& change) {
    v1::Directory directory;
    EXPECT_TRUE(directory.ParseFromString(*directories.Get(directories.Active()->directory_hash())));
    change(directory);
    return Hex(*directories.Put(directory.SerializeAsString()));
  }
  static void Cover(v1::Directory& directory, const std::string& area, const std::string& unit) {
    for (auto& coverage : *directory.mutable_coverages()) {
      if (coverage.area() == area) coverage.set_unit(unit);
    }
  }
  static const v1::UnitLoad* Load(const google::protobuf::RepeatedPtrField<v1::UnitLoad>& loads, const std::string& unit) {
    for (const auto& load : loads) {
      if (load.unit() == unit) return &load;
    }
    return nullptr;
  }
};

TEST_F(Comparison, ACommunityThatMovesToAnotherStationTakesItsNeedsThere) {
  Submit(Report("a"));
  Submit(Report("b"));
  std::string stays = Submit(Report("c", kSecondCell));
  auto request = Monday();
  AddTables(&request, "coverage.csv", "320585100001,r-320585100001,,", "320585100001,s02,,");
  const auto before = directories.Active()->SerializeAsString();
  auto answer = Compare(request);
  const auto& comparison = answer.comparison();
  EXPECT_EQ(comparison.needs(), 3);
  EXPECT_EQ(comparison.changed(), 2);
  ASSERT_NE(Load(comparison.stations(), "units/s01"), nullptr);
  EXPECT_EQ(Load(comparison.stations(), "units/s01")->base_needs(), 3);
  EXPECT_EQ(Load(comparison.stations(), "units/s01")->other_needs(), 1);
  EXPECT_EQ(Load(comparison.stations(), "units/s02")->other_needs(), 2);
  EXPECT_EQ(Load(comparison.units(), "units/r-320585100001")->other_needs(), 0);
  EXPECT_EQ(Load(comparison.units(), "units/r-320585100002")->base_needs(), 1);
  EXPECT_FALSE(Load(comparison.stations(), "units/s02")->display_name().empty());
  ASSERT_EQ(answer.changes_size(), 2);
  for (const auto& change : answer.changes()) {
    EXPECT_NE(change.name(), stays);
    EXPECT_FALSE(change.number().empty());
    EXPECT_EQ(change.base().unit(), "units/r-320585100001");
    EXPECT_EQ(change.base().station(), "units/s01");
    EXPECT_EQ(change.other().unit(), "units/s02");
    EXPECT_EQ(change.other().rule(), "coverage");
  }
  EXPECT_NE(comparison.other().directory_hash(), comparison.base().directory_hash());
  EXPECT_EQ(comparison.other().calendar_hash(), comparison.base().calendar_hash());
  EXPECT_EQ(directories.Active()->SerializeAsString(), before) << "a comparison activates nothing";
  request.clear_files();
  *request.mutable_other() = comparison.other();
  EXPECT_EQ(Refused(request).reason, "VERSION_NOT_FOUND") << "nor does it store the candidate";
  EXPECT_EQ(answer.SerializeAsString().find("MARK-"), std::string::npos);
}

TEST_F(Comparison, ARoomThatComesUnderAnotherStationChangesHandsThoughTheUnitIsTheSame) {
  Submit(Report("a"));
  auto request = Monday();
  request.mutable_other()->set_directory_hash(Stored([](v1::Directory& directory) {
    for (auto& unit : *directory.mutable_units()) {
      if (unit.name() == "units/r-320585100001") unit.set_parent("units/s02");
    }
  }));
  auto answer = Compare(request);
  ASSERT_EQ(answer.changes_size(), 1);
  EXPECT_EQ(answer.changes(0).base().unit(), answer.changes(0).other().unit());
  EXPECT_EQ(answer.changes(0).other().station(), "units/s02");
  EXPECT_EQ(Load(answer.comparison().stations(), "units/s02")->other_needs(), 1);
}

TEST_F(Comparison, WhatNobodyCoversWouldBeHeldAndSaysSo) {
  Submit(Report("a"));
  auto request = Monday();
  request.mutable_other()->set_directory_hash(Stored([](v1::Directory& directory) { Cover(directory, "320585100001", "units/none"); }));
  auto answer = Compare(request);
  ASSERT_EQ(answer.changes_size(), 1);
  EXPECT_EQ(answer.changes(0).other().unit(), "");
  EXPECT_EQ(answer.changes(0).other().held_reason(), v1::HELD_REASON_NO_CANDIDATE);
  EXPECT_EQ(answer.comparison().base_held(), 0);
  EXPECT_EQ(answer.comparison().other_held(), 1);
}

TEST_F(Comparison, OfARestrictedNeedThatChangesHandsOnlyTheNumberIsSaid) {
  auto report = Report("a");
  report.mutable_report()->set_restricted(true);
  Submit(report);
  auto request = Monday();
  request.mutable_other()->set_directory_hash(Stored([](v1::Directory& directory) { Cover(directory, "320585100001", "units/s02"); }));
  auto answer = Compare(request);
  ASSERT_EQ(answer.changes_size(), 1);
  EXPECT_TRUE(answer.changes(0).restricted());
  EXPECT_FALSE(answer.changes(0).number().empty());
  EXPECT_FALSE(answer.changes(0).has_base());
  EXPECT_FALSE(answer.changes(0).has_other());
  EXPECT_EQ(Load(answer.comparison().units(), "units/s02")->other_needs(), 1);
}

TEST_F(Comparison, NeedsReportedBeforeAndAfterThePeriodDoNotCount) {
  for (int day = 0; day < 5; ++day) {
    for (int i = 0; i <= day; ++i) Submit(Report("d" + std::to_string(day) + "-" + std::to_string(i)));
    clock.AdvanceTo(clock.WallUs() + kDayUs);
  }
  auto request = Monday();
  request.mutable_other()->mutable_as_of_time()->set_seconds(kMondayNineUs / 1'000'000);
  auto days = [&](int first, int end) {
    *request.mutable_from_time() = ToTimestamp(kMondayNineUs - kHourUs + first * kDayUs);
    *request.mutable_to_time() = ToTimestamp(kMondayNineUs - kHourUs + end * kDayUs);
    return Compare(request).comparison().needs();
  };
  EXPECT_EQ(days(0, 5), 15);
  EXPECT_EQ(days(1, 3), 5);
  EXPECT_EQ(days(4, 9), 5);
  EXPECT_EQ(days(-3, 0), 0);
  EXPECT_EQ(days(7, 9), 0);
}

TEST_F(Comparison, ADatedRowIsComparedAsOnTheDayThatIsAskedFor) {
  Submit(Report("a"));
  auto request = Monday();
  request.mutable_other()->set_directory_hash(Stored([](v1::Directory& directory) {
    auto* later = directory.add_coverages();
    for (auto& coverage : *directory.mutable_coverages()) {
      if (coverage.area() == "320585100001") coverage.mutable_validity()->set_to_date("2026-03-31");
    }
    later->set_area("320585100001");
    later->set_unit("units/s02");
    later->mutable_validity()->set_from_date("2026-04-01");
  }));
  EXPECT_EQ(Compare(request).comparison().changed(), 0);
  *request.mutable_other()->mutable_as_of_time() = ToTimestamp(kMondayNineUs + 40 * kDayUs);
  auto answer = Compare(request);
  EXPECT_EQ(answer.comparison().changed(), 1);
  EXPECT_EQ(answer.comparison().other().as_of_time().seconds(), kMondayNineUs / 1'000'000 + 40 * 86'400);
}

TEST_F(Comparison, ALimitOfNeedsCutsItOffAndSaysWhere) {
  for (int i = 0; i < 5; ++i) {
    Submit(Report("n" + std::to_string(i)));
    clock.AdvanceTo(clock.WallUs() + kMinuteUs);
  }
  auto request = Monday();
  request.mutable_other()->set_directory_hash(Stored([](v1::Directory& directory) { Cover(directory, "320585100001", "units/s02"); }));
  request.set_max_needs(3);
  auto reader = Begin(request);
  reader->done.get_future().wait();
  ASSERT_FALSE(reader->error);
  const auto& comparison = reader->parts.back().comparison();
  EXPECT_TRUE(comparison.cut_off());
  EXPECT_EQ(comparison.needs(), 3);
  EXPECT_EQ(comparison.last_time().seconds(), (kMondayNineUs + 2 * kMinuteUs) / 1'000'000);
  request.set_max_needs(5);
  EXPECT_FALSE(Compare(request).comparison().cut_off());
}

TEST_F(Comparison, ASlowReaderGetsEveryChangeAllTheSame) {
  constexpr int kNeeds = 250;
  for (int i = 0; i < kNeeds; ++i) Submit(Report("n" + std::to_string(i)));
  auto request = Monday();
  request.mutable_other()->set_directory_hash(Stored([](v1::Directory& directory) { Cover(directory, "320585100001", "units/s02"); }));
  auto reader = Begin(request, 1);
  reader->full.get_future().wait();
  reader->ready();
  reader->done.get_future().wait();
  ASSERT_FALSE(reader->error);
  std::set<std::string> names;
  for (const auto& part : reader->parts) {
    EXPECT_LE(part.changes_size(), 100);
    for (const auto& change : part.changes()) EXPECT_TRUE(names.insert(change.name()).second) << "twice";
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kNeeds));
}

TEST_F(Comparison, WhatIsAskedForWrongIsNamed) {
  auto fields = [this](const v1::CompareDirectoriesRequest& request) {
    Error error = Refused(request);
    EXPECT_EQ(error.reason, "INVALID_FIELDS");
    std::string names;
    for (const auto& field : error.fields) names += field.field + " ";
    return names;
  };
  EXPECT_EQ(fields({}), "from_time to_time other ");
  auto request = Monday();
  std::swap(*request.mutable_from_time(), *request.mutable_to_time());
  request.mutable_other()->set_directory_hash("ABC");
  request.set_max_needs(100'001);
  EXPECT_EQ(fields(request), "to_time max_needs other.directory_hash ");
  request = Monday();
  request.set_configured_folder(true);
  request.add_files();
  request.mutable_other()->set_policy_hash(std::string(64, 'a'));
  EXPECT_EQ(fields(request), "files other configured_folder ");
}

TEST_F(Comparison, AHashThatIsNotStoredOrOfSomethingElseIsRefused) {
  auto request = Monday();
  request.mutable_other()->set_directory_hash(std::string(64, 'a'));
  EXPECT_EQ(Refused(request).reason, "VERSION_NOT_FOUND");
  request.mutable_other()->set_directory_hash(Hex(directories.Active()->policy_hash()));
  EXPECT_EQ(Refused(request).reason, "VERSION_MIXED_UP");
  request.mutable_other()->clear_directory_hash();
  request.mutable_other()->set_policy_hash(Hex(directories.Active()->calendar_hash()));
  EXPECT_EQ(Refused(request).reason, "VERSION_MIXED_UP");
}

TEST_F(Comparison, ACandidateWithErrorsIsNotCompared) {
  auto request = Monday();
  AddTables(&request, "coverage.csv", "320585100001,r-320585100001,,", "320585100001,nobody,,");
  Error error = Refused(request);
  EXPECT_EQ(error.reason, "DIRECTORY_BAD");
  ASSERT_FALSE(error.fields.empty());
  EXPECT_NE(error.fields[0].field.find("coverage.csv:2"), std::string::npos) << error.fields[0].field;
}

}  // namespace
}  // namespace gridloop
