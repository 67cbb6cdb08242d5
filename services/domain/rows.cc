#include <algorithm>

#include "domain/fold.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"
#include "domain/records.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace rows {
namespace {

constexpr size_t kSubjectBytes = 32;
const std::string kZero(1, '\0');

}  // namespace

std::string BigEndian(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[static_cast<size_t>(i)] = static_cast<char>(value & 0xFF);
  return bytes;
}

uint64_t ParseBigEndian(std::string_view eight_bytes) {
  uint64_t value = 0;
  for (char c : eight_bytes.substr(0, 8)) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

std::string InboxPrefix(std::string_view box) { return "i" + std::string(box) + kZero; }
std::string DuePrefix() { return "d"; }
char LetterOf(Want want) {
  switch (want) {
    case Want::kRoute:
      return 'r';
    case Want::kOffer:
      return 'o';
    case Want::kMerge:
      return 'm';
    default:
      return 'f';
  }
}
std::string WantPrefix(char want) { return std::string("w") + want; }
std::string WorkerPrefix(std::string_view worker) { return "k" + std::string(worker) + kZero; }
std::string HeldPrefix() { return "h"; }
std::string ClientPrefix(std::string_view client) { return "r" + std::string(client) + kZero; }
std::string ReporterPrefix(std::string_view client, std::string_view reporter_ref16) { return ClientPrefix(client) + std::string(reporter_ref16); }
std::string PlacePrefix(std::string_view place) { return "g" + std::string(place) + kZero; }
std::string NumberPrefix(std::string_view number) { return "n" + std::string(number) + kZero; }
std::string ClientChangePrefix(std::string_view client) { return "a" + std::string(client) + kZero; }
std::string BoxChangePrefix(std::string_view box) { return "b" + std::string(box) + kZero; }
std::string ConflictPrefix() { return "x"; }
std::string RecordPrefix(std::string_view collection) { return "l" + std::string(collection) + kZero; }
std::string WorkPrefix(std::string_view subject_prefix) { return "o" + std::string(subject_prefix); }
std::string LinkPrefix(std::string_view need) { return "m" + std::string(need); }
v1::LinkKind LinkKindOf(std::string_view key) {
  return key.size() < kSubjectBytes + 1 ? v1::LINK_KIND_UNSPECIFIED : static_cast<v1::LinkKind>(key[key.size() - kSubjectBytes - 1] - '0');
}
std::string InstitutionPlace(std::string_view institution) { return "institution:" + std::string(institution); }

std::string_view SubjectOf(std::string_view key) {
  if (key.starts_with('o')) return key.substr(1);
  if (key.starts_with('l')) return key.substr(std::min(key.size(), key.find('\0') + 1 + sizeof(uint64_t)));
  return key.size() < kSubjectBytes ? std::string_view() : key.substr(key.size() - kSubjectBytes);
}

uint64_t NumberBeforeSubject(std::string_view key) {
  return key.size() < kSubjectBytes + 8 ? 0 : ParseBigEndian(key.substr(key.size() - kSubjectBytes - 8, 8));
}

std::vector<std::string> BoxesOf(const NeedState& state) {
  if (Ended(state)) return {};
  std::vector<std::string> boxes;
  for (const std::string* unit :
       {&state.owner(), &state.unit(), &state.station(), &state.escalated_unit(), &state.transfer().unit(), &state.transfer().station()}) {
    if (!unit->empty()) boxes.push_back(UnitBox(*unit));
  }
  for (const auto& support : state.supports()) {
    boxes.push_back(UnitBox(support.unit()));
    boxes.push_back(UnitBox(support.station()));
  }
  const bool centre_decides =
      state.verified_by_center() || state.extension().decided_by_center() || (state.hold().decided_by_center() && state.stage() != v1::STAGE_ON_HOLD);
  if (centre_decides) boxes.push_back(UnitBox(state.center()));
  if (!state.worker().empty()) boxes.push_back(WorkerBox(state.worker()));
  for (const auto& worker : state.co_workers()) boxes.push_back(WorkerBox(worker));
  if (!state.offer().worker().empty()) boxes.push_back(WorkerBox(state.offer().worker()));
  for (const auto& alert : state.alerts()) {
    boxes.push_back(alert.unit().empty() ? WorkerBox(alert.worker()) : UnitBox(alert.unit()));
  }
  std::ranges::sort(boxes);
  auto repeated = std::ranges::unique(boxes);
  boxes.erase(repeated.begin(), repeated.end());
  return boxes;
}

std::vector<std::string> PartyBoxesOf(const NeedState& state) {
  std::vector<std::string> boxes;
  if (Ended(state)) return boxes;
  for (const auto& obligation : state.obligations()) {
    if (obligation.kind() == v1::PARTY_KIND_DEPARTMENT && WaitsForParty(obligation)) boxes.push_back(PartyBox(obligation.party()));
  }
  std::ranges::sort(boxes);
  auto repeated = std::ranges::unique(boxes);
  boxes.erase(repeated.begin(), repeated.end());
  return boxes;
}

uint64_t PartyChange(const NeedState& state, std::string_view department) {
  uint64_t own = 0;
  for (const auto& obligation : state.obligations()) {
    if (obligation.kind() != v1::PARTY_KIND_DEPARTMENT || obligation.party() != department) continue;
    if (WaitsForParty(obligation)) return state.plan_offset();
    own = std::max(own, obligation.changed_offset());
  }
  return own;
}

}  // namespace rows

std::vector<Row> Rows(const NeedState& state) {
  std::vector<Row> all;
  if (state.version() == 0) return all;
  const std::string& subject = state.subject();
  if (!IsNeed(subject)) {
    AddRecordRows(state, &all);
    std::ranges::sort(all);
    return all;
  }
  auto add = [&all](std::string key) { all.push_back({std::move(key)}); };
  std::string head = rows::BigEndian(state.head_offset());
  for (const auto& who : ReportersOf(state)) {
    add(rows::ReporterPrefix(who.client(), who.reporter_ref()) + rows::BigEndian(~static_cast<uint64_t>(state.submitted_us())) + subject);
    add(rows::ClientChangePrefix(who.client()) + head + subject);
  }
  add(rows::NumberPrefix(state.number()) + subject);
  for (const auto& box : state.boxes_seen()) {
    const std::string change = box.starts_with("p:") ? rows::BigEndian(rows::PartyChange(state, std::string_view(box).substr(2))) : head;
    add(rows::BoxChangePrefix(box) + change + subject);
  }
  if (state.conflict_count() > 0 && !Ended(state)) add(rows::ConflictPrefix() + subject);
  if (const auto* next = NextClock(state); next != nullptr) {
    std::string due = rows::BigEndian(static_cast<uint64_t>(next->start().due_us()));
    add(rows::DuePrefix() + due + subject);
    for (const auto& box : rows::BoxesOf(state)) add(rows::InboxPrefix(box) + due + subject);
    for (const auto& obligation : state.obligations()) {
      if (obligation.kind() != v1::PARTY_KIND_DEPARTMENT || !WaitsForParty(obligation)) continue;
      const bool earliest = std::ranges::none_of(state.obligations(), [&obligation](const auto& each) {
        return each.kind() == obligation.kind() && each.party() == obligation.party() && WaitsForParty(each) && each.deadline_us() < obligation.deadline_us();
      });
      if (earliest) add(rows::InboxPrefix(rows::PartyBox(obligation.party())) + rows::BigEndian(static_cast<uint64_t>(obligation.deadline_us())) + subject);
    }
    if (state.stage() == v1::STAGE_HELD) add(rows::HeldPrefix() + due + subject);
    // A cell may be reported by its code or an alias; the community that either resolves to is one.
    const std::string& place = state.community().empty() ? state.grid_code() : state.community();
    if (!place.empty()) add(rows::PlacePrefix(place) + state.type() + '\0' + subject);
    if (!state.institution().empty()) add(rows::PlacePrefix(rows::InstitutionPlace(state.institution())) + state.type() + '\0' + subject);
    if (!state.worker().empty()) add(rows::WorkerPrefix(state.worker()) + subject);
    for (const auto& worker : state.co_workers()) {
      if (worker != state.worker()) add(rows::WorkerPrefix(worker) + subject);
    }
  }
  if (Want want = Wants(state); want != Want::kNone) add(rows::WantPrefix(rows::LetterOf(want)) + subject);
  for (const auto& link : state.links()) add(rows::LinkPrefix(link.need()) + static_cast<char>('0' + link.kind()) + subject);
  std::ranges::sort(all);
  auto last = std::ranges::unique(all);
  all.erase(last.begin(), last.end());
  return all;
}

}  // namespace gridloop
