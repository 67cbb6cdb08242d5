// The embedded topology: everything durable in one data directory, no server beside it.
#pragma once

#include <filesystem>
#include <memory>

#include "adapters/committer/committer.h"
#include "adapters/memory/simulated_clock.h"
#include "adapters/rocksdb/rocksdb_keys.h"
#include "adapters/rocksdb/rocksdb_store.h"
#include "adapters/system/system_clock.h"
#include "commands/command.h"
#include "commands/person_index.h"
#include "runtime/log.h"

namespace gridloop {

// Null for "system"; kInvalidArgument for what is neither that nor simulated:TIME.
Expected<std::unique_ptr<SimulatedClock>> MakeSimulatedClock(const std::string& clock);

// Opened in the order of its members, closed in the reverse one.
class Embedded {
 public:
  struct Options {
    std::filesystem::path data_directory;
    std::filesystem::path directory_folder;  // activated before the services see it; empty: what is active stays
    std::string clock;                       // system or simulated:TIME
    std::filesystem::path master_keys_file;  // empty: master-keys in the data directory
    std::filesystem::path forgotten_file;    // empty: forgotten in the data directory
    std::function<void(v1::EventType type, Void verdict)> on_judged;
  };
  static Expected<std::unique_ptr<Embedded>> Open(const Options& options, Log& log);

  World& world() { return *world_; }
  Committer& committer() { return *committer_; }
  SimulatedClock* simulated_clock() { return simulated_clock_.get(); }  // null: the system's clock is used
  RandomIds& ids() { return ids_; }
  // Reads the folder again; a bad one is refused whole. Thread-safe.
  Expected<void> ActivateFolder(const std::filesystem::path& folder, Log& log);

 private:
  Embedded() = default;
  SystemClock system_clock_;
  std::unique_ptr<SimulatedClock> simulated_clock_;
  RandomIds ids_;
  std::unique_ptr<RocksdbStore> store_;
  std::shared_ptr<Vault> vault_;
  std::unique_ptr<RocksdbKeys> keys_;
  std::unique_ptr<RocksdbDirectories> directories_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Secret> secret_;
  std::unique_ptr<Snapshots> snapshots_;
  std::unique_ptr<PersonIndex> persons_;
  std::unique_ptr<World> world_;
};

}  // namespace gridloop
