// Only OK is sticky: what succeeded keeps its outcome, whatever has become of the need, the caller's part in it, the
// directory or the clock since.
#include "services/city.h"

namespace gridloop {
namespace {

template <class Response>
void ExpectReplay(const Expected<Response>& first, const Expected<Response>& again) {
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(again) << again.error().reason << ": " << again.error().message;
  EXPECT_FALSE(first->outcome().replayed());
  EXPECT_TRUE(again->outcome().replayed());
  auto bare = [](v1::CommandOutcome outcome) {  // all but what is told as it is now
    outcome.clear_replayed();
    outcome.clear_stage();
    return outcome.SerializeAsString();
  };
  EXPECT_EQ(bare(first->outcome()), bare(again->outcome())) << first->outcome().ShortDebugString() << " / " << again->outcome().ShortDebugString();
}

TEST_F(City, ADeclineSentAgainIsTheSameDeclineThoughTheNeedHasLeftTheUnit) {
  Start();
  std::string name = SubmitAndOffer("lost-reply");
  auto by_room = Declining(name);
  auto first = Call(*assignment, &Assignment::DeclineOffer, head, by_room);
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  ASSERT_EQ(Call(*assignment, &Assignment::DeclineOffer, head,
                 [&] {
                   auto fresh = by_room;
                   fresh.set_request_id("fresh");
                   return fresh;
                 }())
                .error()
                .reason,
            "NOT_YOUR_NEED");
  ExpectReplay(first, Call(*assignment, &Assignment::DeclineOffer, head, by_room));
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_DECLINED), 2U);
  by_room.set_text("another body");
  EXPECT_EQ(Call(*assignment, &Assignment::DeclineOffer, head, by_room).error().reason, "REQUEST_ID_REUSED");
}

TEST_F(City, ALateAcceptanceByTheDutyWorkerSentAgainIsTheSameAndStillLate) {
  clock.AdvanceTo(kMondayNineUs + 14 * kHourUs);  // 23:00
  Start([] { return false; });
  auto report = Report("night-again");
  report.mutable_report()->add_dangers("violence");
  std::string name = Submit(report);
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  Who duty = Worker(State(name)->offer().worker(), "r-320585100001");
  clock.AdvanceTo(State(name)->offer().due_us() + kMinuteUs);
  auto request = Accepting(name, "take-it");
  auto first = Call(*assignment, &Assignment::AcceptOffer, duty, request);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->outcome().late());
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("the need has moved on");
  ASSERT_TRUE(Call(*assignment, &Assignment::AddNote, head, note));
  auto again = Call(*assignment, &Assignment::AcceptOffer, duty, request);
  ExpectReplay(first, again);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->outcome().etag(), std::to_string(again->outcome().version()));
  EXPECT_LT(again->outcome().version(), State(name)->version());
}

TEST_F(City, AnotherClientsPrincipalOfTheSameNameGetsNobodysOutcome) {
  Start();
  std::string name = SubmitAndOffer("namesake");
  auto request = Accepting(name, "accept-1");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, request));
  Who namesake = other_head;
  namesake.client = "another-station";
  namesake.principal = head.principal;
  EXPECT_EQ(Call(*assignment, &Assignment::AcceptOffer, namesake, request).error().reason, "NOT_YOUR_NEED");
}

TEST_F(City, AReportThatWasTakenStaysTakenWhenTheDirectoryDropsWhatItNames) {
  auto request = Report("dropped");
  request.mutable_report()->add_categories("children-in-difficulty");
  request.mutable_report()->mutable_observe_time()->set_seconds(clock.WallUs() / 1'000'000);
  auto first = Call(*intake, &Intake::SubmitNeed, app, request);
  ASSERT_TRUE(first) << first.error().message;
  Activate([](v1::Directory& directory, v1::Policy&) {
    directory.clear_categories();
    directory.clear_types();
  });
  clock.StepWall(-kDayUs);
  auto again = Call(*intake, &Intake::SubmitNeed, app, request);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  auto other = request;
  other.set_request_id("dropped-2");
  EXPECT_EQ(Call(*intake, &Intake::SubmitNeed, app, other).error().fields.size(), 3U);  // category, type, time
  other = request;
  other.mutable_report()->set_summary("another body");
  EXPECT_EQ(Call(*intake, &Intake::SubmitNeed, app, other).error().reason, "INVALID_FIELDS");
}

TEST_F(City, WorkThatWasRecordedStaysRecordedWhenTheDirectoryOrTheClockWouldRefuseItNow) {
  Start();
  std::string name = Submit(Report("recorded"));
  Who worker = Worker(ToAssigned(name), "r-320585100001");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("another type");
  assess.set_type("care");
  auto assessed = Call(*assignment, &Assignment::AssessNeed, worker, assess);
  auto service = On<v1::RecordServiceRequest>(name);
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000);
  service.mutable_duration()->set_seconds(1800);
  service.set_form("visit");
  service.set_content("a visit");
  auto served = Call(*assignment, &Assignment::RecordService, worker, service);
  Activate([](v1::Directory& directory, v1::Policy&) { directory.clear_types(); });
  clock.StepWall(-kDayUs);
  ExpectReplay(assessed, Call(*assignment, &Assignment::AssessNeed, worker, assess));
  ExpectReplay(served, Call(*assignment, &Assignment::RecordService, worker, service));
  assess.set_request_id("new");
  EXPECT_EQ(Call(*assignment, &Assignment::AssessNeed, worker, assess).error().reason, "INVALID_FIELDS");
}

}  // namespace
}  // namespace gridloop
