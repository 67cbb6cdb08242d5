// One command on a need, from a checked request to its outcome. Intake, routing and assignment share it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "domain/snapshot.h"
#include "ports/caller.h"
#include "ports/clock.h"
#include "ports/directory_store.h"
#include "ports/keys.h"
#include "ports/ledger.h"
#include "ports/view.h"
#include "sealing/secret.h"

namespace gridloop {

// The active snapshot, loaded from the store and kept current. Thread-safe.
class Snapshots {
 public:
  explicit Snapshots(DirectoryStore& store);
  std::shared_ptr<const Snapshot> Active() const;                                               // null if no directory is active
  Expected<std::shared_ptr<const Snapshot>> Load(const store::v1::ActiveHashes& hashes) const;  // for replays
  DirectoryStore& store() { return store_; }

 private:
  void Reload();
  DirectoryStore& store_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> active_;
  Subscription watch_;
};

// What every service works with. References outlive the services.
struct World {
  Ledger& ledger;
  View& view;
  KeyStore& keys;
  Snapshots& snapshots;
  Clock& clock;
  IdSource& ids;
  const Secret& secret;
  // Hears of each reaction that did not come to an event and is tried again. Thread-safe; must not block; may be empty.
  std::function<void(const std::string& subject, const std::string& kind, const Error&)> reaction_failed = {};
};

struct Command {
  std::string name;  // needs/…
  std::string request_id;
  std::string etag;
  std::string verb;                                    // stable, part of the event id
  const google::protobuf::Message* request = nullptr;  // for body_mac; only used before Execute returns
  Event event;                                         // type, payload with its personal fields, occurred_at_us if said
  // Runs on each head after authorisation and the life-cycle check: looks at object ids, fills what depends on
  // the state, adds clocks. `snapshot` is null if no directory is active. Pure.
  std::function<Expected<void>(const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& event)> decide;
};

// Field checks that all commands share (name, request_id): appends violations.
void CheckName(std::string_view name, std::vector<FieldViolation>* violations);
void CheckRequestId(std::string_view request_id, std::vector<FieldViolation>* violations);
void CheckText(std::string_view field, std::string_view text, int min_characters, int max_characters,
               std::vector<FieldViolation>* violations);                           // characters are code points; UTF-8 is checked
Expected<std::string> CheckObjectId(std::string_view field, std::string_view id);  // 26 characters to 16 bytes
// One INVALID_ARGUMENT/INVALID_FIELDS with all violations, or nothing.
std::optional<Error> Refuse(std::vector<FieldViolation> violations);

// Thread-safe. Replies once.
void Execute(World& world, const Caller& caller, Command command, Callback<Expected<v1::CommandOutcome>> reply);

// What reads have in common: the subject that needs/… or numbers/… names, the position in at_least, a list's size.
struct Read {
  std::string subject;
  std::optional<Position> at_least;
};
Expected<Read> CheckRead(World& world, std::string_view name, std::string_view at_least, std::vector<FieldViolation> violations = {});
std::optional<Position> CheckAtLeast(std::string_view at_least, std::vector<FieldViolation>* violations);
int PageSize(int asked);  // 0 is 50, at most 200
Error NeedNotFound();

// The actor with the organisation that the directory names for the worker.
v1::Actor WithOrganisation(v1::Actor actor, const Snapshot* snapshot, int64_t now_us);

// Fills actor (with the worker's organisation by the snapshot), client, trace, directory hashes.
void FillEnvelope(const Caller& caller, const Snapshot* snapshot, int64_t now_us, Event* event);

// A reaction of the software itself on a want or a deadline: event id is H(subject, head event id, kind). `make` runs on
// each head and gives the event, or kAborted if the want is gone. `done` as a Reactor wants it: again_later unless the
// event is in the log or the want has gone.
void React(World& world, const std::string& subject, const std::string& head_event_id, const std::string& kind, const std::string& principal,
           std::function<Expected<Event>(const NeedState& head, int64_t now_us)> make, std::function<void(bool again_later)> done);

// A need as staff see it, by what the actor may see. Personal fields are never in it (GetNeed merges them).
v1::Need StaffNeed(const NeedState& state, const v1::Actor& actor);
v1::Deadline ToDeadline(const store::v1::RunningClock& clock);
v1::Deadline CutDeadline(const store::v1::RunningClock& clock);  // start and due time alone, for whom a restricted need is cut
google::protobuf::Timestamp ToTimestamp(int64_t us);
int64_t FromTimestamp(const google::protobuf::Timestamp& time);

}  // namespace gridloop
