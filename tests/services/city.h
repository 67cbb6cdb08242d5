// The production services over memory adapters, a simulated clock and the sample city: what a deployment is, without disk or wire.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/committer/committer.h"
#include "adapters/memory/memory_store.h"
#include "adapters/memory/simulated_clock.h"
#include "assignment/assignment.h"
#include "audit/audit.h"
#include "commands/person_index.h"
#include "directory/loader.h"
#include "domain/row_keys.h"
#include "intake/intake.h"
#include "routing/routing.h"
#include "sealing/ids.h"

namespace gridloop {

inline constexpr int64_t kMinuteUs = 60'000'000;
inline constexpr int64_t kHourUs = 60 * kMinuteUs;
inline constexpr int64_t kDayUs = 24 * kHourUs;
inline constexpr int64_t kMondayNineUs = 1'772'413'200'000'000;  // 2026-03-02T09:00+08:00
inline constexpr char kRoomCell[] = "320585100001001";           // served by the room r-320585100001 of station s01

class City : public testing::Test {
 protected:
  // Who somebody is; the RPC's rule is looked up for each call, as the server does.
  struct Who {
    std::string client, principal;
    v1::Role role;
    std::string unit, worker;
    std::vector<std::string> stations = {};
  };
  const Who app{"city-app", "app-1", v1::ROLE_REPORTER_APP, "", ""};
  const Who other_app{"other-app", "app-2", v1::ROLE_REPORTER_APP, "", ""};
  const Who head{"station", "head-s01", v1::ROLE_STATION_HEAD, "s01", "h-s01"};
  const Who other_head{"station", "head-s02", v1::ROLE_STATION_HEAD, "s02", "h-s02"};
  const Who dispatcher{"centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center", "c-dispatch-1"};
  const Who officer{"centre", "duty-1", v1::ROLE_DUTY_OFFICER, "center", "c-duty-1"};
  const Who auditor{"audit", "auditor-1", v1::ROLE_AUDITOR, "center", ""};
  static Who Worker(const std::string& id, const std::string& unit) { return {"room", id, v1::ROLE_WORKER, unit, id}; }

  void SetUp() override {
    auto result = LoadFolder(std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang", "2026-03-02");
    ASSERT_TRUE(result.loaded);
    for (const std::string* blob : {&result.loaded->directory_blob, &result.loaded->policy_blob, &result.loaded->calendar_blob})
      ASSERT_TRUE(directories.Put(*blob));
    ASSERT_TRUE(directories.Activate(result.loaded->hashes));
    auto opened = Committer::Open(store, clock, {});
    ASSERT_TRUE(opened) << opened.error().message;
    ledger = std::move(*opened);
    snapshots = std::make_unique<Snapshots>(directories);
    world = std::make_unique<World>(World{*ledger, *ledger, keys, *snapshots, clock, ids, secret});
    persons = std::make_unique<PersonIndex>(*ledger, *ledger, keys, clock);
    world->persons = persons.get();
    intake = std::make_unique<Intake>(*world);
    routing = std::make_unique<Routing>(*world);
    assignment = std::make_unique<Assignment>(*world);
    audit = std::make_unique<Audit>(*world);
    watch_ = ledger->Watch("", [this] {
      std::lock_guard lock(mutex_);
      ++changes_;
      changed_.notify_all();
    });
  }
  void TearDown() override {
    watch_.reset();
    audit.reset();
    assignment.reset();
    routing.reset();
    intake.reset();
    persons.reset();
    world.reset();
    snapshots.reset();
    ledger.reset();
  }
  // Makes a changed directory and policy the active ones.
  void Activate(const std::function<void(v1::Directory&, v1::Policy&)>& change) {
    auto hashes = *directories.Active();
    v1::Directory directory;
    v1::Policy policy;
    ASSERT_TRUE(directory.ParseFromString(*directories.Get(hashes.directory_hash())));
    ASSERT_TRUE(policy.ParseFromString(*directories.Get(hashes.policy_hash())));
    change(directory, policy);
    hashes.set_directory_hash(*directories.Put(directory.SerializeAsString()));
    hashes.set_policy_hash(*directories.Put(policy.SerializeAsString()));
    ASSERT_TRUE(directories.Activate(hashes));
  }
  void Start(std::function<bool()> may_fire = {}) {
    persons->Start();
    routing->Start();
    assignment->Start(std::move(may_fire));
  }

  // Waits for the services' own reactions: looked at again after each change of the view; the bound only ends a broken test.
  [[nodiscard]] bool Eventually(const std::function<bool()>& holds) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
      uint64_t seen = 0;
      {
        std::lock_guard lock(mutex_);
        seen = changes_;
      }
      if (holds()) return true;
      std::unique_lock lock(mutex_);
      if (!changed_.wait_until(lock, until, [&] { return changes_ != seen; })) return holds();
    }
  }

  template <class Service, class Request, class Response>
  void CallAsync(Service& service, void (Service::*method)(const Caller&, const Request&, Callback<Expected<Response>>), const Who& who, const Request& request,
                 Callback<Expected<Response>> reply) {
    Caller caller;
    caller.client = who.client;
    caller.actor.set_principal(who.principal);
    caller.actor.set_role(who.role);
    caller.actor.set_unit(who.unit);
    caller.actor.set_worker(who.worker);
    for (const auto& station : who.stations) caller.actor.add_stations(station);
    caller.access = AccessOf(Request::descriptor());
    (service.*method)(caller, request, std::move(reply));
  }
  template <class Service, class Request, class Response>
  std::future<Expected<Response>> Begin(Service& service, void (Service::*method)(const Caller&, const Request&, Callback<Expected<Response>>), const Who& who,
                                        const Request& request) {
    auto promise = std::make_shared<std::promise<Expected<Response>>>();
    auto future = promise->get_future();
    CallAsync<Service, Request, Response>(service, method, who, request, [promise](Expected<Response> response) { promise->set_value(std::move(response)); });
    return future;
  }
  template <class Service, class Request, class Response>
  Expected<Response> Call(Service& service, void (Service::*method)(const Caller&, const Request&, Callback<Expected<Response>>), const Who& who,
                          const Request& request) {
    return Begin(service, method, who, request).get();
  }

  static v1::SubmitNeedRequest Report(const std::string& request_id, const std::string& cell = kRoomCell) {
    v1::SubmitNeedRequest request;
    request.set_request_id(request_id);
    auto& report = *request.mutable_report();
    report.set_summary("MARK-summary");
    report.mutable_location()->set_grid_code(cell);
    report.mutable_location()->set_address("MARK-address");
    report.mutable_reporter()->set_role(v1::REPORTER_ROLE_GRID_WORKER);
    report.mutable_reporter()->set_reference("MARK-reference");
    report.mutable_reporter()->set_phone("MARK-phone");
    report.set_source(v1::SOURCE_PATROL);
    report.set_type("care");
    report.mutable_subject()->set_display_name("MARK-person");
    return request;
  }
  std::string Submit(const v1::SubmitNeedRequest& request) {
    auto response = Call(*intake, &Intake::SubmitNeed, app, request);
    EXPECT_TRUE(response) << response.error().message;
    return response ? response->name() : std::string();
  }
  std::shared_ptr<const NeedState> State(const std::string& name) { return StateNow(*world, name).value_or(nullptr); }
  bool Reaches(const std::string& name, v1::Stage stage) {
    return Eventually([&] {
      auto state = State(name);
      return state && state->stage() == stage;
    });
  }
  std::string SubmitAndOffer(const std::string& request_id) {
    std::string name = Submit(Report(request_id));
    EXPECT_TRUE(Reaches(name, v1::STAGE_OFFERED));
    return name;
  }
  // A command with its name and a request id of its own.
  template <class Request>
  Request On(const std::string& name, const std::string& request_id = {}) {
    Request request;
    request.set_name(name);
    request.set_request_id(request_id.empty() ? "t-" + std::to_string(++requests_) : request_id);
    return request;
  }
  v1::AcceptOfferRequest Accepting(const std::string& name, const std::string& request_id = {}) {
    auto request = On<v1::AcceptOfferRequest>(name, request_id);
    request.set_offer(Base32(State(name)->offer().event_id()));
    return request;
  }
  v1::DeclineOfferRequest Declining(const std::string& name) {
    auto request = On<v1::DeclineOfferRequest>(name);
    request.set_offer(Base32(State(name)->offer().event_id()));
    request.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
    return request;
  }
  // Submitted, offered, accepted by the station's head, assigned to the suggested worker, whose id is given.
  std::string ToAssigned(const std::string& name) {
    EXPECT_TRUE(Reaches(name, v1::STAGE_OFFERED));
    std::string worker = State(name)->offer().worker();
    EXPECT_TRUE(Call(*assignment, &Assignment::AcceptOffer, head, Accepting(name)));
    auto assign = On<v1::AssignWorkerRequest>(name);
    assign.set_worker("workers/" + worker);
    auto assigned = Call(*assignment, &Assignment::AssignWorker, head, assign);
    EXPECT_TRUE(assigned) << assigned.error().message;
    return worker;
  }
  std::vector<Event> Log() {
    std::vector<Event> events;
    auto records = ledger->ReadFrom({0, 0}, 100'000);
    EXPECT_TRUE(records);
    for (const Record& record : *records) EXPECT_TRUE(events.emplace_back().ParseFromString(record.value));
    return events;
  }
  size_t CountEvents(const std::string& name, v1::EventType type) {
    auto events = Log();
    return static_cast<size_t>(std::ranges::count_if(events, [&](const Event& event) { return event.subject() == name && event.type() == type; }));
  }
  std::vector<std::string> Inbox(const Who& who, const std::string& parent) {
    v1::ListInboxRequest request;
    request.set_parent(parent);
    auto response = Call(*assignment, &Assignment::ListInbox, who, request);
    EXPECT_TRUE(response) << response.error().message;
    std::vector<std::string> names;
    if (response) {
      for (const auto& need : response->needs()) names.push_back(need.name());
    }
    return names;
  }

  SimulatedClock clock{kMondayNineUs};
  SeededIds ids{7};
  MemoryStore store;
  MemoryKeys keys{ids};
  MemoryDirectories directories;
  Secret secret{std::string(32, 's')};
  std::unique_ptr<Committer> ledger;
  std::unique_ptr<Snapshots> snapshots;
  std::unique_ptr<World> world;
  std::unique_ptr<PersonIndex> persons;
  std::unique_ptr<Intake> intake;
  std::unique_ptr<Routing> routing;
  std::unique_ptr<Assignment> assignment;
  std::unique_ptr<Audit> audit;

 private:
  static v1::Access AccessOf(const google::protobuf::Descriptor* request) {
    for (const char* name : {"IntakeService", "RoutingService", "AssignmentService", "DepartmentService", "AuditService", "NotificationService"}) {
      const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(std::string("gridloop.v1.") + name);
      for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
        if (service->method(i)->input_type() == request) return service->method(i)->options().GetExtension(v1::access);
      }
    }
    ADD_FAILURE() << "no method takes " << request->full_name();
    return {};
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t changes_ = 0;
  int requests_ = 0;
  Subscription watch_;
};

}  // namespace gridloop
