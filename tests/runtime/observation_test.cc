// The gauges that operators' alerts look at.
#include "allinone/observation.h"

#include <sstream>

#include "services/city.h"

namespace gridloop {
namespace {

class Gauges : public City {
 protected:
  // NaN if there is no such line.
  double Of(const std::string& line_start) {
    Metrics metrics;
    metrics.OnCollect([this](Metrics& each) { SetGauges(each, *world, *ledger, guard); });
    std::istringstream lines(metrics.Collect());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(line_start + " ")) return std::stod(line.substr(line_start.size() + 1));
    }
    return std::numeric_limits<double>::quiet_NaN();
  }
  ClockGuard guard{clock};
};

TEST_F(Gauges, CountWhatIsOpenHeldWantedAndOverdue) {
  Start([] { return false; });  // deadlines are held back
  EXPECT_EQ(Of("gridloop_open_needs"), 0);
  std::string name = SubmitAndOffer("gauges");
  auto nowhere = Report("nowhere");
  nowhere.mutable_report()->mutable_location()->clear_grid_code();
  ASSERT_TRUE(Reaches(Submit(nowhere), v1::STAGE_HELD));
  EXPECT_EQ(Of("gridloop_open_needs"), 2);
  EXPECT_EQ(Of("gridloop_held_needs"), 1);
  EXPECT_EQ(Of("gridloop_wants{want=\"route\"}"), 0);
  EXPECT_EQ(Of("gridloop_wants{want=\"offer\"}"), 0);
  EXPECT_EQ(Of("gridloop_wants{want=\"merge\"}"), 0);
  EXPECT_EQ(Of("gridloop_ledger_end_offset"), static_cast<double>(ledger->End(0)->offset));
  EXPECT_EQ(Of("gridloop_ledger_failed"), 0);
  EXPECT_EQ(Of("gridloop_ledger_foreign_records"), 0);
  EXPECT_EQ(Of("gridloop_deadlines_overdue"), 0);
  EXPECT_EQ(Of("gridloop_deadline_lag_seconds"), 0);
  auto held = Call(*routing, &Routing::ListHeldNeeds, dispatcher, v1::ListHeldNeedsRequest());
  ASSERT_TRUE(held && held->needs_size() == 1);
  int64_t first_us = std::min(NextClock(*State(name))->start().due_us(), NextClock(*State(held->needs(0).name()))->start().due_us());
  clock.AdvanceTo(first_us + 90'000'000);
  EXPECT_GE(Of("gridloop_deadlines_overdue"), 1);
  EXPECT_EQ(Of("gridloop_deadline_lag_seconds"), 90);
  EXPECT_EQ(Of("gridloop_clock_stepped"), 0);
  clock.StepWall(kHourUs);
  EXPECT_EQ(Of("gridloop_clock_stepped"), 1);
  store.FailAppends("no space");
  EXPECT_FALSE(Call(*intake, &Intake::SubmitNeed, app, Report("fails")));
  EXPECT_EQ(Of("gridloop_ledger_failed"), 1);
}

TEST_F(Gauges, TheCalendarIsProvisionalFromOctoberOfTheLastDatedYearOn) {
  EXPECT_EQ(Of("gridloop_directory_active"), 1);
  EXPECT_EQ(Of("gridloop_calendar_last_dated_year"), 2026);
  EXPECT_EQ(Of("gridloop_calendar_provisional"), 0);
  int64_t october_us = snapshots->Active()->calendar().LocalMidnightUs("2026-10-01");
  clock.AdvanceTo(october_us - 1);
  EXPECT_EQ(Of("gridloop_calendar_provisional"), 0);
  clock.AdvanceTo(october_us);
  EXPECT_EQ(Of("gridloop_calendar_provisional"), 1);
  clock.AdvanceTo(october_us + 200 * kDayUs);
  EXPECT_EQ(Of("gridloop_calendar_provisional"), 1);
}

}  // namespace
}  // namespace gridloop
