// The life cycle as one table of stages x events. A reader can check it against docs/life-cycle.md row by row.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gridloop/v1/event.pb.h"
#include "gridloop/v1/need.pb.h"

namespace gridloop {

inline constexpr int kStageCount = v1::Stage_ARRAYSIZE;          // 0 is "no need yet"
inline constexpr int kEventTypeCount = v1::EventType_ARRAYSIZE;  // 0 is unused

// One cell: what an event does in a stage.
struct Cell {
  enum class Next : uint8_t {
    kIllegal,  // void(life_cycle)
    kSame,     // legal, the stage stays
    kTo,       // legal, the stage becomes `to`
    kBefore,   // legal, the stage before the closing request, the hold or the merge is restored
  };
  Next next = Next::kIllegal;
  v1::Stage to = v1::STAGE_UNSPECIFIED;
  bool operator==(const Cell&) const = default;
};

// The table is data: the mutation check flips its cells in process.
class LifeCycle {
 public:
  static const LifeCycle& Standard();
  const Cell& At(v1::Stage stage, v1::EventType type) const { return cells_[stage][type]; }
  Cell& At(v1::Stage stage, v1::EventType type) { return cells_[stage][type]; }
  bool Allows(v1::Stage stage, v1::EventType type) const { return At(stage, type).next != Cell::Next::kIllegal; }

 private:
  std::array<std::array<Cell, kEventTypeCount>, kStageCount> cells_{};
};

// With a unit that works on it: from its acceptance until closing is requested, but not on hold.
bool IsWorking(v1::Stage stage);

// What ends when a need becomes a crisis: what paused it, and what was to put it off.
const std::vector<v1::ClockKind>& ClocksStoppedByAlarm();

// Clock kinds that an applied event of this type stops; a chase stops with the clock that it chases.
const std::vector<v1::ClockKind>& StoppedClocks(v1::EventType type);

}  // namespace gridloop
