// Needs that are reported twice: found, joined, merged, taken apart again, linked; and people who are known already.
#include <algorithm>
#include <set>

#include "domain/merging.h"
#include "services/city.h"

namespace gridloop {
namespace {

constexpr char kOtherCell[] = "320585100002001";  // of another room of the same station

class Duplicates : public City {
 protected:
  template <class Response>
  static std::string Reason(const Expected<Response>& response) {
    return response ? "OK" : response.error().reason;
  }
  v1::FindDuplicatesResponse Find(const Who& who, const v1::FindDuplicatesRequest& request) {
    auto response = Call(*intake, &Intake::FindDuplicates, who, request);
    EXPECT_TRUE(response) << Reason(response);
    return response ? *response : v1::FindDuplicatesResponse();
  }
  static v1::FindDuplicatesRequest Like(const std::string& cell = kRoomCell, const std::string& type = "care") {
    v1::FindDuplicatesRequest request;
    request.set_grid_code(cell);
    request.set_type(type);
    return request;
  }
  v1::JoinNeedRequest Joining(const std::string& request_id, const std::string& token, const std::string& reference = "MARK-second") {
    v1::JoinNeedRequest request;
    request.set_request_id(request_id);
    request.set_join_token(token);
    *request.mutable_report() = Report(request_id).report();
    request.mutable_report()->mutable_reporter()->set_reference(reference);
    request.mutable_report()->set_summary("MARK-joined");
    return request;
  }
  v1::MergeNeedRequest Merging(const std::string& name, const std::string& other, const std::string& request_id = {}) {
    auto request = On<v1::MergeNeedRequest>(name, request_id);
    request.set_other(other);
    request.set_reason("MARK-the same");
    return request;
  }
  v1::UnmergeNeedRequest Unmerging(const std::string& survivor, const std::string& merged) {
    auto request = On<v1::UnmergeNeedRequest>(survivor);
    request.set_merged(merged);
    request.set_reason("MARK-not the same");
    return request;
  }
  v1::LinkNeedsRequest Linking(const std::string& name, const std::string& other, bool remove = false) {
    auto request = On<v1::LinkNeedsRequest>(name);
    request.set_other(other);
    request.set_kind(v1::LINK_KIND_HOUSEHOLD);
    request.set_remove(remove);
    return request;
  }
  Expected<v1::ReporterNeed> Seen(const Who& who, const std::string& name) {
    v1::IntakeServiceGetNeedRequest request;
    request.set_name(name);
    auto response = Call(*intake, &Intake::GetNeed, who, request);
    if (!response) return std::unexpected(response.error());
    return response->need();
  }
  std::set<std::string> Listed(const Who& who, const std::string& reference = {}) {
    v1::ListNeedsRequest request;
    request.set_reporter_reference(reference);
    auto response = Call(*intake, &Intake::ListNeeds, who, request);
    std::set<std::string> names;
    if (response) {
      for (const auto& need : response->needs()) names.insert(need.name());
    }
    return names;
  }
  v1::AssignmentServiceGetNeedResponse Read(const Who& who, const std::string& name) {
    v1::AssignmentServiceGetNeedRequest request;
    request.set_name(name);
    request.set_purpose("visit");
    auto response = Call(*assignment, &Assignment::GetNeed, who, request);
    EXPECT_TRUE(response) << Reason(response);
    return response ? *response : v1::AssignmentServiceGetNeedResponse();
  }
  bool InInbox(const std::string& name) {
    const auto names = Inbox(head, "units/s01");
    return std::ranges::find(names, name) != names.end();
  }
  bool Settled(const std::string& name) {
    return Eventually([&] { return !State(name)->has_merging(); });
  }
  // Two needs of one place, the first submitted a minute earlier; the second by another app.
  std::pair<std::string, std::string> Two() {
    const std::string first = Submit(Report("first"));
    clock.AdvanceTo(clock.WallUs() + kMinuteUs);
    auto second = Call(*intake, &Intake::SubmitNeed, other_app, Report("second"));
    EXPECT_TRUE(second);
    return {first, second->name()};
  }
  std::pair<std::string, std::string> TwoMerged() {
    auto [first, second] = Two();
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, dispatcher, Merging(first, second))), "OK");
    EXPECT_TRUE(Reaches(second, v1::STAGE_MERGED));
    EXPECT_TRUE(Settled(first));
    return {first, second};
  }
};

TEST_F(Duplicates, AReporterLearnsOnlyThatSomethingSimilarIsOpenAndJoinsIt) {
  Start();
  EXPECT_FALSE(Find(other_app, Like()).similar_open());
  const std::string name = SubmitAndOffer("first");
  auto found = Find(other_app, Like());
  EXPECT_TRUE(found.similar_open());
  EXPECT_EQ(found.duplicates_size(), 0);
  for (const std::string& said : {name.substr(6), State(name)->number()}) EXPECT_EQ(found.SerializeAsString().find(said), std::string::npos);
  EXPECT_EQ(ParseAnyBase32(found.join_token())->find(name), std::string::npos);  // nor does the token tell it
  EXPECT_NE(Find(other_app, Like()).join_token(), Find(app, Like()).join_token());
  EXPECT_TRUE(Find(other_app, Like("320585100001")).similar_open());  // the community alone
  EXPECT_FALSE(Find(other_app, Like("320585100001002")).similar_open());
  EXPECT_FALSE(Find(other_app, Like(kOtherCell)).similar_open());
  EXPECT_FALSE(Find(other_app, Like(kRoomCell, "emotional-support")).similar_open());
  EXPECT_EQ(Seen(other_app, name).error().reason, "NEED_NOT_FOUND");

  auto request = Joining("join", found.join_token());
  auto joined = Call(*intake, &Intake::JoinNeed, other_app, request);
  ASSERT_TRUE(joined) << Reason(joined);
  EXPECT_EQ(joined->name(), name);
  EXPECT_EQ(joined->number(), State(name)->number());
  EXPECT_FALSE(joined->replayed());
  EXPECT_TRUE(Seen(other_app, name));
  EXPECT_EQ(Listed(other_app, "MARK-second"), std::set<std::string>{name});
  EXPECT_TRUE(Listed(other_app, "MARK-third").empty());
  auto urge = On<v1::UrgeNeedRequest>(name);
  EXPECT_EQ(Reason(Call(*intake, &Intake::UrgeNeed, other_app, urge)), "OK");
  auto again = Call(*intake, &Intake::JoinNeed, other_app, request);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->replayed());
  EXPECT_EQ(again->position(), joined->position());
  request.mutable_report()->set_summary("another body");
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, request)), "REQUEST_ID_REUSED");
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_JOINED), 1U);

  auto read = Read(head, name);
  EXPECT_EQ(read.need().reporters(), 2);
  EXPECT_TRUE(std::ranges::any_of(read.history(), [](const Event& event) { return event.joined().report().summary() == "MARK-joined"; }));
  EXPECT_TRUE(std::ranges::all_of(read.history(), [](const Event& event) { return event.joined().reporter_ref().empty(); }));
  for (const Event& event : Log()) EXPECT_EQ(event.SerializeAsString().find("MARK"), std::string::npos) << event.type();
}

TEST_F(Duplicates, WhatIsRestrictedOrOldOrEndedIsSimilarToNothing) {
  auto report = Report("hidden");
  report.mutable_report()->set_restricted(true);
  ASSERT_FALSE(Submit(report).empty());
  EXPECT_FALSE(Find(other_app, Like()).similar_open());
  ASSERT_FALSE(Submit(Report("open")).empty());
  EXPECT_TRUE(Find(other_app, Like()).similar_open());
  clock.AdvanceTo(kMondayNineUs + 31 * kDayUs);
  EXPECT_FALSE(Find(other_app, Like()).similar_open());
  const std::string fresh = Submit(Report("fresh"));
  EXPECT_TRUE(Find(other_app, Like()).similar_open());
  EXPECT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, On<v1::WithdrawNeedRequest>(fresh))), "OK");
  EXPECT_FALSE(Find(other_app, Like()).similar_open());
  Activate([](v1::Directory&, v1::Policy& policy) { policy.set_duplicate_days(0); });
  Submit(Report("never"));
  EXPECT_FALSE(Find(other_app, Like()).similar_open());
}

TEST_F(Duplicates, ASchoolsNeedIsSimilarToThatOfTheSameSchoolAlone) {
  const std::string school = snapshots->Active()->directory().institutions(0).id();
  auto report = Report("school");
  report.mutable_report()->mutable_location()->set_institution(school);
  Submit(report);
  v1::FindDuplicatesRequest request;
  request.set_institution(school);
  request.set_type("care");
  EXPECT_TRUE(Find(other_app, request).similar_open());
  EXPECT_FALSE(Find(other_app, Like()).similar_open());
}

TEST_F(Duplicates, ATokenIsItsAppsForADayAndOnlyWhileTheNeedIsOpen) {
  const std::string name = Submit(Report("first"));
  const std::string token = Find(other_app, Like()).join_token();
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, app, Joining("stolen", token))), "INVALID_FIELDS");
  std::string spoilt = token;
  spoilt[5] = spoilt[5] == 'a' ? 'b' : 'a';
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, Joining("spoilt", spoilt))), "INVALID_FIELDS");
  auto thin = Joining("thin", token);
  thin.mutable_report()->clear_summary();
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, thin)), "INVALID_FIELDS");
  ASSERT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, Joining("in-time", token))), "OK");
  clock.AdvanceTo(clock.WallUs() + kDayUs + 1);
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, Joining("late", token))), "JOIN_TOO_LATE");
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, Joining("in-time", token))), "OK");  // what was, stays
  const std::string fresh = Find(other_app, Like()).join_token();
  for (const char* reference : {"MARK-second", "MARK-reference"}) {
    auto leave = On<v1::WithdrawNeedRequest>(name);
    leave.set_reporter_reference(reference);
    EXPECT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, reference == std::string("MARK-second") ? other_app : app, leave)), "OK");
  }
  ASSERT_EQ(State(name)->stage(), v1::STAGE_WITHDRAWN);
  EXPECT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, Joining("too-late", fresh))), "JOIN_TOO_LATE");
}

TEST_F(Duplicates, ASecondReportMakesItMoreUrgentNeverLess) {
  Start();
  const std::string name = SubmitAndOffer("calm");
  const int64_t due_us = State(name)->offer().due_us();
  const std::string token = Find(other_app, Like()).join_token();
  auto crisis = Joining("crisis", token);
  crisis.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  auto joined = Call(*intake, &Intake::JoinNeed, other_app, crisis);
  ASSERT_TRUE(joined) << Reason(joined);
  EXPECT_FALSE(joined->emergency_advice().empty());
  const auto state = State(name);
  EXPECT_EQ(state->urgency(), v1::URGENCY_CRISIS);
  EXPECT_TRUE(state->withdrawal_barred());
  EXPECT_LT(state->offer().due_us(), due_us);
  EXPECT_TRUE(std::ranges::any_of(state->alerts(), [](const auto& alert) { return alert.unit() == "center"; }));
  ASSERT_EQ(Reason(Call(*intake, &Intake::JoinNeed, other_app, Joining("calm-again", token, "MARK-third"))), "OK");
  EXPECT_EQ(State(name)->urgency(), v1::URGENCY_CRISIS);
}

TEST_F(Duplicates, OneReportersWithdrawalLeavesItAliveAndTheLastOnesEndsIt) {
  const std::string name = Submit(Report("first"));
  const std::string token = Find(app, Like()).join_token();
  ASSERT_EQ(Reason(Call(*intake, &Intake::JoinNeed, app, Joining("join", token))), "OK");
  auto withdraw = On<v1::WithdrawNeedRequest>(name);
  EXPECT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, withdraw)), "SAY_WHICH_REPORTER");
  withdraw.set_reporter_reference("MARK-nobody");
  EXPECT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, withdraw)), "NOT_ITS_REPORTER");
  withdraw.set_reporter_reference("MARK-reference");
  ASSERT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, withdraw)), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_SUBMITTED);
  EXPECT_TRUE(Listed(app, "MARK-reference").empty());
  EXPECT_EQ(Listed(app, "MARK-second"), std::set<std::string>{name});
  auto again = Call(*intake, &Intake::WithdrawNeed, app, withdraw);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->outcome().replayed());
  ASSERT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, On<v1::WithdrawNeedRequest>(name))), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_WITHDRAWN);
}

TEST_F(Duplicates, TheLaterOneMergesIntoTheEarlierAndItsReporterFollows) {
  Start();
  auto [first, second] = Two();
  ASSERT_TRUE(Reaches(first, v1::STAGE_OFFERED));
  auto outcome = Call(*assignment, &Assignment::MergeNeed, dispatcher, Merging(second, first, "merge"));  // whichever is named first
  ASSERT_TRUE(outcome) << Reason(outcome);
  EXPECT_EQ(outcome->outcome().name(), first);
  ASSERT_TRUE(Reaches(second, v1::STAGE_MERGED));
  ASSERT_TRUE(Settled(first));
  auto again = Call(*assignment, &Assignment::MergeNeed, dispatcher, Merging(second, first, "merge"));
  ASSERT_TRUE(again) << Reason(again);
  EXPECT_TRUE(again->outcome().replayed());
  EXPECT_EQ(CountEvents(first, v1::EVENT_TYPE_ABSORBING), 1U);
  EXPECT_EQ(CountEvents(second, v1::EVENT_TYPE_MERGED), 1U);
  EXPECT_EQ(CountEvents(first, v1::EVENT_TYPE_MERGE_CONFIRMED), 1U);

  auto need = Read(dispatcher, first).need();
  EXPECT_EQ(need.reporters(), 2);
  ASSERT_EQ(need.merged_size(), 1);
  EXPECT_EQ(need.merged(0).need(), second);
  EXPECT_FALSE(need.merged(0).pending());
  EXPECT_TRUE(need.merged(0).has_unmerge_limit_time());
  EXPECT_EQ(Read(dispatcher, second).need().survivor(), first);
  // The reporter of the merged one sees the survivor too, and what becomes of it under the old name.
  EXPECT_EQ(Listed(other_app), (std::set<std::string>{first, second}));
  EXPECT_EQ(Listed(app), std::set<std::string>{first});
  auto seen = Seen(other_app, second);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->survivor(), first);
  EXPECT_EQ(seen->stage(), v1::REPORTER_STAGE_DISPATCHED);
  EXPECT_EQ(seen->number(), State(second)->number());
  // Urging and withdrawing follow.
  auto urged = Call(*intake, &Intake::UrgeNeed, other_app, On<v1::UrgeNeedRequest>(second, "urge"));
  ASSERT_TRUE(urged) << Reason(urged);
  EXPECT_EQ(urged->outcome().name(), first);
  EXPECT_TRUE(Call(*intake, &Intake::UrgeNeed, other_app, On<v1::UrgeNeedRequest>(second, "urge"))->outcome().replayed());
  EXPECT_EQ(State(first)->urgings(), 1U);
  EXPECT_EQ(Reason(Call(*intake, &Intake::UrgeNeed, app, On<v1::UrgeNeedRequest>(second))), "NEED_NOT_FOUND");  // never was this app's
  ASSERT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, other_app, On<v1::WithdrawNeedRequest>(second))), "OK");
  EXPECT_EQ(State(first)->stage(), v1::STAGE_OFFERED);
  EXPECT_EQ(Listed(other_app), std::set<std::string>{second});
  EXPECT_EQ(ReportersOf(*State(first)).size(), 1U);
}

TEST_F(Duplicates, APersonMayChooseTheSurvivorAndItKeepsWhatIsStricter) {
  Start();
  auto [first, second] = Two();
  auto report = Report("crisis");
  report.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  const std::string crisis = Submit(report);
  ASSERT_TRUE(Reaches(crisis, v1::STAGE_OFFERED));
  auto request = Merging(first, second);
  request.set_survivor(second);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, officer, request)), "OK");
  ASSERT_TRUE(Reaches(first, v1::STAGE_MERGED));
  ASSERT_TRUE(Settled(second));
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, officer, Merging(second, crisis))), "OK");
  ASSERT_TRUE(Reaches(crisis, v1::STAGE_MERGED));
  ASSERT_TRUE(Settled(second));
  EXPECT_EQ(State(second)->urgency(), v1::URGENCY_CRISIS);
  EXPECT_TRUE(State(second)->withdrawal_barred());
  EXPECT_FALSE(State(second)->alerts().empty());
  EXPECT_EQ(Seen(app, first)->survivor(), second);
}

TEST_F(Duplicates, OfTwoWhoMergeEachIntoTheOtherAtOnceOneSurvives) {
  Start();
  auto [first, second] = Two();
  auto one_way = Merging(first, second);
  one_way.set_survivor(first);
  auto other_way = Merging(first, second);
  other_way.set_survivor(second);
  auto a = Begin(*assignment, &Assignment::MergeNeed, dispatcher, one_way);
  auto b = Begin(*assignment, &Assignment::MergeNeed, officer, other_way);
  const std::string reasons[] = {Reason(a.get()), Reason(b.get())};
  for (const auto& reason : reasons) EXPECT_TRUE(reason == "OK" || reason == "MERGE_OPEN" || reason == "NEED_ENDED") << reason;
  ASSERT_TRUE(Settled(first));
  ASSERT_TRUE(Settled(second));
  EXPECT_NE(Ended(*State(first)), Ended(*State(second)));
}

TEST_F(Duplicates, BothOrdersInTheLogBeforeAnybodyActsLeaveOneSurvivor) {
  auto [first, second] = Two();
  auto one_way = Merging(first, second);
  one_way.set_survivor(first);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, dispatcher, one_way)), "OK");
  auto other_way = Merging(first, second);
  other_way.set_survivor(second);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, officer, other_way)), "MERGE_OPEN");
  // As another owner of the log would have written it meanwhile.
  std::promise<bool> written;
  ledger->Decide(
      second, "absorbing-other-", "", std::nullopt,
      [first = first, second = second](const NeedState&, int64_t) -> Expected<Event> {
        Event event;
        event.set_type(v1::EVENT_TYPE_ABSORBING);
        event.set_subject(second);
        event.set_event_id("absorbing-other-");
        event.mutable_absorbing()->set_need(first);
        return event;
      },
      0, [&written](Expected<Verdict> verdict) { written.set_value(verdict.has_value()); });
  ASSERT_TRUE(written.get_future().get());
  Start();
  ASSERT_TRUE(Eventually([&] { return !State(first)->has_merging() && !State(second)->has_merging(); }));
  EXPECT_NE(Ended(*State(first)), Ended(*State(second)));
  EXPECT_EQ(CountEvents(first, v1::EVENT_TYPE_MERGED) + CountEvents(second, v1::EVENT_TYPE_MERGED), 1U);
}

TEST_F(Duplicates, WhatACrashLeavesHalfDoneIsDoneAfterTheStartAndOnlyOnce) {
  auto [first, second] = Two();
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, dispatcher, Merging(first, second))), "OK");
  EXPECT_EQ(State(second)->stage(), v1::STAGE_SUBMITTED);
  EXPECT_TRUE(Read(dispatcher, first).need().merged(0).pending());
  // Nothing that is to go on for another one ends meanwhile.
  EXPECT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, On<v1::WithdrawNeedRequest>(first))), "MERGE_OPEN");
  // The next process decides, and crashes before it settles.
  std::promise<bool> written;
  const std::string decision = ReactionIdFor(second, State(first)->merging().event_id(), "merge");
  ledger->Decide(
      second, decision, "", std::nullopt,
      [survivor = *State(first), decision](const NeedState& second_head, int64_t now_us) -> Expected<Event> {
        Event event = DecideMerge(survivor, second_head);
        event.set_subject(second_head.subject());
        event.set_event_id(decision);
        event.mutable_merged()->set_unmerge_until_us(now_us + kDayUs);
        return event;
      },
      0, [&written](Expected<Verdict> verdict) { written.set_value(verdict.has_value()); });
  ASSERT_TRUE(written.get_future().get());
  EXPECT_EQ(State(second)->stage(), v1::STAGE_MERGED);
  EXPECT_EQ(Reason(Call(*intake, &Intake::UrgeNeed, other_app, On<v1::UrgeNeedRequest>(second))), "MERGE_PENDING");
  EXPECT_TRUE(Seen(other_app, second));
  for (int start = 0; start < 2; ++start) {
    assignment = std::make_unique<Assignment>(*world);
    assignment->Start();
    ASSERT_TRUE(Settled(first));
    EXPECT_EQ(CountEvents(second, v1::EVENT_TYPE_MERGED), 1U);
    EXPECT_EQ(CountEvents(first, v1::EVENT_TYPE_MERGE_CONFIRMED), 1U);
  }
  EXPECT_EQ(Reason(Call(*intake, &Intake::UrgeNeed, other_app, On<v1::UrgeNeedRequest>(second))), "OK");
  // An undoing that breaks off too.
  assignment->Stop();
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, dispatcher, Unmerging(first, second))), "OK");
  EXPECT_EQ(State(second)->stage(), v1::STAGE_MERGED);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, dispatcher, Unmerging(first, second))), "MERGE_OPEN");
  assignment->Start();
  ASSERT_TRUE(Settled(first));
  EXPECT_EQ(State(second)->stage(), v1::STAGE_SUBMITTED);
  EXPECT_EQ(CountEvents(second, v1::EVENT_TYPE_UNMERGED), 1U);
}

TEST_F(Duplicates, AnotherMachineThatHasTheLogAloneFinishesTheMerge) {
  auto [first, second] = Two();
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, dispatcher, Merging(first, second))), "OK");
  std::vector<std::string> values;
  for (const Event& event : Log()) values.push_back(event.SerializeAsString());
  MemoryStore copy;
  ASSERT_TRUE(copy.Append(0, values));
  auto opened = Committer::Open(copy, clock, {});
  ASSERT_TRUE(opened);
  World elsewhere{**opened, **opened, keys, *snapshots, clock, ids, secret};
  Assignment there(elsewhere);
  there.Start();
  auto settled = [&] {
    auto state = StateNow(elsewhere, first);
    return state && *state && (*state)->absorbed_size() == 1 && !(*state)->has_merging();
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!settled()) ASSERT_LT(std::chrono::steady_clock::now(), until);
  EXPECT_EQ((*StateNow(elsewhere, second))->survivor(), first);
  there.Stop();
}

TEST_F(Duplicates, OfTwoAtOnceBothJoinAndOneUndoes) {
  Start();
  auto [first, second] = TwoMerged();
  const std::string token = Find(other_app, Like()).join_token();
  auto a = Begin(*intake, &Intake::JoinNeed, other_app, Joining("one", token, "MARK-one"));
  auto b = Begin(*intake, &Intake::JoinNeed, other_app, Joining("two", token, "MARK-two"));
  EXPECT_EQ(Reason(a.get()), "OK");
  EXPECT_EQ(Reason(b.get()), "OK");
  EXPECT_EQ(ReportersOf(*State(first)).size(), 4U);
  auto c = Begin(*assignment, &Assignment::UnmergeNeed, dispatcher, Unmerging(first, second));
  auto d = Begin(*assignment, &Assignment::UnmergeNeed, officer, Unmerging(first, second));
  const std::string reasons[] = {Reason(c.get()), Reason(d.get())};
  EXPECT_EQ(std::ranges::count(reasons, "OK"), 1);
  for (const auto& reason : reasons) EXPECT_TRUE(reason == "OK" || reason == "MERGE_OPEN" || reason == "NOT_MERGED") << reason;
  ASSERT_TRUE(Settled(first));
  EXPECT_EQ(CountEvents(second, v1::EVENT_TYPE_UNMERGED), 1U);
  EXPECT_EQ(ReportersOf(*State(first)).size(), 3U);  // who joined stays
}

TEST_F(Duplicates, AMergeIsRefusedWithTheReasonWhyAndWritesNothing) {
  Start();
  auto [first, second] = Two();
  const std::string third = Submit(Report("third", kOtherCell));
  auto report = Report("hidden");
  report.mutable_report()->set_restricted(true);
  const std::string hidden = Submit(report);
  for (const auto& each : {first, second, third, hidden}) ASSERT_TRUE(Reaches(each, v1::STAGE_OFFERED));
  auto merge = [&](const Who& who, const v1::MergeNeedRequest& request) { return Reason(Call(*assignment, &Assignment::MergeNeed, who, request)); };
  EXPECT_EQ(merge(app, Merging(first, second)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(merge(Worker("w-0001", "r-320585100001"), Merging(first, second)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(merge(other_head, Merging(first, second)), "NOT_YOUR_NEED");
  EXPECT_EQ(merge(dispatcher, Merging(first, first)), "INVALID_FIELDS");
  EXPECT_EQ(merge(dispatcher, Merging(first, "needs/no")), "INVALID_FIELDS");
  EXPECT_EQ(merge(dispatcher, Merging(first, "needs/aaaaaaaaaaaaaaaaaaaaaaaaaa")), "NEED_NOT_FOUND");
  auto request = Merging(first, second);
  request.clear_reason();
  EXPECT_EQ(merge(dispatcher, request), "INVALID_FIELDS");
  request = Merging(first, second);
  request.set_survivor(third);
  EXPECT_EQ(merge(dispatcher, request), "INVALID_FIELDS");
  request = Merging(first, second);
  request.set_etag("1");
  EXPECT_EQ(merge(dispatcher, request), "ETAG_MISMATCH");
  // Whoever is to accept one need sees a restricted one before; once it is accepted nobody but those assigned says what it has to do with.
  ToAssigned(hidden);
  EXPECT_EQ(merge(dispatcher, Merging(first, hidden)), "NEED_RESTRICTED");
  EXPECT_EQ(CountEvents(first, v1::EVENT_TYPE_ABSORBING), 0U);
  // The head may for needs of the own station, of different rooms too.
  ASSERT_EQ(merge(head, Merging(first, third)), "OK");
  ASSERT_TRUE(Reaches(third, v1::STAGE_MERGED));
  ASSERT_TRUE(Settled(first));
  EXPECT_EQ(merge(head, Merging(first, third)), "NEED_ENDED");
  ASSERT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, other_app, On<v1::WithdrawNeedRequest>(second))), "OK");
  EXPECT_EQ(merge(head, Merging(first, second)), "NEED_ENDED");
  request = Merging(second, first);
  request.set_survivor(second);
  EXPECT_EQ(merge(head, request), "NEED_ENDED");
  EXPECT_EQ(CountEvents(first, v1::EVENT_TYPE_ABSORBING), 1U);
}

TEST_F(Duplicates, WhatIsUndoneReturnsAtItsStageToItsWorkerWithANewClock) {
  Start([] { return false; });  // offers do not expire meanwhile
  auto [first, second] = Two();
  const std::string worker = ToAssigned(second);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, head, Merging(first, second))), "OK");
  ASSERT_TRUE(Reaches(second, v1::STAGE_MERGED));
  ASSERT_TRUE(Settled(first));
  EXPECT_FALSE(InInbox(second));
  clock.AdvanceTo(clock.WallUs() + 2 * kDayUs);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, other_head, Unmerging(first, second))), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, head, Unmerging(second, first))), "NEED_ENDED");
  auto stale = Unmerging(first, second);
  stale.set_etag("1");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, head, stale)), "ETAG_MISMATCH");
  auto request = Unmerging(first, second);
  auto outcome = Call(*assignment, &Assignment::UnmergeNeed, head, request);
  ASSERT_TRUE(outcome) << Reason(outcome);
  ASSERT_TRUE(Reaches(second, v1::STAGE_ASSIGNED));
  ASSERT_TRUE(Settled(first));
  EXPECT_TRUE(Call(*assignment, &Assignment::UnmergeNeed, head, request)->outcome().replayed());
  EXPECT_EQ(State(second)->owner(), State(second)->unit());
  EXPECT_EQ(State(second)->worker(), worker);
  ASSERT_EQ(State(second)->clocks_size(), 1);
  EXPECT_EQ(State(second)->clocks(0).start().kind(), v1::CLOCK_KIND_ASSIGNMENT);
  EXPECT_GT(State(second)->clocks(0).start().due_us(), clock.WallUs());
  EXPECT_TRUE(InInbox(second));
  EXPECT_EQ(Listed(other_app), std::set<std::string>{second});
  EXPECT_TRUE(Seen(other_app, second)->survivor().empty());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, head, Unmerging(first, second))), "NOT_MERGED");
  for (const auto& each : {first, second}) {
    v1::GetTimelineRequest timeline;
    timeline.set_name(each);
    auto told = Call(*audit, &Audit::GetTimeline, auditor, timeline);
    ASSERT_TRUE(told) << Reason(told);
    EXPECT_TRUE(told->chain_intact());
    EXPECT_EQ(told->SerializeAsString().find("MARK"), std::string::npos);
  }
}

TEST_F(Duplicates, AnUndoingHasItsDaysAndNeedsAnOpenSurvivor) {
  Start();
  auto [first, second] = TwoMerged();
  clock.AdvanceTo(clock.WallUs() + 7 * kDayUs + kMinuteUs);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, dispatcher, Unmerging(first, second))), "UNMERGE_TOO_LATE");
  const std::string third = Submit(Report("third"));
  auto request = Merging(third, first);
  request.set_survivor(third);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::MergeNeed, dispatcher, request)), "OK");
  ASSERT_TRUE(Reaches(first, v1::STAGE_MERGED));
  ASSERT_TRUE(Settled(third));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::UnmergeNeed, dispatcher, Unmerging(first, second))), "NEED_ENDED");
  // Through two merges: the reporter of the second is told of the third, and urges it.
  EXPECT_EQ(ReportersOf(*State(third)).size(), 2U);  // one reporter of the app reported two of them
  auto urged = Call(*intake, &Intake::UrgeNeed, other_app, On<v1::UrgeNeedRequest>(second));
  ASSERT_TRUE(urged) << Reason(urged);
  EXPECT_EQ(urged->outcome().name(), third);
}

TEST_F(Duplicates, ALinkIsShownByBothNeedsAndTakenAwayWhereItWasMade) {
  Start();
  auto [first, second] = Two();
  ASSERT_TRUE(Reaches(first, v1::STAGE_OFFERED) && Reaches(second, v1::STAGE_OFFERED));
  auto link = [&](const Who& who, const v1::LinkNeedsRequest& request) { return Reason(Call(*assignment, &Assignment::LinkNeeds, who, request)); };
  EXPECT_EQ(link(other_head, Linking(first, second)), "NOT_YOUR_NEED");
  EXPECT_EQ(link(head, Linking(first, first)), "INVALID_FIELDS");
  auto kindless = Linking(first, second);
  kindless.clear_kind();
  EXPECT_EQ(link(head, kindless), "INVALID_FIELDS");
  EXPECT_EQ(link(head, Linking(first, "needs/aaaaaaaaaaaaaaaaaaaaaaaaaa")), "OTHER_NOT_FOUND");
  EXPECT_EQ(link(head, Linking(first, second, true)), "NOT_LINKED");
  auto stale = Linking(first, second);
  stale.set_etag("1");
  EXPECT_EQ(link(head, stale), "ETAG_MISMATCH");
  auto a = Begin(*assignment, &Assignment::LinkNeeds, head, Linking(first, second));
  auto b = Begin(*assignment, &Assignment::LinkNeeds, dispatcher, Linking(first, second));
  std::multiset<std::string> reasons = {Reason(a.get()), Reason(b.get())};
  EXPECT_EQ(reasons, (std::multiset<std::string>{"ALREADY_LINKED", "OK"}));
  for (const auto& [one, other] : {std::pair(first, second), std::pair(second, first)}) {
    auto need = Read(head, one).need();
    ASSERT_EQ(need.links_size(), 1);
    EXPECT_EQ(need.links(0).need(), other);
    EXPECT_EQ(need.links(0).kind(), v1::LINK_KIND_HOUSEHOLD);
  }
  EXPECT_EQ(link(head, Linking(second, first, true)), "NOT_LINKED");
  EXPECT_EQ(link(head, Linking(first, second, true)), "OK");
  EXPECT_EQ(Read(head, second).need().links_size(), 0);
}

TEST_F(Duplicates, StaffSeeWhatTheyMayAndWhoIsKnownAlready) {
  Start();
  auto report = Report("known", kOtherCell);
  report.mutable_report()->mutable_subject()->set_identity_number("11010519491231002X");
  const std::string known = Submit(report);
  report = Report("new");
  report.mutable_report()->mutable_subject()->set_identity_number("11010519491231002X");
  report.mutable_report()->set_type("emotional-support");
  const std::string fresh = Submit(report);
  const std::string similar = Submit(Report("similar"));
  auto phone = Report("by-phone", kOtherCell);
  phone.mutable_report()->mutable_subject()->set_phone("+86 138-0000-0000");
  phone.mutable_report()->set_type("emotional-support");
  const std::string by_phone = Submit(phone);
  for (const auto& each : {known, fresh, similar, by_phone}) ASSERT_TRUE(Reaches(each, v1::STAGE_OFFERED));
  ASSERT_TRUE(Eventually([&] { return persons->Ready(); }));
  v1::FindDuplicatesRequest request;
  request.set_name(fresh);
  auto found = Find(head, request);
  ASSERT_EQ(found.duplicates_size(), 1);
  EXPECT_EQ(found.duplicates(0).need().name(), known);
  EXPECT_TRUE(found.duplicates(0).same_person());
  EXPECT_FALSE(found.duplicates(0).same_place());
  EXPECT_TRUE(found.join_token().empty());
  for (const auto& [person, expected] : {std::pair("13800000000", by_phone), std::pair("0086 138 0000 0000", by_phone)}) {
    v1::FindDuplicatesRequest by_person;
    by_person.set_person(person);
    auto them = Find(dispatcher, by_person);
    ASSERT_EQ(them.duplicates_size(), 1) << person;
    EXPECT_EQ(them.duplicates(0).need().name(), expected);
    EXPECT_EQ(Find(other_head, by_person).duplicates_size(), 0);  // another station's
  }
  v1::FindDuplicatesRequest by_number;
  by_number.set_person("11010519491231002x");
  EXPECT_EQ(Find(dispatcher, by_number).duplicates_size(), 2);
  request.set_name(similar);
  EXPECT_EQ(Find(head, request).duplicates_size(), 0);  // the other one of that cell is of another type
  EXPECT_EQ(Reason(Call(*intake, &Intake::FindDuplicates, other_head, request)), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*intake, &Intake::FindDuplicates, app, request)), "INVALID_FIELDS");
  EXPECT_EQ(Reason(Call(*intake, &Intake::FindDuplicates, app, by_number)), "INVALID_FIELDS");
  by_number.set_person("nobody");
  EXPECT_EQ(Reason(Call(*intake, &Intake::FindDuplicates, head, by_number)), "INVALID_FIELDS");
  EXPECT_EQ(Reason(Call(*intake, &Intake::FindDuplicates, head, v1::FindDuplicatesRequest())), "INVALID_FIELDS");
  const Who worker = Worker(State(similar)->offer().worker(), "r-320585100001");
  auto both = Find(worker, Like());
  EXPECT_TRUE(both.similar_open());
  EXPECT_FALSE(both.join_token().empty());
  ASSERT_EQ(both.duplicates_size(), 1);
  EXPECT_EQ(both.duplicates(0).need().name(), similar);
}

TEST_F(Duplicates, TheIndexOfPersonsIsReadAgainAfterAStartAndForgetsWithTheKeys) {
  auto report = Report("known");
  report.mutable_report()->mutable_subject()->set_phone("13800000000");
  const std::string name = Submit(report);
  auto gone = Report("gone");
  gone.mutable_report()->mutable_subject()->set_phone("13800000000");
  const std::string forgotten = Submit(gone);
  const std::string ref = secret.PersonRef(PersonIdentifier("", "13800000000"));
  EXPECT_EQ(persons->NeedsOf(ref, 10).size(), 2U);
  EXPECT_EQ(persons->NeedsOf(ref, 1).size(), 1U);
  ASSERT_TRUE(keys.Forget({State(forgotten)->key_ids(0)}));
  persons->Forget(forgotten);
  EXPECT_EQ(persons->NeedsOf(ref, 10), std::vector{name});
  PersonIndex again(*ledger, *ledger, keys, clock);
  again.Start();
  while (!again.Ready()) std::this_thread::yield();
  EXPECT_EQ(again.NeedsOf(ref, 10), std::vector{name});
  auto amend = On<v1::AmendNeedRequest>(name);
  amend.mutable_update_mask()->add_paths("subject");
  amend.mutable_report()->mutable_subject()->set_phone("13900000000");
  amend.set_reason("another phone");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, app, amend)), "OK");
  EXPECT_EQ(persons->NeedsOf(secret.PersonRef(PersonIdentifier("", "13900000000")), 10), std::vector{name});
  ASSERT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, On<v1::WithdrawNeedRequest>(name))), "OK");
  EXPECT_TRUE(persons->Sweep());
  EXPECT_TRUE(persons->NeedsOf(ref, 10).empty());
  EXPECT_TRUE(persons->PersonsOf(name).empty());
}

TEST_F(Duplicates, WhoServesThePersonAlreadyIsSuggestedFirst) {
  Start();
  auto report = Report("known");
  report.mutable_report()->mutable_subject()->set_phone("13800000000");
  const std::string known = Submit(report);
  ASSERT_TRUE(Reaches(known, v1::STAGE_OFFERED));
  const std::string usual = State(known)->offer().worker();
  // Whoever the next offer would not suggest by load or id serves the person now.
  std::string serving;
  for (const auto* worker : snapshots->Active()->WorkersAt("r-320585100001", clock.WallUs())) {
    const std::string id = BareId(worker->name());
    if (id != usual && worker->leaves().empty()) serving = id;
  }
  if (serving.empty()) serving = usual;
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(known)));
  auto assign = On<v1::AssignWorkerRequest>(known);
  assign.set_worker("workers/" + serving);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AssignWorker, head, assign)), "OK");
  report = Report("again");
  report.mutable_report()->mutable_subject()->set_phone("138 0000 0000");
  const std::string again = Submit(report);
  ASSERT_TRUE(Reaches(again, v1::STAGE_OFFERED));
  EXPECT_EQ(State(again)->offer().worker(), serving);
  const auto log = Log();
  auto offered = std::ranges::find_if(log, [&](const Event& event) { return event.subject() == again && event.has_offered(); });
  ASSERT_NE(offered, log.end());
  EXPECT_TRUE(std::ranges::any_of(offered->offered().receipt().candidates(), [&](const auto& each) { return each.chosen() && each.serves_person(); }));
}

TEST_F(Duplicates, NobodyReadsAPersonsPseudonym) {
  Start();
  auto report = Report("known");
  report.mutable_report()->mutable_subject()->set_phone("13800000000");
  const std::string name = Submit(report);
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  const std::string ref = secret.PersonRef(PersonIdentifier("", "13800000000"));
  EXPECT_EQ(Read(head, name).SerializeAsString().find(ref), std::string::npos);
  for (const Event& event : Log()) EXPECT_EQ(event.SerializeAsString().find(ref), std::string::npos);
}

}  // namespace
}  // namespace gridloop
