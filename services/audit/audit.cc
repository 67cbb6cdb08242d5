#include "audit/audit.h"

#include <algorithm>

#include "commands/reactor.h"
#include "domain/authorise.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {

void Audit::GetTimeline(const Caller& caller, const v1::GetTimelineRequest& request, Callback<Expected<v1::GetTimelineResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckName(request.name(), &violations);
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto state = StateNow(world_, request.name());
  if (!state) return reply(Fail(Code::kNotFound, "NEED_NOT_FOUND", "There is no such need.", "没有找到这件需求。"));
  if (auto allowed = Authorise(caller.access, caller.actor, caller.client, *state); !allowed) return reply(std::unexpected(allowed.error()));

  std::vector<uint64_t> offsets;
  for (const auto& each : state->applied()) offsets.push_back(each.offset());
  for (const auto& each : state->conflicts()) offsets.push_back(each.offset());
  for (const auto& each : state->voids()) offsets.push_back(each.offset());
  std::ranges::sort(offsets);
  v1::GetTimelineResponse response;
  response.set_name(state->subject());
  response.set_number(state->number());
  response.set_conflicts(static_cast<int32_t>(state->conflict_count()));
  response.set_chain_intact(true);
  NeedState replayed;  // folded again from the log, so that what is shown is what the log says
  for (uint64_t offset : offsets) {
    auto record = world_.ledger.ReadAt({0, offset});
    Event event;
    if (!record || !event.ParseFromString(record->value)) {
      response.set_chain_intact(false);
      continue;
    }
    auto& entry = *response.add_entries();
    std::string digest = Sha256(record->value);
    entry.set_stage_before(replayed.stage());
    Void verdict = Fold(replayed, event, {offset, digest});
    entry.set_version(verdict == Void::kNone ? event.version() : 0);
    entry.set_void_reason(std::string(VoidName(verdict)));
    entry.set_type(event.type());
    *entry.mutable_log_time() = ToTimestamp(event.logged_at_us());
    if (event.occurred_at_us() != 0) *entry.mutable_occur_time() = ToTimestamp(event.occurred_at_us());
    *entry.mutable_actor() = event.actor();
    entry.set_stage_after(replayed.stage());
    if (!replayed.owner().empty()) entry.set_owner_after("units/" + replayed.owner());
    entry.set_position(ToText({0, offset}));
    entry.set_digest(Hex(digest));
    entry.set_event_id(Base32(event.event_id()));
    for (const auto& start : event.clocks()) {
      store::v1::RunningClock clock;
      *clock.mutable_start() = start;
      clock.set_object(event.event_id());
      clock.set_started_us(event.logged_at_us());
      *entry.add_started() = ToDeadline(clock);
    }
    event.clear_sealed();
    event.clear_body_mac();
    *entry.mutable_event() = std::move(event);
  }
  if (replayed.version() != state->version() || replayed.head_digest() != state->head_digest()) response.set_chain_intact(false);
  reply(std::move(response));
}

}  // namespace gridloop
