// What stations, rooms, workers and the centre read: a need, and their inboxes.
#include <algorithm>

#include "assignment/assignment.h"
#include "commands/access_log.h"
#include "commands/change_feed.h"
#include "commands/merges.h"
#include "commands/pseudonyms.h"
#include "domain/amendment.h"
#include "domain/authorise.h"
#include "domain/row_keys.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

constexpr int kLongestHistory = 500;
constexpr int kMostSupervisionNotes = 100;
// The parts of an answer, as the access log names them; in the order of the alphabet.
constexpr std::string_view kConflictingReports = "conflicting_reports";
constexpr std::string_view kHistory = "history";
constexpr std::string_view kReport = "report";
constexpr std::string_view kSupervisionNotes = "supervision_notes";

constexpr int kLinksShown = 50;

void HideWhoReported(Event* event) {
  HideReporters(event);
  if (!event->has_submitted() && !event->has_joined()) return;
  auto* report = event->has_joined() ? event->mutable_joined()->mutable_report() : event->mutable_submitted()->mutable_report();
  if (report->reporter().anonymous()) report->clear_reporter();
}

// Nobody reads a person's pseudonym: it tells which needs are about one person.
void HidePerson(Event* event) {
  if (event->has_submitted()) event->mutable_submitted()->clear_person_ref();
  if (event->has_joined()) event->mutable_joined()->clear_person_ref();
  if (event->has_amended()) event->mutable_amended()->clear_person_ref();
}

}  // namespace

// One GetNeed, from the request to what it may open.
struct Assignment::Reading {
  std::shared_ptr<const NeedState> state;
  Access access;
  v1::AssignmentServiceGetNeedResponse response;
  Callback<Expected<v1::AssignmentServiceGetNeedResponse>> reply;
  bool Opens(std::string_view part) const { return std::ranges::find(access.parts, part) != access.parts.end(); }
};

Expected<std::vector<Event>> Assignment::OpenedHistory(const NeedState& state, bool* forgotten) const {
  std::vector<Event> history;
  for (int i = std::max(0, state.applied_size() - kLongestHistory); i < state.applied_size(); ++i) {
    auto event = ReadOpened(world_, state.applied(i).offset(), forgotten);
    if (!event) return std::unexpected(event.error());  // nobody takes a part for the whole
    event->clear_sealed();
    event->clear_body_mac();
    HideWhoReported(&*event);
    HidePerson(&*event);
    history.push_back(std::move(*event));
  }
  return history;
}

Expected<void> Assignment::Open(Reading& reading) const {
  const NeedState& state = *reading.state;
  auto& response = reading.response;
  bool forgotten = false;
  if (reading.Opens(kHistory)) {
    auto history = OpenedHistory(state, &forgotten);
    if (!history) return std::unexpected(history.error());
    for (Event& event : *history) {
      auto* report = response.mutable_need()->mutable_report();
      if (event.has_submitted()) *report = event.submitted().report();
      if (event.has_amended()) CopyFields(event.amended().report(), event.amended().fields(), report);
      *response.add_history() = std::move(event);
    }
  }
  if (reading.Opens(kConflictingReports)) {
    for (const auto& conflict : state.conflicts()) {
      auto event = ReadOpened(world_, conflict.offset(), &forgotten);
      if (!event) return std::unexpected(event.error());
      HideWhoReported(&*event);
      *response.add_conflicting_reports() = event->submitted().report();
    }
  }
  if (reading.Opens(kSupervisionNotes)) {
    int left = std::max(0, static_cast<int>(state.supervision_notes()) - kMostSupervisionNotes);
    for (const auto& applied : state.applied()) {
      auto event = ReadEvent(world_, applied.offset());
      if (!event) return std::unexpected(event.error());
      if (!event->has_supervision_note_added() || left-- > 0) continue;
      event = ReadOpened(world_, applied.offset(), &forgotten);
      if (!event) return std::unexpected(event.error());
      auto& note = *response.add_supervision_notes();
      note.set_text(event->supervision_note_added().text());
      *note.mutable_log_time() = ToTimestamp(event->logged_at_us());
      note.set_principal(event->actor().principal());
    }
  }
  if (forgotten) response.mutable_need()->set_forgotten(true);  // also where the log is older than that
  return {};
}

void Assignment::GetNeed(const Caller& caller, const v1::AssignmentServiceGetNeedRequest& request,
                         Callback<Expected<v1::AssignmentServiceGetNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  Access access;
  access.purpose = CheckPurpose(request.purpose_kind(), request.purpose(), &violations);
  access.text = request.purpose();
  auto read = CheckRead(world_, request.name(), request.at_least(), std::move(violations));
  if (!read) return reply(std::unexpected(read.error()));
  auto answer = [this, caller, asked = std::move(access)](const std::shared_ptr<const NeedState>& found, const v1::Actor& actor, const std::vector<Row>& links,
                                                          Callback<Expected<v1::AssignmentServiceGetNeedResponse>>& told) {
    const NeedState& state = *found;
    Access opens = asked;
    auto reading = std::make_shared<Reading>();
    *reading->response.mutable_need() = StaffNeed(state, actor);
    // What other needs say that they have to do with this one.
    for (const Row& row : links) {
      auto& shown = *reading->response.mutable_need()->add_links();
      shown.set_need(std::string(rows::SubjectOf(row.key)));
      shown.set_kind(rows::LinkKindOf(row.key));
    }
    if (actor.role() == v1::ROLE_SUPERVISOR) Pseudonymise(world_.secret, reading->response.mutable_need());
    if (opens.purpose != v1::ACCESS_PURPOSE_UNSPECIFIED) {
      const bool personal = MaySeePersonal(actor, state);
      // Two bodies under one id are the centre's to sort out, also when somebody else has been assigned.
      const bool conflicts = personal || (IsCentreStaff(actor) && !state.restricted());
      if (conflicts && !state.conflicts().empty()) opens.parts.emplace_back(kConflictingReports);
      if (personal) opens.parts.insert(opens.parts.end(), {std::string(kHistory), std::string(kReport)});
      if (state.supervision_notes() > 0 && MayReadSupervision(actor, state)) opens.parts.emplace_back(kSupervisionNotes);
    }
    if (opens.parts.empty()) return told(std::move(reading->response));
    reading->state = found;
    reading->access = std::move(opens);
    reading->reply = std::move(told);
    auto open = [this, reading, reader = reader_](Expected<void> logged) {
      if (!logged) return reading->reply(std::unexpected(logged.error()));
      bool taken = ReadLater(*reader, [this, reading] {
        if (auto opened = Open(*reading); !opened) return reading->reply(std::unexpected(opened.error()));
        reading->reply(std::move(reading->response));
      });
      if (!taken) reading->reply(TooManyReadings());
    };
    // What is forgotten opens no more, whoever reads it.
    if (state.forgotten_us() != 0) return open({});
    bool taken = ReadLater(*reader_, [this, caller, reading, open] { LogAccess(world_, caller, *reading->state, reading->access, open); });
    if (!taken) reading->reply(TooManyReadings());
  };
  // Never waits for one read in the answer to another: that may come on the view's only thread.
  world_.view.Get(read->subject, read->at_least, [this, caller, answer, reply = std::move(reply)](Expected<std::shared_ptr<const NeedState>> found) mutable {
    if (!found) return reply(std::unexpected(found.error()));
    v1::Actor actor = WhoAsks(world_, caller);
    if (auto allowed = Authorise(caller.access, actor, caller.client, **found); !allowed) return reply(std::unexpected(allowed.error()));
    if (MustCut(actor, **found)) return answer(*found, actor, {}, reply);
    const std::string prefix = rows::LinkPrefix((*found)->subject());
    world_.view.Scan(prefix, {}, kLinksShown, std::nullopt, [state = *found, actor, answer, reply = std::move(reply)](Expected<RowPage> page) mutable {
      if (!page) return reply(std::unexpected(page.error()));
      answer(state, actor, page->rows, reply);
    });
  });
}

// The box that an inbox's name means, if all is well with the request and the caller may look into it.
Expected<std::string> Assignment::CheckInbox(const Caller& caller, const std::string& parent, std::vector<FieldViolation> violations) const {
  std::string id = BareId(parent);
  bool worker = parent.starts_with("workers/");
  if (!worker && !parent.starts_with("units/")) {
    violations.push_back({"parent", "must be units/ or workers/ and an id"});
  } else {
    CheckId("parent", id, &violations);
  }
  if (auto refused = Refuse(std::move(violations))) return std::unexpected(std::move(*refused));
  auto snapshot = world_.snapshots.Active();
  bool centre = IsCentreStaff(caller.actor);
  bool own = worker ? id == caller.actor.worker() : id == caller.actor.unit();
  // A station's head also sees the inboxes of its rooms.
  bool below = caller.actor.role() == v1::ROLE_STATION_HEAD && !worker && snapshot && snapshot->StationOf(id) == caller.actor.unit();
  if (caller.actor.role() == v1::ROLE_SUPERVISOR) {
    const auto& stations = caller.actor.stations();
    auto assigned = [&stations](const std::string& unit) { return std::ranges::find(stations, unit) != stations.end(); };
    own = !worker && assigned(id);
    below = !worker && snapshot && assigned(snapshot->StationOf(id));
  }
  if (!centre && !own && !below) return Fail(Code::kPermissionDenied, "NOT_YOUR_INBOX", "This inbox is of another unit or worker.", "这不是您的收件箱。");
  return worker ? rows::WorkerBox(id) : rows::UnitBox(id);
}

void Assignment::ListInbox(const Caller& caller, const v1::ListInboxRequest& request, Callback<Expected<v1::ListInboxResponse>> reply) {
  std::string query = "ListInbox " + request.parent();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this inbox; start again without one"});
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  auto box = CheckInbox(caller, request.parent(), std::move(violations));
  if (!box) return reply(std::unexpected(std::move(box.error())));
  auto page = ReadRows(world_.view, rows::InboxPrefix(*box), *after, PageSize(request.page_size()), at_least);
  if (!page) return reply(std::unexpected(std::move(page.error())));
  v1::ListInboxResponse response;
  const v1::Actor actor = WhoAsks(world_, caller);
  for (const Row& row : page->rows) {
    auto state = StateNow(world_, rows::SubjectOf(row.key));
    if (!state) return reply(std::unexpected(std::move(state.error())));
    if (!*state) continue;
    if (actor.role() == v1::ROLE_SUPERVISOR) {
      // What rings here or was escalated to here is another station's case.
      if (!Related(v1::RELATION_SUPERVISED, actor, caller.client, **state)) continue;
      Pseudonymise(world_.secret, &(*response.add_needs() = StaffNeed(**state, actor)));
      continue;
    }
    *response.add_needs() = StaffNeed(**state, actor);
  }
  response.set_next_page_token(world_.secret.PageToken(query, page->next_key));
  reply(std::move(response));
}

void Assignment::WatchInbox(const Caller& caller, const v1::WatchInboxRequest& request, std::shared_ptr<Sink<v1::WatchInboxResponse>> sink) {
  std::string query = "WatchInbox " + request.parent();
  auto after = world_.secret.ParsePageToken(query, request.resume_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"resume_token", "is not of this inbox; start again without one"});
  auto box = CheckInbox(caller, request.parent(), std::move(violations));
  if (!box) return sink->Finish(std::move(box.error()));
  Follow<v1::WatchInboxResponse>(
      world_, pumps_, rows::BoxChangePrefix(*box), *after,
      [this, query, box = *box, caller](const NeedState& state, bool caught_up, const std::string& key) -> Expected<std::optional<v1::WatchInboxResponse>> {
        bool removed = !std::ranges::binary_search(rows::BoxesOf(state), box);
        if (removed && !caught_up) return std::nullopt;  // had left before the watch began
        v1::WatchInboxResponse change;
        if (removed) {  // nothing of it is this box's any more
          change.mutable_need()->set_name(state.subject());
          change.mutable_need()->set_number(state.number());
        } else {
          *change.mutable_need() = StaffNeed(state, WhoAsks(world_, caller));  // the directory may change while it is open
        }
        change.set_removed(removed);
        change.set_resume_token(world_.secret.PageToken(query, key));
        return change;
      },
      sink);
}

}  // namespace gridloop
