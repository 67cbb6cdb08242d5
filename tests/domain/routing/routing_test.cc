#include "domain/routing.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

#include "domain/routing/small_city.h"

namespace gridloop {
namespace {

using namespace small_city;

v1::RoutingInputs InputsAt(const std::string& grid_code, const std::string& at = "2026-03-02 09:00") {
  v1::RoutingInputs inputs;
  inputs.mutable_decision_time()->set_seconds(At(at) / 1'000'000);
  inputs.set_grid_code(grid_code);
  inputs.set_type("care");
  inputs.set_urgency(v1::URGENCY_ROUTINE);
  return inputs;
}

v1::RoutingInputs Without(v1::RoutingInputs inputs, std::initializer_list<const char*> units) {
  for (const char* unit : units) inputs.add_excluded_units("units/" + std::string(unit));
  return inputs;
}

// "oak:excluded north:station-of*": every candidate in order, the chosen one starred.
std::string Candidates(const v1::RoutingReceipt& receipt) {
  std::string text;
  for (const auto& each : receipt.candidates()) {
    text += (text.empty() ? "" : " ") + BareId(each.unit()) + ":" + each.reason() + (each.chosen() ? "*" : "");
  }
  return text;
}

struct RouteCase {
  const char* why;
  v1::RoutingInputs inputs;
  const char* unit;
  v1::HeldReason held;
  const char* candidates;
};

v1::RoutingInputs AtInstitution(const std::string& id, const std::string& grid_code = {}) {
  v1::RoutingInputs inputs = InputsAt(grid_code);
  inputs.set_institution(id);
  return inputs;
}

TEST(Route, CoverageDecidesWhereNoRuleDoes) {
  auto snapshot = City().Make();
  v1::RoutingInputs address_only = InputsAt("");
  address_only.set_address_only(true);
  const RouteCase cases[] = {
      {"an unlisted cell falls to its community", InputsAt(kOakCell), "oak", {}, "oak:covers-community*"},
      {"a community's own code", InputsAt(kOak), "oak", {}, "oak:covers-community*"},
      {"an alias", InputsAt("G-1"), "oak", {}, "oak:covers-community*"},
      {"a listed cell wins over its community", InputsAt(kOakMarket), "market", {}, "market:covers-cell* oak:less-specific"},
      {"a community without a room is its station's", InputsAt(kElm), "north", {}, "north:covers-community*"},
      {"an institution wins over the place",
       AtInstitution("middle-school", kOakMarket),
       "x-school",
       {},
       "x-school:covers-institution* market:less-specific oak:less-specific"},
      {"an institution brings its community", AtInstitution("children-home"), "x-minors", {}, "x-minors:covers-institution* oak:less-specific"},
      {"an unknown institution leaves the place", AtInstitution("no-such-school", kOak), "oak", {}, "oak:covers-community*"},
      {"a community's code is no institution", AtInstitution(kOak), "", v1::HELD_REASON_NO_CANDIDATE, ""},
      {"an institution's id is no grid code", InputsAt("middle-school"), "", v1::HELD_REASON_NO_CANDIDATE, ""},
      {"nobody covers it", InputsAt(kPine), "", v1::HELD_REASON_NO_CANDIDATE, ""},
      {"an unknown code", InputsAt("nonsense"), "", v1::HELD_REASON_NO_CANDIDATE, ""},
      {"nothing said", InputsAt(""), "", v1::HELD_REASON_NO_CANDIDATE, ""},
      {"only an address", address_only, "", v1::HELD_REASON_LOCATION_TOO_VAGUE, ""},
      {"the room stood then", InputsAt(kAsh, "2026-01-31 23:59"), "ash", {}, "ash:covers-community*"},
      {"the room is closed", InputsAt(kAsh, "2026-02-01 00:00"), "", v1::HELD_REASON_NO_CANDIDATE, "ash:not-valid-then"},
      {"the room is excluded", Without(InputsAt(kOak), {"oak"}), "north", {}, "oak:excluded north:station-of*"},
      {"room and station are excluded", Without(InputsAt(kOak), {"oak", "north"}), "", v1::HELD_REASON_NONE_LEFT, "oak:excluded north:excluded"},
      {"the excluded are listed also after a choice", Without(InputsAt(kOakMarket), {"oak"}), "market", {}, "market:covers-cell* oak:excluded"},
      {"the only station is excluded", Without(InputsAt(kElm), {"north"}), "", v1::HELD_REASON_NONE_LEFT, "north:excluded"},
      {"above a special unit is the centre, which is offered nothing", Without(AtInstitution("children-home"), {"x-minors", "oak", "north"}), "",
       v1::HELD_REASON_NONE_LEFT, "x-minors:excluded oak:excluded north:excluded"},
  };
  for (const RouteCase& each : cases) {
    v1::RoutingReceipt receipt = Route(*snapshot, each.inputs);
    EXPECT_EQ(BareId(receipt.unit()), each.unit) << each.why;
    EXPECT_EQ(receipt.held_reason(), each.held) << each.why;
    EXPECT_EQ(Candidates(receipt), each.candidates) << each.why;
    EXPECT_EQ(receipt.rule(), receipt.unit().empty() ? "" : "coverage") << each.why;
    EXPECT_EQ(receipt.unit().empty(), receipt.station().empty()) << each.why;
  }
}

TEST(Route, CoverageIsTakenAtTheDecisionsTime) {
  City city;
  city.directory.mutable_coverages(0)->mutable_validity()->set_to_date("2026-03-31");
  city.Cover(kOak, "market").mutable_validity()->set_from_date("2026-04-01");
  auto snapshot = city.Make();
  EXPECT_EQ(Route(*snapshot, InputsAt(kOak, "2026-03-31 23:59")).unit(), "units/oak");
  EXPECT_EQ(Route(*snapshot, InputsAt(kOak, "2026-04-01 00:00")).unit(), "units/market");
}

TEST(Route, TheReceiptNamesHashesInputsStationAndCommunity) {
  v1::RoutingInputs inputs = InputsAt("G-1");
  v1::RoutingReceipt receipt = Route(*City().Make(), inputs);
  EXPECT_EQ(receipt.directory_hash(), std::string(32, 'd'));
  EXPECT_EQ(receipt.policy_hash(), std::string(32, 'p'));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(receipt.inputs(), inputs));
  EXPECT_EQ(receipt.station(), "units/north");
  EXPECT_EQ(receipt.community(), kOak);
  EXPECT_EQ(receipt.mode(), v1::DISPATCH_MODE_AUTO);
  EXPECT_EQ(receipt.mode_rule(), "default");
}

TEST(Route, TheSecondBounceIsTheCentresAndStillListsCandidates) {
  auto snapshot = City().Make();
  v1::RoutingInputs inputs = Without(InputsAt(kOakMarket), {"market"});
  inputs.set_bounces(1);
  EXPECT_EQ(Route(*snapshot, inputs).unit(), "units/north");
  inputs.set_bounces(2);
  v1::RoutingReceipt receipt = Route(*snapshot, inputs);
  EXPECT_EQ(receipt.held_reason(), v1::HELD_REASON_SECOND_BOUNCE);
  EXPECT_EQ(receipt.unit() + receipt.station() + receipt.rule(), "");
  EXPECT_EQ(Candidates(receipt), "market:excluded north:station-of oak:less-specific");
  inputs.set_address_only(true);
  EXPECT_EQ(Route(*snapshot, inputs).held_reason(), v1::HELD_REASON_SECOND_BOUNCE);
}

TEST(RoutingRules, TheFirstThatMatchesAndYieldsAUnitDecides) {
  City city;
  city.AddRule("youth", v1::RULE_TARGET_UNIT, "x-minors").mutable_match()->add_categories("youth");
  city.AddRule("closed", v1::RULE_TARGET_UNIT, "ash").mutable_match()->add_categories("elderly");
  city.AddRule("south", v1::RULE_TARGET_UNIT, "south").mutable_match()->add_categories("elderly");
  city.AddRule("late", v1::RULE_TARGET_UNIT, "market").mutable_match()->add_categories("elderly");
  auto snapshot = city.Make();
  v1::RoutingInputs inputs = InputsAt(kOak);
  EXPECT_EQ(Route(*snapshot, inputs).rule(), "coverage");
  inputs.add_categories("elderly");
  v1::RoutingReceipt receipt = Route(*snapshot, inputs);
  EXPECT_EQ(receipt.rule(), "south");
  EXPECT_EQ(Candidates(receipt), "ash:not-valid-then south:rule* oak:less-specific");
  receipt = Route(*snapshot, Without(inputs, {"south"}));
  EXPECT_EQ(receipt.rule(), "late");
  EXPECT_EQ(Candidates(receipt), "ash:not-valid-then south:excluded market:rule* oak:less-specific");
}

TEST(RoutingRules, ARuleWhoseUnitHadTheNeedLeavesItToTheCentreAndNotToCoverage) {
  City city;
  city.AddRule("closed", v1::RULE_TARGET_UNIT, "ash").mutable_match()->add_categories("elderly");
  city.AddRule("at-the-station", v1::RULE_TARGET_STATION).mutable_match()->add_categories("elderly");
  city.AddRule("special", v1::RULE_TARGET_INSTITUTION).mutable_match()->set_has_institution(true);
  auto snapshot = city.Make();
  v1::RoutingInputs inputs = InputsAt(kOak);
  inputs.add_categories("elderly");
  EXPECT_EQ(Route(*snapshot, inputs).unit(), "units/north");
  v1::RoutingReceipt receipt = Route(*snapshot, Without(inputs, {"north"}));
  EXPECT_EQ(receipt.unit() + receipt.station(), "");
  EXPECT_EQ(receipt.held_reason(), v1::HELD_REASON_NONE_LEFT);
  EXPECT_EQ(receipt.rule(), "at-the-station");
  EXPECT_EQ(Candidates(receipt), "ash:not-valid-then north:excluded");
  // A rule that yields nothing for another reason decides nothing.
  inputs = InputsAt(kOak);
  EXPECT_EQ(Route(*snapshot, Without(inputs, {"north"})).unit(), "units/oak");
  // A special unit's station is the second to be asked, then nobody.
  EXPECT_EQ(Route(*snapshot, Without(AtInstitution("middle-school", kOak), {"x-school"})).unit(), "units/south");
  receipt = Route(*snapshot, Without(AtInstitution("middle-school", kOak), {"x-school", "south"}));
  EXPECT_EQ(receipt.held_reason(), v1::HELD_REASON_NONE_LEFT);
  EXPECT_EQ(receipt.rule(), "special");
}

TEST(RoutingRules, EachTargetYieldsItsUnit) {
  struct Target {
    v1::RuleTarget target;
    v1::RoutingInputs inputs;
    const char* unit;
    v1::HeldReason held;
  };
  const Target targets[] = {
      {v1::RULE_TARGET_STATION, InputsAt(kOakCell), "north", {}},
      {v1::RULE_TARGET_STATION, InputsAt(kElm), "north", {}},
      {v1::RULE_TARGET_STATION, AtInstitution("middle-school", kOak), "south", {}},
      {v1::RULE_TARGET_STATION, AtInstitution("children-home"), "north", {}},  // its special unit has no station
      {v1::RULE_TARGET_STATION, InputsAt(kPine), "", v1::HELD_REASON_NO_CANDIDATE},
      {v1::RULE_TARGET_INSTITUTION, AtInstitution("middle-school", kOak), "x-school", {}},
      {v1::RULE_TARGET_CENTER, InputsAt(kOak), "", v1::HELD_REASON_CENTER_RULE},
      {v1::RULE_TARGET_CENTER, Without(InputsAt(kOak), {"oak"}), "", v1::HELD_REASON_CENTER_RULE},
  };
  for (const Target& each : targets) {
    City city;
    city.AddRule("r", each.target);
    v1::RoutingReceipt receipt = Route(*city.Make(), each.inputs);
    EXPECT_EQ(BareId(receipt.unit()), each.unit) << each.inputs.ShortDebugString();
    EXPECT_EQ(receipt.held_reason(), each.held) << each.inputs.ShortDebugString();
    bool decided = !receipt.unit().empty() || each.target == v1::RULE_TARGET_CENTER;
    EXPECT_EQ(receipt.rule(), decided ? "r" : "") << each.inputs.ShortDebugString();
  }
}

TEST(RoutingRules, EveryFilledFieldMustMatchAndAnyOfItsValuesSuffices) {
  City city;
  auto* match = city.AddRule("r", v1::RULE_TARGET_UNIT, "south").mutable_match();
  match->add_categories("elderly");
  match->add_categories("youth");
  match->add_types("care");
  match->add_urgencies(v1::URGENCY_URGENT);
  match->add_dangers("abuse");
  match->add_sources(static_cast<v1::Source>(1));
  match->add_area_prefixes("320585001");
  match->set_has_institution(true);
  auto snapshot = city.Make();
  v1::RoutingInputs all = AtInstitution("middle-school", kOak);
  all.add_categories("youth");
  all.set_urgency(v1::URGENCY_URGENT);
  all.add_dangers("fire");
  all.add_dangers("abuse");
  all.set_source(static_cast<v1::Source>(1));
  EXPECT_EQ(Route(*snapshot, all).rule(), "r");
  auto missed = [&](auto change) {
    v1::RoutingInputs inputs = all;
    change(inputs);
    return Route(*snapshot, inputs).rule() != "r";
  };
  EXPECT_TRUE(missed([](auto& inputs) { inputs.clear_categories(); }));
  EXPECT_TRUE(missed([](auto& inputs) { inputs.set_type("other"); }));
  EXPECT_TRUE(missed([](auto& inputs) { inputs.set_urgency(v1::URGENCY_CRISIS); }));
  EXPECT_TRUE(missed([](auto& inputs) { inputs.clear_dangers(); }));
  EXPECT_TRUE(missed([](auto& inputs) { inputs.set_source(static_cast<v1::Source>(2)); }));
  EXPECT_TRUE(missed([](auto& inputs) { inputs.set_grid_code(kAsh); }));
  EXPECT_TRUE(missed([](auto& inputs) { inputs.clear_institution(); }));
}

TEST(DispatchMode, TheFirstRuleThatMatchesDecidesAndConfirmIsAProposal) {
  City city;
  auto add = [&](const std::string& id, v1::DispatchMode mode) {
    auto* rule = city.policy.add_dispatch_modes();
    rule->set_id(id);
    rule->set_mode(mode);
    return rule->mutable_match();
  };
  add("urgent-at-once", v1::DISPATCH_MODE_AUTO)->add_urgencies(v1::URGENCY_URGENT);
  add("elderly-confirmed", v1::DISPATCH_MODE_CONFIRM)->add_categories("elderly");
  auto snapshot = city.Make();
  v1::RoutingInputs inputs = InputsAt(kOak);
  EXPECT_EQ(Route(*snapshot, inputs).mode_rule(), "default");
  inputs.add_categories("elderly");
  v1::RoutingReceipt receipt = Route(*snapshot, inputs);
  EXPECT_EQ(receipt.mode(), v1::DISPATCH_MODE_CONFIRM);
  EXPECT_EQ(receipt.mode_rule(), "elderly-confirmed");
  EXPECT_EQ(receipt.held_reason(), v1::HELD_REASON_CONFIRMATION);
  EXPECT_EQ(receipt.unit(), "units/oak");
  EXPECT_EQ(Route(*snapshot, Without(inputs, {"oak", "north"})).held_reason(), v1::HELD_REASON_NONE_LEFT);
  inputs.set_urgency(v1::URGENCY_URGENT);
  EXPECT_EQ(Route(*snapshot, inputs).mode_rule(), "urgent-at-once");
}

TEST(DispatchMode, ACrisisNeverWaitsForConfirmation) {
  City city;
  auto* rule = city.policy.add_dispatch_modes();
  rule->set_id("all-confirmed");
  rule->set_mode(v1::DISPATCH_MODE_CONFIRM);
  v1::RoutingInputs inputs = InputsAt(kOak);
  inputs.set_urgency(v1::URGENCY_CRISIS);
  v1::RoutingReceipt receipt = Route(*city.Make(), inputs);
  EXPECT_EQ(receipt.held_reason(), v1::HELD_REASON_UNSPECIFIED);
  EXPECT_EQ(receipt.mode_rule(), "default");
}

TEST(RoutingInputsOf, TakesTheStateAsItIs) {
  store::v1::NeedState state;
  state.set_grid_code(kOakCell);
  state.set_institution("middle-school");
  state.set_type("care");
  state.add_categories("elderly");
  state.add_dangers("fire");
  state.set_urgency(v1::URGENCY_URGENT);
  state.add_excluded_units("oak");
  state.set_bounces(1);
  v1::RoutingInputs inputs = RoutingInputsOf(state, 1'700'000'000'000'123);
  EXPECT_EQ(inputs.decision_time().seconds(), 1'700'000'000);
  EXPECT_EQ(inputs.decision_time().nanos(), 123'000);
  EXPECT_EQ(inputs.grid_code(), kOakCell);
  EXPECT_EQ(inputs.excluded_units(0), "units/oak");
  EXPECT_EQ(inputs.bounces(), 1);
  EXPECT_EQ(inputs.categories(0) + inputs.dangers(0), "elderlyfire");
  EXPECT_EQ(inputs.type() + inputs.institution(), "caremiddle-school");
}

TEST(HasLostItsUnit, NamesOpenNeedsWhoseUnitIsGoneOrPastItsLastDay) {
  auto snapshot = City().Make();
  const int64_t now_us = At("2026-03-02 09:00");
  struct LossCase {
    const char* why;
    std::function<void(store::v1::NeedState&)> change;
    bool lost;
  };
  const LossCase cases[] = {
      {"nothing yet", [](auto&) {}, false},
      {"the centre's, whatever its name is", [](auto& state) { state.set_center("early"), state.set_owner("early"); }, false},
      {"owned by a room", [](auto& state) { state.set_owner("oak"), state.set_unit("oak"), state.set_station("north"); }, false},
      {"owned by nobody's room", [](auto& state) { state.set_owner("gone"); }, true},
      {"owned by a room past its last day", [](auto& state) { state.set_owner("ash"); }, true},
      {"offered to nobody's room", [](auto& state) { state.set_unit("gone"), state.set_station("north"); }, true},
      {"proposed for nobody's room, which the centre decides",
       [](auto& state) { state.set_stage(v1::STAGE_HELD), state.set_unit("gone"), state.set_proposed_unit("gone"); }, false},
      {"below nobody's station", [](auto& state) { state.set_unit("oak"), state.set_station("gone"); }, true},
      {"ended", [](auto& state) { state.set_unit("gone"), state.clear_owner(), state.set_ended_us(1); }, false},
  };
  for (const LossCase& each : cases) {
    store::v1::NeedState state;
    state.set_center("center");
    state.set_owner("center");
    each.change(state);
    EXPECT_EQ(HasLostItsUnit(*snapshot, state, now_us), each.lost) << each.why;
  }
}

TEST(Route, ATimeFarOutOfRangeIsTakenAsTheNearestThereIs) {
  auto snapshot = City().Make();
  for (int64_t seconds : {INT64_MAX, INT64_MIN, int64_t{1} << 50}) {
    v1::RoutingInputs inputs = InputsAt(kOakCell);
    inputs.mutable_decision_time()->set_seconds(seconds);
    inputs.mutable_decision_time()->set_nanos(-1);
    EXPECT_FALSE(Route(*snapshot, inputs).candidates().empty()) << seconds;  // and no overflow, under sanitizers
  }
}

TEST(DifferingFields, NamesWhatDiffersAndNothingElse) {
  auto snapshot = City().Make();
  v1::RoutingReceipt stored = Route(*snapshot, InputsAt(kOak));
  EXPECT_TRUE(DifferingFields(stored, stored).empty());
  v1::RoutingReceipt other = stored;
  other.set_unit("units/market");
  other.mutable_candidates(0)->set_reason("rule");
  other.set_policy_hash("another");
  EXPECT_EQ(DifferingFields(stored, other), (std::vector<std::string>{"policy_hash", "candidates", "unit"}));
}

template <class Value>
std::vector<Value> SomeOf(std::vector<Value> values) {
  std::erase_if(values, [](const Value&) { return *rc::gen::arbitrary<bool>(); });
  return values;
}

TEST(RoutingProperties, RoutingIsDeterministicAndAChosenUnitIsNeverExcludedOrInvalid) {
  const std::vector<std::string> units = {"center", "north", "south", "oak", "market", "ash", "x-school", "x-minors"};
  const std::vector<std::string> places = {kOak, kElm, kAsh, kPine, kOakCell, kOakMarket, "G-1", "", "nonsense"};
  const std::vector<std::string> institutions = {"", "middle-school", "children-home", "unknown"};
  EXPECT_TRUE(rc::check("same inputs, same receipt; never an excluded unit; held or placed, never neither", [&] {
    City city;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      auto target = static_cast<v1::RuleTarget>(*rc::gen::inRange(1, v1::RuleTarget_ARRAYSIZE));
      auto& rule = city.AddRule("r" + std::to_string(i), target, *rc::gen::elementOf(units));
      for (const auto& each : SomeOf<std::string>({"elderly", "youth"})) rule.mutable_match()->add_categories(each);
    }
    if (*rc::gen::arbitrary<bool>()) {
      auto* mode = city.policy.add_dispatch_modes();
      mode->set_id("m");
      mode->set_mode(v1::DISPATCH_MODE_CONFIRM);
    }
    v1::RoutingInputs inputs = InputsAt(*rc::gen::elementOf(places));
    inputs.set_institution(*rc::gen::elementOf(institutions));
    inputs.set_address_only(*rc::gen::inRange(0, 10) == 0);
    inputs.set_bounces(*rc::gen::inRange(0, 4));
    inputs.set_urgency(static_cast<v1::Urgency>(*rc::gen::inRange(1, 4)));
    for (const auto& category : SomeOf<std::string>({"elderly", "youth"})) inputs.add_categories(category);
    for (const auto& unit : SomeOf(units)) inputs.add_excluded_units("units/" + unit);

    auto snapshot = city.Make();
    v1::RoutingReceipt receipt = Route(*snapshot, inputs);
    RC_ASSERT(DifferingFields(receipt, Route(*city.Make(), inputs)).empty());
    auto excluded = [&](const std::string& unit) { return std::ranges::find(inputs.excluded_units(), unit) != inputs.excluded_units().end(); };
    int chosen = 0;
    std::vector<std::string> seen;
    for (const auto& candidate : receipt.candidates()) {
      RC_ASSERT(std::ranges::find(seen, candidate.unit()) == seen.end());
      seen.push_back(candidate.unit());
      RC_ASSERT(!candidate.reason().empty());
      if (!candidate.chosen()) continue;
      ++chosen;
      RC_ASSERT(candidate.unit() == receipt.unit());
      RC_ASSERT(candidate.unit() != "units/ash");
      RC_ASSERT(!excluded(candidate.unit()));
    }
    RC_ASSERT(chosen == (receipt.unit().empty() ? 0 : 1));
    RC_ASSERT(!receipt.unit().empty() || receipt.held_reason() != v1::HELD_REASON_UNSPECIFIED);
    RC_ASSERT(receipt.unit().empty() || receipt.held_reason() == v1::HELD_REASON_UNSPECIFIED || receipt.held_reason() == v1::HELD_REASON_CONFIRMATION);
    if (inputs.bounces() >= 2) RC_ASSERT(receipt.held_reason() == v1::HELD_REASON_SECOND_BOUNCE);
    if (inputs.urgency() == v1::URGENCY_CRISIS) RC_ASSERT(receipt.held_reason() != v1::HELD_REASON_CONFIRMATION);
  }));
}

}  // namespace
}  // namespace gridloop
