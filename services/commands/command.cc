#include "commands/command.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <future>
#include <tuple>
#include <utility>

#include "domain/authorise.h"
#include "domain/clock_changes.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

constexpr int kUsualPage = 50;
constexpr int kLongestPage = 200;
constexpr int kNumbersLookedAt = 1000;  // needs of one number, of which there are hardly ever two
constexpr std::string_view kNoLifeCycleZh = "当前阶段不能这样操作，请刷新后再看。";

std::string StageWord(v1::Stage stage) { return v1::Stage_Name(stage).substr(std::string_view("STAGE_").size()); }

v1::CommandOutcome Outcome(const Verdict& verdict, const v1::Actor& actor, bool stage_known) {
  v1::CommandOutcome outcome;
  const NeedState& state = *verdict.state;
  outcome.set_name(state.subject());
  outcome.set_version(verdict.version);
  outcome.set_etag(std::to_string(verdict.version));  // what came after it, the caller has not seen
  outcome.set_position(ToText(verdict.position));
  outcome.set_event(Base32(verdict.event_id));
  outcome.set_replayed(verdict.replayed);
  // Whoever a restricted need shows nothing to learns no stage either, but for the one that the command itself made.
  if (stage_known || !MustCut(actor, state)) outcome.set_stage(state.stage());
  return outcome;
}

// What is shared between the steps of one command.
struct Running {
  World& world;
  Caller caller;
  Command command;
  std::string event_id;
  std::string body_mac;
  std::shared_ptr<const Snapshot> snapshot;
  Callback<Expected<v1::CommandOutcome>> reply;
  std::atomic<bool> late = false;
  std::atomic<bool> stage_known = false;  // the caller might see the head that was decided on
};

// What this caller did under this request id before, or null. Only OK is sticky: that stays its outcome, whatever has
// become of the need, of the caller's part in it, of the directory or the clock since.
Expected<const store::v1::Applied*> FindSucceeded(const Running& running, const NeedState& state) {
  auto found = std::ranges::find(state.applied(), running.event_id, &store::v1::Applied::event_id);
  if (found == state.applied().end()) return nullptr;
  // The id holds the principal; two clients may have principals of one name.
  auto event = ReadEvent(running.world, found->offset());
  if (!event) return std::unexpected(event.error());
  return event->client() == running.caller.client ? &*found : nullptr;
}

// Said when the ledger does not find what the view has shown: not written, as the event's personal part is not sealed.
Expected<Event> NotFoundAgain(const NeedState&, int64_t) {
  return Fail(Code::kUnavailable, "VIEW_AHEAD", "What this request did before is not in the log that answers now; send it again.", "系统繁忙，请稍后重试。");
}

// Whatever ends a pause lets go on what stood still: said here, so that no command forgets it.
void LetGoOn(const Snapshot* snapshot, const NeedState& head, int64_t now_us, Event* event) {
  AddResumptions(head, snapshot == nullptr ? nullptr : &snapshot->calendar(), now_us, event);
}

Expected<Event> Decide(Running& running, const NeedState& head, int64_t now_us) {
  const Caller& caller = running.caller;
  if (auto allowed = Authorise(caller.access, caller.actor, caller.client, head); !allowed) {
    return std::unexpected(allowed.error());
  }
  running.stage_known = !MustCut(caller.actor, head);
  if (!LifeCycle::Standard().Allows(head.stage(), running.command.event.type())) {
    if (head.stage() == v1::STAGE_HELD && running.command.event.type() == v1::EVENT_TYPE_RECALLED) {
      return Fail(Code::kFailedPrecondition, "ALREADY_HELD",
                  "The centre holds this need already: choose a unit with DispatchNeed, which also overrides a proposal.", "该件已在中心待处理，请直接派单。");
    }
    Error error;
    error.code = Code::kFailedPrecondition;
    error.reason = Ended(head) ? "NEED_ENDED" : "WRONG_STAGE";
    error.message = (running.stage_known ? "The need is " + StageWord(head.stage()) + "; " + running.command.verb + " is not possible there."
                                         : running.command.verb + " is not possible in the stage of this need.") +
                    " Get the need and look at its stage.";
    error.message_zh = kNoLifeCycleZh;
    error.metadata = {{"version", std::to_string(head.version())}};
    if (running.stage_known) error.metadata.emplace_back("stage", StageWord(head.stage()));
    return std::unexpected(std::move(error));
  }
  if (head.forgotten_us() != 0) return NeedForgotten();
  Event event = running.command.event;
  if (running.command.decide) {
    if (auto good = running.command.decide(head, running.snapshot.get(), now_us, event); !good) {
      return std::unexpected(good.error());
    }
  }
  if (head.has_merging() && EndsNeed(event)) {
    return Fail(Code::kFailedPrecondition, "MERGE_OPEN", "A merge of this need is not settled yet, which takes a moment; send it again.",
                "该件的合并尚未完成，请稍后重试。");
  }
  LetGoOn(running.snapshot.get(), head, now_us, &event);
  if (event.has_offer_accepted()) running.late = event.offer_accepted().late();
  return event;
}

void Submit(const std::shared_ptr<Running>& running, DecideFn decide) {
  std::optional<std::string> etag;
  if (!running->command.etag.empty()) etag = running->command.etag;
  running->world.ledger.Decide(running->command.name, running->event_id, running->body_mac, std::move(etag), std::move(decide), running->caller.deadline_us,
                               [running](Expected<Verdict> verdict) {
                                 if (!verdict) return running->reply(std::unexpected(verdict.error()));
                                 v1::CommandOutcome outcome = Outcome(*verdict, running->caller.actor, running->stage_known);
                                 outcome.set_late(running->late);
                                 if (verdict->replayed) {
                                   auto event = ReadEvent(running->world, verdict->position.offset);
                                   if (!event) return running->reply(std::unexpected(event.error()));
                                   outcome.set_late(event->offer_accepted().late());
                                 }
                                 running->reply(std::move(outcome));
                               });
}

}  // namespace

Snapshots::Snapshots(DirectoryStore& store) : store_(store) {
  watch_ = store_.Watch([this] { Reload(); });
  Reload();
}

std::shared_ptr<const Snapshot> Snapshots::Active() const {
  std::lock_guard lock(mutex_);
  return active_;
}

Expected<std::shared_ptr<const Snapshot>> Snapshots::Load(const store::v1::ActiveHashes& hashes) const {
  auto active = Active();
  if (active && active->hashes().directory_hash() == hashes.directory_hash() && active->hashes().policy_hash() == hashes.policy_hash() &&
      active->hashes().calendar_hash() == hashes.calendar_hash()) {
    return active;
  }
  auto directory_blob = store_.Get(hashes.directory_hash());
  if (!directory_blob) return std::unexpected(directory_blob.error());
  auto policy_blob = store_.Get(hashes.policy_hash());
  if (!policy_blob) return std::unexpected(policy_blob.error());
  auto calendar_blob = store_.Get(hashes.calendar_hash());
  if (!calendar_blob) return std::unexpected(calendar_blob.error());
  v1::Directory directory;
  v1::Policy policy;
  v1::Calendar calendar;
  if (!directory.ParseFromString(*directory_blob) || !policy.ParseFromString(*policy_blob) || !calendar.ParseFromString(*calendar_blob)) {
    return Fail(Code::kInternal, "BLOB_BROKEN", "A stored directory does not parse: restore the data directory from a copy.");
  }
  return Snapshot::Make(std::move(directory), std::move(policy), std::move(calendar), hashes);
}

void Snapshots::Reload() {
  auto hashes = store_.Active();
  if (!hashes) return;
  auto loaded = Load(*hashes);
  if (!loaded) return;  // the former one stays; Activate is only called with blobs that were put and parsed
  std::lock_guard lock(mutex_);
  active_ = *loaded;
}

int PageSize(int asked) { return asked <= 0 ? kUsualPage : std::min(asked, kLongestPage); }

std::optional<Position> CheckAtLeast(std::string_view at_least, std::vector<FieldViolation>* violations) {
  if (at_least.empty()) return std::nullopt;
  auto position = ParsePosition(at_least);
  if (!position) violations->push_back({"at_least", "must be a position that an answer gave"});
  return position;
}

namespace {

// Holds what it waits for, so that an answer that comes late finds it.
template <class Answer, class Ask>
Expected<Answer> Wait(Ask ask) {
  auto promise = std::make_shared<std::promise<Expected<Answer>>>();
  auto answer = promise->get_future();
  ask([promise](Expected<Answer> given) { promise->set_value(std::move(given)); });
  return answer.get();
}

}  // namespace

Expected<std::shared_ptr<const NeedState>> ReadState(View& view, std::string_view subject, std::optional<Position> at_least) {
  return Wait<std::shared_ptr<const NeedState>>([&](auto done) { view.Get(subject, at_least, std::move(done)); });
}

Expected<RowPage> ReadRows(View& view, std::string_view prefix, std::string_view after, int limit, std::optional<Position> at_least) {
  return Wait<RowPage>([&](auto done) { view.Scan(prefix, after, limit, at_least, std::move(done)); });
}

Expected<std::shared_ptr<const NeedState>> StateNow(World& world, std::string_view subject) {
  auto state = ReadState(world.view, subject);
  if (!state && state.error().code == Code::kNotFound) return nullptr;
  return state;
}

Expected<Read> CheckRead(World& world, std::string_view name, std::string_view at_least, std::vector<FieldViolation> violations,
                         const std::optional<std::string>& client) {
  constexpr std::string_view kNumbers = "numbers/";
  Read read;
  read.at_least = CheckAtLeast(at_least, &violations);
  if (name.starts_with(kNumbers)) {
    std::string number(name.substr(kNumbers.size()));
    // Said on the phone and typed by hand: small letters will do.
    std::ranges::transform(number, number.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (!IsSpeakableNumber(number)) {
      violations.push_back({"name", "is no number of a need: numbers/ and date, five characters and a check character, e.g. numbers/260302-7KQ4M-X"});
    }
    if (auto refused = Refuse(std::move(violations))) return std::unexpected(std::move(*refused));
    auto page = ReadRows(world.view, rows::NumberPrefix(number), {}, client ? kNumbersLookedAt : 2, read.at_least);
    if (!page) return std::unexpected(page.error());
    std::vector<std::string> subjects;
    for (const Row& row : page->rows) {
      std::string subject(rows::SubjectOf(row.key));
      if (client) {
        auto state = StateNow(world, subject);
        if (!state) return std::unexpected(state.error());
        if (!*state || !HasReporterOfClient(**state, *client)) continue;
      }
      subjects.push_back(std::move(subject));
    }
    if (subjects.empty()) return std::unexpected(NeedNotFound());
    if (subjects.size() > 1) {
      return Fail(Code::kFailedPrecondition, "NUMBER_NOT_UNIQUE", "Several needs have this number; use the name, needs/….",
                  "该编号对应多件需求，请用完整名称查询。");
    }
    read.subject = std::move(subjects.front());
    return read;
  }
  CheckName(name, &violations);
  if (auto refused = Refuse(std::move(violations))) return std::unexpected(std::move(*refused));
  read.subject = name;
  return read;
}

v1::Actor WithOrganisation(v1::Actor actor, const Snapshot* snapshot, int64_t now_us) {
  actor.clear_organisation();
  const v1::Worker* worker = snapshot == nullptr ? nullptr : snapshot->WorkerAt(actor.worker(), now_us);
  if (worker != nullptr) actor.set_organisation(worker->organisation());
  return actor;
}

v1::Actor WhoAsks(const World& world, const Caller& caller) { return WithOrganisation(caller.actor, world.snapshots.Active().get(), world.clock.WallUs()); }

void FillEnvelope(const Caller& caller, const Snapshot* snapshot, int64_t now_us, Event* event) {
  *event->mutable_actor() = WithOrganisation(caller.actor, snapshot, now_us);
  event->set_client(caller.client);
  event->set_trace(caller.trace);
  if (snapshot == nullptr) return;
  event->set_directory_hash(snapshot->hashes().directory_hash());
  event->set_policy_hash(snapshot->hashes().policy_hash());
  event->set_calendar_hash(snapshot->hashes().calendar_hash());
}

store::v1::ActiveHashes HashesOf(const Event& event) {
  store::v1::ActiveHashes hashes;
  hashes.set_directory_hash(event.directory_hash());
  hashes.set_policy_hash(event.policy_hash());
  hashes.set_calendar_hash(event.calendar_hash());
  return hashes;
}

Expected<Event> ReadEvent(World& world, uint64_t offset) {
  auto record = world.ledger.ReadAt({0, offset});
  Event event;
  if (record && event.ParseFromString(record->value)) return event;
  Error error{Code::kUnavailable, "LOG_UNREADABLE", "The log cannot be read now; send it again.", {}, {}, {}, 1'000'000};
  error.message_zh = "系统繁忙，请稍后重试。";
  return std::unexpected(std::move(error));
}

Expected<Event> ReadOpened(World& world, uint64_t offset, bool* forgotten) {
  auto event = ReadEvent(world, offset);
  if (!event) return event;
  if (auto opened = OpenEvent(&*event, world.keys); !opened) {
    if (opened.error().reason != "KEY_FORGOTTEN") return std::unexpected(opened.error());
    if (forgotten != nullptr) *forgotten = true;
  }
  return event;
}

std::unexpected<Error> NeedForgotten() {
  return Fail(Code::kFailedPrecondition, "NEED_FORGOTTEN",
              "The personal data of this need was forgotten: it takes nothing more. Report anew what is needed now.",
              "该件的个人信息已按规定删除，不能再办理；如仍有需求请重新上报。");
}

void Execute(World& world, const Caller& caller, Command command, Callback<Expected<v1::CommandOutcome>> reply) {
  const size_t others = command.violations.size();
  CheckName(command.name, &command.violations);
  CheckRequestId(command.request_id, &command.violations);
  if (command.violations.size() > others) return reply(std::unexpected(*Refuse(std::move(command.violations))));

  std::string event_id = EventIdFor(command.name, caller.actor.principal(), command.request_id, command.verb);
  std::string body_mac = world.secret.BodyMac(*command.request);
  command.request = nullptr;
  auto running =
      std::make_shared<Running>(world, caller, std::move(command), std::move(event_id), std::move(body_mac), world.snapshots.Active(), std::move(reply));
  running->caller.actor = WithOrganisation(caller.actor, running->snapshot.get(), world.clock.WallUs());
  world.view.Get(running->command.name, std::nullopt, [running](Expected<std::shared_ptr<const NeedState>> found) {
    Expected<const store::v1::Applied*> succeeded = nullptr;
    if (found) succeeded = FindSucceeded(*running, **found);
    if (!succeeded) return running->reply(std::unexpected(succeeded.error()));
    if (*succeeded == nullptr || (*succeeded)->body_mac() != running->body_mac) {
      if (auto refused = Refuse(std::move(running->command.violations))) return running->reply(std::unexpected(std::move(*refused)));
    }
    if (!found) return running->reply(std::unexpected(found.error()));
    if (*succeeded != nullptr) return Submit(running, NotFoundAgain);  // neither authorised nor sealed again
    const Caller& who = running->caller;
    // Also before sealing: a caller who may not touch the need costs no cryptography and learns nothing from it.
    if (auto allowed = Authorise(who.access, who.actor, who.client, **found); !allowed) {
      return running->reply(std::unexpected(allowed.error()));
    }
    Event& event = running->command.event;
    event.set_subject(running->command.name);
    event.set_event_id(running->event_id);
    event.set_body_mac(running->body_mac);
    event.set_request_id(running->command.request_id);
    FillEnvelope(who, running->snapshot.get(), running->world.clock.WallUs(), &event);
    const auto& key_ids = (*found)->key_ids();
    auto key = key_ids.empty() ? running->world.keys.Take() : running->world.keys.Get(*key_ids.rbegin());
    // Forgotten a moment ago, which the decision below refuses; or in a copy that is older than that: then the work on it goes on.
    if (!key && key.error().reason == "KEY_FORGOTTEN") key = running->world.keys.Take();
    if (!key) return running->reply(std::unexpected(key.error()));
    if (auto sealed = SealEvent(&event, *key, running->world.ids); !sealed) {
      return running->reply(std::unexpected(sealed.error()));
    }
    Submit(running, [running](const NeedState& head, int64_t now_us) { return Decide(*running, head, now_us); });
  });
}

void React(World& world, std::shared_ptr<const Snapshot> snapshot, const std::string& subject, const std::string& head_event_id, const std::string& kind,
           const std::string& principal, std::function<Expected<Event>(const NeedState& head, int64_t now_us)> make,
           std::function<void(bool again_later)> done) {
  Caller caller;
  caller.actor.set_principal(principal);
  caller.actor.set_role(v1::ROLE_SYSTEM);
  std::string event_id = ReactionIdFor(subject, head_event_id, kind);
  auto decide = [=, make = std::move(make)](const NeedState& head, int64_t now_us) -> Expected<Event> {
    auto event = make(head, now_us);
    if (!event) return event;
    event->set_subject(subject);
    event->set_event_id(event_id);
    FillEnvelope(caller, snapshot.get(), now_us, &*event);
    LetGoOn(snapshot.get(), head, now_us, &*event);
    return event;
  };
  world.ledger.Decide(subject, event_id, std::string(), std::nullopt, std::move(decide), 0,
                      [&world, subject, kind, done = std::move(done)](Expected<Verdict> verdict) {
                        bool failed = !verdict && verdict.error().code != Code::kAborted;
                        if (failed && world.reaction_failed) world.reaction_failed(subject, kind, verdict.error());
                        done(failed);
                      });
}

google::protobuf::Timestamp ToTimestamp(int64_t us) {
  google::protobuf::Timestamp time;
  int64_t seconds = us / 1'000'000;
  int64_t rest = us % 1'000'000;
  if (rest < 0) {
    --seconds;
    rest += 1'000'000;
  }
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(rest * 1000));
  return time;
}

v1::Deadline ToDeadline(const store::v1::RunningClock& clock) {
  v1::Deadline deadline;
  deadline.set_kind(clock.start().kind());
  deadline.set_object(Base32(clock.object()));
  *deadline.mutable_start_time() = ToTimestamp(clock.started_us());
  *deadline.mutable_due_time() = ToTimestamp(clock.start().due_us());
  deadline.set_rule(clock.start().rule());
  if (clock.start().has_limit()) *deadline.mutable_limit() = clock.start().limit();
  deadline.set_provisional(clock.start().provisional());
  if (clock.paused_us() != 0) *deadline.mutable_pause_time() = ToTimestamp(clock.paused_us());
  return deadline;
}

v1::Obligation ToObligation(const store::v1::Obligation& obligation) {
  v1::Obligation shown;
  shown.set_id(Base32(obligation.event_id()));
  shown.set_party(PartyName(obligation.kind(), obligation.party()));
  shown.set_status(obligation.status());
  if (obligation.deadline_us() != 0) *shown.mutable_deadline_time() = ToTimestamp(obligation.deadline_us());
  *shown.mutable_due_time() = ToTimestamp(obligation.due_us());
  if (obligation.has_recurrence()) {
    *shown.mutable_recurrence() = obligation.recurrence();
    *shown.mutable_end_time() = ToTimestamp(obligation.end_us());
  }
  shown.set_fulfilments(static_cast<int32_t>(obligation.fulfilments()));
  shown.set_reports(static_cast<int32_t>(obligation.reports()));
  if (!obligation.replaces().empty()) shown.set_replaces(Base32(obligation.replaces()));
  *shown.mutable_propose_time() = ToTimestamp(obligation.proposed_us());
  return shown;
}

v1::Deadline CutDeadline(const store::v1::RunningClock& clock) {
  v1::Deadline whole = ToDeadline(clock);
  v1::Deadline deadline;
  *deadline.mutable_start_time() = whole.start_time();
  *deadline.mutable_due_time() = whole.due_time();
  deadline.set_provisional(whole.provisional());
  if (whole.has_pause_time()) *deadline.mutable_pause_time() = whole.pause_time();
  return deadline;
}

v1::Need StaffNeed(const NeedState& state, const v1::Actor& actor) {
  v1::Need need;
  need.set_name(state.subject());
  need.set_number(state.number());
  need.set_etag(std::to_string(state.version()));
  need.set_position(ToText({0, state.head_offset()}));
  need.set_restricted(state.restricted());
  std::vector<const store::v1::RunningClock*> clocks;
  for (const auto& clock : state.clocks()) clocks.push_back(&clock);
  std::ranges::stable_sort(clocks, {}, [](const auto* clock) { return std::tuple(clock->paused_us() != 0, clock->start().due_us(), clock->start().kind()); });
  const bool cut = MustCut(actor, state);  // number and clock only: kind and rule would tell stage, urgency and grade
  for (const auto* clock : clocks) *need.add_deadlines() = cut ? CutDeadline(*clock) : ToDeadline(*clock);
  if (cut) return need;

  auto unit_name = [](const std::string& id) { return id.empty() ? std::string() : "units/" + id; };
  auto worker_name = [](const std::string& id) { return id.empty() ? std::string() : "workers/" + id; };
  need.set_stage(state.stage());
  need.set_urgency(state.urgency());
  need.set_owner(unit_name(state.owner()));
  need.set_unit(unit_name(state.unit()));
  need.set_station(unit_name(state.station()));
  need.set_worker(worker_name(state.worker()));
  for (const auto& worker : state.co_workers()) need.add_co_workers(worker_name(worker));
  if (state.has_offer()) {
    v1::Offer& offer = *need.mutable_offer();
    offer.set_id(Base32(state.offer().event_id()));
    offer.set_unit(unit_name(state.offer().unit()));
    offer.set_suggested_worker(worker_name(state.offer().worker()));
    offer.set_binding(state.offer().binding());
    offer.set_direct_accept(state.offer().direct_accept());
    *offer.mutable_expire_time() = ToTimestamp(state.offer().due_us());
  }
  v1::Report& report = *need.mutable_report();
  report.mutable_location()->set_grid_code(state.grid_code());
  report.mutable_location()->set_institution(state.institution());
  report.set_source(state.source());
  report.set_reported_urgency(state.reported_urgency());
  report.set_type(state.type());
  *report.mutable_categories() = state.categories();
  *report.mutable_dangers() = state.dangers();
  report.set_restricted(state.restricted());
  report.set_self_accept(state.self_accept());
  need.set_grade(state.grade());
  need.set_casework(state.casework());
  need.set_bounces(static_cast<int32_t>(state.bounces()));
  need.set_escalation_level(static_cast<int32_t>(state.escalation_level()));
  need.set_urgings(static_cast<int32_t>(state.urgings()));
  if (!state.closing_event_id().empty()) need.set_closing(Base32(state.closing_event_id()));
  need.set_held_reason(state.held_reason());
  need.set_proposed_unit(unit_name(state.proposed_unit()));
  if (!state.held_event_id().empty()) need.set_held(Base32(state.held_event_id()));
  *need.mutable_submit_time() = ToTimestamp(state.submitted_us());
  if (state.ended_us() != 0) *need.mutable_end_time() = ToTimestamp(state.ended_us());
  need.set_closing_reason(state.closing_reason());
  need.set_grid_code(state.grid_code());
  need.set_community(state.community());
  need.set_conflicts(static_cast<int32_t>(state.conflict_count()));
  auto id = [](const std::string& event_id) { return event_id.empty() ? std::string() : Base32(event_id); };
  need.set_information(id(state.information_event_id()));
  need.set_extension(id(state.extension().event_id()));
  need.set_hold(id(state.hold().event_id()));
  need.set_transfer(id(state.transfer().event_id()));
  need.set_transfer_unit(unit_name(state.transfer().unit()));
  need.set_referral(id(state.referral().event_id()));
  need.set_referred_to(state.referral().to());
  for (const auto& support : state.supports()) {
    auto& helps = *need.add_supports();
    helps.set_unit(unit_name(support.unit()));
    helps.set_worker(worker_name(support.worker()));
  }
  if (state.reopen_until_us() != 0) *need.mutable_reopen_limit_time() = ToTimestamp(state.reopen_until_us());
  need.set_reopenings(static_cast<int32_t>(state.reopenings()));
  need.set_after_visits(static_cast<int32_t>(state.after_visits()));
  for (const auto& obligation : state.obligations()) *need.add_obligations() = ToObligation(obligation);
  need.set_forgotten(state.forgotten_us() != 0);
  if (state.forgotten_us() != 0) *need.mutable_forget_time() = ToTimestamp(state.forgotten_us());
  need.set_supervision_notes(static_cast<int32_t>(state.supervision_notes()));
  need.set_survivor(state.survivor());
  if (state.unmerge_until_us() != 0) *need.mutable_unmerge_limit_time() = ToTimestamp(state.unmerge_until_us());
  need.set_reporters(static_cast<int32_t>(ReportersOf(state).size()));
  for (const auto& absorbed : state.absorbed()) {
    auto& merged = *need.add_merged();
    merged.set_need(absorbed.need());
    merged.set_pending(state.merging().need() == absorbed.need());
    if (absorbed.unmerge_until_us() != 0) *merged.mutable_unmerge_limit_time() = ToTimestamp(absorbed.unmerge_until_us());
  }
  if (state.has_merging() && !state.merging().releasing()) {
    auto& merging = *need.add_merged();
    merging.set_need(state.merging().need());
    merging.set_pending(true);
  }
  for (const auto& link : state.links()) {
    auto& shown = *need.add_links();
    shown.set_need(link.need());
    shown.set_kind(link.kind());
  }
  for (const auto& alert : state.alerts()) {
    need.add_alerted(alert.unit().empty() ? worker_name(alert.worker()) : unit_name(alert.unit()));
  }
  return need;
}

}  // namespace gridloop
