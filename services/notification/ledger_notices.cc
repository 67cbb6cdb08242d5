#include "notification/ledger_notices.h"

#include <algorithm>
#include <chrono>

#include "domain/row_keys.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr char kPlaceKey[] = "c";  // of the next record, 8 bytes
constexpr auto kTryAgain = std::chrono::seconds(1);

}  // namespace

LedgerNotices::LedgerNotices(World& world, Outbox& outbox) : world_(world), outbox_(outbox) {
  uint64_t end = world_.ledger.End(0).value_or(Position{}).offset;
  uint64_t from = end;
  auto place = outbox_.store().Read(kPlaceKey);
  if (place && *place) {
    from = std::min(end, rows::ParseBigEndian(**place));
  } else if (!outbox_.store().Write({{kPlaceKey, rows::BigEndian(end)}})) {  // a crash before the first notice must not move it
    outbox_.Report({Outbox::News::What::kStoreFailed, {}, {}, 0, {}});
  }
  next_ = from;
  subscription_ = world_.ledger.Subscribe({0, from}, [this](std::span<const Record> records) { Take(records); });
}

LedgerNotices::~LedgerNotices() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  subscription_.reset();
}

uint64_t LedgerNotices::Behind() const {
  uint64_t next = next_;
  return std::max(world_.ledger.End(0).value_or(Position{}).offset, next) - next;
}

Expected<void> LedgerNotices::Forget(NoticeStore& store) { return store.Write({{kPlaceKey, std::nullopt}}); }

void LedgerNotices::Take(std::span<const Record> records) {
  std::vector<Told> told;
  size_t at = 0;
  bool kept = false;
  while (!kept) {
    for (; at < records.size(); ++at) {
      auto step = Step(records[at]);
      if (!step) {
        outbox_.Report({Outbox::News::What::kReadFailed, {}, {}, 0, {}});
        break;  // tried again below
      }
      if (*step) told.push_back(std::move(**step));
    }
    kept = at == records.size() && outbox_.Keep(told, {{kPlaceKey, rows::BigEndian(records.back().position.offset + 1)}});
    if (kept) next_ = records.back().position.offset + 1;
    std::unique_lock lock(mutex_);
    if (!kept) stop_.wait_for(lock, kTryAgain, [this] { return stopping_; });
    if (stopping_) return;  // these come again after the start
  }
}

Expected<NeedState*> LedgerNotices::FoldedBefore(const Event& event, const Record& record) {
  auto found = folded_.find(event.subject());
  if (found != folded_.end() && found->second.version() + 1 == event.version()) return &found->second;
  NeedState state;
  if (event.version() > 1) {
    auto now = ReadState(world_.view, event.subject(), record.position);
    if (!now) return std::unexpected(now.error());
    for (const auto& applied : (*now)->applied()) {
      if (applied.version() >= event.version()) break;
      auto earlier = world_.ledger.ReadAt({0, applied.offset()});
      if (!earlier) return std::unexpected(earlier.error());
      Event one;
      if (one.ParseFromString(earlier->value)) Fold(state, one, {applied.offset(), Sha256(earlier->value)});
    }
  }
  if (folded_.size() >= kNeedsFolded) folded_.clear();
  return &(folded_[event.subject()] = std::move(state));
}

Expected<std::optional<Told>> LedgerNotices::Step(const Record& record) {
  Event event;
  if (record.verdict != Void::kNone || !event.ParseFromString(record.value)) return std::nullopt;
  const bool known = folded_.contains(event.subject());
  if (!known && !IsToldOf(event)) return std::nullopt;  // most events: the need is folded when it matters
  auto state = FoldedBefore(event, record);
  if (!state) return std::unexpected(state.error());
  const NeedState before = **state;
  if (Fold(**state, event, {record.position.offset, Sha256(record.value)}) != Void::kNone) {
    folded_.erase(event.subject());
    return std::nullopt;
  }
  auto told = NoticeOf(before, **state, event, record.position.offset);
  if (Ended(**state)) folded_.erase(event.subject());
  return told;
}

}  // namespace gridloop
