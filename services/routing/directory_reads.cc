// The directory by which dispatch is done: what is active, its tables, and a new one.
#include <algorithm>

#include "directory/loader.h"
#include "routing/routing.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

// Of several rows of an id at most one holds on a day, so this counts ids.
template <class Entries>
int CountOn(const Entries& entries, const std::string& date) {
  return static_cast<int>(std::ranges::count_if(entries, [&](const auto& entry) { return HoldsOn(entry.validity(), date); }));
}

v1::GetDirectoryResponse Describe(const Snapshot& snapshot, int64_t now_us) {
  const std::string today = snapshot.calendar().LocalDate(now_us);
  v1::GetDirectoryResponse response;
  response.set_display_name(snapshot.directory().display_name());
  response.set_directory_hash(Hex(snapshot.hashes().directory_hash()));
  response.set_policy_hash(Hex(snapshot.hashes().policy_hash()));
  response.set_calendar_hash(Hex(snapshot.hashes().calendar_hash()));
  response.set_units(CountOn(snapshot.directory().units(), today));
  response.set_workers(CountOn(snapshot.directory().workers(), today));
  response.set_communities(CountOn(snapshot.directory().communities(), today));
  response.set_last_dated_year(snapshot.calendar().message().last_dated_year());
  return response;
}

// One page of `entries` in the order of their names. `after` is the last name of the page before.
template <class Entry, class Entries, class Wanted>
std::string Page(const Entries& entries, const std::string& after, int size, Wanted wanted, google::protobuf::RepeatedPtrField<Entry>* page) {
  std::vector<const Entry*> sorted;
  for (const Entry& entry : entries) {
    if (entry.name() > after && wanted(entry)) sorted.push_back(&entry);
  }
  std::ranges::sort(sorted, {}, [](const Entry* entry) -> const std::string& { return entry->name(); });
  for (const Entry* entry : sorted) {
    if (page->size() == size) return page->rbegin()->name();
    *page->Add() = *entry;
  }
  return {};
}

// Is the unit below `parent`, at any depth? Checked directories have no cycles.
bool IsBelow(const Snapshot& snapshot, const v1::Unit& unit, const std::string& parent) {
  constexpr int kDeepest = 8;
  const v1::Unit* each = &unit;
  for (int i = 0; i < kDeepest && each != nullptr && !each->parent().empty(); ++i) {
    if (each->parent() == parent) return true;
    each = snapshot.FindUnit(BareId(each->parent()));
  }
  return false;
}

}  // namespace

std::unexpected<Error> NoDirectory() {
  return Fail(Code::kFailedPrecondition, "NO_DIRECTORY", "No directory is active; activate one with ActivateDirectory.", "尚未启用机构目录，请联系管理员。");
}

Error DirectoryBad(const std::vector<v1::DirectoryProblem>& problems, std::string message) {
  constexpr size_t kMostTold = 200;
  Error error{Code::kFailedPrecondition, "DIRECTORY_BAD", std::move(message), "", {}, {}, std::nullopt};
  for (const auto& problem : problems) {
    if (error.fields.size() < kMostTold && !problem.warning()) {
      error.fields.push_back({problem.path() + ":" + std::to_string(problem.line()) + " " + problem.column(), problem.message() + " " + problem.remedy()});
    }
  }
  return error;
}

void Routing::GetDirectory(const Caller&, const v1::GetDirectoryRequest&, Callback<Expected<v1::GetDirectoryResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  if (!snapshot) return reply(NoDirectory());
  reply(Describe(*snapshot, world_.clock.WallUs()));
}

// Runs where it is called: reading a directory takes a fraction of a second, a few times a year.
void Routing::ActivateDirectory(const Caller&, const v1::ActivateDirectoryRequest& request, Callback<Expected<v1::ActivateDirectoryResponse>> reply) {
  std::vector<v1::DirectoryFile> files(request.files().begin(), request.files().end());
  auto before = world_.snapshots.Active();
  int64_t now_us = world_.clock.WallUs();
  std::string today = before ? before->calendar().LocalDate(now_us) : WorkCalendar().LocalDate(now_us);
  if (files.empty() && directory_folder_.empty()) {
    return reply(std::unexpected(*Refuse({{"files", "are required: this server is configured with no folder to read again"}})));
  }
  LoadResult result = files.empty() ? LoadFolder(directory_folder_, today) : LoadFiles(files, today);
  v1::ActivateDirectoryResponse response;
  if (!result.loaded) {
    return reply(std::unexpected(DirectoryBad(result.problems, "The directory has errors and was refused whole; the former one stays active.")));
  }
  for (const auto& problem : result.problems) *response.add_problems() = problem;
  Loaded& loaded = *result.loaded;
  response.set_unchanged(before && before->hashes().directory_hash() == loaded.hashes.directory_hash() &&
                         before->hashes().policy_hash() == loaded.hashes.policy_hash() && before->hashes().calendar_hash() == loaded.hashes.calendar_hash());
  if (!request.validate_only() && !response.unchanged()) {
    for (const std::string* blob : {&loaded.directory_blob, &loaded.policy_blob, &loaded.calendar_blob}) {
      if (auto put = world_.snapshots.store().Put(*blob); !put) return reply(std::unexpected(put.error()));
    }
    loaded.hashes.set_activated_at_us(now_us);
    if (auto activated = world_.snapshots.store().Activate(loaded.hashes); !activated) return reply(std::unexpected(activated.error()));
  }
  if (auto active = world_.snapshots.Active()) *response.mutable_active() = Describe(*active, now_us);
  reply(std::move(response));
}

void Routing::ListUnits(const Caller&, const v1::ListUnitsRequest& request, Callback<Expected<v1::ListUnitsResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  if (!snapshot) return reply(NoDirectory());
  std::string query = "ListUnits " + request.parent();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (!request.parent().empty() && snapshot->FindUnit(BareId(request.parent())) == nullptr) {
    violations.push_back({"parent", "is no unit of the active directory; leave it empty for all"});
  }
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  v1::ListUnitsResponse response;
  auto wanted = [&](const v1::Unit& unit) { return request.parent().empty() || IsBelow(*snapshot, unit, request.parent()); };
  response.set_next_page_token(
      world_.secret.PageToken(query, Page<v1::Unit>(snapshot->directory().units(), *after, PageSize(request.page_size()), wanted, response.mutable_units())));
  reply(std::move(response));
}

void Routing::GetUnit(const Caller&, const v1::GetUnitRequest& request, Callback<Expected<v1::GetUnitResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  if (!snapshot) return reply(NoDirectory());
  if (!request.name().starts_with("units/")) return reply(std::unexpected(*Refuse({{"name", "must be units/ and an id that ListUnits gives"}})));
  const v1::Unit* unit = snapshot->FindUnit(BareId(request.name()));
  if (unit == nullptr)
    return reply(Fail(Code::kNotFound, "UNIT_NOT_FOUND", "The active directory has no such unit; ListUnits gives them.", "机构目录中没有该单位。"));
  v1::GetUnitResponse response;
  *response.mutable_unit() = *unit;
  reply(std::move(response));
}

void Routing::ListWorkers(const Caller&, const v1::ListWorkersRequest& request, Callback<Expected<v1::ListWorkersResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  if (!snapshot) return reply(NoDirectory());
  std::string query = "ListWorkers " + request.unit();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (!request.unit().empty() && snapshot->FindUnit(BareId(request.unit())) == nullptr) {
    violations.push_back({"unit", "is no unit of the active directory; leave it empty for all"});
  }
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  const std::string today = snapshot->calendar().LocalDate(world_.clock.WallUs());
  auto wanted = [&](const v1::Worker& worker) {
    return HoldsOn(worker.validity(), today) && (request.unit().empty() || std::ranges::any_of(worker.posts(), [&](const v1::Post& post) {
                                                   return post.unit() == request.unit() && HoldsOn(post.validity(), today);
                                                 }));
  };
  v1::ListWorkersResponse response;
  response.set_next_page_token(world_.secret.PageToken(
      query, Page<v1::Worker>(snapshot->directory().workers(), *after, PageSize(request.page_size()), wanted, response.mutable_workers())));
  reply(std::move(response));
}

void Routing::ListCategories(const Caller&, const v1::ListCategoriesRequest&, Callback<Expected<v1::ListCategoriesResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  if (!snapshot) return reply(NoDirectory());
  v1::ListCategoriesResponse response;
  const std::string today = snapshot->calendar().LocalDate(world_.clock.WallUs());
  auto copy_current = [&](const auto& entries, auto* current) {
    for (const auto& entry : entries) {
      if (HoldsOn(entry.validity(), today)) *current->Add() = entry;
    }
  };
  copy_current(snapshot->directory().categories(), response.mutable_categories());
  copy_current(snapshot->directory().types(), response.mutable_types());
  copy_current(snapshot->directory().dangers(), response.mutable_dangers());
  reply(std::move(response));
}

}  // namespace gridloop
