#include "allinone/observation.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kMostCounted = 1'000'000;
constexpr int64_t kLinesASecond = 10;

}  // namespace

std::vector<ReadyCheck> Checks(World& world, ClockGuard& guard, bool stopping) {
  std::vector<ReadyCheck> checks;
  for (const auto& [name, failure] : {std::pair{"ledger", world.ledger.Failure()}, {"view", world.view.ViewFailure()}, {"keys", world.keys.Failure()}}) {
    checks.push_back({name, failure.empty(), failure});
  }
  bool directory = world.snapshots.Active() != nullptr;
  checks.push_back({"directory", directory, directory ? "" : "no directory is active: start with directory_folder or call ActivateDirectory"});
  bool steady = guard.MayFire();
  checks.push_back({"clock", steady, steady ? "" : "the wall clock stepped by more than a minute, so no deadline fires: set the clock right and restart"});
  checks.push_back({"running", !stopping, stopping ? "the process is stopping" : ""});
  return checks;
}

bool Serves(std::string_view service, const std::vector<ReadyCheck>& checks) {
  bool intake = service == "gridloop.v1.IntakeService";
  return std::ranges::all_of(checks,
                             [intake](const ReadyCheck& check) { return check.good || (intake && (check.name == "directory" || check.name == "clock")); });
}

void SetGauges(Metrics& metrics, World& world, const Committer& committer, ClockGuard& guard) {
  auto gauge = [&metrics](const char* name, const char* help, double value) { metrics.SetGauge(name, help, value); };
  int64_t now_us = world.clock.WallUs();
  if (auto end = world.ledger.End(0)) gauge("gridloop_ledger_end_offset", "Next offset that the ledger will write.", static_cast<double>(end->offset));
  gauge("gridloop_ledger_failed", "1 when nothing is acknowledged: a sync failed, or the disk is nearly full.", world.ledger.Failure().empty() ? 0 : 1);
  gauge("gridloop_view_failed", "1 when the view cannot be written.", world.view.ViewFailure().empty() ? 0 : 1);
  gauge("gridloop_keys_failed", "1 when no keys can be made.", world.keys.Failure().empty() ? 0 : 1);
  auto count = [&world](const std::string& prefix) { return static_cast<double>(world.view.Count(prefix, kMostCounted).value_or(0)); };
  gauge("gridloop_ledger_foreign_records", "Records that are not ours and were skipped.", static_cast<double>(committer.foreign_records()));
  for (auto [want, name] : {std::pair{'r', "route"}, {'o', "offer"}, {'m', "merge"}, {'f', "forget"}}) {
    metrics.SetGauge("gridloop_wants", "Needs that wait for an immediate reaction of the software.", "want", name, count(rows::WantPrefix(want)));
  }
  gauge("gridloop_open_needs", "Needs that have not ended.", count(rows::DuePrefix()));
  gauge("gridloop_held_needs", "Needs that wait for the centre's decision.", count(rows::HeldPrefix()));
  double lag = 0;
  int overdue = 0;
  std::string after;
  do {
    RowPage page;
    world.view.Scan(rows::DuePrefix(), after, 1000, std::nullopt, [&page](Expected<RowPage> scanned) {
      if (scanned) page = std::move(*scanned);
    });
    after = page.next_key;
    for (const Row& row : page.rows) {
      auto due_us = static_cast<int64_t>(rows::NumberBeforeSubject(row.key));
      if (due_us > now_us) {
        after.clear();
        break;
      }
      if (overdue++ == 0) lag = static_cast<double>(now_us - due_us) / 1e6;
    }
  } while (!after.empty());
  gauge("gridloop_deadlines_overdue", "Deadlines that have passed and on which nothing has acted yet.", overdue);
  gauge("gridloop_deadline_lag_seconds", "How long ago the oldest of them passed.", lag);
  gauge("gridloop_clock_stepped", "1 when the wall clock stepped and no deadline fires until a restart.", guard.MayFire() ? 0 : 1);
  auto snapshot = world.snapshots.Active();
  gauge("gridloop_directory_active", "1 when a directory is active.", snapshot ? 1 : 0);
  if (!snapshot) return;
  gauge("gridloop_directory_activated_timestamp_seconds", "When it was activated.", static_cast<double>(snapshot->hashes().activated_at_us()) / 1e6);
  int last_year = snapshot->calendar().message().last_dated_year();
  gauge("gridloop_calendar_last_dated_year", "Last year whose public holidays are known.", last_year);
  bool provisional = snapshot->calendar().LocalDate(now_us) >= std::to_string(last_year) + "-10-01";
  gauge("gridloop_calendar_provisional",
        "1 from October of the last dated year on: later deadlines are provisional until the next year's holidays are entered.", provisional ? 1 : 0);
}

int AccessLog::Register(const std::string& service, const std::string& method, const std::string&) {
  methods_.push_back(service + "/" + method);
  return static_cast<int>(methods_.size()) - 1;
}

std::optional<int64_t> LineLimit::Take() {
  int64_t second = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  std::lock_guard lock(mutex_);
  if (std::exchange(second_, second) != second) written_ = 0;
  if (written_ >= kLinesASecond) {
    ++left_out_;
    return std::nullopt;
  }
  ++written_;
  return std::exchange(left_out_, 0);
}

void ReactionLog::Failed(const std::string& need, const std::string& kind, const Error& error) {
  auto left_out = limit_.Take();
  if (!left_out) return;
  log_.Warning("reactions", "failed; tried again",
               {{"need", need}, {"kind", kind}, {"code", static_cast<int64_t>(error.code)}, {"reason", error.reason}, {"left_out_before", *left_out}});
}

void AccessLog::Handled(int method, int code, int64_t duration_us, const std::string& trace, std::string_view need) {
  bool ours =
      code == static_cast<int>(Code::kUnknown) || code == static_cast<int>(Code::kInternal) || code == static_cast<int>(Code::kUnavailable) || code == 15;
  const std::string& name = methods_[static_cast<size_t>(method)];
  if (!ours) {
    if (!log_.Writes(LogLevel::kDebug)) return;
    return log_.Debug("rpc", "handled",
                      {{"method", name}, {"code", static_cast<int64_t>(code)}, {"duration_us", duration_us}, {"trace", trace}, {"need", std::string(need)}});
  }
  auto left_out = limit_.Take();
  if (!left_out) return;
  log_.Warning("rpc", "failed",
               {{"method", name},
                {"code", static_cast<int64_t>(code)},
                {"duration_us", duration_us},
                {"trace", trace},
                {"need", std::string(need)},
                {"left_out_before", *left_out}});
}

}  // namespace gridloop
