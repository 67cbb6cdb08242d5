// Dispatch: explained, replayed, confirmed; the directory by which it is done, and a newer one.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "routing/vanished_units.h"
#include "sealing/seal.h"
#include "services/city.h"

namespace gridloop {
namespace {

const char* const kRoom = "r-320585100001";

class RoutingCity : public City {
 protected:
  // The sample city as it would be with these changes; checks are not run.
  void ActivateWith(const std::function<void(v1::Directory&, v1::Policy&)>& change) {
    auto active = snapshots->Active();
    v1::Directory directory = active->directory();
    v1::Policy policy = active->policy();
    change(directory, policy);
    store::v1::ActiveHashes hashes = active->hashes();
    hashes.set_directory_hash(*directories.Put(directory.SerializeAsString()));
    hashes.set_policy_hash(*directories.Put(policy.SerializeAsString()));
    ASSERT_TRUE(directories.Activate(hashes));
  }
  // Without the room, whose community the station serves from then on.
  void CloseTheRoom() {
    ActivateWith([](v1::Directory& directory, v1::Policy&) {
      auto* units = directory.mutable_units();
      units->erase(std::remove_if(units->begin(), units->end(), [](const v1::Unit& unit) { return BareId(unit.name()) == kRoom; }), units->end());
      for (auto& coverage : *directory.mutable_coverages()) {
        if (BareId(coverage.unit()) == kRoom) coverage.set_unit("units/s01");
      }
    });
  }
  static std::vector<v1::DirectoryFile> SampleFiles() {
    std::vector<v1::DirectoryFile> files;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang")) {
      if (entry.path().extension() == ".md") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::stringstream content;
      content << in.rdbuf();
      files.emplace_back().set_path(entry.path().filename().string());
      files.back().set_content(content.str());
    }
    return files;
  }
  static void Replace(std::vector<v1::DirectoryFile>* files, const std::string& path, const std::string& from, const std::string& to) {
    auto file = std::ranges::find(*files, path, &v1::DirectoryFile::path);
    ASSERT_NE(file, files->end());
    std::string content = file->content();
    ASSERT_NE(content.find(from), std::string::npos);
    content.replace(content.find(from), from.size(), to);
    file->set_content(content);
  }
  Expected<v1::ActivateDirectoryResponse> Activate(const std::vector<v1::DirectoryFile>& files) {
    v1::ActivateDirectoryRequest request;
    *request.mutable_files() = {files.begin(), files.end()};
    return Call(*routing, &Routing::ActivateDirectory, admin, request);
  }
  int64_t DueOf(const std::string& name, v1::ClockKind kind) {
    for (const auto& each : State(name)->clocks()) {
      if (each.start().kind() == kind) return each.start().due_us();
    }
    return 0;
  }
  bool IsOfferedTo(const std::string& name, const std::string& unit) {
    return Eventually([&] { return State(name)->stage() == v1::STAGE_OFFERED && State(name)->unit() == unit; });
  }
  Expected<v1::ReplayRouteResponse> Replay(const std::string& name, const std::string& at_least = {}) {
    v1::ReplayRouteRequest request;
    request.set_name(name);
    request.set_at_least(at_least);
    return Call(*routing, &Routing::ReplayRoute, dispatcher, request);
  }
  const Who admin{"ops", "admin-1", v1::ROLE_ADMIN, "", ""};
};

TEST_F(RoutingCity, AnExplainedRouteIsThatOfANeedAndWritesNothing) {
  v1::ExplainRouteRequest request;
  request.mutable_inputs()->set_grid_code(kRoomCell);
  request.mutable_inputs()->set_type("care");
  request.mutable_inputs()->set_urgency(v1::URGENCY_ROUTINE);
  auto explained = Call(*routing, &Routing::ExplainRoute, dispatcher, request);
  ASSERT_TRUE(explained);
  EXPECT_EQ(explained->receipt().unit(), std::string("units/") + kRoom);
  EXPECT_EQ(explained->receipt().inputs().decision_time().seconds(), kMondayNineUs / 1'000'000);
  EXPECT_TRUE(Log().empty());
}

TEST_F(RoutingCity, AReplayedRouteIsTheSameAlsoUnderANewerDirectory) {
  Start();
  std::string name = SubmitAndOffer("replay");
  for (bool newer : {false, true}) {
    if (newer) CloseTheRoom();
    ASSERT_TRUE(!newer || IsOfferedTo(name, "s01"));
    v1::ReplayRouteRequest request;
    request.set_name(name);
    request.set_version(2);
    auto replayed = Call(*routing, &Routing::ReplayRoute, dispatcher, request);
    ASSERT_TRUE(replayed) << replayed.error().message;
    EXPECT_TRUE(replayed->same()) << newer;
    EXPECT_EQ(replayed->stored().unit(), std::string("units/") + kRoom);
    EXPECT_EQ(replayed->differing_fields_size(), 0);
  }
  EXPECT_EQ(Replay(name)->stored().unit(), "units/s01");  // the latest, by the newer one
}

TEST_F(RoutingCity, AReplayAndTheCentresQueueWaitForThePositionThatTheyAreAskedFor) {
  Start();
  std::string name = Submit(Report("vague", "999999999999999"));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  std::string now = ToText({0, State(name)->head_offset()});
  v1::ListHeldNeedsRequest list;
  list.set_at_least(now);
  auto listed = Call(*routing, &Routing::ListHeldNeeds, dispatcher, list);
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->needs_size(), 1);
  EXPECT_TRUE(Replay(name, now));
  list.set_at_least(ToText({0, 1'000'000}));
  EXPECT_EQ(Call(*routing, &Routing::ListHeldNeeds, dispatcher, list).error().code, Code::kUnavailable);
  EXPECT_EQ(Replay(name, list.at_least()).error().code, Code::kUnavailable);
  list.set_at_least("yesterday");
  EXPECT_EQ(Call(*routing, &Routing::ListHeldNeeds, dispatcher, list).error().reason, "INVALID_FIELDS");
  EXPECT_EQ(Replay(name, list.at_least()).error().reason, "INVALID_FIELDS");
}

TEST_F(RoutingCity, AProposalIsConfirmedOnceAndOnlyTheOneThatWaits) {
  Start();
  auto report = Report("confirm");
  report.mutable_report()->add_categories("possible-extreme-behaviour");
  std::string name = Submit(report);
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  EXPECT_EQ(State(name)->held_reason(), v1::HELD_REASON_CONFIRMATION);
  EXPECT_EQ(State(name)->proposed_unit(), kRoom);
  auto confirm = On<v1::ConfirmDispatchRequest>(name);
  confirm.set_held(Base32(std::string(16, 'x')));
  EXPECT_EQ(Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm).error().reason, "NOT_HELD");
  confirm.set_held(Base32(State(name)->held_event_id()));
  auto confirmed = Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm);
  ASSERT_TRUE(confirmed) << confirmed.error().message;
  EXPECT_TRUE(IsOfferedTo(name, kRoom));
  EXPECT_EQ(Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm)->outcome().replayed(), true);
  confirm.set_request_id("another");
  EXPECT_EQ(Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm).error().code, Code::kFailedPrecondition);

  std::string vague = Submit(Report("nothing-proposed", "999999999999999"));
  ASSERT_TRUE(Reaches(vague, v1::STAGE_HELD));
  auto nothing = On<v1::ConfirmDispatchRequest>(vague);
  nothing.set_held(Base32(State(vague)->held_event_id()));
  EXPECT_EQ(Call(*routing, &Routing::ConfirmDispatch, dispatcher, nothing).error().reason, "NO_PROPOSAL");
}

TEST_F(RoutingCity, AProposalForARoomThatHasClosedMeanwhileIsNotConfirmed) {
  auto report = Report("closed");
  report.mutable_report()->add_categories("possible-extreme-behaviour");
  routing->Start();
  std::string name = Submit(report);
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  routing->Stop();  // before it could look for a newer proposal
  CloseTheRoom();
  auto confirm = On<v1::ConfirmDispatchRequest>(name);
  confirm.set_held(Base32(State(name)->held_event_id()));
  EXPECT_EQ(Call(*routing, &Routing::ConfirmDispatch, dispatcher, confirm).error().reason, "UNIT_NOT_FOUND");
  Start();
  auto dispatch = On<v1::DispatchNeedRequest>(name);
  dispatch.set_held(Base32(State(name)->held_event_id()));
  dispatch.set_unit("units/s01");
  dispatch.set_reason("the room has closed");
  ASSERT_TRUE(Call(*routing, &Routing::DispatchNeed, dispatcher, dispatch));
  EXPECT_TRUE(IsOfferedTo(name, "s01"));
}

TEST_F(RoutingCity, WhatARuleKeepsFromTheRoomsIsTheCentresWhenItsStationDeclines) {
  Start();
  auto report = Report("justice");
  report.mutable_report()->add_categories("community-corrections");
  std::string name = Submit(report);
  ASSERT_TRUE(IsOfferedTo(name, "s01"));
  ASSERT_TRUE(Call(*assignment, &Assignment::DeclineOffer, head, Declining(name)));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));
  EXPECT_EQ(State(name)->held_reason(), v1::HELD_REASON_NONE_LEFT);
  auto replayed = Replay(name);
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->stored().rule(), "justice-at-station");
  EXPECT_TRUE(replayed->same());
}

TEST_F(RoutingCity, ADirectoryIsActivatedWholeOrRefusedWhole) {
  auto before = Call(*routing, &Routing::GetDirectory, dispatcher, {});
  ASSERT_TRUE(before);
  auto files = SampleFiles();
  auto same = Activate(files);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->unchanged());

  auto bad = files;
  Replace(&bad, "policy.yaml", "escalation_levels: 2", "escalation_levels: 9");
  Replace(&bad, "units.csv", "城厢镇社工站", "城厢镇新社工站");
  auto refused = Activate(bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "DIRECTORY_BAD");
  ASSERT_FALSE(refused.error().fields.empty());
  EXPECT_NE(refused.error().fields[0].field.find("policy.yaml"), std::string::npos);
  EXPECT_EQ(Call(*routing, &Routing::GetDirectory, dispatcher, {})->directory_hash(), before->directory_hash());

  Replace(&files, "units.csv", "城厢镇社工站", "城厢镇新社工站");
  auto taken = Activate(files);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_FALSE(taken->unchanged());
  EXPECT_NE(taken->active().directory_hash(), before->directory_hash());
  v1::GetUnitRequest get;
  get.set_name("units/s01");
  auto unit = Call(*routing, &Routing::GetUnit, dispatcher, get);
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->unit().display_name(), "城厢镇新社工站");
  EXPECT_EQ(Activate({}).error().reason, "INVALID_FIELDS");  // this one has no folder to read again
}

TEST_F(RoutingCity, TheDirectoryIsRead) {
  v1::GetUnitRequest get;
  get.set_name(std::string("units/") + kRoom);
  auto unit = Call(*routing, &Routing::GetUnit, head, get);
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->unit().parent(), "units/s01");
  get.set_name("units/nowhere");
  EXPECT_EQ(Call(*routing, &Routing::GetUnit, head, get).error().reason, "UNIT_NOT_FOUND");
  get.set_name("nowhere");
  EXPECT_EQ(Call(*routing, &Routing::GetUnit, head, get).error().reason, "INVALID_FIELDS");

  v1::ListWorkersRequest list;
  list.set_unit("units/s01");
  list.set_page_size(2);
  std::set<std::string> names;
  do {
    auto page = Call(*routing, &Routing::ListWorkers, head, list);
    ASSERT_TRUE(page);
    EXPECT_LE(page->workers_size(), 2);
    for (const auto& worker : page->workers()) EXPECT_TRUE(names.insert(worker.name()).second);
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(names.size(), snapshots->Active()->WorkersAt("s01", clock.WallUs()).size());
  EXPECT_TRUE(names.contains("workers/h-s01"));
  list.set_unit("units/nowhere");
  EXPECT_EQ(Call(*routing, &Routing::ListWorkers, head, list).error().reason, "INVALID_FIELDS");

  auto words = Call(*routing, &Routing::ListCategories, app, {});
  ASSERT_TRUE(words);
  EXPECT_EQ(words->categories_size(), 16);
  EXPECT_GT(words->types_size(), 0);
  EXPECT_GT(words->dangers_size(), 0);
}

TEST_F(RoutingCity, ANeedWhoseRoomANewDirectoryDoesNotHaveIsOfferedOnAndItsPromiseRunsOn) {
  Start();
  std::string name = SubmitAndOffer("offered");
  std::string elsewhere = Submit(Report("elsewhere", "320585100003001"));
  ASSERT_TRUE(Reaches(elsewhere, v1::STAGE_OFFERED));
  int64_t promised = DueOf(name, v1::CLOCK_KIND_ACCEPTANCE);
  ASSERT_NE(promised, 0);
  uint64_t untouched = State(elsewhere)->version();
  CloseTheRoom();
  ASSERT_TRUE(IsOfferedTo(name, "s01"));
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ACCEPTANCE), promised);
  EXPECT_EQ(State(name)->bounces(), 0U);
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_RECALLED), 1U);
  EXPECT_EQ(State(elsewhere)->version(), untouched);
  EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
}

TEST_F(RoutingCity, ANeedThatAVanishedRoomOwnsFindsANewOwnerAlsoIfNobodyRanWhenTheDirectoryCame) {
  Start();
  std::string name = Submit(Report("owned"));
  ToAssigned(name);
  ASSERT_EQ(State(name)->owner(), kRoom);
  routing->Stop();
  CloseTheRoom();
  for (int start = 0; start < 2; ++start) {
    routing->Start();
    ASSERT_TRUE(IsOfferedTo(name, "s01"));
    routing->Stop();
  }
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_RECALLED), 1U);
  EXPECT_EQ(State(name)->owner(), "center");
  EXPECT_EQ(DueOf(name, v1::CLOCK_KIND_ACCEPTANCE), 0);  // was kept once, and never restarts
  EXPECT_NE(DueOf(name, v1::CLOCK_KIND_OFFER), 0);
  ASSERT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
  EXPECT_EQ(State(name)->owner(), "s01");
}

TEST_F(RoutingCity, ADecisionByTheFormerDirectoryThatLandsBehindTheLookIsFoundAllTheSame) {
  std::string name = Submit(Report("behind"));
  auto former = snapshots->Active();
  CloseTheRoom();
  const std::string event_id(16, 'd');
  auto decide = [&](const NeedState& state, int64_t now_us) -> Expected<Event> {
    Event event;
    event.set_type(v1::EVENT_TYPE_DISPATCHED);
    event.set_subject(name);
    event.set_event_id(event_id);
    event.mutable_dispatched()->set_unit(kRoom);
    event.mutable_dispatched()->set_station("s01");
    for (v1::ClockKind kind : {v1::CLOCK_KIND_ACCEPTANCE, v1::CLOCK_KIND_ASSESSMENT}) {
      *event.add_clocks() = former->StartClock(kind, state.urgency(), state.grade(), now_us);
    }
    return event;
  };
  int looks = 0;
  VanishedUnits vanished(
      *world,
      [&] {
        if (++looks != 2) return true;
        // The first look is over and has found nothing.
        std::promise<bool> dispatched;
        ledger->Decide(name, event_id, {}, std::nullopt, decide, 0, [&](const Expected<Verdict>& verdict) { dispatched.set_value(verdict.has_value()); });
        return dispatched.get_future().get();
      },
      std::chrono::milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_RECALLED) == 1; }));
}

TEST_F(RoutingCity, ARoomPastItsLastDayLosesItsNeedsWhenTheDayBeginsUnlessTheClockIsInDoubt) {
  std::atomic<bool> good = false;
  std::promise<void> asked;
  std::atomic<bool> told = false;
  routing->Start([&] {
    bool is_good = good;
    if (!is_good && clock.WallUs() > kMondayNineUs && !told.exchange(true)) asked.set_value();
    return is_good;
  });
  assignment->Start([] { return false; });
  ActivateWith([](v1::Directory& directory, v1::Policy&) {
    for (auto& unit : *directory.mutable_units()) {
      if (BareId(unit.name()) == kRoom) unit.mutable_validity()->set_to_date("2026-03-02");
    }
  });
  std::string name = SubmitAndOffer("last-day");
  ASSERT_EQ(State(name)->unit(), kRoom);
  clock.AdvanceTo(kMondayNineUs + kDayUs);
  ASSERT_EQ(asked.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(State(name)->unit(), kRoom);
  good = true;
  ASSERT_TRUE(Eventually([&] { return CountEvents(name, v1::EVENT_TYPE_RECALLED) == 1U; }));
  ASSERT_TRUE(Reaches(name, v1::STAGE_HELD));  // nobody else covers that community
  EXPECT_EQ(State(name)->owner(), "center");
  routing->Stop();
  assignment->Stop();
}

// The same log with a second body of the need at its end, as a race of two writers leaves it.
struct Raced {
  Raced(World& former, const std::vector<Event>& log) {
    std::vector<std::string> values;
    for (const Event& event : log) values.push_back(event.SerializeAsString());
    Event other = log.front();
    other.set_body_mac(std::string(16, 'o'));
    other.mutable_submitted()->mutable_report()->set_summary("MARK-other");
    EXPECT_TRUE(SealEvent(&other, *former.keys.Get(other.key_id()), former.ids));
    values.push_back(other.SerializeAsString());
    EXPECT_TRUE(store.Append(0, values));
    auto opened = Committer::Open(store, former.clock, {});
    EXPECT_TRUE(opened);
    ledger = std::move(*opened);
    world = std::make_unique<World>(World{*ledger, *ledger, former.keys, former.snapshots, former.clock, former.ids, former.secret});
    routing = std::make_unique<Routing>(*world);
    assignment = std::make_unique<Assignment>(*world);
  }
  MemoryStore store;
  std::unique_ptr<Committer> ledger;
  std::unique_ptr<World> world;
  std::unique_ptr<Routing> routing;
  std::unique_ptr<Assignment> assignment;
};

TEST_F(RoutingCity, TheCentreReadsTwoBodiesUnderOneIdAndTheyLeaveItsQueueWithTheNeed) {
  Start();
  std::string name = Submit(Report("twice"));
  std::string worker = ToAssigned(name);
  Raced raced(*world, Log());
  auto queue = [&] { return Call(*raced.routing, &Routing::ListHeldNeeds, dispatcher, {})->needs_size(); };
  EXPECT_EQ(queue(), 1);
  v1::AssignmentServiceGetNeedRequest get;
  get.set_name(name);
  auto read = [&](const Who& who) {
    auto response = Call(*raced.assignment, &Assignment::GetNeed, who, get);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : v1::AssignmentServiceGetNeedResponse();
  };
  EXPECT_EQ(read(dispatcher).conflicting_reports_size(), 0);  // no purpose
  get.set_purpose("which of the two");
  for (const Who& who : {dispatcher, officer}) {
    auto response = read(who);
    ASSERT_EQ(response.conflicting_reports_size(), 1);
    EXPECT_EQ(response.conflicting_reports(0).summary(), "MARK-other");
    EXPECT_EQ(response.history_size(), 0);  // and nothing more than that
  }
  EXPECT_EQ(read(auditor).conflicting_reports_size(), 0);
  EXPECT_EQ(read(head).conflicting_reports_size(), 0);
  auto answer = On<v1::AnswerNeedRequest>(name);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  answer.mutable_closing()->set_result_summary("told");
  answer.mutable_closing()->set_reporter_sentence("told");
  auto answered = Call(*raced.assignment, &Assignment::AnswerNeed, Worker(worker, kRoom), answer);
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(queue(), 0);
}

TEST_F(RoutingCity, ConflictingBodiesOfARestrictedNeedAreOnlyForThoseAssigned) {
  Start();
  auto report = Report("secret");
  report.mutable_report()->set_restricted(true);
  std::string name = Submit(report);
  std::string worker = ToAssigned(name);
  Raced raced(*world, Log());
  v1::AssignmentServiceGetNeedRequest get;
  get.set_name(name);
  get.set_purpose("which of the two");
  EXPECT_EQ(Call(*raced.assignment, &Assignment::GetNeed, dispatcher, get)->conflicting_reports_size(), 0);
  EXPECT_EQ(Call(*raced.assignment, &Assignment::GetNeed, Worker(worker, kRoom), get)->conflicting_reports_size(), 1);
}

}  // namespace
}  // namespace gridloop
