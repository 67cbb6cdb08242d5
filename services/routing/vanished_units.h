// Needs whose unit the directory has lost want a new route.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "commands/command.h"

namespace gridloop {

// Looks through all open needs at start, after each activation and when a day begins (units have a last day), and recalls
// each one whose unit has vanished, on a thread of its own. Nothing is kept of how far it got: it looks again until a whole
// look has found nothing, so a crash or a lost race in the middle costs one more look. And once more after `look_again`: a
// decision that was under way when the directory changed still goes by the former one and may land behind the look.
class VanishedUnits {
 public:
  // `may_act` false holds it back: a clock that cannot be trusted says nothing about last days.
  explicit VanishedUnits(World& world, std::function<bool()> may_act = {}, std::chrono::milliseconds look_again = std::chrono::seconds(30));
  ~VanishedUnits();  // does not wait for the ledger

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable wake;
    bool signalled = false;
    bool stopping = false;
  };
  void Run();
  bool Look(const std::shared_ptr<const Snapshot>& snapshot);  // true: every open need has its units
  bool Stopping() const;
  void Recall(const std::shared_ptr<const Snapshot>& snapshot, const NeedState& state);

  World& world_;
  std::function<bool()> may_act_;
  std::chrono::milliseconds look_again_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  Subscription watch_;
  std::thread thread_;
};

}  // namespace gridloop
