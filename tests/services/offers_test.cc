// Offers: races, declines, who may take one.
#include <thread>

#include "services/city.h"

namespace gridloop {
namespace {

TEST_F(City, OfTwoWhoRaceForOneOfferOneGetsIt) {
  const Who deputy{"station", "deputy-s01", v1::ROLE_STATION_HEAD, "s01", ""};
  Start();
  for (int round = 0; round < 10; ++round) {
    std::string name = SubmitAndOffer("race-" + std::to_string(round));
    auto by_head = Accepting(name);
    auto by_deputy = Accepting(name);
    Expected<v1::AcceptOfferResponse> first = std::unexpected(Error{});
    Expected<v1::AcceptOfferResponse> second = std::unexpected(Error{});
    {
      std::jthread a([&] { first = Call(*assignment, &Assignment::AcceptOffer, head, by_head); });
      std::jthread b([&] { second = Call(*assignment, &Assignment::AcceptOffer, deputy, by_deputy); });
    }
    ASSERT_NE(first.has_value(), second.has_value()) << name;
    const Error& error = first ? second.error() : first.error();
    EXPECT_EQ(error.code, Code::kFailedPrecondition);
    EXPECT_FALSE(error.message_zh.empty());
    EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_ACCEPTED), 1U);
    EXPECT_EQ(State(name)->owner(), "r-320585100001");
  }
}

TEST_F(City, OneAcceptanceSentTenTimesAtOnceHappensOnceAndTellsAllTheSame) {
  Start();
  std::string name = SubmitAndOffer("again");
  auto request = Accepting(name, "accept-1");
  std::vector<Expected<v1::AcceptOfferResponse>> answers(10, std::unexpected(Error{}));
  {
    std::vector<std::jthread> threads;
    for (auto& answer : answers) threads.emplace_back([&] { answer = Call(*assignment, &Assignment::AcceptOffer, head, request); });
  }
  int first_time = 0;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->outcome().event(), answers[0]->outcome().event());
    EXPECT_EQ(answer->outcome().version(), answers[0]->outcome().version());
    EXPECT_EQ(answer->outcome().position(), answers[0]->outcome().position());
    first_time += answer->outcome().replayed() ? 0 : 1;
  }
  EXPECT_EQ(first_time, 1);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OFFER_ACCEPTED), 1U);
}

TEST_F(City, AnotherBodyUnderACommandsRequestIdIsRefused) {
  Start();
  std::string name = SubmitAndOffer("other-body");
  auto note = On<v1::AddNoteRequest>(name, "note-1");
  note.set_text("one");
  ASSERT_TRUE(Call(*assignment, &Assignment::AddNote, head, note));
  note.set_text("two");
  EXPECT_EQ(Call(*assignment, &Assignment::AddNote, head, note).error().reason, "REQUEST_ID_REUSED");
}

TEST_F(City, AWorkerOrHeadOfAnotherUnitCanDoNothingWithANeed) {
  Start();
  std::string name = SubmitAndOffer("theirs");
  for (const Who& stranger : {other_head, Worker("w-0013", "s02")}) {
    EXPECT_EQ(Call(*assignment, &Assignment::AcceptOffer, stranger, Accepting(name)).error().code, Code::kPermissionDenied);
    EXPECT_EQ(Call(*assignment, &Assignment::DeclineOffer, stranger, Declining(name)).error().code, Code::kPermissionDenied);
    auto note = On<v1::AddNoteRequest>(name);
    note.set_text("hello");
    EXPECT_EQ(Call(*assignment, &Assignment::AddNote, stranger, note).error().reason, "NOT_YOUR_NEED");
    v1::AssignmentServiceGetNeedRequest get;
    get.set_name(name);
    EXPECT_EQ(Call(*assignment, &Assignment::GetNeed, stranger, get).error().reason, "NOT_YOUR_NEED");
  }
  EXPECT_EQ(State(name)->stage(), v1::STAGE_OFFERED);
  // Once it is ours, a worker without a post here cannot be assigned either.
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/w-0013");
  EXPECT_EQ(Call(*assignment, &Assignment::AssignWorker, head, assign).error().reason, "NOT_POSTED");
}

TEST_F(City, ASuggestedWorkerAcceptsOnlyWhereTheOfferSaysSo) {
  Start();
  std::string name = SubmitAndOffer("direct");
  auto state = State(name);
  ASSERT_FALSE(state->offer().direct_accept());
  ASSERT_FALSE(state->offer().worker().empty());
  EXPECT_EQ(Call(*assignment, &Assignment::AcceptOffer, Worker(state->offer().worker(), "r-320585100001"), Accepting(name)).error().reason, "HEAD_ACCEPTS");
}

TEST_F(City, ADeclinedNeedGoesToTheStationAndTheSecondBounceToTheCentreWhoseDispatchBinds) {
  Start();
  std::string name = SubmitAndOffer("bounce");
  EXPECT_EQ(State(name)->unit(), "r-320585100001");
  auto acceptance_due = [&] {
    for (const auto& each : State(name)->clocks()) {
      if (each.start().kind() == v1::CLOCK_KIND_ACCEPTANCE) return each.start().due_us();
    }
    return int64_t{0};
  };
  int64_t promised = acceptance_due();
  ASSERT_NE(promised, 0);
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  EXPECT_EQ(State(name)->bounces(), 1U);
  EXPECT_EQ(acceptance_due(), promised);  // a promise never restarts
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  EXPECT_EQ(State(name)->held_reason(), v1::HELD_REASON_SECOND_BOUNCE);
  EXPECT_EQ(State(name)->owner(), "center");

  auto dispatch = On<v1::DispatchNeedRequest>(name);
  dispatch.set_held(Base32(State(name)->held_event_id()));
  dispatch.set_unit("units/r-320585100001");
  dispatch.set_reason("the room covers it");
  ASSERT_TRUE(Call(*routing, &Routing::DispatchNeed, dispatcher, dispatch));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  EXPECT_TRUE(State(name)->offer().binding());
  auto refused = Call(*assignment, &Assignment::DeclineOffer, head, Declining(name));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().reason, "OFFER_BINDING");
  EXPECT_EQ(acceptance_due(), promised);
  EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
}

TEST_F(City, AnAnswerToAnOfferThatIsGoneSaysSo) {
  Start();
  std::string name = SubmitAndOffer("gone");
  auto old = Accepting(name);
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == "s01"; }));
  EXPECT_EQ(Call(*assignment, &Assignment::AcceptOffer, head, old).error().reason, "OFFER_NOT_OPEN");
  // The same request may be sent again once it is right: only OK is sticky.
  old.set_offer(Base32(State(name)->offer().event_id()));
  EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, old));
}

TEST_F(City, APageTokenOfAnotherInboxOrDeploymentIsRefused) {
  Start();
  for (int i = 0; i < 3; ++i) SubmitAndOffer("page-" + std::to_string(i));
  v1::ListInboxRequest request;
  request.set_parent("units/s01");
  request.set_page_size(1);
  auto page = Call(*assignment, &Assignment::ListInbox, dispatcher, request);
  ASSERT_TRUE(page);
  ASSERT_FALSE(page->next_page_token().empty());
  auto with_token = [&](const std::string& parent, const std::string& token) {
    v1::ListInboxRequest next;
    next.set_parent(parent);
    next.set_page_size(1);
    next.set_page_token(token);
    return Call(*assignment, &Assignment::ListInbox, dispatcher, next);
  };
  std::string token = page->next_page_token();
  auto second = with_token("units/s01", token);
  ASSERT_TRUE(second);
  ASSERT_EQ(second->needs_size(), 1);
  EXPECT_NE(second->needs(0).name(), page->needs(0).name());
  EXPECT_EQ(with_token("units/s02", token).error().reason, "INVALID_FIELDS");
  EXPECT_EQ(with_token("units/s01", Secret(std::string(32, 'x')).PageToken("ListInbox units/s01", "iu:s01")).error().reason, "INVALID_FIELDS");
  EXPECT_EQ(with_token("units/s01", "not a token").error().reason, "INVALID_FIELDS");
  EXPECT_EQ(with_token("units/s01", std::string(1 << 20, 'a')).error().reason, "INVALID_FIELDS");
  token[0] = token[0] == 'a' ? 'b' : 'a';
  EXPECT_EQ(with_token("units/s01", token).error().reason, "INVALID_FIELDS");
}

TEST_F(City, AReactionThatFailsIsToldWithItsNeedAndItsReason) {
  auto submitted = Call(*intake, &Intake::SubmitNeed, app, Report("r-1"));
  ASSERT_TRUE(submitted);
  std::promise<std::string> told;
  std::atomic<bool> first = true;
  world->reaction_failed = [&](const std::string& subject, const std::string& kind, const Error& error) {
    if (first.exchange(false)) told.set_value(subject + " " + kind + " " + error.reason);
  };
  store.FailAppends("the disk is full");
  Start();
  auto line = told.get_future();
  ASSERT_EQ(line.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(line.get(), submitted->name() + " route OUTCOME_UNKNOWN");
  routing->Stop();
  assignment->Stop();
}

}  // namespace
}  // namespace gridloop
