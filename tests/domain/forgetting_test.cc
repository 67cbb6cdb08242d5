#include "domain/forgetting.h"

#include <gtest/gtest.h>

#include <set>

#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

Event WithKey(Event event, const std::string& key) {
  event.set_key_id(key);
  event.set_sealed("sealed");
  return event;
}

std::string Key(int number) { return "key-" + std::to_string(1000 + number) + "--------"; }

TEST(Forgetting, NamesEveryKeyAlsoOfReportsThatWereSetAsideLongAgo) {
  Walk walk;
  ASSERT_EQ(walk.Go(WithKey(Submitted("r"), Key(0))), Void::kNone);
  for (int i = 1; i <= 30; ++i) {
    Event second = WithKey(Submitted("r"), Key(i));
    second.set_body_mac("body " + std::to_string(i));
    second.set_magic(kEventMagic);
    second.set_version(1);
    EXPECT_EQ(Fold(walk.state, second, {walk.offset++, Sha256(second.SerializeAsString())}), Void::kConflict);
  }
  EXPECT_EQ(walk.state.conflicts_size(), 8);
  ASSERT_EQ(walk.Go(WithKey(WellFormed(walk.state, v1::EVENT_TYPE_WITHDRAWN), Key(0))), Void::kNone);
  auto keys = KeysOf(walk.state);
  std::set<std::string> all;
  for (int i = 0; i <= 30; ++i) all.insert(Key(i));
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()), all);
  EXPECT_TRUE(std::ranges::is_sorted(keys));

  Event without_one = WellFormed(walk.state, v1::EVENT_TYPE_FORGOTTEN);
  without_one.mutable_forgotten()->mutable_key_ids()->RemoveLast();
  EXPECT_EQ(walk.Go(without_one), Void::kObject) << "no key is left behind";
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_FORGOTTEN), Void::kNone);
  EXPECT_EQ(Wants(walk.state), Want::kForget);
  EXPECT_EQ(walk.state.forgotten_us(), kNoonUs);
  EXPECT_EQ(walk.state.reporter_ref(), std::string(16, '\0'));
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_KEYS_DESTROYED), Void::kNone);
  EXPECT_EQ(Wants(walk.state), Want::kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_KEYS_DESTROYED), Void::kObject);
}

TEST(Forgetting, WhatIsForgottenTakesNothingSealedAndIsNotOpenedAgain) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_CLOSED), Void::kNone);
  const auto until_us = walk.state.reopen_until_us();
  EXPECT_GT(until_us, 0);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_FORGOTTEN), Void::kNone);
  EXPECT_EQ(walk.state.stage(), v1::STAGE_CLOSED);
  EXPECT_EQ(walk.state.reopen_until_us(), 0);
  for (v1::EventType type : {v1::EVENT_TYPE_FORGOTTEN, v1::EVENT_TYPE_REOPENED, v1::EVENT_TYPE_AFTER_VISIT_RECORDED, v1::EVENT_TYPE_SUPERVISION_NOTE_ADDED}) {
    EXPECT_EQ(walk.Go(type), Void::kBarred) << v1::EventType_Name(type);
  }
  EXPECT_EQ(walk.Go(WithKey(WellFormed(walk.state, v1::EVENT_TYPE_KEYS_DESTROYED), Key(1))), Void::kBarred);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_KEYS_DESTROYED), Void::kNone);
}

}  // namespace
}  // namespace gridloop
