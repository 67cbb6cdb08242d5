// Tells of deadlines before they pass, by the due rows.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "notification/outbox.h"

namespace gridloop {

// The next deadline of an open need is told of once, `lead_us` before it, but never before half of its time has passed: a crisis'
// short clock does not ring as it starts. What has passed is no coming deadline. On a thread of its own.
class ComingDeadlines {
 public:
  // `may_act` false holds it back: a clock that cannot be trusted says nothing about deadlines.
  ComingDeadlines(World& world, Outbox& outbox, int64_t lead_us, std::function<bool()> may_act);
  ~ComingDeadlines();

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable wake;
    bool signalled = true;
    bool stopping = false;
  };
  static void Signal(Shared& shared);
  void Run();
  int64_t Look();  // the next time to look; 0: when something changes
  Expected<int64_t> TellingTime(const std::string& row) const;

  World& world_;
  Outbox& outbox_;
  const int64_t lead_us_;
  const std::function<bool()> may_act_;
  // By what follows the table's letter in a due row: due time and subject.
  std::set<std::string> told_;
  std::map<std::string, int64_t> planned_;  // when to tell of what is near
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::shared_ptr<void> alarm_;
  Subscription watch_;
  std::thread thread_;
};

}  // namespace gridloop
