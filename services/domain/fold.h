// Fold, Wants, OnDue, Rows: the pure functions that every reader of the log agrees on (docs/architecture.md).
// They look at events and states only: no clock, no configuration, no key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/life_cycle.h"
#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

using store::v1::NeedState;
using v1::Event;

inline constexpr uint32_t kRulesEpoch = 1;
inline constexpr uint32_t kEventMagic = 0x31454C47;  // "GLE1" read as little-endian

// Why an event is void. Stable names stand in timelines.
enum class Void {
  kNone,       // applied
  kVersion,    // not the subject's version + 1
  kChain,      // prev_digest is not the head's
  kConflict,   // a second body under the same need id; kept in the state's list
  kLifeCycle,  // the table does not allow it in this stage
  kObject,     // names an offer, closing or held decision that is not the open one
  kClock,      // names a clock that does not run or stands still, or is logged before its due time
  kVerifier,   // the verifier is an executor, co-worker or of an executing organisation; who asked decides on it; another's obligation
  kBarred,     // withdrawal is barred, a binding offer is declined, a crisis is answered at once, one request is open already, a plan is, it was
               // forgotten, or what is to end or be taken back has a merge that is not settled
  kInvariant,  // would leave an open need without an owner or a running clock
  kPayload,    // payload and type disagree, or a required field is missing
};
std::string_view VoidName(Void reason);  // "version", "chain", …

// A record of the log as a reader meets it.
struct Located {
  uint64_t offset = 0;      // in its partition
  std::string_view digest;  // SHA-256 of the logged bytes, 32 bytes
};

// Applies `event` to `state` or leaves it unchanged but for the lists of conflicts and voids. `state` is empty
// (version 0) before the first event. Offsets only tell a second delivery of a record; verdicts never depend on them. Time: O(size of state).
Void Fold(NeedState& state, const Event& event, const Located& at, const LifeCycle& rules = LifeCycle::Standard());

// Was the actor ever assigned or gave a service, or is of an organisation of somebody who did? Such a one verifies nothing.
bool HasExecuted(const NeedState& state, const v1::Actor& actor);

// The one immediate reaction that the state calls for: to settle a merge, or the undoing of one, by what the other need's log says; to
// be routed; to be offered; to have its keys destroyed.
enum class Want { kNone, kRoute, kOffer, kForget, kMerge };
Want Wants(const NeedState& state);

// The next deadline: earliest running clock, ties by kind, then object; none that stands still. Null when the need has ended.
const store::v1::RunningClock* NextClock(const NeedState& state);

// A clock as it runs from the event that starts it.
store::v1::RunningClock RunningClockOf(const Event& event, const v1::ClockStart& start);

// The kinds of clocks that an event stops, by its type and, for a changed place, by what it says.
const std::vector<v1::ClockKind>& StoppedKinds(const Event& event);

// What a clock is about: its kind, or for a chase the kind that it chases. An escalation chases this, never a chase.
v1::ClockKind ChasedKind(const store::v1::RunningClock& clock);

// What a passed deadline calls for: an offer expires, a pause ends, a referral without a receipt comes back, everything else escalates.
enum class Due { kNone, kExpireOffer, kResume, kReturnReferral, kEscalate };
Due OnDue(const NeedState& state);

// One index row: a key and nothing else. Keys are bytes, ordered by memcmp, and hold no personal data.
struct Row {
  std::string key;
  auto operator<=>(const Row&) const = default;
};

// All index rows of a state, sorted by key. Key formats: row_keys.h and docs/formats/rows.md.
std::vector<Row> Rows(const NeedState& state);

inline bool IsEnd(v1::Stage stage) {
  return stage == v1::STAGE_CLOSED || stage == v1::STAGE_WITHDRAWN || stage == v1::STAGE_REFERRED_OUT || stage == v1::STAGE_MERGED;
}
inline bool Ended(const NeedState& state) { return IsEnd(state.stage()); }

}  // namespace gridloop
