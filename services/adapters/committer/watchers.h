// Who wants to hear of changes. Watch of every adapter in this process.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ports/ledger.h"

namespace gridloop {

// Thread-safe. A watcher may cancel itself from within.
class Watchers {
 public:
  Subscription Add(std::string prefix, std::function<void()> wake) {
    auto watcher = std::make_shared<Watcher>();
    watcher->prefix = std::move(prefix);
    watcher->wake = std::move(wake);
    {
      std::lock_guard lock(mutex_);
      DropDead();
      watchers_.push_back(watcher);
    }
    return Subscription(watcher.get(), [watcher](void*) {
      std::lock_guard lock(watcher->mutex);
      watcher->cancelled = true;
    });
  }

  // Wakes those under whose prefix something changed.
  void Wake(const std::function<bool(std::string_view prefix)>& changed) {
    std::vector<std::shared_ptr<Watcher>> watchers;
    {
      std::lock_guard lock(mutex_);
      DropDead();
      for (auto& weak : watchers_) {
        if (auto watcher = weak.lock()) watchers.push_back(std::move(watcher));
      }
    }
    for (auto& watcher : watchers) {
      if (!changed(watcher->prefix)) continue;
      std::lock_guard lock(watcher->mutex);
      if (!watcher->cancelled) watcher->wake();
    }
  }

 private:
  struct Watcher {
    std::string prefix;
    std::function<void()> wake;
    std::recursive_mutex mutex;  // held while waking, so that cancelling waits for a wake that runs, unless it is from it
    bool cancelled = false;
  };
  void DropDead() {
    std::erase_if(watchers_, [](const auto& weak) { return weak.expired(); });
  }
  std::mutex mutex_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace gridloop
