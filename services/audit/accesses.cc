// Who read personal data of a need: its access log, read back.
#include "audit/audit.h"
#include "commands/access_log.h"
#include "domain/authorise.h"
#include "domain/row_keys.h"

namespace gridloop {

void Audit::ListAccesses(const Caller& caller, const v1::ListAccessesRequest& request, Callback<Expected<v1::ListAccessesResponse>> reply) {
  const std::string query = "ListAccesses " + request.name();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  auto found = FindState(caller, request.name(), request.at_least(), std::move(violations));
  if (!found) return reply(std::unexpected(found.error()));
  const NeedState& need = **found;
  const v1::Actor actor = WhoAsks(world_, caller);
  const bool words = IsCentreStaff(actor) && !MustCut(actor, need) && need.forgotten_us() == 0;
  auto volumes = AccessVolumes(world_, need.subject());
  if (!volumes) return reply(std::unexpected(volumes.error()));
  v1::ListAccessesResponse response;
  response.set_name(need.subject());
  // Entries are in the order of the log, volume after volume: the offset of the last one says where the next page begins.
  const uint64_t from = after->empty() ? 0 : rows::ParseBigEndian(*after) + 1;
  const int size = PageSize(request.page_size());
  uint64_t last = 0;
  for (const auto& volume : *volumes) {
    auto log = StateNow(world_, volume);
    if (!log) return reply(std::unexpected(log.error()));
    if (!*log || (*log)->head_offset() < from) continue;
    for (const auto& applied : (*log)->applied()) {
      if (applied.offset() < from) continue;
      if (response.entries_size() == size) {
        response.set_next_page_token(world_.secret.PageToken(query, rows::BigEndian(last)));
        return reply(std::move(response));
      }
      auto event = words ? ReadOpened(world_, applied.offset()) : ReadEvent(world_, applied.offset());
      if (!event) return reply(std::unexpected(event.error()));
      auto& entry = *response.add_entries();
      *entry.mutable_actor() = event->actor();
      entry.set_client(event->client());
      *entry.mutable_log_time() = ToTimestamp(event->logged_at_us());
      entry.set_purpose(event->accessed().purpose());
      entry.set_text(event->accessed().text());
      *entry.mutable_parts() = event->accessed().parts();
      entry.set_need_version(event->accessed().need_version());
      entry.set_position(ToText({0, applied.offset()}));
      last = applied.offset();
    }
  }
  reply(std::move(response));
}

}  // namespace gridloop
