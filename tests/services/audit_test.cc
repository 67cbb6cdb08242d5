// What supervision asks: every step of a need, why its deadlines are what they are, which loops are open, the log itself.
#include "sealing/digest.h"
#include "services/city.h"

namespace gridloop {
namespace {

class Supervision : public City {
 protected:
  v1::ListOpenLoopsResponse Loops(const v1::ListOpenLoopsRequest& request = {}) {
    auto listed = Call(*audit, &Audit::ListOpenLoops, auditor, request);
    EXPECT_TRUE(listed) << listed.error().message;
    return listed ? *listed : v1::ListOpenLoopsResponse();
  }
  // Why the need is in the list of this problem; empty if it is not.
  std::string Why(const std::string& name, v1::LoopProblem problem, v1::ListOpenLoopsRequest request = {}) {
    request.set_problem(problem);
    std::string why;
    auto listed = Loops(request);
    for (const auto& loop : listed.loops()) {
      for (int i = 0; loop.name() == name && i < loop.problems_size(); ++i) {
        if (loop.problems(i) == problem) why = loop.reasons(i);
      }
    }
    return why;
  }
  // Accepted, and the time to assign a worker has passed once.
  std::string Escalated(const std::string& request_id) {
    std::string name = SubmitAndOffer(request_id);
    EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
    Pass(name);
    return name;
  }
  // The next deadline passes and is escalated.
  void Pass(const std::string& name) {
    size_t before = CountEvents(name, v1::EVENT_TYPE_ESCALATED);
    clock.AdvanceTo(NextClock(*State(name))->start().due_us());
    EXPECT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_ESCALATED) > before; }));
  }
  // Logs events of this need without anybody's leave.
  void LogMany(const std::string& name, int count, size_t trace_bytes = 0) {
    std::promise<void> all;
    std::atomic<int> left = count;
    for (int i = 0; i < count; ++i) {
      std::string event_id = Sha256("many " + std::to_string(i) + name).substr(0, 16);
      auto decide = [=](const NeedState&, int64_t) -> Expected<Event> {
        Event event;
        event.set_type(v1::EVENT_TYPE_URGED);
        event.set_subject(name);
        event.set_event_id(event_id);
        event.set_trace(std::string(trace_bytes, 't'));
        event.mutable_urged();
        return event;
      };
      ledger->Decide(name, event_id, {}, std::nullopt, decide, 0, [&](const Expected<Verdict>& verdict) {
        EXPECT_TRUE(verdict) << verdict.error().message;
        if (--left == 0) all.set_value();
      });
    }
    all.get_future().wait();
  }
  std::vector<v1::GetTimelineResponse> Pages(const std::string& name, int page_size) {
    std::vector<v1::GetTimelineResponse> pages;
    v1::GetTimelineRequest request;
    request.set_name(name);
    request.set_page_size(page_size);
    do {
      auto page = Call(*audit, &Audit::GetTimeline, auditor, request);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) break;
      request.set_page_token(page->next_page_token());
      pages.push_back(std::move(*page));
    } while (!request.page_token().empty());
    return pages;
  }
  // Activates the city's directory as this changes it.
  void Change(const std::function<void(v1::Directory&)>& change) {
    auto hashes = *directories.Active();
    v1::Directory directory;
    ASSERT_TRUE(directory.ParseFromString(*directories.Get(hashes.directory_hash())));
    change(directory);
    hashes.set_directory_hash(*directories.Put(directory.SerializeAsString()));
    ASSERT_TRUE(directories.Activate(hashes));
  }
  static google::protobuf::Timestamp Time(int64_t us) {
    google::protobuf::Timestamp time;
    time.set_seconds(us / 1'000'000);
    return time;
  }
  struct Exported : MessageStream {
    bool Write(const google::protobuf::Message& message) override {
      records.push_back(static_cast<const v1::ExportEventsResponse&>(message));
      return true;
    }
    void Skip() override {}
    void Finish(std::optional<Error> error) override {
      if (std::exchange(finished, true)) return;
      EXPECT_FALSE(error) << error->message;
      done.set_value();
    }
    void OnReady(std::function<void()>) override {}
    void OnCancel(std::function<void()>) override {}
    void OnMessage(std::function<void(const google::protobuf::Message&)>) override {}
    void OnHalfClose(std::function<void()>) override {}
    void OnUnreadable(std::function<void(const google::protobuf::Message&, const Error&)>) override {}
    bool cancelled() const override { return false; }
    std::vector<v1::ExportEventsResponse> records;
    bool finished = false;
    std::promise<void> done;
  };
  std::vector<v1::ExportEventsResponse> Export(v1::Role role) {
    auto stream = std::make_shared<Exported>();
    Caller caller;
    caller.actor.set_role(role);
    audit->ExportEvents(caller, {}, std::make_shared<Sink<v1::ExportEventsResponse>>(stream));
    stream->done.get_future().wait();
    return stream->records;
  }
};

TEST_F(Supervision, ANeedWhoseTimeHasPassedStaysOverdueWhileItIsChasedAndSaysSinceWhen) {
  Start();
  std::string name = SubmitAndOffer("overdue");
  EXPECT_EQ(Why(name, v1::LOOP_PROBLEM_OVERDUE), "");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  const auto next = *NextClock(*State(name));
  ASSERT_EQ(next.start().kind(), v1::CLOCK_KIND_ASSIGNMENT);
  std::string since = "assigning a worker, since " + snapshots->Active()->calendar().LocalDate(next.start().due_us());
  for (int escalations = 1; escalations <= 3; ++escalations) {
    Pass(name);
    std::string why = Why(name, v1::LOOP_PROBLEM_OVERDUE);
    EXPECT_NE(why.find(since), std::string::npos) << escalations << ": " << why;
  }
  auto assign = On<v1::AssignWorkerRequest>(name);
  assign.set_worker("workers/w-0001");
  ASSERT_TRUE(Call(*assignment, &Assignment::AssignWorker, head, assign));
  EXPECT_EQ(Why(name, v1::LOOP_PROBLEM_OVERDUE).find("assigning"), std::string::npos) << "it was done";
}

TEST_F(Supervision, UrgingsAndNotesDoNotHideThatANeedIsStuck) {
  Start();
  std::string name = Escalated("stuck");
  EXPECT_NE(Why(name, v1::LOOP_PROBLEM_STUCK), "");
  ASSERT_TRUE(Call(*intake, &Intake::UrgeNeed, app, On<v1::UrgeNeedRequest>(name)));
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("we know");
  ASSERT_TRUE(Call(*assignment, &Assignment::AddNote, head, note));
  EXPECT_NE(Why(name, v1::LOOP_PROBLEM_STUCK).find("level 1"), std::string::npos);
  EXPECT_NE(Why(name, v1::LOOP_PROBLEM_OVERDUE), "");
  auto action = On<v1::RecordEmergencyActionRequest>(name);
  action.set_action("went there");
  auto recorded = Call(*assignment, &Assignment::RecordEmergencyAction, head, action);
  ASSERT_TRUE(recorded) << recorded.error().message;
  EXPECT_EQ(Why(name, v1::LOOP_PROBLEM_STUCK), "") << "somebody has done something";
  EXPECT_NE(Why(name, v1::LOOP_PROBLEM_OVERDUE), "") << "but not what was due";
}

TEST_F(Supervision, WhatAPersonHasChasedBeforeItsTimeIsNotOverdue) {
  Start();
  std::string name = SubmitAndOffer("by-a-person");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  auto escalate = On<v1::EscalateNeedRequest>(name);
  escalate.set_reason("please look");
  ASSERT_TRUE(Call(*assignment, &Assignment::EscalateNeed, head, escalate));
  EXPECT_EQ(Why(name, v1::LOOP_PROBLEM_OVERDUE), "");
  EXPECT_NE(Why(name, v1::LOOP_PROBLEM_STUCK), "");
}

TEST_F(Supervision, AnOwnerAWorkerOrAnOfferedUnitThatHasGoneLeavesAnOrphan) {
  Start();
  std::string offered = SubmitAndOffer("offered");
  std::string owned = SubmitAndOffer("owned");
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(owned)));
  std::string assigned = Submit(Report("assigned"));
  std::string worker = ToAssigned(assigned);
  for (const auto& name : {offered, owned, assigned}) EXPECT_EQ(Why(name, v1::LOOP_PROBLEM_ORPHANED), "");
  routing->Stop();  // it would have them routed again
  Change([&](v1::Directory& directory) {
    for (auto& each : *directory.mutable_workers()) {
      if (each.name() == "workers/" + worker) each.mutable_validity()->set_to_date("2026-03-01");
    }
  });
  EXPECT_NE(Why(assigned, v1::LOOP_PROBLEM_ORPHANED).find("worker"), std::string::npos);
  EXPECT_EQ(Why(owned, v1::LOOP_PROBLEM_ORPHANED), "");
  Change([&](v1::Directory& directory) {
    for (auto& each : *directory.mutable_units()) {
      if (each.name() == "units/r-320585100001") each.mutable_validity()->set_to_date("2026-03-01");
    }
  });
  EXPECT_NE(Why(owned, v1::LOOP_PROBLEM_ORPHANED).find("owner"), std::string::npos);
  EXPECT_NE(Why(offered, v1::LOOP_PROBLEM_ORPHANED).find("offered to"), std::string::npos);
}

TEST_F(Supervision, WhatFallsDueBeforeATimeIsListedInItsOrderAndInPages) {
  Start();
  std::string later = SubmitAndOffer("later");
  clock.AdvanceTo(clock.WallUs() + kHourUs);
  auto crisis = Report("sooner");
  crisis.mutable_report()->set_reported_urgency(v1::URGENCY_URGENT);
  std::string sooner = Submit(crisis);
  ASSERT_TRUE(Reaches(sooner, v1::STAGE_OFFERED));
  int64_t first_us = NextClock(*State(sooner))->start().due_us();
  int64_t last_us = NextClock(*State(later))->start().due_us();
  ASSERT_LT(first_us, last_us);
  v1::ListOpenLoopsRequest request;
  *request.mutable_due_before() = Time(last_us);
  EXPECT_NE(Why(sooner, v1::LOOP_PROBLEM_DUE, request).find("the offer"), std::string::npos);
  EXPECT_EQ(Why(later, v1::LOOP_PROBLEM_DUE, request), "") << "before, not at";
  *request.mutable_due_before() = Time(last_us + 1'000'000);
  request.set_page_size(1);
  auto first = Loops(request);
  ASSERT_EQ(first.loops_size(), 1);
  EXPECT_EQ(first.loops(0).name(), sooner);
  EXPECT_EQ(first.due_before().seconds(), last_us / 1'000'000 + 1);
  request.set_page_token(first.next_page_token());
  auto second = Loops(request);
  ASSERT_EQ(second.loops_size(), 1);
  EXPECT_EQ(second.loops(0).name(), later);
  *request.mutable_due_before() = Time(last_us + 2'000'000);
  EXPECT_EQ(Call(*audit, &Audit::ListOpenLoops, auditor, request).error().reason, "INVALID_FIELDS") << "a token of another list";
  EXPECT_EQ(Loops().loops_size(), 0) << "nobody asked what falls due";
}

TEST_F(Supervision, TheNextHolidaySaysItselfWhenItEnds) {
  v1::ListOpenLoopsRequest request;
  request.set_through_holiday(true);
  auto ends = [&] { return snapshots->Active()->calendar().LocalDate(Loops(request).due_before().seconds() * 1'000'000); };
  EXPECT_EQ(ends(), "2026-04-07");  // Qingming, 4 to 6 April; ordinary weekends are none
  clock.AdvanceTo(clock.WallUs() + 61 * kDayUs);
  ASSERT_EQ(snapshots->Active()->calendar().LocalDate(clock.WallUs()), "2026-05-02");
  EXPECT_EQ(ends(), "2026-05-06") << "it is within it";
  clock.AdvanceTo(clock.WallUs() + 300 * kDayUs);
  EXPECT_EQ(Call(*audit, &Audit::ListOpenLoops, auditor, request).error().reason, "NO_HOLIDAY") << "2027 is not dated";
}

TEST_F(Supervision, EveryWrongFieldOfAQuestionIsNamedAtOnce) {
  auto named = [](const Error& error) {
    std::set<std::string> fields;
    for (const auto& field : error.fields) fields.insert(field.field);
    return fields;
  };
  v1::ListOpenLoopsRequest loops;
  loops.set_at_least("no position");
  loops.set_page_token("none");
  loops.mutable_due_before()->set_seconds(int64_t{1} << 60);
  EXPECT_EQ(named(Call(*audit, &Audit::ListOpenLoops, auditor, loops).error()), (std::set<std::string>{"at_least", "page_token", "due_before"}));
  v1::ListOpenLoopsRequest due;
  due.set_problem(v1::LOOP_PROBLEM_DUE);
  EXPECT_EQ(named(Call(*audit, &Audit::ListOpenLoops, auditor, due).error()), (std::set<std::string>{"due_before"}));
  v1::ExplainDeadlineRequest deadline;
  deadline.set_name("no name");
  deadline.set_event("no event");
  deadline.set_at_least("no position");
  EXPECT_EQ(named(Call(*audit, &Audit::ExplainDeadline, auditor, deadline).error()), (std::set<std::string>{"name", "event", "at_least"}));
  v1::GetTimelineRequest timeline;
  timeline.set_name("no name");
  timeline.set_page_token("none");
  timeline.set_at_least("no position");
  EXPECT_EQ(named(Call(*audit, &Audit::GetTimeline, auditor, timeline).error()), (std::set<std::string>{"name", "page_token", "at_least"}));
}

TEST_F(Supervision, ReadsWaitForThePositionTheyAreToInclude) {
  Start();
  std::string name = SubmitAndOffer("position");
  auto end = *ledger->End(0);
  v1::ExplainDeadlineRequest deadline;
  deadline.set_name(name);
  deadline.set_at_least(ToText({0, end.offset - 1}));
  EXPECT_TRUE(Call(*audit, &Audit::ExplainDeadline, auditor, deadline));
  deadline.set_at_least(ToText({0, end.offset + 100}));
  EXPECT_EQ(Call(*audit, &Audit::ExplainDeadline, auditor, deadline).error().code, Code::kUnavailable);
  v1::ListOpenLoopsRequest loops;
  loops.set_at_least(ToText({0, end.offset + 100}));
  EXPECT_EQ(Call(*audit, &Audit::ListOpenLoops, auditor, loops).error().code, Code::kUnavailable);
}

TEST_F(Supervision, ATimelineOfThousandsOfEventsIsReadInPagesThatContinueEachOther) {
  constexpr int kUrgings = 3000;
  Start();
  std::string name = SubmitAndOffer("long");
  LogMany(name, kUrgings);
  auto pages = Pages(name, 200);
  uint64_t version = 0;
  v1::Stage stage = v1::STAGE_UNSPECIFIED;
  for (const auto& page : pages) {
    EXPECT_TRUE(page.chain_intact());
    EXPECT_LE(page.entries_size(), 200);
    EXPECT_EQ(page.name(), name);
    for (const auto& entry : page.entries()) {
      EXPECT_EQ(entry.version(), ++version);
      EXPECT_EQ(entry.stage_before(), stage);
      stage = entry.stage_after();
    }
  }
  EXPECT_EQ(version, State(name)->version());
  EXPECT_EQ(stage, v1::STAGE_OFFERED);
  // A page far in, by somebody else's token of long ago: what is before it is folded first.
  v1::GetTimelineRequest request;
  request.set_name(name);
  request.set_page_size(200);
  for (int i = 0; i < 2; ++i) {
    request.set_page_token(pages[10].next_page_token());
    auto again = Call(*audit, &Audit::GetTimeline, auditor, request);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->SerializeAsString(), pages[11].SerializeAsString());
  }
  request.set_name(SubmitAndOffer("other"));
  EXPECT_EQ(Call(*audit, &Audit::GetTimeline, auditor, request).error().reason, "INVALID_FIELDS") << "the token is of another timeline";
}

TEST_F(Supervision, APageOfATimelineFitsIntoAMessage) {
  constexpr size_t kMessage = 4U << 20;
  Start();
  std::string name = SubmitAndOffer("big");
  LogMany(name, 150, 64U << 10);
  auto pages = Pages(name, 200);
  EXPECT_GT(pages.size(), 2U);
  int entries = 0;
  for (const auto& page : pages) {
    EXPECT_LT(page.ByteSizeLong(), kMessage);
    EXPECT_TRUE(page.chain_intact());
    entries += page.entries_size();
  }
  EXPECT_EQ(entries, static_cast<int>(State(name)->version()));
}

TEST_F(Supervision, AnAuditorsExportKeepsWhatIsRestrictedBackButProvesIt) {
  Start();
  SubmitAndOffer("open");
  auto restricted_report = Report("restricted");
  restricted_report.mutable_report()->set_restricted(true);
  std::string restricted = Submit(restricted_report);
  ASSERT_TRUE(Reaches(restricted, v1::STAGE_OFFERED));
  ASSERT_TRUE(State(restricted)->restricted());
  auto whole = Export(v1::ROLE_SYSTEM);
  auto cut = Export(v1::ROLE_AUDITOR);
  ASSERT_EQ(whole.size(), cut.size());
  int kept_back = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    Event event;
    ASSERT_TRUE(event.ParseFromString(whole[i].event()));
    EXPECT_EQ(whole[i].digest(), Hex(Sha256(whole[i].event())));
    EXPECT_EQ(cut[i].digest(), whole[i].digest());
    EXPECT_EQ(cut[i].position(), whole[i].position());
    EXPECT_EQ(cut[i].void_reason(), whole[i].void_reason());
    bool is_restricted = event.subject() == restricted;
    EXPECT_EQ(cut[i].event(), is_restricted ? std::string() : whole[i].event());
    kept_back += is_restricted ? 1 : 0;
  }
  EXPECT_GE(kept_back, 3);
}

}  // namespace
}  // namespace gridloop
