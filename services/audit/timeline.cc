// Every step of a need, read from the log and folded again, a page at a time (docs/adr/0005).
#include <algorithm>
#include <optional>

#include "audit/audit.h"
#include "commands/merges.h"
#include "commands/pseudonyms.h"
#include "domain/authorise.h"
#include "domain/row_keys.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr int kRecordsAtATime = 200;
constexpr size_t kPageBytes = 3U << 20;  // a message may have 4 MiB
constexpr size_t kEntryBytes = 1024;     // of an entry beside its event
constexpr size_t kReplaysLeftOff = 8;

}  // namespace

// A timeline folded up to some place.
struct Audit::Replay {
  std::string subject;
  uint64_t next = 0;  // offset
  NeedState folded;
  bool intact = true;
};

struct Audit::TimelinePage {
  struct Place {
    uint64_t offset = 0;
    bool applied = false;
  };
  std::shared_ptr<const NeedState> state;
  bool cut = false;            // number, clocks and proof only
  bool pseudonymised = false;  // for a supervisor
  std::string query;
  uint64_t from = 0;
  int size = 0;
  size_t bytes = 0;
  std::vector<Place> places;
  size_t at = 0;  // of places
  std::shared_ptr<Replay> replay;
  std::optional<Error> failed;  // what could not be read is not a broken chain
  v1::GetTimelineResponse response;
  Callback<Expected<v1::GetTimelineResponse>> reply;
};

void Audit::GetTimeline(const Caller& caller, const v1::GetTimelineRequest& request, Callback<Expected<v1::GetTimelineResponse>> reply) {
  auto page = std::make_shared<TimelinePage>();
  page->query = "GetTimeline " + request.name();
  auto after = world_.secret.ParsePageToken(page->query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this timeline; start again without one"});
  auto found = FindState(caller, request.name(), request.at_least(), std::move(violations));
  if (!found) return reply(std::unexpected(found.error()));
  page->state = *found;
  page->cut = MustCut(WhoAsks(world_, caller), **found);
  page->pseudonymised = caller.actor.role() == v1::ROLE_SUPERVISOR;
  page->from = rows::ParseBigEndian(*after);
  page->size = PageSize(request.page_size());
  page->reply = std::move(reply);
  const NeedState& state = *page->state;
  for (const auto& each : state.applied()) page->places.push_back({each.offset(), true});
  for (const auto& each : state.conflicts()) page->places.push_back({each.offset(), false});
  for (const auto& each : state.voids()) page->places.push_back({each.offset(), false});
  std::ranges::sort(page->places, {}, &TimelinePage::Place::offset);
  {
    std::lock_guard lock(left_off_mutex_);
    auto left_off = std::ranges::find_if(left_off_, [&](const auto& each) { return each->subject == state.subject() && each->next == page->from; });
    if (left_off != left_off_.end()) {
      page->replay = std::move(*left_off);
      left_off_.erase(left_off);
    }
  }
  if (!page->replay) page->replay = std::make_shared<Replay>(Replay{state.subject(), 0, {}, true});
  page->at = static_cast<size_t>(std::ranges::lower_bound(page->places, page->replay->next, {}, &TimelinePage::Place::offset) - page->places.begin());
  // Most timelines are short. A long one must not hold up other calls.
  if (ReadOn(*page)) return Show(*page);
  auto pump = replays_.Add([this, page] {
    if (!ReadOn(*page)) return Pumps::Next::kAgain;
    Show(*page);
    return Pumps::Next::kDone;
  });
  if (!pump) {
    Error busy{Code::kResourceExhausted, "TOO_MANY_TIMELINES", "Too many long timelines are being read; ask again in a moment.", {}, {}, {}, 1'000'000};
    return page->reply(std::unexpected(std::move(busy)));
  }
  pump->Wake();
}

bool Audit::ReadOn(TimelinePage& page) {
  Replay& replay = *page.replay;
  for (int i = 0; i < kRecordsAtATime && page.at < page.places.size(); ++i) {
    if (page.response.entries_size() == page.size) return true;
    const auto [offset, applied] = page.places[page.at];
    auto record = world_.ledger.ReadAt({0, offset});
    if (!record && record.error().code != Code::kNotFound) {
      page.failed = std::move(record.error());
      return true;
    }
    Event event;
    bool readable = record && event.ParseFromString(record->value);
    // Clocks stand in the entry and in its event.
    size_t bytes = readable ? 2 * record->value.size() + kEntryBytes : 0;
    if (page.response.entries_size() > 0 && page.bytes + bytes > kPageBytes) return true;
    ++page.at;
    replay.next = offset + 1;
    if (!readable) {
      replay.intact = false;
      continue;
    }
    v1::Stage before = replay.folded.stage();
    std::string digest = Sha256(record->value);
    Void verdict = Fold(replay.folded, event, {offset, digest});
    if ((verdict == Void::kNone) != applied) replay.intact = false;
    if (offset < page.from) continue;
    page.bytes += bytes;
    auto& entry = *page.response.add_entries();
    entry.set_version(verdict == Void::kNone ? event.version() : 0);
    entry.set_void_reason(std::string(VoidName(verdict)));
    *entry.mutable_log_time() = ToTimestamp(event.logged_at_us());
    if (event.occurred_at_us() != 0) *entry.mutable_occur_time() = ToTimestamp(event.occurred_at_us());
    entry.set_position(ToText({0, offset}));
    entry.set_digest(Hex(digest));
    entry.set_event_id(Base32(event.event_id()));
    for (const auto& start : event.clocks()) {
      *entry.add_started() = page.cut ? CutDeadline(RunningClockOf(event, start)) : ToDeadline(RunningClockOf(event, start));
    }
    if (page.cut) continue;
    entry.set_type(event.type());
    entry.set_stage_before(before);
    entry.set_stage_after(replay.folded.stage());
    if (!replay.folded.owner().empty()) entry.set_owner_after("units/" + replay.folded.owner());
    if (page.pseudonymised) {
      *entry.mutable_event() = PseudonymisedEvent(world_.secret, event);
      *entry.mutable_actor() = entry.event().actor();
      continue;
    }
    *entry.mutable_actor() = event.actor();
    event.clear_sealed();
    event.clear_body_mac();
    HideReporters(&event);
    *entry.mutable_event() = std::move(event);
  }
  return page.at == page.places.size();
}

void Audit::Show(TimelinePage& page) {
  if (page.failed) return page.reply(std::unexpected(std::move(*page.failed)));
  const NeedState& state = *page.state;
  page.response.set_name(state.subject());
  page.response.set_number(state.number());
  page.response.set_conflicts(static_cast<int32_t>(state.conflict_count()));
  const Replay& replay = *page.replay;
  bool end = page.at == page.places.size();
  bool whole = replay.folded.version() == state.version() && replay.folded.head_digest() == state.head_digest();
  page.response.set_chain_intact(replay.intact && (!end || whole));
  if (!end) {
    page.response.set_next_page_token(world_.secret.PageToken(page.query, rows::BigEndian(replay.next)));
    std::lock_guard lock(left_off_mutex_);
    left_off_.push_back(page.replay);
    if (left_off_.size() > kReplaysLeftOff) left_off_.pop_front();
  }
  page.reply(std::move(page.response));
}

}  // namespace gridloop
