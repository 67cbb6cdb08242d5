// What goes wrong under the embedded ledger: crashes, torn writes, failing disks, strange logs and views.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include "adapters/committer/committer.h"
#include "adapters/memory/memory_store.h"
#include "adapters/memory/simulated_clock.h"
#include "adapters/rocksdb/rocksdb_keys.h"
#include "adapters/rocksdb/rocksdb_store.h"
#include "contract/faulty_store.h"
#include "domain/row_keys.h"
#include "histories.h"

namespace gridloop {
namespace {

using namespace histories;
namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "gridloop-recovery-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  // What a crash leaves: the files as they are, nothing closed.
  void TakeFilesOf(const fs::path& running) {
    // RocksDB removes what it needs no more in the background: a copy during which files came or went is taken again.
    for (int tries = 0; tries < 1000; ++tries) {
      fs::remove_all(path_);
      try {
        auto before = NamesIn(running);
        fs::copy(running, path_, fs::copy_options::recursive);
        if (NamesIn(running) == before) return;
      } catch (const fs::filesystem_error&) {
        continue;
      }
    }
    FAIL() << "the files of " << running << " never rest";
  }

 private:
  static std::set<std::string> NamesIn(const fs::path& directory) {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) names.insert(entry.path().string());
    return names;
  }
  fs::path path_;
};

// Its files lie beside the vault.
std::unique_ptr<RocksdbKeys> OpenKeys(const std::shared_ptr<Vault>& vault, const fs::path& directory, IdSource& ids) {
  auto keys = RocksdbKeys::Open(vault, ids, {directory / "master-keys", directory / "forgotten", 0});
  EXPECT_TRUE(keys) << keys.error().message;
  return keys ? std::move(*keys) : nullptr;
}

// Writes over some of a file's bytes.
void Damage(const fs::path& file, uint64_t from, uint64_t size) {
  ASSERT_GE(fs::file_size(file), from + size) << file;
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(static_cast<std::streamoff>(from));
  bytes << std::string(size, '\x5a');
}

// The newest file of this kind.
fs::path Newest(const fs::path& directory, const std::string& extension) {
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == extension && (newest.empty() || entry.path() > newest)) newest = entry.path();
  }
  return newest;
}

// While it lives this process can make no file longer.
class NoMoreBytes {
 public:
  NoMoreBytes() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit{1, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~NoMoreBytes() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

Expected<Position> Append(Committer& ledger, Event event) {
  std::promise<Expected<Position>> done;
  ledger.Append(std::move(event), 0, [&](Expected<Position> position) { done.set_value(std::move(position)); });
  return done.get_future().get();
}

Expected<Verdict> Go(Committer& ledger, const std::string& subject, v1::EventType type, const std::string& id) {
  std::promise<Expected<Verdict>> done;
  auto decide = [=](const NeedState& head, int64_t) -> Expected<Event> {
    Event event = Next(head, type);
    event.set_subject(subject);
    event.set_event_id(id);
    event.set_body_mac("mac");
    return event;
  };
  ledger.Decide(subject, id, "mac", std::nullopt, decide, 0, [&](Expected<Verdict> verdict) { done.set_value(std::move(verdict)); });
  return done.get_future().get();
}

Expected<std::shared_ptr<const NeedState>> Get(Committer& ledger, const std::string& subject, std::optional<Position> at_least = {}) {
  Expected<std::shared_ptr<const NeedState>> state;
  ledger.Get(subject, at_least, [&](Expected<std::shared_ptr<const NeedState>> found) { state = std::move(found); });
  return state;
}

std::vector<Row> AllRows(Committer& ledger) {
  std::vector<Row> all;
  for (char table : rows::kTables) {
    std::string after;
    do {
      ledger.Scan(std::string(1, table), after, 1000, std::nullopt, [&](Expected<RowPage> page) {
        after = page->next_key;
        std::ranges::move(page->rows, std::back_inserter(all));
      });
    } while (!after.empty());
  }
  return all;
}

std::string SubjectOfRequest(const std::string& request_id) { return Submitted(request_id).subject(); }

// The bytes that a writer would have logged for this report.
std::string Logged(const std::string& request_id, uint32_t epoch = kRulesEpoch) {
  Event event = Submitted(request_id);
  event.set_magic(kEventMagic);
  event.set_version(1);
  event.set_rules_epoch(epoch);
  event.set_logged_at_us(kNoonUs);
  return event.SerializeAsString();
}

class Recovery : public testing::Test {
 protected:
  std::unique_ptr<RocksdbStore> OpenStore(const fs::path& path, uint64_t events_between_flushes = 50'000) {
    auto store = RocksdbStore::Open(path, ids, {.events_between_flushes = events_between_flushes});
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<Committer> OpenLedger(Store& store, Committer::Options options = {}) {
    auto ledger = Committer::Open(store, clock, options);
    EXPECT_TRUE(ledger) << ledger.error().message;
    return ledger ? std::move(*ledger) : nullptr;
  }
  static Committer::Options NeverWritesTheView() {
    Committer::Options options;
    options.write_interval = std::chrono::hours(1);
    return options;
  }
  SimulatedClock clock{kNoonUs};
  SeededIds ids{11};
};

TEST_F(Recovery, ACrashAfterAnyStepLeavesEveryRowAndEveryWant) {
  TemporaryDirectory running;
  TemporaryDirectory crashed;
  auto store = OpenStore(running.path());
  auto ledger = OpenLedger(*store, NeverWritesTheView());
  ASSERT_TRUE(Append(*ledger, Submitted("r")));
  std::string subject = SubjectOfRequest("r");
  int step = 0;
  for (v1::EventType type :
       {v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED, v1::EVENT_TYPE_OFFER_ACCEPTED, v1::EVENT_TYPE_WORKER_ASSIGNED, v1::EVENT_TYPE_ANSWERED}) {
    if (step == 2) {
      ASSERT_TRUE(ledger->WriteViewNow());  // one time the view has some of it
    }
    ASSERT_TRUE(Go(*ledger, subject, type, "id-" + std::to_string(step++)));
    crashed.TakeFilesOf(running.path());
    auto store_after = OpenStore(crashed.path());
    auto after = OpenLedger(*store_after);
    EXPECT_EQ(AllRows(*after), AllRows(*ledger)) << v1::EventType_Name(type);
    EXPECT_EQ((*Get(*after, subject))->SerializeAsString(), (*Get(*ledger, subject))->SerializeAsString());
  }
}

TEST_F(Recovery, ATornLastWriteIsDroppedAndTheRestStays) {
  TemporaryDirectory running;
  TemporaryDirectory crashed;
  auto store = OpenStore(running.path());
  auto ledger = OpenLedger(*store, NeverWritesTheView());
  for (const char* request : {"a", "b", "c"}) ASSERT_TRUE(Append(*ledger, Submitted(request)));
  crashed.TakeFilesOf(running.path());
  fs::path log = Newest(crashed.path() / "ledger", ".log");
  fs::resize_file(log, fs::file_size(log) - 7);
  auto store_after = OpenStore(crashed.path());
  auto after = OpenLedger(*store_after);
  EXPECT_EQ(after->End(0)->offset, 2U);
  EXPECT_EQ(Get(*after, SubjectOfRequest("c")).error().reason, "NEED_NOT_FOUND");
  EXPECT_EQ(Append(*after, Submitted("c"))->offset, 2U);
}

TEST_F(Recovery, DamageInTheMiddleOfALogFileIsRefusedNotSkipped) {
  TemporaryDirectory running;
  TemporaryDirectory crashed;
  auto store = OpenStore(running.path());
  auto ledger = OpenLedger(*store, NeverWritesTheView());
  auto vault = Vault::Open(running.path());
  ASSERT_TRUE(vault);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
    ASSERT_TRUE((*vault)->Write({{"b" + std::to_string(i), std::string(300, 'v')}}));
  }
  for (const char* part : {"ledger", "vault"}) {
    crashed.TakeFilesOf(running.path());
    fs::path log = Newest(crashed.path() / part, ".log");
    std::ifstream file(log, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), {});
    size_t inside = content.find(std::string_view(part) == "ledger" ? "320585100001001" : "vvvvvvvvvvvvvvv", content.size() / 2);
    ASSERT_NE(inside, std::string::npos);
    Damage(log, inside, 8);
    Error refused;
    if (auto opened = RocksdbStore::Open(crashed.path(), ids); !opened) refused = opened.error();
    if (auto opened = Vault::Open(crashed.path()); !opened) refused = opened.error();
    EXPECT_EQ(refused.reason, "STORE_DAMAGED") << refused.message;
    EXPECT_NE(refused.message.find("Restore the data directory from a copy"), std::string::npos) << refused.message;
  }
}

TEST_F(Recovery, ALedgerWhoseEndCannotBeReadIsNotTakenForAnEmptyOne) {
  TemporaryDirectory directory;
  OpenStore(directory.path()).reset();
  {
    auto store = OpenStore(directory.path());  // what was there before has a table file of its own now
    auto ledger = OpenLedger(*store);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
  }
  OpenStore(directory.path()).reset();  // and so have the events
  fs::path table = Newest(directory.path() / "ledger", ".sst");
  Damage(table, 0, fs::file_size(table) / 4);
  auto refused = RocksdbStore::Open(directory.path(), ids);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "STORE_DAMAGED") << refused.error().message;
  EXPECT_NE(refused.error().message.find("find the end of the ledger"), std::string::npos) << refused.error().message;
}

TEST_F(Recovery, ALedgerThatIsGoneOrEmptyBesideAViewIsNotMadeAnew) {
  TemporaryDirectory directory;
  auto append = [&](const std::string& request) {
    auto store = OpenStore(directory.path());
    auto ledger = OpenLedger(*store);
    ASSERT_TRUE(Append(*ledger, Submitted(request)));
  };
  append("a");
  TemporaryDirectory copy;
  copy.TakeFilesOf(directory.path());
  fs::remove_all(directory.path() / "ledger");
  EXPECT_EQ(RocksdbStore::Open(directory.path(), ids).error().reason, "LEDGER_MISSING");
  EXPECT_FALSE(fs::exists(directory.path() / "ledger")) << "it was left alone";
  fs::create_directory(directory.path() / "ledger");
  EXPECT_EQ(RocksdbStore::Open(directory.path(), ids).error().reason, "LEDGER_MISSING");
  fs::copy(copy.path() / "ledger", directory.path() / "ledger", fs::copy_options::recursive);
  append("b");
}

TEST_F(Recovery, ACopiedDataDirectoryStartsElsewhere) {
  TemporaryDirectory here;
  TemporaryDirectory there;
  std::vector<Row> before;
  {
    auto store = OpenStore(here.path());
    auto ledger = OpenLedger(*store);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
    before = AllRows(*ledger);
  }
  there.TakeFilesOf(here.path());
  auto store = OpenStore(there.path());
  auto ledger = OpenLedger(*store);
  EXPECT_EQ(AllRows(*ledger), before);
  EXPECT_EQ(ledger->folded_at_start(), 0U);
}

TEST_F(Recovery, WhatIsFoldedAgainAfterACrashIsBounded) {
  TemporaryDirectory running;
  TemporaryDirectory crashed;
  auto store = OpenStore(running.path(), 100);
  auto ledger = OpenLedger(*store, NeverWritesTheView());
  for (int i = 0; i < 350; ++i) {
    ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
    if (i % 10 == 9) {
      ASSERT_TRUE(ledger->WriteViewNow());
    }
  }
  crashed.TakeFilesOf(running.path());
  auto store_after = OpenStore(crashed.path(), 100);
  auto after = OpenLedger(*store_after);
  EXPECT_LE(after->folded_at_start(), 110U);
  EXPECT_EQ(AllRows(*after), AllRows(*ledger));
}

TEST_F(Recovery, AViewThatIsGoneDamagedOrOfAnotherLogIsRebuiltByteForByte) {
  TemporaryDirectory mine;
  TemporaryDirectory other;
  std::vector<Row> before;
  for (const auto* directory : {&other, &mine}) {
    auto store = OpenStore(directory->path());
    auto ledger = OpenLedger(*store);
    for (int i = 0; i < (directory == &mine ? 20 : 15); ++i) {
      ASSERT_TRUE(Append(*ledger, Submitted((directory == &mine ? "m" : "o") + std::to_string(i))));
    }
    before = AllRows(*ledger);
  }
  fs::path view = mine.path() / "view";
  auto check = [&](const std::string& what) {
    auto store = OpenStore(mine.path());
    auto ledger = OpenLedger(*store);
    EXPECT_EQ(AllRows(*ledger), before) << what;
    EXPECT_EQ(ledger->folded_at_start(), 20U) << what;
  };
  fs::remove_all(view);
  check("gone");
  fs::remove_all(view);
  fs::copy(other.path() / "view", view, fs::copy_options::recursive);
  check("of another log");
  for (const auto& entry : fs::directory_iterator(view)) {
    if (entry.path().filename().string().starts_with("MANIFEST")) std::ofstream(entry.path()) << "no manifest at all";
  }
  check("damaged");
}

TEST_F(Recovery, TheWriterWritesTheViewByItselfSoThatLittleIsFoldedAgain) {
  TemporaryDirectory running;
  TemporaryDirectory crashed;
  constexpr uint64_t kEvents = 1000;
  constexpr uint64_t kUnwritten = 40;  // an event has more than three rows, and a hundred of them are written
  auto below = OpenStore(running.path(), 100);
  FaultyStore store(*below);
  std::mutex mutex;
  std::condition_variable grown;
  uint64_t written = 0;
  store.after_view_write = [&](const Store::ViewChanges& changes) {
    std::lock_guard lock(mutex);
    written = changes.watermark.next_offset();
    grown.notify_all();
  };
  Committer::Options options = NeverWritesTheView();
  options.dirty_rows_written = 100;
  options.batch_capacity = 10;
  auto ledger = OpenLedger(store, options);
  for (uint64_t i = 0; i < kEvents; ++i) ledger->Append(Submitted(std::to_string(i)), 0, [](Expected<Position> position) { EXPECT_TRUE(position); });
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(grown.wait_for(lock, std::chrono::seconds(60), [&] { return written >= kEvents - kUnwritten; }));
  }
  ASSERT_TRUE(Append(*ledger, Submitted("not yet flushed")));
  crashed.TakeFilesOf(running.path());
  auto store_after = OpenStore(crashed.path(), 100);
  auto after = OpenLedger(*store_after);
  EXPECT_GT(after->folded_at_start(), 0U);
  EXPECT_LE(after->folded_at_start(), 100 + kUnwritten + 1);
  EXPECT_EQ(AllRows(*after), AllRows(*ledger));
}

TEST_F(Recovery, ALedgerThatLostAcknowledgedEventsIsRefusedUntilTheViewThatSawThemIsRemoved) {
  TemporaryDirectory directory;
  TemporaryDirectory older;
  auto append = [&](const std::string& request) {
    auto store = OpenStore(directory.path());
    auto ledger = OpenLedger(*store);
    ASSERT_TRUE(Append(*ledger, Submitted(request)));
  };
  append("a");
  older.TakeFilesOf(directory.path());
  append("b");
  fs::remove_all(directory.path() / "ledger");
  fs::copy(older.path() / "ledger", directory.path() / "ledger", fs::copy_options::recursive);
  for (int again = 0; again < 2; ++again) {
    auto store = OpenStore(directory.path());
    auto refused = Committer::Open(*store, clock, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "STORE_DAMAGED");
    EXPECT_NE(refused.error().message.find("The ledger ends at 1, but the view has seen 2"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("remove the view"), std::string::npos) << refused.error().message;
  }
  fs::remove_all(directory.path() / "view");  // as the message says, for whoever accepts the loss
  auto store = OpenStore(directory.path());
  auto ledger = OpenLedger(*store);
  EXPECT_EQ(Get(*ledger, SubjectOfRequest("b")).error().reason, "NEED_NOT_FOUND");
  EXPECT_TRUE(Get(*ledger, SubjectOfRequest("a")));
  EXPECT_EQ(ledger->Count(rows::DuePrefix(), 10), 1);
}

TEST_F(Recovery, ATableFileThatIsDamagedIsSaidOfTheLedgerAndRebuiltOfTheView) {
  TemporaryDirectory directory;
  std::vector<Row> before;
  {
    auto store = OpenStore(directory.path());
    auto ledger = OpenLedger(*store);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
    before = AllRows(*ledger);
  }
  OpenStore(directory.path()).reset();
  auto damage = [&](const char* part) {  // index and properties, which are read as it is opened
    fs::path table = Newest(directory.path() / part, ".sst");
    Damage(table, fs::file_size(table) - 353, 300);
  };
  damage("view");
  {
    auto store = OpenStore(directory.path());
    ASSERT_TRUE(store);
    auto ledger = OpenLedger(*store);
    EXPECT_EQ(AllRows(*ledger), before);
    EXPECT_EQ(ledger->folded_at_start(), 20U);
  }
  damage("ledger");
  auto refused = RocksdbStore::Open(directory.path(), ids);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "STORE_DAMAGED") << refused.error().message;
}

TEST_F(Recovery, ANewerFormatIsRefusedAndSaysWhatToDo) {
  TemporaryDirectory directory;
  OpenStore(directory.path()).reset();
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, (directory.path() / "ledger").string(), &raw).ok());
  ASSERT_TRUE(raw->Put({}, "mformat", "2").ok());
  delete raw;
  auto refused = RocksdbStore::Open(directory.path(), ids);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "NEWER_FORMAT");
  EXPECT_NE(refused.error().message.find("format 2"), std::string::npos);
}

TEST_F(Recovery, ADirectoryThatAnotherProcessHoldsIsRefused) {
  TemporaryDirectory directory;
  OpenStore(directory.path()).reset();
  std::string lock_file = (directory.path() / "ledger" / "LOCK").string();
  int ready[2];
  int release[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(release), 0);
  pid_t child = ::fork();
  if (child == 0) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    int file = ::open(lock_file.c_str(), O_RDWR);
    char byte = ::fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(release[0], &byte, 1) != 1) ::_exit(1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  auto refused = RocksdbStore::Open(directory.path(), ids);
  ASSERT_EQ(::write(release[1], &byte, 1), 1);
  ::waitpid(child, nullptr, 0);
  for (int file : {ready[0], ready[1], release[0], release[1]}) ::close(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "DATA_IN_USE");
  EXPECT_NE(refused.error().message.find(directory.path().string()), std::string::npos);
}

TEST_F(Recovery, BytesThatAreNotOursAreSkippedAndCounted) {
  MemoryStore store;
  ASSERT_TRUE(store.Append(0, {"hello", Logged("r"), std::string()}));
  auto ledger = OpenLedger(store);
  EXPECT_EQ(ledger->foreign_records(), 2U);
  EXPECT_TRUE(Get(*ledger, SubjectOfRequest("r")));
  EXPECT_EQ(ledger->ReadAt({0, 0})->verdict, Void::kPayload);
  EXPECT_EQ(Append(*ledger, Submitted("next"))->offset, 3U);
}

TEST_F(Recovery, EventsOfANewerEpochOrTypeStopTheOpening) {
  Event event;
  event.ParseFromString(Logged("r"));
  event.clear_submitted();
  event.set_type(static_cast<v1::EventType>(99));
  for (const std::string& newer : {Logged("r", kRulesEpoch + 1), event.SerializeAsString()}) {
    MemoryStore store;
    ASSERT_TRUE(store.Append(0, {newer}));
    auto refused = Committer::Open(store, clock, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "NEWER_EVENTS");
  }
}

TEST_F(Recovery, AFailedSyncAnswersEverythingAndLosesNothingAcknowledged) {
  TemporaryDirectory directory;
  std::vector<std::string> acknowledged;
  {
    auto below = OpenStore(directory.path());
    FaultyStore store(*below);
    auto ledger = OpenLedger(store, NeverWritesTheView());
    std::mutex mutex;
    std::atomic<int> answers = 0;
    for (int i = 0; i < 400; ++i) {
      if (i == 200) store.appends_fail = true;
      std::string request = std::to_string(i);
      ledger->Append(Submitted(request), 0, [&, request](Expected<Position> position) {
        std::lock_guard lock(mutex);
        if (position) acknowledged.push_back(request);
        EXPECT_TRUE(position || position.error().reason == "LEDGER_FAILED" || position.error().reason == "OUTCOME_UNKNOWN");
        ++answers;
      });
    }
    EXPECT_FALSE(Append(*ledger, Submitted("last")));
    EXPECT_NE(ledger->Failure().find("input/output error"), std::string::npos);
    store.appends_fail = false;  // the disk is well again: this process must not trust it
    EXPECT_EQ(Append(*ledger, Submitted("later")).error().reason, "LEDGER_FAILED");
    ledger.reset();
    EXPECT_EQ(answers, 400);
  }
  auto store = OpenStore(directory.path());
  auto ledger = OpenLedger(*store);
  for (const auto& request : acknowledged) EXPECT_TRUE(Get(*ledger, SubjectOfRequest(request))) << request;
  EXPECT_TRUE(Append(*ledger, Submitted("last")));
}

TEST_F(Recovery, AStateThatCannotBeReadIsAnErrorNeverAMissingNeed) {
  MemoryStore below;
  FaultyStore store(below);
  {
    auto ledger = OpenLedger(store);
    ASSERT_TRUE(Append(*ledger, Submitted("r")));
  }
  auto ledger = OpenLedger(store);
  store.state_reads_fail = true;
  EXPECT_EQ(Get(*ledger, SubjectOfRequest("r")).error().reason, "STORE_FAILED");
  EXPECT_EQ(Append(*ledger, Submitted("r")).error().reason, "STORE_FAILED");
  EXPECT_EQ(Go(*ledger, SubjectOfRequest("r"), v1::EVENT_TYPE_NOTE_ADDED, "id").error().reason, "STORE_FAILED");
  EXPECT_EQ(ledger->End(0)->offset, 1U);
  store.state_reads_fail = false;
  EXPECT_EQ(Append(*ledger, Submitted("r"))->offset, 0U);
}

TEST_F(Recovery, RowsThatCannotBeReadAreAnErrorNeverAShorterList) {
  MemoryStore below;
  FaultyStore store(below);
  auto ledger = OpenLedger(store);
  ASSERT_TRUE(Append(*ledger, Submitted("r")));
  store.scans_fail = true;
  ledger->Scan("r", {}, 10, std::nullopt, [](Expected<RowPage> page) {
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, Code::kUnavailable);
  });
  EXPECT_FALSE(ledger->Count("r", 10));
  EXPECT_EQ(ledger->Count(rows::DuePrefix(), 10), 1) << "deadlines and wants are in memory";
}

TEST_F(Recovery, AViewThatCannotBeReadAtTheStartIsRebuiltWithEveryWant) {
  MemoryStore below;
  FaultyStore store(below);
  std::vector<Row> before;
  {
    auto ledger = OpenLedger(store);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
    before = AllRows(*ledger);
  }
  store.scans_fail = true;
  auto ledger = OpenLedger(store);
  EXPECT_EQ(ledger->folded_at_start(), 5U);
  EXPECT_EQ(ledger->Count(rows::WantPrefix('r'), 10), 5);
  EXPECT_EQ(AllRows(*ledger), before);
}

TEST_F(Recovery, AViewThatCannotBeWipedIsRefusedAndLeftAlone) {
  MemoryStore below;
  ASSERT_TRUE(below.Append(0, {Logged("r")}));
  Store::ViewChanges of_another_log;
  of_another_log.watermark.set_log_id("another");
  of_another_log.watermark.set_next_offset(1);
  ASSERT_TRUE(below.WriteView(of_another_log));
  FaultyStore store(below);
  store.wipes_fail = true;
  EXPECT_EQ(Committer::Open(store, clock, {}).error().reason, "STORE_FAILED");
  EXPECT_EQ(store.view_writes, 0);
}

TEST_F(Recovery, AnEventThatCannotBeReadIsAnErrorNeverAGap) {
  MemoryStore below;
  FaultyStore store(below);
  {
    auto ledger = OpenLedger(store);
    ASSERT_TRUE(Append(*ledger, Submitted("r")));
    store.event_reads_fail = true;
    EXPECT_EQ(ledger->ReadAt({0, 0}).error().reason, "STORE_FAILED");
    EXPECT_EQ(ledger->ReadAt({0, 1}).error().reason, "POSITION_NOT_FOUND");
  }
  EXPECT_EQ(Committer::Open(store, clock, {}).error().reason, "STORE_FAILED");
  store.event_reads_fail = false;
  auto ledger = OpenLedger(store);
  EXPECT_EQ(ledger->folded_at_start(), 0U) << "the view was kept";
}

TEST_F(Recovery, BelowTheReserveNothingIsTakenAndItGoesOnWhenThereIsRoom) {
  TemporaryDirectory directory;
  std::atomic<uint64_t> free_bytes = 1ULL << 40;
  auto store = std::move(*RocksdbStore::Open(directory.path(), ids, {.free_bytes = [&] { return free_bytes.load(); }}));
  auto vault = Vault::Open(directory.path(), {.free_bytes = [&] { return free_bytes.load(); }});
  ASSERT_TRUE(vault);
  auto ledger = OpenLedger(*store, NeverWritesTheView());
  ASSERT_TRUE(Append(*ledger, Submitted("a")));
  free_bytes = 100 << 20;
  auto refused = Append(*ledger, Submitted("b"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(refused.error().reason, "DISK_FULL");
  EXPECT_TRUE(refused.error().retry_after_us);
  EXPECT_FALSE(refused.error().message_zh.empty());
  EXPECT_NE(ledger->Failure().find("only 100 MiB are free"), std::string::npos) << ledger->Failure();
  EXPECT_NE(ledger->Failure().find("make room"), std::string::npos) << ledger->Failure();
  EXPECT_EQ(Append(*ledger, Submitted("a"))->offset, 0U) << "what is there is still answered";
  EXPECT_EQ(Get(*ledger, SubjectOfRequest("b")).error().reason, "NEED_NOT_FOUND");
  EXPECT_FALSE(ledger->WriteViewNow());
  EXPECT_EQ((*vault)->Write({{"b", "blob"}}).error().reason, "DISK_FULL");
  free_bytes = 1ULL << 40;
  EXPECT_EQ(ledger->Failure(), "");
  EXPECT_EQ(Append(*ledger, Submitted("b"))->offset, 1U);
  EXPECT_TRUE(ledger->WriteViewNow());
  EXPECT_EQ(ledger->ViewFailure(), "");
  EXPECT_TRUE((*vault)->Write({{"b", "blob"}}));
}

TEST_F(Recovery, AViewThatCannotBeWrittenIsSaidAndWhatWaitsForItIsBounded) {
  MemoryStore below;
  FaultyStore store(below);
  Committer::Options options = NeverWritesTheView();
  options.dirty_rows_written = 20;
  auto ledger = OpenLedger(store, options);
  store.view_writes_fail = true;
  Expected<Position> last = Position{};
  int taken = 0;
  for (; last && taken < 1000; ++taken) {
    last = Append(*ledger, Submitted(std::to_string(taken)));
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().reason, "VIEW_FAILED");
  EXPECT_LT(taken, 100);
  EXPECT_NE(ledger->ViewFailure().find("the view takes no bytes"), std::string::npos);
  store.view_writes_fail = false;
  ASSERT_TRUE(ledger->WriteViewNow());
  EXPECT_EQ(ledger->ViewFailure(), "");
  EXPECT_TRUE(Append(*ledger, Submitted("later")));
}

TEST_F(Recovery, ADiskThatTakesNoMoreBytesEndsNothingAndLosesNothing) {
  TemporaryDirectory directory;
  {
    auto store = OpenStore(directory.path(), 1);  // each write of the view goes to the disk
    auto ledger = OpenLedger(*store, NeverWritesTheView());
    ASSERT_TRUE(Append(*ledger, Submitted("a")));
    {
      NoMoreBytes limit;
      EXPECT_FALSE(ledger->WriteViewNow());
      EXPECT_NE(ledger->ViewFailure(), "");
      EXPECT_EQ(Append(*ledger, Submitted("b")).error().reason, "OUTCOME_UNKNOWN");
      EXPECT_EQ(Append(*ledger, Submitted("c")).error().reason, "LEDGER_FAILED");
      EXPECT_TRUE(Get(*ledger, SubjectOfRequest("a")));
    }
  }
  auto store = OpenStore(directory.path());
  auto ledger = OpenLedger(*store);
  EXPECT_TRUE(Get(*ledger, SubjectOfRequest("a")));
  EXPECT_TRUE(Append(*ledger, Submitted("b")));
}

TEST_F(Recovery, AViewThatCannotBeWrittenStaysWholeInMemory) {
  MemoryStore below;
  FaultyStore store(below);
  auto ledger = OpenLedger(store, NeverWritesTheView());
  ASSERT_TRUE(Append(*ledger, Submitted("a")));
  store.view_writes_fail = true;
  EXPECT_FALSE(ledger->WriteViewNow());
  ASSERT_TRUE(Go(*ledger, SubjectOfRequest("a"), v1::EVENT_TYPE_DISPATCHED, "id"));
  EXPECT_FALSE(ledger->WriteViewNow());
  EXPECT_EQ(ledger->Count(rows::WantPrefix('r'), 10), 0);
  EXPECT_EQ(ledger->Count(rows::WantPrefix('o'), 10), 1);
  store.view_writes_fail = false;
  auto before = AllRows(*ledger);
  ASSERT_TRUE(ledger->WriteViewNow());
  EXPECT_EQ(AllRows(*ledger), before);
  ledger.reset();
  auto again = OpenLedger(store);
  EXPECT_EQ(again->folded_at_start(), 0U);
  EXPECT_EQ(AllRows(*again), before);
}

TEST_F(Recovery, ALedgerThatOnlyLogsKeepsSecondBodiesAsConflicts) {
  MemoryStore store;
  Committer::Options options;
  options.judge_appends = false;
  auto ledger = OpenLedger(store, options);
  ASSERT_TRUE(Append(*ledger, Submitted("r")));
  for (uint64_t i = 1; i <= 10; ++i) {
    Event other = Submitted("r");
    other.set_body_mac("body " + std::to_string(i));
    EXPECT_EQ(Append(*ledger, other)->offset, i);
    EXPECT_EQ(ledger->ReadAt({0, i})->verdict, Void::kConflict);
  }
  auto state = *Get(*ledger, SubjectOfRequest("r"));
  EXPECT_EQ(state->version(), 1U);
  EXPECT_EQ(state->conflicts_size(), 8);
  EXPECT_EQ(state->conflict_count(), 10U);
  EXPECT_EQ(ledger->Count(rows::ConflictPrefix(), 10), 1);
  EXPECT_EQ(ledger->ReadAt({0, 0})->verdict, Void::kNone);
}

TEST_F(Recovery, LoggedTimeNeverGoesBackAlsoNotAcrossARestart) {
  MemoryStore store;
  auto time_at = [&](Committer& ledger, uint64_t offset) {
    Event event;
    event.ParseFromString(ledger.ReadAt({0, offset})->value);
    return event.logged_at_us();
  };
  auto ledger = OpenLedger(store);
  ASSERT_TRUE(Append(*ledger, Submitted("a")));
  clock.StepWall(-24 * kHourUs);
  ASSERT_TRUE(Append(*ledger, Submitted("b")));
  EXPECT_EQ(time_at(*ledger, 1), kNoonUs);
  ledger.reset();
  ledger = OpenLedger(store);
  ASSERT_TRUE(Append(*ledger, Submitted("c")));
  EXPECT_EQ(time_at(*ledger, 2), kNoonUs);
}

TEST_F(Recovery, ReadersNeverSeeANeedGoBackWhileStatesAreEvicted) {
  MemoryStore below;
  FaultyStore store(below);
  Committer::Options options;
  options.states_kept = 2;
  options.write_interval = std::chrono::milliseconds(1);
  auto ledger = OpenLedger(store, options);
  constexpr int kNeeds = 12;
  for (int i = 0; i < kNeeds; ++i) ASSERT_TRUE(Append(*ledger, Submitted(std::to_string(i))));
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&] {
      std::vector<uint64_t> seen(kNeeds, 1);
      while (!done) {
        for (int i = 0; i < kNeeds; ++i) {
          auto state = Get(*ledger, SubjectOfRequest(std::to_string(i)));
          ASSERT_TRUE(state);
          auto& version = seen[static_cast<size_t>(i)];
          EXPECT_GE((*state)->version(), version);
          version = (*state)->version();
        }
        EXPECT_EQ(ledger->Count(rows::DuePrefix(), 100), kNeeds);
      }
    });
  }
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < kNeeds; ++i) {
      ASSERT_TRUE(Go(*ledger, SubjectOfRequest(std::to_string(i)), v1::EVENT_TYPE_NOTE_ADDED, "id-" + std::to_string(round)));
    }
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GT(store.states_found, 0) << "none was evicted and read again";
  for (int i = 0; i < kNeeds; ++i) EXPECT_EQ((*Get(*ledger, SubjectOfRequest(std::to_string(i))))->version(), 101U);
}

TEST_F(Recovery, SubscriptionsAndWatchesEndFromWithinAndWithTheLedger) {
  MemoryStore store;
  auto ledger = OpenLedger(store);
  std::promise<void> handled;
  std::atomic<int> wakes = 0;
  Subscription watch;
  watch = ledger->Watch("w", [&] {
    ++wakes;
    watch.reset();
  });
  auto outlives = ledger->Subscribe({}, [&, first = true](std::span<const Record> records) mutable {
    EXPECT_FALSE(records.empty());
    if (std::exchange(first, false)) handled.set_value();
  });
  ASSERT_TRUE(Append(*ledger, Submitted("a")));
  ASSERT_TRUE(Append(*ledger, Submitted("b")));
  handled.get_future().wait();
  ledger.reset();
  outlives.reset();
  EXPECT_EQ(wakes, 1);
}

TEST_F(Recovery, ASubscriberHearsTheVerdictOfWhatItGets) {
  MemoryStore store;
  auto ledger = OpenLedger(store);
  std::promise<void> all;
  uint64_t next = 0;
  auto subscription = ledger->Subscribe({}, [&](std::span<const Record> records) {
    for (const auto& record : records) {
      EXPECT_EQ(record.position.offset, next++);
      EXPECT_EQ(record.verdict, Void::kNone);
      if (next == 300) all.set_value();
    }
  });
  for (int i = 0; i < 300; ++i) ledger->Append(Submitted(std::to_string(i)), 0, [](Expected<Position> position) { EXPECT_TRUE(position); });
  all.get_future().wait();
}

TEST_F(Recovery, AForgottenKeyLeavesTheDisk) {
  TemporaryDirectory directory;
  auto on_disk = [&](const std::string& bytes) {
    for (const auto& entry : fs::recursive_directory_iterator(directory.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::string content((std::istreambuf_iterator<char>(file)), {});
      if (content.find(bytes) != std::string::npos) return true;
    }
    return false;
  };
  auto vault = Vault::Open(directory.path());
  ASSERT_TRUE(vault);
  auto opened = OpenKeys(*vault, directory.path(), ids);
  RocksdbKeys& keys = *opened;
  auto gone = *keys.Take();
  auto kept = *keys.Take();
  const std::string wrapped = **(*vault)->Read("k" + gone.id);
  EXPECT_FALSE(on_disk(gone.bytes));
  EXPECT_TRUE(on_disk(wrapped));
  ASSERT_TRUE(keys.Forget({gone.id}));
  ASSERT_TRUE(keys.Forget({gone.id}));
  EXPECT_EQ(keys.Get(gone.id).error().reason, "KEY_FORGOTTEN");
  EXPECT_FALSE(on_disk(wrapped));
  EXPECT_EQ(keys.Get(kept.id)->bytes, kept.bytes);
}

TEST_F(Recovery, AKeyStoreWithoutRoomSaysSoAndGoesOnByItself) {
  TemporaryDirectory directory;
  std::atomic<uint64_t> free_bytes = 1ULL << 40;
  auto vault = Vault::Open(directory.path(), {.free_bytes = [&] { return free_bytes.load(); }});
  ASSERT_TRUE(vault);
  auto opened = OpenKeys(*vault, directory.path(), ids);
  RocksdbKeys& keys = *opened;
  ASSERT_TRUE(keys.Take());
  EXPECT_EQ(keys.Failure(), "");
  free_bytes = 0;
  Expected<SealingKey> last;
  for (int i = 0; i < 5000 && last; ++i) last = keys.Take();
  ASSERT_FALSE(last) << "the pool has an end";
  EXPECT_EQ(last.error().reason, "DISK_FULL");
  EXPECT_NE(keys.Failure().find("make room"), std::string::npos) << keys.Failure();
  free_bytes = 1ULL << 40;
  auto after = keys.Take();
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(keys.Failure(), "");
  EXPECT_TRUE(keys.Get(after->id));
}

TEST_F(Recovery, AKeyStoreThatCannotWriteSaysSoUntilItIsOpenedAgain) {
  TemporaryDirectory directory;
  std::string given;
  {
    auto vault = Vault::Open(directory.path());
    ASSERT_TRUE(vault);
    auto opened = OpenKeys(*vault, directory.path(), ids);
    RocksdbKeys& keys = *opened;
    Expected<SealingKey> last = keys.Take();
    {
      NoMoreBytes limit;
      for (int i = 0; i < 5000 && last; ++i) {
        given = last->id;
        last = keys.Take();
      }
    }
    ASSERT_FALSE(last) << "the pool has an end";
    EXPECT_NE(keys.Failure().find("Mend the disk and restart"), std::string::npos) << keys.Failure();
    EXPECT_FALSE(keys.Take());
    EXPECT_TRUE(keys.Get(given)) << "what is there is read";
  }
  auto vault = Vault::Open(directory.path());
  ASSERT_TRUE(vault);
  SeededIds other(12);
  auto opened = OpenKeys(*vault, directory.path(), other);
  RocksdbKeys& keys = *opened;
  EXPECT_TRUE(keys.Get(given));
  EXPECT_TRUE(keys.Take());
}

TEST_F(Recovery, AVaultThatShouldBeThereIsNotMadeAnew) {
  TemporaryDirectory directory;
  auto refused = Vault::Open(directory.path(), {.make = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "VAULT_MISSING");
  EXPECT_FALSE(fs::exists(directory.path() / "vault"));
  ASSERT_TRUE(Vault::Open(directory.path()));
  EXPECT_TRUE(Vault::Open(directory.path(), {.make = false}));
}

TEST_F(Recovery, AKeyThatWasGivenIsThereAfterACrash) {
  TemporaryDirectory running;
  TemporaryDirectory crashed;
  auto vault = Vault::Open(running.path());
  auto keys = OpenKeys(*vault, running.path(), ids);
  auto key = *keys->Take();
  crashed.TakeFilesOf(running.path());
  auto vault_after = Vault::Open(crashed.path());
  ASSERT_TRUE(vault_after);
  SeededIds other(12);
  auto after = OpenKeys(*vault_after, crashed.path(), other);
  EXPECT_EQ(after->Get(key.id)->bytes, key.bytes);
}

}  // namespace
}  // namespace gridloop
