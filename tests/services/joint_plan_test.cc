// Joint service action plans: what parties are asked for, who answers, what they see, and that silence is noticed.
#include "domain/joint_plan.h"

#include <algorithm>

#include "assignment/departments.h"
#include "services/city.h"

namespace gridloop {
namespace {

// Keeps what is written to it; takes everything.
class KeptStream : public MessageStream {
 public:
  bool Write(const google::protobuf::Message& message) override {
    std::lock_guard lock(mutex_);
    messages_.push_back(static_cast<const v1::WatchObligationsResponse&>(message));
    came_.notify_all();
    return true;
  }
  void Skip() override {}
  void Finish(std::optional<Error> error) override {
    std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  void OnReady(std::function<void()>) override {}
  void OnCancel(std::function<void()> cancel) override { cancel_ = std::move(cancel); }
  void OnMessage(std::function<void(const google::protobuf::Message&)>) override {}
  void OnUnreadable(std::function<void(const google::protobuf::Message&, const Error&)>) override {}
  void OnHalfClose(std::function<void()>) override {}
  bool cancelled() const override { return false; }
  void Cancel() { cancel_(); }
  // The first `count` messages; fewer only if they do not come.
  std::vector<v1::WatchObligationsResponse> First(size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(30), [&] { return messages_.size() >= count; });
    return messages_;
  }
  std::string reason() {
    std::lock_guard lock(mutex_);
    return error_ ? error_->reason : std::string();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<v1::WatchObligationsResponse> messages_;
  std::optional<Error> error_;
  std::function<void()> cancel_;
};

class JointPlan : public City {
 protected:
  void SetUp() override {
    City::SetUp();
    departments = std::make_unique<Departments>(*world);
  }
  void TearDown() override {
    departments.reset();
    City::TearDown();
  }
  template <class Response>
  static std::string Reason(const Expected<Response>& response) {
    return response ? "OK" : response.error().reason;
  }
  Who Assigned(const std::string& request_id, std::string* name) {
    Start();
    *name = Submit(Report(request_id));
    return Worker(ToAssigned(*name), "r-320585100001");
  }
  v1::ProposeObligationRequest Proposing(const std::string& name, const std::string& party = "departments/education") {
    auto request = On<v1::ProposeObligationRequest>(name);
    request.set_party(party);
    request.set_text("MARK-find a place in school");
    *request.mutable_due_time() = ToTimestamp(clock.WallUs() + 10 * kDayUs);
    return request;
  }
  // Proposes and gives the id.
  std::string Proposed(const Who& lead, const v1::ProposeObligationRequest& request) {
    auto response = Call(*assignment, &Assignment::ProposeObligation, lead, request);
    EXPECT_TRUE(response) << response.error().reason << " " << response.error().message;
    return response ? response->outcome().event() : std::string();
  }
  template <class Request>
  Request About(const std::string& name, const std::string& obligation) {
    auto request = On<Request>(name);
    request.set_obligation(obligation);
    if constexpr (requires { request.set_text("x"); }) request.set_text("MARK-what was done");
    if constexpr (requires { request.set_reason("x"); }) request.set_reason("MARK-why");
    return request;
  }
  std::string AcceptBy(const Who& who, const std::string& name, const std::string& obligation) {
    return Reason(Call(*departments, &Departments::AcceptObligation, who, About<v1::DepartmentServiceAcceptObligationRequest>(name, obligation)));
  }
  std::string FulfilBy(const Who& who, const std::string& name, const std::string& obligation) {
    return Reason(Call(*departments, &Departments::FulfilObligation, who, About<v1::DepartmentServiceFulfilObligationRequest>(name, obligation)));
  }
  v1::ObligationStatus Status(const std::string& name, const std::string& obligation) {
    auto state = State(name);
    const auto* found = FindObligation(*state, *ParseBase32(obligation));
    return found == nullptr ? v1::OBLIGATION_STATUS_UNSPECIFIED : found->status();
  }
  // The clock of an obligation, or the chase of it; a copy.
  std::vector<store::v1::RunningClock> ClocksOf(const std::string& name, const std::string& obligation) {
    std::vector<store::v1::RunningClock> clocks;
    auto state = State(name);
    for (const auto& each : state->clocks()) {
      if (IsObligationClock(each) && each.object() == *ParseBase32(obligation)) clocks.push_back(each);
    }
    return clocks;
  }
  Expected<v1::GetPlanResponse> Plan(const Who& who, const std::string& name, const std::string& purpose = "admission") {
    v1::GetPlanRequest request;
    request.set_name(name);
    request.set_purpose(purpose);
    return Call(*departments, &Departments::GetPlan, who, request);
  }
  std::vector<v1::DepartmentNeed> Listed(const Who& who) {
    auto response = Call(*departments, &Departments::ListObligations, who, v1::ListObligationsRequest());
    EXPECT_TRUE(response) << Reason(response);
    return response ? std::vector<v1::DepartmentNeed>(response->needs().begin(), response->needs().end()) : std::vector<v1::DepartmentNeed>();
  }
  v1::RequestClosingRequest Closing(const std::string& name) {
    auto closing = On<v1::RequestClosingRequest>(name);
    closing.mutable_closing()->set_reason(v1::CLOSING_REASON_MOVED);
    closing.mutable_closing()->set_result_summary("moved");
    closing.mutable_closing()->set_reporter_sentence("moved");
    return closing;
  }
  std::shared_ptr<KeptStream> Watching(const Who& who, const std::string& token = {}) {
    auto stream = std::make_shared<KeptStream>();
    Caller caller;
    caller.client = who.client;
    caller.actor.set_principal(who.principal);
    caller.actor.set_role(who.role);
    caller.actor.set_unit(who.unit);
    v1::WatchObligationsRequest request;
    request.set_resume_token(token);
    departments->WatchObligations(caller, request, std::make_shared<Sink<v1::WatchObligationsResponse>>(stream));
    return stream;
  }

  const Who education{"education-bureau", "edu-1", v1::ROLE_DEPARTMENT, "education", ""};
  const Who health{"health-commission", "health-1", v1::ROLE_DEPARTMENT, "health", ""};
  std::unique_ptr<Departments> departments;
};

TEST_F(JointPlan, AnObligationIsProposedAcceptedToldOfAndFulfilledAndClosingWaitsForIt) {
  std::string name;
  const Who worker = Assigned("whole", &name);
  auto propose = Proposing(name);
  const int64_t due_us = FromTimestamp(propose.due_time());
  const std::string id = Proposed(worker, propose);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, propose)), "OK");  // the same again
  ASSERT_EQ(State(name)->obligations_size(), 1);
  EXPECT_EQ(ClocksOf(name, id).at(0).start().rule(), "obligation-routine");  // first the time to answer
  auto closing = Closing(name);
  auto refused = Call(*assignment, &Assignment::RequestClosing, worker, closing);
  ASSERT_EQ(Reason(refused), "OBLIGATIONS_OPEN");
  EXPECT_NE(refused.error().message.find("departments/education (proposed)"), std::string::npos) << refused.error().message;
  auto answer = On<v1::AnswerNeedRequest>(name);
  *answer.mutable_closing() = closing.closing();
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AnswerNeed, worker, answer)), "OBLIGATIONS_OPEN");

  ASSERT_EQ(AcceptBy(education, name, id), "OK");
  EXPECT_EQ(ClocksOf(name, id).size(), 1U);
  EXPECT_EQ(ClocksOf(name, id).at(0).start().due_us(), due_us);  // then the time that was agreed
  auto progress = About<v1::DepartmentServiceRecordObligationProgressRequest>(name, id);
  progress.add_evidence_sha256(std::string(32, 'd'));
  ASSERT_EQ(Reason(Call(*departments, &Departments::RecordObligationProgress, education, progress)), "OK");
  EXPECT_EQ(ClocksOf(name, id).at(0).start().due_us(), due_us);
  EXPECT_EQ(State(name)->obligations(0).reports(), 1U);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestClosing, worker, closing)), "OBLIGATIONS_OPEN");
  ASSERT_EQ(FulfilBy(education, name, id), "OK");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_FULFILLED);
  EXPECT_TRUE(ClocksOf(name, id).empty());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestClosing, worker, closing)), "OK");
  v1::GetTimelineRequest timeline;
  timeline.set_name(name);
  EXPECT_TRUE(Call(*audit, &Audit::GetTimeline, auditor, timeline)->chain_intact());
  for (const Event& event : Log()) EXPECT_EQ(event.SerializeAsString().find("MARK"), std::string::npos) << v1::EventType_Name(event.type());
}

TEST_F(JointPlan, WhatIsAskedIsCheckedFieldByField) {
  std::string name;
  const Who worker = Assigned("checked", &name);
  auto violation = [&](const v1::ProposeObligationRequest& request) {
    auto response = Call(*assignment, &Assignment::ProposeObligation, worker, request);
    return Reason(response) == "INVALID_FIELDS" ? response.error().fields.at(0).field : Reason(response);
  };
  for (const char* party : {"education", "units/s01", "departments/", "departments/A", "communities/32058510", "roles/王警官", "roles/officer-7", "roles/"}) {
    EXPECT_EQ(violation(Proposing(name, party)), "party") << party;
  }
  for (const char* party : {"departments/none", "organisations/none", "communities/320585100999"}) {
    EXPECT_EQ(violation(Proposing(name, party)), "PARTY_NOT_FOUND") << party;
  }
  auto request = Proposing(name);
  request.clear_text();
  EXPECT_EQ(violation(request), "text");
  request = Proposing(name);
  request.clear_due_time();
  EXPECT_EQ(violation(request), "due_time");
  *request.mutable_due_time() = ToTimestamp(clock.WallUs());
  EXPECT_EQ(violation(request), "due_time");
  *request.mutable_due_time() = ToTimestamp(clock.WallUs() + 367 * kDayUs);
  EXPECT_EQ(violation(request), "due_time");
  request = Proposing(name);
  *request.mutable_end_time() = request.due_time();
  EXPECT_EQ(violation(request), "end_time");  // of what does not recur
  request.mutable_recurrence()->set_amount(1);
  request.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_HOURS);
  EXPECT_EQ(violation(request), "recurrence");
  request.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
  request.clear_end_time();
  EXPECT_EQ(violation(request), "end_time");
  *request.mutable_end_time() = ToTimestamp(clock.WallUs() + kDayUs);
  EXPECT_EQ(violation(request), "end_time");  // before it is due
  *request.mutable_end_time() = ToTimestamp(FromTimestamp(request.due_time()) + 200 * kDayUs);
  EXPECT_EQ(violation(request), "end_time");  // 201 times
  request = Proposing(name);
  request.add_shared_fields("reporter");
  EXPECT_EQ(violation(request), "shared_fields");
  request = Proposing(name);
  request.set_replaces("x");
  EXPECT_EQ(violation(request), "replaces");
  request.set_replaces(std::string(26, 'a'));
  EXPECT_EQ(violation(request), "OBLIGATION_NOT_OPEN");
  for (const char* party : {"departments/education", "organisations/o-1", "communities/320585100001", "roles/community-police"}) {
    auto good = Proposing(name, party);
    if (std::string(party).starts_with("organisations/")) {
      good.set_party("organisations/" + snapshots->Active()->directory().organisations(0).id());
    }
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, good)), "OK") << party;
  }
  EXPECT_EQ(State(name)->obligations_size(), 4);
}

TEST_F(JointPlan, TheOwnerLeadsAndNobodyElse) {
  std::string name;
  Start();
  name = SubmitAndOffer("lead");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, head, Proposing(name))), "CENTRE_LEADS");
  const std::string early = Proposed(dispatcher, Proposing(name));
  const Who worker = Worker(ToAssigned(name), "r-320585100001");
  const Who stranger = Worker("w-nobody", "s02");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, stranger, Proposing(name))), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, other_head, Proposing(name))), "NOT_YOUR_NEED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, app, Proposing(name))), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, education, Proposing(name))), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, auditor, Proposing(name))), "ROLE_NOT_ALLOWED");
  Proposed(head, Proposing(name, "departments/health"));
  // The centre alone releases.
  auto waive = About<v1::WaiveObligationRequest>(name, early);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, worker, waive)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, head, waive)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, education, waive)), "ROLE_NOT_ALLOWED");
  auto no_reason = waive;
  no_reason.clear_reason();
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, officer, no_reason)), "INVALID_FIELDS");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, officer, waive)), "OK");
  EXPECT_EQ(Status(name, early), v1::OBLIGATION_STATUS_WAIVED);
  EXPECT_TRUE(ClocksOf(name, early).empty());
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, officer, waive)), "OK");  // the same again
  auto again = About<v1::WaiveObligationRequest>(name, early);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, officer, again)), "OBLIGATION_NOT_OPEN");
}

TEST_F(JointPlan, ADepartmentAnswersForItselfOrTheCentreDoesAndSaysWhy) {
  std::string name;
  const Who worker = Assigned("behalf", &name);
  const std::string id = Proposed(worker, Proposing(name));
  const std::string other = Proposed(worker, Proposing(name, "departments/health"));
  auto accept = About<v1::AcceptObligationRequest>(name, id);
  accept.set_on_behalf("they said so on the phone");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AcceptObligation, worker, accept)), "DEPARTMENT_ANSWERS");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::AcceptObligation, head, accept)), "DEPARTMENT_ANSWERS");
  EXPECT_EQ(AcceptBy(health, name, id), "NOT_YOUR_OBLIGATION");
  auto silent = accept;
  silent.clear_on_behalf();
  auto refused = Call(*assignment, &Assignment::AcceptObligation, dispatcher, silent);
  ASSERT_EQ(Reason(refused), "INVALID_FIELDS");
  EXPECT_EQ(refused.error().fields.at(0).field, "on_behalf");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AcceptObligation, dispatcher, accept)), "OK");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_ACCEPTED);
  // Its own answer comes too late.
  EXPECT_EQ(AcceptBy(education, name, id), "OBLIGATION_NOT_OPEN");
  EXPECT_EQ(Status(name, other), v1::OBLIGATION_STATUS_PROPOSED);
  // Somebody without a credential: whoever leads records what they said.
  const std::string role = Proposed(worker, Proposing(name, "roles/community-police"));
  EXPECT_EQ(AcceptBy(education, name, role), "NOT_YOUR_OBLIGATION");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AcceptObligation, worker, About<v1::AcceptObligationRequest>(name, role))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RecordObligationProgress, head, About<v1::RecordObligationProgressRequest>(name, role))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::FulfilObligation, worker, About<v1::FulfilObligationRequest>(name, role))), "OK");
  EXPECT_EQ(Status(name, role), v1::OBLIGATION_STATUS_FULFILLED);
  const std::string committee = Proposed(head, Proposing(name, "communities/320585100001"));
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DeclineObligation, head, About<v1::DeclineObligationRequest>(name, committee))), "OK");
  EXPECT_EQ(Status(name, committee), v1::OBLIGATION_STATUS_DECLINED);
}

TEST_F(JointPlan, EachAnswerMeetsTheWrongStateTheWrongObjectAStaleEtagItselfAndARival) {
  std::string name;
  const Who worker = Assigned("behave", &name);
  const std::string id = Proposed(worker, Proposing(name));
  auto expect_wrong = [&](auto method, auto request) {
    auto wrong = request;
    wrong.set_obligation("no id");
    EXPECT_EQ(Reason(Call(*departments, method, education, wrong)), "INVALID_FIELDS");
    wrong.set_obligation(std::string(26, 'a'));
    EXPECT_EQ(Reason(Call(*departments, method, education, wrong)), "OBLIGATION_NOT_OPEN");
    wrong = request;
    wrong.set_etag("1");
    EXPECT_EQ(Reason(Call(*departments, method, education, wrong)), "ETAG_MISMATCH");
    for (const Who& who : {worker, head, dispatcher, app, auditor}) EXPECT_EQ(Reason(Call(*departments, method, who, request)), "ROLE_NOT_ALLOWED");
    EXPECT_EQ(Reason(Call(*departments, method, health, request)), "NEED_NOT_FOUND");  // it has nothing to do with it
  };
  auto accept = About<v1::DepartmentServiceAcceptObligationRequest>(name, id);
  auto decline = About<v1::DepartmentServiceDeclineObligationRequest>(name, id);
  auto progress = About<v1::DepartmentServiceRecordObligationProgressRequest>(name, id);
  auto fulfil = About<v1::DepartmentServiceFulfilObligationRequest>(name, id);
  expect_wrong(&Departments::AcceptObligation, accept);
  expect_wrong(&Departments::DeclineObligation, decline);
  // Nothing is told of what was not accepted.
  EXPECT_EQ(Reason(Call(*departments, &Departments::RecordObligationProgress, education, progress)), "OBLIGATION_NOT_OPEN");
  EXPECT_EQ(Reason(Call(*departments, &Departments::FulfilObligation, education, fulfil)), "OBLIGATION_NOT_OPEN");
  // Two at once: one of the two answers stands.
  auto first = Begin(*departments, &Departments::AcceptObligation, education, accept);
  auto second = Begin(*departments, &Departments::DeclineObligation, education, decline);
  auto first_reason = Reason(first.get());
  auto second_reason = Reason(second.get());
  ASSERT_EQ(first_reason, "OK");
  EXPECT_EQ(second_reason, "OBLIGATION_NOT_OPEN");
  auto replayed = Call(*departments, &Departments::AcceptObligation, education, accept);
  ASSERT_EQ(Reason(replayed), "OK");
  EXPECT_TRUE(replayed->outcome().replayed());
  EXPECT_EQ(replayed->outcome().stage(), v1::STAGE_UNSPECIFIED);  // a department is not told where the need stands
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OBLIGATION_ACCEPTED), 1U);
  expect_wrong(&Departments::RecordObligationProgress, progress);
  expect_wrong(&Departments::FulfilObligation, fulfil);
  auto reused = accept;
  reused.set_obligation(std::string(26, 'a'));
  EXPECT_EQ(Reason(Call(*departments, &Departments::AcceptObligation, education, reused)), "REQUEST_ID_REUSED");
  auto long_text = fulfil;
  long_text.set_text(std::string(2001, 'x'));
  EXPECT_EQ(Reason(Call(*departments, &Departments::FulfilObligation, education, long_text)), "INVALID_FIELDS");
  auto evidence = fulfil;
  evidence.add_evidence_sha256("short");
  EXPECT_EQ(Reason(Call(*departments, &Departments::FulfilObligation, education, evidence)), "INVALID_FIELDS");
  auto both = Begin(*departments, &Departments::FulfilObligation, education, fulfil);
  auto rival = fulfil;
  rival.set_request_id("rival");
  auto late = Begin(*departments, &Departments::FulfilObligation, education, rival);
  EXPECT_EQ(Reason(both.get()), "OK");
  EXPECT_EQ(Reason(late.get()), "OBLIGATION_NOT_OPEN");
  EXPECT_EQ(Reason(Call(*departments, &Departments::FulfilObligation, education, fulfil)), "OK");  // the same again
  EXPECT_EQ(CountEvents(name, v1::EVENT_TYPE_OBLIGATION_FULFILLED), 1U);
}

TEST_F(JointPlan, EachCommandOfTheLeadAndTheCentreMeetsTheSame) {
  std::string name;
  const Who worker = Assigned("led", &name);
  const std::string id = Proposed(worker, Proposing(name, "roles/community-police"));
  auto expect_wrong = [&](auto method, auto request, const Who& who) {
    auto wrong = request;
    wrong.set_obligation("no id");
    EXPECT_EQ(Reason(Call(*assignment, method, who, wrong)), "INVALID_FIELDS");
    wrong.set_obligation(std::string(26, 'a'));
    EXPECT_EQ(Reason(Call(*assignment, method, who, wrong)), "OBLIGATION_NOT_OPEN");
    wrong = request;
    wrong.set_etag("1");
    EXPECT_EQ(Reason(Call(*assignment, method, who, wrong)), "ETAG_MISMATCH");
    EXPECT_EQ(Reason(Call(*assignment, method, education, request)), "ROLE_NOT_ALLOWED");
    EXPECT_EQ(Reason(Call(*assignment, method, app, request)), "ROLE_NOT_ALLOWED");
  };
  auto accept = About<v1::AcceptObligationRequest>(name, id);
  auto decline = About<v1::DeclineObligationRequest>(name, id);
  auto progress = About<v1::RecordObligationProgressRequest>(name, id);
  auto fulfil = About<v1::FulfilObligationRequest>(name, id);
  auto waive = About<v1::WaiveObligationRequest>(name, id);
  for (const Who& who : {other_head, Worker("w-nobody", "s02")}) {
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::AcceptObligation, who, accept)), "NOT_YOUR_NEED");
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::DeclineObligation, who, decline)), "NOT_YOUR_NEED");
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::RecordObligationProgress, who, progress)), "NOT_YOUR_NEED");
    EXPECT_EQ(Reason(Call(*assignment, &Assignment::FulfilObligation, who, fulfil)), "NOT_YOUR_NEED");
  }
  expect_wrong(&Assignment::DeclineObligation, decline, worker);
  expect_wrong(&Assignment::AcceptObligation, accept, worker);
  auto stale = Proposing(name);
  stale.set_etag("1");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, stale)), "ETAG_MISMATCH");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AcceptObligation, worker, accept)), "OK");
  expect_wrong(&Assignment::RecordObligationProgress, progress, worker);
  expect_wrong(&Assignment::FulfilObligation, fulfil, worker);
  expect_wrong(&Assignment::WaiveObligation, waive, dispatcher);
  // Done and waived at once: the first in the log decides.
  auto first = Begin(*assignment, &Assignment::FulfilObligation, worker, fulfil);
  auto second = Begin(*assignment, &Assignment::WaiveObligation, dispatcher, waive);
  EXPECT_EQ(Reason(first.get()), "OK");
  EXPECT_EQ(Reason(second.get()), "OBLIGATION_NOT_OPEN");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_FULFILLED);
  // Two replace the same one at once.
  const std::string replaced = Proposed(worker, Proposing(name));
  auto one = Proposing(name, "departments/health");
  one.set_replaces(replaced);
  auto other = Proposing(name, "departments/justice");
  other.set_replaces(replaced);
  auto mine = Begin(*assignment, &Assignment::ProposeObligation, worker, one);
  auto yours = Begin(*assignment, &Assignment::ProposeObligation, head, other);
  EXPECT_EQ(Reason(mine.get()), "OK");
  EXPECT_EQ(Reason(yours.get()), "OBLIGATION_NOT_OPEN");
  // While a closing waits nothing of a plan is begun, and after the end nothing of it is told.
  const std::string last = Base32(State(name)->obligations().rbegin()->event_id());
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, dispatcher, About<v1::WaiveObligationRequest>(name, last))), "OK");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestClosing, worker, Closing(name))), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, Proposing(name))), "WRONG_STAGE");
  auto verify = On<v1::VerifyClosingRequest>(name);
  verify.set_closing(Base32(State(name)->closing_event_id()));
  verify.set_approve(true);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::VerifyClosing, head, verify)), "OK");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, Proposing(name))), "NEED_ENDED");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::WaiveObligation, dispatcher, About<v1::WaiveObligationRequest>(name, id))), "NEED_ENDED");
  auto reopen = On<v1::ReopenNeedRequest>(name);
  reopen.set_reason("again");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::ReopenNeed, head, reopen)), "OK");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_FULFILLED);  // what was done stays in its plan
  EXPECT_FALSE(HasOpenObligation(*State(name)));
  Proposed(head, Proposing(name));
}

TEST_F(JointPlan, WhatIsDeclinedGoesBackToItsLeadWhoProposesAnother) {
  std::string name;
  const Who worker = Assigned("declined", &name);
  const std::string id = Proposed(worker, Proposing(name));
  auto decline = About<v1::DepartmentServiceDeclineObligationRequest>(name, id);
  ASSERT_EQ(Reason(Call(*departments, &Departments::DeclineObligation, education, decline)), "OK");
  EXPECT_EQ(Reason(Call(*departments, &Departments::DeclineObligation, education, decline)), "OK");  // though it sees the need no more
  EXPECT_EQ(Reason(Plan(education, name)), "NEED_NOT_FOUND");
  EXPECT_TRUE(Listed(education).empty());
  ASSERT_EQ(ClocksOf(name, id).size(), 1U);  // the lead's time
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestClosing, worker, Closing(name))), "OBLIGATIONS_OPEN");
  auto another = Proposing(name, "departments/health");
  another.set_replaces(id);
  const std::string next = Proposed(worker, another);
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_REPLACED);
  EXPECT_TRUE(ClocksOf(name, id).empty());
  auto twice = Proposing(name, "departments/justice");
  twice.set_replaces(id);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, twice)), "OBLIGATION_NOT_OPEN");
  ASSERT_EQ(AcceptBy(health, name, next), "OK");
  // Changed before it is late: the party is asked anew.
  auto changed = Proposing(name, "departments/health");
  changed.set_replaces(next);
  const std::string last = Proposed(worker, changed);
  EXPECT_EQ(AcceptBy(health, name, next), "OBLIGATION_NOT_OPEN");
  EXPECT_EQ(AcceptBy(health, name, last), "OK");
}

TEST_F(JointPlan, TheSilenceOfEachPartyIsNoticedAndWhatIsLateIsNotProposedAway) {
  std::string name;
  const Who worker = Assigned("silent", &name);
  auto of_education = Proposing(name);
  auto of_health = Proposing(name, "departments/health");
  const std::string first = Proposed(worker, of_education);
  clock.AdvanceTo(clock.WallUs() + kHourUs);
  const std::string second = Proposed(worker, of_health);
  auto is_chased = [&](const std::string& id) {
    auto clocks = ClocksOf(name, id);
    return clocks.size() == 1 && clocks[0].start().kind() == v1::CLOCK_KIND_CHASE;
  };
  while (!is_chased(first) || !is_chased(second)) {
    clock.AdvanceTo(NextClock(*State(name))->start().due_us());
    ASSERT_TRUE(Eventually([&] { return NextClock(*State(name))->start().due_us() > clock.WallUs(); }));
    ASSERT_LT(clock.WallUs(), kMondayNineUs + 30 * kDayUs);
  }
  EXPECT_GT(State(name)->escalation_level(), 0U);
  v1::ListOpenLoopsRequest loops;
  auto listed = Call(*audit, &Audit::ListOpenLoops, auditor, loops);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->loops_size(), 1);
  std::string why;
  for (const auto& reason : listed->loops(0).reasons()) why += reason;
  EXPECT_NE(why.find("the obligation of departments/education, since "), std::string::npos) << why;
  EXPECT_NE(why.find("the obligation of departments/health, since "), std::string::npos) << why;
  v1::ExplainDeadlineRequest explain;
  explain.set_name(name);
  explain.set_kind(v1::CLOCK_KIND_CHASE);
  auto explained = Call(*audit, &Audit::ExplainDeadline, auditor, explain);
  ASSERT_TRUE(explained) << Reason(explained);
  EXPECT_TRUE(explained->reproduced()) << explained->explanation();
  auto away = Proposing(name, "departments/health");
  away.set_replaces(first);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, away)), "OBLIGATION_OVERDUE");
  // The answer of one leaves the other chased.
  ASSERT_EQ(AcceptBy(education, name, first), "OK");
  EXPECT_EQ(ClocksOf(name, first).at(0).start().kind(), v1::CLOCK_KIND_OBLIGATION);
  EXPECT_TRUE(is_chased(second));
  auto by_centre = Proposing(name, "departments/justice");
  by_centre.set_replaces(second);
  Proposed(dispatcher, by_centre);
  EXPECT_TRUE(ClocksOf(name, second).empty());
}

TEST_F(JointPlan, APersonEscalatesOnePartyAndTheOthersClocksGoOn) {
  std::string name;
  const Who worker = Assigned("pressed", &name);
  auto soon = Proposing(name);
  *soon.mutable_due_time() = ToTimestamp(clock.WallUs() + kMinuteUs * 10);  // before anything else
  const std::string first = Proposed(worker, soon);
  const std::string second = Proposed(worker, Proposing(name, "departments/health"));
  EXPECT_EQ(ClocksOf(name, first).at(0).start().rule(), "agreed");  // the answer is not due after the work
  for (int i = 0; i < 2; ++i) {
    auto escalate = On<v1::EscalateNeedRequest>(name);
    escalate.set_reason("they do not answer");
    ASSERT_EQ(Reason(Call(*assignment, &Assignment::EscalateNeed, worker, escalate)), "OK");
  }
  EXPECT_EQ(ClocksOf(name, first).size(), 2U);  // its clock and one chase
  EXPECT_EQ(ClocksOf(name, second).size(), 1U);
  ASSERT_EQ(AcceptBy(education, name, first), "OK");
  EXPECT_EQ(ClocksOf(name, first).size(), 1U);
  EXPECT_EQ(State(name)->escalation_level(), 0U);
}

TEST_F(JointPlan, WhatRecursIsDueAgainUntilItsEnd) {
  std::string name;
  const Who worker = Assigned("monthly", &name);
  auto monthly = Proposing(name);
  monthly.mutable_recurrence()->set_amount(30);
  monthly.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
  const int64_t due_us = FromTimestamp(monthly.due_time());
  *monthly.mutable_end_time() = ToTimestamp(due_us + 70 * kDayUs);
  const std::string id = Proposed(worker, monthly);
  ASSERT_EQ(AcceptBy(education, name, id), "OK");
  ASSERT_EQ(FulfilBy(education, name, id), "OK");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_ACCEPTED);
  EXPECT_EQ(ClocksOf(name, id).at(0).start().due_us(), due_us + 30 * kDayUs);
  v1::ExplainDeadlineRequest explain;
  explain.set_name(name);
  explain.set_kind(v1::CLOCK_KIND_OBLIGATION);
  auto explained = Call(*audit, &Audit::ExplainDeadline, auditor, explain);
  ASSERT_TRUE(explained) << Reason(explained);
  EXPECT_TRUE(explained->reproduced()) << explained->explanation();
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::RequestClosing, worker, Closing(name))), "OBLIGATIONS_OPEN");
  // So late that the next time has passed as well: it counts from now.
  clock.AdvanceTo(due_us + 61 * kDayUs);
  ASSERT_TRUE(Eventually([&] { return NextClock(*State(name))->start().due_us() > clock.WallUs(); }));
  ASSERT_EQ(FulfilBy(education, name, id), "OK");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_FULFILLED);  // the next time lies behind its end
  EXPECT_EQ(State(name)->obligations(0).fulfilments(), 2U);
  EXPECT_TRUE(ClocksOf(name, id).empty());
  EXPECT_EQ(FulfilBy(education, name, id), "OBLIGATION_NOT_OPEN");
}

TEST_F(JointPlan, ADepartmentSeesItsOwnWithWhatWasSharedThePlansProgressAndNothingElse) {
  std::string name;
  const Who worker = Assigned("seen", &name);
  auto propose = Proposing(name);
  for (const char* field : {"subject.display_name", "type", "location"}) propose.add_shared_fields(field);
  const std::string id = Proposed(worker, propose);
  auto of_health = Proposing(name, "departments/health");
  of_health.set_text("MARK-for health alone");
  ASSERT_FALSE(Proposed(worker, of_health).empty());
  auto plan = Plan(education, name);
  ASSERT_TRUE(plan) << Reason(plan);
  EXPECT_EQ(plan->lead(), "units/r-320585100001");
  EXPECT_FALSE(plan->lead_display_name().empty());
  ASSERT_EQ(plan->obligations_size(), 2);
  EXPECT_EQ(plan->obligations(1).party(), "departments/health");
  ASSERT_EQ(plan->own_size(), 1);
  EXPECT_EQ(plan->own(0).id(), id);
  EXPECT_EQ(plan->own(0).text(), "MARK-find a place in school");
  const auto& report = plan->own(0).report();
  EXPECT_EQ(report.subject().display_name(), "MARK-person");
  EXPECT_EQ(report.location().address(), "MARK-address");
  EXPECT_EQ(report.type(), "care");
  EXPECT_TRUE(report.summary().empty());
  EXPECT_FALSE(report.has_reporter());
  EXPECT_EQ(plan->SerializeAsString().find("MARK-for health"), std::string::npos);
  EXPECT_EQ(plan->SerializeAsString().find("MARK-reference"), std::string::npos);
  // What is corrected is shown corrected.
  auto amend = On<v1::AmendNeedRequest>(name);
  amend.mutable_update_mask()->add_paths("subject");
  amend.mutable_report()->mutable_subject()->set_display_name("MARK-another name");
  amend.set_reason("wrong name");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, amend)), "OK");
  EXPECT_EQ(Plan(education, name)->own(0).report().subject().display_name(), "MARK-another name");
  // Without a purpose nothing of a person.
  auto bare = Plan(education, name, "");
  ASSERT_TRUE(bare);
  EXPECT_TRUE(bare->own().empty());
  EXPECT_EQ(bare->SerializeAsString().find("MARK"), std::string::npos);
  // A stranger and a credential without a department get nothing.
  const Who justice{"justice", "j-1", v1::ROLE_DEPARTMENT, "justice", ""};
  EXPECT_EQ(Reason(Plan(justice, name)), "NEED_NOT_FOUND");
  const Who nobody{"nobody", "n-1", v1::ROLE_DEPARTMENT, "", ""};
  EXPECT_EQ(Reason(Plan(nobody, name)), "NEED_NOT_FOUND");
  EXPECT_EQ(Reason(Call(*departments, &Departments::ListObligations, nobody, v1::ListObligationsRequest())), "NO_DEPARTMENT");
  EXPECT_EQ(Reason(Plan(worker, name)), "ROLE_NOT_ALLOWED");
  v1::AssignmentServiceGetNeedRequest need;
  need.set_name(name);
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::GetNeed, education, need)), "ROLE_NOT_ALLOWED");
  // What is done needs no shared field any more; its text stays.
  ASSERT_EQ(AcceptBy(education, name, id), "OK");
  ASSERT_EQ(FulfilBy(education, name, id), "OK");
  auto done = Plan(education, name);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->own(0).last_report(), "MARK-what was done");
  EXPECT_FALSE(done->own(0).has_report());
  // Staff see the plan with the need, and its texts with a purpose in the history.
  need.set_purpose("visit");
  auto staff = Call(*assignment, &Assignment::GetNeed, worker, need);
  ASSERT_TRUE(staff);
  ASSERT_EQ(staff->need().obligations_size(), 2);
  EXPECT_EQ(staff->need().obligations(0).status(), v1::OBLIGATION_STATUS_FULFILLED);
  EXPECT_TRUE(std::ranges::any_of(staff->history(), [](const Event& event) { return event.obligation_fulfilled().text() == "MARK-what was done"; }));
}

TEST_F(JointPlan, APlanOfARestrictedNeedIsShownToItsPartiesAndThoseAssignedAlone) {
  Start();
  auto report = Report("restricted");
  report.mutable_report()->set_restricted(true);
  std::string name = Submit(report);
  const Who worker = Worker(ToAssigned(name), "r-320585100001");
  Proposed(worker, Proposing(name));
  v1::AssignmentServiceGetNeedRequest need;
  need.set_name(name);
  auto by_centre = Call(*assignment, &Assignment::GetNeed, dispatcher, need);
  ASSERT_TRUE(by_centre);
  EXPECT_TRUE(by_centre->need().obligations().empty());
  EXPECT_EQ(Call(*assignment, &Assignment::GetNeed, worker, need)->need().obligations_size(), 1);
  EXPECT_EQ(Plan(education, name)->own_size(), 1);
}

TEST_F(JointPlan, ListsAreByTheDepartmentsOwnDeadlinesAndPaged) {
  Start();
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    names.push_back(Submit(Report("listed-" + std::to_string(i))));
    ASSERT_TRUE(Reaches(names.back(), v1::STAGE_OFFERED));
    auto propose = Proposing(names.back());
    *propose.mutable_due_time() = ToTimestamp(clock.WallUs() + (3 - i) * kHourUs);
    Proposed(dispatcher, propose);
    auto later = Proposing(names.back());
    Proposed(dispatcher, later);
  }
  auto listed = Listed(education);
  ASSERT_EQ(listed.size(), 3U);
  EXPECT_EQ(listed[0].name(), names[2]);
  EXPECT_EQ(listed[2].name(), names[0]);
  ASSERT_EQ(listed[0].obligations_size(), 2);
  EXPECT_LT(listed[0].obligations(0).deadline_time().seconds(), listed[0].obligations(1).deadline_time().seconds());
  EXPECT_TRUE(Listed(health).empty());
  v1::ListObligationsRequest page;
  page.set_page_size(2);
  auto first = Call(*departments, &Departments::ListObligations, education, page);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->needs_size(), 2);
  page.set_page_token(first->next_page_token());
  auto second = Call(*departments, &Departments::ListObligations, education, page);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->needs_size(), 1);
  EXPECT_TRUE(second->next_page_token().empty());
  EXPECT_EQ(Reason(Call(*departments, &Departments::ListObligations, health, page)), "INVALID_FIELDS");  // another's page
}

TEST_F(JointPlan, AWatchTellsWhatChangesForTheDepartmentResumesAndIsNotWokenByTheRest) {
  std::string name;
  const Who worker = Assigned("watched", &name);
  const std::string id = Proposed(worker, Proposing(name));
  auto stream = Watching(education);
  auto messages = stream->First(1);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].need().obligations(0).id(), id);
  EXPECT_EQ(messages[0].SerializeAsString().find("MARK"), std::string::npos);
  // What the unit does is no concern of a department; another party's answer is.
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("not theirs");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::AddNote, worker, note)), "OK");
  const std::string other = Proposed(worker, Proposing(name, "departments/health"));
  messages = stream->First(2);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_FALSE(messages[1].removed());
  ASSERT_EQ(AcceptBy(education, name, id), "OK");
  messages = stream->First(3);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[2].need().obligations(0).status(), v1::OBLIGATION_STATUS_ACCEPTED);
  stream->Cancel();
  ASSERT_EQ(FulfilBy(education, name, id), "OK");
  auto resumed = Watching(education, messages[2].resume_token());
  auto after = resumed->First(1);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_TRUE(after[0].removed());
  EXPECT_EQ(after[0].need().name(), name);
  EXPECT_TRUE(after[0].need().obligations().empty());
  // Gone is gone: what others do in this plan later wakes it no more.
  ASSERT_EQ(AcceptBy(health, name, other), "OK");
  const std::string again = Proposed(worker, Proposing(name));
  after = resumed->First(2);
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[1].need().obligations(0).id(), again);
  resumed->Cancel();
  EXPECT_EQ(Watching(health, messages[2].resume_token())->reason(), "INVALID_FIELDS");  // another's token
}

TEST_F(JointPlan, ARecallKeepsTheObligationsAHoldLetsThemGoOnAndAnEndStopsThem) {
  std::string name;
  const Who worker = Assigned("kept", &name);
  const std::string id = Proposed(worker, Proposing(name));
  const int64_t due_us = ClocksOf(name, id).at(0).start().due_us();
  auto hold = On<v1::RequestHoldRequest>(name);
  *hold.mutable_end_time() = ToTimestamp(clock.WallUs() + 20 * kDayUs);
  hold.set_reason("in hospital");
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::RequestHold, worker, hold)), "OK");
  auto decide = On<v1::DecideHoldRequest>(name);
  decide.set_hold(Base32(State(name)->hold().event_id()));
  decide.set_approve(true);
  ASSERT_EQ(Reason(Call(*assignment, &Assignment::DecideHold, head, decide)), "OK");
  ASSERT_EQ(State(name)->stage(), v1::STAGE_ON_HOLD);
  EXPECT_EQ(ClocksOf(name, id).at(0).paused_us(), 0);
  EXPECT_EQ(ClocksOf(name, id).at(0).start().due_us(), due_us);
  ASSERT_EQ(AcceptBy(education, name, id), "OK");  // also on hold
  auto recall = On<v1::RecallNeedRequest>(name);
  recall.set_reason("moved");
  ASSERT_EQ(Reason(Call(*routing, &Routing::RecallNeed, dispatcher, recall)), "OK");
  ASSERT_EQ(State(name)->stage(), v1::STAGE_HELD);
  EXPECT_EQ(ClocksOf(name, id).size(), 1U);
  EXPECT_EQ(Plan(education, name)->lead(), "units/center");
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, head, Proposing(name))), "NOT_YOUR_NEED");
  auto withdraw = On<v1::WithdrawNeedRequest>(name);
  withdraw.set_reason("not needed any more");
  ASSERT_EQ(Reason(Call(*intake, &Intake::WithdrawNeed, app, withdraw)), "OK");
  EXPECT_EQ(Status(name, id), v1::OBLIGATION_STATUS_ENDED);
  EXPECT_TRUE(Listed(education).empty());
  EXPECT_EQ(FulfilBy(education, name, id), "NEED_ENDED");
  auto ended = Plan(education, name);
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->own().empty());  // nothing personal of what has ended
  EXPECT_TRUE(ended->lead().empty());
}

TEST_F(JointPlan, WhatBecomesUrgentCutsTheTimeToAnswerAndNobodysPromise) {
  std::string name;
  const Who worker = Assigned("hurried", &name);
  const std::string agreed = Proposed(worker, Proposing(name, "departments/health"));
  ASSERT_EQ(AcceptBy(health, name, agreed), "OK");
  const int64_t due_us = ClocksOf(name, agreed).at(0).start().due_us();
  const std::string asked = Proposed(worker, Proposing(name));
  auto stream = Watching(education);
  ASSERT_EQ(stream->First(1).size(), 1U);
  auto amend = On<v1::AmendNeedRequest>(name);
  amend.mutable_update_mask()->add_paths("reported_urgency");
  amend.mutable_report()->set_reported_urgency(v1::URGENCY_CRISIS);
  amend.set_reason("worse");
  ASSERT_EQ(Reason(Call(*intake, &Intake::AmendNeed, worker, amend)), "OK");
  ASSERT_EQ(State(name)->urgency(), v1::URGENCY_CRISIS);
  EXPECT_EQ(ClocksOf(name, agreed).at(0).start().due_us(), due_us);
  EXPECT_EQ(ClocksOf(name, asked).at(0).start().due_us(), clock.WallUs() + 2 * kHourUs);
  EXPECT_EQ(ClocksOf(name, asked).at(0).start().rule(), "obligation-crisis");
  auto messages = stream->First(2);  // it learns that it is asked sooner
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(FromTimestamp(messages[1].need().obligations(0).deadline_time()), clock.WallUs() + 2 * kHourUs);
  EXPECT_EQ(FromTimestamp(Listed(education).at(0).obligations(0).deadline_time()), clock.WallUs() + 2 * kHourUs);
  stream->Cancel();
  v1::ExplainDeadlineRequest explain;
  explain.set_name(name);
  explain.set_kind(v1::CLOCK_KIND_OBLIGATION);
  auto explained = Call(*audit, &Audit::ExplainDeadline, auditor, explain);
  ASSERT_TRUE(explained) << Reason(explained);
  EXPECT_TRUE(explained->reproduced()) << explained->explanation();
}

TEST_F(JointPlan, APlanHasThirtyTwoObligationsAtMost) {
  std::string name;
  const Who worker = Assigned("many", &name);
  for (int i = 0; i < kMostObligations; ++i) Proposed(worker, Proposing(name, "roles/community-police"));
  EXPECT_EQ(Reason(Call(*assignment, &Assignment::ProposeObligation, worker, Proposing(name))), "TOO_MANY_OBLIGATIONS");
  auto closing = Call(*assignment, &Assignment::RequestClosing, worker, Closing(name));
  ASSERT_EQ(Reason(closing), "OBLIGATIONS_OPEN");
  EXPECT_NE(closing.error().message.find("and 27 more"), std::string::npos) << closing.error().message;
}

}  // namespace
}  // namespace gridloop
