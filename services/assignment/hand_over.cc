// Somebody leaves: all that they work on goes to successors, need by need, as a subject of its own that a restart takes up where it was.
#include <algorithm>
#include <atomic>
#include <set>

#include "assignment/assignment.h"
#include "assignment/steps.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/clocks.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

constexpr std::string_view kCollection = "handovers/";
constexpr int kMostWorkers = 500;
constexpr int kMostSuccessors = 200;
constexpr size_t kAtATime = 20;
constexpr int kCounted = 1000;

std::unexpected<Error> HandOverNotFound() {
  return Fail(Code::kNotFound, "HAND_OVER_NOT_FOUND", "There is no such hand-over; ListHandOvers gives those that there are.", "没有找到该交接。");
}

// What is open in a worker's inbox (assigned, helping, suggested, rung) and lies behind the cursor, in order.
Expected<std::vector<std::string>> OpenNeedsOf(World& world, const std::string& worker, const std::string& cursor) {
  std::vector<std::string> subjects;
  std::string after;
  do {
    auto page = ReadRows(world.view, rows::InboxPrefix(rows::WorkerBox(worker)), after, kCounted);
    if (!page) return std::unexpected(page.error());
    for (const Row& row : page->rows) {
      if (rows::SubjectOf(row.key) > cursor) subjects.emplace_back(rows::SubjectOf(row.key));
    }
    after = page->next_key;
  } while (!after.empty());
  std::ranges::sort(subjects);
  return subjects;
}

// Who of the choices fits this need today: the one for its unit, for its station, for everywhere else; empty: none.
std::string SuccessorFor(const v1::HandOverStarted& started, const NeedState& head, const Snapshot& snapshot, int64_t now_us) {
  for (const std::string& unit : {head.unit(), head.station(), std::string()}) {
    for (const auto& successor : started.successors()) {
      if (successor.unit() == unit && MayBeAssigned(snapshot, head, successor.worker(), now_us)) return successor.worker();
    }
  }
  return {};
}

// What became of one need; written by the ledger's thread before the reaction is done.
struct Outcome {
  std::string subject;
  bool to_successor = false;
  bool to_head = false;
  bool failed = false;
};

struct Batch {
  std::vector<Outcome> outcomes;
  std::atomic<size_t> open = 0;
};

Expected<Event> HandOver(const std::string& operation, const v1::HandOverStarted& started, const std::string& worker, const Snapshot* snapshot,
                         const NeedState& head, int64_t now_us, Outcome* outcome) {
  outcome->to_successor = outcome->to_head = false;
  if (Ended(head) || (!WorksOn(head, worker) && !IsAsked(head, worker))) return Fail(Code::kAborted, "WANT_GONE", "That worker has no part in the need.");
  Event event;
  event.set_type(v1::EVENT_TYPE_HANDED_OVER);
  auto& payload = *event.mutable_handed_over();
  payload.set_hand_over(operation);
  payload.set_worker(worker);
  if (snapshot != nullptr) {
    payload.set_successor(SuccessorFor(started, head, *snapshot, now_us));
    if (const v1::Worker* found = snapshot->WorkerAt(payload.successor(), now_us); found != nullptr) payload.set_organisation(found->organisation());
  }
  const bool at_work = head.worker() == worker;
  outcome->to_successor = !payload.successor().empty();
  outcome->to_head = at_work && payload.successor().empty();
  if (LeavesNobody(head, event)) *event.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ASSIGNMENT, head, now_us);
  return event;
}

v1::HandOver ToHandOver(const NeedState& state) {
  v1::HandOver hand_over;
  const auto& started = state.hand_over().started();
  hand_over.set_name(state.subject());
  for (const auto& worker : started.workers()) hand_over.add_workers("workers/" + worker);
  hand_over.set_organisation(started.organisation());
  for (const auto& successor : started.successors()) {
    auto& choice = *hand_over.add_successors();
    if (!successor.unit().empty()) choice.set_unit("units/" + successor.unit());
    choice.set_worker("workers/" + successor.worker());
  }
  *hand_over.mutable_start_time() = ToTimestamp(state.submitted_us());
  if (state.hand_over().done_us() != 0) *hand_over.mutable_done_time() = ToTimestamp(state.hand_over().done_us());
  hand_over.set_handed_over(state.hand_over().handed_over());
  hand_over.set_unassigned(state.hand_over().unassigned());
  return hand_over;
}

// Counted when it is asked for: it changes without any event of the hand-over.
Expected<void> CountRemaining(World& world, const NeedState& state, v1::HandOver* hand_over) {
  int remaining = 0;
  for (const auto& worker : state.hand_over().started().workers()) {
    auto count = world.view.Count(rows::InboxPrefix(rows::WorkerBox(worker)), kCounted);
    if (!count) return std::unexpected(count.error());
    remaining += *count;
  }
  hand_over->set_remaining(remaining);
  return {};
}

bool MaySee(const v1::Actor& actor, const NeedState& state) {
  return IsCentreStaff(actor) || (!actor.unit().empty() && actor.unit() == state.hand_over().started_by_unit());
}

// All whom the directory has ever had in the organisation, or the one worker.
std::set<std::string> WhoLeave(const Snapshot& snapshot, const std::string& worker, const std::string& organisation) {
  std::set<std::string> workers;
  for (const auto& each : snapshot.directory().workers()) {
    const std::string id = BareId(each.name());
    if (organisation.empty() ? id == worker : each.organisation() == organisation) workers.insert(id);
  }
  return workers;
}

bool OnlyUnder(const Snapshot& snapshot, const std::string& station, const std::string& worker) {
  return !station.empty() && std::ranges::all_of(snapshot.directory().workers(), [&](const v1::Worker& each) {
    return BareId(each.name()) != worker ||
           std::ranges::all_of(each.posts(), [&](const v1::Post& post) { return snapshot.StationOf(BareId(post.unit())) == station; });
  });
}

std::vector<FieldViolation> CheckForm(const v1::HandOverWorkRequest& request) {
  std::vector<FieldViolation> violations;
  CheckRequestId(request.request_id(), &violations);
  CheckText("note", request.note(), 0, 1000, &violations);
  if (request.worker().empty() == request.organisation().empty()) violations.push_back({"worker", "give either worker or organisation"});
  if (!request.worker().empty()) CheckWorkerName("worker", request.worker(), &violations);
  if (!request.organisation().empty()) CheckId("organisation", request.organisation(), &violations);
  if (request.successors_size() > kMostSuccessors) violations.push_back({"successors", "at most 200 are taken"});
  std::set<std::string> units;
  for (int i = 0; i < std::min(request.successors_size(), kMostSuccessors); ++i) {
    const auto& successor = request.successors(i);
    const std::string field = "successors[" + std::to_string(i) + "]";
    if (!successor.unit().empty()) CheckUnitName(field + ".unit", successor.unit(), &violations);
    CheckWorkerName(field + ".worker", successor.worker(), &violations);
    if (!units.insert(successor.unit()).second) violations.push_back({field + ".unit", "stands twice; name one successor for each unit"});
  }
  return violations;
}

// Against the directory of today: who leaves, and who takes over.
Expected<v1::HandOverStarted> Prepare(const v1::HandOverWorkRequest& request, const Snapshot* snapshot, const v1::Actor& actor, int64_t now_us) {
  if (snapshot == nullptr) return Fail(Code::kFailedPrecondition, "NO_DIRECTORY", "No directory is active; activate one first.", "尚未启用机构目录。");
  const bool centre = IsCentreStaff(actor);
  if (!request.organisation().empty() && !centre) {
    return Fail(Code::kPermissionDenied, "CENTRE_ONLY", "The centre hands over the work of an organisation; ask it to.", "机构整体交接由中心办理。");
  }
  v1::HandOverStarted started;
  started.set_organisation(request.organisation());
  started.set_note(request.note());
  const auto workers = WhoLeave(*snapshot, BareId(request.worker()), request.organisation());
  if (workers.empty()) {
    return Fail(Code::kFailedPrecondition, "NOBODY_LEAVES", "The active directory has no such worker, or nobody of that organisation; ListWorkers gives them.",
                "机构目录中没有该社工或该机构的人员。");
  }
  if (workers.size() > kMostWorkers) return Fail(Code::kResourceExhausted, "TOO_MANY_WORKERS", "At most 500 workers leave at once.", "一次最多交接500人。");
  for (const std::string& worker : workers) {
    if (!centre && !OnlyUnder(*snapshot, actor.unit(), worker)) {
      return Fail(Code::kPermissionDenied, "NOT_YOUR_WORKER", "That worker has a post elsewhere too; the centre hands over.",
                  "该社工不属于您的站点，请由中心办理。");
    }
    started.add_workers(worker);
  }
  std::vector<FieldViolation> violations;
  for (int i = 0; i < request.successors_size(); ++i) {
    const std::string field = "successors[" + std::to_string(i) + "]";
    const std::string worker = BareId(request.successors(i).worker());
    const std::string unit = BareId(request.successors(i).unit());
    if (workers.contains(worker)) violations.push_back({field + ".worker", "leaves too; name somebody who stays"});
    if (snapshot->WorkerAt(worker, now_us) == nullptr)
      violations.push_back({field + ".worker", "is not in the active directory today; ListWorkers gives them"});
    if (!unit.empty() && snapshot->UnitAt(unit, now_us) == nullptr)
      violations.push_back({field + ".unit", "is not in the active directory today; ListUnits gives them"});
    started.add_successors()->set_unit(unit);
    started.mutable_successors(i)->set_worker(worker);
  }
  if (auto refused = Refuse(std::move(violations))) return std::unexpected(std::move(*refused));
  return started;
}

}  // namespace

void Assignment::HandOverWork(const Caller& caller, const v1::HandOverWorkRequest& request, Callback<Expected<v1::HandOverWorkResponse>> reply) {
  if (auto refused = Refuse(CheckForm(request))) return reply(std::unexpected(std::move(*refused)));
  const std::string verb = "hand-over";
  const std::string principal = caller.actor.principal();
  const std::string subject = std::string(kCollection) + Base32(EventIdFor(kCollection, principal, request.request_id(), verb));
  const std::string event_id = EventIdFor(subject, principal, request.request_id(), verb);
  const std::string body_mac = world_.secret.BodyMac(request);
  auto known = StateNow(world_, subject);
  if (!known) return reply(std::unexpected(known.error()));
  Event event;
  if (!*known) {  // else the ledger tells what became of it; nothing is checked or sealed again
    auto snapshot = world_.snapshots.Active();
    auto started = Prepare(request, snapshot.get(), caller.actor, world_.clock.WallUs());
    if (!started) return reply(std::unexpected(started.error()));
    event.set_type(v1::EVENT_TYPE_HAND_OVER_STARTED);
    event.set_subject(subject);
    event.set_event_id(event_id);
    event.set_body_mac(body_mac);
    event.set_request_id(request.request_id());
    *event.mutable_hand_over_started() = std::move(*started);
    FillEnvelope(caller, snapshot.get(), world_.clock.WallUs(), &event);
    auto key = world_.keys.Take();
    if (!key) return reply(std::unexpected(key.error()));
    if (auto sealed = SealEvent(&event, *key, world_.ids); !sealed) return reply(std::unexpected(sealed.error()));
  }
  world_.ledger.Decide(
      subject, event_id, body_mac, std::nullopt,
      [event](const NeedState& head, int64_t) -> Expected<Event> {
        if (head.version() != 0 || event.subject().empty()) return Fail(Code::kAborted, "HAND_OVER_STARTED", "It has been started meanwhile; send it again.");
        return event;
      },
      caller.deadline_us,
      [this, reply = std::move(reply)](Expected<Verdict> verdict) mutable {
        if (!verdict) return reply(std::unexpected(verdict.error()));
        v1::HandOverWorkResponse response;
        *response.mutable_hand_over() = ToHandOver(*verdict->state);
        if (auto counted = CountRemaining(world_, *verdict->state, response.mutable_hand_over()); !counted) return reply(std::unexpected(counted.error()));
        reply(std::move(response));
      });
}

void Assignment::GetHandOver(const Caller& caller, const v1::GetHandOverRequest& request, Callback<Expected<v1::GetHandOverResponse>> reply) {
  const std::string& name = request.name();
  if (!name.starts_with(kCollection) || !ParseBase32(name.substr(kCollection.size()))) {
    return reply(std::unexpected(*Refuse({{"name", "must be handovers/ and 26 characters, as HandOverWork or ListHandOvers gave it"}})));
  }
  auto state = StateNow(world_, name);
  if (!state) return reply(std::unexpected(state.error()));
  if (!*state || !MaySee(caller.actor, **state)) return reply(HandOverNotFound());
  v1::GetHandOverResponse response;
  *response.mutable_hand_over() = ToHandOver(**state);
  auto started = ReadOpened(world_, (*state)->applied(0).offset());
  if (!started) return reply(std::unexpected(started.error()));
  response.mutable_hand_over()->set_note(started->hand_over_started().note());
  if (auto counted = CountRemaining(world_, **state, response.mutable_hand_over()); !counted) return reply(std::unexpected(counted.error()));
  reply(std::move(response));
}

void Assignment::ListHandOvers(const Caller& caller, const v1::ListHandOversRequest& request, Callback<Expected<v1::ListHandOversResponse>> reply) {
  const std::string query = "ListHandOvers " + caller.actor.unit();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  if (!after) return reply(std::unexpected(*Refuse({{"page_token", "is not of this list; start again without one"}})));
  auto page = ReadRows(world_.view, rows::RecordPrefix(kCollection.substr(0, kCollection.size() - 1)), *after, PageSize(request.page_size()));
  if (!page) return reply(std::unexpected(page.error()));
  v1::ListHandOversResponse response;
  for (const Row& row : page->rows) {
    auto state = StateNow(world_, rows::SubjectOf(row.key));
    if (!state) return reply(std::unexpected(state.error()));
    if (*state && MaySee(caller.actor, **state)) *response.add_hand_overs() = ToHandOver(**state);
  }
  response.set_next_page_token(world_.secret.PageToken(query, page->next_key));
  reply(std::move(response));
}

void Assignment::HandOverSome(const std::string& subject, std::function<void(bool again_later)> done) {
  auto found = StateNow(world_, subject);
  if (!found || !*found) return done(true);
  const auto& state = *found;
  const auto& hand_over = state->hand_over();
  if (hand_over.done_us() != 0) return done(false);
  const auto& workers = hand_over.started().workers();
  std::string worker = hand_over.worker().empty() ? workers.Get(0) : hand_over.worker();
  auto subjects = OpenNeedsOf(world_, worker, hand_over.cursor());
  if (!subjects) return done(true);
  if (subjects->empty()) {  // on to the next one
    auto next = std::ranges::upper_bound(workers, worker);
    const bool last = next == workers.end();
    return Advance(state, last ? worker : *next, last ? hand_over.cursor() : std::string(), 0, 0, last, std::move(done));
  }
  if (subjects->size() > kAtATime) subjects->resize(kAtATime);
  auto batch = std::make_shared<Batch>();
  for (const std::string& need : *subjects) batch->outcomes.push_back({.subject = need});
  batch->open = batch->outcomes.size();
  auto snapshot = world_.snapshots.Active();
  auto started = std::make_shared<const v1::HandOverStarted>(hand_over.started());
  auto finish = [this, state, worker, batch, done = std::move(done)]() mutable {
    int handed_over = 0;
    int unassigned = 0;
    std::string cursor;
    bool failed = false;
    for (const Outcome& outcome : batch->outcomes) {
      failed |= outcome.failed;
      if (!failed) cursor = outcome.subject;  // not past what must be tried again
      handed_over += outcome.to_successor ? 1 : 0;
      unassigned += outcome.to_head ? 1 : 0;
    }
    if (cursor.empty() && handed_over == 0 && unassigned == 0) return done(true);
    Advance(state, worker, std::max(cursor, state->hand_over().cursor()), handed_over, unassigned, /*last=*/false,
            [failed, done = std::move(done)](bool again_later) { done(failed || again_later); });
  };
  auto shared_finish = std::make_shared<decltype(finish)>(std::move(finish));
  for (Outcome& outcome : batch->outcomes) {
    // Named by need, hand-over and worker: the same after a restart, and once only.
    React(
        world_, snapshot, outcome.subject, state->applied(0).event_id(), "hand-over " + worker, "assignment",
        [=, slot = &outcome, subject = subject](const NeedState& head, int64_t now_us) {
          return HandOver(subject, *started, worker, snapshot.get(), head, now_us, slot);
        },
        [batch, shared_finish, slot = &outcome](bool again_later) {
          slot->failed = again_later;
          if (again_later) slot->to_successor = slot->to_head = false;
          if (--batch->open == 0) (*shared_finish)();
        });
  }
}

void Assignment::Advance(const std::shared_ptr<const NeedState>& state, const std::string& worker, const std::string& cursor, int handed_over, int unassigned,
                         bool last, std::function<void(bool again_later)> done) {
  React(
      world_, world_.snapshots.Active(), state->subject(), state->head_event_id(), "advance", "assignment",
      [=, version = state->version()](const NeedState& head, int64_t) -> Expected<Event> {
        if (head.version() != version) return Fail(Code::kAborted, "WANT_GONE", "The hand-over has gone on meanwhile.");
        Event event;
        event.set_type(v1::EVENT_TYPE_HAND_OVER_ADVANCED);
        auto& payload = *event.mutable_hand_over_advanced();
        payload.set_worker(worker);
        payload.set_cursor(cursor);
        payload.set_handed_over(handed_over);
        payload.set_unassigned(unassigned);
        payload.set_done(last);
        return event;
      },
      std::move(done));
}

}  // namespace gridloop
