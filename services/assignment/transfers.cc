// Another unit takes a need over (转派).
#include "assignment/assignment.h"
#include "assignment/steps.h"
#include "commands/run.h"
#include "domain/offers.h"

namespace gridloop {
namespace {

std::unexpected<Error> TransferNotOpen() {
  return Fail(Code::kFailedPrecondition, "TRANSFER_NOT_OPEN", "This transfer is not the one that waits; get the need and use its `transfer`.",
              "该转派已变化，请刷新后再处理。");
}

// Is the unit there to have it, today?
Expected<void> CheckTarget(const Snapshot* snapshot, const NeedState& head, const std::string& unit, int64_t now_us) {
  if (auto good = CheckUnitToday(snapshot, unit, now_us); !good) return good;
  if (unit == snapshot->center()) {
    return Fail(Code::kFailedPrecondition, "UNIT_IS_CENTER", "The centre takes needs back with RecallNeed; ask it to.", "不能转派给中心，请联系中心收回。");
  }
  if (unit == head.unit()) return Fail(Code::kFailedPrecondition, "SAME_UNIT", "The need is that unit's already.", "该件已由此单位承办。");
  return {};
}

}  // namespace

void Assignment::ProposeTransfer(const Caller& caller, const v1::ProposeTransferRequest& request, Callback<Expected<v1::ProposeTransferResponse>> reply) {
  std::vector<FieldViolation> violations;
  const std::string unit = CheckUnitName("unit", request.unit(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_TRANSFER_PROPOSED);
  event.mutable_transfer_proposed()->set_unit(unit);
  event.mutable_transfer_proposed()->set_reason(request.reason());
  auto decide = [unit](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.has_transfer()) {
      return Fail(Code::kFailedPrecondition, "TRANSFER_OPEN", "A transfer waits for an answer already; one at a time.", "已有转派待对方答复。");
    }
    if (auto good = CheckTarget(snapshot, head, unit, now_us); !good) return good;
    if (auto good = TakesMore(head); !good) return good;
    made.mutable_transfer_proposed()->set_station(snapshot->StationOf(unit));
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_TRANSFER, head, now_us);
    return {};
  };
  Run(world_, caller, request, "propose-transfer", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::AcceptTransfer(const Caller& caller, const v1::AcceptTransferRequest& request, Callback<Expected<v1::AcceptTransferResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string transfer = CheckObjectId("transfer", request.transfer(), &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_TRANSFERRED);
  event.mutable_transferred()->set_transfer(transfer);
  auto decide = [transfer](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.transfer().event_id() != transfer) return TransferNotOpen();
    if (auto good = CheckTarget(snapshot, head, head.transfer().unit(), now_us); !good) return good;
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_ASSIGNMENT, head, now_us);
    if (head.urgency() != v1::URGENCY_CRISIS) return {};
    made.mutable_transferred()->add_alerts()->set_unit(head.transfer().station());
    for (v1::Alert& alert : CenterAlerts(*snapshot, now_us)) *made.mutable_transferred()->add_alerts() = std::move(alert);
    return {};
  };
  Run(world_, caller, request, "accept-transfer", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::DeclineTransfer(const Caller& caller, const v1::DeclineTransferRequest& request, Callback<Expected<v1::DeclineTransferResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string transfer = CheckObjectId("transfer", request.transfer(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_TRANSFER_DECLINED);
  event.mutable_transfer_declined()->set_transfer(transfer);
  event.mutable_transfer_declined()->set_reason(request.reason());
  auto decide = [transfer](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    if (head.transfer().event_id() != transfer) return TransferNotOpen();
    return {};
  };
  Run(world_, caller, request, "decline-transfer", std::move(event), std::move(violations), decide, std::move(reply));
}

}  // namespace gridloop
