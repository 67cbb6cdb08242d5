// A month's figures, counted from the log.
#include <algorithm>
#include <utility>

#include "audit/audit.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr int kRecordsAtATime = 500;
constexpr size_t kMonthsKept = 3;
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
    default:
      return {};
  }
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
    each.event.ParseFromString(record->value);
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
    if (records->empty()) count.Reached(end_offset);
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

void Audit::GetFigures(const Caller& caller, const v1::GetFiguresRequest& request, Callback<Expected<v1::GetFiguresResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  const int64_t now_us = world_.clock.WallUs();
  std::vector<FieldViolation> violations;
  std::optional<Month> month;
  if (request.name().starts_with(kFigures)) month = ParseMonth(request.name().substr(kFigures.size()));
  if (!month) violations.push_back({"name", "must be figures/ and a month, YYYY-MM"});
  if (month && month->start_us > now_us) violations.push_back({"name", "must not be a month that has yet to begin"});
  std::string station = BareId(request.station());
  if (!request.station().empty() &&
      (snapshot == nullptr || !request.station().starts_with("units/") || snapshot->FindUnit(station) == nullptr || snapshot->StationOf(station) != station)) {
    violations.push_back({"station", "must be units/ and the id of a station or the centre; empty is the whole city"});
  }
  if (request.freeze() < 0) violations.push_back({"freeze", "must be 0 or the number of a freeze"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  if (caller.actor.role() == v1::ROLE_STATION_HEAD) {
    const std::string own = snapshot == nullptr ? caller.actor.unit() : snapshot->StationOf(caller.actor.unit());
    if (own.empty() || (!station.empty() && station != own)) return reply(NotYourStation());
    station = own;
  }
  auto shared_reply = std::make_shared<Callback<Expected<v1::GetFiguresResponse>>>(std::move(reply));
  CountMonth(*month, caller.deadline_us, [this, month = *month, station, snapshot, shared_reply](Expected<const MonthCount*> counted) {
    if (!counted) return (*shared_reply)(std::unexpected(counted.error()));
    v1::GetFiguresResponse response;
    response.set_name(std::string(kFigures) + month.name);
    const int64_t at_us = std::min(month.end_us - 1, world_.clock.WallUs());
    response.set_month_ended(world_.clock.WallUs() >= month.end_us);
    if (!station.empty()) response.set_station("units/" + station);
    if (snapshot) {
      const v1::Unit* unit = snapshot->FindUnit(station);
      response.set_display_name(unit == nullptr ? snapshot->directory().display_name() : unit->display_name());
    }
    std::vector<v1::FigureLine> lines = (*counted)->Lines();
    if (snapshot) AddSilentCommunities(*snapshot, at_us, &lines);
    for (v1::FigureLine& line : ShownLines(lines, station, snapshot.get(), at_us)) {
      if (snapshot) line.set_display_name(NameOf(*snapshot, line, at_us));
      *response.add_lines() = std::move(line);
    }
    response.set_position(ToText({0, (*counted)->next()}));
    (*shared_reply)(std::move(response));
  });
}

}  // namespace gridloop
