// Streams and lists of the real daemon.
#include <google/rpc/error_details.pb.h>

#include "audit/audit.h"
#include "domain/rpc_status.h"
#include "sealing/ids.h"
#include "wire/daemon_fixture.h"

namespace gridloop {
namespace {

class Streams : public Daemon {
 protected:
  std::unique_ptr<RpcClient> As(const std::string& token) { return RpcClient::Connect(address_, token); }

  // Reads until `enough`; every message is kept.
  template <class Request, class Response>
  std::vector<Response> Read(const std::string& token, const std::string& method, const Request& request, std::function<bool(const Response&)> enough) {
    std::vector<Response> all;
    Response response;
    auto read = As(token)->ReadStream(
        "gridloop.v1." + method, request, &response,
        [&] {
          all.push_back(response);
          return !enough(response);
        },
        std::chrono::seconds(20));
    EXPECT_TRUE(read) << read.error().message;
    return all;
  }
};

TEST_F(Streams, ABadItemNeverSinksItsNeighboursAndEachGetsItsResult) {
  auto conversation = As(app_token_)->Converse("gridloop.v1.IntakeService/SubmitNeeds", std::chrono::seconds(20));
  constexpr int kItems = 300;
  std::thread writer([&] {
    for (int i = 0; i < kItems; ++i) {
      v1::SubmitNeedsRequest request;
      *request.mutable_item() = Report("item-" + std::to_string(i));
      if (i % 10 == 3) request.mutable_item()->mutable_report()->clear_summary();
      if (!conversation->Write(request)) break;
    }
    conversation->WritesDone();
  });
  std::map<std::string, v1::SubmitNeedsResponse> results;
  v1::SubmitNeedsResponse response;
  while (conversation->Read(&response)) results[response.request_id()] = response;
  writer.join();
  EXPECT_TRUE(conversation->Finish());
  ASSERT_EQ(results.size(), kItems);
  for (int i = 0; i < kItems; ++i) {
    const auto& result = results["item-" + std::to_string(i)];
    if (i % 10 == 3) {
      Error error = FromRpcStatus(result.error());
      EXPECT_EQ(error.reason, "INVALID_FIELDS");
      ASSERT_EQ(error.fields.size(), 1U);
      EXPECT_EQ(error.fields[0].field, "report.summary");
    } else {
      EXPECT_TRUE(IsNeedName(result.response().name())) << i;
    }
  }
}

TEST_F(Streams, AnItemThatIsNoUtf8GetsItsResultAndItsNeighboursTheirs) {
  auto conversation = As(app_token_)->Converse("gridloop.v1.IntakeService/SubmitNeeds", std::chrono::seconds(20));
  for (int i = 1; i <= 4; ++i) {
    v1::SubmitNeedsRequest request;
    *request.mutable_item() = Report("item-" + std::to_string(i));
    if (i == 2) request.mutable_item()->mutable_report()->set_summary("\xC9\xE7\xB9\xA4");
    if (i == 3) request.mutable_item()->set_request_id("item-\xFF");
    ASSERT_TRUE(conversation->Write(request));
  }
  conversation->WritesDone();
  std::map<std::string, v1::SubmitNeedsResponse> results;
  v1::SubmitNeedsResponse response;
  while (conversation->Read(&response)) results[response.request_id()] = response;
  EXPECT_TRUE(conversation->Finish());
  ASSERT_EQ(results.size(), 4U);
  for (const char* good : {"item-1", "item-4"}) EXPECT_TRUE(IsNeedName(results[good].response().name())) << good;
  for (auto [id, number] : {std::pair{"item-2", "2"}, {"", "3"}}) {  // an id that cannot be read is not said
    Error error = FromRpcStatus(results[id].error());
    EXPECT_EQ(error.reason, "REQUEST_UNREADABLE");
    ASSERT_EQ(error.metadata.size(), 1U);
    EXPECT_EQ(error.metadata[0].second, number);
  }
}

TEST_F(Streams, AReportersWatchShowsChangesAndGoesOnWhereItStopped) {
  auto first = Submit(app_token_, Report("w-1"));
  ASSERT_TRUE(first);
  ASSERT_TRUE(Submit(other_token_, Report("w-other")));
  using Change = v1::WatchNeedsResponse;
  auto seen = Read<v1::WatchNeedsRequest, Change>(app_token_, "IntakeService/WatchNeeds", {},
                                                  [](const Change& change) { return change.need().stage() == v1::REPORTER_STAGE_DISPATCHED; });
  for (const auto& change : seen) EXPECT_EQ(change.need().name(), first->name());
  auto second = Submit(app_token_, Report("w-2"));
  v1::WatchNeedsRequest resume;
  resume.set_resume_token(seen.back().resume_token());
  auto later = Read<v1::WatchNeedsRequest, Change>(app_token_, "IntakeService/WatchNeeds", resume,
                                                   [&](const Change& change) { return change.need().name() == second->name(); });
  auto stopped_at = ParsePosition(seen.back().need().position());
  ASSERT_TRUE(stopped_at);
  for (const auto& change : later) EXPECT_GT(ParsePosition(change.need().position()), stopped_at);
  resume.set_resume_token("mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb");
  Change change;
  EXPECT_EQ(As(app_token_)->ReadStream("gridloop.v1.IntakeService/WatchNeeds", resume, &change, [] { return true; }).error().reason, "INVALID_FIELDS");
}

TEST_F(Streams, AnInboxShowsANeedAndThatItHasLeft) {
  auto submitted = Submit(app_token_, Report("i-1"));
  ASSERT_TRUE(submitted);
  using Change = v1::WatchInboxResponse;
  v1::WatchInboxRequest watch;
  watch.set_parent("units/s01");
  auto seen =
      Read<v1::WatchInboxRequest, Change>(centre_token_, "AssignmentService/WatchInbox", watch, [](const Change& change) { return change.need().has_offer(); });
  EXPECT_FALSE(seen.back().removed());
  EXPECT_TRUE(seen.back().need().report().summary().empty());  // lists and watches show no sealed field
  v1::RecallNeedRequest recall;
  recall.set_name(submitted->name());
  recall.set_request_id("recall");
  recall.set_reason("to see it go");
  v1::RecallNeedResponse recalled;
  ASSERT_TRUE(As(centre_token_)->Call("gridloop.v1.RoutingService/RecallNeed", recall, &recalled));
  watch.set_resume_token(seen.back().resume_token());
  auto later = Read<v1::WatchInboxRequest, Change>(centre_token_, "AssignmentService/WatchInbox", watch, [](const Change& change) { return change.removed(); });
  EXPECT_EQ(later.back().need().name(), submitted->name());
  EXPECT_EQ(later.back().need().stage(), v1::STAGE_UNSPECIFIED);
}

TEST_F(Streams, TheLogIsExportedAsItWasWrittenAndFollowed) {
  ASSERT_TRUE(Submit(app_token_, Report("e-1")));
  using Logged = v1::ExportEventsResponse;
  v1::ExportEventsRequest request;
  request.set_max_events(3);  // submitted, dispatched, offered: the last two come while it reads
  auto records = Read<v1::ExportEventsRequest, Logged>(auditor_token_, "AuditService/ExportEvents", request, [](const Logged&) { return false; });
  ASSERT_EQ(records.size(), 3U);
  uint64_t version = 1;
  for (const auto& record : records) {
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(record.event()));
    EXPECT_EQ(event.version(), version++);
    EXPECT_EQ(record.event().find("MARK-"), std::string::npos);
  }
  request.set_max_events(0);
  request.set_from_position(records[1].position());
  EXPECT_EQ((Read<v1::ExportEventsRequest, Logged>(auditor_token_, "AuditService/ExportEvents", request, [](const Logged&) { return false; })).size(), 2U);
}

TEST_F(Streams, ListsArePagedAndTheirTokensBelongToThem) {
  std::set<std::string> names;
  for (int i = 0; i < 5; ++i) names.insert(Submit(app_token_, Report("l-" + std::to_string(i)))->name());
  v1::ListNeedsRequest request;
  request.set_page_size(2);
  request.set_reporter_reference("MARK-reference");
  v1::ListNeedsResponse response;
  int pages = 0;
  do {
    ASSERT_TRUE(As(app_token_)->Call("gridloop.v1.IntakeService/ListNeeds", request, &response));
    for (const auto& need : response.needs()) EXPECT_EQ(names.erase(need.name()), 1U);
    request.set_page_token(response.next_page_token());
    ++pages;
    if (pages == 1) {
      EXPECT_EQ(As(other_token_)->Call("gridloop.v1.IntakeService/ListNeeds", request, &response).error().reason, "INVALID_FIELDS");
    }
  } while (!request.page_token().empty());
  EXPECT_TRUE(names.empty());
  EXPECT_EQ(pages, 3);
  v1::ListUnitsRequest units;
  units.set_parent("units/s01");
  units.set_page_size(200);
  v1::ListUnitsResponse below;
  ASSERT_TRUE(As(centre_token_)->Call("gridloop.v1.RoutingService/ListUnits", units, &below));
  EXPECT_GT(below.units_size(), 5);
  for (const auto& unit : below.units()) EXPECT_EQ(unit.parent(), "units/s01");
}

TEST_F(Streams, ANeedIsFoundByTheNumberThatIsSaidOnThePhone) {
  auto submitted = Submit(app_token_, Report("n-1"));
  v1::IntakeServiceGetNeedRequest request;
  std::string number = submitted->number();
  std::ranges::transform(number, number.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  request.set_name("numbers/" + number);
  v1::IntakeServiceGetNeedResponse response;
  ASSERT_TRUE(As(app_token_)->Call("gridloop.v1.IntakeService/GetNeed", request, &response));
  EXPECT_EQ(response.need().name(), submitted->name());
  EXPECT_EQ(As(other_token_)->Call("gridloop.v1.IntakeService/GetNeed", request, &response).error().reason, "NEED_NOT_FOUND");
  request.mutable_name()->back() = request.name().back() == '2' ? '3' : '2';
  EXPECT_EQ(As(app_token_)->Call("gridloop.v1.IntakeService/GetNeed", request, &response).error().reason, "INVALID_FIELDS");
}

TEST_F(Streams, ADeadlineExplainsItselfAndIsComputedAgain) {
  auto submitted = Submit(app_token_, Report("d-1"));
  v1::ExplainDeadlineRequest request;
  request.set_name(submitted->name());
  v1::ExplainDeadlineResponse response;
  ASSERT_TRUE(As(auditor_token_)->Call("gridloop.v1.AuditService/ExplainDeadline", request, &response));
  EXPECT_TRUE(response.reproduced());
  EXPECT_FALSE(response.explanation_zh().empty());
  EXPECT_GT(response.counted_size(), 0);
  request.set_kind(v1::CLOCK_KIND_VERIFICATION);
  EXPECT_EQ(As(auditor_token_)->Call("gridloop.v1.AuditService/ExplainDeadline", request, &response).error().reason, "CLOCK_NOT_RUNNING");
}

TEST_F(Streams, ADeadlineThatWasMetLongAgoExplainsItselfByTheEventThatStartedIt) {
  auto submitted = Submit(app_token_, Report("d-2"));
  v1::GetTimelineRequest ask;
  ask.set_name(submitted->name());
  v1::GetTimelineResponse timeline;
  // Until routing has placed it: then its clock runs no more.
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "it was never offered";
    ASSERT_TRUE(As(auditor_token_)->Call("gridloop.v1.AuditService/GetTimeline", ask, &timeline));
  } while (timeline.entries_size() < 3);
  v1::ExplainDeadlineRequest request;
  request.set_name(submitted->name());
  request.set_kind(v1::CLOCK_KIND_ROUTING);
  v1::ExplainDeadlineResponse response;
  EXPECT_EQ(As(auditor_token_)->Call("gridloop.v1.AuditService/ExplainDeadline", request, &response).error().reason, "CLOCK_NOT_RUNNING");
  request.set_event(timeline.entries(0).event_id());
  ASSERT_TRUE(As(auditor_token_)->Call("gridloop.v1.AuditService/ExplainDeadline", request, &response));
  EXPECT_TRUE(response.reproduced());
  EXPECT_EQ(response.started_by(), v1::EVENT_TYPE_SUBMITTED);
  EXPECT_EQ(response.deadline().due_time().seconds(), timeline.entries(0).started(0).due_time().seconds());
  request.set_kind(v1::CLOCK_KIND_VERIFICATION);
  EXPECT_EQ(As(auditor_token_)->Call("gridloop.v1.AuditService/ExplainDeadline", request, &response).error().reason, "CLOCK_NOT_STARTED");
  request.set_event("no id");
  EXPECT_EQ(As(auditor_token_)->Call("gridloop.v1.AuditService/ExplainDeadline", request, &response).error().reason, "INVALID_FIELDS");
}

TEST_F(Streams, AReaderThatVanishesLeavesNothingBehind) {
  v1::WatchNeedsRequest request;
  v1::WatchNeedsResponse response;
  ASSERT_TRUE(Submit(app_token_, Report("v-1")));
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(As(app_token_)->ReadStream("gridloop.v1.IntakeService/WatchNeeds", request, &response, [] { return false; }));
  }
  // More exports that follow the log than there may be at once, each left after its first event. The server learns of
  // each leaving a little later, so a full house is asked again; a place that leaks never comes free.
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  v1::ExportEventsRequest follow;
  follow.set_max_events(1'000'000);
  v1::ExportEventsResponse logged;
  for (size_t i = 0; i < Audit::kMostExports + 8; ++i) {
    while (true) {
      auto left = As(auditor_token_)->ReadStream("gridloop.v1.AuditService/ExportEvents", follow, &logged, [] { return false; });
      if (left) break;
      ASSERT_EQ(left.error().reason, "TOO_MANY_STREAMS");
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "readers that left still hold " << i << " places";
    }
  }
  auto conversation = As(app_token_)->Converse("gridloop.v1.IntakeService/SubmitNeeds");
  v1::SubmitNeedsRequest item;
  *item.mutable_item() = Report("v-2");
  EXPECT_TRUE(conversation->Write(item));
  conversation.reset();  // cancels
  // Whether it was taken before or only now, it is there once.
  auto again = Submit(app_token_, Report("v-2"));
  ASSERT_TRUE(again);
  int taken = 0;
  for (const auto& record : Read<v1::ExportEventsRequest, v1::ExportEventsResponse>(auditor_token_, "AuditService/ExportEvents", {},
                                                                                    [](const v1::ExportEventsResponse&) { return false; })) {
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(record.event()));
    taken += event.subject() == again->name() && event.has_submitted() ? 1 : 0;
  }
  EXPECT_EQ(taken, 1);
}

TEST_F(Streams, APageTokenIsGoodAfterARestart) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Submit(app_token_, Report("p-" + std::to_string(i))));
  v1::ListNeedsRequest request;
  request.set_page_size(2);
  v1::ListNeedsResponse first;
  ASSERT_TRUE(As(app_token_)->Call("gridloop.v1.IntakeService/ListNeeds", request, &first));
  ASSERT_FALSE(first.next_page_token().empty());
  Restart();
  request.set_page_token(first.next_page_token());
  v1::ListNeedsResponse second;
  auto listed = As(app_token_)->Call("gridloop.v1.IntakeService/ListNeeds", request, &second);
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_EQ(second.needs_size(), 1);
  for (const auto& need : first.needs()) EXPECT_NE(need.name(), second.needs(0).name());
  EXPECT_TRUE(second.next_page_token().empty());
}

}  // namespace
}  // namespace gridloop
