#include "routing/routing.h"

#include <algorithm>

#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/offers.h"
#include "domain/routing.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr uint32_t kBouncesThatBind = 2;

// Starts what a dispatch starts: the time for making the offer and, the first time, the promises.
void StartDispatchClocks(const Snapshot* snapshot, const NeedState& head, int64_t now_us, Event* event) {
  bool routing_runs = false;
  for (const auto& clock : head.clocks()) routing_runs |= clock.start().kind() == v1::CLOCK_KIND_ROUTING;
  if (!routing_runs) *event->add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ROUTING, head, now_us);
  if (head.promised()) return;
  *event->add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ACCEPTANCE, head, now_us);
  *event->add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ASSESSMENT, head, now_us);
}

// A crisis that waits for the centre rings there in person.
void RingTheCentre(const Snapshot* snapshot, const NeedState& head, int64_t now_us, v1::Held* held) {
  if (snapshot == nullptr) {
    held->add_alerts()->set_unit(head.center());
    return;
  }
  for (v1::Alert& alert : CenterAlerts(*snapshot, now_us)) *held->add_alerts() = std::move(alert);
}

// Can it be dispatched to now?
Expected<void> CheckUnit(const Snapshot* snapshot, const std::string& unit, int64_t now_us) {
  if (snapshot == nullptr) return NoDirectory();
  const v1::Unit* found = snapshot->UnitAt(unit, now_us);
  if (found != nullptr && found->kind() != v1::UNIT_KIND_CENTER) return {};
  return Fail(Code::kFailedPrecondition, "UNIT_NOT_FOUND",
              "The active directory has no such station, room or special unit today; choose one with DispatchNeed.", "机构目录中没有该单位，请另选单位派单。");
}

Expected<void> CheckHeld(const NeedState& head, const std::string& held) {
  if (head.stage() == v1::STAGE_HELD && head.held_event_id() == held) return {};
  return Fail(Code::kFailedPrecondition, "NOT_HELD", "This is not the decision that waits now; get the need and use its `held`.",
              "该待处理事项已变化，请刷新后再操作。");
}

}  // namespace

void Routing::Start(std::function<bool()> clock_is_good) {
  reactor_ = std::make_unique<Reactor>(world_, Reactor::Options{.prefix = rows::WantPrefix('r')},
                                       [this](const std::string& subject, auto done) { RouteOne(subject, std::move(done)); });
  vanished_ = std::make_unique<VanishedUnits>(world_, std::move(clock_is_good));
}

void Routing::Stop() {
  vanished_.reset();
  reactor_.reset();
}

void Routing::RouteOne(const std::string& subject, std::function<void(bool again_later)> done) {
  auto found = StateNow(world_, subject);
  if (!found) return done(true);
  const auto& state = *found;
  if (!state || Wants(*state) != Want::kRoute) return done(false);
  auto snapshot = world_.snapshots.Active();
  React(
      world_, snapshot, subject, state->head_event_id(), "route", "routing",
      [snapshot](const NeedState& head, int64_t now_us) -> Expected<Event> {
        if (Wants(head) != Want::kRoute) return Fail(Code::kAborted, "WANT_GONE", "The need wants no route any more.");
        Event event;
        v1::RoutingReceipt receipt;
        if (snapshot) {
          receipt = Route(*snapshot, RoutingInputsOf(head, now_us));
        } else {
          receipt.set_held_reason(v1::HELD_REASON_NO_DIRECTORY);
        }
        if (receipt.held_reason() == v1::HELD_REASON_UNSPECIFIED) {
          event.set_type(v1::EVENT_TYPE_DISPATCHED);
          auto& dispatched = *event.mutable_dispatched();
          dispatched.set_unit(BareId(receipt.unit()));
          dispatched.set_station(BareId(receipt.station()));
          dispatched.set_community(receipt.community());
          *dispatched.mutable_receipt() = std::move(receipt);
          StartDispatchClocks(snapshot.get(), head, now_us, &event);
        } else {
          event.set_type(v1::EVENT_TYPE_HELD);
          auto& held = *event.mutable_held();
          held.set_reason(receipt.held_reason());
          held.set_proposed_unit(BareId(receipt.unit()));
          held.set_proposed_station(BareId(receipt.station()));
          *held.mutable_receipt() = std::move(receipt);
          if (head.urgency() == v1::URGENCY_CRISIS) RingTheCentre(snapshot.get(), head, now_us, &held);
          *event.add_clocks() = StartClock(snapshot.get(), v1::CLOCK_KIND_CENTER, head, now_us);
        }
        return event;
      },
      std::move(done));
}

void Routing::ExplainRoute(const Caller&, const v1::ExplainRouteRequest& request, Callback<Expected<v1::ExplainRouteResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  if (!snapshot) return reply(NoDirectory());
  v1::RoutingInputs inputs = request.inputs();
  if (!inputs.has_decision_time()) *inputs.mutable_decision_time() = ToTimestamp(world_.clock.WallUs());
  v1::ExplainRouteResponse response;
  *response.mutable_receipt() = Route(*snapshot, inputs);
  reply(std::move(response));
}

void Routing::ReplayRoute(const Caller& caller, const v1::ReplayRouteRequest& request, Callback<Expected<v1::ReplayRouteResponse>> reply) {
  auto read = CheckRead(world_, request.name(), request.at_least());
  if (!read) return reply(std::unexpected(read.error()));
  auto found = ReadState(world_.view, read->subject, read->at_least);
  if (!found) return reply(std::unexpected(std::move(found.error())));
  const auto& state = *found;
  if (MustCut(WhoAsks(world_, caller), *state)) {
    return reply(Fail(Code::kPermissionDenied, "NEED_RESTRICTED", "This need is restricted: its receipt is only for those assigned.",
                      "此件为限制查看的需求，仅指派人员可查看。"));
  }
  for (int i = state->applied_size() - 1; i >= 0; --i) {
    const auto& applied = state->applied(i);
    if (request.version() != 0 && applied.version() != request.version()) continue;
    auto event = ReadEvent(world_, applied.offset());
    if (!event) return reply(std::unexpected(event.error()));
    v1::RoutingReceipt stored = event->has_dispatched() ? event->dispatched().receipt() : event->held().receipt();
    if (stored.directory_hash().empty()) continue;
    auto snapshot = world_.snapshots.Load(HashesOf(*event));
    if (!snapshot) return reply(std::unexpected(snapshot.error()));
    v1::ReplayRouteResponse response;
    *response.mutable_computed() = Route(**snapshot, stored.inputs());
    for (auto& field : DifferingFields(stored, response.computed())) response.add_differing_fields(std::move(field));
    response.set_same(response.differing_fields().empty());
    *response.mutable_stored() = std::move(stored);
    return reply(std::move(response));
  }
  reply(Fail(Code::kNotFound, "RECEIPT_NOT_FOUND", "The need has no routing receipt at this version; GetTimeline shows which versions have one."));
}

void Routing::ConfirmDispatch(const Caller& caller, const v1::ConfirmDispatchRequest& request, Callback<Expected<v1::ConfirmDispatchResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string held = CheckObjectId("held", request.held(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_DISPATCHED);
  event.mutable_dispatched()->set_held(held);
  auto decide = [held](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = CheckHeld(head, held); !good) return good;
    if (head.proposed_unit().empty()) {
      return Fail(Code::kFailedPrecondition, "NO_PROPOSAL", "Nothing is proposed; choose a unit with DispatchNeed.", "没有可确认的建议，请直接选择单位派单。");
    }
    // The directory may have changed since it was proposed.
    if (auto good = CheckUnit(snapshot, head.proposed_unit(), now_us); !good) return good;
    made.mutable_dispatched()->set_unit(head.proposed_unit());
    made.mutable_dispatched()->set_station(snapshot->StationOf(head.proposed_unit()));  // the directory of today says
    StartDispatchClocks(snapshot, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "confirm-dispatch", std::move(event), std::move(violations), decide, std::move(reply));
}

void Routing::DispatchNeed(const Caller& caller, const v1::DispatchNeedRequest& request, Callback<Expected<v1::DispatchNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string held = CheckObjectId("held", request.held(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  if (!request.unit().starts_with("units/")) violations.push_back({"unit", "must be units/ and an id that ListUnits gives"});
  Event event;
  event.set_type(v1::EVENT_TYPE_DISPATCHED);
  event.mutable_dispatched()->set_held(held);
  event.mutable_dispatched()->set_reason(request.reason());
  auto decide = [held, unit = BareId(request.unit())](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = CheckHeld(head, held); !good) return good;
    if (auto good = CheckUnit(snapshot, unit, now_us); !good) return good;
    auto& dispatched = *made.mutable_dispatched();
    dispatched.set_unit(unit);
    dispatched.set_station(snapshot->StationOf(unit));
    dispatched.set_binding(head.bounces() >= kBouncesThatBind);
    StartDispatchClocks(snapshot, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "dispatch", std::move(event), std::move(violations), decide, std::move(reply));
}

void Routing::RecallNeed(const Caller& caller, const v1::RecallNeedRequest& request, Callback<Expected<v1::RecallNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_RECALLED);
  event.mutable_recalled()->set_reason(request.reason());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_CENTER, head, now_us);
    return {};
  };
  Run(world_, caller, request, "recall", std::move(event), std::move(violations), decide, std::move(reply));
}

void Routing::ListHeldNeeds(const Caller& caller, const v1::ListHeldNeedsRequest& request, Callback<Expected<v1::ListHeldNeedsResponse>> reply) {
  std::string query = "ListHeldNeeds " + caller.actor.unit();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  const int size = PageSize(request.page_size());
  v1::ListHeldNeedsResponse response;
  const v1::Actor actor = WhoAsks(world_, caller);
  std::string next = *after;
  // What waits for a decision by its deadline, then what has conflicting reports.
  for (const std::string& prefix : {rows::HeldPrefix(), rows::ConflictPrefix()}) {
    if (!after->empty() && !after->starts_with(prefix) && prefix < *after) continue;  // that part has been listed
    int room = size - response.needs_size();
    if (room <= 0) break;
    auto page = ReadRows(world_.view, prefix, after->starts_with(prefix) ? *after : std::string(), room, at_least);
    if (!page) return reply(std::unexpected(std::move(page.error())));
    for (const Row& row : page->rows) {
      next = row.key;
      auto state = StateNow(world_, rows::SubjectOf(row.key));
      if (!state) return reply(std::unexpected(std::move(state.error())));
      if (!*state || (prefix == rows::ConflictPrefix() && (*state)->stage() == v1::STAGE_HELD)) continue;  // listed once
      *response.add_needs() = StaffNeed(**state, actor);
    }
    bool more = !page->next_key.empty() ||
                (prefix == rows::HeldPrefix() && static_cast<int>(page->rows.size()) == room && world_.view.Count(rows::ConflictPrefix(), 1).value_or(1) > 0);
    if (more) response.set_next_page_token(world_.secret.PageToken(query, next));
    if (!response.next_page_token().empty()) break;
  }
  reply(std::move(response));
}

}  // namespace gridloop
