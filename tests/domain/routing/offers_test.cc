#include "domain/offers.h"

#include <gtest/gtest.h>

#include <map>

#include "domain/routing/small_city.h"

namespace gridloop {
namespace {

using namespace small_city;

const char* const kOpen = "2026-03-02 10:00";  // a Monday
const char* const kNight = "2026-03-02 22:00";

store::v1::NeedState NeedAt(const std::string& unit, const std::string& station, v1::Urgency urgency) {
  store::v1::NeedState state;
  state.set_unit(unit);
  state.set_station(station);
  state.set_urgency(urgency);
  state.set_type("care");
  state.add_categories("elderly");
  return state;
}

OfferDecision Decide(const City& city, const store::v1::NeedState& state, const std::string& at, std::map<std::string, int> loads = {}) {
  return DecideOffer(*city.Make(), state, At(at), [&](const std::string& worker) { return loads[worker]; });
}

std::string Candidates(const OfferDecision& decision) {
  std::string text;
  for (const auto& each : decision.receipt.candidates()) {
    text += (text.empty() ? "" : " ") + BareId(each.worker()) + ":" + each.reason() + (each.chosen() ? "*" : "");
  }
  return text;
}

std::string Alerts(const OfferDecision& decision) {
  std::string text;
  for (const auto& each : decision.alerts) {
    text += (text.empty() ? "" : " ") + (each.unit().empty() ? "worker:" + each.worker() : "unit:" + each.unit());
  }
  return text;
}

TEST(DecideOffer, WhoServesThePersonComesFirstButInACrisisOnlyAmongThoseOnShift) {
  City city;
  city.AddWorker("w1", {"oak"}, {"elderly"});
  auto* afternoon = city.AddWorker("w2", {"oak"}, {}).add_shifts();
  afternoon->set_weekday(1);
  afternoon->set_start_minute(14 * 60);
  afternoon->set_end_minute(18 * 60);
  auto load = [](const std::string& worker) { return worker == "w2" ? 9 : 0; };
  auto decide = [&](v1::Urgency urgency, const std::set<std::string>& serving) {
    return DecideOffer(*city.Make(), NeedAt("oak", "north", urgency), At(kOpen), load, serving);
  };
  EXPECT_EQ(decide(v1::URGENCY_ROUTINE, {}).worker, "w1");
  OfferDecision decision = decide(v1::URGENCY_ROUTINE, {"w2"});
  EXPECT_EQ(decision.worker, "w2");
  EXPECT_EQ(Candidates(decision), "w1:serves-person w2:suggested*");
  EXPECT_TRUE(decision.receipt.candidates(1).serves_person());
  EXPECT_EQ(decide(v1::URGENCY_CRISIS, {"w2"}).worker, "w1");
  EXPECT_EQ(Candidates(decide(v1::URGENCY_CRISIS, {"w2"})), "w1:suggested* w2:off-duty");
}

TEST(DecideOffer, RanksByShiftThenSkillsThenLoadThenId) {
  City city;
  city.AddWorker("w1", {"oak"}, {"elderly"});
  city.AddWorker("w2", {"oak"}, {"elderly", "medical"});
  city.AddWorker("w3", {"oak"}, {"elderly", "medical"});
  city.AddWorker("w4", {"oak"}, {"elderly", "medical"});
  auto* afternoon = city.AddWorker("w5", {"oak"}, {"elderly", "medical"}).add_shifts();
  afternoon->set_weekday(1);
  afternoon->set_start_minute(14 * 60);
  afternoon->set_end_minute(18 * 60);
  OfferDecision decision = Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), kOpen, {{"w2", 3}, {"w3", 1}, {"w4", 1}});
  EXPECT_EQ(decision.worker, "w3");
  EXPECT_EQ(Candidates(decision), "w1:fewer-skills w2:more-load w3:suggested* w4:tie-by-id w5:off-duty");
  EXPECT_EQ(decision.receipt.directory_hash(), std::string(32, 'd'));
  EXPECT_FALSE(decision.receipt.outside_opening_hours());
  EXPECT_FALSE(decision.direct_accept);
  EXPECT_TRUE(decision.alerts.empty());
}

TEST(DecideOffer, ACategoryThatHasEndedStillSaysWhatSuitsAnOldNeed) {
  City city;
  city.AddWorker("w1", {"oak"});
  city.AddWorker("w2", {"oak"}, {"elderly"});
  city.directory.mutable_categories(0)->mutable_validity()->set_to_date("2026-02-28");
  store::v1::NeedState old = NeedAt("oak", "north", v1::URGENCY_ROUTINE);
  old.set_submitted_us(At("2026-02-27 10:00"));
  EXPECT_EQ(Candidates(Decide(city, old, kOpen)), "w1:fewer-skills w2:suggested*");
}

TEST(DecideOffer, AShiftCountsWhileItIsValid) {
  City city;
  auto& worker = city.AddWorker("w1", {"oak"});
  auto* shift = worker.add_shifts();  // Monday afternoons until February, mornings since
  shift->set_weekday(1);
  shift->set_start_minute(14 * 60);
  shift->set_end_minute(18 * 60);
  shift->mutable_validity()->set_to_date("2026-02-28");
  EXPECT_TRUE(Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), kOpen).receipt.candidates(0).on_duty());  // no shift holds: opening hours
  EXPECT_FALSE(Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), "2026-02-23 10:00").receipt.candidates(0).on_duty());
  shift = worker.add_shifts();
  shift->set_weekday(1);
  shift->set_start_minute(9 * 60);
  shift->set_end_minute(9 * 60 + 30);
  shift->mutable_validity()->set_from_date("2026-03-01");
  EXPECT_FALSE(Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), kOpen).receipt.candidates(0).on_duty());
}

TEST(DecideOffer, SuggestsNobodyOnLeaveOrAtCapacity) {
  City city;
  auto* leave = city.AddWorker("w1", {"oak"}).add_leaves();
  leave->set_from_date("2026-03-02");
  leave->set_to_date("2026-03-02");
  city.AddWorker("w2", {"oak"}).set_capacity(5);
  city.AddWorker("w3", {"oak"});
  auto state = NeedAt("oak", "north", v1::URGENCY_ROUTINE);
  OfferDecision decision = Decide(city, state, kOpen, {{"w2", 5}, {"w3", 29}});
  EXPECT_EQ(Candidates(decision), "w1:on-leave w2:at-capacity w3:suggested*");
  decision = Decide(city, state, kOpen, {{"w2", 5}, {"w3", 30}});
  EXPECT_EQ(decision.worker, "");
  EXPECT_EQ(Candidates(decision), "w1:on-leave w2:at-capacity w3:at-capacity");
  EXPECT_EQ(Decide(city, state, "2026-03-03 10:00", {{"w2", 5}}).worker, "w1");
}

TEST(DecideOffer, ARoomWithoutWorkersIsServedFromItsStationWhoseHeadLeads) {
  City city;
  city.AddWorker("a-head", {"north"}).mutable_posts(0)->set_head(true);
  city.AddWorker("resident", {"north"});
  auto state = NeedAt("oak", "north", v1::URGENCY_ROUTINE);
  EXPECT_EQ(Decide(city, state, kOpen).worker, "resident");
  city.directory.mutable_workers()->RemoveLast();
  EXPECT_EQ(Decide(city, state, kOpen).worker, "a-head");  // nobody else serves there
}

TEST(DecideOffer, AHeadOfAnotherUnitServesHereLikeAnyone) {
  City city;
  city.AddWorker("a", {"oak", "north"}).mutable_posts(1)->set_head(true);
  city.AddWorker("b", {"oak"});
  EXPECT_EQ(Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), kOpen).worker, "a");
}

TEST(DecideOffer, WhoFoundTheNeedComesFirstAndAcceptsDirectly) {
  City city;
  city.AddWorker("skilled", {"oak"}, {"elderly", "medical"});
  city.AddWorker("finder", {"oak"});
  auto state = NeedAt("oak", "north", v1::URGENCY_ROUTINE);
  state.set_submitter_worker("finder");
  EXPECT_EQ(Decide(city, state, kOpen).worker, "skilled");  // did not ask to take it
  state.set_self_accept(true);
  OfferDecision decision = Decide(city, state, kOpen);
  EXPECT_EQ(Candidates(decision), "skilled:self-found finder:self-found*");
  EXPECT_TRUE(decision.direct_accept);
  city.directory.mutable_workers(1)->mutable_posts(0)->set_head(true);
  EXPECT_EQ(Decide(city, state, kOpen).worker, "finder");
  state.set_submitter_worker("somebody-elsewhere");
  EXPECT_EQ(Decide(city, state, kOpen).worker, "skilled");
}

TEST(DecideOffer, ARoomAcceptsDirectlyWherePolicySaysSo) {
  City city;
  city.AddWorker("w1", {"oak", "north"});
  city.policy.set_room_accepts_directly(true);
  EXPECT_TRUE(Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), kOpen).direct_accept);
  EXPECT_FALSE(Decide(city, NeedAt("north", "north", v1::URGENCY_ROUTINE), kOpen).direct_accept);
}

TEST(DecideOffer, WhereNobodyOfTheRoomCanItsStationIsAsked) {
  City city;
  city.AddWorker("a-head", {"north"}).mutable_posts(0)->set_head(true);
  city.AddWorker("away", {"oak", "north"}).add_leaves()->set_from_date("2026-03-01");
  city.AddWorker("busy", {"oak"}).set_capacity(1);
  city.AddWorker("resident", {"north"});
  auto state = NeedAt("oak", "north", v1::URGENCY_ROUTINE);
  EXPECT_EQ(Candidates(Decide(city, state, kOpen, {{"busy", 1}})), "away:on-leave busy:at-capacity resident:suggested*");
  EXPECT_EQ(Candidates(Decide(city, state, kOpen)), "away:on-leave busy:suggested*");
  EXPECT_EQ(Candidates(Decide(city, state, kOpen, {{"busy", 1}, {"resident", 30}})), "away:on-leave busy:at-capacity resident:at-capacity");
}

TEST(CrisisOffer, CapacityBarsNobodyAndTheHeadIsAskedWhereNobodyElseIsLeft) {
  City city;
  city.AddWorker("a-head", {"north"}).mutable_posts(0)->set_head(true);
  auto& room = city.AddWorker("room", {"oak"});
  room.set_capacity(1);
  auto state = NeedAt("oak", "north", v1::URGENCY_CRISIS);
  EXPECT_EQ(Candidates(Decide(city, state, kOpen, {{"room", 9}})), "room:suggested*");
  room.add_leaves()->set_from_date("2026-03-01");
  city.AddWorker("resident", {"north"}).add_leaves()->set_from_date("2026-03-01");
  OfferDecision decision = Decide(city, state, kOpen);
  EXPECT_EQ(Candidates(decision), "room:on-leave resident:on-leave a-head:suggested*");
  EXPECT_EQ(Alerts(decision), "worker:a-head unit:north unit:center");
}

TEST(DecideOffer, WhoFoundTheNeedTakesItFromTheUnitOrItsStationAtAnyHour) {
  City city;
  city.AddWorker("room", {"oak"});
  city.AddWorker("resident", {"north"});
  city.AddWorker("stranger", {"south"});
  city.OnDuty("oak", "2026-03-02", "room");
  auto state = NeedAt("oak", "north", v1::URGENCY_URGENT);
  state.set_self_accept(true);
  for (const char* at : {kOpen, kNight}) {
    state.set_submitter_worker("resident");
    OfferDecision decision = Decide(city, state, at);
    EXPECT_EQ(Candidates(decision), "room:self-found resident:self-found*") << at;
    EXPECT_TRUE(decision.direct_accept) << at;
    state.set_submitter_worker("stranger");
    EXPECT_EQ(Candidates(Decide(city, state, at)), "room:suggested* stranger:not-posted-then") << at;
  }
  city.directory.mutable_workers(1)->mutable_posts(0)->mutable_validity()->set_to_date("2026-03-01");
  state.set_submitter_worker("resident");
  EXPECT_EQ(Candidates(Decide(city, state, kOpen)), "room:suggested* resident:not-posted-then");
}

TEST(CenterAlerts, RingTheInboxAndInPersonWhoHasTheRoster) {
  City city;
  city.AddWorker("sunday", {"center"});
  city.AddWorker("monday", {"center"});
  city.AddWorker("away", {"center"}).add_leaves()->set_from_date("2026-03-01");
  city.OnDuty("center", "2026-03-01", "sunday");
  city.OnDuty("center", "2026-03-02", "away");
  city.OnDuty("center", "2026-03-02", "monday");
  auto ring = [&](const std::string& at) {
    OfferDecision decision;
    decision.alerts = CenterAlerts(*city.Make(), At(at));
    return Alerts(decision);
  };
  EXPECT_EQ(ring("2026-03-01 12:00"), "unit:center worker:sunday");
  EXPECT_EQ(ring("2026-03-02 08:00"), "unit:center worker:sunday");
  EXPECT_EQ(ring(kOpen), "unit:center worker:monday");  // by day: who has the evening
  EXPECT_EQ(ring(kNight), "unit:center worker:monday");
  EXPECT_EQ(ring("2026-03-04 10:00"), "unit:center");
  // Together with the offer, and nobody twice.
  city.AddWorker("r", {"oak"});
  EXPECT_EQ(Alerts(Decide(city, NeedAt("oak", "north", v1::URGENCY_CRISIS), kOpen)), "worker:r unit:north unit:center worker:monday");
  EXPECT_EQ(Alerts(Decide(city, NeedAt("oak", "north", v1::URGENCY_CRISIS), kNight)), "worker:monday unit:north unit:center");
}

TEST(DutyOffer, GoesFromRoomToStationToCentre) {
  City city;
  for (const char* id : {"r", "s", "c"}) city.AddWorker(id, {"oak"});
  auto state = NeedAt("oak", "north", v1::URGENCY_URGENT);
  OfferDecision none = Decide(city, state, kNight);
  EXPECT_EQ(none.worker, "");
  EXPECT_TRUE(none.receipt.outside_opening_hours());
  EXPECT_EQ(none.receipt.duty_unit(), "");
  const std::pair<const char*, const char*> upwards[] = {{"center", "c"}, {"north", "s"}, {"oak", "r"}};
  for (auto [unit, worker] : upwards) {
    city.OnDuty(unit, "2026-03-02", worker);
    OfferDecision decision = Decide(city, state, kNight);
    EXPECT_EQ(decision.worker, worker);
    EXPECT_EQ(decision.receipt.duty_unit(), "units/" + std::string(unit));
    EXPECT_TRUE(decision.direct_accept);
    EXPECT_TRUE(decision.alerts.empty());
  }
}

TEST(DutyOffer, PassesARosterThatIsOnLeaveAndIgnoresCapacity) {
  City city;
  city.AddWorker("r", {"oak"}).add_leaves()->set_from_date("2026-03-01");
  city.AddWorker("s", {"north"}).set_capacity(1);
  city.OnDuty("oak", "2026-03-02", "r");
  city.OnDuty("north", "2026-03-02", "s");
  OfferDecision decision = Decide(city, NeedAt("oak", "north", v1::URGENCY_CRISIS), kNight, {{"s", 40}});
  EXPECT_EQ(Candidates(decision), "r:on-leave s:suggested*");
  EXPECT_EQ(decision.receipt.duty_unit(), "units/north");
}

TEST(DutyOffer, RoutineNeedsWaitForTheRoomsOwnWorkers) {
  City city;
  city.AddWorker("r", {"oak"});
  city.AddWorker("s", {"north"});
  city.OnDuty("oak", "2026-03-02", "s");
  OfferDecision decision = Decide(city, NeedAt("oak", "north", v1::URGENCY_ROUTINE), kNight);
  EXPECT_EQ(decision.worker, "r");
  EXPECT_FALSE(decision.direct_accept);
}

TEST(CrisisOffer, RingsWorkerStationAndCentreTogether) {
  City city;
  city.AddWorker("r", {"oak"});
  city.AddWorker("s", {"north"});
  city.OnDuty("north", "2026-02-14", "s");  // on the eve of Spring Festival
  EXPECT_EQ(Alerts(Decide(city, NeedAt("oak", "north", v1::URGENCY_CRISIS), kOpen)), "worker:r unit:north unit:center");
  EXPECT_EQ(Alerts(Decide(city, NeedAt("oak", "north", v1::URGENCY_CRISIS), "2026-02-14 18:30")), "worker:s unit:north unit:center");
  EXPECT_EQ(Alerts(Decide(city, NeedAt("oak", "north", v1::URGENCY_CRISIS), kNight)), "unit:north unit:center");
  EXPECT_EQ(Alerts(Decide(city, NeedAt("x-minors", "center", v1::URGENCY_CRISIS), kNight)), "unit:center");
}

}  // namespace
}  // namespace gridloop
