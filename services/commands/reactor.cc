#include "commands/reactor.h"

#include <chrono>
#include <utility>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 64;
constexpr auto kTryAgain = std::chrono::seconds(1);

// Real time, also under a simulated clock: how long a machine rests is no matter of the needs' time.
int64_t SteadyUs() { return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Reactor::Reactor(World& world, Options options, Handle handle) : world_(world), options_(std::move(options)), handle_(std::move(handle)) {
  watch_ = world_.view.Watch(options_.prefix, [shared = shared_] { Signal(*shared); });
  thread_ = std::thread([this] { Run(); });
}

Reactor::~Reactor() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->wake.notify_all();
  thread_.join();
  watch_.reset();
  alarm_.reset();
  std::unique_lock lock(shared_->mutex);
  shared_->wake.wait(lock, [this] { return shared_->in_flight.empty(); });
}

void Reactor::Signal(Shared& shared) {
  std::lock_guard lock(shared.mutex);
  shared.signalled = true;
  shared.wake.notify_all();
}

void Reactor::Run() {
  while (true) {
    {
      std::unique_lock lock(shared_->mutex);
      // The time-out is the second try for what could not be done at the first.
      shared_->wake.wait_for(lock, kTryAgain, [this] { return shared_->signalled || shared_->stopping; });
      if (shared_->stopping) return;
      shared_->signalled = false;
      int64_t now_us = SteadyUs();
      std::erase_if(shared_->resting, [now_us](const auto& each) { return each.second <= now_us; });
    }
    if (options_.may_act && !options_.may_act()) continue;
    std::string after;
    do {
      auto page = ReadRows(world_.view, options_.prefix, after, kRowsAtATime);
      if (!page) break;  // tried again at the next look
      after = page->next_key;
      for (const Row& row : page->rows) {
        if (options_.timed) {
          auto due_us = static_cast<int64_t>(rows::NumberBeforeSubject(row.key));
          if (due_us > world_.clock.WallUs()) {
            alarm_ = world_.clock.At(due_us, [shared = shared_] { Signal(*shared); });
            after.clear();
            break;
          }
        }
        if (Start(std::string(rows::SubjectOf(row.key)))) continue;
        after.clear();
        break;
      }
    } while (!after.empty());
  }
}

bool Reactor::Start(const std::string& subject) {
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->stopping) return false;
    if (shared_->in_flight.contains(subject) || shared_->resting.contains(subject)) return true;
    if (shared_->in_flight.size() >= options_.in_flight) return false;
    shared_->in_flight.insert(subject);
  }
  handle_(subject, [shared = shared_, subject](bool again_later) {
    std::lock_guard lock(shared->mutex);
    shared->in_flight.erase(subject);
    if (again_later) shared->resting[subject] = SteadyUs() + std::chrono::microseconds(kTryAgain).count();
    // There is room for another one, and this one's row may have come back meanwhile.
    shared->signalled = true;
    shared->wake.notify_all();
  });
  return true;
}

}  // namespace gridloop
