// What waits for its delivery: a queue for each recipient, tried again and again, and what is tried no more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "commands/command.h"
#include "gridloop/store/v1/notice.pb.h"
#include "notification/notice.h"
#include "notification/recipients.h"
#include "ports/notices.h"
#include "ports/webhooks.h"

namespace gridloop {

// Thread-safe. A recipient that is slow or fails delays no other one and nobody who puts something in.
//
// At most 8 posts a recipient run at once. A failed notice is tried again after 5 s, 10 s, 20 s … up to an hour, each a quarter more or
// less by chance; while a recipient fails it is tried with one notice at a time by the same rule, and all of them go on once it answers.
class Outbox {
 public:
  struct Limits {
    size_t queued = 10'000;            // a recipient; the oldest of more becomes a dead letter
    size_t dead = 10'000;              // a recipient; the oldest of more is dropped
    size_t in_flight = 8;              // a recipient
    uint32_t refusals = 8;             // with 4xx but 408, 425 and 429, then it is a dead letter
    int64_t age_us = 259'200'000'000;  // 3 days in the queue, then it is a dead letter
    int64_t first_wait_us = 5'000'000;
    int64_t longest_wait_us = 3'600'000'000;
  };
  // What operators are told of: never of a single failure, but of a recipient that begins to fail or recovers, of each dead letter, and of what stops all.
  struct News {
    enum class What { kFails, kRecovered, kDead, kDropped, kStoreFailed, kReadFailed };
    What what = What::kFails;
    std::string recipient;
    v1::DeliveryFailure failure = v1::DELIVERY_FAILURE_UNSPECIFIED;
    int status = 0;
    v1::DeathReason death = v1::DEATH_REASON_UNSPECIFIED;
  };
  // References outlive it, or Stop. `heard` must not block long; may be empty.
  Outbox(World& world, NoticeStore& store, Webhooks& webhooks, Limits limits, std::function<void(const News&)> heard);
  ~Outbox();
  // Loads what was kept before; first of all.
  Expected<void> Load();
  void Start();
  // Nothing is sent any more; what runs is not waited for, its answer changes nothing.
  void Stop();

  // From now on these. What waits for one that is not among them stays 3 days, in case it comes back.
  void Use(std::shared_ptr<const Recipients> recipients);
  bool HasRecipients() const;

  // Puts into the queues of all who hear of it, together with `with`: all or nothing.
  Expected<void> Keep(const std::vector<Told>& told, std::vector<NoticeChange> with);
  // For one, whatever it hears of; nothing if that id waits already. kNotFound/RECIPIENT_NOT_FOUND.
  Expected<void> KeepFor(const std::string& recipient, v1::Notice notice);
  NoticeStore& store() { return store_; }
  // Tells operators.
  void Report(const News& news) const {
    if (heard_) heard_(news);
  }

  std::vector<v1::Recipient> List() const;
  struct DeadPage {
    std::vector<store::v1::KeptNotice> letters;
    std::string next;  // pass as `after`; empty at the end
  };
  Expected<DeadPage> ListDead(const std::string& recipient, const std::string& after, size_t limit) const;
  struct Redelivered {
    int moved = 0;
    int left = 0;
  };
  // `ids`: nothing means all of them.
  Expected<Redelivered> Redeliver(const std::string& recipient, const std::optional<std::set<std::string>>& ids);

 private:
  struct Waiting {
    int64_t kept_us = 0;
    int64_t next_try_us = 0;
    uint32_t attempts = 0;
    bool refused = false;
    bool in_flight = false;
  };
  struct Box {
    std::optional<Recipient> recipient;             // none: not configured now
    std::map<uint64_t, Waiting> queue;              // by number
    std::deque<std::pair<uint64_t, int64_t>> dead;  // number, since when
    size_t in_flight = 0;
    uint32_t failures = 0;  // in a row, of the recipient
    int64_t next_try_us = 0;
    int64_t delivered = 0, failed = 0, dropped = 0, last_success_us = 0, last_failure_us = 0;
    v1::DeliveryFailure last_failure = v1::DELIVERY_FAILURE_UNSPECIFIED;
    int last_status = 0;
  };
  struct Attempt {
    std::string id;
    uint64_t number = 0;
    Recipient recipient;
  };

  void Run();
  void Signal();
  bool IsDue(int64_t at_us, int64_t now_us) const;
  int64_t Wait(uint32_t failures);
  std::vector<Attempt> Choose(int64_t now_us, int64_t* next_us);
  void Send(const Attempt& start);
  void PutBack(const Attempt& start, int64_t wait_us);
  void Answered(const Attempt& start, const WebhookAnswer& answer);
  void Age(const std::string& id, Box& box, int64_t now_us);
  void Bury(const std::string& id, Box& box, std::map<uint64_t, Waiting>::iterator waiting, v1::DeathReason reason, int64_t now_us);
  void Write(const std::vector<NoticeChange>& changes);
  Box* Find(const std::string& id);
  void Tell();

  World& world_;
  NoticeStore& store_;
  Webhooks& webhooks_;
  const Limits limits_;
  const std::function<void(const News&)> heard_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Box> boxes_;
  std::shared_ptr<const Recipients> recipients_ = std::make_shared<Recipients>();
  uint64_t next_number_ = 1;
  std::vector<News> news_;  // told without the mutex
  bool signalled_ = false, stopping_ = false;
  std::shared_ptr<void> alarm_;
  std::thread thread_;
};

}  // namespace gridloop
