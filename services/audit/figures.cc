// A month's figures, counted from the log.
#include <algorithm>
#include <utility>

#include "audit/audit.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr int kRecordsAtATime = 500;
constexpr size_t kMonthsKept = 3;
constexpr uint64_t kMostFreezes = 1000;
constexpr std::string_view kFigures = "figures/";

// What a line's key is called today.
std::string NameOf(const Snapshot& snapshot, const v1::FigureLine& line, int64_t at_us) {
  const std::string& key = line.key();
  auto named = [](const auto* entry) { return entry == nullptr ? std::string() : entry->display_name(); };
  auto any = [&key](const auto& entries, auto id) {
    auto found = std::find_if(entries.rbegin(), entries.rend(), [&](const auto& entry) { return id(entry) == key; });
    return found == entries.rend() ? nullptr : &*found;
  };
  const v1::Directory& directory = snapshot.directory();
  switch (line.figure()) {
    case v1::FIGURE_NEEDS_BY_TYPE:
      return named(snapshot.TypeAt(key, at_us));
    case v1::FIGURE_NEEDS_BY_CATEGORY:
      return named(snapshot.CategoryAt(key, at_us));
    case v1::FIGURE_NEEDS_BY_TOWN: {
      const auto* community = any(directory.communities(), [](const v1::Community& each) { return each.town_code(); });
      return community == nullptr ? std::string() : community->town_display_name();
    }
    case v1::FIGURE_NEEDS_BY_COMMUNITY:
    case v1::FIGURE_SILENT_COMMUNITIES:
      return named(any(directory.communities(), [](const v1::Community& each) { return each.code(); }));
    case v1::FIGURE_CASELOAD_BY_WORKER:
      return named(any(directory.workers(), [](const v1::Worker& each) { return BareId(each.name()); }));
    case v1::FIGURE_CASELOAD_BY_ORGANISATION:
      return named(any(directory.organisations(), [](const v1::Organisation& each) { return each.id(); }));
    case v1::FIGURE_REFERRED_OUT:
      return named(any(directory.departments(), [](const v1::Department& each) { return each.id(); }));
    default:
      return {};
  }
}

std::optional<Month> CheckMonth(const std::string& name, int64_t now_us, std::vector<FieldViolation>* violations) {
  std::optional<Month> month;
  if (name.starts_with(kFigures)) month = ParseMonth(name.substr(kFigures.size()));
  if (!month) violations->push_back({"name", "must be figures/ and a month, YYYY-MM"});
  if (month && month->start_us > now_us) violations->push_back({"name", "must not be a month that has yet to begin"});
  return month;
}

// Whoever freezes again must have something to correct.
bool SameLines(const std::vector<v1::FigureLine>& a, const std::vector<v1::FigureLine>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.SerializeAsString() == y.SerializeAsString(); });
}

std::vector<v1::FigureLine> FrozenLines(const Event& frozen) { return {frozen.figures_frozen().lines().begin(), frozen.figures_frozen().lines().end()}; }

Error LogUnreadable() {
  return {Code::kUnavailable, "LOG_UNREADABLE", "The log cannot be read now; send it again.", "系统繁忙，请稍后重试。", {}, {}, 1'000'000};
}

std::unexpected<Error> NotYourStation() {
  return Fail(Code::kPermissionDenied, "NOT_YOUR_STATION", "A station's head gets the figures of the own station: leave `station` out.",
              "站长只能查看本站的数据。");
}

}  // namespace

Expected<std::vector<MonthCount::Past>> Audit::HistoryOf(const std::string& subject, uint64_t before) const {
  auto state = StateNow(world_, subject);
  if (!state) return std::unexpected(state.error());
  std::vector<MonthCount::Past> past;
  if (!*state) return past;
  for (const auto& applied : (*state)->applied()) {
    if (applied.offset() >= before) break;
    auto record = world_.ledger.ReadAt({0, applied.offset()});
    if (!record) return std::unexpected(record.error());
    auto& each = past.emplace_back();
    each.offset = applied.offset();
    each.digest = Sha256(record->value);
    if (!each.event.ParseFromString(record->value)) return std::unexpected(LogUnreadable());
  }
  return past;
}

std::shared_ptr<MonthCount> Audit::CountOf(const Month& month) {
  auto kept = std::ranges::find_if(months_, [&](const auto& each) { return each->month().name == month.name; });
  if (kept != months_.end()) return *kept;
  months_.push_back(std::make_shared<MonthCount>(month, [this](const std::string& subject, uint64_t before) { return HistoryOf(subject, before); }));
  if (months_.size() > kMonthsKept) months_.pop_front();
  return months_.back();
}

void Audit::CountMonth(const Month& month, int64_t deadline_us, std::function<void(Expected<const MonthCount*>)> counted) {
  auto end = world_.ledger.End(0);
  if (!end) return counted(std::unexpected(end.error()));
  struct Work {
    std::shared_ptr<MonthCount> count;  // its own, if others have pushed it out of the few that are kept
  };
  auto work = std::make_shared<Work>();
  auto pump = counts_.Add([this, month, deadline_us, counted, work, end_offset = end->offset]() -> Pumps::Next {
    if (!work->count) work->count = CountOf(month);
    MonthCount& count = *work->count;
    auto fail = [&](Error error) {
      std::erase(months_, work->count);
      counted(std::unexpected(std::move(error)));
      return Pumps::Next::kDone;
    };
    if (deadline_us != 0 && world_.clock.WallUs() > deadline_us) {
      counted(Fail(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", "Counting took longer than the deadline; ask again, it goes on from where it was.",
                   "统计超时，请重新提交，将从中断处继续。"));
      return Pumps::Next::kDone;
    }
    if (count.next() >= end_offset) {
      counted(&count);
      return Pumps::Next::kDone;
    }
    auto records = world_.ledger.ReadFrom({0, count.next()}, kRecordsAtATime);
    if (!records) return fail(records.error());
    if (records->empty()) return fail(LogUnreadable());
    for (const Record& record : *records) {
      Event event;
      if (record.verdict == Void::kNone && event.ParseFromString(record.value)) {
        if (auto added = count.Add(event, {record.position.offset, Sha256(record.value)}); !added) return fail(added.error());
      }
      count.Reached(record.position.offset + 1);
    }
    return Pumps::Next::kAgain;
  });
  if (!pump) {
    Error busy{Code::kResourceExhausted, "TOO_MANY_COUNTS", "Too many figures are being counted; ask again in a moment.", {}, {}, {}, 1'000'000};
    busy.message_zh = "统计请求过多，请稍后重试。";
    return counted(std::unexpected(std::move(busy)));
  }
  pump->Wake();
}

std::vector<v1::FigureLine> Audit::LinesOf(const MonthCount& count, const Snapshot* snapshot, int64_t now_us) {
  std::vector<v1::FigureLine> lines = count.Lines();
  if (snapshot != nullptr) AddSilentCommunities(*snapshot, std::min(count.month().end_us - 1, now_us), &lines);
  return lines;
}

// What has changed in the directory since a month was first frozen is no correction of its figures.
Expected<std::shared_ptr<const Snapshot>> Audit::DirectoryOfFreeze(const NeedState& record) const {
  auto first = ReadEvent(world_, record.applied(0).offset());
  if (!first) return std::unexpected(first.error());
  if (first->directory_hash().empty()) return nullptr;
  return world_.snapshots.Load(HashesOf(*first));
}

void Audit::GetFigures(const Caller& caller, const v1::GetFiguresRequest& request, Callback<Expected<v1::GetFiguresResponse>> reply) {
  auto active = world_.snapshots.Active();
  std::vector<FieldViolation> violations;
  auto month = CheckMonth(request.name(), world_.clock.WallUs(), &violations);
  std::string station = BareId(request.station());
  if (!request.station().empty() &&
      (active == nullptr || !request.station().starts_with("units/") || active->FindUnit(station) == nullptr || active->StationOf(station) != station)) {
    violations.push_back({"station", "must be units/ and the id of a station or the centre; empty is the whole city"});
  }
  if (request.freeze() < 0) violations.push_back({"freeze", "must be 0 or the number of a freeze"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  if (caller.actor.role() == v1::ROLE_STATION_HEAD) {
    const std::string own = active == nullptr ? caller.actor.unit() : active->StationOf(caller.actor.unit());
    if (own.empty() || (!station.empty() && station != own)) return reply(NotYourStation());
    station = own;
  }
  struct Asked {
    Month month;
    std::string station;
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const NeedState> record;  // of the freezes; may be null
    std::optional<Event> frozen;
    std::shared_ptr<const Snapshot> frozen_by;  // by DirectoryOfFreeze
    Callback<Expected<v1::GetFiguresResponse>> reply;
  };
  auto asked = std::make_shared<Asked>(Asked{*month, station, active, nullptr, std::nullopt, active, std::move(reply)});
  auto record = StateNow(world_, request.name());
  if (!record) return asked->reply(std::unexpected(record.error()));
  asked->record = *record;
  const int freezes = asked->record ? asked->record->figures_freezes_size() : 0;
  if (request.freeze() > freezes) {
    return asked->reply(Fail(Code::kNotFound, "FREEZE_NOT_FOUND", "These figures were not frozen that often; 0 gives the last one.", "没有这一次定稿。"));
  }
  if (freezes > 0) {
    auto frozen = ReadEvent(world_, asked->record->applied(request.freeze() == 0 ? freezes - 1 : request.freeze() - 1).offset());
    if (!frozen) return asked->reply(std::unexpected(frozen.error()));
    asked->frozen = std::move(*frozen);
    auto then = DirectoryOfFreeze(*asked->record);
    if (!then) return asked->reply(std::unexpected(then.error()));
    asked->frozen_by = *then;
  }
  CountMonth(*month, caller.deadline_us, [this, asked](Expected<const MonthCount*> counted) {
    if (!counted) return asked->reply(std::unexpected(counted.error()));
    const Snapshot* snapshot = asked->snapshot.get();
    const int64_t now_us = world_.clock.WallUs();
    const int64_t at_us = std::min(asked->month.end_us - 1, now_us);
    auto shown = [&](const std::vector<v1::FigureLine>& lines) {
      auto all = ShownLines(lines, asked->station, snapshot, at_us);
      for (v1::FigureLine& line : all) {
        if (snapshot != nullptr) line.set_display_name(NameOf(*snapshot, line, at_us));
      }
      return all;
    };
    v1::GetFiguresResponse response;
    response.set_name(std::string(kFigures) + asked->month.name);
    response.set_month_ended(now_us >= asked->month.end_us);
    if (!asked->station.empty()) response.set_station("units/" + asked->station);
    if (snapshot != nullptr) {
      const v1::Unit* unit = snapshot->FindUnit(asked->station);
      response.set_display_name(unit == nullptr ? snapshot->directory().display_name() : unit->display_name());
    }
    const auto now = shown(LinesOf(**counted, asked->frozen_by.get(), now_us));
    const std::string position = ToText({0, (*counted)->next()});
    response.set_position(position);
    std::vector<v1::FigureLine> lines = now;
    if (asked->frozen) {
      lines = shown(FrozenLines(*asked->frozen));
      response.set_position(asked->frozen->figures_frozen().position());
      response.set_corrected_position(position);
      for (auto& correction : Corrections(lines, now)) *response.add_corrections() = std::move(correction);
      for (int i = 0; i < asked->record->figures_freezes_size(); ++i) {
        const auto& freeze = asked->record->figures_freezes(i);
        auto& told = *response.add_freezes();
        told.set_number(i + 1);
        *told.mutable_freeze_time() = ToTimestamp(freeze.frozen_us());
        told.set_position(freeze.position());
        told.set_event(Base32(asked->record->applied(i).event_id()));
      }
    }
    for (auto& line : lines) *response.add_lines() = std::move(line);
    asked->reply(std::move(response));
  });
}

void Audit::FreezeFigures(const Caller& caller, const v1::FreezeFiguresRequest& request, Callback<Expected<v1::FreezeFiguresResponse>> reply) {
  struct Freezing {
    Event event;
    std::string body_mac, etag;
    int64_t deadline_us = 0;
    uint64_t version = 0;  // of the record that was seen
    std::vector<v1::FigureLine> before;
    std::shared_ptr<const Snapshot> snapshot;
    Callback<Expected<v1::FreezeFiguresResponse>> reply;
  };
  auto freezing = std::make_shared<Freezing>();
  freezing->reply = std::move(reply);
  auto refuse = [freezing](Error error) { freezing->reply(std::unexpected(std::move(error))); };
  const int64_t now_us = world_.clock.WallUs();
  std::vector<FieldViolation> violations;
  auto month = CheckMonth(request.name(), now_us, &violations);
  CheckRequestId(request.request_id(), &violations);
  if (auto refused = Refuse(std::move(violations))) return refuse(std::move(*refused));
  if (now_us < month->end_us) {
    return refuse(Fail(Code::kFailedPrecondition, "MONTH_NOT_ENDED", "The month goes on: its figures can be frozen once it has ended in Asia/Shanghai.",
                       "本月尚未结束，不能定稿。")
                      .error());
  }
  freezing->snapshot = world_.snapshots.Active();
  freezing->body_mac = world_.secret.BodyMac(request);
  freezing->etag = request.etag();
  freezing->deadline_us = caller.deadline_us;
  Event& event = freezing->event;
  event.set_type(v1::EVENT_TYPE_FIGURES_FROZEN);
  event.set_subject(request.name());
  event.set_event_id(EventIdFor(request.name(), caller.actor.principal(), request.request_id(), "freeze-figures"));
  event.set_body_mac(freezing->body_mac);
  event.set_request_id(request.request_id());
  FillEnvelope(caller, freezing->snapshot.get(), now_us, &event);
  auto decide = [this, freezing] {
    auto make = [freezing](const NeedState& head, int64_t) -> Expected<Event> {
      if (head.version() != freezing->version) {
        return Fail(Code::kAborted, "FROZEN_MEANWHILE", "These figures were frozen meanwhile: look at them and freeze again if something is left to correct.",
                    "该月数据刚被定稿，请刷新后再操作。");
      }
      return freezing->event;
    };
    std::optional<std::string> etag;
    if (!freezing->etag.empty()) etag = freezing->etag;
    world_.ledger.Decide(freezing->event.subject(), freezing->event.event_id(), freezing->body_mac, std::move(etag), make, freezing->deadline_us,
                         [freezing](Expected<Verdict> verdict) {
                           if (!verdict) return freezing->reply(std::unexpected(verdict.error()));
                           v1::FreezeFiguresResponse response;
                           auto& outcome = *response.mutable_outcome();
                           outcome.set_name(verdict->state->subject());
                           outcome.set_version(verdict->version);
                           outcome.set_etag(std::to_string(verdict->version));
                           outcome.set_position(ToText(verdict->position));
                           outcome.set_event(Base32(verdict->event_id));
                           outcome.set_replayed(verdict->replayed);
                           freezing->reply(std::move(response));
                         });
  };
  auto record = StateNow(world_, request.name());
  if (!record) return refuse(record.error());
  const uint64_t version = *record ? (*record)->version() : 0;
  if (!request.etag().empty() && request.etag() != std::to_string(version)) return decide();  // the ledger says so
  if (*record) {
    freezing->version = version;
    const bool done = std::ranges::any_of((*record)->applied(), [&](const auto& each) { return each.event_id() == event.event_id(); });
    if (done) return decide();  // the ledger gives what happened, or says that it was another request
    if (freezing->version >= kMostFreezes) {
      return refuse(Fail(Code::kFailedPrecondition, "TOO_MANY_FREEZES", "These figures were frozen 1,000 times; no more are taken.").error());
    }
    auto last = ReadEvent(world_, (*record)->applied().rbegin()->offset());
    if (!last) return refuse(last.error());
    freezing->before = FrozenLines(*last);
    auto then = DirectoryOfFreeze(**record);
    if (!then) return refuse(then.error());
    freezing->snapshot = *then;
  }
  CountMonth(*month, caller.deadline_us, [this, freezing, refuse, decide](Expected<const MonthCount*> counted) {
    if (!counted) return refuse(counted.error());
    auto lines = LinesOf(**counted, freezing->snapshot.get(), world_.clock.WallUs());
    if (freezing->version > 0 && SameLines(freezing->before, lines)) {
      return refuse(
          Fail(Code::kFailedPrecondition, "NOTHING_TO_CORRECT", "Nothing of these figures has changed since they were frozen.", "定稿后数据没有变化。")
              .error());
    }
    if (lines.size() > kMostFigureLines) {
      return refuse(Fail(Code::kResourceExhausted, "FIGURES_TOO_LARGE", "These figures have more than 20,000 lines: so many cannot be frozen.").error());
    }
    auto& frozen = *freezing->event.mutable_figures_frozen();
    frozen.set_number(static_cast<int32_t>(freezing->version) + 1);
    frozen.set_position(ToText({0, (*counted)->next()}));
    for (auto& line : lines) *frozen.add_lines() = std::move(line);
    decide();
  });
}

}  // namespace gridloop
