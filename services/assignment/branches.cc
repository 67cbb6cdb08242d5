// What was found too thin or too early: questions to the reporter, extensions, holds.
#include <algorithm>

#include "assignment/assignment.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/clock_changes.h"
#include "domain/clocks.h"

namespace gridloop {
namespace {

// More than one need is ever worth asking about; each pauses what its unit owes.
constexpr uint32_t kMostQuestions = 5;
constexpr int64_t kLongestUs = 180LL * 86'400'000'000;

// A crisis; or what the station's head asks, or has nobody beside who asks to decide.
bool CentreDecides(const Snapshot* snapshot, const NeedState& head, const v1::Actor& asks, int64_t now_us) {
  if (head.urgency() == v1::URGENCY_CRISIS || asks.role() == v1::ROLE_STATION_HEAD || head.station() == head.center()) return true;
  if (snapshot == nullptr || head.station() == snapshot->center()) return snapshot != nullptr;
  return std::ranges::none_of(snapshot->WorkersAt(head.station(), now_us), [&](const v1::Worker* worker) {
    return BareId(worker->name()) != asks.worker() && snapshot->IsHead(*worker, head.station(), now_us);
  });
}

std::unexpected<Error> NotOpen(const std::string& reason, const std::string& what, const std::string& field, std::string zh) {
  return Fail(Code::kFailedPrecondition, reason, "This " + what + " is not the one that waits; get the need and use its `" + field + "`.", std::move(zh));
}

// Of a request for an extension or a hold.
Expected<void> CheckDecider(const store::v1::OpenRequest& asked, const v1::Actor& actor) {
  if (!asked.worker().empty() && asked.worker() == actor.worker()) {
    return Fail(Code::kPermissionDenied, "DECIDER_INVOLVED", "Who asked for it does not decide on it; let somebody else decide.", "申请人不能审批自己的申请。");
  }
  if (asked.decided_by_center() == IsCentreStaff(actor)) return {};
  return Fail(Code::kPermissionDenied, "OTHER_DECIDER",
              asked.decided_by_center() ? "The centre decides on this request." : "The station's head decides on this request.",
              asked.decided_by_center() ? "此申请由中心审批。" : "此申请由站长审批。");
}

// A time that is asked for: not past, not for ever.
std::optional<int64_t> CheckEnd(std::string_view field, bool given, const google::protobuf::Timestamp& time, int64_t now_us,
                                std::vector<FieldViolation>* violations) {
  if (!given) {
    violations->push_back({std::string(field), "is required"});
    return std::nullopt;
  }
  auto end_us = CheckTime(field, time, violations);
  if (end_us && (*end_us <= now_us || *end_us > now_us + kLongestUs)) {
    violations->push_back({std::string(field), "must be after now and at most 180 days from now"});
  }
  return end_us;
}

}  // namespace

void Assignment::RequestInformation(const Caller& caller, const v1::RequestInformationRequest& request,
                                    Callback<Expected<v1::RequestInformationResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("question", request.question(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_INFORMATION_REQUESTED);
  event.mutable_information_requested()->set_question(request.question());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (!head.information_event_id().empty()) {
      return Fail(Code::kFailedPrecondition, "INFORMATION_OPEN",
                  "A question to the reporter is open; wait for the answer, or answer it yourself with ProvideInformation.",
                  "已有补正要求未答复，请等待答复或代为补充。");
    }
    if (head.information_requests() >= kMostQuestions) {
      return Fail(Code::kResourceExhausted, "TOO_MANY_REQUESTS", "The reporter has been asked 5 times, which is all; call, or go there and note what you find.",
                  "补正次数已达上限，请电话联系或上门核实。");
    }
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_INFORMATION, head, now_us);
    AddPauses(head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "request-information", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RequestExtension(const Caller& caller, const v1::RequestExtensionRequest& request, Callback<Expected<v1::RequestExtensionResponse>> reply) {
  std::vector<FieldViolation> violations;
  if (!IsStepClock(request.clock())) violations.push_back({"clock", "must be assignment, assessment, grading, planning or service"});
  auto due_us = CheckEnd("due_time", request.has_due_time(), request.due_time(), world_.clock.WallUs(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_EXTENSION_REQUESTED);
  auto& payload = *event.mutable_extension_requested();
  payload.set_kind(request.clock());
  payload.set_due_us(due_us.value_or(0));
  payload.set_reason(request.reason());
  auto decide = [asks = caller.actor](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.has_extension()) {
      return Fail(Code::kFailedPrecondition, "EXTENSION_OPEN", "An extension waits for a decision already; one at a time.", "已有延期申请待审批。");
    }
    if (auto good = TakesMore(head); !good) return good;
    auto& asked = *made.mutable_extension_requested();
    const auto clock = std::ranges::find_if(
        head.clocks(), [&](const auto& each) { return each.start().kind() == asked.kind() && each.paused_us() == 0 && each.start().due_us() > now_us; });
    if (clock == head.clocks().end()) {
      return Fail(Code::kFailedPrecondition, "CLOCK_NOT_RUNNING",
                  "This clock does not run: it has not begun, has passed or stands still; get the need and look at its deadlines.",
                  "该时限未在计时（未开始、已到期或已暂停）。");
    }
    if (asked.due_us() <= clock->start().due_us()) {
      return std::unexpected(*Refuse({{"due_time", "is not later than the present deadline; choose a later one"}}));
    }
    asked.set_object(clock->object());
    asked.set_decided_by_center(CentreDecides(snapshot, head, asks, now_us));
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_EXTENSION, head, now_us);
    return {};
  };
  Run(world_, caller, request, "request-extension", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::DecideExtension(const Caller& caller, const v1::DecideExtensionRequest& request, Callback<Expected<v1::DecideExtensionResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string extension = CheckObjectId("extension", request.extension(), &violations);
  CheckText("reasons", request.reasons(), request.approve() ? 0 : 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_EXTENSION_DECIDED);
  auto& payload = *event.mutable_extension_decided();
  payload.set_request(extension);
  payload.set_approved(request.approve());
  payload.set_reasons(request.reasons());
  auto decide = [extension, actor = caller.actor](const NeedState& head, const Snapshot*, int64_t now_us, Event& made) -> Expected<void> {
    const auto& asked = head.extension();
    if (asked.event_id() != extension) return NotOpen("EXTENSION_NOT_OPEN", "extension", "extension", "该延期申请已变化，请刷新后再审批。");
    if (auto good = CheckDecider(asked, actor); !good) return good;
    if (!made.extension_decided().approved()) return {};
    if (asked.due_us() <= now_us) {
      return Fail(Code::kFailedPrecondition, "EXTENSION_TOO_LATE", "The time that was asked for has passed; refuse it, and let a later one be asked for.",
                  "所申请的期限已过，请退回并重新申请。");
    }
    if (const auto* clock = FindClock(head, asked.kind(), asked.object(), v1::CLOCK_KIND_UNSPECIFIED); clock != nullptr) {
      if (asked.due_us() <= clock->start().due_us()) {
        return Fail(Code::kFailedPrecondition, "EXTENSION_OVERTAKEN", "The deadline is later already than what was asked for; refuse the request.",
                    "现有期限已晚于所申请的期限，请退回该申请。");
      }
      auto& change = *made.add_clock_changes();
      change = ChangeOf(*clock);
      change.set_due_us(asked.due_us());
      return {};
    }
    if (StandsStill(head, asked.kind())) {
      return Fail(Code::kFailedPrecondition, "CLOCK_NOT_RUNNING", "The clock stands still while the reporter is asked; decide when it runs again.",
                  "该时限因补正暂停，请在恢复计时后审批。");
    }
    *made.add_clocks() = ClockUntil(asked.kind(), "extension", asked.due_us());  // it passed while the request waited
    return {};
  };
  Run(world_, caller, request, "decide-extension", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::RequestHold(const Caller& caller, const v1::RequestHoldRequest& request, Callback<Expected<v1::RequestHoldResponse>> reply) {
  std::vector<FieldViolation> violations;
  auto end_us = CheckEnd("end_time", request.has_end_time(), request.end_time(), world_.clock.WallUs(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_HOLD_REQUESTED);
  event.mutable_hold_requested()->set_end_us(end_us.value_or(0));
  event.mutable_hold_requested()->set_reason(request.reason());
  auto decide = [asks = caller.actor](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (head.has_hold()) return Fail(Code::kFailedPrecondition, "HOLD_OPEN", "A hold waits for a decision already; one at a time.", "已有挂起申请待审批。");
    if (auto good = TakesMore(head); !good) return good;
    if (made.hold_requested().end_us() <= now_us) return std::unexpected(*Refuse({{"end_time", "has passed; choose a later one"}}));
    made.mutable_hold_requested()->set_decided_by_center(CentreDecides(snapshot, head, asks, now_us));
    *made.add_clocks() = StartClock(snapshot, v1::CLOCK_KIND_HOLD_REQUEST, head, now_us);
    return {};
  };
  Run(world_, caller, request, "request-hold", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::DecideHold(const Caller& caller, const v1::DecideHoldRequest& request, Callback<Expected<v1::DecideHoldResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string hold = CheckObjectId("hold", request.hold(), &violations);
  CheckText("reasons", request.reasons(), request.approve() ? 0 : 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_HOLD_DECIDED);
  auto& payload = *event.mutable_hold_decided();
  payload.set_request(hold);
  payload.set_approved(request.approve());
  payload.set_reasons(request.reasons());
  auto decide = [hold, actor = caller.actor](const NeedState& head, const Snapshot*, int64_t now_us, Event& made) -> Expected<void> {
    const auto& asked = head.hold();
    if (asked.event_id() != hold) return NotOpen("HOLD_NOT_OPEN", "hold", "hold", "该挂起申请已变化，请刷新后再审批。");
    if (auto good = CheckDecider(asked, actor); !good) return good;
    if (!made.hold_decided().approved()) return {};
    if (asked.due_us() <= now_us) {
      return Fail(Code::kFailedPrecondition, "HOLD_TOO_LATE", "The end that was asked for has passed; refuse it, and let a later one be asked for.",
                  "所申请的挂起期限已过，请退回并重新申请。");
    }
    if (!head.information_event_id().empty()) {
      return Fail(Code::kFailedPrecondition, "INFORMATION_OPEN", "The reporter is being asked, which pauses already; decide when that is answered.",
                  "正在等待补正，请在答复后再审批挂起。");
    }
    *made.add_clocks() = ClockUntil(v1::CLOCK_KIND_HOLD, "hold", asked.due_us());
    AddPauses(head, now_us, &made);
    return {};
  };
  Run(world_, caller, request, "decide-hold", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::ResumeNeed(const Caller& caller, const v1::ResumeNeedRequest& request, Callback<Expected<v1::ResumeNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string hold = CheckObjectId("hold", request.hold(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_RESUMED);
  event.mutable_resumed()->set_pause(hold);
  event.mutable_resumed()->set_kind(v1::CLOCK_KIND_HOLD);
  event.mutable_resumed()->set_reason(request.reason());
  auto decide = [hold](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    if (head.stage() != v1::STAGE_ON_HOLD && head.hold().event_id() == hold) {
      return Fail(Code::kFailedPrecondition, "NOT_ON_HOLD", "This hold waits for a decision yet; decide on it with DecideHold.", "该挂起申请尚待审批。");
    }
    if (head.hold().event_id() != hold) return NotOpen("HOLD_NOT_OPEN", "hold", "hold", "该件未处于此挂起状态，请刷新。");
    return {};
  };
  Run(world_, caller, request, "resume", std::move(event), std::move(violations), decide, std::move(reply));
}

}  // namespace gridloop
