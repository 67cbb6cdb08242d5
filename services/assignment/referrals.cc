// What is referred to somebody outside (转介): the centre's until their receipt is there.
#include "assignment/assignment.h"
#include "assignment/steps.h"
#include "commands/run.h"
#include "domain/clock_changes.h"
#include "domain/offers.h"

namespace gridloop {
namespace {

std::unexpected<Error> ReferralNotOpen() {
  return Fail(Code::kFailedPrecondition, "REFERRAL_NOT_OPEN", "This referral is not the one that waits; get the need and use its `referral`.",
              "该转介已变化，请刷新后再处理。");
}

}  // namespace

void FillReturn(const Snapshot* snapshot, const NeedState& head, int64_t now_us, Event* event) {
  event->set_type(v1::EVENT_TYPE_REFERRAL_RETURNED);
  auto& returned = *event->mutable_referral_returned();
  returned.set_referral(head.referral().event_id());
  *event->add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_CENTER, head, now_us);
  if (head.urgency() != v1::URGENCY_CRISIS) return;
  if (snapshot == nullptr) {
    returned.add_alerts()->set_unit(head.center());
    return;
  }
  for (v1::Alert& alert : CenterAlerts(*snapshot, now_us)) *returned.add_alerts() = std::move(alert);
}

void Assignment::ReferOut(const Caller& caller, const v1::ReferOutRequest& request, Callback<Expected<v1::ReferOutResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckId("to", request.to(), &violations);
  CheckText("reason", request.reason(), 1, 1000, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_REFERRED_OUT);
  event.mutable_referred_out()->set_to(request.to());
  event.mutable_referred_out()->set_reason(request.reason());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = TakesMore(head); !good) return good;
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_REFERRAL, head, now_us);
    AddPauses(head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "refer-out", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::ConfirmReferral(const Caller& caller, const v1::ConfirmReferralRequest& request, Callback<Expected<v1::ConfirmReferralResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string referral = CheckObjectId("referral", request.referral(), &violations);
  CheckText("receipt", request.receipt(), 1, 128, &violations);
  CheckText("reporter_sentence", request.reporter_sentence(), 1, 200, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_REFERRAL_RECEIVED);
  auto& payload = *event.mutable_referral_received();
  payload.set_referral(referral);
  payload.set_receipt(request.receipt());
  payload.set_reporter_sentence(request.reporter_sentence());
  auto decide = [referral](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    if (head.referral().event_id() != referral) return ReferralNotOpen();
    return {};
  };
  Run(world_, caller, request, "confirm-referral", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::ReturnReferral(const Caller& caller, const v1::ReturnReferralRequest& request, Callback<Expected<v1::ReturnReferralResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string referral = CheckObjectId("referral", request.referral(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_REFERRAL_RETURNED);
  event.mutable_referral_returned()->set_reason(request.reason());
  auto decide = [referral](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.referral().event_id() != referral) return ReferralNotOpen();
    FillReturn(snapshot, head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "return-referral", std::move(event), std::move(violations), decide, std::move(reply));
}

}  // namespace gridloop
