// Which loops need attention, and the log itself as a stream.
#include <algorithm>
#include <unordered_map>

#include "audit/audit.h"
#include "audit/words.h"
#include "commands/change_feed.h"
#include "domain/authorise.h"
#include "domain/joint_plan.h"
#include "domain/row_keys.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 200;
constexpr int kLookedAt = 4000;      // rows and records a call; what lies behind comes with the next page
constexpr int kEventsReadBack = 64;  // of one need, for one question
constexpr int kLongHolidayDays = 3;  // what falls due in such a one is listed before it
constexpr int kLongestRunDays = 31;  // of days off
constexpr int kHolidaySearchDays = 400;
constexpr int kRecordsAtATime = 200;
constexpr int64_t kMostEvents = 10'000'000;
constexpr size_t kNeedsRemembered = 10'000;

// Local midnight after the next run of days off, or after the one that it is.
std::optional<int64_t> HolidayEnd(const WorkCalendar& calendar, int64_t now_us) {
  auto is_off = [&](int64_t day) { return !calendar.IsWorkingDay(DateFromDays(day)); };
  const int64_t today = DaysFromDate(calendar.LocalDate(now_us));
  int64_t day = today;
  while (is_off(day) && is_off(day - 1) && day > today - kLongestRunDays) --day;  // one that has begun counts whole
  while (day < today + kHolidaySearchDays) {
    int64_t first = day;
    while (is_off(day) && day < first + kLongestRunDays) ++day;
    if (day - first >= kLongHolidayDays) return calendar.LocalMidnightUs(DateFromDays(day));
    ++day;
  }
  return std::nullopt;
}

// Looks at open needs; counts what it costs.
class Examiner {
 public:
  Examiner(World& world, int64_t due_before_us)
      : world_(world), snapshot_(world.snapshots.Active()), now_us_(world.clock.WallUs()), due_before_us_(due_before_us) {}

  int looked_at() const { return looked_at_; }
  // Set once what it needed of the log could not be read: what it said then is no answer.
  const std::optional<Error>& failure() const { return failure_; }

  // Nothing if it has no such problem (unspecified: any).
  std::optional<v1::OpenLoop> Examine(const NeedState& state, v1::LoopProblem wanted, bool cut) {
    ++looked_at_;
    const auto* next = NextClock(state);
    if (next == nullptr) return std::nullopt;
    std::vector<v1::ClockKind> chased = PassedKinds(state);
    const bool chases = std::ranges::any_of(state.clocks(), IsChasing);
    const bool late = !chased.empty() || next->start().due_us() <= now_us_;
    const bool due = next->start().due_us() < due_before_us_;
    const std::string orphaned = Orphaned(state);
    // What costs reading the log is asked only where it matters.
    auto may_be = [&](v1::LoopProblem problem) { return wanted == v1::LOOP_PROBLEM_UNSPECIFIED || wanted == problem; };
    bool worth_it = (late && may_be(v1::LOOP_PROBLEM_OVERDUE)) || (chases && may_be(v1::LOOP_PROBLEM_STUCK)) ||
                    (!orphaned.empty() && may_be(v1::LOOP_PROBLEM_ORPHANED)) || (due && may_be(v1::LOOP_PROBLEM_DUE));
    if (!worth_it) return std::nullopt;
    const bool stuck = chases && Stuck(state);
    if (wanted == v1::LOOP_PROBLEM_STUCK && !stuck) return std::nullopt;
    if (!late && !stuck && orphaned.empty() && !due) return std::nullopt;
    v1::OpenLoop loop;
    loop.set_name(state.subject());
    loop.set_number(state.number());
    *loop.mutable_deadline() = cut ? CutDeadline(*next) : ToDeadline(*next);
    auto add = [&loop, cut](v1::LoopProblem problem, std::string reason) {
      loop.add_problems(problem);
      if (cut) reason = "Restricted: only those assigned see more.";  // the reasons tell kind, stage and level
      loop.add_reasons(std::move(reason));
    };
    if (late) add(v1::LOOP_PROBLEM_OVERDUE, cut ? std::string() : WhyOverdue(state, chased, *next));
    if (stuck) {
      add(v1::LOOP_PROBLEM_STUCK,
          "It was escalated to level " + std::to_string(state.escalation_level()) + " and only urgings, notes and escalations, if anything, came since.");
    }
    if (!orphaned.empty()) add(v1::LOOP_PROBLEM_ORPHANED, orphaned);
    if (due) {
      add(v1::LOOP_PROBLEM_DUE, std::string("Its next deadline, for ") + WordsOf(ChasedKind(*next)).english + ", is " + Local(next->start().due_us()) +
                                    ", before " + Local(due_before_us_) + ".");
    }
    if (cut) return loop;
    loop.set_stage(state.stage());
    if (!state.owner().empty()) loop.set_owner("units/" + state.owner());
    if (!state.worker().empty()) loop.set_worker("workers/" + state.worker());
    return loop;
  }

 private:
  std::string Local(int64_t at_us) const { return LocalText(snapshot_ ? snapshot_->calendar() : no_calendar_, at_us); }

  // What stands still while a need is on hold is not late.
  static bool IsChasing(const store::v1::RunningClock& clock) { return clock.start().kind() == v1::CLOCK_KIND_CHASE && clock.paused_us() == 0; }

  // A clock that fires is replaced by its chase at once. A person may have what still has time chased too.
  static std::vector<v1::ClockKind> PassedKinds(const NeedState& state) {
    std::vector<v1::ClockKind> kinds;
    for (const auto& clock : state.clocks()) {
      if (!IsChasing(clock) || std::ranges::find(kinds, clock.start().chased()) != kinds.end()) continue;
      bool runs = std::ranges::any_of(state.clocks(), [&](const auto& each) {
        return each.start().kind() == clock.start().chased() && (!IsObligationClock(clock) || each.object() == clock.object());
      });
      if (!runs) kinds.push_back(clock.start().chased());
    }
    std::ranges::sort(kinds);
    return kinds;
  }

  std::string WhyOverdue(const NeedState& state, const std::vector<v1::ClockKind>& chased, const store::v1::RunningClock& next) {
    std::string kinds;
    for (v1::ClockKind kind : chased) kinds += (kinds.empty() ? "" : "; ") + (kind == v1::CLOCK_KIND_OBLIGATION ? Silent(state) : Since(state, kind));
    if (next.start().due_us() <= now_us_) {
      kinds += (kinds.empty() ? "" : "; ") + std::string(WordsOf(ChasedKind(next)).english) + ", since " + Local(next.start().due_us()) +
               ", on which nothing has acted yet";
    }
    return "Overdue: " + kinds + ".";
  }

  // Of a joint plan each party that is late, and since when.
  std::string Silent(const NeedState& state) const {
    std::string parties;
    for (const auto& obligation : state.obligations()) {
      if (!IsOpen(obligation) || obligation.deadline_us() > now_us_) continue;
      const bool declined = obligation.status() == v1::OBLIGATION_STATUS_DECLINED;
      parties += (parties.empty() ? "" : "; ") + std::string(declined ? "what its lead does about the refusal of " : "the obligation of ") +
                 PartyName(obligation.kind(), obligation.party()) + ", since " + Local(obligation.deadline_us());
    }
    return parties;
  }

  std::optional<Event> Read(uint64_t offset) {
    ++looked_at_;
    auto event = ReadEvent(world_, offset);
    if (event) return std::move(*event);
    failure_ = event.error();
    return std::nullopt;
  }
  static const store::v1::Applied* FindApplied(const NeedState& state, const std::string& event_id) {
    auto found = std::find_if(state.applied().rbegin(), state.applied().rend(), [&](const auto& each) { return each.event_id() == event_id; });
    return found == state.applied().rend() ? nullptr : &*found;
  }
  std::optional<Event> ReadStep(const NeedState& state, const std::string& event_id) {
    const auto* applied = FindApplied(state, event_id);
    return applied == nullptr ? std::nullopt : Read(applied->offset());
  }

  // "acceptance, since 2026-03-04 18:30": escalations lead back to the clock that passed.
  std::string Since(const NeedState& state, v1::ClockKind kind) {
    int64_t since_us = now_us_;
    bool known = false;
    for (const auto& clock : state.clocks()) {
      if (known || clock.start().kind() != v1::CLOCK_KIND_CHASE || clock.start().chased() != kind) continue;
      since_us = std::min(since_us, clock.started_us());
      std::string event_id = clock.object();
      for (int i = 0; i < kEventsReadBack; ++i) {
        auto event = ReadStep(state, event_id);
        if (!event || event->escalated().kind() == v1::CLOCK_KIND_UNSPECIFIED) break;  // by a person: another chase leads to the clock
        since_us = std::min(since_us, event->logged_at_us());
        event_id = event->escalated().object();
        if (event->escalated().kind() == v1::CLOCK_KIND_CHASE) continue;
        auto starter = ReadStep(state, event_id);
        if (!starter) break;
        for (const auto& start : starter->clocks()) {
          if (start.kind() != kind) continue;
          since_us = start.due_us();
          known = true;
        }
        break;
      }
    }
    return std::string(WordsOf(kind).english) + (known ? ", since " : ", since before ") + Local(since_us);
  }

  // Who urges, reports it too, writes a note, links it or escalates again does nothing about it.
  static bool LeavesItAsItIs(v1::EventType type) {
    return type == v1::EVENT_TYPE_URGED || type == v1::EVENT_TYPE_NOTE_ADDED || type == v1::EVENT_TYPE_ESCALATED || type == v1::EVENT_TYPE_JOINED ||
           type == v1::EVENT_TYPE_WITHDRAWN || type == v1::EVENT_TYPE_LINKED;
  }

  // Nobody has done anything else since the newest chase began.
  bool Stuck(const NeedState& state) {
    uint64_t newest = 0;
    for (const auto& clock : state.clocks()) {
      if (clock.start().kind() != v1::CLOCK_KIND_CHASE) continue;
      if (const auto* applied = FindApplied(state, clock.starter().empty() ? clock.object() : clock.starter()); applied != nullptr)
        newest = std::max(newest, applied->version());
    }
    // So many of them in a row and nothing else: stuck, whatever was before.
    for (int i = state.applied_size() - 1, read = 0; i >= 0 && state.applied(i).version() > newest && read < kEventsReadBack; --i, ++read) {
      auto event = Read(state.applied(i).offset());
      if (!event) return false;
      if (!LeavesItAsItIs(event->type())) return false;
    }
    return true;
  }

  std::string Orphaned(const NeedState& state) const {
    if (!snapshot_) return {};
    auto unit_is_there = [this](const std::string& id) { return snapshot_->UnitAt(id, now_us_) != nullptr; };
    if (!unit_is_there(state.owner())) return "Its owner is not in the active directory today.";
    bool to_a_unit = state.stage() == v1::STAGE_DISPATCHED || state.stage() == v1::STAGE_OFFERED;
    if (to_a_unit && !unit_is_there(state.unit())) return "The unit that it is offered to is not in the active directory today.";
    if (state.worker().empty()) return {};
    if (snapshot_->WorkerAt(state.worker(), now_us_) == nullptr) return "Its worker is not in the active directory today.";
    return {};
  }

  World& world_;
  std::shared_ptr<const Snapshot> snapshot_;
  WorkCalendar no_calendar_;
  int64_t now_us_;
  int64_t due_before_us_;
  int looked_at_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

void Audit::ListOpenLoops(const Caller& caller, const v1::ListOpenLoopsRequest& request, Callback<Expected<v1::ListOpenLoopsResponse>> reply) {
  const bool through_holiday = request.through_holiday();
  std::vector<FieldViolation> violations;
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  int64_t due_before_us = 0;
  if (request.has_due_before()) {
    due_before_us = CheckTime("due_before", request.due_before(), &violations).value_or(0);
    if (request.due_before().seconds() == 0) violations.push_back({"due_before", "must be after 1970 began"});
    if (through_holiday) violations.push_back({"due_before", "must be absent with through_holiday"});
  }
  if (!v1::LoopProblem_IsValid(request.problem())) violations.push_back({"problem", "must be overdue, stuck, orphaned, due or not said"});
  if (request.problem() == v1::LOOP_PROBLEM_DUE && !request.has_due_before() && !through_holiday) {
    violations.push_back({"due_before", "is required with the problem due; or through_holiday"});
  }
  std::string query = "ListOpenLoops " + std::to_string(request.problem()) + " " + (through_holiday ? std::string("holiday") : std::to_string(due_before_us));
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  v1::ListOpenLoopsResponse response;
  if (through_holiday) {
    auto snapshot = world_.snapshots.Active();
    auto end_us = snapshot ? HolidayEnd(snapshot->calendar(), world_.clock.WallUs()) : std::nullopt;
    if (!end_us) {
      return reply(Fail(Code::kFailedPrecondition, "NO_HOLIDAY",
                        "The active calendar knows of no three days off in a row from now on; say due_before, or enter the next year's holidays."));
    }
    due_before_us = *end_us;
  }
  if (due_before_us != 0) *response.mutable_due_before() = ToTimestamp(due_before_us);
  Examiner examiner(world_, due_before_us);
  const v1::Actor actor = WhoAsks(world_, caller);
  const int size = PageSize(request.page_size());
  std::string place = *after;
  while (true) {
    auto page = ReadRows(world_.view, rows::DuePrefix(), place, kRowsAtATime, at_least);
    if (!page) return reply(std::unexpected(page.error()));
    for (const Row& row : page->rows) {
      // Rows come by their time: nothing behind falls due earlier.
      if (request.problem() == v1::LOOP_PROBLEM_DUE && static_cast<int64_t>(rows::NumberBeforeSubject(row.key)) >= due_before_us) {
        return reply(std::move(response));
      }
      if (response.loops_size() == size || examiner.looked_at() >= kLookedAt) {
        response.set_next_page_token(world_.secret.PageToken(query, place));
        return reply(std::move(response));
      }
      place = row.key;
      auto found = StateNow(world_, rows::SubjectOf(row.key));
      if (!found) return reply(std::unexpected(std::move(found.error())));
      const auto& state = *found;
      if (!state || Ended(*state)) continue;
      auto loop = examiner.Examine(*state, request.problem(), MustCut(actor, *state));
      if (examiner.failure()) return reply(std::unexpected(*examiner.failure()));
      if (!loop) continue;
      if (actor.role() == v1::ROLE_OVERSIGHT) loop->clear_worker();  // figures and loops, nobody who works on them
      *response.add_loops() = std::move(*loop);
    }
    if (page->next_key.empty()) return reply(std::move(response));
  }
}

void Audit::ExportEvents(const Caller& caller, const v1::ExportEventsRequest& request, std::shared_ptr<Sink<v1::ExportEventsResponse>> sink) {
  std::vector<FieldViolation> violations;
  std::optional<Position> from = Position{};
  if (!request.from_position().empty()) {
    from = ParsePosition(request.from_position());
    if (!from || from->partition != 0) violations.push_back({"from_position", "must be a position that an answer gave"});
  }
  if (request.max_events() < 0 || request.max_events() > kMostEvents) violations.push_back({"max_events", "must be 0 to 10,000,000"});
  if (auto refused = Refuse(std::move(violations))) return sink->Finish(std::move(refused));
  auto end = world_.ledger.End(0);
  if (!end) return sink->Finish(end.error());
  struct Place {
    uint64_t next = 0;
    uint64_t end = 0;
    bool follows = false;
    bool whole = false;                          // the caller gets everything
    std::unordered_map<std::string, bool> open;  // needs that anybody who may export reads; few remembered
    Subscription watch;
  };
  auto place = std::make_shared<Place>();
  place->whole = caller.actor.role() == v1::ROLE_SYSTEM;
  place->next = from->offset;
  place->follows = request.max_events() > 0;
  place->end = place->follows ? from->offset + static_cast<uint64_t>(request.max_events()) : end->offset;
  // Closed by default: bytes of what is not known to be an unrestricted need stay here.
  auto may_read = [this, place](const std::string& bytes) -> Expected<bool> {
    if (place->whole) return true;
    Event event;
    if (!event.ParseFromString(bytes) || event.has_figures_frozen()) return false;
    if (event.submitted().restricted() || event.joined().judgement().restricted() || event.merge_confirmed().judgement().restricted()) return false;
    auto known = place->open.find(event.subject());
    if (known == place->open.end()) {
      auto state = StateNow(world_, event.subject());
      if (!state) return std::unexpected(state.error());
      if (place->open.size() >= kNeedsRemembered) place->open.clear();
      known = place->open.emplace(event.subject(), *state && !(*state)->restricted()).first;
    }
    return known->second;
  };
  auto pump = pumps_.Add([this, place, sink, may_read]() -> Pumps::Next {
    if (place->next >= place->end) {
      sink->Finish();
      return Pumps::Next::kDone;
    }
    auto limit = static_cast<int>(std::min<uint64_t>(kRecordsAtATime, place->end - place->next));
    auto records = world_.ledger.ReadFrom({0, place->next}, limit);
    if (!records) {
      sink->Finish(records.error());
      return Pumps::Next::kDone;
    }
    for (Record& record : *records) {
      v1::ExportEventsResponse response;
      response.set_position(ToText(record.position));
      response.set_void_reason(std::string(VoidName(record.verdict)));
      response.set_digest(Hex(Sha256(record.value)));
      auto readable = may_read(record.value);
      if (!readable) {  // what cannot be read now is not what may not be read; the caller resumes from here
        sink->Finish(readable.error());
        return Pumps::Next::kDone;
      }
      if (*readable) response.set_event(std::move(record.value));
      if (!sink->Write(response)) return Pumps::Next::kWait;
      place->next = record.position.offset + 1;
    }
    return records->empty() ? Pumps::Next::kWait : Pumps::Next::kAgain;
  });
  if (!pump) return sink->Finish(TooManyStreams());
  // Each applied event moves its need's row; whatever else is logged is found at the next look.
  if (place->follows) place->watch = world_.view.Watch("a", [pump] { pump->Wake(); });
  sink->OnReady([pump] { pump->Wake(); });
  sink->OnCancel([pump] { pump->Stop(); });
  pump->Wake();
}

}  // namespace gridloop
