// Which loops need attention, and the log itself as a stream.
#include <algorithm>

#include "audit/audit.h"
#include "commands/change_feed.h"
#include "commands/reactor.h"
#include "domain/authorise.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 200;
constexpr int kRowsLookedAt = 4000;  // a call; what lies behind comes with the next page
constexpr int kRecordsAtATime = 200;
constexpr int64_t kMostEvents = 10'000'000;

void AddProblem(v1::LoopProblem problem, std::string reason, v1::OpenLoop* loop) {
  loop->add_problems(problem);
  loop->add_reasons(std::move(reason));
}

v1::OpenLoop Examine(const NeedState& state, const Snapshot* snapshot, int64_t now_us, bool cut) {
  v1::OpenLoop loop;
  loop.set_name(state.subject());
  loop.set_number(state.number());
  const auto* next = NextClock(state);
  if (next == nullptr) return loop;
  *loop.mutable_deadline() = ToDeadline(*next);
  if (next->start().due_us() <= now_us) AddProblem(v1::LOOP_PROBLEM_OVERDUE, "Its next deadline has passed and nothing has acted on it yet.", &loop);
  // The escalation is the last thing that happened, and its chase still runs.
  bool stuck = std::ranges::any_of(state.clocks(),
                                   [&](const auto& clock) { return clock.start().kind() == v1::CLOCK_KIND_CHASE && clock.object() == state.head_event_id(); });
  if (stuck) {
    AddProblem(v1::LOOP_PROBLEM_STUCK, "It was escalated to level " + std::to_string(state.escalation_level()) + " and nothing has happened since.", &loop);
  }
  if (snapshot != nullptr) {
    const v1::Unit* owner = snapshot->FindUnit(state.owner());
    if (owner == nullptr || !snapshot->IsValid(owner->validity(), now_us)) {
      AddProblem(v1::LOOP_PROBLEM_ORPHANED, "Its owner is not in the active directory today.", &loop);
    } else if (!state.worker().empty() && snapshot->FindWorker(state.worker()) == nullptr) {
      AddProblem(v1::LOOP_PROBLEM_ORPHANED, "Its worker is not in the active directory.", &loop);
    }
  }
  if (cut) return loop;
  loop.set_stage(state.stage());
  if (!state.owner().empty()) loop.set_owner("units/" + state.owner());
  if (!state.worker().empty()) loop.set_worker("workers/" + state.worker());
  return loop;
}

}  // namespace

void Audit::ListOpenLoops(const Caller& caller, const v1::ListOpenLoopsRequest& request, Callback<Expected<v1::ListOpenLoopsResponse>> reply) {
  std::string query = "ListOpenLoops " + std::to_string(request.problem());
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (!v1::LoopProblem_IsValid(request.problem())) violations.push_back({"problem", "must be overdue, stuck, orphaned or not said"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto snapshot = world_.snapshots.Active();
  const int64_t now_us = world_.clock.WallUs();
  const int size = PageSize(request.page_size());
  v1::ListOpenLoopsResponse response;
  std::string place = *after;
  for (int looked_at = 0; looked_at < kRowsLookedAt;) {
    Expected<RowPage> page;
    world_.view.Scan(rows::DuePrefix(), place, kRowsAtATime, std::nullopt, [&page](Expected<RowPage> scanned) { page = std::move(scanned); });
    if (!page) return reply(std::unexpected(page.error()));
    for (const Row& row : page->rows) {
      if (response.loops_size() == size) {
        response.set_next_page_token(world_.secret.PageToken(query, place));
        return reply(std::move(response));
      }
      place = row.key;
      ++looked_at;
      auto state = StateNow(world_, std::string(rows::SubjectOf(row.key)));
      if (!state || Ended(*state)) continue;
      v1::OpenLoop loop = Examine(*state, snapshot.get(), now_us, MustCut(caller.actor, *state));
      bool wanted = request.problem() == v1::LOOP_PROBLEM_UNSPECIFIED ? loop.problems_size() > 0
                                                                      : std::ranges::find(loop.problems(), request.problem()) != loop.problems().end();
      if (wanted) *response.add_loops() = std::move(loop);
    }
    if (page->next_key.empty()) return reply(std::move(response));
  }
  response.set_next_page_token(world_.secret.PageToken(query, place));
  reply(std::move(response));
}

void Audit::ExportEvents(const Caller&, const v1::ExportEventsRequest& request, std::shared_ptr<Sink<v1::ExportEventsResponse>> sink) {
  std::vector<FieldViolation> violations;
  std::optional<Position> from = Position{};
  if (!request.from_position().empty()) {
    from = ParsePosition(request.from_position());
    if (!from || from->partition != 0) violations.push_back({"from_position", "must be a position that an answer gave"});
  }
  if (request.max_events() < 0 || request.max_events() > kMostEvents) violations.push_back({"max_events", "must be 0 to 10,000,000"});
  if (auto refused = Refuse(std::move(violations))) return sink->Finish(std::move(*refused));
  auto end = world_.ledger.End(0);
  if (!end) return sink->Finish(end.error());
  struct Place {
    uint64_t next = 0;
    uint64_t end = 0;
    bool follows = false;
    Subscription watch;
  };
  auto place = std::make_shared<Place>();
  place->next = from->offset;
  place->follows = request.max_events() > 0;
  place->end = place->follows ? from->offset + static_cast<uint64_t>(request.max_events()) : end->offset;
  auto pump = pumps_.Add([this, place, sink]() -> Pumps::Next {
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
      response.set_event(std::move(record.value));
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
