#include "routing/vanished_units.h"

#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "commands/reactor.h"
#include "commands/run.h"
#include "domain/routing.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 256;
constexpr auto kLookForNews = std::chrono::seconds(1);

}  // namespace

VanishedUnits::VanishedUnits(World& world, std::function<bool()> may_act, std::chrono::milliseconds look_again)
    : world_(world), may_act_(std::move(may_act)), look_again_(look_again) {
  // A hint: the snapshot may be made later than this hears of it, and a day begins without a word.
  watch_ = world_.snapshots.store().Watch([shared = shared_] {
    std::lock_guard lock(shared->mutex);
    shared->signalled = true;
    shared->wake.notify_all();
  });
  thread_ = std::thread([this] { Run(); });
}

VanishedUnits::~VanishedUnits() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->wake.notify_all();
  thread_.join();
}

bool VanishedUnits::Stopping() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->stopping;
}

void VanishedUnits::Run() {
  std::shared_ptr<const Snapshot> seen;
  std::string seen_on;
  std::optional<std::chrono::steady_clock::time_point> again;
  while (true) {
    auto snapshot = world_.snapshots.Active();
    std::string today = snapshot ? snapshot->calendar().LocalDate(world_.clock.WallUs()) : std::string();
    bool news = snapshot && (snapshot != seen || today != seen_on);
    bool due = again && std::chrono::steady_clock::now() >= *again;
    if ((news || due) && (!may_act_ || may_act_())) {
      again.reset();
      bool clean = Look(snapshot);
      if (news || !clean) again = std::chrono::steady_clock::now() + look_again_;
      if (clean) {
        seen = snapshot;
        seen_on = today;
      }
    }
    std::unique_lock lock(shared_->mutex);
    shared_->wake.wait_for(lock, std::min<std::chrono::milliseconds>(kLookForNews, look_again_), [this] { return shared_->signalled || shared_->stopping; });
    if (shared_->stopping) return;
    shared_->signalled = false;
  }
}

bool VanishedUnits::Look(const std::shared_ptr<const Snapshot>& snapshot) {
  bool whole = true;
  std::string after;
  do {
    auto page = ReadRows(world_.view, rows::DuePrefix(), after, kRowsAtATime);
    if (!page) return false;
    after = page->next_key;
    for (const Row& row : page->rows) {
      if (Stopping()) return false;
      auto state = StateNow(world_, rows::SubjectOf(row.key));
      if (!state) return false;
      if (!*state || !HasLostItsUnit(*snapshot, **state, world_.clock.WallUs())) continue;
      whole = false;
      Recall(snapshot, **state);
    }
  } while (!after.empty());
  return whole;
}

void VanishedUnits::Recall(const std::shared_ptr<const Snapshot>& snapshot, const NeedState& state) {
  auto done = std::make_shared<std::promise<void>>();  // its setter may outlive this wait
  React(
      world_, snapshot, state.subject(), state.head_event_id(), "vanished", "routing",
      [snapshot](const NeedState& head, int64_t now_us) -> Expected<Event> {
        if (!HasLostItsUnit(*snapshot, head, now_us)) return Fail(Code::kAborted, "WANT_GONE", "The need has its units.");
        Event event;
        event.set_type(v1::EVENT_TYPE_RECALLED);
        event.mutable_recalled();
        *event.add_clocks() = StartClock(snapshot.get(), v1::CLOCK_KIND_ROUTING, head, now_us);
        return event;
      },
      [done](bool) { done->set_value(); });
  auto answered = done->get_future();
  while (answered.wait_for(kLookForNews) != std::future_status::ready && !Stopping()) continue;
}

}  // namespace gridloop
