#include "allinone/embedded.h"

#include "allinone/deployment_secret.h"
#include "allinone/simulated_time.h"
#include "directory/loader.h"

namespace gridloop {

Expected<std::unique_ptr<SimulatedClock>> MakeSimulatedClock(const std::string& clock) {
  constexpr std::string_view kSimulated = "simulated:";
  if (clock == "system") return nullptr;
  auto start_us = clock.starts_with(kSimulated)
                      ? ParseTime(std::string_view(clock).substr(kSimulated.size()))
                      : Fail(Code::kInvalidArgument, "CLOCK_BAD", "clock must be system or simulated:TIME, e.g. simulated:2026-03-02T09:00+08:00.");
  if (!start_us) return std::unexpected(start_us.error());
  return std::make_unique<SimulatedClock>(*start_us);
}

Expected<std::unique_ptr<Embedded>> Embedded::Open(const Options& options, Log& log) {
  std::unique_ptr<Embedded> embedded(new Embedded);
  auto simulated = MakeSimulatedClock(options.clock);
  if (!simulated) return std::unexpected(simulated.error());
  embedded->simulated_clock_ = std::move(*simulated);
  Clock& clock = embedded->simulated_clock_ ? static_cast<Clock&>(*embedded->simulated_clock_) : embedded->system_clock_;

  auto store = RocksdbStore::Open(options.data_directory, embedded->ids_);
  if (!store) return std::unexpected(store.error());
  embedded->store_ = std::move(*store);
  bool first_start = embedded->store_->EndOffset() == 0;
  auto vault = Vault::Open(options.data_directory, {.make = first_start});
  if (!vault) return std::unexpected(vault.error());
  embedded->vault_ = std::move(*vault);
  auto secret = LoadOrMakeSecret(options.data_directory, embedded->ids_, first_start);
  if (!secret) return std::unexpected(secret.error());
  embedded->secret_ = std::make_unique<Secret>(*secret);
  RocksdbKeys::Options keeping;
  keeping.master_keys_file = options.master_keys_file.empty() ? options.data_directory / "master-keys" : options.master_keys_file;
  keeping.forgotten_file = options.forgotten_file.empty() ? options.data_directory / "forgotten" : options.forgotten_file;
  keeping.now_us = clock.WallUs();
  auto keys = RocksdbKeys::Open(embedded->vault_, embedded->ids_, keeping);
  if (!keys) return std::unexpected(keys.error());
  embedded->keys_ = std::move(*keys);
  if (auto again = embedded->keys_->forgotten_again(); again > 0) {
    log.Warning("keys", "this copy is older than what was forgotten since: its keys were destroyed again", {{"keys", static_cast<int64_t>(again)}});
  }
  embedded->directories_ = std::make_unique<RocksdbDirectories>(embedded->vault_);

  Committer::Options committing;
  committing.on_judged = options.on_judged;
  committing.on_folding = [&log](uint64_t next, uint64_t end) {
    log.Info("ledger", "folding what the view has not seen", {{"next", static_cast<int64_t>(next)}, {"end", static_cast<int64_t>(end)}});
  };
  auto committer = Committer::Open(*embedded->store_, clock, committing);
  if (!committer) return std::unexpected(committer.error());
  embedded->committer_ = std::move(*committer);
  // Time never goes back in a log, so simulated time goes on where it stood.
  if (embedded->simulated_clock_) embedded->simulated_clock_->AdvanceTo(embedded->committer_->last_logged_at_us());

  embedded->snapshots_ = std::make_unique<Snapshots>(*embedded->directories_);
  embedded->world_ = std::make_unique<World>(
      World{*embedded->committer_, *embedded->committer_, *embedded->keys_, *embedded->snapshots_, clock, embedded->ids_, *embedded->secret_});
  embedded->persons_ = std::make_unique<PersonIndex>(*embedded->committer_, *embedded->committer_, *embedded->keys_, clock);
  embedded->persons_->Start();
  embedded->world_->persons = embedded->persons_.get();
  if (!options.directory_folder.empty()) {
    if (auto activated = embedded->ActivateFolder(options.directory_folder, log); !activated) return std::unexpected(activated.error());
  }
  return embedded;
}

Expected<void> Embedded::ActivateFolder(const std::filesystem::path& folder, Log& log) {
  int64_t now_us = world_->clock.WallUs();
  auto snapshot = snapshots_->Active();
  LoadResult result = LoadFolder(folder, snapshot ? snapshot->calendar().LocalDate(now_us) : WorkCalendar().LocalDate(now_us));
  int64_t warnings = 0;
  for (const auto& problem : result.problems) {
    if (problem.warning()) {
      ++warnings;
      log.Warning("directory", "a table has a warning",
                  {{"file", problem.path()},
                   {"line", static_cast<int64_t>(problem.line())},
                   {"column", problem.column()},
                   {"what", problem.message()},
                   {"remedy", problem.remedy()}});
    }
  }
  if (!result.loaded) {
    return Fail(Code::kFailedPrecondition, "DIRECTORY_BAD",
                folder.string() + " has " + std::to_string(result.problems.size() - static_cast<size_t>(warnings)) +
                    " errors and was refused whole; gridctl directory check " + folder.string() + " lists them.");
  }
  auto hashes = result.loaded->hashes;
  auto active = directories_->Active();
  if (active && active->directory_hash() == hashes.directory_hash() && active->policy_hash() == hashes.policy_hash() &&
      active->calendar_hash() == hashes.calendar_hash())
    return {};
  for (const std::string* blob : {&result.loaded->directory_blob, &result.loaded->policy_blob, &result.loaded->calendar_blob}) {
    if (auto put = directories_->Put(*blob); !put) return std::unexpected(put.error());
  }
  hashes.set_activated_at_us(now_us);
  if (auto activated = directories_->Activate(hashes); !activated) return activated;
  log.Info("directory", "activated",
           {{"units", static_cast<int64_t>(result.loaded->directory.units_size())},
            {"workers", static_cast<int64_t>(result.loaded->directory.workers_size())},
            {"warnings", warnings}});
  return {};
}

}  // namespace gridloop
