// Supervision, oversight, the access log, and what is forgotten.
#include <algorithm>
#include <set>

#include "commands/access_log.h"
#include "domain/forgetting.h"
#include "services/city.h"

namespace gridloop {
namespace {

class Confidentiality : public City {
 protected:
  template <class Response>
  static std::string Reason(const Expected<Response>& response) {
    return response ? "OK" : response.error().reason;
  }
  Who Assigned(const std::string& request_id, std::string* name, bool restricted = false) {
    Start();
    auto report = Report(request_id);
    report.mutable_report()->set_restricted(restricted);
    *name = Submit(report);
    return Worker(ToAssigned(*name), kRoom);
  }
  // Answered at once: the shortest end.
  Who Closed(const std::string& request_id, std::string* name) {
    Who worker = Assigned(request_id, name);
    auto answer = On<v1::AnswerNeedRequest>(*name);
    answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
    answer.mutable_closing()->set_result_summary("MARK-result");
    answer.mutable_closing()->set_reporter_sentence("MARK-sentence");
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, answer)), "OK");
    return worker;
  }
  Expected<v1::AssignmentServiceGetNeedResponse> Read(const std::string& name, const Who& who, v1::AccessPurpose kind = v1::ACCESS_PURPOSE_SERVICE,
                                                      const std::string& words = {}) {
    v1::AssignmentServiceGetNeedRequest request;
    request.set_name(name);
    request.set_purpose_kind(kind);
    request.set_purpose(words);
    return Call(*assignment, &Assignment::GetNeed, who, request);
  }
  v1::GetTimelineResponse Timeline(const std::string& name, const Who& who) {
    v1::GetTimelineRequest request;
    request.set_name(name);
    auto response = Call(*audit, &Audit::GetTimeline, who, request);
    EXPECT_TRUE(response) << Reason(response);
    return response ? *response : v1::GetTimelineResponse();
  }
  v1::AddSupervisionNoteRequest Noting(const std::string& name, const std::string& request_id = {}) {
    auto request = On<v1::AddSupervisionNoteRequest>(name, request_id);
    request.set_text("MARK-look at the goals again");
    return request;
  }
  v1::ForgetNeedRequest Forgetting(const std::string& name, const std::string& request_id = {}) {
    auto request = On<v1::ForgetNeedRequest>(name, request_id);
    request.set_reason(v1::FORGET_REASON_RETENTION_OVER);
    return request;
  }
  std::vector<v1::AccessEntry> Accesses(const std::string& name, const Who& who, int page_size = 0) {
    std::vector<v1::AccessEntry> all;
    v1::ListAccessesRequest request;
    request.set_name(name);
    request.set_page_size(page_size);
    do {
      auto response = Call(*audit, &Audit::ListAccesses, who, request);
      EXPECT_TRUE(response) << Reason(response);
      if (!response) break;
      for (auto& entry : *response->mutable_entries()) all.push_back(std::move(entry));
      request.set_page_token(response->next_page_token());
    } while (!request.page_token().empty());
    return all;
  }
  void PassRetention() { clock.AdvanceTo(clock.WallUs() + 1096 * kDayUs); }
  bool KeysGone(const std::string& name) {
    return Eventually([&] { return State(name)->forgotten_us() != 0 && State(name)->forgotten_event_id().empty(); });
  }
  static constexpr char kRoom[] = "r-320585100001";
  const Who supervisor{"supervision", "supervisor-1", v1::ROLE_SUPERVISOR, "", "", {"s01", "s03"}};
  const Who elsewhere{"supervision", "supervisor-2", v1::ROLE_SUPERVISOR, "", "", {"s02"}};
  const Who oversight{"bureau", "oversight-1", v1::ROLE_OVERSIGHT, "", ""};
  const Who admin{"ops", "admin-1", v1::ROLE_ADMIN, "", ""};
};

TEST_F(Confidentiality, ASupervisorReadsTheCasesOfTheAssignedStationsPseudonymised) {
  std::string name;
  const Who worker = Assigned("supervised", &name);
  auto read = Read(name, supervisor, v1::ACCESS_PURPOSE_SUPERVISION);
  ASSERT_TRUE(read) << Reason(read);
  const auto& need = read->need();
  EXPECT_EQ(need.stage(), v1::STAGE_ASSIGNED);
  EXPECT_EQ(need.report().type(), "care");
  EXPECT_TRUE(need.worker().starts_with("workers/~")) << need.worker();
  EXPECT_EQ(read->SerializeAsString().find("MARK"), std::string::npos);
  EXPECT_EQ(read->SerializeAsString().find(worker.worker), std::string::npos);
  EXPECT_EQ(read->SerializeAsString().find(kRoomCell), std::string::npos);
  EXPECT_EQ(read->history_size(), 0);
  // The same worker has the same pseudonym everywhere, and the timeline names nobody either.
  const std::string pseudonym = need.worker().substr(std::string("workers/").size());
  auto timeline = Timeline(name, supervisor);
  EXPECT_TRUE(timeline.chain_intact());
  bool assigned = false;
  for (const auto& entry : timeline.entries()) {
    if (entry.type() != v1::EVENT_TYPE_WORKER_ASSIGNED) continue;
    assigned = true;
    EXPECT_EQ(entry.event().worker_assigned().worker(), pseudonym);
  }
  EXPECT_TRUE(assigned);
  for (const std::string& hidden : {worker.worker, std::string("MARK"), std::string(kRoomCell), head.principal, head.worker, app.principal, app.client}) {
    EXPECT_EQ(timeline.SerializeAsString().find(hidden), std::string::npos) << hidden;
  }
  // Other stations' are not theirs, in no list either.
  EXPECT_EQ(Reason(Read(name, elsewhere)), "NOT_YOUR_NEED");
  EXPECT_EQ(Inbox(supervisor, "units/s01"), std::vector<std::string>{name});
  EXPECT_EQ(Inbox(supervisor, std::string("units/") + kRoom), std::vector<std::string>{name});
  for (const char* parent : {"units/s02", "units/center", "workers/w-0001"}) {
    v1::ListInboxRequest list;
    list.set_parent(parent);
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::ListInbox, supervisor, list)), "NOT_YOUR_INBOX") << parent;
  }
}

TEST_F(Confidentiality, ASupervisorChangesNothingButAddsANoteAtAnyStageThatTheWorkSeesAndNobodyElse) {
  std::string name;
  const Who worker = Assigned("noted", &name);
  auto before = State(name);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name, "note-1"))), "OK");
  auto after = State(name);
  EXPECT_EQ(after->stage(), before->stage());
  ASSERT_EQ(after->clocks_size(), before->clocks_size());
  for (int i = 0; i < after->clocks_size(); ++i) EXPECT_EQ(after->clocks(i).start().due_us(), before->clocks(i).start().due_us());
  EXPECT_EQ(after->owner(), before->owner());
  EXPECT_EQ(after->supervision_notes(), 1U);
  // The same again is the same; other words under its id are refused; wrong roles and stations are too.
  auto again = Call(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name, "note-1"));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->outcome().replayed());
  auto other = Noting(name, "note-1");
  other.set_text("other words");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, other)), "REQUEST_ID_REUSED");
  auto stale = Noting(name);
  stale.set_etag("1");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, stale)), "ETAG_MISMATCH");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, elsewhere, Noting(name))), "NOT_YOUR_NEED");
  for (const Who& who : {worker, head, dispatcher, auditor, oversight}) {
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, who, Noting(name))), "ROLE_NOT_ALLOWED") << who.principal;
  }
  auto empty = Noting(name);
  empty.clear_text();
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, empty)), "INVALID_FIELDS");
  auto command = On<v1::AddNoteRequest>(name);
  command.set_text("a note");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddNote, supervisor, command)), "ROLE_NOT_ALLOWED");
  // Two at once are two.
  auto first = Begin(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name));
  auto second = Begin(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name));
  EXPECT_EQ(Reason(first.get()), "OK");
  EXPECT_EQ(Reason(second.get()), "OK");
  // Who works on it reads them, its head too, the centre and the reporter do not.
  for (const Who& who : {worker, head, supervisor}) {
    auto read = Read(name, who);
    ASSERT_TRUE(read) << who.principal;
    ASSERT_EQ(read->supervision_notes_size(), 3) << who.principal;
    EXPECT_EQ(read->supervision_notes(0).text(), "MARK-look at the goals again");
    EXPECT_EQ(read->supervision_notes(0).principal(), "supervisor-1");
    EXPECT_EQ(Read(name, who, v1::ACCESS_PURPOSE_UNSPECIFIED)->supervision_notes_size(), 0) << "not without a purpose";
  }
  EXPECT_EQ(Read(name, dispatcher)->supervision_notes_size(), 0);
  EXPECT_EQ(Read(name, auditor)->supervision_notes_size(), 0);
  // Also after the end.
  auto closing = On<v1::AnswerNeedRequest>(name);
  closing.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  closing.mutable_closing()->set_result_summary("done");
  closing.mutable_closing()->set_reporter_sentence("done");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, closing)), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name))), "OK");
  EXPECT_EQ(State(name)->stage(), v1::STAGE_CLOSED);
  EXPECT_EQ(Read(name, supervisor)->supervision_notes_size(), 4);
  EXPECT_EQ(Timeline(name, auditor).SerializeAsString().find("MARK"), std::string::npos);
}

TEST_F(Confidentiality, OfARestrictedNeedASupervisorSeesNumberAndClockOnly) {
  std::string name;
  const Who worker = Assigned("restricted", &name, true);
  auto read = Read(name, supervisor, v1::ACCESS_PURPOSE_SUPERVISION);
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->need().number().empty());
  EXPECT_GT(read->need().deadlines_size(), 0);
  EXPECT_EQ(read->need().stage(), v1::STAGE_UNSPECIFIED);
  EXPECT_TRUE(read->need().worker().empty());
  EXPECT_FALSE(read->need().has_report());
  auto timeline = Timeline(name, supervisor);
  for (const auto& entry : timeline.entries()) {
    EXPECT_EQ(entry.type(), v1::EVENT_TYPE_UNSPECIFIED);
    EXPECT_FALSE(entry.has_event());
    EXPECT_FALSE(entry.has_actor());
  }
  auto noted = Call(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name));
  ASSERT_TRUE(noted) << Reason(noted);
  EXPECT_EQ(noted->outcome().stage(), v1::STAGE_UNSPECIFIED);
  EXPECT_EQ(Read(name, supervisor)->supervision_notes_size(), 0);
  EXPECT_EQ(Read(name, head)->supervision_notes_size(), 0);
  EXPECT_EQ(Read(name, worker)->supervision_notes_size(), 1);
}

TEST_F(Confidentiality, OversightGetsLoopsWithoutAnybodyWhoWorksOnThemAndNothingElse) {
  std::string name;
  Assigned("loops", &name);
  clock.AdvanceTo(kMondayNineUs + 30 * kDayUs);
  ASSERT_TRUE(Eventually([&] { return State(name)->escalation_level() > 0; }));
  auto loops = [&](const Who& who) { return Call(*audit, &Audit::ListOpenLoops, who, v1::ListOpenLoopsRequest()); };
  auto seen = loops(oversight);
  ASSERT_TRUE(seen) << Reason(seen);
  ASSERT_EQ(seen->loops_size(), 1);
  EXPECT_EQ(seen->loops(0).name(), name);
  EXPECT_FALSE(seen->loops(0).reasons().empty());
  EXPECT_EQ(seen->loops(0).worker(), "");
  EXPECT_NE(loops(auditor)->loops(0).worker(), "");
  v1::GetTimelineRequest timeline;
  timeline.set_name(name);
  EXPECT_EQ(Reason(Call(*audit, &Audit::GetTimeline, oversight, timeline)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Read(name, oversight)), "ROLE_NOT_ALLOWED");
}

TEST_F(Confidentiality, WhoeverReadsPersonalDataStandsInTheLogBeforeAnythingIsOpened) {
  std::string name;
  const Who worker = Assigned("read", &name);
  // Without a purpose nothing is opened, and nothing is to be logged.
  ASSERT_TRUE(Read(name, worker, v1::ACCESS_PURPOSE_UNSPECIFIED));
  EXPECT_TRUE(Accesses(name, auditor).empty());
  EXPECT_EQ(Reason(Read(name, worker, v1::ACCESS_PURPOSE_OTHER)), "INVALID_FIELDS") << "another purpose says which";
  EXPECT_EQ(Reason(Read(name, worker, static_cast<v1::AccessPurpose>(99))), "INVALID_FIELDS");
  auto read = Read(name, worker, v1::ACCESS_PURPOSE_SERVICE, "MARK-visit to the person");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->need().report().summary(), "MARK-summary");
  auto entries = Accesses(name, dispatcher);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].actor().principal(), worker.principal);
  EXPECT_EQ(entries[0].purpose(), v1::ACCESS_PURPOSE_SERVICE);
  EXPECT_EQ(entries[0].text(), "MARK-visit to the person");
  EXPECT_EQ(entries[0].need_version(), State(name)->version());
  EXPECT_EQ(std::vector<std::string>(entries[0].parts().begin(), entries[0].parts().end()), (std::vector<std::string>{"history", "report"}));
  EXPECT_EQ(Accesses(name, auditor)[0].text(), "") << "the auditor gets no words";
  // The words lie sealed in the log.
  for (const Event& event : Log()) EXPECT_EQ(event.SerializeAsString().find("MARK-visit"), std::string::npos);
  for (const Who& who : {worker, head, supervisor, oversight}) {
    v1::ListAccessesRequest list;
    list.set_name(name);
    EXPECT_EQ(Reason(Call(*audit, &Audit::ListAccesses, who, list)), "ROLE_NOT_ALLOWED") << who.principal;
  }
}

TEST_F(Confidentiality, ReadingTheSameAgainWithinTenMinutesIsOneEntry) {
  std::string name;
  const Who worker = Assigned("again", &name);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Read(name, worker));
  EXPECT_EQ(Accesses(name, auditor).size(), 1U);
  ASSERT_TRUE(Read(name, worker, v1::ACCESS_PURPOSE_INQUIRY));
  ASSERT_TRUE(Read(name, worker, v1::ACCESS_PURPOSE_INQUIRY, "in words"));
  EXPECT_EQ(Accesses(name, auditor).size(), 3U) << "another purpose is another reading";
  clock.AdvanceTo(clock.WallUs() + 10 * kMinuteUs);
  ASSERT_TRUE(Read(name, worker));
  EXPECT_EQ(Accesses(name, auditor).size(), 4U);
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("something new to read");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AddNote, worker, note)), "OK");
  ASSERT_TRUE(Read(name, worker));
  auto entries = Accesses(name, auditor, 2);
  ASSERT_EQ(entries.size(), 5U) << "so is what came since; pages of two lose none";
  for (size_t i = 1; i < entries.size(); ++i) EXPECT_LT(ParsePosition(entries[i - 1].position())->offset, ParsePosition(entries[i].position())->offset);
}

TEST_F(Confidentiality, AReadingThatCannotBeLoggedIsRefused) {
  std::string name;
  const Who worker = Assigned("refused", &name);
  store.FailAppends("the disk is gone");
  auto read = Read(name, worker);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kUnavailable);
  EXPECT_EQ(read.error().reason, "ACCESS_NOT_LOGGED");
  EXPECT_FALSE(read.error().message_zh.empty());
  EXPECT_TRUE(Read(name, worker, v1::ACCESS_PURPOSE_UNSPECIFIED)) << "what is not personal is still read";
}

TEST_F(Confidentiality, ALongAccessLogIsKeptInVolumes) {
  std::string name;
  const Who worker = Assigned("long", &name);
  for (int i = 0; i < 503; ++i) ASSERT_TRUE(Read(name, worker, v1::ACCESS_PURPOSE_SERVICE, "reading " + std::to_string(i)));
  auto volumes = AccessVolumes(*world, name);
  ASSERT_TRUE(volumes);
  ASSERT_EQ(volumes->size(), 2U);
  EXPECT_EQ(State((*volumes)[0])->applied_size(), 500);
  EXPECT_EQ(State((*volumes)[1])->applied_size(), 3);
  auto entries = Accesses(name, dispatcher, 200);
  ASSERT_EQ(entries.size(), 503U);
  for (size_t i = 0; i < entries.size(); ++i) EXPECT_EQ(entries[i].text(), "reading " + std::to_string(i));
}

TEST_F(Confidentiality, OnlyWhatHasEndedIsForgottenAndOnlyAfterThePolicysDays) {
  std::string name;
  const Who worker = Assigned("early", &name);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name))), "WRONG_STAGE");
  auto dry = Forgetting(name);
  dry.set_validate_only(true);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, dry)), "WRONG_STAGE");
  auto answer = On<v1::AnswerNeedRequest>(name);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  answer.mutable_closing()->set_result_summary("done");
  answer.mutable_closing()->set_reporter_sentence("done");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, answer)), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name))), "FORGET_TOO_EARLY");
  auto plan = Call(*assignment, &Assignment::ForgetNeed, dispatcher, dry);
  ASSERT_TRUE(plan) << Reason(plan);
  EXPECT_EQ(FromTimestamp(plan->plan().from_time()), State(name)->ended_us() + 1095 * kDayUs);
  for (const Who& who : {worker, head, officer, auditor, supervisor, admin}) {
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, who, Forgetting(name))), "ROLE_NOT_ALLOWED") << who.principal;
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, who, dry)), "ROLE_NOT_ALLOWED") << who.principal;
  }
  auto without_reason = Forgetting(name);
  without_reason.clear_reason();
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, without_reason)), "INVALID_FIELDS");
  PassRetention();
  auto stale = Forgetting(name);
  stale.set_etag("1");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, stale)), "ETAG_MISMATCH");
  Activate([](v1::Directory&, v1::Policy& policy) { policy.clear_forget_after_days(); });
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name))), "FORGET_NEVER");
  EXPECT_EQ(State(name)->forgotten_us(), 0);
}

TEST_F(Confidentiality, ForgettingSaysFirstWhatGoesThenDestroysTheKeysAndEveryReadingSaysSo) {
  std::string name;
  const Who worker = Closed("gone", &name);
  ASSERT_TRUE(Read(name, worker, v1::ACCESS_PURPOSE_SERVICE, "MARK-words"));
  const auto keys_of_need = KeysOf(*State(name));
  ASSERT_FALSE(keys_of_need.empty());
  const std::string number = State(name)->number();
  const auto before = Timeline(name, auditor);
  PassRetention();
  auto dry = Forgetting(name);
  dry.set_validate_only(true);
  auto plan = Call(*assignment, &Assignment::ForgetNeed, dispatcher, dry);
  ASSERT_TRUE(plan) << Reason(plan);
  EXPECT_FALSE(plan->has_outcome());
  EXPECT_EQ(plan->plan().sealed_events(), 2) << "report and answer";
  EXPECT_EQ(plan->plan().keys(), static_cast<int>(keys_of_need.size()));
  EXPECT_EQ(plan->plan().accesses(), 1);
  EXPECT_EQ(State(name)->forgotten_us(), 0) << "it only says so";
  auto done = Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name, "forget-1"));
  ASSERT_TRUE(done) << Reason(done);
  EXPECT_EQ(done->plan().sealed_events(), 2);
  EXPECT_EQ(done->outcome().stage(), v1::STAGE_CLOSED);
  ASSERT_TRUE(KeysGone(name));
  for (const auto& key : keys_of_need) EXPECT_EQ(keys.Get(key).error().reason, "KEY_FORGOTTEN");
  // The same again is the same; a new one finds nothing left.
  EXPECT_TRUE(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name, "forget-1"))->outcome().replayed());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name))), "NEED_FORGOTTEN");
  // Staff, reporter, auditor.
  for (const Who& who : {worker, dispatcher, supervisor}) {
    auto read = Read(name, who);
    ASSERT_TRUE(read) << Reason(read);
    EXPECT_TRUE(read->need().forgotten());
    EXPECT_TRUE(read->need().has_forget_time());
    EXPECT_EQ(read->SerializeAsString().find("MARK"), std::string::npos);
    EXPECT_EQ(read->need().number(), number);
  }
  v1::IntakeServiceGetNeedRequest ask;
  ask.set_name(name);
  auto seen = Call(*intake, &Intake::GetNeed, app, ask);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->need().forgotten());
  EXPECT_EQ(seen->need().closing_sentence(), "");
  EXPECT_NE(seen->need().next_step().find("删除"), std::string::npos);
  auto entries = Accesses(name, dispatcher);
  ASSERT_EQ(entries.size(), 1U) << "who read it when stays, and nothing more is to be logged";
  EXPECT_EQ(entries[0].text(), "");
  // Number, clocks and chain stay.
  auto after = Timeline(name, auditor);
  EXPECT_TRUE(after.chain_intact());
  ASSERT_EQ(after.entries_size(), before.entries_size() + 2);
  for (int i = 0; i < before.entries_size(); ++i) EXPECT_EQ(after.entries(i).digest(), before.entries(i).digest());
  EXPECT_EQ(after.entries(before.entries_size()).type(), v1::EVENT_TYPE_FORGOTTEN);
  EXPECT_EQ(after.entries(before.entries_size() + 1).type(), v1::EVENT_TYPE_KEYS_DESTROYED);
  // Nobody lists it by its reporter any more, the app still has it.
  v1::ListNeedsRequest list;
  list.set_reporter_reference("MARK-reference");
  EXPECT_EQ(Call(*intake, &Intake::ListNeeds, app, list)->needs_size(), 0);
  list.clear_reporter_reference();
  EXPECT_EQ(Call(*intake, &Intake::ListNeeds, app, list)->needs_size(), 1);
}

TEST_F(Confidentiality, WhatIsForgottenTakesNothingMore) {
  std::string name;
  const Who worker = Closed("no-more", &name);
  PassRetention();
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name))), "OK");
  auto reopen = On<v1::ReopenNeedRequest>(name);
  reopen.set_reason("again");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, dispatcher, reopen)), "NEED_FORGOTTEN");
  auto visit = On<v1::RecordAfterVisitRequest>(name);
  visit.set_findings("well");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RecordAfterVisit, head, visit)), "NEED_FORGOTTEN");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name))), "NEED_FORGOTTEN");
  ASSERT_TRUE(KeysGone(name));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AddSupervisionNote, supervisor, Noting(name))), "NEED_FORGOTTEN");
}

TEST_F(Confidentiality, OfTwoAtOnceOneForgetsAndTheOtherFindsItDone) {
  std::string name;
  Closed("twice", &name);
  PassRetention();
  const Who other{"centre", "dispatcher-2", v1::ROLE_DISPATCHER, "center", ""};
  auto first = Begin(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name));
  auto second = Begin(*assignment, &Assignment::ForgetNeed, other, Forgetting(name));
  std::multiset<std::string> outcomes = {Reason(first.get()), Reason(second.get())};
  EXPECT_EQ(outcomes, (std::multiset<std::string>{"OK", "NEED_FORGOTTEN"}));
  ASSERT_TRUE(KeysGone(name));
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_FORGOTTEN), 1U);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_KEYS_DESTROYED), 1U);
}

TEST_F(Confidentiality, KeysThatACrashLeftAreDestroyedWhenTheSoftwareIsBack) {
  std::string name;
  Closed("crash", &name);
  PassRetention();
  assignment->Stop();  // it dies before it comes to the keys
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ForgetNeed, dispatcher, Forgetting(name))), "OK");
  const auto left = KeysOf(*State(name));
  EXPECT_TRUE(keys.Get(left[0]));
  // Whoever reads meanwhile gets nothing of it all the same.
  auto read = Read(name, dispatcher);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->need().forgotten());
  EXPECT_EQ(read->SerializeAsString().find("MARK"), std::string::npos);
  assignment->Start();
  ASSERT_TRUE(KeysGone(name));
  for (const auto& key : left) EXPECT_EQ(keys.Get(key).error().reason, "KEY_FORGOTTEN");
}

TEST_F(Confidentiality, ACopyThatIsOlderThanTheForgettingSaysSoTooAndItsWorkGoesOn) {
  std::string name;
  const Who worker = Assigned("older", &name);
  // As after a restore: the log does not know, the keys are gone.
  ASSERT_TRUE(keys.Forget(KeysOf(*State(name))));
  auto read = Read(name, worker, v1::ACCESS_PURPOSE_SERVICE, "words");
  ASSERT_TRUE(read) << Reason(read);
  EXPECT_TRUE(read->need().forgotten());
  EXPECT_FALSE(read->need().has_forget_time());
  EXPECT_EQ(read->SerializeAsString().find("MARK"), std::string::npos);
  auto answer = On<v1::AnswerNeedRequest>(name);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  answer.mutable_closing()->set_result_summary("done");
  answer.mutable_closing()->set_reporter_sentence("done");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, answer)), "OK") << "an open loop can be closed";
}

TEST_F(Confidentiality, TheMasterKeyIsReplacedByTheAdministratorOnceForEachRequest) {
  v1::RotateMasterKeyRequest rotate;
  auto status = Call(*audit, &Audit::GetMasterKeys, admin, v1::GetMasterKeysRequest());
  ASSERT_TRUE(status);
  ASSERT_EQ(status->master_keys().keys_size(), 1);
  EXPECT_TRUE(status->master_keys().keys(0).active());
  EXPECT_EQ(Reason(Call(*audit, &Audit::RotateMasterKey, admin, rotate)), "INVALID_FIELDS");
  rotate.set_active("ffffffffffffffff");
  EXPECT_EQ(Reason(Call(*audit, &Audit::RotateMasterKey, admin, rotate)), "MASTER_KEY_CHANGED");
  rotate.set_active(status->master_keys().keys(0).id());
  auto rotated = Call(*audit, &Audit::RotateMasterKey, admin, rotate);
  ASSERT_TRUE(rotated) << Reason(rotated);
  EXPECT_NE(rotated->master_keys().keys(0).id(), rotate.active());
  auto again = Call(*audit, &Audit::RotateMasterKey, admin, rotate);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->master_keys().keys(0).id(), rotated->master_keys().keys(0).id());
}

}  // namespace
}  // namespace gridloop
