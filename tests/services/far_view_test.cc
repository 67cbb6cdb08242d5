// Services over a view as an adapter over a network is: it answers later, on a thread of its own, and a read may fail.
// And what a decision names when the directory changes in the middle of it.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <thread>

#include "assignment/departments.h"
#include "services/city.h"

namespace gridloop {
namespace {

class FarView : public View {
 public:
  explicit FarView(View& near) : near_(near), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  void Get(std::string_view subject, std::optional<Position> at_least, Callback<Expected<std::shared_ptr<const NeedState>>> done) override {
    Post([this, subject = std::string(subject), at_least, done = std::move(done)]() mutable {
      if (subject != Broken()) return near_.Get(subject, at_least, std::move(done));
      done(Fail(Code::kUnavailable, "VIEW_REBUILDING", "The view is being rebuilt; try again."));
    });
  }
  void Scan(std::string_view prefix, std::string_view after, int limit, std::optional<Position> at_least, Callback<Expected<RowPage>> done) override {
    Post([this, prefix = std::string(prefix), after = std::string(after), limit, at_least, done = std::move(done)]() mutable {
      near_.Scan(prefix, after, limit, at_least, std::move(done));
    });
  }
  Expected<int> Count(std::string_view prefix, int limit) override {
    if (on_count) on_count();
    return near_.Count(prefix, limit);
  }
  std::string ViewFailure() const override { return near_.ViewFailure(); }
  Subscription Watch(std::string prefix, std::function<void()> wake) override { return near_.Watch(std::move(prefix), std::move(wake)); }

  // Reads of this need's state fail; empty mends.
  void Break(std::string subject) {
    std::lock_guard lock(mutex_);
    broken_ = std::move(subject);
  }
  // Answers nothing until released.
  void Hold(bool held) {
    std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  std::function<void()> on_count;  // set before use

 private:
  void Post(std::move_only_function<void()> job) {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    changed_.notify_all();
  }
  void Run(const std::stop_token& stop) {
    while (true) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !held_ && !jobs_.empty(); })) return;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
    }
  }
  std::string Broken() {
    std::lock_guard lock(mutex_);
    return broken_;
  }

  View& near_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::move_only_function<void()>> jobs_;
  bool held_ = false;
  std::string broken_;
  std::jthread thread_;
};

class FarCity : public City {
 protected:
  void SetUp() override {
    City::SetUp();
    view = std::make_unique<FarView>(*ledger);
    far = std::make_unique<World>(World{*ledger, *view, keys, *snapshots, clock, ids, secret});
    far_intake = std::make_unique<Intake>(*far);
    far_routing = std::make_unique<Routing>(*far);
    far_assignment = std::make_unique<Assignment>(*far);
    far_audit = std::make_unique<Audit>(*far);
  }
  void TearDown() override {
    far_audit.reset();
    far_assignment.reset();
    far_routing.reset();
    far_intake.reset();
    far.reset();
    view.reset();
    City::TearDown();
  }
  std::unique_ptr<FarView> view;
  std::unique_ptr<World> far;
  std::unique_ptr<Intake> far_intake;
  std::unique_ptr<Routing> far_routing;
  std::unique_ptr<Assignment> far_assignment;
  std::unique_ptr<Audit> far_audit;
};

// What a watch has written.
class FakeStream : public MessageStream {
 public:
  bool Write(const google::protobuf::Message& message) override {
    std::lock_guard lock(mutex_);
    names_.push_back(static_cast<const v1::WatchNeedsResponse&>(message).need().name());
    changed_.notify_all();
    return true;
  }
  void Skip() override {}
  void Finish(std::optional<Error>) override {}
  void OnReady(std::function<void()>) override {}
  void OnCancel(std::function<void()>) override {}
  void OnMessage(std::function<void(const google::protobuf::Message&)>) override {}
  void OnHalfClose(std::function<void()>) override {}
  void OnUnreadable(std::function<void(const google::protobuf::Message&, const Error&)>) override {}
  bool cancelled() const override { return false; }
  // The bound only ends a broken test.
  [[nodiscard]] bool Shows(const std::string& name) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return std::ranges::find(names_, name) != names_.end(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> names_;
};

TEST_F(FarCity, AReadThatIsAnsweredAfterItsCallHasReturnedIsAnswered) {
  std::string name = Submit(Report("far"));
  view->Hold(true);
  v1::IntakeServiceGetNeedRequest by_reporter;
  by_reporter.set_name(name);
  auto reported = Begin(*far_intake, &Intake::GetNeed, app, by_reporter);
  v1::AssignmentServiceGetNeedRequest by_staff;
  by_staff.set_name(name);
  by_staff.set_purpose("to decide");
  auto staffs = Begin(*far_assignment, &Assignment::GetNeed, dispatcher, by_staff);
  auto urged = Begin(*far_intake, &Intake::UrgeNeed, app, On<v1::UrgeNeedRequest>(name));
  view->Hold(false);
  auto first = reported.get();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->need().name(), name);
  auto second = staffs.get();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->need().report().summary(), "MARK-summary");
  auto third = urged.get();
  EXPECT_TRUE(third) << third.error().message;
}

TEST_F(FarCity, ANeedGoesItsWayOverAViewThatAnswersLater) {
  far_routing->Start();
  far_assignment->Start();
  auto submitted = Call(*far_intake, &Intake::SubmitNeed, app, Report("way"));
  ASSERT_TRUE(submitted);
  EXPECT_FALSE(submitted->number().empty());
  ASSERT_TRUE(Reaches(submitted->name(), v1::STAGE_OFFERED));
  v1::ListInboxRequest inbox;
  inbox.set_parent("units/s01");
  auto listed = Call(*far_assignment, &Assignment::ListInbox, head, inbox);
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->needs_size(), 1);
  auto mine = Call(*far_intake, &Intake::ListNeeds, app, {});
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine->needs_size(), 1);
  v1::GetTimelineRequest timeline;
  timeline.set_name("numbers/" + submitted->number());
  auto read = Call(*far_audit, &Audit::GetTimeline, auditor, timeline);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->chain_intact());
}

TEST_F(FarCity, AListWithANeedThatCannotBeReadSaysSoAndLeavesNothingOut) {
  Start();
  std::string name = Submit(Report("unread", "999999999999999"));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  auto propose = On<v1::ProposeObligationRequest>(name);
  propose.set_party("departments/education");
  propose.set_text("look where it is");
  *propose.mutable_due_time() = ToTimestamp(clock.WallUs() + kDayUs);
  ASSERT_TRUE(Call(*assignment, &Assignment::ProposeObligation, dispatcher, propose));
  Departments far_departments(*far);
  const Who education{"education-bureau", "edu-1", v1::ROLE_DEPARTMENT, "education", ""};
  auto owed = Call(far_departments, &Departments::ListObligations, education, v1::ListObligationsRequest());
  ASSERT_TRUE(owed);
  EXPECT_EQ(owed->needs_size(), 1);
  view->Break(name);
  auto expect_unavailable = [](const auto& answer) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kUnavailable) << answer.error().reason;
  };
  expect_unavailable(Call(*far_intake, &Intake::ListNeeds, app, {}));
  expect_unavailable(Call(*far_routing, &Routing::ListHeldNeeds, dispatcher, {}));
  expect_unavailable(Call(*far_audit, &Audit::ListOpenLoops, auditor, {}));
  v1::ListInboxRequest inbox;
  inbox.set_parent("units/center");
  expect_unavailable(Call(*far_assignment, &Assignment::ListInbox, dispatcher, inbox));
  expect_unavailable(Call(far_departments, &Departments::ListObligations, education, v1::ListObligationsRequest()));
  v1::GetPlanRequest plan;
  plan.set_name(name);
  expect_unavailable(Call(far_departments, &Departments::GetPlan, education, plan));
  v1::ReplayRouteRequest replay;
  replay.set_name(name);
  expect_unavailable(Call(*far_routing, &Routing::ReplayRoute, auditor, replay));
}

TEST_F(FarCity, AWatchComesBackToANeedThatCouldNotBeRead) {
  std::string unread = Submit(Report("watched-1"));
  view->Break(unread);
  auto stream = std::make_shared<FakeStream>();
  Caller caller;
  caller.client = app.client;
  far_intake->WatchNeeds(caller, {}, std::make_shared<Sink<v1::WatchNeedsResponse>>(stream));
  EXPECT_FALSE(Call(*far_intake, &Intake::ListNeeds, app, {}));
  view->Break({});
  std::string next = Submit(Report("watched-2"));
  // The first one has ended with the error if it met it; whoever comes again misses nothing.
  auto again = std::make_shared<FakeStream>();
  far_intake->WatchNeeds(caller, {}, std::make_shared<Sink<v1::WatchNeedsResponse>>(again));
  EXPECT_TRUE(again->Shows(next));
  EXPECT_TRUE(again->Shows(unread));
}

TEST_F(FarCity, AnOfferNamesTheDirectoryThatItsReceiptNamesThoughAnotherBecomesActiveMeanwhile) {
  auto before = directories.Active()->directory_hash();
  std::atomic<bool> changed = false;
  view->on_count = [&] {  // the loads of the candidates are counted between choosing and deciding
    if (!changed.exchange(true)) Activate([](v1::Directory& directory, v1::Policy&) { directory.set_display_name("tomorrow's"); });
  };
  routing->Start();
  far_assignment->Start();
  std::string name = Submit(Report("meanwhile"));
  ASSERT_TRUE(Reaches(name, v1::STAGE_OFFERED));
  ASSERT_TRUE(changed);
  ASSERT_NE(directories.Active()->directory_hash(), before);
  for (const Event& event : Log()) {
    if (!event.has_offered()) continue;
    EXPECT_EQ(event.offered().receipt().directory_hash(), before);
    EXPECT_EQ(event.directory_hash(), before);
  }
  far_assignment->Stop();
}

TEST_F(City, AProposalWhoseUnitHasLeftTheDirectoryIsNotConfirmed) {
  Activate([](v1::Directory&, v1::Policy& policy) {
    auto& rule = *policy.add_dispatch_modes();
    rule.set_id("all");
    rule.set_mode(v1::DISPATCH_MODE_CONFIRM);
    policy.mutable_dispatch_modes()->SwapElements(0, policy.dispatch_modes_size() - 1);
  });
  Start();
  std::string name = Submit(Report("proposed"));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  ASSERT_EQ(State(name)->held_reason(), v1::HELD_REASON_CONFIRMATION);
  std::string proposed = State(name)->proposed_unit();
  ASSERT_FALSE(proposed.empty());
  auto confirm = On<v1::ConfirmDispatchRequest>(name);
  confirm.set_held(Base32(State(name)->held_event_id()));
  auto last_day = [&](const std::string& date) {
    Activate([&](v1::Directory& directory, v1::Policy&) {
      for (auto& unit : *directory.mutable_units()) {
        if (BareId(unit.name()) == proposed) unit.mutable_validity()->set_to_date(date);
      }
    });
  };
  last_day("2026-03-01");
  auto refused = Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "UNIT_NOT_FOUND");
  last_day("");
  auto confirmed = Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm);
  EXPECT_TRUE(confirmed) << confirmed.error().message;
}

}  // namespace
}  // namespace gridloop
