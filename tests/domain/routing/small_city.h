// A city small enough to be counted by hand: one centre, two stations, rooms, special units, a few workers.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "domain/routing/calendar_2026.h"
#include "domain/snapshot.h"

namespace gridloop::small_city {

inline const std::string kOak = "320585001001";      // its room is oak
inline const std::string kElm = "320585001002";      // no room: the station north serves it
inline const std::string kAsh = "320585002001";      // its room was closed at the end of January
inline const std::string kPine = "320585002002";     // nobody covers it
inline const std::string kOakCell = kOak + "001";    // no row of its own: falls to its community
inline const std::string kOakMarket = kOak + "009";  // a single cell with a unit of its own

struct City {
  v1::Directory directory;
  v1::Policy policy;
  v1::Calendar calendar = testing_2026::CalendarOf2026();

  City() {
    AddUnit("center", v1::UNIT_KIND_CENTER, "");
    AddUnit("north", v1::UNIT_KIND_STATION, "center");
    AddUnit("south", v1::UNIT_KIND_STATION, "center");
    AddUnit("oak", v1::UNIT_KIND_ROOM, "north");
    AddUnit("market", v1::UNIT_KIND_ROOM, "north");
    AddUnit("ash", v1::UNIT_KIND_ROOM, "south").mutable_validity()->set_to_date("2026-01-31");
    AddUnit("x-school", v1::UNIT_KIND_SPECIAL, "south");
    AddUnit("x-minors", v1::UNIT_KIND_SPECIAL, "center");
    for (const auto& code : {kOak, kElm, kAsh, kPine}) directory.add_communities()->set_code(code);
    Cover(kOak, "oak");
    Cover(kOakMarket, "market");
    Cover(kElm, "north");
    Cover(kAsh, "ash");
    Cover("middle-school", "x-school");
    Cover("children-home", "x-minors");
    for (const char* id : {"middle-school", "children-home"}) {
      auto* institution = directory.add_institutions();
      institution->set_id(id);
      institution->set_community(kOak);
    }
    AddAlias("G-1", kOakCell);
    auto* elderly = directory.add_categories();
    elderly->set_id("elderly");
    elderly->add_skills("elderly");
    auto* care = directory.add_types();
    care->set_id("care");
    care->add_skills("medical");
  }

  v1::Unit& AddUnit(const std::string& id, v1::UnitKind kind, const std::string& parent) {
    auto* unit = directory.add_units();
    unit->set_name("units/" + id);
    unit->set_kind(kind);
    if (!parent.empty()) unit->set_parent("units/" + parent);
    return *unit;
  }
  v1::Coverage& Cover(const std::string& area, const std::string& unit) {
    auto* coverage = directory.add_coverages();
    coverage->set_area(area);
    coverage->set_unit("units/" + unit);
    return *coverage;
  }
  v1::GridAlias& AddAlias(const std::string& alias, const std::string& code) {
    auto* row = directory.add_grid_aliases();
    row->set_alias(alias);
    row->set_grid_code(code);
    return *row;
  }
  v1::Worker& AddWorker(const std::string& id, std::initializer_list<const char*> units, std::initializer_list<const char*> skills = {}) {
    auto* worker = directory.add_workers();
    worker->set_name("workers/" + id);
    for (const char* unit : units) worker->add_posts()->set_unit("units/" + std::string(unit));
    for (const char* skill : skills) worker->add_skills(skill);
    return *worker;
  }
  void OnDuty(const std::string& unit, const std::string& date, const std::string& worker) {
    auto* duty = directory.add_duties();
    duty->set_unit("units/" + unit);
    duty->set_date(date);
    duty->set_worker("workers/" + worker);
  }
  v1::RoutingRule& AddRule(const std::string& id, v1::RuleTarget target, const std::string& unit = {}) {
    auto* rule = policy.add_routing_rules();
    rule->set_id(id);
    rule->set_target(target);
    if (!unit.empty()) rule->set_unit("units/" + unit);
    return *rule;
  }

  std::shared_ptr<const Snapshot> Make() const {
    store::v1::ActiveHashes hashes;
    hashes.set_directory_hash(std::string(32, 'd'));
    hashes.set_policy_hash(std::string(32, 'p'));
    hashes.set_calendar_hash(std::string(32, 'c'));
    return Snapshot::Make(directory, policy, calendar, hashes);
  }
};

inline int64_t At(const std::string& text) {
  static const WorkCalendar kCalendar(testing_2026::CalendarOf2026());
  return testing_2026::At(kCalendar, text);
}

}  // namespace gridloop::small_city
