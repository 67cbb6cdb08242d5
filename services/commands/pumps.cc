#include "commands/pumps.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace gridloop {
namespace {

// Hints may be lost, and a stream that has grown old is ended by its own step.
constexpr auto kSecondTry = std::chrono::seconds(5);

}  // namespace

struct Pumps::Shared {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::shared_ptr<Pump>> ready;
  std::vector<std::shared_ptr<Pump>> all;
  size_t capacity = 0;
  bool stopping = false;
};

void Pumps::Pump::Wake() {
  auto shared = shared_.lock();
  if (!shared) return;
  std::lock_guard lock(shared->mutex);
  if (stopped_ || queued_) return;
  auto self = std::ranges::find(shared->all, this, &std::shared_ptr<Pump>::get);
  if (self == shared->all.end()) return;
  queued_ = true;
  shared->ready.push_back(*self);
  shared->wake.notify_one();
}

void Pumps::Pump::Stop() {
  std::shared_ptr<Pump> self;  // the last reference may be the list's
  if (auto shared = shared_.lock()) {
    std::lock_guard lock(shared->mutex);
    stopped_ = true;
    if (auto found = std::ranges::find(shared->all, this, &std::shared_ptr<Pump>::get); found != shared->all.end()) {
      self = *found;
      shared->all.erase(found);
    }
  }
  std::function<Next()> dropped;  // after the lock: it may hold the stream that holds this pump
  std::lock_guard lock(running_);
  dropped = std::exchange(step_, nullptr);
}

Pumps::Pumps(size_t capacity) : shared_(std::make_shared<Shared>()) {
  shared_->capacity = capacity;
  thread_ = std::thread([this] { Run(); });
}

Pumps::~Pumps() {
  std::vector<std::shared_ptr<Pump>> all;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    all = shared_->all;
  }
  shared_->wake.notify_one();
  thread_.join();
  for (const auto& pump : all) pump->Stop();
}

std::shared_ptr<Pumps::Pump> Pumps::Add(std::function<Next()> step) {
  auto pump = std::make_shared<Pump>();
  pump->shared_ = shared_;
  pump->step_ = std::move(step);
  std::lock_guard lock(shared_->mutex);
  if (shared_->stopping || shared_->all.size() >= shared_->capacity) return nullptr;
  shared_->all.push_back(pump);
  return pump;
}

void Pumps::Run() {
  auto second_try = std::chrono::steady_clock::now() + kSecondTry;
  while (true) {
    std::shared_ptr<Pump> pump;
    {
      std::unique_lock lock(shared_->mutex);
      shared_->wake.wait_until(lock, second_try, [this] { return shared_->stopping || !shared_->ready.empty(); });
      if (shared_->stopping) return;
      if (std::chrono::steady_clock::now() >= second_try) {
        second_try = std::chrono::steady_clock::now() + kSecondTry;
        for (const auto& each : shared_->all) {
          if (!std::exchange(each->queued_, true)) shared_->ready.push_back(each);
        }
      }
      if (shared_->ready.empty()) continue;
      pump = std::move(shared_->ready.front());
      shared_->ready.pop_front();
      pump->queued_ = false;
      if (pump->stopped_) continue;
    }
    Next next = Next::kDone;
    {
      std::lock_guard running(pump->running_);
      if (!pump->step_) continue;
      next = pump->step_();
    }
    if (next == Next::kAgain) pump->Wake();
    if (next == Next::kDone) pump->Stop();
  }
}

}  // namespace gridloop
