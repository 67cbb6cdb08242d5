// Workers of other units who help (协办); the need stays with its unit.
#include <algorithm>

#include "assignment/assignment.h"
#include "assignment/steps.h"
#include "commands/run.h"

namespace gridloop {
namespace {

constexpr int kMostSupports = 5;

}  // namespace

void Assignment::AddSupport(const Caller& caller, const v1::AddSupportRequest& request, Callback<Expected<v1::AddSupportResponse>> reply) {
  std::vector<FieldViolation> violations;
  const std::string unit = CheckUnitName("unit", request.unit(), &violations);
  const std::string worker = CheckWorkerName("worker", request.worker(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_SUPPORT_ADDED);
  auto& payload = *event.mutable_support_added();
  payload.set_unit(unit);
  payload.set_worker(worker);
  payload.set_reason(request.reason());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    auto& added = *made.mutable_support_added();
    if (auto good = CheckUnitToday(snapshot, added.unit(), now_us); !good) return good;
    if (added.unit() == head.unit()) {
      return Fail(Code::kFailedPrecondition, "SAME_UNIT", "The need is that unit's; AssignWorker names its co-workers.",
                  "该件由此单位承办，请直接指派协办社工。");
    }
    const bool helps = std::ranges::find(head.supports(), added.worker(), &store::v1::Support::worker) != head.supports().end();
    if (helps || added.worker() == head.worker()) {
      return Fail(Code::kFailedPrecondition, "WORKS_ON_IT_ALREADY", "That worker works on the need already.", "该社工已在办理此件。");
    }
    if (head.supports_size() >= kMostSupports) {
      return Fail(Code::kResourceExhausted, "TOO_MANY_SUPPORTS", "Five workers of other units help already; end one of them first.", "协办社工已达5名。");
    }
    auto organisations = OrganisationsOf(snapshot, now_us, {added.worker()});
    if (!organisations) return std::unexpected(organisations.error());
    if (std::ranges::count(snapshot->WorkersAt(added.unit(), now_us), snapshot->WorkerAt(added.worker(), now_us)) == 0) {
      return Fail(Code::kFailedPrecondition, "NOT_POSTED", "Worker " + added.worker() + " has no post at that unit today.", "该社工当前不在该单位任职。");
    }
    if (auto good = TakesMore(head); !good) return good;
    added.set_station(snapshot->StationOf(added.unit()));
    added.set_organisation(organisations->empty() ? std::string() : *organisations->begin());
    return {};
  };
  Run(world_, caller, request, "add-support", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::EndSupport(const Caller& caller, const v1::EndSupportRequest& request, Callback<Expected<v1::EndSupportResponse>> reply) {
  std::vector<FieldViolation> violations;
  const std::string worker = CheckWorkerName("worker", request.worker(), &violations);
  CheckText("reason", request.reason(), 0, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_SUPPORT_ENDED);
  event.mutable_support_ended()->set_worker(worker);
  event.mutable_support_ended()->set_reason(request.reason());
  auto decide = [actor = caller.actor](const NeedState& head, const Snapshot*, int64_t, Event& made) -> Expected<void> {
    auto& ended = *made.mutable_support_ended();
    auto support = std::ranges::find(head.supports(), ended.worker(), &store::v1::Support::worker);
    if (support == head.supports().end()) {
      return Fail(Code::kFailedPrecondition, "NO_SUPPORT", "That worker does not help with the need; get the need and look at its `supports`.",
                  "该社工未协办此件，请刷新后再处理。");
    }
    // A unit that helps speaks for its own workers only.
    const bool its_own = actor.unit() == head.unit() || actor.unit() == head.station();
    const bool that_unit = actor.unit() == support->unit() || actor.unit() == support->station();
    if (actor.role() == v1::ROLE_STATION_HEAD && !its_own && !that_unit) {
      return Fail(Code::kPermissionDenied, "NOT_YOUR_WORKER", "That worker is of another unit; its head, or the need's, ends it.", "该社工不属于您的单位。");
    }
    ended.set_unit(support->unit());
    return {};
  };
  Run(world_, caller, request, "end-support", std::move(event), std::move(violations), decide, std::move(reply));
}

}  // namespace gridloop
