// Requests that are wrong: every field at once, times out of range, more than a need takes.
#include <limits>
#include <set>

#include "services/city.h"

namespace gridloop {
namespace {

template <class Response>
std::set<std::string> WrongFields(const Expected<Response>& response) {
  std::set<std::string> fields;
  if (response) return fields;
  EXPECT_EQ(response.error().reason, "INVALID_FIELDS") << response.error().message;
  for (const auto& field : response.error().fields) fields.insert(field.field);
  return fields;
}

using Fields = std::set<std::string>;

TEST_F(City, AWrongObjectIdIsNamedTogetherWithEveryOtherWrongField) {
  auto wrong = [](auto request) {
    request.set_name("needs/short");
    request.set_request_id("with space");
    return request;
  };
  v1::AcceptOfferRequest accept;
  accept.set_offer("x");
  EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::AcceptOffer, head, wrong(accept))), (Fields{"name", "request_id", "offer"}));
  v1::DeclineOfferRequest decline;
  EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::DeclineOffer, head, wrong(decline))), (Fields{"name", "request_id", "offer", "reason"}));
  v1::VerifyClosingRequest verify;
  EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::VerifyClosing, head, wrong(verify))), (Fields{"name", "request_id", "closing", "reasons"}));
  v1::ConfirmDispatchRequest confirm;
  EXPECT_EQ(WrongFields(Call(*routing, &Routing::ConfirmDispatch, dispatcher, wrong(confirm))), (Fields{"name", "request_id", "held"}));
  v1::DispatchNeedRequest dispatch;
  EXPECT_EQ(WrongFields(Call(*routing, &Routing::DispatchNeed, dispatcher, wrong(dispatch))), (Fields{"name", "request_id", "held", "reason", "unit"}));
  v1::ListInboxRequest inbox;
  inbox.set_parent("rooms/1");
  inbox.set_page_token("x");
  inbox.set_at_least("x");
  EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::ListInbox, head, inbox)), (Fields{"parent", "page_token", "at_least"}));
  v1::ExplainDeadlineRequest explain;
  explain.set_name("needs/short");
  explain.set_event("x");
  EXPECT_EQ(WrongFields(Call(*audit, &Audit::ExplainDeadline, auditor, explain)), (Fields{"name", "event"}));
}

TEST_F(City, AWorkersIdIsShortAndNoText) {
  Start();
  std::string name = Submit(Report("workers"));
  Who worker = Worker(ToAssigned(name), "r-320585100001");
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/" + std::string(1 << 20, 'w'));
  assign.add_co_workers("workers/Zhang San");
  auto refused = Call(*assignment, &Assignment::AssignWorker, head, assign);
  EXPECT_EQ(WrongFields(refused), (Fields{"worker", "co_workers[0]"}));
  EXPECT_LT(refused.error().message.size(), 500U);
  auto service = On<v1::RecordServiceRequest>(name);
  service.add_workers(std::string(1 << 20, 'w'));
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000);
  service.mutable_duration()->set_seconds(1800);
  service.set_form("visit");
  service.set_content("a visit");
  EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::RecordService, worker, service)), Fields{"workers[0]"});
}

// Seconds that, multiplied to microseconds in 64 bits, come round to this time.
int64_t SecondsThatWrapTo(int64_t us) {
  uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - 15'625 * inverse;  // 1,000,000 is 64 times 15,625
  return static_cast<int64_t>(static_cast<uint64_t>(us / 64) * inverse & ((uint64_t{1} << 58) - 1));
}

TEST_F(City, ATimeOutOfRangeIsRefusedAndNeverComesRound) {
  Start();
  std::string name = Submit(Report("times"));
  Who worker = Worker(ToAssigned(name), "r-320585100001");
  google::protobuf::Timestamp now = ToTimestamp(clock.WallUs());
  auto with = [&](int64_t seconds, int32_t nanos) {
    google::protobuf::Timestamp time;
    time.set_seconds(seconds);
    time.set_nanos(nanos);
    return time;
  };
  for (const auto& bad : {with(SecondsThatWrapTo(clock.WallUs() + 64), 0), with(std::numeric_limits<int64_t>::max(), 0), with(253'402'300'800, 0),
                          with(std::numeric_limits<int64_t>::min(), 0), with(-1, 0), with(now.seconds(), -1), with(now.seconds(), 1'000'000'000)}) {
    SCOPED_TRACE(bad.ShortDebugString());
    auto report = Report("times-2");
    *report.mutable_report()->mutable_observe_time() = bad;
    EXPECT_EQ(WrongFields(Call(*intake, &Intake::SubmitNeed, app, report)), Fields{"report.observe_time"});
    auto action = On<v1::RecordEmergencyActionRequest>(name);
    action.set_action("called 120");
    *action.mutable_action_time() = bad;
    EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::RecordEmergencyAction, worker, action)), Fields{"action_time"});
    auto service = On<v1::RecordServiceRequest>(name);
    *service.mutable_start_time() = bad;
    service.mutable_duration()->set_seconds(1800);
    service.set_form("visit");
    service.set_content("a visit");
    EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::RecordService, worker, service)), Fields{"start_time"});
    EXPECT_GE(FromTimestamp(bad), 0);
    EXPECT_LE(FromTimestamp(bad), 253'402'300'799'999'999);
  }
}

TEST_F(City, AServiceMayBeADayOlderThanItsReportButNotAYear) {
  Start();
  std::string name = Submit(Report("served-before"));
  Who worker = Worker(ToAssigned(name), "r-320585100001");
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("no casework");
  ASSERT_TRUE(Call(*assignment, &Assignment::AssessNeed, worker, assess));
  auto service = On<v1::RecordServiceRequest>(name);
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000 - 365 * 86'400);
  service.mutable_duration()->set_seconds(1800);
  service.set_form("visit");
  service.set_content("a visit");
  EXPECT_EQ(WrongFields(Call(*assignment, &Assignment::RecordService, worker, service)), Fields{"start_time"});
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000 - 86'400);
  EXPECT_TRUE(Call(*assignment, &Assignment::RecordService, worker, service));
}

TEST_F(City, ANeedTakesTwoHundredUrgingsAndThenSaysWhatToDo) {
  std::string name = Submit(Report("urged"));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Call(*intake, &Intake::UrgeNeed, app, On<v1::UrgeNeedRequest>(name, "u-" + std::to_string(i)))) << i;
  auto refused = Call(*intake, &Intake::UrgeNeed, app, On<v1::UrgeNeedRequest>(name));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(refused.error().reason, "TOO_MANY_URGINGS");
  EXPECT_FALSE(refused.error().message_zh.empty());
  EXPECT_TRUE(Call(*intake, &Intake::UrgeNeed, app, On<v1::UrgeNeedRequest>(name, "u-199")));  // had succeeded
}

TEST_F(City, ANeedWithAThousandEventsTakesNoMoreOfWhatRepeatsAndGoesOnToItsEnd) {
  Start();
  std::string name = Submit(Report("noted"));
  Who worker = Worker(ToAssigned(name), "r-320585100001");
  auto note = [&] {
    auto request = On<v1::AddNoteRequest>(name);
    request.set_text("a note");
    return Call(*assignment, &Assignment::AddNote, worker, request);
  };
  auto by_people = [&] {
    auto state = State(name);
    return std::ranges::count_if(state->applied(), [](const auto& applied) { return !applied.body_mac().empty(); });
  };
  while (by_people() < 1000) ASSERT_TRUE(note());
  EXPECT_GT(State(name)->version(), 1000U);  // what the software did is not counted
  auto refused = note();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(refused.error().reason, "TOO_MANY_EVENTS");
  EXPECT_FALSE(refused.error().message_zh.empty());
  auto assess = On<v1::AssessNeedRequest>(name);
  assess.set_findings("work goes on");
  EXPECT_TRUE(Call(*assignment, &Assignment::AssessNeed, worker, assess));
  auto refusal = [](const auto& outcome) { return outcome ? std::string() : outcome.error().reason; };
  auto emergency = On<v1::RecordEmergencyActionRequest>(name);
  emergency.set_action("once more");
  EXPECT_EQ(refusal(Call(*assignment, &Assignment::RecordEmergencyAction, worker, emergency)), "TOO_MANY_EVENTS");
  auto escalate = On<v1::EscalateNeedRequest>(name);
  escalate.set_reason("once more");
  EXPECT_EQ(refusal(Call(*assignment, &Assignment::EscalateNeed, worker, escalate)), "TOO_MANY_EVENTS");
  auto service = On<v1::RecordServiceRequest>(name);
  service.mutable_start_time()->set_seconds(clock.WallUs() / 1'000'000);
  service.mutable_duration()->set_seconds(1800);
  service.set_form("visit");
  service.set_content("once more");
  EXPECT_EQ(refusal(Call(*assignment, &Assignment::RecordService, worker, service)), "TOO_MANY_EVENTS");
  auto closing = On<v1::RequestClosingRequest>(name);
  closing.mutable_closing()->set_reason(v1::CLOSING_REASON_MOVED);
  closing.mutable_closing()->set_result_summary("moved");
  closing.mutable_closing()->set_reporter_sentence("moved");
  EXPECT_EQ(refusal(Call(*assignment, &Assignment::RequestClosing, worker, closing)), "");
}

}  // namespace
}  // namespace gridloop
