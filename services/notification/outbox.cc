#include "notification/outbox.h"

#include <algorithm>
#include <chrono>

#include "domain/row_keys.h"
#include "notification/signature.h"

namespace gridloop {
namespace {

constexpr auto kLookAgain = std::chrono::seconds(1);
constexpr int64_t kSoonUs = 1'000'000;
constexpr uint32_t kMostDoublings = 20;
constexpr size_t kNumberBytes = 8;
constexpr size_t kMostNews = 100;

// q <recipient> 0 <number>   waits
// x <recipient> 0 <number>   is a dead letter
std::string KeyOf(char table, const std::string& recipient, uint64_t number) { return table + recipient + '\0' + rows::BigEndian(number); }

// Taken: nothing.
v1::DeliveryFailure FailureOf(const WebhookAnswer& answer) {
  if (answer.failure != v1::DELIVERY_FAILURE_UNSPECIFIED || (answer.status >= 200 && answer.status < 300)) return answer.failure;
  if (answer.status >= 300 && answer.status < 400) return v1::DELIVERY_FAILURE_REDIRECT;
  return answer.status >= 400 && answer.status < 500 ? v1::DELIVERY_FAILURE_REFUSED : v1::DELIVERY_FAILURE_SERVER_ERROR;
}

// It says itself that it may be tried again.
bool AsksToWait(int status) { return status == 408 || status == 425 || status == 429; }

std::unexpected<Error> NoRecipient() {
  return Fail(Code::kNotFound, "RECIPIENT_NOT_FOUND", "No such recipient is configured; ListRecipients gives them.", "没有配置该接收方。");
}

}  // namespace

Outbox::Outbox(World& world, NoticeStore& store, Webhooks& webhooks, Limits limits, std::function<void(const News&)> heard)
    : world_(world), store_(store), webhooks_(webhooks), limits_(limits), heard_(std::move(heard)) {}

Outbox::~Outbox() { Stop(); }

Expected<void> Outbox::Load() {
  std::lock_guard lock(mutex_);
  for (char table : {'q', 'x'}) {
    auto scanned = store_.Scan(std::string(1, table), {}, [&](std::string_view key, std::string_view value) {
      store::v1::KeptNotice kept;
      if (key.size() < kNumberBytes + 2 || !kept.ParseFromArray(value.data(), static_cast<int>(value.size()))) return true;
      Box& box = boxes_[std::string(key.substr(1, key.size() - kNumberBytes - 2))];
      uint64_t number = rows::ParseBigEndian(key.substr(key.size() - kNumberBytes));
      next_number_ = std::max(next_number_, number + 1);
      if (table == 'q') {
        box.queue[number] = {kept.kept_us(), kept.next_try_us(), kept.attempts(), kept.refusals() > 0, false};
      } else {
        box.dead.emplace_back(number, kept.dead_us());
      }
      return true;
    });
    if (!scanned) return scanned;
  }
  return {};
}

void Outbox::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Outbox::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  alarm_.reset();
}

void Outbox::Use(std::shared_ptr<const Recipients> recipients) {
  std::lock_guard lock(mutex_);
  recipients_ = std::move(recipients);
  for (auto& [id, box] : boxes_) box.recipient.reset();
  for (const auto& recipient : recipients_->all) {
    Box& box = boxes_[recipient.id];
    box.recipient = recipient;
    box.failures = 0;  // what was changed may be what it failed for
    box.next_try_us = 0;
  }
  signalled_ = true;
  wake_.notify_all();
}

bool Outbox::HasRecipients() const {
  std::lock_guard lock(mutex_);
  return !recipients_->all.empty();
}

Outbox::Box* Outbox::Find(const std::string& id) {
  auto found = boxes_.find(id);
  return found == boxes_.end() || !found->second.recipient ? nullptr : &found->second;
}

Expected<void> Outbox::Keep(const std::vector<Told>& told, std::vector<NoticeChange> with) {
  Expected<void> written;
  {
    std::lock_guard lock(mutex_);
    int64_t now_us = world_.clock.WallUs();
    std::vector<std::pair<std::string, uint64_t>> kept;
    store::v1::KeptNotice value;
    value.set_kept_us(now_us);
    for (const auto& each : told) {
      for (const auto& recipient : recipients_->all) {
        if (!Hears(recipient, each)) continue;
        *value.mutable_notice() = NoticeFor(recipient, each);
        kept.emplace_back(recipient.id, next_number_++);
        with.push_back({KeyOf('q', recipient.id, kept.back().second), value.SerializeAsString()});
      }
    }
    written = store_.Write(with);
    if (!written) news_.push_back({News::What::kStoreFailed, {}, {}, 0, {}});
    for (const auto& [id, number] : written ? kept : decltype(kept)()) boxes_[id].queue[number].kept_us = now_us;
    for (const auto& [id, number] : kept) {
      Box& box = boxes_[id];
      while (box.queue.size() > limits_.queued) {
        auto oldest = std::ranges::find_if(box.queue, [](const auto& waiting) { return !waiting.second.in_flight; });
        if (oldest == box.queue.end()) break;
        Bury(id, box, oldest, v1::DEATH_REASON_QUEUE_FULL, now_us);
      }
    }
    if (!kept.empty()) signalled_ = true;
  }
  wake_.notify_all();
  Tell();
  return written;
}

Expected<void> Outbox::KeepFor(const std::string& recipient, v1::Notice notice) {
  {
    std::lock_guard lock(mutex_);
    Box* box = Find(recipient);
    if (box == nullptr) return NoRecipient();
    bool waits = false;
    auto scanned = store_.Scan(KeyOf('q', recipient, 0).substr(0, recipient.size() + 2), {}, [&](std::string_view, std::string_view value) {
      store::v1::KeptNotice kept;
      waits = kept.ParseFromArray(value.data(), static_cast<int>(value.size())) && kept.notice().id() == notice.id();
      return !waits;
    });
    if (!scanned) return scanned;
    if (waits) return {};
    if (box->queue.size() >= limits_.queued) {
      return Fail(Code::kResourceExhausted, "QUEUE_FULL", "The queue of this recipient is full; see why its deliveries fail first.",
                  "该接收方的待发队列已满。");
    }
    store::v1::KeptNotice kept;
    *kept.mutable_notice() = std::move(notice);
    kept.set_kept_us(world_.clock.WallUs());
    uint64_t number = next_number_++;
    if (auto written = store_.Write({{KeyOf('q', recipient, number), kept.SerializeAsString()}}); !written) return written;
    box->queue[number].kept_us = kept.kept_us();
    signalled_ = true;
  }
  wake_.notify_all();
  return {};
}

void Outbox::Signal() {
  {
    std::lock_guard lock(mutex_);
    signalled_ = true;
  }
  wake_.notify_all();
}

void Outbox::Run() {
  while (true) {
    int64_t next_us = 0;
    std::vector<Attempt> attempts;
    {
      std::unique_lock lock(mutex_);
      // The time-out is the second try for what the clock did not say.
      wake_.wait_for(lock, kLookAgain, [this] { return signalled_ || stopping_; });
      if (stopping_) return;
      signalled_ = false;
      attempts = Choose(world_.clock.WallUs(), &next_us);
    }
    for (const auto& attempt : attempts) Send(attempt);
    Tell();
    alarm_.reset();
    if (next_us != 0) alarm_ = world_.clock.At(next_us, [this] { Signal(); });
  }
}

// A time too far ahead was written before the clock went back.
bool Outbox::IsDue(int64_t at_us, int64_t now_us) const { return at_us <= now_us || at_us > now_us + 2 * limits_.longest_wait_us; }

int64_t Outbox::Wait(uint32_t failures) {
  int64_t wait_us = std::min(limits_.first_wait_us << std::min(failures - 1, kMostDoublings), limits_.longest_wait_us);
  auto chance = static_cast<int64_t>(rows::ParseBigEndian(world_.ids.Random(8)) % 1001);  // thousandths of the half that is left to it
  return wait_us * 3 / 4 + wait_us / 2 * chance / 1000;
}

// What may be tried now, taken as in flight; the next time that something may be.
std::vector<Outbox::Attempt> Outbox::Choose(int64_t now_us, int64_t* next_us) {
  std::vector<Attempt> attempts;
  auto later = [next_us](int64_t at_us) { *next_us = *next_us == 0 ? at_us : std::min(*next_us, at_us); };
  for (auto& [id, box] : boxes_) {
    Age(id, box, now_us);
    if (!box.recipient || box.queue.empty()) continue;
    if (box.failures > 0 && !IsDue(box.next_try_us, now_us)) {
      later(box.next_try_us);
      continue;
    }
    const size_t most = box.failures > 0 ? 1 : limits_.in_flight;
    for (auto& [number, waiting] : box.queue) {
      if (box.in_flight >= most) break;
      if (waiting.in_flight) continue;
      if (!IsDue(waiting.next_try_us, now_us)) {
        later(waiting.next_try_us);
        continue;
      }
      waiting.in_flight = true;
      ++box.in_flight;
      attempts.push_back({id, number, *box.recipient});
    }
  }
  return attempts;
}

void Outbox::Age(const std::string& id, Box& box, int64_t now_us) {
  while (!box.queue.empty() && box.queue.begin()->second.kept_us + limits_.age_us <= now_us) {
    auto oldest = box.queue.begin();
    if (oldest->second.in_flight) break;
    if (box.recipient) {
      Bury(id, box, oldest, v1::DEATH_REASON_TOO_OLD, now_us);
    } else {
      Write({{KeyOf('q', id, oldest->first), std::nullopt}});
      box.queue.erase(oldest);
    }
  }
  while (!box.recipient && !box.dead.empty() && box.dead.front().second + limits_.age_us <= now_us) {
    Write({{KeyOf('x', id, box.dead.front().first), std::nullopt}});
    box.dead.pop_front();
  }
}

void Outbox::Bury(const std::string& id, Box& box, std::map<uint64_t, Waiting>::iterator waiting, v1::DeathReason reason, int64_t now_us) {
  std::string key = KeyOf('q', id, waiting->first);
  box.queue.erase(waiting);
  std::vector<NoticeChange> changes = {{key, std::nullopt}};
  auto value = store_.Read(key);
  store::v1::KeptNotice kept;
  if (value && *value && kept.ParseFromString(**value)) {
    kept.set_death(reason);
    kept.set_dead_us(now_us);
    uint64_t number = next_number_++;
    changes.push_back({KeyOf('x', id, number), kept.SerializeAsString()});
    box.dead.emplace_back(number, now_us);
    news_.push_back({News::What::kDead, id, kept.failure(), kept.status(), reason});
  }
  while (box.dead.size() > limits_.dead) {
    changes.push_back({KeyOf('x', id, box.dead.front().first), std::nullopt});
    box.dead.pop_front();
    ++box.dropped;
    news_.push_back({News::What::kDropped, id, {}, 0, {}});
  }
  Write(changes);
}

// For what may be lost: then it is done once more after a restart.
void Outbox::Write(const std::vector<NoticeChange>& changes) {
  if (auto written = store_.Write(changes); !written) news_.push_back({News::What::kStoreFailed, {}, {}, 0, {}});
}

void Outbox::Tell() {
  std::vector<News> news;
  {
    std::lock_guard lock(mutex_);
    news.swap(news_);
  }
  if (news.size() > kMostNews) news.resize(kMostNews);
  if (!heard_) return;
  for (const auto& each : news) heard_(each);
}

void Outbox::Send(const Attempt& attempt) {
  auto value = store_.Read(KeyOf('q', attempt.id, attempt.number));
  store::v1::KeptNotice kept;
  if (!value || !*value || !kept.ParseFromString(**value)) return PutBack(attempt, kSoonUs);
  v1::Notice notice = kept.notice();
  if (!notice.need().empty() && !notice.restricted()) {
    auto state = StateNow(world_, notice.need());
    if (!state) return PutBack(attempt, kSoonUs);
    if (*state && (*state)->restricted()) notice = CutNotice(notice);  // it has become so since
  }
  WebhookPost post;
  post.url = attempt.recipient.url;
  post.allow_private = attempt.recipient.allow_private;
  post.ca_file = attempt.recipient.ca_file;
  std::string source;
  {
    std::lock_guard lock(mutex_);
    source = recipients_->source;
  }
  post.body = CloudEventJson(notice, source);
  int64_t now_s = world_.clock.WallUs() / 1'000'000;
  post.headers = {{"content-type", "application/cloudevents+json"},
                  {"webhook-id", notice.id()},
                  {"webhook-timestamp", std::to_string(now_s)},
                  {"webhook-signature", SignatureHeader(attempt.recipient.secrets, notice.id(), now_s, post.body)}};
  webhooks_.Post(std::move(post), [this, attempt](WebhookAnswer answer) { Answered(attempt, answer); });
}

void Outbox::PutBack(const Attempt& attempt, int64_t wait_us) {
  std::lock_guard lock(mutex_);
  Box& box = boxes_[attempt.id];
  --box.in_flight;
  auto waiting = box.queue.find(attempt.number);
  if (waiting == box.queue.end()) return;
  waiting->second.in_flight = false;
  waiting->second.next_try_us = world_.clock.WallUs() + wait_us;
  signalled_ = true;
}

void Outbox::Answered(const Attempt& attempt, const WebhookAnswer& answer) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    int64_t now_us = world_.clock.WallUs();
    Box& box = boxes_[attempt.id];
    --box.in_flight;
    auto waiting = box.queue.find(attempt.number);
    std::string key = KeyOf('q', attempt.id, attempt.number);
    v1::DeliveryFailure failure = FailureOf(answer);
    if (failure == v1::DELIVERY_FAILURE_UNSPECIFIED) {
      if (box.failures > 0) {
        news_.push_back({News::What::kRecovered, attempt.id, {}, answer.status, {}});
        // What was refused waits for its own time: the others fail no more.
        for (auto& [number, each] : box.queue) {
          if (!each.refused) each.next_try_us = 0;
        }
      }
      box.failures = 0;
      box.next_try_us = 0;
      ++box.delivered;
      box.last_success_us = now_us;
      if (waiting != box.queue.end()) box.queue.erase(waiting);
      Write({{key, std::nullopt}});
    } else {
      ++box.failed;
      box.last_failure = failure;
      box.last_status = answer.status;
      box.last_failure_us = now_us;
      int64_t asked_us = std::min(answer.retry_after_us, limits_.longest_wait_us);
      if (IsDue(box.next_try_us, now_us)) {  // several that failed together count once
        if (++box.failures == 1) news_.push_back({News::What::kFails, attempt.id, failure, answer.status, {}});
        box.next_try_us = now_us + std::max(Wait(box.failures), asked_us);
      }
      auto value = store_.Read(key);
      store::v1::KeptNotice kept;
      if (waiting != box.queue.end() && value && *value && kept.ParseFromString(**value)) {
        Waiting& each = waiting->second;
        each.in_flight = false;
        ++each.attempts;
        each.refused = failure == v1::DELIVERY_FAILURE_REFUSED && !AsksToWait(answer.status);
        each.next_try_us = now_us + std::max(Wait(each.attempts), asked_us);
        kept.set_attempts(each.attempts);
        kept.set_refusals(kept.refusals() + (each.refused ? 1 : 0));
        kept.set_next_try_us(each.next_try_us);
        kept.set_failure(failure);
        kept.set_status(answer.status);
        Write({{key, kept.SerializeAsString()}});
        if (kept.refusals() >= limits_.refusals) Bury(attempt.id, box, waiting, v1::DEATH_REASON_REFUSED, now_us);
      } else if (waiting != box.queue.end()) {
        waiting->second.in_flight = false;
        waiting->second.next_try_us = box.next_try_us;
      }
    }
    signalled_ = true;
  }
  wake_.notify_all();
}

std::vector<v1::Recipient> Outbox::List() const {
  std::vector<v1::Recipient> all;
  std::lock_guard lock(mutex_);
  int64_t now_us = world_.clock.WallUs();
  for (const auto& [id, box] : boxes_) {
    if (!box.recipient) continue;
    v1::Recipient& shown = all.emplace_back();
    shown.set_name("recipients/" + id);
    shown.set_host(box.recipient->host);
    if (!box.recipient->unit.empty()) shown.set_unit("units/" + box.recipient->unit);
    shown.set_client(box.recipient->client);
    for (auto kind : box.recipient->kinds) shown.add_kinds(kind);
    shown.set_queued(static_cast<int32_t>(box.queue.size()));
    shown.set_dead_letters(static_cast<int32_t>(box.dead.size()));
    shown.set_delivered(box.delivered);
    shown.set_failed(box.failed);
    shown.set_dropped(box.dropped);
    if (box.last_success_us != 0) *shown.mutable_last_success_time() = ToTimestamp(box.last_success_us);
    shown.set_last_failure(box.last_failure);
    shown.set_last_status(box.last_status);
    if (box.last_failure_us != 0) *shown.mutable_last_failure_time() = ToTimestamp(box.last_failure_us);
    if (box.queue.empty()) continue;
    int64_t next_us = INT64_MAX;
    for (const auto& [number, waiting] : box.queue) next_us = std::min(next_us, waiting.next_try_us);
    next_us = std::max({next_us, box.failures > 0 ? box.next_try_us : 0, now_us});
    *shown.mutable_next_try_time() = ToTimestamp(next_us);
  }
  return all;
}

Expected<Outbox::DeadPage> Outbox::ListDead(const std::string& recipient, const std::string& after, size_t limit) const {
  std::lock_guard lock(mutex_);
  auto found = boxes_.find(recipient);
  if (found == boxes_.end() || !found->second.recipient) return NoRecipient();
  DeadPage page;
  std::string last;
  auto scanned = store_.Scan("x" + recipient + '\0', after, [&](std::string_view key, std::string_view value) {
    if (page.letters.size() == limit) {
      page.next = last;
      return false;
    }
    last = key;
    store::v1::KeptNotice kept;
    if (kept.ParseFromArray(value.data(), static_cast<int>(value.size()))) page.letters.push_back(std::move(kept));
    return true;
  });
  if (!scanned) return std::unexpected(scanned.error());
  return page;
}

Expected<Outbox::Redelivered> Outbox::Redeliver(const std::string& recipient, const std::optional<std::set<std::string>>& ids) {
  Redelivered result;
  {
    std::lock_guard lock(mutex_);
    Box* box = Find(recipient);
    if (box == nullptr) return NoRecipient();
    int64_t now_us = world_.clock.WallUs();
    std::vector<NoticeChange> changes;
    std::vector<uint64_t> moved, numbers;
    auto scanned = store_.Scan("x" + recipient + '\0', {}, [&](std::string_view key, std::string_view value) {
      store::v1::KeptNotice kept;
      if (!kept.ParseFromArray(value.data(), static_cast<int>(value.size())) || (ids && !ids->contains(kept.notice().id()))) return true;
      if (box->queue.size() + moved.size() >= limits_.queued) {
        ++result.left;
        return true;
      }
      store::v1::KeptNotice again;
      *again.mutable_notice() = std::move(*kept.mutable_notice());
      again.set_kept_us(now_us);
      moved.push_back(rows::ParseBigEndian(key.substr(key.size() - kNumberBytes)));
      numbers.push_back(next_number_++);
      changes.push_back({std::string(key), std::nullopt});
      changes.push_back({KeyOf('q', recipient, numbers.back()), again.SerializeAsString()});
      return true;
    });
    if (!scanned) return std::unexpected(scanned.error());
    if (auto written = store_.Write(changes); !written) return std::unexpected(written.error());
    std::erase_if(box->dead, [&](const auto& dead) { return std::ranges::binary_search(moved, dead.first); });
    for (uint64_t number : numbers) box->queue[number].kept_us = now_us;
    result.moved = static_cast<int>(moved.size());
    if (!moved.empty()) box->next_try_us = 0;  // whoever asks for it has mended something
    signalled_ = true;
  }
  wake_.notify_all();
  return result;
}

}  // namespace gridloop
