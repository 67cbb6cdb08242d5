// The embedded committer: one thread decides at the head, writes events in one synced batch and shows states and rows in
// memory; a second one answers meanwhile, so that the next sync does not wait for callbacks. It is Ledger and View in one,
// because the view belongs to the ledger.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "adapters/committer/store.h"
#include "adapters/committer/watchers.h"
#include "ports/clock.h"
#include "ports/ledger.h"
#include "ports/view.h"

namespace gridloop {

class Committer : public Ledger, public View {
 public:
  struct Options {
    size_t queue_capacity = 8192;
    size_t batch_capacity = 1024;
    size_t states_kept = 200'000;        // clean states in memory
    size_t dirty_rows_written = 20'000;  // the view is written when this many rows wait, or after the interval; ten times as many are too many
    std::chrono::milliseconds write_interval{500};
    // Told now and then while the view is folded from the log at the start: next offset, end of the log.
    std::function<void(uint64_t next, uint64_t end)> on_folding;
    // Told of each event that is in the log, after its sync, on the committer's thread.
    std::function<void(v1::EventType type, Void verdict)> on_judged = {};
    bool judge_appends = true;  // false: a second body under one id is logged and becomes void(conflict)
  };

  // Folds what the view has not seen yet, then starts. Fails if the log holds an epoch or type that this build does not
  // know. `store` and `clock` outlive it.
  static Expected<std::unique_ptr<Committer>> Open(Store& store, Clock& clock, Options options);
  ~Committer() override;  // answers what is queued, ends subscriptions, writes the view

  void Append(Event event, int64_t deadline_us, Callback<Expected<Position>> done) override;
  void Decide(std::string subject, std::string event_id, std::string body_mac, std::optional<std::string> etag, DecideFn decide, int64_t deadline_us,
              Callback<Expected<Verdict>> done) override;
  Subscription Subscribe(Position from, Handler handler) override;
  Expected<Record> ReadAt(Position position) override;
  Expected<std::vector<Record>> ReadFrom(Position from, int limit) override;
  Expected<Position> End(uint32_t partition) override;
  std::string Failure() const override;

  void Get(std::string_view subject, std::optional<Position> at_least, Callback<Expected<std::shared_ptr<const NeedState>>> done) override;
  void Scan(std::string_view prefix, std::string_view after, int limit, std::optional<Position> at_least, Callback<Expected<RowPage>> done) override;
  Expected<int> Count(std::string_view prefix, int limit) override;
  Subscription Watch(std::string prefix, std::function<void()> wake) override;
  std::string ViewFailure() const override;

  // Records skipped because they are not ours.
  uint64_t foreign_records() const { return foreign_records_; }
  // Records that had to be folded when it was opened.
  uint64_t folded_at_start() const { return folded_at_start_; }
  // logged_at of the last record, 0 if there is none: time never goes back in a log.
  int64_t last_logged_at_us() const;
  // Writes the view now; for tests and shutdown.
  Expected<void> WriteViewNow();

 private:
  struct Request {
    std::string subject, event_id, body_mac;
    std::optional<std::string> etag;
    DecideFn decide;  // empty for an append
    Event event;
    int64_t deadline_us = 0;
    Callback<Expected<Position>> appended;
    Callback<Expected<Verdict>> decided;
  };
  struct Subscriber;
  struct Batch;
  struct Answers {  // of one batch: a verdict for each request
    std::vector<Request> requests;
    std::vector<Expected<Verdict>> verdicts;
  };

  Committer(Store& store, Clock& clock, Options options);
  Expected<void> FoldTail();
  Expected<bool> ViewFits() const;
  Expected<void> FoldFromWatermark(bool* view_is_bad);
  Expected<void> StartView();
  void Enqueue(Request request);
  void Run();
  void RunAnswers();
  void RunWriter();
  void Process(std::vector<Request> requests);
  Expected<Verdict> ProcessOne(Request& request, Batch& batch);
  void FailBatch(const Error& why, std::vector<Request>* requests, Batch* batch);
  Expected<std::shared_ptr<const NeedState>> Load(const std::string& subject, const Batch* batch) const;
  void Publish(Batch& batch);
  void EvictClean();                                                                   // with view_mutex_ held
  void AddRows(const std::vector<Row>& rows);                                          // in order; with view_mutex_ held
  void RemoveRow(const std::string& key);                                              // with view_mutex_ held
  void MarkDirty(const std::string& subject, std::shared_ptr<const NeedState> state);  // with view_mutex_ held
  bool TooMuchUnwritten() const;
  bool Failed() const;
  void CancelSubscribers();
  static void Answer(Request& request, Expected<Verdict> verdict);
  // Rows of tables that are not hot: memory over the store.
  using Collected = Expected<std::vector<Row>>;
  Collected CollectStoredRows(std::string_view prefix, std::string_view after, size_t limit) const;
  Collected CollectRows(std::string_view prefix, std::string_view after, size_t limit) const;

  Store& store_;
  Clock& clock_;
  Options options_;

  mutable std::mutex queue_mutex_;
  std::condition_variable queue_filled_;
  std::deque<Request> queue_;
  bool stopping_ = false;
  std::string failure_;       // guarded by queue_mutex_; once set, it stays
  std::string view_failure_;  // guarded by queue_mutex_; of the last write of the view

  // What is visible. Written by the committer thread alone.
  mutable std::shared_mutex view_mutex_;
  struct Cached {
    std::shared_ptr<const NeedState> state;
    bool dirty = false;
  };
  using States = std::unordered_map<std::string, Cached>;
  mutable States states_;
  std::vector<States::value_type*> dirty_states_;  // each once: those in states_ that are dirty, which are never evicted
  uint64_t evictions_ = 0;                         // a state read from the store before the last one may be stale
  enum class RowChange : uint8_t {
    kFresh,  // added, and the store has never had it: removing it leaves nothing to write
    kAdded,
    kRemoved,
  };
  using DirtyRows = std::map<std::string, RowChange, std::less<>>;
  DirtyRows dirty_rows_;
  DirtyRows writing_rows_;  // being written, still visible
  // The rows that reactions look at all the time: wants, deadlines, loads. All of them, so that no look costs a read.
  std::set<std::string, std::less<>> hot_rows_;
  store::v1::Watermark watermark_;

  // What is durable and visible and not yet told. Nothing more is decided while many batches wait.
  std::mutex answers_mutex_;
  std::condition_variable answers_filled_;
  std::condition_variable answers_taken_;
  std::deque<Answers> answers_;
  bool answers_end_ = false;  // no more will come

  std::mutex writer_mutex_;  // one write of the view at a time
  std::condition_variable writer_wake_;
  std::mutex writer_wait_mutex_;
  bool writer_stopping_ = false;  // guarded by writer_wait_mutex_
  bool writer_hurried_ = false;   // guarded by writer_wait_mutex_
  uint64_t written_offset_ = 0;   // watermark of the last write; guarded by writer_mutex_

  Watchers watchers_;
  std::mutex watch_mutex_;
  std::vector<std::weak_ptr<Subscriber>> subscribers_;
  std::atomic<uint64_t> foreign_records_ = 0;
  uint64_t folded_at_start_ = 0;
  std::thread thread_;
  std::thread answerer_;
  std::thread writer_;
};

}  // namespace gridloop
