#include "notification/coming_deadlines.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr char kToldTable[] = "a";  // then due time and subject: told of
constexpr int kRowsAtATime = 256;
constexpr auto kLookAgain = std::chrono::seconds(1);
constexpr int kRest = 10;  // times as long as a look took: it must not cost more than a tenth of a processor
constexpr auto kLongestRest = std::chrono::seconds(10);

}  // namespace

ComingDeadlines::ComingDeadlines(World& world, Outbox& outbox, int64_t lead_us, std::function<bool()> may_act)
    : world_(world), outbox_(outbox), lead_us_(lead_us), may_act_(std::move(may_act)) {
  // What cannot be read is told of once more, with the same id.
  (void)outbox_.store().Scan(kToldTable, {}, [this](std::string_view key, std::string_view) {
    told_.emplace(key.substr(1));
    return true;
  });
  watch_ = world_.view.Watch(rows::DuePrefix(), [shared = shared_] { Signal(*shared); });
  thread_ = std::thread([this] { Run(); });
}

ComingDeadlines::~ComingDeadlines() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->wake.notify_all();
  thread_.join();
  watch_.reset();
  alarm_.reset();
}

void ComingDeadlines::Signal(Shared& shared) {
  std::lock_guard lock(shared.mutex);
  shared.signalled = true;
  shared.wake.notify_all();
}

void ComingDeadlines::Run() {
  std::chrono::steady_clock::duration rest{};
  while (true) {
    {
      std::unique_lock lock(shared_->mutex);
      shared_->wake.wait_for(lock, rest, [this] { return shared_->stopping; });
      shared_->wake.wait_for(lock, kLookAgain, [this] { return shared_->signalled || shared_->stopping; });
      if (shared_->stopping) return;
      shared_->signalled = false;
    }
    if (may_act_ && !may_act_()) continue;
    auto begun = std::chrono::steady_clock::now();
    int64_t next_us = Look();
    rest = std::min<std::chrono::steady_clock::duration>(kRest * (std::chrono::steady_clock::now() - begun), kLongestRest);
    alarm_.reset();
    if (next_us != 0) alarm_ = world_.clock.At(next_us, [shared = shared_] { Signal(*shared); });
  }
}

// When a due row is to be told of.
Expected<int64_t> ComingDeadlines::TellingTime(const std::string& row) const {
  auto due_us = static_cast<int64_t>(rows::ParseBigEndian(row));
  auto state = StateNow(world_, rows::SubjectOf(row));
  if (!state) return std::unexpected(state.error());
  const auto* next = *state ? NextClock(**state) : nullptr;
  if (next == nullptr || next->start().due_us() != due_us) return Fail(Code::kAborted, "ROW_GONE", "The need has another deadline by now.");
  return due_us - std::min(lead_us_, (due_us - next->started_us()) / 2);
}

int64_t ComingDeadlines::Look() {
  const int64_t now_us = world_.clock.WallUs();
  int64_t next_us = 0;
  auto later = [&next_us](int64_t at_us) { next_us = next_us == 0 ? at_us : std::min(next_us, at_us); };
  std::map<std::string, int64_t> planned;
  std::vector<Told> told;
  std::vector<NoticeChange> marks;
  std::string after;
  do {
    auto page = ReadRows(world_.view, rows::DuePrefix(), after, kRowsAtATime);
    if (!page) return next_us;  // looked at again within a second
    after = page->next_key;
    for (const Row& each : page->rows) {
      std::string row = each.key.substr(rows::DuePrefix().size());
      auto due_us = static_cast<int64_t>(rows::ParseBigEndian(row));
      if (due_us > now_us + lead_us_) {
        later(due_us - lead_us_);
        after.clear();
        break;
      }
      if (due_us <= now_us || told_.contains(row)) continue;
      auto before = planned_.find(row);
      Expected<int64_t> at_us = before != planned_.end() ? Expected<int64_t>(before->second) : TellingTime(row);
      if (!at_us) continue;
      if (*at_us > now_us) {
        planned.emplace(row, *at_us);
        later(*at_us);
        continue;
      }
      auto state = StateNow(world_, rows::SubjectOf(row));
      if (!state || !*state) continue;
      const auto* next = NextClock(**state);
      if (next == nullptr || next->start().due_us() != due_us) continue;
      told.push_back(NoticeOfDeadline(**state, now_us));
      marks.push_back({kToldTable + row, std::string()});
    }
  } while (!after.empty());
  planned_ = std::move(planned);
  const size_t marked = marks.size();
  auto passed = told_.lower_bound(rows::BigEndian(static_cast<uint64_t>(now_us)));
  for (auto each = told_.begin(); each != passed; ++each) marks.push_back({kToldTable + *each, std::nullopt});
  if (marks.empty() || !outbox_.Keep(told, marks)) return next_us;
  told_.erase(told_.begin(), passed);
  for (size_t i = 0; i < marked; ++i) told_.insert(marks[i].key.substr(1));
  return next_us;
}

}  // namespace gridloop
