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

class PersonIndex;

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
  PersonIndex* persons = nullptr;  // null: nobody is known again
};

struct Command {
  std::string name;  // needs/…
  std::string request_id;
  std::string etag;
  std::string verb;                                    // stable, part of the event id
  const google::protobuf::Message* request = nullptr;  // for body_mac; only used before Execute returns
  Event event;                                         // type, payload with its personal fields, occurred_at_us if said
  // What is wrong with the request. Said only if it has not succeeded before: some of it depends on the directory or the clock.
  std::vector<FieldViolation> violations;
  // Runs on each head after authorisation and the life-cycle check: looks at object ids, fills what depends on
  // the state, adds clocks. `snapshot` is null if no directory is active. Pure.
  std::function<Expected<void>(const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& event)> decide;
};

// Field checks that all commands share (name, request_id): appends violations.
void CheckName(std::string_view name, std::vector<FieldViolation>* violations);
void CheckRequestId(std::string_view request_id, std::vector<FieldViolation>* violations);
void CheckText(std::string_view field, std::string_view text, int min_characters, int max_characters,
               std::vector<FieldViolation>* violations);                                             // characters are code points; UTF-8 is checked
void CheckId(std::string_view field, std::string_view id, std::vector<FieldViolation>* violations);  // of a directory's entry, bare
// units/{unit} or workers/{worker}, as ListUnits or ListWorkers gives it, in `name`; gives the bare id.
std::string CheckUnitName(std::string_view field, const std::string& name, std::vector<FieldViolation>* violations);
std::string CheckWorkerName(std::string_view field, const std::string& name, std::vector<FieldViolation>* violations);
std::string CheckObjectId(std::string_view field, std::string_view id, std::vector<FieldViolation>* violations);  // 26 characters to 16 bytes
// Microseconds; nothing if it is not within the years 1970 to 9999.
std::optional<int64_t> CheckTime(std::string_view field, const google::protobuf::Timestamp& time, std::vector<FieldViolation>* violations);
// What may be recorded again and again ends when people have sent a need 1,000 events: kResourceExhausted/TOO_MANY_EVENTS. What ends it or moves it
// on does not.
Expected<void> TakesMore(const NeedState& head);
// One INVALID_ARGUMENT/INVALID_FIELDS with all violations, or nothing.
std::optional<Error> Refuse(std::vector<FieldViolation> violations);

// Thread-safe. Replies once.
void Execute(World& world, const Caller& caller, Command command, Callback<Expected<v1::CommandOutcome>> reply);

// What reads have in common: the subject that needs/… or numbers/… names, the position in at_least, a list's size.
struct Read {
  std::string subject;
  std::optional<Position> at_least;
};
// `client`: a number means one of this client's needs only, so that nobody learns of another's.
Expected<Read> CheckRead(World& world, std::string_view name, std::string_view at_least, std::vector<FieldViolation> violations = {},
                         const std::optional<std::string>& client = std::nullopt);
std::optional<Position> CheckAtLeast(std::string_view at_least, std::vector<FieldViolation>* violations);
int PageSize(int asked);  // 0 is 50, at most 200

// Reads of the view that wait for their answer: for threads that may, and for callers that need several answers at once.
Expected<std::shared_ptr<const NeedState>> ReadState(View& view, std::string_view subject, std::optional<Position> at_least = std::nullopt);
Expected<RowPage> ReadRows(View& view, std::string_view prefix, std::string_view after, int limit, std::optional<Position> at_least = std::nullopt);
// The state now; null if there is none. A read that failed is an error, never "there is none".
Expected<std::shared_ptr<const NeedState>> StateNow(World& world, std::string_view subject);

// The directory, policy and calendar that an event names.
store::v1::ActiveHashes HashesOf(const Event& event);

// An applied event as the log has it. kUnavailable/LOG_UNREADABLE if it cannot be read: never taken for "there is none".
Expected<Event> ReadEvent(World& world, uint64_t offset);
// With its personal part; without it, and `forgotten` set if that is asked for, if its key was destroyed.
Expected<Event> ReadOpened(World& world, uint64_t offset, bool* forgotten = nullptr);

// kFailedPrecondition/NEED_FORGOTTEN: of what asks more of a need whose personal data is gone.
std::unexpected<Error> NeedForgotten();

// The actor with the organisation that the directory names for the worker.
v1::Actor WithOrganisation(v1::Actor actor, const Snapshot* snapshot, int64_t now_us);
// Who asks, by the active directory of now: what may be seen depends on the organisation, which no credential says.
v1::Actor WhoAsks(const World& world, const Caller& caller);

// Fills actor (with the worker's organisation by the snapshot), client, trace, directory hashes.
void FillEnvelope(const Caller& caller, const Snapshot* snapshot, int64_t now_us, Event* event);

// A reaction of the software itself on a want or a deadline: event id is H(subject, head event id, kind). `make` runs on
// each head and gives the event, or kAborted if the want is gone; `snapshot` is the one it decides by, whose hashes the
// event names. `done` as a Reactor wants it: again_later unless the event is in the log or the want has gone.
void React(World& world, std::shared_ptr<const Snapshot> snapshot, const std::string& subject, const std::string& head_event_id, const std::string& kind,
           const std::string& principal, std::function<Expected<Event>(const NeedState& head, int64_t now_us)> make,
           std::function<void(bool again_later)> done);

// A need as staff see it, by what the actor may see. Personal fields are never in it (GetNeed merges them).
v1::Need StaffNeed(const NeedState& state, const v1::Actor& actor);
v1::Obligation ToObligation(const store::v1::Obligation& obligation);
v1::Deadline ToDeadline(const store::v1::RunningClock& clock);
v1::Deadline CutDeadline(const store::v1::RunningClock& clock);  // start and due time alone, for whom a restricted need is cut
google::protobuf::Timestamp ToTimestamp(int64_t us);
// Clamped to the years 1970 to 9999; what a caller gave is checked with CheckTime.
int64_t FromTimestamp(const google::protobuf::Timestamp& time);

}  // namespace gridloop
