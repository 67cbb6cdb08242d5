// What is told to other systems, to whom, and what becomes of it when they are slow, fail or answer nonsense.
#include "notification/notification.h"

#include <set>

#include "services/city.h"
#include "services/held_webhooks.h"

namespace gridloop {
namespace {

constexpr char kStation[] = "https://s01.example/hook";
constexpr char kOther[] = "https://s02.example/hook";
constexpr char kApp[] = "https://app.example/hook";
constexpr char kAll[] = "https://all.example/hook";

class NotifiedCity : public City {
 protected:
  void TearDown() override {
    if (notification) notification->Stop();
    webhooks.reset();
    notification.reset();
    City::TearDown();
  }
  static Recipient To(const std::string& id, const std::string& url) {
    Recipient recipient;
    recipient.id = id;
    recipient.url = url;
    recipient.host = url.substr(8, url.find('/', 8) - 8);
    recipient.secrets = {std::string(32, 'k')};
    return recipient;
  }
  static Recipient ToUnit(const std::string& id, const std::string& url, const std::string& unit) {
    Recipient recipient = To(id, url);
    recipient.unit = unit;
    return recipient;
  }
  static Recipients These(std::vector<Recipient> all) {
    Recipients recipients;
    recipients.all = std::move(all);
    return recipients;
  }
  void Notify(Recipients recipients, Outbox::Limits limits = {}, std::function<bool()> may_act = {}) {
    notification = std::make_unique<Notification>(*world, notices, *webhooks, limits);
    auto started = notification->Start(std::move(recipients), std::move(may_act));
    ASSERT_TRUE(started) << started.error().message;
  }
  // As after a crash: whatever was under way is lost.
  void Restart(Recipients recipients) {
    notification->Stop();
    webhooks = std::make_unique<HeldWebhooks>();
    Notify(std::move(recipients));
  }
  v1::Recipient Shown(const std::string& id) {
    auto listed = Call(*notification, &Notification::ListRecipients, officer, v1::ListRecipientsRequest());
    EXPECT_TRUE(listed);
    for (const auto& recipient : listed->recipients()) {
      if (recipient.name() == "recipients/" + id) return recipient;
    }
    ADD_FAILURE() << id << " is not listed";
    return {};
  }
  v1::ListDeadLettersResponse Dead(const std::string& id, const Who& who, int page_size = 0, const std::string& token = {}) {
    v1::ListDeadLettersRequest request;
    request.set_parent("recipients/" + id);
    request.set_page_size(page_size);
    request.set_page_token(token);
    auto listed = Call(*notification, &Notification::ListDeadLetters, who, request);
    EXPECT_TRUE(listed) << listed.error().message;
    return listed.value_or(v1::ListDeadLettersResponse());
  }
  std::string Test(const std::string& id, const std::string& request_id) {
    v1::SendTestNoticeRequest request;
    request.set_name("recipients/" + id);
    request.set_request_id(request_id);
    auto sent = Call(*notification, &Notification::SendTestNotice, admin, request);
    EXPECT_TRUE(sent) << sent.error().message;
    return sent ? sent->id() : std::string();
  }
  // Moves time on until `holds`, from one next try to the next, at most to `until_us`.
  bool PassTimeUntil(const std::string& id, int64_t until_us, const std::function<bool()>& holds) {
    while (!holds()) {
      v1::Recipient shown = Shown(id);
      int64_t next_us = FromTimestamp(shown.next_try_time());
      if (shown.queued() == 0 || next_us > until_us) return holds();
      size_t before = webhooks->Posts().size();
      clock.AdvanceTo(next_us);
      if (!webhooks->Eventually([&] {
            v1::Recipient now = Shown(id);
            return webhooks->Posts().size() > before && (now.queued() == 0 || FromTimestamp(now.next_try_time()) > clock.WallUs());
          })) {
        return false;
      }
    }
    return true;
  }
  std::string Urged(const std::string& name) {
    auto request = On<v1::UrgeNeedRequest>(name);
    request.set_text("MARK-urging");
    EXPECT_TRUE(Call(*intake, &Intake::UrgeNeed, app, request));
    return name;
  }
  void Answer(const std::string& name, const std::string& worker) {
    auto answer = On<v1::AnswerNeedRequest>(name);
    answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
    answer.mutable_closing()->set_result_summary("MARK-result");
    answer.mutable_closing()->set_reporter_sentence("MARK-sentence");
    auto answered = Call(*assignment, &Assignment::AnswerNeed, Worker(worker, "r-320585100001"), answer);
    ASSERT_TRUE(answered) << answered.error().message;
  }

  const Who admin{"operations", "admin-1", v1::ROLE_ADMIN, "", ""};
  MemoryNotices notices;
  std::unique_ptr<HeldWebhooks> webhooks = std::make_unique<HeldWebhooks>();
  std::unique_ptr<Notification> notification;
};

TEST_F(NotifiedCity, OffersUrgingsAndResultsReachWhoeverHearsOfThem) {
  Recipient station = ToUnit("s01", kStation, "s01");
  Recipient other = ToUnit("s02", kOther, "s02");
  Recipient city_app = To("app", kApp);
  city_app.client = "city-app";
  Recipient stranger = To("stranger", "https://stranger.example/hook");
  stranger.client = "other-app";
  Recipient bell = To("bell", "https://bell.example/hook");
  bell.kinds = {v1::NOTICE_KIND_OFFERED};
  Notify(These({station, other, city_app, stranger, bell, To("all", kAll)}));
  Start();
  std::string name = SubmitAndOffer("told");
  int64_t offer_due_us = State(name)->offer().due_us();
  Urged(name);
  Answer(name, ToAssigned(name));
  ASSERT_TRUE(webhooks->Reach(5, kAll) && webhooks->Reach(5, kStation) && webhooks->Reach(3, kApp));
  using Types = std::multiset<std::string>;
  auto types = [&](const std::string& url) {
    auto all = webhooks->Types(url);
    return Types(all.begin(), all.end());
  };
  EXPECT_EQ(types(kAll), (Types{"accepted", "closed", "dispatched", "offered", "urged"}));
  EXPECT_EQ(types(kStation), (Types{"accepted", "closed", "dispatched", "offered", "urged"})) << "its room's need";
  EXPECT_EQ(types(kApp), (Types{"accepted", "closed", "dispatched"})) << "what a reporter sees";
  EXPECT_EQ(types("https://bell.example/hook"), (Types{"offered"}));
  EXPECT_TRUE(webhooks->Posts(kOther).empty());
  EXPECT_TRUE(webhooks->Posts("https://stranger.example/hook").empty());

  std::set<std::string> seen_ids;
  for (const auto& event : webhooks->Events()) {
    EXPECT_TRUE(seen_ids.insert(event.id()).second) << "an id of its own for each recipient";
    EXPECT_EQ(event.specversion(), "1.0");
    EXPECT_EQ(event.source(), "gridloop");
    EXPECT_EQ(event.subject(), name);
    EXPECT_EQ(event.datacontenttype(), "application/json");
    EXPECT_EQ(event.id(), event.data().id());
    EXPECT_EQ(event.data().number(), State(name)->number());
    EXPECT_EQ(event.data().unit(), "units/r-320585100001");
    EXPECT_TRUE(ParsePosition(event.data().position()));
    if (event.type() != "gridloop.notice.offered") continue;
    EXPECT_EQ(event.data().stage(), v1::REPORTER_STAGE_DISPATCHED);
    EXPECT_EQ(event.data().stage_text(), "已派单");
    EXPECT_EQ(event.data().clock(), v1::CLOCK_KIND_OFFER);
    EXPECT_EQ(FromTimestamp(event.data().due_time()), offer_due_us);
    EXPECT_EQ(event.data().urgency(), v1::URGENCY_ROUTINE);
  }
  for (const auto& event : webhooks->Events(kApp)) {
    EXPECT_EQ(event.data().urgency(), v1::URGENCY_UNSPECIFIED);
    EXPECT_EQ(event.data().clock(), v1::CLOCK_KIND_UNSPECIFIED);
  }
  for (const auto& post : webhooks->Posts()) {
    EXPECT_EQ(post.body.find("MARK"), std::string::npos) << post.body;
    for (const auto& [header, value] : post.headers) EXPECT_EQ(value.find("MARK"), std::string::npos) << header;
  }
}

TEST_F(NotifiedCity, AServerThatFailsForADayLosesNothingAndTheWaitsGrow) {
  webhooks->Answer(kAll, 500);
  Notify(These({To("all", kAll)}));
  Start();
  ASSERT_FALSE(SubmitAndOffer("failing").empty());
  ASSERT_TRUE(webhooks->Eventually(
      [&] { return Shown("all").failed() >= 1 && Shown("all").queued() == 2 && FromTimestamp(Shown("all").next_try_time()) > clock.WallUs(); }));
  EXPECT_EQ(Shown("all").last_failure(), v1::DELIVERY_FAILURE_SERVER_ERROR);
  EXPECT_EQ(Shown("all").last_status(), 500);
  int64_t day_after_us = clock.WallUs() + kDayUs;
  PassTimeUntil("all", day_after_us, [] { return false; });
  size_t tries = webhooks->Posts(kAll).size();
  EXPECT_LT(tries, 80U) << "an hour apart at the end";
  EXPECT_GT(tries, 20U);
  EXPECT_EQ(Shown("all").dead_letters(), 0);
  int waiting = Shown("all").queued();
  EXPECT_GE(waiting, 3) << "dispatched, offered, and what became overdue meanwhile";
  std::set<std::string> seen_ids;
  for (const auto& event : webhooks->Events(kAll)) seen_ids.insert(event.id());

  webhooks->Answer(kAll, 200);
  clock.AdvanceTo(FromTimestamp(Shown("all").next_try_time()));
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").queued() == 0; })) << "all of them once one was taken";
  EXPECT_GE(Shown("all").delivered(), waiting);
  for (const auto& event : webhooks->Events(kAll)) seen_ids.erase(event.id());
  EXPECT_TRUE(seen_ids.empty());
  EXPECT_TRUE(Shown("all").has_last_success_time());
}

TEST_F(NotifiedCity, AReceiverThatHangsDelaysNeitherTheOthersNorTheLedger) {
  webhooks->Hang(kStation);
  Notify(These({ToUnit("s01", kStation, "s01"), To("all", kAll)}));
  Start();
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(!SubmitAndOffer("hanging-" + std::to_string(i)).empty());
  ASSERT_TRUE(webhooks->Reach(24, kAll));
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").queued() == 0 && Shown("s01").queued() == 24; }));
  EXPECT_EQ(webhooks->Posts(kStation).size(), 8U) << "no more at once";
  webhooks->Answer(kStation, 200);
  webhooks->Release({0, v1::DELIVERY_FAILURE_TIMEOUT, 0});
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("s01").failed() == 8; }));
  EXPECT_EQ(Shown("s01").last_failure(), v1::DELIVERY_FAILURE_TIMEOUT);
  int64_t next_us = FromTimestamp(Shown("s01").next_try_time());
  EXPECT_LT(next_us, clock.WallUs() + 7'000'000) << "eight that failed together are one failure";
  clock.AdvanceTo(next_us);
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("s01").queued() == 0; }));
}

TEST_F(NotifiedCity, ARestartInTheMiddleLosesNothingAndRepeatsOnlyWithTheSameIds) {
  webhooks->Hang(kAll);
  Notify(These({To("all", kAll)}));
  Start();
  std::string name = SubmitAndOffer("restart-1");
  ASSERT_TRUE(webhooks->Reach(2, kAll));
  std::set<std::string> before;
  for (const auto& event : webhooks->Events(kAll)) before.insert(event.id());
  notification->Stop();
  Urged(name);  // while nobody listens
  Restart(These({To("all", kAll)}));
  ASSERT_TRUE(webhooks->Reach(3, kAll));
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").queued() == 0; }));
  std::multiset<std::string> after;
  for (const auto& event : webhooks->Events(kAll)) after.insert(event.id());
  EXPECT_EQ(after.size(), 3U);
  for (const auto& id : before) EXPECT_EQ(after.count(id), 1U) << "again, with the id that it had";
  Restart(These({To("all", kAll)}));
  Test("all", "last");
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").delivered() == 1; }));
  EXPECT_EQ(webhooks->Posts(kAll).size(), 1U) << "what was delivered is not sent again";
}

TEST_F(NotifiedCity, WhatHappensBetweenTheFirstStartAndTheFirstNoticeIsNotLost) {
  Start();
  std::string name = SubmitAndOffer("before");
  Notify(These({To("all", kAll)}));
  notification->Stop();  // as by a crash: nothing has been told yet
  Urged(name);
  Restart(These({To("all", kAll)}));
  ASSERT_TRUE(webhooks->Reach(1, kAll));
  EXPECT_EQ(webhooks->Types(kAll), std::vector<std::string>{"urged"});
}

TEST_F(NotifiedCity, WhatIsMadeLateSaysHowTheNeedStoodThen) {
  Recipients all = These({To("all", kAll)});
  Notify(all);
  Start();
  std::string name = SubmitAndOffer("late");
  ASSERT_TRUE(webhooks->Reach(2, kAll));
  notification->Stop();
  Urged(name);
  Answer(name, ToAssigned(name));
  ASSERT_EQ(State(name)->stage(), v1::STAGE_CLOSED);
  Restart(all);
  ASSERT_TRUE(webhooks->Eventually([&] { return webhooks->Types(kAll).size() == 3; }));
  for (const auto& event : webhooks->Events(kAll)) {
    auto expected = event.type() == "gridloop.notice.urged"      ? v1::REPORTER_STAGE_DISPATCHED
                    : event.type() == "gridloop.notice.accepted" ? v1::REPORTER_STAGE_IN_SERVICE
                                                                 : v1::REPORTER_STAGE_DONE;
    EXPECT_EQ(event.data().stage(), expected) << event.type();
  }
}

TEST_F(NotifiedCity, OfARestrictedNeedNumberAndClockAreToldAndTheKindTellsNothing) {
  Recipient bell = To("bell", "https://bell.example/hook");
  bell.kinds = {v1::NOTICE_KIND_OFFERED};
  Recipient city_app = To("app", kApp);
  city_app.client = "city-app";
  Notify(These({To("all", kAll), bell, city_app}));
  Start();
  auto request = Report("restricted");
  request.mutable_report()->set_restricted(true);
  std::string name = Submit(request);
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  ASSERT_TRUE(webhooks->Reach(2, kAll) && webhooks->Reach(1, kApp));
  Test("bell", "end");
  ASSERT_TRUE(webhooks->Reach(1, "https://bell.example/hook"));
  EXPECT_EQ(webhooks->Types("https://bell.example/hook"), std::vector<std::string>{"test"}) << "that it was an offer is not told";
  for (const auto& event : webhooks->Events()) {
    if (event.type() == "gridloop.notice.test") continue;
    EXPECT_EQ(event.type(), "gridloop.notice.restricted");
    const auto& notice = event.data();
    EXPECT_TRUE(notice.restricted());
    EXPECT_EQ(notice.number(), State(name)->number());
    EXPECT_TRUE(notice.has_due_time());
    EXPECT_TRUE(notice.unit().empty() && notice.stage_text().empty());
    EXPECT_EQ(notice.stage(), v1::REPORTER_STAGE_UNSPECIFIED);
    EXPECT_EQ(notice.urgency(), v1::URGENCY_UNSPECIFIED);
    EXPECT_EQ(notice.clock(), v1::CLOCK_KIND_UNSPECIFIED);
  }
  EXPECT_EQ(webhooks->Posts(kApp).size(), 1U) << "its app hears as often as of another need";
}

TEST_F(NotifiedCity, WhatHasBecomeRestrictedIsCutBeforeItIsSent) {
  webhooks->Answer(kAll, 500);
  Outbox::Limits limits;
  limits.queued = 2;
  Notify(These({To("all", kAll)}), limits);
  Start();
  std::string name = SubmitAndOffer("becomes");
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").failed() >= 1 && Shown("all").queued() == 2; }));
  v1::AmendNeedRequest amend = On<v1::AmendNeedRequest>(name);
  amend.mutable_report()->set_restricted(true);
  amend.mutable_update_mask()->add_paths("restricted");
  amend.set_reason("MARK-minor");
  ASSERT_TRUE(Call(*intake, &Intake::AmendNeed, dispatcher, amend));
  webhooks->Answer(kAll, 200);
  size_t before = webhooks->Posts(kAll).size();
  clock.AdvanceTo(FromTimestamp(Shown("all").next_try_time()));
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").queued() == 0; }));
  auto events = webhooks->Events(kAll);
  for (size_t i = before; i < events.size(); ++i) {
    EXPECT_EQ(events[i].type(), "gridloop.notice.restricted");
    EXPECT_TRUE(events[i].data().unit().empty());
  }
}

TEST_F(NotifiedCity, AFullQueueGivesItsOldestToTheDeadLettersWhoseOldestAreDropped) {
  webhooks->Answer(kAll, 500);
  Outbox::Limits limits;
  limits.queued = 4;
  limits.dead = 3;
  Notify(These({To("all", kAll)}), limits);
  Start();
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back(SubmitAndOffer("full-" + std::to_string(i)));
    // From here on it waits for its next try: nothing is in flight.
    ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").failed() > 0 && FromTimestamp(Shown("all").next_try_time()) > clock.WallUs(); }));
  }
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").dropped() == 3; }));
  EXPECT_EQ(Shown("all").queued(), 4);
  EXPECT_EQ(Shown("all").dead_letters(), 3);
  auto dead = Dead("all", officer);
  ASSERT_EQ(dead.dead_letters_size(), 3);
  EXPECT_EQ(dead.dead_letters(0).reason(), v1::DEATH_REASON_QUEUE_FULL);
  EXPECT_EQ(dead.dead_letters(0).notice().need(), names[1]);
  EXPECT_EQ(dead.dead_letters(2).notice().need(), names[2]);

  // Sent again, as far as there is room.
  webhooks->Answer(kAll, 200);
  v1::RedeliverNoticesRequest request;
  request.set_name("recipients/all");
  request.set_all(true);
  auto redelivered = Call(*notification, &Notification::RedeliverNotices, dispatcher, request);
  ASSERT_TRUE(redelivered);
  EXPECT_EQ(redelivered->redelivered(), 0);
  EXPECT_EQ(redelivered->left(), 3);
  clock.AdvanceTo(FromTimestamp(Shown("all").next_try_time()));
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").queued() == 0; }));
  redelivered = Call(*notification, &Notification::RedeliverNotices, dispatcher, request);
  EXPECT_EQ(redelivered->redelivered(), 3);
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").queued() == 0 && Shown("all").delivered() == 7; }));
  EXPECT_EQ(Shown("all").dead_letters(), 0);
}

TEST_F(NotifiedCity, WhatIsRefusedAgainAndAgainIsADeadLetterAndHoldsUpNothing) {
  Notify(These({To("all", kAll)}));
  webhooks->Answer(kAll, [](const WebhookPost& post) {
    return WebhookAnswer{post.body.find("gridloop.notice.dispatched") != std::string::npos ? 422 : 200, {}, 0};
  });
  Start();
  SubmitAndOffer("poison");
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").failed() >= 1; }));  // before that nothing waits
  ASSERT_TRUE(PassTimeUntil("all", clock.WallUs() + 2 * kHourUs, [&] { return Shown("all").dead_letters() == 1; }));
  EXPECT_EQ(Shown("all").delivered(), 1) << "the offer";
  auto letter = Dead("all", officer).dead_letters(0);
  EXPECT_EQ(letter.reason(), v1::DEATH_REASON_REFUSED);
  EXPECT_EQ(letter.attempts(), 8);
  EXPECT_EQ(letter.failure(), v1::DELIVERY_FAILURE_REFUSED);
  EXPECT_EQ(letter.status(), 422);

  // By its id, and the receiver takes it now.
  webhooks->Answer(kAll, 204);
  v1::RedeliverNoticesRequest request;
  request.set_name("recipients/all");
  request.add_ids(letter.notice().id());
  EXPECT_EQ(Call(*notification, &Notification::RedeliverNotices, admin, request)->redelivered(), 1);
  EXPECT_EQ(Call(*notification, &Notification::RedeliverNotices, admin, request)->redelivered(), 0) << "twice is harmless";
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").delivered() == 2; }));
  EXPECT_EQ(webhooks->Events(kAll).back().id(), letter.notice().id());
}

TEST_F(NotifiedCity, AfterThreeDaysInTheQueueItIsADeadLetter) {
  webhooks->Answer(kAll, [](const WebhookPost&) { return WebhookAnswer{0, v1::DELIVERY_FAILURE_UNREACHABLE, 0}; });
  Notify(These({To("all", kAll)}));
  std::string id = Test("all", "old");
  int64_t start_us = clock.WallUs();
  ASSERT_TRUE(webhooks->Reach(1, kAll));
  ASSERT_TRUE(webhooks->Eventually([&] { return FromTimestamp(Shown("all").next_try_time()) > clock.WallUs(); }));
  PassTimeUntil("all", start_us + 3 * kDayUs - 1, [] { return false; });
  EXPECT_EQ(Shown("all").dead_letters(), 0);
  clock.AdvanceTo(start_us + 3 * kDayUs + 2 * kHourUs);
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").dead_letters() == 1; }));
  auto letter = Dead("all", officer).dead_letters(0);
  EXPECT_EQ(letter.reason(), v1::DEATH_REASON_TOO_OLD);
  EXPECT_EQ(letter.notice().id(), id);
  EXPECT_EQ(Shown("all").queued(), 0);
}

TEST_F(NotifiedCity, AReceiverMayAskForALongerWait) {
  webhooks->Answer(kAll, [](const WebhookPost&) { return WebhookAnswer{429, {}, 20 * kMinuteUs}; });
  Notify(These({To("all", kAll)}));
  Test("all", "busy");
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").failed() == 1; }));
  EXPECT_EQ(FromTimestamp(Shown("all").next_try_time()), clock.WallUs() + 20 * kMinuteUs);
}

TEST_F(NotifiedCity, AComingDeadlineIsToldOnceAnHourBeforeAlsoAfterARestart) {
  Recipient urgent = To("all", kAll);
  urgent.kinds = {v1::NOTICE_KIND_DEADLINE_COMING};
  Notify(These({urgent}));
  Start();
  std::string name = SubmitAndOffer("deadline");
  int64_t due_us = NextClock(*State(name))->start().due_us();
  clock.AdvanceTo(due_us - kHourUs - kMinuteUs);
  Test("all", "not-yet");
  ASSERT_TRUE(webhooks->Reach(1, kAll));
  EXPECT_EQ(webhooks->Types(kAll), std::vector<std::string>{"test"});
  clock.AdvanceTo(due_us - kHourUs);
  ASSERT_TRUE(webhooks->Reach(2, kAll));
  auto event = webhooks->Events(kAll).back();
  EXPECT_EQ(event.type(), "gridloop.notice.deadline-coming");
  EXPECT_EQ(FromTimestamp(event.data().due_time()), due_us);
  EXPECT_EQ(event.data().clock(), NextClock(*State(name))->start().kind());
  EXPECT_TRUE(event.data().position().empty());
  Urged(name);
  clock.AdvanceTo(due_us - kMinuteUs);
  Restart(These({urgent}));
  Urged(name);
  clock.AdvanceTo(due_us - kMinuteUs / 2);
  Test("all", "no-more");
  ASSERT_TRUE(webhooks->Reach(1, kAll));
  EXPECT_EQ(webhooks->Types(kAll), std::vector<std::string>{"test"}) << "not once more";
}

TEST_F(NotifiedCity, AShortClockDoesNotRingAsItStarts) {
  Recipient all = To("all", kAll);
  all.kinds = {v1::NOTICE_KIND_DEADLINE_COMING};
  Notify(These({all}));
  Start();
  auto request = Report("crisis");
  request.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  std::string name = Submit(request);
  ASSERT_TRUE(Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED || State(name)->stage() == v1::STAGE_HELD; }));
  const auto* next = NextClock(*State(name));
  int64_t half_us = (next->start().due_us() + next->started_us()) / 2;
  ASSERT_LT(half_us, clock.WallUs() + kHourUs);
  clock.AdvanceTo(half_us - 1'000'000);
  Test("all", "not-yet");
  ASSERT_TRUE(webhooks->Reach(1, kAll));
  EXPECT_EQ(webhooks->Types(kAll), std::vector<std::string>{"test"});
  clock.AdvanceTo(half_us);
  ASSERT_TRUE(webhooks->Reach(2, kAll));
  EXPECT_EQ(webhooks->Types(kAll).back(), "deadline-coming");
}

TEST_F(NotifiedCity, AClockThatCannotBeTrustedTellsOfNoDeadline) {
  Notify(These({To("all", kAll)}), {}, [] { return false; });
  Start();
  std::string name = SubmitAndOffer("stepped");
  clock.StepWall(NextClock(*State(name))->start().due_us() - kMinuteUs - clock.WallUs());
  Urged(name);
  ASSERT_TRUE(webhooks->Reach(3, kAll));
  for (const auto& type : webhooks->Types(kAll)) EXPECT_NE(type, "deadline-coming");
}

TEST_F(NotifiedCity, AStoreThatCannotBeWrittenLosesNothing) {
  Notify(These({To("all", kAll)}));
  Start();
  notices.FailWrites(true);
  std::string name = SubmitAndOffer("full-disk");
  Urged(name);
  notices.FailWrites(false);
  ASSERT_TRUE(webhooks->Reach(3, kAll));
  std::set<std::string> seen_ids;
  for (const auto& event : webhooks->Events(kAll)) seen_ids.insert(event.id());
  EXPECT_EQ(seen_ids.size(), 3U);
}

TEST_F(NotifiedCity, ANewRecipientIsNotToldOfThePastAndOneThatComesBackGetsWhatWaited) {
  Start();
  std::string name = SubmitAndOffer("past");
  Notify(These({}));
  Urged(name);
  webhooks->Answer(kAll, 500);
  ASSERT_TRUE(notification->Use(These({To("all", kAll)})));
  Urged(name);
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").failed() == 1 && Shown("all").queued() == 1; }));
  ASSERT_TRUE(notification->Use(These({To("other", kOther)})));
  webhooks->Answer(kAll, 200);
  EXPECT_TRUE(Call(*notification, &Notification::ListDeadLetters, officer,
                   [] {
                     v1::ListDeadLettersRequest request;
                     request.set_parent("recipients/all");
                     return request;
                   }())
                  .error()
                  .reason == "RECIPIENT_NOT_FOUND");
  ASSERT_TRUE(notification->Use(These({To("all", kAll), To("other", kOther)})));
  clock.AdvanceTo(clock.WallUs() + kMinuteUs);
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").delivered() == 1; }));
  EXPECT_TRUE(webhooks->Posts(kOther).empty());
}

TEST_F(NotifiedCity, WhoMaySeeWhatOfDeadLetters) {
  webhooks->Answer(kAll, 500);
  Outbox::Limits limits;
  limits.queued = 1;
  Notify(These({To("all", kAll)}), limits);
  Start();
  std::string name = SubmitAndOffer("seen");
  Urged(name);
  Urged(name);
  ASSERT_TRUE(webhooks->Eventually([&] { return Shown("all").dead_letters() == 3; }));
  auto for_admin = Dead("all", admin);
  for (const auto& letter : for_admin.dead_letters()) {
    EXPECT_FALSE(letter.notice().id().empty());
    EXPECT_TRUE(letter.notice().need().empty() && letter.notice().number().empty() && letter.notice().unit().empty());
  }
  std::set<std::string> paged;
  std::string token;
  int pages = 0;
  do {
    auto page = Dead("all", dispatcher, 2, token);
    for (const auto& letter : page.dead_letters()) {
      EXPECT_EQ(letter.notice().need(), name);
      EXPECT_TRUE(paged.insert(letter.notice().id()).second);
    }
    token = page.next_page_token();
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(paged.size(), 3U);
  EXPECT_EQ(pages, 2);
  v1::AmendNeedRequest amend = On<v1::AmendNeedRequest>(name);
  amend.mutable_report()->set_restricted(true);
  amend.mutable_update_mask()->add_paths("restricted");
  amend.set_reason("MARK-minor");
  ASSERT_TRUE(Call(*intake, &Intake::AmendNeed, dispatcher, amend));
  auto cut = Dead("all", dispatcher);
  for (const auto& letter : cut.dead_letters()) EXPECT_EQ(letter.notice().kind(), v1::NOTICE_KIND_RESTRICTED);
  // Wrong questions.
  v1::RedeliverNoticesRequest wrong;
  wrong.set_name("recipients/all");
  EXPECT_EQ(Call(*notification, &Notification::RedeliverNotices, admin, wrong).error().reason, "INVALID_FIELDS");
  wrong.add_ids("short");
  EXPECT_EQ(Call(*notification, &Notification::RedeliverNotices, admin, wrong).error().reason, "INVALID_FIELDS");
  v1::SendTestNoticeRequest nobody;
  nobody.set_name("recipients/nobody");
  nobody.set_request_id("t");
  EXPECT_EQ(Call(*notification, &Notification::SendTestNotice, admin, nobody).error().reason, "RECIPIENT_NOT_FOUND");
}

TEST_F(NotifiedCity, ATestThatIsSentAgainHasTheSameIdAndWaitsOnce) {
  webhooks->Hang(kAll);
  Notify(These({To("all", kAll)}));
  std::string id = Test("all", "once");
  EXPECT_EQ(Test("all", "once"), id);
  EXPECT_NE(Test("all", "twice"), id);
  EXPECT_EQ(Shown("all").queued(), 2);
}

TEST(Notices, TypesThatNobodyIsToldOfAndThoseOfANewerBuildGiveNone) {
  std::set<v1::NoticeKind> kinds = {v1::NOTICE_KIND_UNSPECIFIED, v1::NOTICE_KIND_RESTRICTED, v1::NOTICE_KIND_TEST, v1::NOTICE_KIND_DEADLINE_COMING};
  NeedState state;
  state.set_subject("needs/" + std::string(26, 'a'));
  for (int type = 0; type < 200; ++type) {
    v1::Event event;
    event.set_type(static_cast<v1::EventType>(type));
    for (bool approved : {false, true}) {
      if (approved) event.mutable_closing_verified()->set_approved(true);
      auto told = NoticeOf(state, state, event, 7);
      EXPECT_EQ(told.has_value(), IsToldOf(event));
      if (told) kinds.insert(told->what);
      if (!v1::EventType_IsValid(type)) {
        EXPECT_FALSE(told) << type;
      }
    }
  }
  for (auto type : {v1::EVENT_TYPE_SUBMITTED, v1::EVENT_TYPE_NOTE_ADDED, v1::EVENT_TYPE_SERVICE_RECORDED, v1::EVENT_TYPE_GRADED}) {
    v1::Event event;
    event.set_type(type);
    EXPECT_FALSE(IsToldOf(event)) << type;
  }
  EXPECT_EQ(kinds.size(), static_cast<size_t>(v1::NoticeKind_MAX) + 1) << "each kind comes from something";
}

}  // namespace
}  // namespace gridloop
