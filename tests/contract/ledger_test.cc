// One suite for every embedded backend of Ledger, View, KeyStore and DirectoryStore.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "adapters/committer/committer.h"
#include "adapters/memory/memory_store.h"
#include "adapters/memory/simulated_clock.h"
#include "adapters/rocksdb/rocksdb_keys.h"
#include "adapters/rocksdb/rocksdb_store.h"
#include "adapters/system/system_clock.h"
#include "contract/faulty_store.h"
#include "domain/row_keys.h"
#include "histories.h"

namespace gridloop {
namespace {

using namespace histories;

// A backend that can be closed and opened again on the same data.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
  virtual void Reopen() = 0;
  virtual KeyStore& keys() = 0;
  virtual DirectoryStore& directories() = 0;
};

class InMemory : public Backend {
 public:
  Store& store() override { return store_; }
  void Reopen() override {}
  KeyStore& keys() override { return keys_; }
  DirectoryStore& directories() override { return directories_; }

 private:
  SeededIds ids_{1};
  MemoryStore store_;
  MemoryKeys keys_{ids_};
  MemoryDirectories directories_;
};

class OnDisk : public Backend {
 public:
  OnDisk() {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-contract-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    Reopen();
  }
  ~OnDisk() override {
    Close();
    std::filesystem::remove_all(directory_);
  }
  Store& store() override { return *store_; }
  void Reopen() override {
    Close();
    auto store = RocksdbStore::Open(directory_, ids_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto vault = Vault::Open(directory_);
    ASSERT_TRUE(vault) << vault.error().message;
    auto keys = RocksdbKeys::Open(*vault, ids_, {directory_ / "master-keys", directory_ / "forgotten", 0});
    ASSERT_TRUE(keys) << keys.error().message;
    keys_ = std::move(*keys);
    directories_ = std::make_unique<RocksdbDirectories>(*vault);
  }
  KeyStore& keys() override { return *keys_; }
  DirectoryStore& directories() override { return *directories_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void Close() {
    keys_.reset();
    directories_.reset();
    store_.reset();
  }
  RandomIds ids_;
  std::filesystem::path directory_;
  std::unique_ptr<RocksdbStore> store_;
  std::unique_ptr<RocksdbKeys> keys_;
  std::unique_ptr<RocksdbDirectories> directories_;
};

class LedgerContract : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "memory") {
      backend = std::make_unique<InMemory>();
    } else {
      backend = std::make_unique<OnDisk>();
    }
    Open({});
  }
  void Open(Committer::Options options) {
    auto opened = Committer::Open(backend->store(), clock, options);
    ASSERT_TRUE(opened) << opened.error().message;
    ledger = std::move(*opened);
  }
  void Restart() {
    ledger.reset();
    backend->Reopen();
    Open({});
  }
  Expected<Position> Append(Event event, int64_t deadline_us = 0) {
    std::promise<Expected<Position>> done;
    ledger->Append(std::move(event), deadline_us, [&](Expected<Position> position) { done.set_value(std::move(position)); });
    return done.get_future().get();
  }
  Expected<Verdict> Decide(const std::string& subject, const std::string& id, DecideFn decide, const std::string& mac = "mac",
                           std::optional<std::string> etag = {}, int64_t deadline_us = 0) {
    std::promise<Expected<Verdict>> done;
    ledger->Decide(subject, id, mac, std::move(etag), std::move(decide), deadline_us, [&](Expected<Verdict> verdict) { done.set_value(std::move(verdict)); });
    return done.get_future().get();
  }
  // The step of this type, on whatever the head is.
  static DecideFn Step(v1::EventType type, const std::string& subject, const std::string& id, const std::string& mac = "mac") {
    return [=](const NeedState& head, int64_t) -> Expected<Event> {
      Event event = Next(head, type);
      event.set_subject(subject);
      event.set_event_id(id);
      event.set_body_mac(mac);
      return event;
    };
  }
  Expected<Verdict> Go(const std::string& subject, v1::EventType type) {
    std::string id = "event-id-" + std::to_string(next_id++);
    return Decide(subject, id, Step(type, subject, id));
  }
  std::shared_ptr<const NeedState> Get(const std::string& subject) {
    std::shared_ptr<const NeedState> state;
    ledger->Get(subject, std::nullopt, [&](Expected<std::shared_ptr<const NeedState>> found) {
      if (found) state = *found;
    });
    return state;
  }
  std::vector<Row> Scan(const std::string& prefix, int limit = 1000, std::string after = {}) {
    RowPage page;
    ledger->Scan(prefix, after, limit, std::nullopt, [&](Expected<RowPage> scanned) { page = std::move(*scanned); });
    return page.rows;
  }
  std::string Offer(const std::string& request_id) {
    Event submitted = Submitted(request_id);
    const std::string& subject = submitted.subject();
    EXPECT_TRUE(Append(submitted));
    EXPECT_TRUE(Go(subject, v1::EVENT_TYPE_DISPATCHED));
    EXPECT_TRUE(Go(subject, v1::EVENT_TYPE_OFFERED));
    return subject;
  }

  SimulatedClock clock{kNoonUs};
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Committer> ledger;
  int next_id = 100'000'000;
};

TEST_P(LedgerContract, OffsetsFollowEachOtherAndRecordsReadBack) {
  for (uint64_t i = 0; i < 20; ++i) {
    auto position = Append(Submitted("r" + std::to_string(i)));
    ASSERT_TRUE(position);
    EXPECT_EQ(position->offset, i);
  }
  auto records = ledger->ReadFrom({0, 5}, 3);
  ASSERT_EQ(records->size(), 3U);
  Event event;
  ASSERT_TRUE(event.ParseFromString((*records)[0].value));
  EXPECT_EQ(event.subject(), Submitted("r5").subject());
  EXPECT_EQ(ledger->End(0)->offset, 20U);
  EXPECT_FALSE(ledger->ReadAt({0, 20}));
}

TEST_P(LedgerContract, TheSameRequestAgainGivesTheFirstOutcomeAndAnotherBodyIsRefused) {
  auto first = Append(Submitted("r"));
  EXPECT_EQ(*Append(Submitted("r")), *first);
  Event other = Submitted("r");
  other.set_body_mac("another body");
  EXPECT_EQ(Append(other).error().reason, "REQUEST_ID_REUSED");
  std::string subject = Submitted("r").subject();
  auto note = Decide(subject, "id-1", Step(v1::EVENT_TYPE_NOTE_ADDED, subject, "id-1"));
  ASSERT_TRUE(note);
  auto again = Decide(subject, "id-1", Step(v1::EVENT_TYPE_NOTE_ADDED, subject, "id-1"));
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->position, note->position);
  EXPECT_EQ(Decide(subject, "id-1", Step(v1::EVENT_TYPE_NOTE_ADDED, subject, "id-1", "mac2"), "mac2").error().code, Code::kAlreadyExists);
}

TEST_P(LedgerContract, TenTimesTheSameIdAtOnceIsOneNeed) {
  std::vector<std::promise<Expected<Position>>> done(20);
  for (size_t i = 0; i < done.size(); ++i) {
    Event event = Submitted("r");
    if (i % 2 == 1) event.set_body_mac("the other body");
    ledger->Append(event, 0, [&done, i](Expected<Position> position) { done[i].set_value(std::move(position)); });
  }
  int good = 0;
  for (size_t i = 0; i < done.size(); ++i) {
    auto position = done[i].get_future().get();
    if (position) {
      ++good;
      EXPECT_EQ(position->offset, 0U);
    } else {
      EXPECT_EQ(position.error().reason, "REQUEST_ID_REUSED");
    }
  }
  EXPECT_EQ(good, 10);
}

TEST_P(LedgerContract, OfTwoThatRaceForAnOfferOneWins) {
  std::string subject = Offer("r");
  std::string offer = Get(subject)->offer().event_id();
  std::vector<std::promise<Expected<Verdict>>> done(8);
  for (size_t i = 0; i < done.size(); ++i) {
    std::string id = "racer-" + std::to_string(i);
    auto decide = [=](const NeedState& head, int64_t) -> Expected<Event> {
      if (head.offer().event_id() != offer) return Fail(Code::kFailedPrecondition, "OFFER_NOT_OPEN", "taken");
      Event event = Next(head, v1::EVENT_TYPE_OFFER_ACCEPTED);
      event.set_subject(subject);
      event.set_event_id(id);
      return event;
    };
    ledger->Decide(subject, id, "", std::nullopt, decide, 0, [&done, i](Expected<Verdict> verdict) { done[i].set_value(std::move(verdict)); });
  }
  int won = 0;
  for (auto& each : done) {
    auto verdict = each.get_future().get();
    won += verdict ? 1 : 0;
    if (!verdict) {
      EXPECT_EQ(verdict.error().reason, "OFFER_NOT_OPEN");
    }
  }
  EXPECT_EQ(won, 1);
}

TEST_P(LedgerContract, EtagDeadlineAndUnknownSubjectAreRefusedAndNothingIsWritten) {
  ASSERT_TRUE(Append(Submitted("r")));
  std::string subject = Submitted("r").subject();
  auto step = Step(v1::EVENT_TYPE_NOTE_ADDED, subject, "id");
  for (const char* etag : {"2", "0", "x", "1x", ""}) {
    EXPECT_EQ(Decide(subject, "id", step, "mac", etag).error().reason, "ETAG_MISMATCH") << etag;
  }
  EXPECT_EQ(Decide(subject, "id", step, "mac", {}, kNoonUs - 1).error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(Append(Submitted("late"), kNoonUs - 1).error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(Append(Submitted("r"), kNoonUs - 1)->offset, 0U) << "what happened is told, however late";
  EXPECT_EQ(Decide(Submitted("no").subject(), "id", step).error().reason, "NEED_NOT_FOUND");
  auto early = Decide(subject, "id", Step(v1::EVENT_TYPE_GRADED, subject, "id"));
  EXPECT_EQ(early.error().reason, "EVENT_VOID");
  EXPECT_EQ(ledger->End(0)->offset, 1U);
  EXPECT_TRUE(Decide(subject, "id", step, "mac", "1", kNoonUs));  // only OK is sticky: the id is still free
}

TEST_P(LedgerContract, ASubjectThatIsNoNeedBeginsWithTheFirstDecisionOnIt) {
  const std::string subject = "handovers/aaaaaaaaaaaaaaaaaaaaaaaaaa";
  const std::string id = "event-id-started";
  auto made = Decide(subject, id, Step(v1::EVENT_TYPE_HAND_OVER_STARTED, subject, id));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->version, 1U);
  EXPECT_TRUE(Decide(subject, id, Step(v1::EVENT_TYPE_HAND_OVER_STARTED, subject, id))->replayed);
  EXPECT_EQ(Go(subject, v1::EVENT_TYPE_HAND_OVER_STARTED).error().reason, "EVENT_VOID");
  EXPECT_EQ(Go(subject, v1::EVENT_TYPE_NOTE_ADDED).error().reason, "EVENT_VOID");
  Restart();
  ASSERT_NE(Get(subject), nullptr);
  EXPECT_EQ(ledger->Count(rows::WorkPrefix("handovers/"), 10).value(), 1);
  ASSERT_TRUE(Go(subject, v1::EVENT_TYPE_HAND_OVER_ADVANCED));
  EXPECT_EQ(Get(subject)->version(), 2U);
}

TEST_P(LedgerContract, WantsAndDeadlinesSurviveARestartBetweenAnyTwoSteps) {
  Event submitted = Submitted("r");
  const std::string& subject = submitted.subject();
  ASSERT_TRUE(Append(submitted));
  for (v1::EventType type : {v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED, v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED}) {
    auto before = Rows(*Get(subject));
    Restart();
    EXPECT_EQ(Rows(*Get(subject)), before);
    EXPECT_EQ(Scan(rows::DuePrefix()).size(), 1U);
    EXPECT_EQ(Scan("w").size(), Wants(*Get(subject)) == Want::kNone ? 0U : 1U);
    ASSERT_TRUE(Go(subject, type)) << v1::EventType_Name(type);
  }
}

TEST_P(LedgerContract, AWipedViewIsRebuiltRowByRow) {
  for (int i = 0; i < 30; ++i) Offer("r" + std::to_string(i));
  std::vector<Row> before;
  for (char table : rows::kTables) {
    for (auto& row : Scan(std::string(1, table))) before.push_back(row);
  }
  ledger.reset();
  ASSERT_TRUE(backend->store().WipeView());
  backend->Reopen();
  Open({});
  std::vector<Row> after;
  for (char table : rows::kTables) {
    for (auto& row : Scan(std::string(1, table))) after.push_back(row);
  }
  EXPECT_EQ(after, before);
}

TEST_P(LedgerContract, RowsPageWithoutGapsAcrossMemoryAndStore) {
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Append(Submitted("a" + std::to_string(i))));
  ASSERT_TRUE(ledger->WriteViewNow());
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Append(Submitted("b" + std::to_string(i))));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Go(Submitted("a" + std::to_string(i)).subject(), v1::EVENT_TYPE_DISPATCHED));
  std::set<std::string> seen;
  std::string after;
  while (true) {
    RowPage page;
    ledger->Scan(rows::WantPrefix('r'), after, 7, std::nullopt, [&](Expected<RowPage> scanned) { page = std::move(*scanned); });
    for (const auto& row : page.rows) EXPECT_TRUE(seen.insert(row.key).second);
    after = page.next_key;
    if (after.empty()) break;
  }
  EXPECT_EQ(seen.size(), 45U);
  EXPECT_EQ(ledger->Count(rows::WantPrefix('o'), 100), 5);
}

TEST_P(LedgerContract, SubscribersGetEverythingInOrderThenWhatComes) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Append(Submitted("r" + std::to_string(i))));
  std::mutex mutex;
  std::condition_variable grown;
  std::vector<uint64_t> offsets;
  auto subscription = ledger->Subscribe({0, 3}, [&](std::span<const Record> records) {
    std::lock_guard lock(mutex);
    for (const auto& record : records) offsets.push_back(record.position.offset);
    grown.notify_all();
  });
  for (int i = 10; i < 20; ++i) ASSERT_TRUE(Append(Submitted("r" + std::to_string(i))));
  std::unique_lock lock(mutex);
  ASSERT_TRUE(grown.wait_for(lock, std::chrono::seconds(20), [&] { return offsets.size() == 17; }));
  for (size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], i + 3);
  lock.unlock();
  subscription.reset();
}

TEST_P(LedgerContract, AFullQueueRefusesAtOnceWithADelay) {
  ledger.reset();
  Committer::Options options;
  options.queue_capacity = 4;
  Open(options);
  std::promise<void> entered;
  std::promise<void> release;
  auto held = release.get_future().share();
  ASSERT_TRUE(Append(Submitted("r")));
  std::string subject = Submitted("r").subject();
  std::promise<void> finished;
  ledger->Decide(
      subject, "blocker", "", std::nullopt,
      [&, held](const NeedState&, int64_t) -> Expected<Event> {
        entered.set_value();
        held.wait();
        return Fail(Code::kAborted, "DONE", "");
      },
      0, [&](Expected<Verdict>) { finished.set_value(); });
  entered.get_future().wait();
  std::atomic<int> answered = 0;
  for (int i = 0; i < 4; ++i) ledger->Append(Submitted("q" + std::to_string(i)), 0, [&](Expected<Position>) { ++answered; });
  auto refused = Append(Submitted("one too many"));
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(refused.error().retry_after_us.has_value());
  release.set_value();
  finished.get_future().wait();
  ledger.reset();  // answers what is queued
  EXPECT_EQ(answered, 4);
  Open({});
}

TEST_P(LedgerContract, NoAnswerAlsoNoNegativeOneRestsOnWhatIsNotDurable) {
  std::string subject = Offer("r");
  std::string offer = Get(subject)->offer().event_id();
  ledger.reset();
  FaultyStore store(backend->store());
  std::vector<std::promise<void>> reached(2);
  std::vector<std::promise<void>> let_go(2);
  size_t appends = 0;
  store.before_append = [&] {
    size_t mine = appends++;
    if (mine >= reached.size()) return;
    reached[mine].set_value();
    let_go[mine].get_future().wait();
  };
  ledger = std::move(*Committer::Open(store, clock, {}));
  // While the first batch is on its way to the disk, these gather for the second.
  std::promise<Expected<Position>> first;
  ledger->Append(Submitted("first"), 0, [&](Expected<Position> position) { first.set_value(std::move(position)); });
  reached[0].get_future().wait();
  std::vector<std::promise<Expected<Verdict>>> racers(2);
  std::promise<Expected<Position>> submitted;
  std::atomic<int> answered = 0;
  for (size_t i = 0; i < racers.size(); ++i) {
    std::string id = "racer-" + std::to_string(i);
    auto decide = [=](const NeedState& head, int64_t) -> Expected<Event> {
      if (head.offer().event_id() != offer) return Fail(Code::kFailedPrecondition, "OFFER_NOT_OPEN", "taken");
      Event event = Next(head, v1::EVENT_TYPE_OFFER_ACCEPTED);
      event.set_subject(subject);
      event.set_event_id(id);
      return event;
    };
    ledger->Decide(subject, id, "", std::nullopt, decide, 0, [&answered, &racers, i](Expected<Verdict> verdict) {
      ++answered;
      racers[i].set_value(std::move(verdict));
    });
  }
  ledger->Append(Submitted("second"), 0, [&](Expected<Position> position) {
    ++answered;
    submitted.set_value(std::move(position));
  });
  let_go[0].set_value();
  EXPECT_TRUE(first.get_future().get());
  reached[1].get_future().wait();
  EXPECT_EQ(answered, 0) << "that the offer is taken is not yet durable";
  store.appends_fail = true;
  let_go[1].set_value();
  auto winner = racers[0].get_future().get();
  ASSERT_FALSE(winner);
  EXPECT_EQ(winner.error().code, Code::kUnknown);
  EXPECT_EQ(winner.error().reason, "OUTCOME_UNKNOWN");
  std::map<std::string, std::string> metadata(winner.error().metadata.begin(), winner.error().metadata.end());
  EXPECT_EQ(metadata["event"], Base32("racer-0"));
  EXPECT_EQ(metadata["version"], "4");
  EXPECT_EQ(racers[1].get_future().get().error().reason, "LEDGER_FAILED") << "the offer may be open after all";
  EXPECT_EQ(submitted.get_future().get().error().reason, "OUTCOME_UNKNOWN");
  ledger.reset();
  backend->Reopen();
  Open({});
  EXPECT_EQ(Get(subject)->offer().event_id(), offer) << "it is";
}

TEST_P(LedgerContract, WhoeverIsAnsweredSlowlyIsNotDecidedForFarAhead) {
  ledger.reset();
  Committer::Options options;
  options.batch_capacity = 1;
  options.queue_capacity = 10;
  Open(options);
  std::promise<void> let_go;
  auto held = let_go.get_future().share();
  std::atomic<int> refused = 0;
  constexpr int kSent = 2000;
  for (int i = 0; i < kSent; ++i) {
    ledger->Append(Submitted(std::to_string(i)), 0, [&, held](Expected<Position> position) {
      if (position) {
        held.wait();
      } else {
        ++refused;
      }
    });
  }
  // One in its callback, sixteen before it, one in hand, ten in the queue.
  EXPECT_LE(kSent - refused, 28);
  let_go.set_value();
  ledger.reset();
  Open({});
}

TEST_P(LedgerContract, WhoeverDidTheWorkIsToldWhyTheyCannotVerifyIt) {
  std::string subject = Offer("r");
  for (v1::EventType type : {v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED, v1::EVENT_TYPE_CLOSING_REQUESTED}) ASSERT_TRUE(Go(subject, type));
  auto verify = [&](const NeedState& head, int64_t) -> Expected<Event> {
    Event event = Next(head, v1::EVENT_TYPE_CLOSING_VERIFIED);
    event.set_subject(subject);
    event.set_event_id("id");
    event.mutable_actor()->set_worker("w-1");
    return event;
  };
  auto refused = Decide(subject, "id", verify);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().reason, "VERIFIER_INVOLVED");
  EXPECT_FALSE(refused.error().message_zh.empty());
}

TEST_P(LedgerContract, AReadBeyondTheEndIsBehindAndOneUpToItAnswers) {
  auto position = Append(Submitted("r"));
  auto get = [&](Position at_least) {
    Expected<std::shared_ptr<const NeedState>> state;
    ledger->Get(Submitted("r").subject(), at_least, [&](Expected<std::shared_ptr<const NeedState>> found) { state = std::move(found); });
    return state;
  };
  EXPECT_TRUE(get(*position));
  auto behind = get({0, 1});
  EXPECT_EQ(behind.error().reason, "VIEW_BEHIND");
  EXPECT_EQ(behind.error().code, Code::kUnavailable);
  EXPECT_TRUE(behind.error().retry_after_us.has_value());
  ledger->Scan("w", {}, 10, Position{3, 0}, [](Expected<RowPage> page) { EXPECT_EQ(page.error().reason, "VIEW_BEHIND"); });
}

TEST_P(LedgerContract, AWatchWakesForItsPrefixUntilItEnds) {
  std::atomic<int> routes = 0;
  std::atomic<int> offers = 0;
  auto watch_routes = ledger->Watch(rows::WantPrefix('r'), [&] { ++routes; });
  auto watch_offers = ledger->Watch(rows::WantPrefix('o'), [&] { ++offers; });
  std::string subject = Submitted("r").subject();
  ASSERT_TRUE(Append(Submitted("r")));
  EXPECT_EQ(routes, 1);
  EXPECT_EQ(offers, 0);
  ASSERT_TRUE(Go(subject, v1::EVENT_TYPE_DISPATCHED));
  EXPECT_EQ(routes, 2) << "a row that goes is a change too";
  EXPECT_EQ(offers, 1);
  watch_routes.reset();
  ASSERT_TRUE(Append(Submitted("another")));
  EXPECT_EQ(routes, 2);
}

TEST_P(LedgerContract, KeysAreNeverGivenTwiceAlsoNotAfterARestart) {
  std::set<std::string> ids;
  std::string first;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 300; ++i) {
      auto key = backend->keys().Take();
      ASSERT_TRUE(key);
      EXPECT_EQ(key->bytes.size(), 32U);
      EXPECT_TRUE(ids.insert(key->id).second);
      if (first.empty()) first = key->id;
    }
    ledger.reset();
    backend->Reopen();
    Open({});
  }
  EXPECT_TRUE(backend->keys().Get(first));
  ASSERT_TRUE(backend->keys().Forget({first, "never seen"}));
  EXPECT_EQ(backend->keys().Get(first).error().reason, "KEY_FORGOTTEN");
}

TEST_P(LedgerContract, DirectoriesAreKeptByHashAndActivationIsRemembered) {
  auto hash = backend->directories().Put("blob");
  EXPECT_EQ(*hash, Sha256("blob"));
  int woken = 0;
  auto watch = backend->directories().Watch([&] { ++woken; });
  store::v1::ActiveHashes active;
  active.set_directory_hash(*hash);
  ASSERT_TRUE(backend->directories().Activate(active));
  EXPECT_EQ(woken, 1);
  watch.reset();
  ledger.reset();
  backend->Reopen();
  Open({});
  EXPECT_EQ(*backend->directories().Get(*hash), "blob");
  EXPECT_EQ(backend->directories().Active()->directory_hash(), *hash);
  EXPECT_EQ(backend->directories().Get("no such hash").error().code, Code::kNotFound);
}

TEST_P(LedgerContract, TheEndOfADirectoryWatchWaitsForTheWakeThatRuns) {
  std::promise<void> entered;
  std::promise<void> let_go;
  std::atomic<bool> finished = false;
  auto watch = backend->directories().Watch([&] {
    entered.set_value();
    let_go.get_future().wait();
    finished = true;
  });
  std::thread activating([&] { EXPECT_TRUE(backend->directories().Activate({})); });
  entered.get_future().wait();
  std::promise<void> ending;
  std::thread canceller([&] {
    ending.set_value();
    watch.reset();
    EXPECT_TRUE(finished) << "what the wake uses may be gone now";
  });
  ending.get_future().wait();
  let_go.set_value();
  canceller.join();
  activating.join();
  ASSERT_TRUE(backend->directories().Activate({}));  // wakes nobody
}

TEST_P(LedgerContract, OfTwoActivationsAtOnceWatchersKeepTheLater) {
  auto& directories = backend->directories();
  store::v1::ActiveHashes earlier;
  store::v1::ActiveHashes later;
  earlier.set_directory_hash("earlier");
  later.set_directory_hash("later");
  std::atomic<int> calls = 0;
  std::atomic<bool> told_of_the_later = false;
  std::mutex mutex;
  std::string seen;
  std::jthread second;
  auto watch = directories.Watch([&] {
    std::string hash = directories.Active()->directory_hash();
    if (++calls == 1) {  // the other one comes while this one still loads what it has read
      second = std::jthread([&] { EXPECT_TRUE(directories.Activate(later)); });
      while (directories.Active()->directory_hash() != "later") std::this_thread::yield();
      for (int i = 0; i < 10'000 && !told_of_the_later; ++i) std::this_thread::yield();
    }
    std::lock_guard lock(mutex);
    seen = hash;
    if (hash == "later") told_of_the_later = true;
  });
  ASSERT_TRUE(directories.Activate(earlier));
  second.join();
  EXPECT_EQ(seen, "later");
}

INSTANTIATE_TEST_SUITE_P(Embedded, LedgerContract, testing::Values("memory", "rocksdb"), [](const auto& each) { return std::string(each.param); });

TEST(MemoryLedger, AFailedSyncStopsAcknowledgingForGood) {
  SimulatedClock clock(kNoonUs);
  MemoryStore store;
  auto ledger = std::move(*Committer::Open(store, clock, {}));
  auto append = [&](const std::string& id) {
    std::promise<Expected<Position>> done;
    ledger->Append(Submitted(id), 0, [&](Expected<Position> position) { done.set_value(std::move(position)); });
    return done.get_future().get();
  };
  ASSERT_TRUE(append("kept"));
  store.FailAppends("no space left on device");
  EXPECT_EQ(append("lost").error().reason, "OUTCOME_UNKNOWN");
  EXPECT_EQ(append("later").error().reason, "LEDGER_FAILED");
  EXPECT_NE(ledger->Failure().find("no space"), std::string::npos);
  EXPECT_EQ(store.EndOffset(), 1U);
}

TEST(RocksdbLedger, ASecondOpeningIsRefused) {
  OnDisk backend;
  RandomIds ids;
  EXPECT_EQ(RocksdbStore::Open(backend.directory(), ids).error().reason, "DATA_IN_USE");
}

}  // namespace
}  // namespace gridloop
