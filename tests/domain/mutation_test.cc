// The table is data: each of its cells is changed to everything else it could be, and the oracle of histories must notice.
// The oracle is no second table: it knows what has happened to a need, not in which stage fold says that it is.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "history_oracle.h"
#include "walk.h"

namespace gridloop {
namespace {

using namespace histories;

// What a cell does in a stage, so that two ways of writing one thing do not count as a change.
struct Meaning {
  Cell::Next next;
  v1::Stage to;
  bool operator==(const Meaning&) const = default;
};
Meaning MeaningOf(v1::Stage stage, v1::EventType type, const Cell& cell) {
  // The end of a hold or of a merge restores what was, whatever stands beside it.
  if (cell.next == Cell::Next::kBefore && (type == v1::EVENT_TYPE_RESUMED || type == v1::EVENT_TYPE_UNMERGED)) return {cell.next, v1::STAGE_UNSPECIFIED};
  switch (cell.next) {
    case Cell::Next::kIllegal:
      return {cell.next, v1::STAGE_UNSPECIFIED};
    case Cell::Next::kSame:
      return {Cell::Next::kTo, stage};
    default:
      return {cell.next, cell.to};
  }
}

// The events of one type that differ in where they lead.
std::vector<Event> Variants(const NeedState& head, v1::EventType type) {
  std::vector<Event> variants = {WellFormed(head, type)};
  if (type == v1::EVENT_TYPE_ASSESSED) variants.emplace_back(variants[0]).mutable_assessed()->set_casework(false);
  if (type == v1::EVENT_TYPE_OFFER_ACCEPTED) variants.push_back(AcceptedDirectly(head));
  if (type == v1::EVENT_TYPE_AMENDED) variants.push_back(Moved(head));
  if (type == v1::EVENT_TYPE_HANDED_OVER) variants.push_back(LeftToTheHead(head));
  if (type == v1::EVENT_TYPE_HOLD_DECIDED) {
    variants.emplace_back(variants[0]).mutable_hold_decided()->set_approved(false);
    variants.back().clear_clocks();
    variants.back().clear_clock_changes();
  }
  if (type == v1::EVENT_TYPE_CLOSING_VERIFIED) {
    variants.emplace_back(variants[0]).mutable_closing_verified()->set_approved(false);
    StartClock(&variants.back(), v1::CLOCK_KIND_SERVICE, kNoonUs + kHourUs);
  }
  return variants;
}

bool Agrees(Walk& walk, HistoryOracle& oracle, const Event& event, int64_t at_us) {
  bool may = oracle.May(event.type());
  Void verdict = walk.Go(event, at_us);
  if (verdict != (may ? Void::kNone : Void::kLifeCycle)) return false;
  if (may) oracle.Add(HistoryOracle::StepOf(event));
  return walk.state.stage() == oracle.Stage();
}

bool CellAgreesOn(const std::vector<v1::EventType>& steps, const LifeCycle& rules, v1::EventType type) {
  Walk road(rules);
  HistoryOracle told;
  for (v1::EventType step : steps) {
    if (!Agrees(road, told, WellFormed(road.state, step), kNoonUs)) return false;
  }
  for (v1::EventType asked : AllAskedBefore(road.state, type)) {
    if (told.May(asked) && !Agrees(road, told, WellFormed(road.state, asked), kNoonUs)) return false;
  }
  GiveItsObject(road.state, type);
  for (const Event& event : Variants(road.state, type)) {
    Walk walk = road;
    HistoryOracle oracle = told;
    if (!Agrees(walk, oracle, event, TimeOf(type))) return false;
  }
  return true;
}

// Does fold under these rules do with this event in this stage what the history says?
bool CellAgrees(const LifeCycle& rules, v1::Stage stage, v1::EventType type) {
  if (!CellAgreesOn(RoadTo(stage), rules, type)) return false;
  auto earlier = RoadTo(v1::STAGE_ACCEPTED);  // a hold, or a merge, is left to where it came from
  if (stage == v1::STAGE_ON_HOLD) earlier.insert(earlier.end(), {v1::EVENT_TYPE_HOLD_REQUESTED, v1::EVENT_TYPE_HOLD_DECIDED});
  if (stage == v1::STAGE_MERGED) earlier.push_back(v1::EVENT_TYPE_MERGED);
  return earlier.size() == RoadTo(v1::STAGE_ACCEPTED).size() || CellAgreesOn(earlier, rules, type);
}

TEST(Mutation, TheTableAgreesWithTheHistories) {
  for (int stage = 0; stage < kStageCount; ++stage) {
    for (v1::EventType type : AllTypes()) {
      EXPECT_TRUE(CellAgrees(LifeCycle::Standard(), static_cast<v1::Stage>(stage), type))
          << v1::Stage_Name(static_cast<v1::Stage>(stage)) << " x " << v1::EventType_Name(type);
    }
  }
}

TEST(Mutation, EveryChangedCellIsNoticed) {
  std::vector<Cell> cells = {{Cell::Next::kIllegal, v1::STAGE_UNSPECIFIED}};
  for (int to = 0; to < kStageCount; ++to) {
    if (!v1::Stage_IsValid(to)) continue;
    cells.push_back({Cell::Next::kTo, static_cast<v1::Stage>(to)});
    cells.push_back({Cell::Next::kBefore, static_cast<v1::Stage>(to)});
  }
  int changed = 0;
  std::set<std::pair<int, int>> cells_changed;
  std::vector<std::string> survivors;
  LifeCycle rules = LifeCycle::Standard();
  for (int s = 0; s < kStageCount; ++s) {
    for (v1::EventType type : AllTypes()) {
      auto stage = static_cast<v1::Stage>(s);
      Cell standard = rules.At(stage, type);
      for (const Cell& cell : cells) {
        if (MeaningOf(stage, type, cell) == MeaningOf(stage, type, standard)) continue;
        rules.At(stage, type) = cell;
        ++changed;
        cells_changed.emplace(s, type);
        if (!CellAgrees(rules, stage, type)) continue;
        static constexpr const char* kNext[] = {"illegal", "same", "to", "before"};
        survivors.push_back(v1::Stage_Name(stage) + " x " + v1::EventType_Name(type) + " -> " + kNext[static_cast<int>(cell.next)] + " " +
                            v1::Stage_Name(cell.to));
      }
      rules.At(stage, type) = standard;
    }
  }
  std::cout << "life cycle: " << cells_changed.size() << " cells changed in " << changed << " ways, " << changed - static_cast<int>(survivors.size())
            << " noticed, " << survivors.size() << " survived\n";
  for (const std::string& survivor : survivors) ADD_FAILURE() << "survived: " << survivor;
  EXPECT_EQ(cells_changed.size(), static_cast<size_t>(kStageCount) * AllTypes().size());
  EXPECT_GT(changed, 9000);
}

}  // namespace
}  // namespace gridloop
