// The joint plan in the fold: which event belongs to which obligation, whose clock it starts and stops, and what closing waits for.
#include "domain/joint_plan.h"

#include <gtest/gtest.h>

#include <functional>

#include "domain/row_keys.h"
#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

constexpr v1::EventType kProposed = v1::EVENT_TYPE_OBLIGATION_PROPOSED;
constexpr v1::EventType kAccepted = v1::EVENT_TYPE_OBLIGATION_ACCEPTED;
constexpr v1::EventType kDeclined = v1::EVENT_TYPE_OBLIGATION_DECLINED;
constexpr v1::EventType kProgressed = v1::EVENT_TYPE_OBLIGATION_PROGRESSED;
constexpr v1::EventType kFulfilled = v1::EVENT_TYPE_OBLIGATION_FULFILLED;
constexpr v1::EventType kWaived = v1::EVENT_TYPE_OBLIGATION_WAIVED;

class Plan : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(walk.To(v1::STAGE_ASSIGNED), Void::kNone); }
  // Changes a well-formed event and folds it into a copy.
  Void With(v1::EventType type, const std::function<void(Event&)>& change) const {
    Walk copy = walk;
    Event event = WellFormed(copy.state, type);
    change(event);
    return copy.Go(std::move(event));
  }
  const store::v1::Obligation& First() const { return walk.state.obligations(0); }
  int ClocksOf(const std::string& id) const {
    return static_cast<int>(std::ranges::count_if(walk.state.clocks(), [&](const auto& clock) { return IsObligationClock(clock) && clock.object() == id; }));
  }
  Walk walk;
};

TEST_F(Plan, AnAnswerNamesTheObligationThatWaitsForIt) {
  for (v1::EventType type : {kAccepted, kDeclined, kProgressed, kFulfilled, kWaived}) EXPECT_EQ(walk.Go(type), Void::kObject) << v1::EventType_Name(type);
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  EXPECT_EQ(First().status(), v1::OBLIGATION_STATUS_PROPOSED);
  EXPECT_EQ(First().deadline_us(), kNoonUs + 3 * kHourUs);
  const std::string id = First().event_id();
  // Nothing is told of what was not accepted.
  EXPECT_EQ(With(kProgressed, [&](Event& e) { e.mutable_obligation_progressed()->set_obligation(id); }), Void::kObject);
  EXPECT_EQ(With(kFulfilled, [&](Event& e) { e.mutable_obligation_fulfilled()->set_obligation(id); }), Void::kObject);
  EXPECT_EQ(With(kAccepted, [](Event& e) { e.mutable_obligation_accepted()->set_obligation(std::string(16, 'x')); }), Void::kObject);
  ASSERT_EQ(walk.Go(kAccepted), Void::kNone);
  EXPECT_EQ(First().deadline_us(), First().due_us());
  ASSERT_EQ(ClocksOf(id), 1);
  const auto* clock = Running(walk.state, v1::CLOCK_KIND_OBLIGATION);
  EXPECT_EQ(clock->object(), id);
  EXPECT_NE(clock->starter(), id);
  ASSERT_EQ(walk.Go(kProgressed), Void::kNone);
  EXPECT_EQ(ClocksOf(id), 1);
  ASSERT_EQ(walk.Go(kFulfilled), Void::kNone);
  EXPECT_EQ(First().status(), v1::OBLIGATION_STATUS_FULFILLED);
  EXPECT_EQ(First().deadline_us(), 0);
  EXPECT_EQ(ClocksOf(id), 0);
  EXPECT_EQ(With(kWaived, [&](Event& e) { e.mutable_obligation_waived()->set_obligation(id); }), Void::kObject);  // what is done is done
}

TEST_F(Plan, NobodyAnswersForADepartmentButItselfAndTheCentre) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  auto by = [&](v1::Role role, const std::string& unit) {
    return With(kAccepted, [&](Event& e) {
      e.mutable_actor()->set_role(role);
      e.mutable_actor()->set_unit(unit);
    });
  };
  EXPECT_EQ(by(v1::ROLE_DEPARTMENT, "health"), Void::kVerifier);
  EXPECT_EQ(by(v1::ROLE_DEPARTMENT, ""), Void::kVerifier);
  EXPECT_EQ(by(v1::ROLE_WORKER, "education"), Void::kVerifier);
  EXPECT_EQ(by(v1::ROLE_STATION_HEAD, "s01"), Void::kVerifier);
  EXPECT_EQ(by(v1::ROLE_DISPATCHER, "center"), Void::kNone);
  EXPECT_EQ(by(v1::ROLE_DUTY_OFFICER, "center"), Void::kNone);
  EXPECT_EQ(by(v1::ROLE_DEPARTMENT, "education"), Void::kNone);
  // Of others everybody but a department.
  Event role = WellFormed(walk.state, kProposed);
  role.mutable_obligation_proposed()->set_kind(v1::PARTY_KIND_ROLE);
  Walk other;
  ASSERT_EQ(other.To(v1::STAGE_ASSIGNED), Void::kNone);
  ASSERT_EQ(other.Go(role), Void::kNone);
  EXPECT_EQ(other.Go(kAccepted), Void::kVerifier);
  Event accepted = WellFormed(other.state, kAccepted);
  accepted.mutable_actor()->set_role(v1::ROLE_WORKER);
  EXPECT_EQ(other.Go(accepted), Void::kNone);
}

TEST_F(Plan, AProposalThatSaysTooLittleOrTooMuchIsVoid) {
  using Change = std::function<void(v1::ObligationProposed&)>;
  const std::vector<Change> wrong = {[](auto& p) { p.clear_kind(); },
                                     [](auto& p) { p.clear_party(); },
                                     [](auto& p) { p.clear_due_us(); },
                                     [](auto& p) { p.add_fields("reporter"); },
                                     [](auto& p) { p.add_fields("summary"); },  // not sorted after "type"
                                     [](auto& p) { p.add_fields("type"); },
                                     [](auto& p) { p.set_end_us(kNoonUs); },  // of what does not recur
                                     [](auto& p) { p.mutable_recurrence()->set_amount(1); },
                                     [](auto& p) {
                                       p.mutable_recurrence()->set_amount(1);
                                       p.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
                                     },
                                     [](auto& p) {
                                       p.mutable_recurrence()->set_amount(1);
                                       p.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
                                       p.set_end_us(p.due_us() - 1);
                                     },
                                     [](auto& p) {
                                       p.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
                                       p.set_end_us(p.due_us());
                                     }};
  for (size_t i = 0; i < wrong.size(); ++i) {
    EXPECT_EQ(With(kProposed, [&](Event& e) { wrong[i](*e.mutable_obligation_proposed()); }), Void::kPayload) << i;
  }
  EXPECT_EQ(With(kProposed, [](Event& e) { e.mutable_obligation_proposed()->set_replaces(std::string(16, 'x')); }), Void::kObject);
  EXPECT_EQ(With(kProposed, [](Event& e) { e.clear_clocks(); }), Void::kPayload);
  for (int i = 0; i < kMostObligations; ++i) ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  EXPECT_EQ(walk.Go(kProposed), Void::kBarred);
}

TEST_F(Plan, ItsClocksBelongToItsEventsAlone) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  EXPECT_EQ(With(kAccepted, [](Event& e) { e.clear_clocks(); }), Void::kPayload);
  EXPECT_EQ(With(kAccepted, [](Event& e) { e.mutable_clocks(0)->set_due_us(kNoonUs + kHourUs); }), Void::kPayload);  // not what was agreed
  EXPECT_EQ(With(kDeclined, [](Event& e) { e.clear_clocks(); }), Void::kPayload);
  EXPECT_EQ(With(v1::EVENT_TYPE_NOTE_ADDED, [](Event& e) { StartClock(&e, v1::CLOCK_KIND_OBLIGATION, kNoonUs + kHourUs); }), Void::kPayload);
  EXPECT_EQ(With(v1::EVENT_TYPE_WORKER_ASSIGNED, [](Event& e) { StartClock(&e, v1::CLOCK_KIND_CHASE, kNoonUs + kHourUs, v1::CLOCK_KIND_OBLIGATION); }),
            Void::kPayload);
  ASSERT_EQ(walk.Go(kAccepted), Void::kNone);
  EXPECT_EQ(With(kProgressed, [](Event& e) { StartClock(&e, v1::CLOCK_KIND_OBLIGATION, kNoonUs + kHourUs); }), Void::kPayload);
  EXPECT_EQ(With(kFulfilled, [](Event& e) { StartClock(&e, v1::CLOCK_KIND_OBLIGATION, kNoonUs + kHourUs); }), Void::kPayload);  // it does not recur
  EXPECT_EQ(With(kWaived, [](Event& e) { StartClock(&e, v1::CLOCK_KIND_OBLIGATION, kNoonUs + kHourUs); }), Void::kPayload);
}

TEST_F(Plan, WhatRecursStartsAgainButNotBehindItsEnd) {
  Event proposed = WellFormed(walk.state, kProposed);
  auto& payload = *proposed.mutable_obligation_proposed();
  payload.mutable_recurrence()->set_amount(1);
  payload.mutable_recurrence()->set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
  payload.set_end_us(payload.due_us() + 30 * kHourUs);
  ASSERT_EQ(walk.Go(proposed), Void::kNone);
  ASSERT_EQ(walk.Go(kAccepted), Void::kNone);
  const int64_t due_us = First().due_us();
  EXPECT_EQ(With(kFulfilled, [&](Event& e) { StartClock(&e, v1::CLOCK_KIND_OBLIGATION, due_us + 31 * kHourUs); }), Void::kPayload);
  Event again = WellFormed(walk.state, kFulfilled);
  StartClock(&again, v1::CLOCK_KIND_OBLIGATION, due_us + 24 * kHourUs);
  ASSERT_EQ(walk.Go(again), Void::kNone);
  EXPECT_EQ(First().status(), v1::OBLIGATION_STATUS_ACCEPTED);
  EXPECT_EQ(First().due_us(), due_us + 24 * kHourUs);
  EXPECT_EQ(ClocksOf(First().event_id()), 1);
  ASSERT_EQ(walk.Go(kFulfilled), Void::kNone);
  EXPECT_EQ(First().status(), v1::OBLIGATION_STATUS_FULFILLED);
  EXPECT_EQ(First().fulfilments(), 2U);
}

TEST_F(Plan, EachSilenceHasAChaseOfItsOwn) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  const std::string first = walk.state.obligations(0).event_id();
  const std::string second = walk.state.obligations(1).event_id();
  auto passed = [&](const std::string& id, v1::ClockKind kind, v1::ClockKind chased) {
    Event event;
    event.set_type(v1::EVENT_TYPE_ESCALATED);
    event.mutable_escalated()->set_kind(kind);
    event.mutable_escalated()->set_object(id);
    event.mutable_escalated()->set_chased(chased);
    event.mutable_escalated()->set_level(1);
    StartClock(&event, v1::CLOCK_KIND_CHASE, kLateUs + kHourUs, v1::CLOCK_KIND_OBLIGATION);
    return event;
  };
  EXPECT_EQ(walk.Go(passed(first, v1::CLOCK_KIND_OBLIGATION, v1::CLOCK_KIND_UNSPECIFIED), kNoonUs), Void::kClock);  // it has not passed
  for (const std::string& id : {first, second}) {
    ASSERT_EQ(walk.Go(passed(id, v1::CLOCK_KIND_OBLIGATION, v1::CLOCK_KIND_UNSPECIFIED), kLateUs), Void::kNone);
    EXPECT_EQ(ClocksOf(id), 1);
  }
  EXPECT_EQ(ClocksOf(first), 1);  // the second chase replaced nothing
  ASSERT_EQ(walk.Go(passed(first, v1::CLOCK_KIND_CHASE, v1::CLOCK_KIND_OBLIGATION), kLateUs + kHourUs), Void::kNone);
  EXPECT_EQ(ClocksOf(first), 1);
  // A person chases one that is open, and no other.
  EXPECT_EQ(walk.Go(passed(std::string(16, 'x'), v1::CLOCK_KIND_UNSPECIFIED, v1::CLOCK_KIND_UNSPECIFIED), kLateUs), Void::kPayload);
  ASSERT_EQ(walk.Go(passed(second, v1::CLOCK_KIND_UNSPECIFIED, v1::CLOCK_KIND_UNSPECIFIED), kLateUs), Void::kNone);
  EXPECT_EQ(ClocksOf(second), 1);
  ASSERT_EQ(walk.Go(kAccepted), Void::kNone);
  EXPECT_EQ(ClocksOf(first), 1);
  EXPECT_EQ(ClocksOf(second), 1);
  EXPECT_GT(walk.state.escalation_level(), 0U);  // the other one is chased yet
}

TEST_F(Plan, ClosingWaitsForAllAndWhatWasDeclinedIsNotDone) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  for (v1::EventType type : {v1::EVENT_TYPE_CLOSING_REQUESTED, v1::EVENT_TYPE_ANSWERED}) EXPECT_EQ(walk.Go(type), Void::kBarred);
  ASSERT_EQ(walk.Go(kDeclined), Void::kNone);
  EXPECT_EQ(ClocksOf(First().event_id()), 1);  // its lead's
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_CLOSING_REQUESTED), Void::kBarred);
  Event another = WellFormed(walk.state, kProposed);
  another.mutable_obligation_proposed()->set_replaces(First().event_id());
  ASSERT_EQ(walk.Go(another), Void::kNone);
  EXPECT_EQ(First().status(), v1::OBLIGATION_STATUS_REPLACED);
  EXPECT_EQ(ClocksOf(First().event_id()), 0);
  ASSERT_EQ(walk.Go(kAccepted), Void::kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_CLOSING_REQUESTED), Void::kBarred);
  ASSERT_EQ(walk.Go(kWaived), Void::kNone);
  EXPECT_EQ(walk.Go(v1::EVENT_TYPE_CLOSING_REQUESTED), Void::kNone);
}

TEST_F(Plan, ARecallAndAHoldLeaveItsClocksAndAnEndStopsThem) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  const std::string id = First().event_id();
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_HOLD_REQUESTED), Void::kNone);
  EXPECT_EQ(With(v1::EVENT_TYPE_HOLD_DECIDED,
                 [&](Event& e) {
                   auto& change = *e.add_clock_changes();
                   change.set_kind(v1::CLOCK_KIND_OBLIGATION);
                   change.set_object(id);
                 }),
            Void::kPayload);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_HOLD_DECIDED), Void::kNone);
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_OBLIGATION)->paused_us(), 0);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_RECALLED), Void::kNone);
  EXPECT_EQ(ClocksOf(id), 1);
  EXPECT_EQ(rows::PartyBoxesOf(walk.state), std::vector<std::string>{"p:education"});
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_WITHDRAWN), Void::kNone);
  EXPECT_EQ(First().status(), v1::OBLIGATION_STATUS_ENDED);
  EXPECT_TRUE(rows::PartyBoxesOf(walk.state).empty());
}

TEST_F(Plan, AMoreUrgentNeedMovesTheTimeToAnswerForwardAndNothingThatWasAgreed) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  const std::string id = First().event_id();
  auto hurried = [&](int64_t due_us, v1::EventType type = v1::EVENT_TYPE_AMENDED) {
    Event event = WellFormed(walk.state, type);
    auto& change = *event.add_clock_changes();
    change.set_kind(v1::CLOCK_KIND_OBLIGATION);
    change.set_object(id);
    change.set_due_us(due_us);
    return event;
  };
  EXPECT_EQ(walk.Go(hurried(kNoonUs + 4 * kHourUs)), Void::kPayload);  // never later
  EXPECT_EQ(walk.Go(hurried(kNoonUs + kHourUs, v1::EVENT_TYPE_NOTE_ADDED)), Void::kPayload);
  ASSERT_EQ(walk.Go(hurried(kNoonUs + kHourUs)), Void::kNone);
  EXPECT_EQ(First().deadline_us(), kNoonUs + kHourUs);
  EXPECT_EQ(First().changed_offset(), walk.state.head_offset());
  EXPECT_EQ(Running(walk.state, v1::CLOCK_KIND_OBLIGATION)->start().due_us(), kNoonUs + kHourUs);
  ASSERT_EQ(walk.Go(kAccepted), Void::kNone);
  EXPECT_EQ(walk.Go(hurried(kNoonUs + kHourUs)), Void::kPayload);
}

TEST_F(Plan, RowsOfADepartmentFollowItsOwnDeadlineAndWhatItSees) {
  ASSERT_EQ(walk.Go(kProposed), Void::kNone);
  auto has = [&](const std::string& key) { return std::ranges::binary_search(Rows(walk.state), Row{key}); };
  auto inbox = [&](int64_t due_us) { return rows::InboxPrefix("p:education") + rows::BigEndian(static_cast<uint64_t>(due_us)) + walk.state.subject(); };
  auto change = [&](uint64_t offset) { return rows::BoxChangePrefix("p:education") + rows::BigEndian(offset) + walk.state.subject(); };
  EXPECT_TRUE(has(inbox(First().deadline_us())));
  const uint64_t proposed = walk.state.head_offset();
  EXPECT_TRUE(has(change(proposed)));
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_NOTE_ADDED), Void::kNone);
  EXPECT_TRUE(has(change(proposed)));  // a note is nothing to it
  Event other = WellFormed(walk.state, kProposed);
  other.mutable_obligation_proposed()->set_party("health");
  ASSERT_EQ(walk.Go(other), Void::kNone);
  EXPECT_TRUE(has(change(walk.state.head_offset())));  // the plan's progress is
  ASSERT_EQ(walk.Go(kDeclined), Void::kNone);
  const uint64_t declined = walk.state.head_offset();
  EXPECT_TRUE(has(change(declined)));
  EXPECT_FALSE(has(inbox(First().deadline_us())));
  ASSERT_EQ(walk.Go(other.type()), Void::kNone);  // education again
  EXPECT_TRUE(IsParty(walk.state, "education"));
  EXPECT_FALSE(IsParty(walk.state, "justice"));
  EXPECT_FALSE(IsParty(walk.state, ""));
}

TEST(SharedFields, HoldTheNamedOnesAndNeverTheReporter) {
  v1::Report report;
  report.set_summary("summary");
  report.set_type("care");
  report.mutable_reporter()->set_reference("r");
  report.mutable_subject()->set_display_name("name");
  report.mutable_subject()->set_phone("1");
  v1::Report shared;
  google::protobuf::RepeatedPtrField<std::string> fields;
  *fields.Add() = "subject.phone";
  *fields.Add() = "type";
  CopyShared(report, fields, &shared);
  v1::Report expected;
  expected.set_type("care");
  expected.mutable_subject()->set_phone("1");
  EXPECT_EQ(shared.SerializeAsString(), expected.SerializeAsString());
  for (const char* field : {"reporter", "subject", "attachments", "external_reference", "restricted", ""}) EXPECT_FALSE(IsShareable(field)) << field;
}

TEST(PartyNames, AreReadBack) {
  for (const char* name : {"departments/education", "organisations/o-1", "communities/320585100001", "roles/community-police"}) {
    auto parsed = ParsePartyName(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(PartyName(parsed->first, parsed->second), name);
  }
  EXPECT_FALSE(ParsePartyName("units/s01"));
  EXPECT_EQ(PartyName(v1::PARTY_KIND_UNSPECIFIED, "x"), "");
}

}  // namespace
}  // namespace gridloop
