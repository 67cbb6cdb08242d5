// Acts on rows until they are gone: wants as they appear, deadlines when they pass. Rows cannot be lost, so neither can
// what they call for; a reaction that loses a race is derived again from the new state.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "commands/command.h"

namespace gridloop {

class Reactor {
 public:
  // Starts what one subject calls for and calls `done` once, from any thread; must not block. A subject is never handled
  // twice at once. `again_later`: nothing could be done now, so its row rests a second.
  using Handle = std::function<void(const std::string& subject, std::function<void(bool again_later)> done)>;
  struct Options {
    std::string prefix;  // of the rows
    bool timed = false;  // rows carry a due time before the subject and wait for it
    size_t in_flight = 256;
    // False holds everything back (the clock cannot be trusted, say); asked again every second. Empty: always.
    std::function<bool()> may_act = {};
  };
  Reactor(World& world, Options options, Handle handle);
  ~Reactor();  // starts nothing more and waits for what is in flight

 private:
  // What handlers and wakes still hold after the reactor has gone.
  struct Shared {
    std::mutex mutex;
    std::condition_variable wake;
    bool signalled = true;
    bool stopping = false;
    std::unordered_set<std::string> in_flight;
    std::unordered_map<std::string, int64_t> resting;  // until when, in microseconds of the steady clock
  };
  void Run();
  bool Start(const std::string& subject);  // false: no more for now
  static void Signal(Shared& shared);

  World& world_;
  Options options_;
  Handle handle_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  Subscription watch_;
  std::shared_ptr<void> alarm_;
  std::thread thread_;
};

}  // namespace gridloop
