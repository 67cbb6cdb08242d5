#include "commands/reactor.h"

#include <chrono>
#include <future>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 256;
constexpr auto kTryAgain = std::chrono::seconds(1);

}  // namespace

Reactor::Reactor(World& world, std::string prefix, bool timed, Handle handle)
    : world_(world), prefix_(std::move(prefix)), timed_(timed), handle_(std::move(handle)) {
  watch_ = world_.view.Watch(prefix_, [this] {
    std::lock_guard lock(mutex_);
    signalled_ = true;
    wake_.notify_one();
  });
  thread_ = std::thread([this] { Run(); });
}

Reactor::~Reactor() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  watch_.reset();
  alarm_.reset();
}

void Reactor::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      // The time-out is the second try for what could not be done at the first.
      wake_.wait_for(lock, kTryAgain, [this] { return signalled_ || stopping_; });
      if (stopping_) return;
      signalled_ = false;
    }
    RowPage page;
    std::string after;
    do {
      world_.view.Scan(prefix_, after, kRowsAtATime, std::nullopt, [&page](Expected<RowPage> scanned) {
        page = scanned ? std::move(*scanned) : RowPage();
      });
      after = page.next_key;
      for (const Row& row : page.rows) {
        {
          std::lock_guard lock(mutex_);
          if (stopping_) return;
        }
        if (timed_) {
          auto due_us = static_cast<int64_t>(rows::NumberBeforeSubject(row.key));
          if (due_us > world_.clock.WallUs()) {
            alarm_ = world_.clock.At(due_us, [this] {
              std::lock_guard lock(mutex_);
              signalled_ = true;
              wake_.notify_one();
            });
            after.clear();
            break;
          }
        }
        handle_(std::string(rows::SubjectOf(row.key)));
      }
    } while (!after.empty());
  }
}

Expected<Verdict> ReactAndWait(World& world, const NeedState& head, const std::string& kind, const std::string& principal,
                               std::function<Expected<Event>(const NeedState& head, int64_t now_us)> make) {
  std::promise<Expected<Verdict>> promise;
  auto future = promise.get_future();
  React(world, head.subject(), head.head_event_id(), kind, principal, std::move(make),
        [&promise](Expected<Verdict> verdict) { promise.set_value(std::move(verdict)); });
  return future.get();
}

std::shared_ptr<const NeedState> StateNow(World& world, const std::string& subject) {
  std::shared_ptr<const NeedState> state;
  world.view.Get(subject, std::nullopt, [&state](Expected<std::shared_ptr<const NeedState>> found) {
    if (found) state = std::move(*found);
  });
  return state;
}

}  // namespace gridloop
