// Subjects that are no needs: on the same ledger, with rules of their own.
#include "domain/records.h"

#include <gtest/gtest.h>

#include "domain/row_keys.h"
#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

const std::string kHandOver = "handovers/aaaaaaaaaaaaaaaaaaaaaaaaaa";

Event Started(std::initializer_list<const char*> workers) {
  Event event;
  event.set_subject(kHandOver);
  event.set_type(v1::EVENT_TYPE_HAND_OVER_STARTED);
  event.mutable_hand_over_started();
  for (const char* worker : workers) event.mutable_hand_over_started()->add_workers(worker);
  return event;
}

Event Advanced(const std::string& worker, const std::string& cursor, bool done = false) {
  Event event;
  event.set_subject(kHandOver);
  event.set_type(v1::EVENT_TYPE_HAND_OVER_ADVANCED);
  auto& payload = *event.mutable_hand_over_advanced();
  payload.set_worker(worker);
  payload.set_cursor(cursor);
  payload.set_handed_over(1);
  payload.set_done(done);
  return event;
}

std::vector<std::string> Keys(const NeedState& state) {
  std::vector<std::string> keys;
  for (const Row& row : Rows(state)) keys.push_back(row.key);
  return keys;
}

TEST(Records, AHandOverIsWorkUntilItIsDone) {
  Walk walk;
  ASSERT_EQ(walk.Go(Started({"w-1", "w-2"})), Void::kNone);
  EXPECT_EQ(walk.state.subject(), kHandOver);
  const std::string listed = rows::RecordPrefix("handovers") + rows::BigEndian(~static_cast<uint64_t>(kNoonUs)) + kHandOver;
  EXPECT_EQ(Keys(walk.state), (std::vector<std::string>{listed, "o" + kHandOver}));
  ASSERT_EQ(walk.Go(Advanced("w-1", "needs/b")), Void::kNone);
  ASSERT_EQ(walk.Go(Advanced("w-2", "", /*done=*/true)), Void::kNone);
  EXPECT_EQ(walk.state.version(), 3U);
  EXPECT_EQ(walk.state.hand_over().handed_over(), 2);
  EXPECT_EQ(Keys(walk.state), (std::vector<std::string>{listed}));
  EXPECT_EQ(rows::SubjectOf(listed), kHandOver);
  EXPECT_EQ(walk.Go(Advanced("w-2", "needs/z")), Void::kLifeCycle);
}

TEST(Records, AHandOverOnlyEverGoesOn) {
  Walk walk;
  EXPECT_EQ(walk.Go(Advanced("w-1", "")), Void::kLifeCycle);  // not begun
  EXPECT_EQ(walk.Go(Started({})), Void::kPayload);
  EXPECT_EQ(walk.Go(Started({"w-2", "w-1"})), Void::kPayload);
  ASSERT_EQ(walk.Go(Started({"w-1", "w-2"})), Void::kNone);
  EXPECT_EQ(walk.Go(Started({"w-1"})), Void::kLifeCycle);
  EXPECT_EQ(walk.Go(Advanced("w-3", "")), Void::kObject);
  ASSERT_EQ(walk.Go(Advanced("w-1", "needs/c")), Void::kNone);
  EXPECT_EQ(walk.Go(Advanced("w-1", "needs/b")), Void::kObject);
  ASSERT_EQ(walk.Go(Advanced("w-2", "needs/a")), Void::kNone);
  EXPECT_EQ(walk.Go(Advanced("w-1", "needs/z")), Void::kObject);
  EXPECT_EQ(walk.state.voids_size(), 4);  // those before it began are nobody's
}

TEST(Records, ASubjectTakesTheEventsOfItsCollectionOnly) {
  Walk walk;
  for (v1::EventType type : AllTypes()) {
    if (IsOfARecord(type)) continue;
    Event event = WellFormed(NeedState(), type);
    event.set_subject(kHandOver);
    EXPECT_EQ(walk.Go(event), Void::kLifeCycle) << v1::EventType_Name(type);
  }
  for (v1::EventType type : AllTypes()) {
    Event event = WellFormed(NeedState(), type);
    event.set_subject("cupboards/1");
    EXPECT_EQ(walk.Go(event), Void::kLifeCycle) << v1::EventType_Name(type);
  }
}

TEST(Records, AnEventOfAnotherSubjectIsNoneOfIts) {
  Walk walk;
  ASSERT_EQ(walk.Go(Started({"w-1"})), Void::kNone);
  Event another = Advanced("w-1", "needs/a");
  another.set_subject("handovers/bbbbbbbbbbbbbbbbbbbbbbbbbb");
  EXPECT_EQ(walk.Go(another), Void::kChain);
}

TEST(Records, AnAccessLogTakesTheReadingsOfItsNeedAndKeepsTheLastOnes) {
  const std::string id(26, 'a');
  auto reading = [&](const std::string& subject) {
    Event event;
    event.set_subject(subject);
    event.set_type(v1::EVENT_TYPE_ACCESSED);
    event.mutable_accessed()->set_need("needs/" + id);
    event.mutable_accessed()->set_purpose(v1::ACCESS_PURPOSE_SERVICE);
    for (const char* part : {"history", "report"}) event.mutable_accessed()->add_parts(part);
    return event;
  };
  for (const std::string& subject : {"accesses/" + id, "accesses/" + id + ".0001"}) {
    Walk walk;
    for (uint64_t version = 1; version <= 20; ++version) {
      Event event = reading(subject);
      event.mutable_accessed()->set_need_version(version);
      event.mutable_actor()->set_principal("w-1");
      ASSERT_EQ(walk.Go(event), Void::kNone);
    }
    ASSERT_EQ(walk.state.recent_accesses_size(), 16);
    EXPECT_EQ(walk.state.recent_accesses(0).need_version(), 5U);
    EXPECT_EQ(walk.state.recent_accesses(15).principal(), "w-1");
    EXPECT_EQ(walk.state.recent_accesses(15).logged_at_us(), kNoonUs);
    EXPECT_TRUE(Keys(walk.state).empty()) << "it is found through its need";
  }
  Walk walk;
  EXPECT_EQ(walk.Go(reading("accesses/" + std::string(26, 'b'))), Void::kObject) << "another need's";
  Event event = reading("accesses/" + id);
  event.mutable_accessed()->clear_purpose();
  EXPECT_EQ(walk.Go(event), Void::kPayload);
  event = reading("accesses/" + id);
  event.mutable_accessed()->add_parts("history");
  EXPECT_EQ(walk.Go(event), Void::kPayload) << "not in order";
  event = Started({"w-1"});
  event.set_subject("accesses/" + id);
  EXPECT_EQ(walk.Go(event), Void::kLifeCycle);
  EXPECT_EQ(walk.Go(reading(kHandOver)), Void::kLifeCycle);
}

}  // namespace
}  // namespace gridloop
