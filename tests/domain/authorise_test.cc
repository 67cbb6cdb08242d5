#include "domain/authorise.h"

#include <gtest/gtest.h>

#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

v1::Actor Who(v1::Role role, const std::string& unit, const std::string& worker = "") {
  v1::Actor actor;
  actor.set_role(role);
  actor.set_unit(unit);
  actor.set_worker(worker);
  return actor;
}

v1::Access Allow(std::initializer_list<std::pair<v1::Role, v1::Relation>> grants) {
  v1::Access access;
  for (const auto& [role, relation] : grants) {
    auto* grant = access.add_grants();
    grant->set_role(role);
    grant->set_relation(relation);
  }
  return access;
}

// A need of station s01, room r-1, suggested or assigned worker w-1, with w-alert alerted.
NeedState NeedIn(v1::Stage stage) {
  Walk walk;
  for (v1::EventType type : RoadTo(stage)) {
    Event event = WellFormed(walk.state, type);
    if (type == v1::EVENT_TYPE_OFFERED) {
      event.mutable_offered()->add_alerts()->set_worker("w-alert");
      event.mutable_offered()->add_alerts()->set_unit("u-alert");
    }
    if (type == v1::EVENT_TYPE_WORKER_ASSIGNED) event.mutable_worker_assigned()->add_co_workers("w-2");
    EXPECT_EQ(walk.Go(event), Void::kNone);
  }
  EXPECT_EQ(walk.state.stage(), stage);
  return walk.state;
}

TEST(Authorise, WhoIsAssignedBeforeAndAfterAcceptance) {
  struct Line {
    std::string who;
    v1::Actor actor;
    bool offered;   // assigned while offered
    bool accepted;  // assigned once accepted
    bool assigned;  // assigned once a worker is
  };
  const Line lines[] = {
      {"suggested, then assigned worker", Who(v1::ROLE_WORKER, "r-1", "w-1"), true, false, true},
      {"co-worker", Who(v1::ROLE_WORKER, "r-1", "w-2"), false, false, true},
      {"alerted worker", Who(v1::ROLE_WORKER, "x", "w-alert"), true, true, false},
      {"colleague of the room", Who(v1::ROLE_WORKER, "r-1", "w-9"), false, false, false},
      {"worker without an id", Who(v1::ROLE_WORKER, "r-1", ""), false, false, false},
      {"head of the station", Who(v1::ROLE_STATION_HEAD, "s01"), true, true, false},
      {"head of another station", Who(v1::ROLE_STATION_HEAD, "s02"), false, false, false},
      {"head without a unit", Who(v1::ROLE_STATION_HEAD, ""), false, false, false},
      {"dispatcher", Who(v1::ROLE_DISPATCHER, "center"), true, false, false},
      {"duty officer", Who(v1::ROLE_DUTY_OFFICER, "center"), true, false, false},
      {"auditor", Who(v1::ROLE_AUDITOR, "center"), false, false, false},
      {"reporter app", Who(v1::ROLE_REPORTER_APP, ""), false, false, false},
      {"system", Who(v1::ROLE_SYSTEM, ""), false, false, false},
  };
  for (const Line& line : lines) {
    SCOPED_TRACE(line.who);
    const std::pair<v1::Stage, bool> steps[] = {{v1::STAGE_OFFERED, line.offered}, {v1::STAGE_ACCEPTED, line.accepted}, {v1::STAGE_ASSIGNED, line.assigned}};
    for (const auto& [stage, expected] : steps) {
      NeedState state = NeedIn(stage);
      EXPECT_EQ(Related(v1::RELATION_ASSIGNED, line.actor, "", state), expected) << v1::Stage_Name(stage);
      EXPECT_EQ(MaySeePersonal(line.actor, state), expected) << v1::Stage_Name(stage);
      EXPECT_FALSE(MustCut(line.actor, state));
      state.set_restricted(true);
      EXPECT_EQ(MustCut(line.actor, state), !expected) << v1::Stage_Name(stage);
    }
  }
}

TEST(Authorise, WhileAClosingWaitsItsVerifierIsAssigned) {
  NeedState state = NeedIn(v1::STAGE_EVALUATED);
  const v1::Actor head = Who(v1::ROLE_STATION_HEAD, "s01", "h-1");
  const v1::Actor other_head = Who(v1::ROLE_STATION_HEAD, "s02", "h-2");
  const v1::Actor officer = Who(v1::ROLE_DUTY_OFFICER, "center", "c-1");
  v1::Actor executor = Who(v1::ROLE_STATION_HEAD, "s01", "w-2");  // co-worker
  v1::Actor colleague = head;
  colleague.set_organisation("org-1");
  auto assigned = [&](const v1::Actor& actor) {
    state.set_restricted(true);
    bool may = MaySeePersonal(actor, state);
    EXPECT_EQ(MustCut(actor, state), !may);
    return may;
  };
  EXPECT_TRUE(assigned(head));
  EXPECT_FALSE(assigned(officer));
  EXPECT_FALSE(assigned(other_head));
  EXPECT_FALSE(assigned(colleague));
  state.set_verified_by_center(true);
  EXPECT_FALSE(assigned(head));
  EXPECT_TRUE(assigned(officer));
  EXPECT_TRUE(assigned(Who(v1::ROLE_DISPATCHER, "center")));
  EXPECT_FALSE(assigned(Who(v1::ROLE_AUDITOR, "center")));
  EXPECT_FALSE(assigned(Who(v1::ROLE_STATION_HEAD, "center")));
  state.clear_co_workers();
  state.set_verified_by_center(false);
  EXPECT_FALSE(assigned(executor));  // who executed once
  state.set_stage(v1::STAGE_CLOSED);
  EXPECT_FALSE(assigned(head));
}

TEST(Authorise, TheUnitIsTheOwnerTheOfferedOneItsStationAndTheCentresStaff) {
  NeedState offered = NeedIn(v1::STAGE_OFFERED);
  NeedState assigned = NeedIn(v1::STAGE_ASSIGNED);
  for (const NeedState* state : {&offered, &assigned}) {
    EXPECT_TRUE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_WORKER, "r-1", "w-9"), "", *state));
    EXPECT_TRUE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_STATION_HEAD, "s01"), "", *state));
    EXPECT_TRUE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_DUTY_OFFICER, "center"), "", *state));
    EXPECT_TRUE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_WORKER, "u-alert", "w-8"), "", *state));
    EXPECT_FALSE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_WORKER, "r-2", "w-1"), "", *state));
    EXPECT_FALSE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_STATION_HEAD, "s02"), "", *state));
    EXPECT_FALSE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_WORKER, "", "w-1"), "", *state));
  }
}

TEST(Authorise, ADeclinedOfferEndsTheUnitsSight) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_OFFERED), Void::kNone);
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OFFER_DECLINED), Void::kNone);
  EXPECT_FALSE(Related(v1::RELATION_OWN_UNIT, Who(v1::ROLE_STATION_HEAD, "s01"), "", walk.state));
  EXPECT_FALSE(Related(v1::RELATION_ASSIGNED, Who(v1::ROLE_STATION_HEAD, "s01"), "", walk.state));
  EXPECT_FALSE(Related(v1::RELATION_ASSIGNED, Who(v1::ROLE_WORKER, "r-1", "w-1"), "", walk.state));
  EXPECT_TRUE(Related(v1::RELATION_ASSIGNED, Who(v1::ROLE_DISPATCHER, "center"), "", walk.state));
}

TEST(Authorise, AnOwnReportIsOfTheSameClientAndNoClientIsNobodys) {
  NeedState state = NeedIn(v1::STAGE_SUBMITTED);
  v1::Actor app = Who(v1::ROLE_REPORTER_APP, "");
  EXPECT_TRUE(Related(v1::RELATION_OWN_REPORT, app, "app", state));
  EXPECT_TRUE(Related(v1::RELATION_OWN_REPORT, Who(v1::ROLE_WORKER, "x", "w"), "app", state));
  EXPECT_FALSE(Related(v1::RELATION_OWN_REPORT, app, "other", state));
  state.clear_client();
  EXPECT_FALSE(Related(v1::RELATION_OWN_REPORT, app, "", state));
}

TEST(Authorise, IsClosedByDefault) {
  NeedState state = NeedIn(v1::STAGE_OFFERED);
  v1::Actor dispatcher = Who(v1::ROLE_DISPATCHER, "center");
  EXPECT_EQ(Authorise({}, dispatcher, "app", state).error().reason, "ROLE_NOT_ALLOWED");
  EXPECT_FALSE(Related(v1::RELATION_UNSPECIFIED, dispatcher, "app", state));
  auto nobody = Allow({{v1::ROLE_UNSPECIFIED, v1::RELATION_ANY}});
  EXPECT_EQ(Authorise(nobody, Who(v1::ROLE_UNSPECIFIED, "center"), "app", state).error().reason, "ROLE_NOT_ALLOWED");
  auto unspecified = Allow({{v1::ROLE_DISPATCHER, v1::RELATION_UNSPECIFIED}});
  EXPECT_EQ(Authorise(unspecified, dispatcher, "app", state).error().reason, "NOT_YOUR_NEED");
}

TEST(Authorise, AnyOneGrantOfTheRoleSuffices) {
  NeedState state = NeedIn(v1::STAGE_ASSIGNED);
  auto access = Allow({{v1::ROLE_WORKER, v1::RELATION_ASSIGNED}, {v1::ROLE_WORKER, v1::RELATION_OWN_UNIT}, {v1::ROLE_AUDITOR, v1::RELATION_ANY}});
  EXPECT_TRUE(Authorise(access, Who(v1::ROLE_WORKER, "r-1", "w-9"), "", state));
  EXPECT_TRUE(Authorise(access, Who(v1::ROLE_WORKER, "x", "w-1"), "", state));
  EXPECT_TRUE(Authorise(access, Who(v1::ROLE_AUDITOR, ""), "", state));
  auto refused = Authorise(access, Who(v1::ROLE_WORKER, "x", "w-9"), "", state);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_EQ(refused.error().reason, "NOT_YOUR_NEED");
  EXPECT_EQ(Authorise(access, Who(v1::ROLE_STATION_HEAD, "s01"), "", state).error().reason, "ROLE_NOT_ALLOWED");
}

TEST(Authorise, AnotherClientsReportDoesNotExistForAnApp) {
  auto access = Allow({{v1::ROLE_REPORTER_APP, v1::RELATION_OWN_REPORT}});
  NeedState state = NeedIn(v1::STAGE_SUBMITTED);
  EXPECT_TRUE(Authorise(access, Who(v1::ROLE_REPORTER_APP, ""), "app", state));
  auto refused = Authorise(access, Who(v1::ROLE_REPORTER_APP, ""), "other", state);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_EQ(refused.error().reason, "NEED_NOT_FOUND");
}

TEST(Authorise, ADepartmentIsPartyToWhatItHasNotDeclinedAndLearnsNothingElse) {
  Walk walk;
  ASSERT_EQ(walk.To(v1::STAGE_ASSIGNED), Void::kNone);
  const v1::Access party = Allow({{v1::ROLE_DEPARTMENT, v1::RELATION_PARTY}});
  const v1::Actor education = Who(v1::ROLE_DEPARTMENT, "education");
  auto refused = Authorise(party, education, "bureau", walk.state);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "NEED_NOT_FOUND");
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OBLIGATION_PROPOSED), Void::kNone);
  EXPECT_TRUE(Authorise(party, education, "bureau", walk.state));
  EXPECT_FALSE(Authorise(party, Who(v1::ROLE_DEPARTMENT, "health"), "bureau", walk.state));
  EXPECT_FALSE(Authorise(party, Who(v1::ROLE_DEPARTMENT, ""), "bureau", walk.state));
  EXPECT_FALSE(Authorise(party, Who(v1::ROLE_WORKER, "education"), "bureau", walk.state));
  EXPECT_FALSE(Related(v1::RELATION_PARTY, Who(v1::ROLE_WORKER, "education"), "", walk.state));
  EXPECT_FALSE(MaySeePersonal(education, walk.state));
  EXPECT_TRUE(MustCut(education, walk.state));  // of any need, restricted or not
  ASSERT_EQ(walk.Go(v1::EVENT_TYPE_OBLIGATION_DECLINED), Void::kNone);
  EXPECT_FALSE(Authorise(party, education, "bureau", walk.state));
}

TEST(Authorise, ASupervisorHasToDoWithTheStationsOfTheCredentialAndIsAssignedToNothing) {
  v1::Actor supervisor = Who(v1::ROLE_SUPERVISOR, "s01", "w-1");  // neither a unit nor a worker's id makes more of it
  const NeedState assigned = NeedIn(v1::STAGE_ASSIGNED);
  EXPECT_FALSE(Related(v1::RELATION_SUPERVISED, supervisor, "", assigned)) << "no station is listed";
  supervisor.add_stations("s02");
  EXPECT_FALSE(Related(v1::RELATION_SUPERVISED, supervisor, "", assigned));
  supervisor.add_stations("s01");
  EXPECT_TRUE(Related(v1::RELATION_SUPERVISED, supervisor, "", assigned));
  EXPECT_FALSE(Related(v1::RELATION_ASSIGNED, supervisor, "", assigned));
  EXPECT_FALSE(MaySeePersonal(supervisor, assigned));
  EXPECT_TRUE(MayReadSupervision(supervisor, assigned));
  EXPECT_TRUE(Related(v1::RELATION_SUPERVISED, supervisor, "", NeedIn(v1::STAGE_CLOSED))) << "also after the end";
  EXPECT_FALSE(Related(v1::RELATION_SUPERVISED, supervisor, "", NeedIn(v1::STAGE_SUBMITTED))) << "no station has it yet";
  NeedState restricted = assigned;
  restricted.set_restricted(true);
  EXPECT_TRUE(MustCut(supervisor, restricted));
  EXPECT_FALSE(MayReadSupervision(supervisor, restricted));
  v1::Actor head = Who(v1::ROLE_STATION_HEAD, "s01");
  head.add_stations("s01");
  EXPECT_FALSE(Related(v1::RELATION_SUPERVISED, head, "", assigned)) << "the role makes a supervisor, not the list";
  EXPECT_TRUE(MayReadSupervision(head, assigned));
  EXPECT_FALSE(MaySeePersonal(Who(v1::ROLE_OVERSIGHT, "s01", "w-1"), assigned));
}

}  // namespace
}  // namespace gridloop
