// Supervisors' notes (督导), and forgetting a need's personal data.
#include <algorithm>

#include "assignment/assignment.h"
#include "commands/access_log.h"
#include "commands/person_index.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/forgetting.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;

// From when on it may be forgotten; nothing if never.
std::optional<int64_t> ForgettableFrom(const Snapshot* snapshot, const NeedState& state) {
  if (snapshot == nullptr || snapshot->policy().forget_after_days() == 0) return std::nullopt;
  // What a merge may still give back is kept until then.
  return std::max(state.ended_us() + snapshot->policy().forget_after_days() * kDayUs, state.unmerge_until_us());
}

Expected<void> CheckForgettable(const NeedState& state) {
  if (state.forgotten_us() != 0) return NeedForgotten();
  if (Ended(state)) return {};
  return Fail(Code::kFailedPrecondition, "WRONG_STAGE", "Only what has ended is forgotten; close the need first.", "未办结的需求不能删除个人信息，请先结案。");
}

}  // namespace

std::unexpected<Error> Assignment::TooManyReadings() {
  Error busy{
      Code::kResourceExhausted, "TOO_MANY_READINGS", "Too many needs are being read; ask again in a moment.", "系统繁忙，请稍后重试。", {}, {}, 1'000'000};
  return std::unexpected(std::move(busy));
}

Assignment::~Assignment() {
  std::lock_guard lock(reader_->mutex);
  reader_->pumps = nullptr;
}

bool Assignment::ReadLater(Reader& reader, std::function<void()> read) {
  std::lock_guard lock(reader.mutex);
  if (reader.pumps == nullptr) return true;
  auto pump = reader.pumps->Add([read = std::move(read)] {
    read();
    return Pumps::Next::kDone;
  });
  if (pump) pump->Wake();
  return pump != nullptr;
}

void Assignment::AddSupervisionNote(const Caller& caller, const v1::AddSupervisionNoteRequest& request,
                                    Callback<Expected<v1::AddSupervisionNoteResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("text", request.text(), 1, 2000, &violations);
  Event event;
  event.set_type(v1::EVENT_TYPE_SUPERVISION_NOTE_ADDED);
  event.mutable_supervision_note_added()->set_text(request.text());
  auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) { return TakesMore(head); };
  Run(world_, caller, request, "add-supervision-note", std::move(event), std::move(violations), decide, std::move(reply));
}

Expected<v1::ForgetPlan> Assignment::PlanForgetting(const std::string& name) const {
  v1::ForgetPlan plan;
  auto found = ReadState(world_.view, name);
  if (!found) return std::unexpected(found.error());
  const NeedState& state = **found;
  for (const auto& applied : state.applied()) {
    auto event = ReadEvent(world_, applied.offset());
    if (!event) return std::unexpected(event.error());
    if (!event->sealed().empty()) plan.set_sealed_events(plan.sealed_events() + 1);
  }
  plan.set_conflicts(static_cast<int32_t>(state.conflict_count()));
  plan.set_keys(static_cast<int32_t>(KeysOf(state).size()));
  auto volumes = AccessVolumes(world_, state.subject());
  if (!volumes) return std::unexpected(volumes.error());
  for (const auto& volume : *volumes) {
    auto log = StateNow(world_, volume);
    if (!log) return std::unexpected(log.error());
    if (*log) plan.set_accesses(plan.accesses() + (*log)->applied_size());
  }
  if (auto from_us = ForgettableFrom(world_.snapshots.Active().get(), state)) *plan.mutable_from_time() = ToTimestamp(*from_us);
  return plan;
}

void Assignment::ForgetNeed(const Caller& caller, const v1::ForgetNeedRequest& request, Callback<Expected<v1::ForgetNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  if (request.reason() == v1::FORGET_REASON_UNSPECIFIED || !v1::ForgetReason_IsValid(request.reason())) {
    violations.push_back({"reason", "must say why: retention over, the person asks, reported by mistake, an authority"});
  }
  // Both end alike: what goes is counted where the log may be read for a while.
  auto tell = [this, reader = reader_](v1::ForgetNeedResponse response, const std::string& name, Callback<Expected<v1::ForgetNeedResponse>> answer) {
    auto shared = std::make_shared<Callback<Expected<v1::ForgetNeedResponse>>>(std::move(answer));
    bool taken = ReadLater(*reader, [this, response, name, shared]() mutable {
      auto plan = PlanForgetting(name);
      // It is done, whether what went can be counted now or not.
      if (!plan && !response.has_outcome()) return (*shared)(std::unexpected(plan.error()));
      if (plan) *response.mutable_plan() = std::move(*plan);
      (*shared)(std::move(response));
    });
    if (taken) return;
    if (response.has_outcome()) return (*shared)(std::move(response));
    (*shared)(TooManyReadings());
  };
  if (request.validate_only()) {
    CheckName(request.name(), &violations);
    CheckRequestId(request.request_id(), &violations);
    if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
    auto state = ReadState(world_.view, request.name());
    if (!state) return reply(std::unexpected(state.error()));
    if (auto allowed = Authorise(caller.access, WhoAsks(world_, caller), caller.client, **state); !allowed) return reply(std::unexpected(allowed.error()));
    if (auto good = CheckForgettable(**state); !good) return reply(std::unexpected(good.error()));
    return tell(v1::ForgetNeedResponse(), request.name(), std::move(reply));
  }
  Event event;
  event.set_type(v1::EVENT_TYPE_FORGOTTEN);
  event.mutable_forgotten()->set_reason(request.reason());
  auto decide = [](const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& made) -> Expected<void> {
    if (auto good = CheckForgettable(head); !good) return good;
    const auto from_us = ForgettableFrom(snapshot, head);
    if (!from_us) {
      return Fail(Code::kFailedPrecondition, "FORGET_NEVER", "The policy lets nothing be forgotten: set forget_after_days.",
                  "政策未设定个人信息保存期限，不能删除。");
    }
    if (now_us < *from_us) {
      return Fail(Code::kFailedPrecondition, "FORGET_TOO_EARLY",
                  "The policy keeps personal data of ended needs until " + snapshot->calendar().LocalDate(*from_us) + "; ask again then.",
                  "未满保存期限，" + snapshot->calendar().LocalDate(*from_us) + " 后方可删除。");
    }
    for (const auto& key : KeysOf(head)) made.mutable_forgotten()->add_key_ids(key);
    return {};
  };
  Run<v1::ForgetNeedRequest, v1::ForgetNeedResponse>(
      world_, caller, request, "forget", std::move(event), std::move(violations), decide,
      [tell, name = request.name(), reply = std::move(reply)](Expected<v1::ForgetNeedResponse> response) mutable {
        if (!response) return reply(std::move(response));
        tell(std::move(*response), name, std::move(reply));
      });
}

// The event is in the log; the keys go, and only then does the want. A crash in between leaves the want.
void Assignment::ForgetOne(const std::string& subject, std::function<void(bool again_later)> done) {
  auto found = StateNow(world_, subject);
  if (!found) return done(true);
  const auto& state = *found;
  if (!state || Wants(*state) != Want::kForget) return done(false);
  if (world_.persons != nullptr) world_.persons->Forget(subject);
  if (auto gone = world_.keys.Forget(KeysOf(*state)); !gone) {
    if (world_.reaction_failed) world_.reaction_failed(subject, "forget", gone.error());
    return done(true);
  }
  React(
      world_, world_.snapshots.Active(), subject, state->head_event_id(), "forget", "assignment",
      [](const NeedState& head, int64_t) -> Expected<Event> {
        if (Wants(head) != Want::kForget) return Fail(Code::kAborted, "WANT_GONE", "The need does not call for this any more.");
        Event event;
        event.set_type(v1::EVENT_TYPE_KEYS_DESTROYED);
        event.mutable_keys_destroyed()->set_forgotten(head.forgotten_event_id());
        return event;
      },
      std::move(done));
}

}  // namespace gridloop
