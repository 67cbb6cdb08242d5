// Acts on rows until they are gone: wants as they appear, deadlines when they pass. Rows cannot be lost, so neither can
// what they call for; a reaction that loses a race is derived again from the new state.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "commands/command.h"

namespace gridloop {

class Reactor {
 public:
  // Handles one subject; must finish before it returns (it may block on the ledger).
  using Handle = std::function<void(const std::string& subject)>;
  // `timed`: rows carry a due time before the subject and wait for it.
  Reactor(World& world, std::string prefix, bool timed, Handle handle);
  ~Reactor();  // waits for the reaction in hand

 private:
  void Run();
  World& world_;
  std::string prefix_;
  bool timed_;
  Handle handle_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool signalled_ = true;
  bool stopping_ = false;
  Subscription watch_;
  std::shared_ptr<void> alarm_;
  std::thread thread_;
};

// Runs React and waits for its verdict.
Expected<Verdict> ReactAndWait(World& world, const NeedState& head, const std::string& kind, const std::string& principal,
                               std::function<Expected<Event>(const NeedState& head, int64_t now_us)> make);
// The state now, or nothing.
std::shared_ptr<const NeedState> StateNow(World& world, const std::string& subject);

}  // namespace gridloop
