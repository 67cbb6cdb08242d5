// The active directory, policy and calendar with the indexes that decisions need. Immutable; share it freely.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "domain/calendar.h"
#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/directory.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

// Ids here are bare ("s01", "w-0007"), names carry their collection ("units/s01").
std::string BareId(std::string_view name);

// Are the days those of a row that holds on `date` (YYYY-MM-DD)?
bool HoldsOn(const v1::Validity& validity, std::string_view date);

class Snapshot {
 public:
  // Takes checked messages; `hashes` name their blobs.
  static std::shared_ptr<const Snapshot> Make(v1::Directory directory, v1::Policy policy, v1::Calendar calendar, store::v1::ActiveHashes hashes);

  const v1::Directory& directory() const { return directory_; }
  const v1::Policy& policy() const { return policy_; }
  const WorkCalendar& calendar() const { return calendar_; }
  const store::v1::ActiveHashes& hashes() const { return hashes_; }

  const v1::Unit* FindUnit(std::string_view id) const;
  // What holds at that time, or null: an id may have several rows, for different days.
  const v1::Unit* UnitAt(std::string_view id, int64_t at_us) const;
  const v1::Worker* WorkerAt(std::string_view id, int64_t at_us) const;
  const v1::Category* CategoryAt(std::string_view id, int64_t at_us) const;
  const v1::NeedType* TypeAt(std::string_view id, int64_t at_us) const;
  const v1::Danger* DangerAt(std::string_view id, int64_t at_us) const;
  const v1::Institution* InstitutionAt(std::string_view id, int64_t at_us) const;
  const v1::Department* DepartmentAt(std::string_view id, int64_t at_us) const;
  const v1::Organisation* OrganisationAt(std::string_view id, int64_t at_us) const;
  const std::string& center() const { return center_; }  // bare id
  // The station that answers for a unit: itself if it is a station or the centre, else its parent.
  std::string StationOf(std::string_view unit) const;
  // Workers with a post at the unit that is valid at that time, sorted by id.
  std::vector<const v1::Worker*> WorkersAt(std::string_view unit, int64_t at_us) const;
  // Duty workers of the unit at that time, in the table's order; none in opening hours. An entry lasts from closing on
  // its date (a day off: from midnight) to the next opening, unless a later entry of the unit has begun.
  std::vector<const v1::Worker*> OnDutyRoster(std::string_view unit, int64_t at_us) const;
  // Coverage rows of an area that are valid at that time.
  std::vector<const v1::Coverage*> CoverageOf(std::string_view area, int64_t at_us) const;
  // Alias → code → 12-digit community, or empty if the directory knows none at that time.
  std::string ResolveGridCode(std::string_view grid_code, int64_t at_us) const;  // through aliases
  std::string CommunityOf(std::string_view grid_code, int64_t at_us) const;
  bool IsValid(const v1::Validity& validity, int64_t at_us) const;
  bool IsHead(const v1::Worker& worker, std::string_view unit, int64_t at_us) const;  // of that very unit

  // Starts a clock by policy. Policy checks guarantee a rule for every kind and urgency; without one a built-in
  // limit of 24 natural hours is used and its rule is "built-in".
  v1::ClockStart StartClock(v1::ClockKind kind, v1::Urgency urgency, v1::Grade grade, int64_t start_us,
                            v1::ClockKind chased = v1::CLOCK_KIND_UNSPECIFIED) const;

 private:
  Snapshot() = default;
  v1::Directory directory_;
  v1::Policy policy_;
  WorkCalendar calendar_;
  store::v1::ActiveHashes hashes_;
  std::string center_;
  std::unordered_map<std::string, const v1::Unit*> units_;
  std::unordered_map<std::string, std::vector<const v1::Worker*>> workers_;  // each term
  std::unordered_map<std::string, std::vector<const v1::Worker*>> workers_by_unit_;
  std::unordered_map<std::string, std::vector<const v1::Coverage*>> coverage_;
  std::unordered_map<std::string, std::vector<const v1::DutyEntry*>> duties_;  // by unit
  std::unordered_map<std::string, std::vector<const v1::GridAlias*>> aliases_;
};

}  // namespace gridloop
