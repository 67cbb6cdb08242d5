// The ledger: one log decides. Every change is an event appended here; nothing else is the truth.
#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.h"
#include "domain/fold.h"

namespace gridloop {

// A place in the log. Text form: "<partition>-<offset>".
struct Position {
  uint32_t partition = 0;
  uint64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};
inline std::string ToText(Position position) { return std::to_string(position.partition) + "-" + std::to_string(position.offset); }
inline std::optional<Position> ParsePosition(std::string_view text) {
  Position position;
  const char* end = text.data() + text.size();
  auto [dash, error] = std::from_chars(text.data(), end, position.partition);
  if (error != std::errc{} || dash == end || *dash != '-') return std::nullopt;
  auto [rest, error2] = std::from_chars(dash + 1, end, position.offset);
  if (error2 != std::errc{} || rest != end) return std::nullopt;
  return position;
}

// One record as logged. `value` is the event's bytes; `verdict` is what folding it at this place gave.
struct Record {
  Position position;
  std::string value;
  Void verdict = Void::kNone;
};

// What became of a decision.
struct Verdict {
  Position position;                       // of the event that decided
  std::string event_id;                    // 16 bytes
  bool replayed = false;                   // the same id and body had succeeded before
  std::shared_ptr<const NeedState> state;  // at or past that event
  uint64_t version = 0;                    // of the event
};

template <class T>
using Callback = std::move_only_function<void(T)>;

// Cancels when destroyed; a callback that runs at that moment finishes first. Never null for a running one.
using Subscription = std::shared_ptr<void>;

// Decides on the head: gives the event to append (envelope fields that the ledger fills left empty: magic,
// version, prev_digest, logged_at_us, rules_epoch) or the reason why not. Pure: never seals, scans or blocks.
// May run several times, each time on a newer head.
using DecideFn = std::function<Expected<Event>(const NeedState& head, int64_t logged_at_us)>;

// Thread-safe. Every callback is called exactly once, from a thread of the ledger, and must not block. Queues
// are bounded: a full one calls back at once with kResourceExhausted and a delay.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Appends a `submitted` event (version 1). Durable when the callback says so; not judged by contract. The
  // embedded ledger judges at once: the same event id and body_mac again gives the first position, another
  // body kAlreadyExists/REQUEST_ID_REUSED. Past `deadline_us` (wall clock of the ledger's Clock; 0 is none) before it
  // ran: kDeadlineExceeded.
  // When durability fails, here and in Decide: kUnknown/OUTCOME_UNKNOWN with metadata event and version for what was
  // being written, kUnavailable/LEDGER_FAILED for whatever else comes, and nothing is acknowledged any more. No answer,
  // also no negative one, rests on an event that is not durable. Little room on the disk: kResourceExhausted/DISK_FULL,
  // nothing was written, and it goes on when there is room.
  virtual void Append(Event event, int64_t deadline_us, Callback<Expected<Position>> done) = 0;

  // Looks up event_id in the head's applied ids (same body_mac: the original verdict, replayed; another one:
  // kAlreadyExists/REQUEST_ID_REUSED), compares `etag` (a version in decimal) if given (kAborted/ETAG_MISMATCH with
  // metadata version), runs decide, appends durably and reports. `deadline_us` as above. A need that does not exist:
  // kNotFound/NEED_NOT_FOUND; any other subject is decided on from an empty state (version 0) first.
  virtual void Decide(std::string subject, std::string event_id, std::string body_mac, std::optional<std::string> etag, DecideFn decide, int64_t deadline_us,
                      Callback<Expected<Verdict>> done) = 0;

  // Records from `from` on, in order, at least once, in batches; then new ones as they come. Bounded: a slow
  // handler slows only itself.
  using Handler = std::function<void(std::span<const Record>)>;
  virtual Subscription Subscribe(Position from, Handler handler) = 0;

  // kNotFound if nothing is there. Reads may block on disk for tens of microseconds.
  virtual Expected<Record> ReadAt(Position position) = 0;
  // Up to `limit` records from `from` on.
  virtual Expected<std::vector<Record>> ReadFrom(Position from, int limit) = 0;
  // The next position that will be written.
  virtual Expected<Position> End(uint32_t partition) = 0;

  // Empty when it takes events; otherwise why it does not and what to do, for health.
  virtual std::string Failure() const = 0;
};

}  // namespace gridloop
