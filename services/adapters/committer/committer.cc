#include "adapters/committer/committer.h"

#include <algorithm>
#include <charconv>

#include "domain/records.h"
#include "domain/row_keys.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr uint32_t kViewSchema = 6;
constexpr int64_t kQueueFullRetryUs = 50'000;
constexpr int kFoldBatch = 2'000;
constexpr std::string_view kHotTables = "dkw";  // row_keys.h
constexpr int64_t kFailedRetryUs = 30'000'000;
constexpr size_t kBatchesUnanswered = 16;
constexpr size_t kTooManyTimes = 10;  // dirty_rows_written
constexpr char kLaterZh[] = "系统暂时不能受理，请稍后重试或电话联系中心。";

bool IsHot(std::string_view key_or_prefix) { return !key_or_prefix.empty() && kHotTables.find(key_or_prefix.front()) != std::string_view::npos; }

// Ours if it starts with field 1 and the letters GLE1 (docs/formats/event.md).
bool IsOurs(std::string_view value) { return value.starts_with(std::string_view("\x0DGLE1", 5)); }

Error LedgerFailed(const std::string& why) {
  return {Code::kUnavailable,
          "LEDGER_FAILED",
          "The ledger takes nothing any more: " + why + ". Mend the disk and restart; what was acknowledged is kept.",
          kLaterZh,
          {},
          {},
          kFailedRetryUs};
}

// Of what was being written when the ledger failed.
Error OutcomeUnknown(const Verdict& tried) {
  return {Code::kUnknown,
          "OUTCOME_UNKNOWN",
          "The disk failed while this was written: it may or may not have happened. Send the same again, with the same request id, once the ledger is "
          "back: you get what happened.",
          "结果未知，请稍后用同一请求编号重新提交，或电话联系中心。",
          {},
          {{"event", Base32(tried.event_id)}, {"version", std::to_string(tried.version)}},
          kFailedRetryUs};
}

Error DiskFull(const std::string& why) {
  return {Code::kResourceExhausted, "DISK_FULL", "Nothing was written: " + why + ".", kLaterZh, {}, {}, kFailedRetryUs};
}

Error ViewFailed(const std::string& why) {
  return {Code::kUnavailable,
          "VIEW_FAILED",
          "Too much waits to be written to the view, so nothing new is taken: " + why + ". Mend the disk and restart; what was acknowledged is kept.",
          kLaterZh,
          {},
          {},
          kFailedRetryUs};
}

// Why a decision's event would change nothing.
Error EventVoid(Void verdict) {
  Error error{Code::kFailedPrecondition,
              "EVENT_VOID",
              "The need's life does not allow this now; get it and look at its stage.",
              "当前阶段不能这样操作，请刷新后再看。",
              {},
              {{"void", std::string(VoidName(verdict))}},
              std::nullopt};
  if (verdict == Void::kVerifier) {
    error.reason = "VERIFIER_INVOLVED";
    error.message = "Whoever did the work, or belongs to the organisation that did it, cannot verify its closing; let somebody else verify it.";
    error.message_zh = "参与服务的社工及其所属机构的人员不能审核结案，请由其他人审核。";
  }
  return error;
}

// The positions that the ledger gives are visible when it gives them: one at or past the end is not from this log, or
// from a copy of it that has more.
std::unexpected<Error> Behind() {
  Error error;
  error.code = Code::kUnavailable;
  error.reason = "VIEW_BEHIND";
  error.message = "This log has not reached the position that at_least names; it may be another deployment's.";
  error.message_zh = "数据尚未更新到所需位置，请稍后重试。";
  error.retry_after_us = 1'000'000;
  return std::unexpected(std::move(error));
}

// Why folding this event at this place left the state as it was, from what the state says about it.
Void VerdictAt(const NeedState& state, const Event& event, uint64_t offset) {
  const auto applied = std::ranges::lower_bound(state.applied(), offset, {}, &store::v1::Applied::offset);  // in the order of the log
  if (applied != state.applied().end() && applied->offset() == offset) return Void::kNone;
  // The state lists the first eight conflicts only.
  if (event.version() == 1 && event.type() == v1::EVENT_TYPE_SUBMITTED && state.applied_size() > 0 && event.event_id() == state.applied(0).event_id() &&
      event.body_mac() != state.applied(0).body_mac()) {
    return Void::kConflict;
  }
  for (const auto& attempt : state.voids()) {
    if (attempt.offset() != offset) continue;
    for (int reason = 0; reason <= static_cast<int>(Void::kPayload); ++reason) {
      if (VoidName(static_cast<Void>(reason)) == attempt.reason()) return static_cast<Void>(reason);
    }
  }
  return Void::kVersion;
}

}  // namespace

// Pulls by itself, so a slow handler slows only itself.
struct Committer::Subscriber {
  Committer* committer = nullptr;
  Handler handler;
  uint64_t next = 0;
  std::mutex mutex;
  std::condition_variable wake;
  uint64_t end = 0;
  bool cancelled = false;
  std::thread thread;

  void Run() {
    while (true) {
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return cancelled || next < end; });
        if (cancelled) return;
      }
      auto records = committer->ReadFrom({0, next}, 256);
      if (!records || records->empty()) {
        std::unique_lock lock(mutex);
        wake.wait_for(lock, std::chrono::seconds(1), [this] { return cancelled; });
        continue;  // a failed read is tried again: a subscriber must miss nothing
      }
      next = records->back().position.offset + 1;
      handler(*records);
    }
  }

  void Cancel() {
    {
      std::lock_guard lock(mutex);
      cancelled = true;
    }
    wake.notify_all();
    if (!thread.joinable()) return;
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();  // cancelled by its own handler
    } else {
      thread.join();
    }
  }
};

struct Committer::Batch {
  std::unordered_map<std::string, std::shared_ptr<const NeedState>> states;
  std::unordered_map<std::string, std::shared_ptr<const NeedState>> before;  // as published
  std::vector<std::string> values;
  std::vector<std::pair<v1::EventType, Void>> judged;
  std::vector<Expected<Verdict>> verdicts;
  uint64_t next_offset = 0;
  int64_t logged_at_us = 0;
  std::string last_digest;
};

Committer::Committer(Store& store, Clock& clock, Options options) : store_(store), clock_(clock), options_(options) {}

Expected<std::unique_ptr<Committer>> Committer::Open(Store& store, Clock& clock, Options options) {
  std::unique_ptr<Committer> committer(new Committer(store, clock, options));
  if (auto folded = committer->FoldTail(); !folded) return std::unexpected(folded.error());
  committer->thread_ = std::thread([raw = committer.get()] { raw->Run(); });
  committer->answerer_ = std::thread([raw = committer.get()] { raw->RunAnswers(); });
  committer->writer_ = std::thread([raw = committer.get()] { raw->RunWriter(); });
  return committer;
}

Committer::~Committer() {
  {
    std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  queue_filled_.notify_all();
  bool started = thread_.joinable();
  {
    std::lock_guard lock(writer_wait_mutex_);
    writer_stopping_ = true;
  }
  writer_wake_.notify_all();
  if (started) thread_.join();
  {
    std::lock_guard lock(answers_mutex_);
    answers_end_ = true;
  }
  answers_filled_.notify_all();
  if (answerer_.joinable()) answerer_.join();
  if (writer_.joinable()) writer_.join();
  CancelSubscribers();
  if (started && !Failed()) (void)WriteViewNow();
}

// Whether the view goes on from where it stands. One that is of another log, schema or epoch is made anew. One that is past
// the end of its own log is not: it has seen acknowledged events that the ledger has lost.
Expected<bool> Committer::ViewFits() const {
  uint64_t end = store_.EndOffset();
  if (watermark_.log_id() != store_.LogId()) return false;
  if (watermark_.next_offset() > end) {
    return Fail(Code::kUnavailable, "STORE_DAMAGED",
                "The ledger ends at " + std::to_string(end) + ", but the view has seen " + std::to_string(watermark_.next_offset()) +
                    " events of it: events that were acknowledged are missing. Restore the data directory from a copy that has them; to go on without "
                    "them for good, remove the view in it and start.");
  }
  if (watermark_.view_schema() != kViewSchema || watermark_.rules_epoch() != kRulesEpoch) return false;
  if (watermark_.next_offset() == 0) return true;
  auto previous = store_.ReadEvent(watermark_.next_offset() - 1);
  if (!previous) return std::unexpected(previous.error());
  return *previous && Sha256(**previous) == watermark_.prev_record_digest();
}

Expected<void> Committer::StartView() {
  if (auto wiped = store_.WipeView(); !wiped) return wiped;
  states_.clear();
  dirty_states_.clear();
  dirty_rows_.clear();
  writing_rows_.clear();
  hot_rows_.clear();
  written_offset_ = 0;
  foreign_records_ = 0;
  folded_at_start_ = 0;
  watermark_.Clear();
  watermark_.set_log_id(store_.LogId());
  watermark_.set_view_schema(kViewSchema);
  watermark_.set_rules_epoch(kRulesEpoch);
  return {};
}

Expected<void> Committer::FoldTail() {
  watermark_ = store_.LoadWatermark();
  auto fits = ViewFits();
  if (!fits) return std::unexpected(fits.error());
  bool view_is_bad = false;
  if (*fits) {
    auto folded = FoldFromWatermark(&view_is_bad);
    if (folded || !view_is_bad) return folded;
  }
  if (auto started = StartView(); !started) return started;
  return FoldFromWatermark(&view_is_bad);
}

// `view_is_bad`: it failed because the view cannot be read.
Expected<void> Committer::FoldFromWatermark(bool* view_is_bad) {
  uint64_t end = store_.EndOffset();
  int since_write = 0;
  for (uint64_t offset = watermark_.next_offset(); offset < end; ++offset) {
    auto value = store_.ReadEvent(offset);
    if (!value) return std::unexpected(value.error());
    if (!*value) {
      return Fail(Code::kInternal, "LOG_GAP", "The log has no record at " + std::to_string(offset) + ": restore the data directory from a copy.");
    }
    Event event;
    std::string digest = Sha256(**value);
    if (!IsOurs(**value) || !event.ParseFromString(**value)) {
      ++foreign_records_;
    } else if (event.rules_epoch() > kRulesEpoch || !v1::EventType_IsValid(event.type())) {
      return Fail(Code::kFailedPrecondition, "NEWER_EVENTS",
                  "The log holds events of rules epoch " + std::to_string(event.rules_epoch()) + ", type " + std::to_string(event.type()) + ", at " +
                      ToText({0, offset}) + ": start a newer gridloop, this one knows epoch " + std::to_string(kRulesEpoch) + ".");
    } else {
      auto loaded = Load(event.subject(), nullptr);
      if (!loaded) {
        *view_is_bad = true;
        return std::unexpected(loaded.error());
      }
      const auto& before = *loaded;
      auto after = before ? std::make_shared<NeedState>(*before) : std::make_shared<NeedState>();
      auto rows_before = before ? Rows(*before) : std::vector<Row>();
      Fold(*after, event, {offset, digest});
      if (after->version() > 0) {
        for (auto& row : rows_before) dirty_rows_[std::move(row.key)] = RowChange::kRemoved;
        for (auto& row : Rows(*after)) dirty_rows_[std::move(row.key)] = RowChange::kAdded;
        MarkDirty(event.subject(), after);
      }
      watermark_.set_last_logged_at_us(std::max(watermark_.last_logged_at_us(), event.logged_at_us()));
    }
    watermark_.set_next_offset(offset + 1);
    watermark_.set_prev_record_digest(digest);
    ++folded_at_start_;
    if (++since_write >= kFoldBatch) {
      if (auto written = WriteViewNow(); !written) return written;
      since_write = 0;
      if (options_.on_folding) options_.on_folding(offset + 1, end);
    }
  }
  for (char table : kHotTables) {
    auto rows = CollectStoredRows(std::string(1, table), {}, SIZE_MAX);
    if (!rows) {
      *view_is_bad = true;
      return std::unexpected(rows.error());
    }
    for (Row& row : *rows) hot_rows_.insert(hot_rows_.end(), std::move(row.key));
  }
  return {};
}

void Committer::AddRows(const std::vector<Row>& rows) {
  // In order, each is looked for first where the one before it went: many tables grow at one place.
  auto hot = hot_rows_.begin();
  auto dirty = dirty_rows_.begin();
  for (const Row& row : rows) {
    if (IsHot(row.key)) hot = std::next(hot_rows_.insert(hot, row.key));
    const size_t size = dirty_rows_.size();
    auto place = dirty_rows_.try_emplace(dirty, row.key, RowChange::kFresh);
    if (dirty_rows_.size() == size && place->second == RowChange::kRemoved) place->second = RowChange::kAdded;
    dirty = std::next(place);
  }
}

void Committer::RemoveRow(const std::string& key) {
  if (IsHot(key)) hot_rows_.erase(key);
  auto [place, inserted] = dirty_rows_.try_emplace(key);
  if (!inserted && place->second == RowChange::kFresh) {
    dirty_rows_.erase(place);
  } else {
    place->second = RowChange::kRemoved;
  }
}

void Committer::Answer(Request& request, Expected<Verdict> verdict) {
  if (request.decided) {
    request.decided(std::move(verdict));
  } else if (verdict) {
    request.appended(verdict->position);
  } else {
    request.appended(std::unexpected(std::move(verdict.error())));
  }
}

bool Committer::TooMuchUnwritten() const {
  std::shared_lock lock(view_mutex_);
  return dirty_rows_.size() + writing_rows_.size() + dirty_states_.size() > kTooManyTimes * options_.dirty_rows_written;
}

void Committer::Enqueue(Request request) {
  std::optional<Error> refused;
  {
    std::lock_guard lock(queue_mutex_);
    if (!failure_.empty()) {
      refused = LedgerFailed(failure_);
    } else if (stopping_) {
      refused = Error{Code::kUnavailable, "STOPPING", "The process is stopping; send it again.", "服务正在停止，请稍后重试。", {}, {}, 1'000'000};
    } else if (!view_failure_.empty() && TooMuchUnwritten()) {
      refused = ViewFailed(view_failure_);
    } else if (queue_.size() >= options_.queue_capacity) {
      refused = Error{Code::kResourceExhausted, "QUEUE_FULL", "Too much waits for the ledger; wait and send it again.", "系统繁忙，请稍后重试。", {}, {},
                      kQueueFullRetryUs};
    } else {
      queue_.push_back(std::move(request));
    }
  }
  if (refused) {
    Answer(request, std::unexpected(std::move(*refused)));
  } else {
    queue_filled_.notify_one();
  }
}

void Committer::Append(Event event, int64_t deadline_us, Callback<Expected<Position>> done) {
  Request request;
  request.subject = event.subject();
  request.event_id = event.event_id();
  request.body_mac = event.body_mac();
  request.event = std::move(event);
  request.deadline_us = deadline_us;
  request.appended = std::move(done);
  Enqueue(std::move(request));
}

void Committer::Decide(std::string subject, std::string event_id, std::string body_mac, std::optional<std::string> etag, DecideFn decide, int64_t deadline_us,
                       Callback<Expected<Verdict>> done) {
  Request request;
  request.subject = std::move(subject);
  request.event_id = std::move(event_id);
  request.body_mac = std::move(body_mac);
  request.etag = std::move(etag);
  request.decide = std::move(decide);
  request.deadline_us = deadline_us;
  request.decided = std::move(done);
  Enqueue(std::move(request));
}

void Committer::Run() {
  while (true) {
    std::vector<Request> requests;
    {
      std::unique_lock lock(queue_mutex_);
      queue_filled_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      size_t size = std::min(queue_.size(), options_.batch_capacity);
      requests.reserve(size);
      for (size_t i = 0; i < size; ++i) {
        requests.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    {
      // Who is answered slowly is not decided for further ahead: answers hold states.
      std::unique_lock lock(answers_mutex_);
      answers_taken_.wait(lock, [this] { return answers_.size() < kBatchesUnanswered; });
    }
    Process(std::move(requests));
  }
}

Expected<std::shared_ptr<const NeedState>> Committer::Load(const std::string& subject, const Batch* batch) const {
  if (batch != nullptr) {
    if (auto found = batch->states.find(subject); found != batch->states.end()) return found->second;
  }
  while (true) {
    uint64_t evictions = 0;
    {
      std::shared_lock lock(view_mutex_);
      if (auto found = states_.find(subject); found != states_.end()) return found->second.state;
      evictions = evictions_;
    }
    auto loaded = store_.LoadState(subject);
    if (!loaded) return std::unexpected(loaded.error());
    if (!*loaded) {
      if (batch != nullptr) return nullptr;  // nobody else makes states
      std::shared_lock lock(view_mutex_);
      if (evictions_ == evictions && !states_.contains(subject)) return nullptr;
      continue;
    }
    auto state = std::make_shared<const NeedState>(std::move(**loaded));
    std::unique_lock lock(view_mutex_);
    // While it was read, a newer state may have been published, written and evicted: what was read is then stale.
    if (evictions_ != evictions && !states_.contains(subject)) continue;
    return states_.try_emplace(subject, Cached{std::move(state), false}).first->second.state;
  }
}

void Committer::MarkDirty(const std::string& subject, std::shared_ptr<const NeedState> state) {
  auto& entry = *states_.try_emplace(subject).first;
  entry.second.state = std::move(state);
  if (!entry.second.dirty) dirty_states_.push_back(&entry);
  entry.second.dirty = true;
}

Expected<Verdict> Committer::ProcessOne(Request& request, Batch& batch) {
  auto loaded = Load(request.subject, &batch);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  const std::shared_ptr<const NeedState>& head = *loaded;
  bool append = static_cast<bool>(request.appended);
  if (head) {
    bool reused = append && options_.judge_appends;  // a second report under a subject that has one
    for (const auto& applied : head->applied()) {
      if (applied.event_id() != request.event_id) continue;
      if (applied.body_mac() == request.body_mac) {
        return Verdict{{0, applied.offset()}, applied.event_id(), /*replayed=*/true, head, applied.version()};
      }
      reused = !append || options_.judge_appends;
      break;
    }
    if (reused) {
      return Fail(Code::kAlreadyExists, "REQUEST_ID_REUSED", "This request id succeeded before with another body; choose a new one.",
                  "同一请求编号已用于另一内容，请重新提交。");
    }
  }
  // A need begins with a report; whatever else is on the ledger with the first decision on it.
  static const NeedState kNothing;
  if (!append && !head && IsNeed(request.subject)) return std::unexpected(NeedNotFound());
  const NeedState& at = head ? *head : kNothing;
  if (request.deadline_us != 0 && clock_.WallUs() > request.deadline_us) {
    return Fail(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", "The deadline passed before it was decided; nothing was written.",
                "已超时，未作任何处理，请重新提交。");
  }
  Event event;
  if (append) {
    event = std::move(request.event);
    event.set_version(1);
  } else {
    if (request.etag) {
      uint64_t version = 0;
      auto [end, wrong] = std::from_chars(request.etag->data(), request.etag->data() + request.etag->size(), version);
      if (wrong != std::errc{} || end != request.etag->data() + request.etag->size() || version != at.version()) {
        Error error{Code::kAborted,
                    "ETAG_MISMATCH",
                    "The need has changed since; get it again and decide again.",
                    "内容已更新，请刷新后再操作。",
                    {},
                    {{"version", std::to_string(at.version())}},
                    std::nullopt};
        return std::unexpected(std::move(error));
      }
    }
    auto decided = request.decide(at, batch.logged_at_us);
    if (!decided) return std::unexpected(std::move(decided.error()));
    event = std::move(*decided);
    if (event.subject() != request.subject || event.event_id() != request.event_id) {
      return Fail(Code::kInternal, "DECISION_MISNAMED", "The decision names another subject or event than it was asked for; nothing was written.");
    }
    event.set_version(at.version() + 1);
    event.set_prev_digest(at.head_digest());
  }
  event.set_magic(kEventMagic);
  event.set_rules_epoch(kRulesEpoch);
  event.set_logged_at_us(batch.logged_at_us);
  std::string value = event.SerializeAsString();
  std::string digest = Sha256(value);
  auto state = head ? std::make_shared<NeedState>(*head) : std::make_shared<NeedState>();
  Void verdict = Fold(*state, event, {batch.next_offset, digest});
  if (verdict != Void::kNone && !(append && verdict == Void::kConflict)) return std::unexpected(EventVoid(verdict));
  batch.before.try_emplace(request.subject, head);
  batch.states[request.subject] = state;
  batch.values.push_back(std::move(value));
  batch.judged.emplace_back(event.type(), verdict);
  batch.last_digest = std::move(digest);
  return Verdict{{0, batch.next_offset++}, event.event_id(), /*replayed=*/false, std::move(state), event.version()};
}

// Nothing of this batch is visible, and no verdict of it holds: each was given in the sight of those before it.
void Committer::FailBatch(const Error& why, std::vector<Request>* requests, Batch* batch) {
  if (why.code == Code::kResourceExhausted) {  // nothing was written
    for (auto& verdict : batch->verdicts) verdict = std::unexpected(DiskFull(why.message));
    return;
  }
  // Once a sync has failed nobody knows what is on the disk: stop for good, replay after a restart.
  for (auto& verdict : batch->verdicts) verdict = std::unexpected(verdict ? OutcomeUnknown(*verdict) : LedgerFailed(why.message));
  std::lock_guard lock(queue_mutex_);
  failure_ = why.message;
  for (Request& waiting : queue_) {
    requests->push_back(std::move(waiting));
    batch->verdicts.emplace_back(std::unexpected(LedgerFailed(why.message)));
  }
  queue_.clear();
}

void Committer::Process(std::vector<Request> requests) {
  Batch batch;
  batch.next_offset = store_.EndOffset();
  uint64_t first = batch.next_offset;
  batch.logged_at_us = std::max(clock_.WallUs(), watermark_.last_logged_at_us());
  batch.verdicts.reserve(requests.size());
  for (Request& request : requests) batch.verdicts.push_back(ProcessOne(request, batch));
  bool published = false;
  if (!batch.values.empty()) {
    if (auto appended = store_.Append(first, batch.values); !appended) {
      FailBatch(appended.error(), &requests, &batch);
    } else {
      Publish(batch);
      published = true;
      if (options_.on_judged) {
        for (auto [type, verdict] : batch.judged) options_.on_judged(type, verdict);
      }
    }
  }
  {
    // Also what is negative is told only now: it may rest on what this batch wrote.
    std::lock_guard lock(answers_mutex_);
    answers_.push_back({std::move(requests), std::move(batch.verdicts)});
    answers_filled_.notify_one();
  }
  if (!published) return;
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  {
    std::lock_guard lock(watch_mutex_);
    for (auto& weak : subscribers_) {
      if (auto subscriber = weak.lock()) subscribers.push_back(std::move(subscriber));
    }
  }
  for (auto& subscriber : subscribers) {
    {
      std::lock_guard lock(subscriber->mutex);
      subscriber->end = std::max(subscriber->end, batch.next_offset);
    }
    subscriber->wake.notify_one();
  }
  if (TooMuchUnwritten()) (void)WriteViewNow();
}

void Committer::RunAnswers() {
  while (true) {
    Answers answers;
    {
      std::unique_lock lock(answers_mutex_);
      answers_filled_.wait(lock, [this] { return answers_end_ || !answers_.empty(); });
      if (answers_.empty()) return;
      answers = std::move(answers_.front());
      answers_.pop_front();
    }
    answers_taken_.notify_one();
    for (size_t i = 0; i < answers.requests.size(); ++i) Answer(answers.requests[i], std::move(answers.verdicts[i]));
  }
}

void Committer::Publish(Batch& batch) {
  std::vector<Row> removed;
  std::vector<Row> added;
  bool hurry = false;
  for (auto& [subject, state] : batch.states) {
    auto before = batch.before[subject] ? Rows(*batch.before[subject]) : std::vector<Row>();
    auto after = Rows(*state);
    std::ranges::set_difference(before, after, std::back_inserter(removed));
    std::ranges::set_difference(after, before, std::back_inserter(added));
  }
  std::ranges::sort(removed);
  std::ranges::sort(added);
  {
    std::unique_lock lock(view_mutex_);
    for (auto& [subject, state] : batch.states) MarkDirty(subject, state);
    for (const Row& row : removed) RemoveRow(row.key);
    AddRows(added);
    watermark_.set_next_offset(batch.next_offset);
    watermark_.set_prev_record_digest(batch.last_digest);
    watermark_.set_last_logged_at_us(batch.logged_at_us);
    hurry = dirty_rows_.size() >= options_.dirty_rows_written;
  }
  if (hurry) {
    std::lock_guard lock(writer_wait_mutex_);
    writer_hurried_ = true;
    writer_wake_.notify_one();
  }
  watchers_.Wake([&](std::string_view prefix) {
    auto touched = [prefix](const std::vector<Row>& rows) {
      auto first = std::ranges::lower_bound(rows, prefix, {}, [](const Row& row) { return std::string_view(row.key); });
      return first != rows.end() && first->key.starts_with(prefix);
    };
    return touched(added) || touched(removed);
  });
}

void Committer::RunWriter() {
  while (true) {
    {
      std::unique_lock wait(writer_wait_mutex_);
      writer_wake_.wait_for(wait, options_.write_interval, [this] { return writer_stopping_ || writer_hurried_; });
      if (writer_stopping_) return;
      writer_hurried_ = false;
    }
    if (Failed()) return;
    (void)WriteViewNow();  // what could not be written stays dirty and is tried again
  }
}

Expected<void> Committer::WriteViewNow() {
  std::lock_guard one(writer_mutex_);
  Store::ViewChanges changes;
  std::vector<States::value_type*> entries;
  {
    std::unique_lock lock(view_mutex_);
    if (writing_rows_.empty()) {
      writing_rows_.swap(dirty_rows_);
    } else {  // the last write failed
      for (auto& [key, change] : dirty_rows_) writing_rows_[key] = change;
      dirty_rows_.clear();
    }
    entries.swap(dirty_states_);
    changes.states.reserve(entries.size());
    for (const auto* entry : entries) changes.states.push_back(entry->second.state);
    changes.watermark = watermark_;
  }
  Expected<void> written;
  if (changes.watermark.next_offset() != written_offset_ || !entries.empty() || !writing_rows_.empty()) {
    changes.rows.reserve(writing_rows_.size());
    // Only this function changes writing_rows_.
    for (const auto& [key, change] : writing_rows_) changes.rows.emplace_back(key, change != RowChange::kRemoved);
    written = store_.WriteView(changes);
  }
  std::unique_lock lock(view_mutex_);
  if (written) {
    writing_rows_.clear();
    written_offset_ = changes.watermark.next_offset();
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    if (written && entries[i]->second.state == changes.states[i]) {
      entries[i]->second.dirty = false;
    } else {
      dirty_states_.push_back(entries[i]);
    }
  }
  EvictClean();
  lock.unlock();
  std::lock_guard told(queue_mutex_);
  view_failure_ = written ? "" : written.error().message;
  return written;
}

void Committer::EvictClean() {
  if (states_.size() <= options_.states_kept) return;
  ++evictions_;
  // Ended needs first: open ones will be asked for again.
  for (bool ended_only : {true, false}) {
    for (auto it = states_.begin(); it != states_.end() && states_.size() > options_.states_kept * 9 / 10;) {
      bool goes = !it->second.dirty && (!ended_only || Ended(*it->second.state));
      it = goes ? states_.erase(it) : std::next(it);
    }
  }
}

Subscription Committer::Subscribe(Position from, Handler handler) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->committer = this;
  subscriber->handler = std::move(handler);
  subscriber->next = from.offset;
  {
    std::lock_guard lock(watch_mutex_);
    std::erase_if(subscribers_, [](const auto& weak) { return weak.expired(); });
    subscribers_.push_back(subscriber);
  }
  {
    std::lock_guard lock(subscriber->mutex);
    subscriber->end = std::max(subscriber->end, End(0)->offset);
  }
  subscriber->thread = std::thread([subscriber] { subscriber->Run(); });
  return Subscription(subscriber.get(), [subscriber](void*) { subscriber->Cancel(); });
}

void Committer::CancelSubscribers() {
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  {
    std::lock_guard lock(watch_mutex_);
    for (auto& weak : subscribers_) {
      if (auto subscriber = weak.lock()) subscribers.push_back(std::move(subscriber));
    }
    subscribers_.clear();
  }
  for (auto& subscriber : subscribers) subscriber->Cancel();
}

Expected<Record> Committer::ReadAt(Position position) {
  // What is on disk but not yet folded has no verdict yet.
  bool visible = position.partition == 0 && position.offset < End(0)->offset;
  auto read = visible ? store_.ReadEvent(position.offset) : std::nullopt;
  if (!read) return std::unexpected(read.error());
  auto& value = *read;
  if (!value) return Fail(Code::kNotFound, "POSITION_NOT_FOUND", "Nothing is at this position.");
  Record record;
  record.position = position;
  record.value = std::move(*value);
  Event event;
  if (!IsOurs(record.value) || !event.ParseFromString(record.value)) {
    record.verdict = Void::kPayload;
    return record;
  }
  auto state = Load(event.subject(), nullptr);
  if (!state) return std::unexpected(state.error());
  record.verdict = *state ? VerdictAt(**state, event, position.offset) : Void::kVersion;
  return record;
}

Expected<std::vector<Record>> Committer::ReadFrom(Position from, int limit) {
  std::vector<Record> records;
  if (from.partition != 0) return Fail(Code::kNotFound, "PARTITION_NOT_FOUND", "The embedded ledger has one partition, 0.");
  uint64_t end = End(0)->offset;
  for (uint64_t offset = from.offset; offset < end && static_cast<int>(records.size()) < limit; ++offset) {
    auto record = ReadAt({0, offset});
    if (!record) return std::unexpected(record.error());
    records.push_back(std::move(*record));
  }
  return records;
}

Expected<Position> Committer::End(uint32_t partition) {
  if (partition != 0) return Fail(Code::kNotFound, "PARTITION_NOT_FOUND", "The embedded ledger has one partition, 0.");
  std::shared_lock lock(view_mutex_);
  return Position{0, watermark_.next_offset()};
}

int64_t Committer::last_logged_at_us() const {
  std::shared_lock lock(view_mutex_);
  return watermark_.last_logged_at_us();
}

bool Committer::Failed() const {
  std::lock_guard lock(queue_mutex_);
  return !failure_.empty();
}

std::string Committer::Failure() const {
  {
    std::lock_guard lock(queue_mutex_);
    if (!failure_.empty()) return failure_ + ": mend the disk and restart; what was acknowledged is kept";
  }
  return store_.Shortage();
}

std::string Committer::ViewFailure() const {
  std::lock_guard lock(queue_mutex_);
  return view_failure_;
}

void Committer::Get(std::string_view subject, std::optional<Position> at_least, Callback<Expected<std::shared_ptr<const NeedState>>> done) {
  if (at_least) {
    auto end = End(at_least->partition);
    if (!end || at_least->offset >= end->offset) return done(Behind());
  }
  auto state = Load(std::string(subject), nullptr);
  if (state && !*state) return done(std::unexpected(NeedNotFound()));
  done(std::move(state));
}

Committer::Collected Committer::CollectRows(std::string_view prefix, std::string_view after, size_t limit) const {
  if (!IsHot(prefix)) return CollectStoredRows(prefix, after, limit);
  std::vector<Row> rows;
  std::shared_lock lock(view_mutex_);
  auto row = hot_rows_.lower_bound(std::max(prefix, after));
  if (row != hot_rows_.end() && *row == after) ++row;
  for (; row != hot_rows_.end() && rows.size() < limit && row->starts_with(prefix); ++row) rows.push_back({*row});
  return rows;
}

Committer::Collected Committer::CollectStoredRows(std::string_view prefix, std::string_view after, size_t limit) const {
  std::vector<Row> rows;
  if (limit == 0) return rows;
  // One consistent picture: the layers in memory stand still while the store below them is read.
  std::shared_lock lock(view_mutex_);
  std::string_view start = std::max(prefix, after);
  auto dirty = dirty_rows_.lower_bound(start);
  auto writing = writing_rows_.lower_bound(start);
  if (dirty != dirty_rows_.end() && dirty->first == after) ++dirty;
  if (writing != writing_rows_.end() && writing->first == after) ++writing;
  auto in_dirty = [&] { return dirty != dirty_rows_.end() && dirty->first.starts_with(prefix); };
  auto in_writing = [&] { return writing != writing_rows_.end() && writing->first.starts_with(prefix); };
  // Takes the rows in memory up to and including `last` (all of them without one); the newer layer hides the older.
  // True: one of them hides what the store has under `last`.
  auto take_memory = [&](std::optional<std::string_view> last) {
    while (rows.size() < limit && (in_dirty() || in_writing())) {
      bool from_dirty = in_dirty() && (!in_writing() || dirty->first <= writing->first);
      const auto& [key, change] = from_dirty ? *dirty : *writing;
      if (last && key > *last) return false;
      if (change != RowChange::kRemoved) rows.push_back({key});
      if (in_writing() && writing->first == key) ++writing;
      if (from_dirty) ++dirty;
      if (last && key == *last) return true;
    }
    return false;
  };
  auto scanned = store_.ScanRows(prefix, after, [&](std::string_view key) {
    bool hidden = take_memory(key);
    if (rows.size() >= limit) return false;
    if (!hidden) rows.push_back({std::string(key)});
    return rows.size() < limit;
  });
  if (!scanned) return std::unexpected(scanned.error());
  take_memory(std::nullopt);
  return rows;
}

void Committer::Scan(std::string_view prefix, std::string_view after, int limit, std::optional<Position> at_least, Callback<Expected<RowPage>> done) {
  if (at_least) {
    auto end = End(at_least->partition);
    if (!end || at_least->offset >= end->offset) return done(Behind());
  }
  RowPage page;
  page.position = *End(0);  // before the rows are read: they may only be newer
  auto size = static_cast<size_t>(std::clamp(limit, 1, 1000));
  auto rows = CollectRows(prefix, after, size + 1);
  if (!rows) return done(std::unexpected(rows.error()));
  bool more = rows->size() > size;
  if (more) rows->pop_back();
  page.rows = std::move(*rows);
  if (more) page.next_key = page.rows.back().key;
  done(std::move(page));
}

Expected<int> Committer::Count(std::string_view prefix, int limit) {
  if (IsHot(prefix)) {
    int count = 0;
    std::shared_lock lock(view_mutex_);
    for (auto row = hot_rows_.lower_bound(prefix); row != hot_rows_.end() && count < limit && row->starts_with(prefix); ++row) ++count;
    return count;
  }
  auto rows = CollectRows(prefix, {}, static_cast<size_t>(std::max(limit, 0)));
  if (!rows) return std::unexpected(rows.error());
  return static_cast<int>(rows->size());
}

Subscription Committer::Watch(std::string prefix, std::function<void()> wake) { return watchers_.Add(std::move(prefix), std::move(wake)); }

}  // namespace gridloop
