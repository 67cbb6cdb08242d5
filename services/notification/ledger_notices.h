// Makes notices of what is appended to the ledger, each once but for a crash, after which they have the same ids.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "notification/outbox.h"

namespace gridloop {

// Goes on where it stood; with no such place from the end of the log on, so that a new recipient is not told of the past. Each notice
// says how its need stood at that event, whenever it is made: the need is folded up to there.
class LedgerNotices {
 public:
  LedgerNotices(World& world, Outbox& outbox);
  ~LedgerNotices();
  // Records that it has not looked at yet.
  uint64_t Behind() const;
  // Forgets the place.
  static Expected<void> Forget(NoticeStore& store);

 private:
  static constexpr size_t kNeedsFolded = 1024;
  void Take(std::span<const Record> records);
  // What a record is told as; an error is tried again.
  Expected<std::optional<Told>> Step(const Record& record);
  Expected<NeedState*> FoldedBefore(const Event& event, const Record& record);

  World& world_;
  Outbox& outbox_;
  std::atomic<uint64_t> next_ = 0;                     // offset
  std::unordered_map<std::string, NeedState> folded_;  // as far as they were seen
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  Subscription subscription_;
};

}  // namespace gridloop
