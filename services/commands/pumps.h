// Moves many streams forward, each a bit at a time, on one thread: so that a wake costs its caller nothing and a slow
// reader slows only itself.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gridloop {

// Thread-safe.
class Pumps {
  struct Shared;

 public:
  enum class Next {
    kAgain,  // there is more to do; others come first
    kWait,   // until Wake, or a few seconds, whichever is first
    kDone,
  };
  class Pump {
   public:
    void Wake();  // runs the step soon
    // The step does not run any more and is dropped; waits for one that runs, unless this is it.
    void Stop();

   private:
    friend class Pumps;
    std::weak_ptr<Shared> shared_;
    std::function<Next()> step_;  // guarded by running_
    std::recursive_mutex running_;
    bool queued_ = false;   // guarded by the shared mutex
    bool stopped_ = false;  // the same
  };

  // At most `capacity` pumps at once.
  explicit Pumps(size_t capacity);
  ~Pumps();  // stops all
  // Null if there are too many. The step runs when the pump is first woken.
  std::shared_ptr<Pump> Add(std::function<Next()> step);

 private:
  void Run();
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace gridloop
