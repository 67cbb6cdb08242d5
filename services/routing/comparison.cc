// What another version of the directory would do with the needs of a period, before anybody activates it.
#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "commands/change_feed.h"
#include "directory/loader.h"
#include "domain/route_comparison.h"
#include "routing/routing.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr int kRecordsAtATime = 500;
constexpr int kChangesAMessage = 100;
constexpr int kUsualNeeds = 10'000;
constexpr int kMostNeeds = 100'000;
constexpr int kMostFiles = 32;
constexpr int kMostProblems = 200;
constexpr size_t kHexDigits = 64;

std::optional<std::string> ParseHash(std::string_view text) {
  if (text.size() != kHexDigits) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    int value = 0;
    for (char digit : text.substr(i, 2)) {
      const bool number = digit >= '0' && digit <= '9';
      if (!number && (digit < 'a' || digit > 'f')) return std::nullopt;
      value = value * 16 + (number ? digit - '0' : digit - 'a' + 10);
    }
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

bool NamesHashes(const v1::DirectoryVersion& version) {
  return !version.directory_hash().empty() || !version.policy_hash().empty() || !version.calendar_hash().empty();
}

// The hashes that a version names; those of the active one for what it leaves out.
store::v1::ActiveHashes ResolveHashes(const std::string& field, const v1::DirectoryVersion& version, const Snapshot& active,
                                      std::vector<FieldViolation>* violations) {
  store::v1::ActiveHashes hashes = active.hashes();
  auto take = [&](const char* name, const std::string& text, std::string* hash) {
    if (text.empty()) return;
    auto parsed = ParseHash(text);
    if (!parsed) violations->push_back({field + "." + name, "must be 64 digits 0–9 a–f, as GetDirectory and receipts say it; or empty"});
    *hash = parsed.value_or(std::string());
  };
  take("directory_hash", version.directory_hash(), hashes.mutable_directory_hash());
  take("policy_hash", version.policy_hash(), hashes.mutable_policy_hash());
  take("calendar_hash", version.calendar_hash(), hashes.mutable_calendar_hash());
  return hashes;
}

// A version as it was stored. Its hashes come from a caller, who may have mixed them up.
Expected<std::shared_ptr<const Snapshot>> LoadStored(const Snapshots& snapshots, const std::string& field, const store::v1::ActiveHashes& hashes) {
  auto loaded = snapshots.Load(hashes);
  if (!loaded && loaded.error().code == Code::kNotFound) {
    return Fail(Code::kNotFound, "VERSION_NOT_FOUND",
                field + " names a hash of which nothing is stored here: only what was active once is; a candidate is sent as files.", "没有该版本的机构目录。");
  }
  const bool broken = !loaded && loaded.error().reason == "BLOB_BROKEN";
  if (!loaded && !broken) return loaded;
  const bool whole =
      !broken && !(*loaded)->center().empty() && !(*loaded)->policy().limits().empty() && !(*loaded)->calendar().message().opening_spans().empty();
  if (whole) return loaded;
  return Fail(Code::kFailedPrecondition, "VERSION_MIXED_UP",
              field + " takes one of its hashes for another: GetDirectory says which is the directory's, which the policy's, which the calendar's.",
              "机构目录、规则、日历的版本号用混了。");
}

v1::DirectoryVersion NameVersion(const RouteComparison::Version& version) {
  const auto& hashes = version.snapshot->hashes();
  v1::DirectoryVersion named;
  named.set_directory_hash(Hex(hashes.directory_hash()));
  named.set_policy_hash(Hex(hashes.policy_hash()));
  named.set_calendar_hash(Hex(hashes.calendar_hash()));
  if (version.as_of_us) *named.mutable_as_of_time() = ToTimestamp(*version.as_of_us);
  return named;
}

// The first offset in [low, high) whose event was logged at or after that time, else high: time never goes back in a log.
Expected<uint64_t> FirstAt(Ledger& ledger, int64_t at_us, uint64_t low, uint64_t high) {
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    std::optional<int64_t> logged_us;
    uint64_t looked_at = middle;  // bytes that are not ours tell no time
    while (!logged_us && looked_at < high) {
      auto records = ledger.ReadFrom({0, looked_at}, 1);
      if (!records) return std::unexpected(records.error());
      if (records->empty()) break;
      looked_at = records->front().position.offset;
      Event event;
      if (event.ParseFromString(records->front().value) && event.magic() == kEventMagic) {
        logged_us = event.logged_at_us();
      } else {
        ++looked_at;
      }
    }
    if (!logged_us || looked_at >= high || *logged_us >= at_us) {
      high = middle;
    } else {
      low = looked_at + 1;
    }
  }
  return low;
}

// One comparison on its way through the log.
struct Comparing {
  Comparing(RouteComparison::Version base, RouteComparison::Version other)
      : routes(base, other), named_base(NameVersion(base)), named_other(NameVersion(other)) {}
  RouteComparison routes;
  v1::DirectoryVersion named_base, named_other;
  uint64_t first = 0, next = 0, end = 0;  // offsets
  int most = 0;
  bool cut_off = false;
  std::vector<v1::DirectoryProblem> problems;
  v1::CompareDirectoriesResponse message;           // that fills
  std::deque<v1::CompareDirectoriesResponse> full;  // that wait for the reader
  bool concluded = false;

  void Seal() {
    message.set_needs(routes.needs());
    message.set_percent(end == first ? 100 : static_cast<int32_t>((next - first) * 100 / (end - first)));
    full.push_back(std::exchange(message, {}));
  }
  void Conclude() {
    auto& summary = *message.mutable_comparison();
    summary = routes.Summary();
    *summary.mutable_base() = named_base;
    *summary.mutable_other() = named_other;
    summary.set_cut_off(cut_off);
    for (auto& problem : problems) *summary.add_problems() = std::move(problem);
    Seal();
    concluded = true;
  }
};

// Routes the needs of some records.
Expected<void> ReadOn(World& world, Comparing& work) {
  if (work.next >= work.end) {
    work.Conclude();
    return {};
  }
  auto limit = static_cast<int>(std::min<uint64_t>(kRecordsAtATime, work.end - work.next));
  auto records = world.ledger.ReadFrom({0, work.next}, limit);
  if (!records) return std::unexpected(records.error());
  if (records->empty()) return Fail(Code::kUnavailable, "LOG_UNREADABLE", "The log cannot be read now; send it again.", "系统繁忙，请稍后重试。");
  for (const Record& record : *records) {
    if (record.position.offset >= work.end) break;
    work.next = record.position.offset + 1;
    Event event;
    if (record.verdict != Void::kNone || !event.ParseFromString(record.value) || event.type() != v1::EVENT_TYPE_SUBMITTED) continue;
    if (work.routes.needs() == work.most) {
      work.cut_off = true;
      break;
    }
    NeedState reported;
    Fold(reported, event, {record.position.offset, Sha256(record.value)});
    auto change = work.routes.Add(reported);
    if (!change) continue;
    // It may have become restricted since.
    auto state = StateNow(world, reported.subject());
    if (!state) return std::unexpected(state.error());
    change->set_restricted(!*state || (*state)->restricted());
    if (change->restricted()) {
      change->clear_base();
      change->clear_other();
    }
    *work.message.add_changes() = std::move(*change);
    if (work.message.changes_size() == kChangesAMessage) work.Seal();
  }
  if (work.cut_off) {
    work.Conclude();
  } else {
    work.Seal();
  }
  return {};
}

}  // namespace

void Routing::CompareDirectories(const Caller&, const v1::CompareDirectoriesRequest& request, std::shared_ptr<Sink<v1::CompareDirectoriesResponse>> sink) {
  auto active = world_.snapshots.Active();
  if (!active) return sink->Finish(NoDirectory().error());
  std::vector<FieldViolation> violations;
  const bool candidate = !request.files().empty() || request.configured_folder();
  auto time = [&](const char* field, bool given, const google::protobuf::Timestamp& value) {
    if (!given) violations.push_back({field, "is required"});
    return CheckTime(field, value, &violations).value_or(0);
  };
  const int64_t from_us = time("from_time", request.has_from_time(), request.from_time());
  const int64_t to_us = time("to_time", request.has_to_time(), request.to_time());
  if (request.has_from_time() && request.has_to_time() && from_us >= to_us) violations.push_back({"to_time", "must be later than from_time"});
  if (request.max_needs() < 0 || request.max_needs() > kMostNeeds) violations.push_back({"max_needs", "must be 0 to 100,000"});
  if (request.files_size() > kMostFiles) violations.push_back({"files", "must be at most 32"});
  if (!request.files().empty() && request.configured_folder()) violations.push_back({"files", "must be empty with configured_folder"});
  if (candidate && NamesHashes(request.other())) violations.push_back({"other", "must name no hashes with a candidate"});
  if (request.configured_folder() && directory_folder_.empty()) {
    violations.push_back({"configured_folder", "must be false: this server is configured with no folder to read; send files"});
  }
  auto as_of = [&](const std::string& field, const v1::DirectoryVersion& version) -> std::optional<int64_t> {
    if (!version.has_as_of_time()) return std::nullopt;
    return CheckTime(field + ".as_of_time", version.as_of_time(), &violations);
  };
  const auto base_as_of = as_of("base", request.base());
  const auto other_as_of = as_of("other", request.other());
  auto base_hashes = ResolveHashes("base", request.base(), *active, &violations);
  auto other_hashes = ResolveHashes("other", request.other(), *active, &violations);
  if (!candidate && !NamesHashes(request.other()) && !request.other().has_as_of_time()) {
    violations.push_back({"other", "must name a hash or a time, or files must hold a candidate: else nothing differs"});
  }
  if (auto refused = Refuse(std::move(violations))) return sink->Finish(std::move(refused));

  auto base = LoadStored(world_.snapshots, "base", base_hashes);
  if (!base) return sink->Finish(base.error());
  std::shared_ptr<const Snapshot> other;
  std::vector<v1::DirectoryProblem> problems;
  if (candidate) {
    const std::string today = active->calendar().LocalDate(world_.clock.WallUs());
    LoadResult result = request.configured_folder() ? LoadFolder(directory_folder_, today) : LoadFiles({request.files().begin(), request.files().end()}, today);
    if (!result.loaded) return sink->Finish(DirectoryBad(result.problems, "It has errors, so it could not be activated, nor is it compared."));
    problems = std::move(result.problems);
    if (problems.size() > kMostProblems) problems.resize(kMostProblems);
    Loaded& loaded = *result.loaded;
    other = Snapshot::Make(std::move(loaded.directory), std::move(loaded.policy), std::move(loaded.calendar), loaded.hashes);
  } else {
    auto stored = LoadStored(world_.snapshots, "other", other_hashes);
    if (!stored) return sink->Finish(stored.error());
    other = *stored;
  }

  auto log_end = world_.ledger.End(0);
  if (!log_end) return sink->Finish(log_end.error());
  auto first = FirstAt(world_.ledger, from_us, 0, log_end->offset);
  if (!first) return sink->Finish(first.error());
  auto end = FirstAt(world_.ledger, to_us, *first, log_end->offset);
  if (!end) return sink->Finish(end.error());
  auto work = std::make_shared<Comparing>(RouteComparison::Version{*base, base_as_of}, RouteComparison::Version{other, other_as_of});
  work->first = work->next = *first;
  work->end = *end;
  work->most = request.max_needs() == 0 ? kUsualNeeds : request.max_needs();
  work->problems = std::move(problems);
  auto pump = comparisons_.Add([this, work, sink]() -> Pumps::Next {
    while (!work->full.empty()) {
      if (!sink->Write(work->full.front())) return Pumps::Next::kWait;
      work->full.pop_front();
    }
    if (work->concluded) {
      sink->Finish();
      return Pumps::Next::kDone;
    }
    if (auto read = ReadOn(world_, *work); !read) {
      sink->Finish(read.error());
      return Pumps::Next::kDone;
    }
    return Pumps::Next::kAgain;
  });
  if (!pump) return sink->Finish(TooManyStreams());
  sink->OnReady([pump] { pump->Wake(); });
  sink->OnCancel([pump] { pump->Stop(); });
  pump->Wake();
}

}  // namespace gridloop
