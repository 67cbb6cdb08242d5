// `--clock simulated:…` over the wire.
#include "allinone/simulated_time.h"

#include "gridloop/v1/clock_service.pb.h"
#include "wire/daemon_fixture.h"

namespace gridloop {
namespace {

class SimulatedDaemon : public Daemon {
 protected:
  Expected<v1::AdvanceTimeResponse> AdvanceTo(int64_t seconds) {
    v1::AdvanceTimeRequest request;
    request.mutable_time()->set_seconds(seconds);
    v1::AdvanceTimeResponse response;
    auto called = RpcClient::Connect(address_, admin_token_)->Call("gridloop.v1.ClockService/AdvanceTime", request, &response, std::chrono::seconds(60));
    if (!called) return std::unexpected(called.error());
    return response;
  }
};

TEST_F(SimulatedDaemon, WhatFallsDueOnTheWayHappensAtItsOwnInstant) {
  auto submitted = Submit(app_token_, Report("s-1"));
  ASSERT_TRUE(submitted);
  EXPECT_EQ(submitted->submit_time().seconds(), kStartUs / 1'000'000);
  auto advanced = AdvanceTo(kStartUs / 1'000'000 + 3 * 86'400);
  ASSERT_TRUE(advanced) << advanced.error().message;
  EXPECT_GT(advanced->fired(), 2);
  v1::GetTimelineRequest request;
  request.set_name(submitted->name());
  v1::GetTimelineResponse timeline;
  ASSERT_TRUE(RpcClient::Connect(address_, auditor_token_)->Call("gridloop.v1.AuditService/GetTimeline", request, &timeline));
  EXPECT_TRUE(timeline.chain_intact());
  std::map<std::string, int64_t> due;  // clock by the event that started it
  int expired = 0;
  int escalated = 0;
  for (const auto& entry : timeline.entries()) {
    for (const auto& clock : entry.started()) due[v1::ClockKind_Name(clock.kind()) + entry.event_id()] = clock.due_time().seconds();
    if (entry.type() == v1::EVENT_TYPE_OFFER_EXPIRED) {
      ++expired;
      EXPECT_TRUE(
          std::ranges::any_of(due, [&](const auto& each) { return each.first.starts_with("CLOCK_KIND_OFFER") && each.second == entry.log_time().seconds(); }));
    }
    if (entry.type() == v1::EVENT_TYPE_ESCALATED) ++escalated;
  }
  EXPECT_GE(expired, 1);
  EXPECT_GE(escalated, 1);
}

TEST_F(SimulatedDaemon, TimeGoesForwardOnlyAndNotTooFar) {
  EXPECT_EQ(AdvanceTo(kStartUs / 1'000'000 - 1).error().reason, "INVALID_FIELDS");
  EXPECT_EQ(AdvanceTo(kStartUs / 1'000'000 + 401LL * 86'400).error().reason, "INVALID_FIELDS");
  // Multiplied to microseconds in 64 bits, these come round to half an hour after the start.
  EXPECT_EQ(AdvanceTo(76'480'202'702'014'801).error().reason, "INVALID_FIELDS");
  auto advanced = AdvanceTo(kStartUs / 1'000'000 + 60);
  ASSERT_TRUE(advanced);
  EXPECT_EQ(advanced->time().seconds(), kStartUs / 1'000'000 + 60);
}

class SystemClockDaemon : public Daemon {
 protected:
  std::string Clock() const override { return "system"; }
};

TEST_F(SystemClockDaemon, UnderTheSystemsClockThereIsNoClockService) {
  v1::GetTimeRequest request;
  v1::GetTimeResponse response;
  EXPECT_EQ(RpcClient::Connect(address_, admin_token_)->Call("gridloop.v1.ClockService/GetTime", request, &response).error().code, Code::kUnimplemented);
}

TEST(SimulatedTime, TimesAreRead) {
  constexpr int64_t kStartUs = 1'772'413'200'000'000;
  EXPECT_EQ(ParseTime("2026-03-02T09:00+08:00"), kStartUs);
  EXPECT_EQ(ParseTime("2026-03-02T01:00:00Z"), kStartUs);
  EXPECT_EQ(ParseTime("2026-03-01T20:30:30-04:30"), kStartUs + 30'000'000);
  for (const char* bad : {"", "2026-03-02", "2026-03-02T09:00", "2026-02-30T09:00Z", "2026-03-02T24:00Z", "2026-03-02T09:60Z", "2026-03-02T09:00+8:00",
                          "2026-03-02T09:00:0Z", "2026-03-02T09:00ZZ", "2026-03-02 09:00:00Z"}) {
    EXPECT_FALSE(ParseTime(bad)) << bad;
  }
}

}  // namespace
}  // namespace gridloop
