#include "domain/authorise.h"

#include <algorithm>

#include "domain/fold.h"
#include "domain/joint_plan.h"
#include "domain/merging.h"

namespace gridloop {
namespace {

bool OwnUnit(const v1::Actor& actor, const store::v1::NeedState& state) {
  if (actor.unit().empty()) return false;
  if (actor.unit() == state.owner() || actor.unit() == state.unit() || actor.unit() == state.station()) return true;
  if (IsCentreStaff(actor) && actor.unit() == state.center()) return true;
  return std::ranges::any_of(state.alerts(), [&](const v1::Alert& alert) { return alert.unit() == actor.unit(); });
}

bool IsOfItsCentre(const v1::Actor& actor, const store::v1::NeedState& state) {
  return IsCentreStaff(actor) && (actor.unit() == state.center() || state.center() == "center");
}

bool HeadsIt(const v1::Actor& actor, const store::v1::NeedState& state) {
  return actor.role() == v1::ROLE_STATION_HEAD && !actor.unit().empty() && (actor.unit() == state.unit() || actor.unit() == state.station());
}

// Heads the unit, or the station above it, that is asked to take it over.
bool IsAskedToTakeOver(const v1::Actor& actor, const store::v1::NeedState& state) {
  return state.has_transfer() && !actor.unit().empty() && (actor.unit() == state.transfer().unit() || actor.unit() == state.transfer().station());
}

// Whoever decides on the closing that waits must see what it is about.
bool Verifies(const v1::Actor& actor, const store::v1::NeedState& state) {
  if (state.stage() != v1::STAGE_EVALUATED || HasExecuted(state, actor)) return false;
  return state.verified_by_center() ? IsOfItsCentre(actor, state) : HeadsIt(actor, state);
}

// So must whoever decides on an extension or a hold.
bool Decides(const v1::Actor& actor, const store::v1::NeedState& state) {
  auto decides_on = [&](const store::v1::OpenRequest& asked) {
    if (asked.event_id().empty() || (!asked.worker().empty() && asked.worker() == actor.worker())) return false;
    return asked.decided_by_center() ? IsOfItsCentre(actor, state) : HeadsIt(actor, state);
  };
  return decides_on(state.extension()) || (state.stage() != v1::STAGE_ON_HOLD && decides_on(state.hold()));
}

bool Supervises(const v1::Actor& actor, const store::v1::NeedState& state) {
  if (actor.role() != v1::ROLE_SUPERVISOR) return false;
  return std::ranges::any_of(actor.stations(), [&](const std::string& station) { return station == state.station() || station == state.unit(); });
}

bool Assigned(const v1::Actor& actor, const store::v1::NeedState& state) {
  // Guidance and oversight are not the work, whoever of the directory has such a credential.
  if (actor.role() == v1::ROLE_SUPERVISOR || actor.role() == v1::ROLE_OVERSIGHT) return false;
  if (WorksOn(state, actor.worker()) || Verifies(actor, state) || Decides(actor, state)) return true;
  if (actor.role() == v1::ROLE_STATION_HEAD && IsAskedToTakeOver(actor, state)) return true;
  // A suggested, duty or alerted worker may look until somebody has accepted; whom a crisis rings, until a worker is assigned.
  bool before = BeforeAcceptance(state);
  bool nobody_yet = state.stage() == v1::STAGE_ACCEPTED && state.worker().empty();
  if (!before && !nobody_yet) return false;
  return IsAsked(state, actor.worker()) || HeadsIt(actor, state) || (before && IsOfItsCentre(actor, state));
}

}  // namespace

bool BeforeAcceptance(const store::v1::NeedState& state) {
  switch (state.stage()) {
    case v1::STAGE_SUBMITTED:
    case v1::STAGE_HELD:
    case v1::STAGE_DISPATCHED:
    case v1::STAGE_OFFERED:
      return true;
    default:
      return false;
  }
}

bool IsCentreStaff(const v1::Actor& actor) { return actor.role() == v1::ROLE_DISPATCHER || actor.role() == v1::ROLE_DUTY_OFFICER; }

bool IsAsked(const store::v1::NeedState& state, const std::string& worker) {
  if (worker.empty()) return false;
  return worker == state.offer().worker() || std::ranges::any_of(state.alerts(), [&](const v1::Alert& alert) { return alert.worker() == worker; });
}

bool WorksOn(const store::v1::NeedState& state, const std::string& worker) {
  if (worker.empty()) return false;
  return worker == state.worker() || std::ranges::find(state.co_workers(), worker) != state.co_workers().end();
}

bool Related(v1::Relation relation, const v1::Actor& actor, const std::string& client, const store::v1::NeedState& state) {
  switch (relation) {
    case v1::RELATION_ANY:
      return true;
    case v1::RELATION_OWN_REPORT:
      return HasReporterOfClient(state, client);
    case v1::RELATION_OWN_UNIT:
      return OwnUnit(actor, state);
    case v1::RELATION_ASSIGNED:
      return Assigned(actor, state);
    case v1::RELATION_PROPOSED_UNIT:
      return IsAskedToTakeOver(actor, state);
    case v1::RELATION_SUPPORTING_UNIT:
      return !actor.unit().empty() &&
             std::ranges::any_of(state.supports(), [&](const auto& support) { return actor.unit() == support.unit() || actor.unit() == support.station(); });
    case v1::RELATION_PARTY:
      return actor.role() == v1::ROLE_DEPARTMENT && IsParty(state, actor.unit());
    case v1::RELATION_SUPERVISED:
      return Supervises(actor, state);
    default:
      return false;
  }
}

Expected<void> Authorise(const v1::Access& access, const v1::Actor& actor, const std::string& client, const store::v1::NeedState& state) {
  bool role_named = false;
  bool hidden = actor.role() == v1::ROLE_REPORTER_APP || actor.role() == v1::ROLE_DEPARTMENT;
  for (const auto& grant : access.grants()) {
    if (grant.role() != actor.role() || actor.role() == v1::ROLE_UNSPECIFIED) continue;
    role_named = true;
    hidden |= grant.relation() == v1::RELATION_OWN_REPORT;
    if (Related(grant.relation(), actor, client, state)) return {};
  }
  if (!role_named) {
    return Fail(Code::kPermissionDenied, "ROLE_NOT_ALLOWED", "This role may not call this; ask for a credential that may.", "您的角色不能进行此操作。");
  }
  if (hidden) return std::unexpected(NeedNotFound());
  return Fail(Code::kPermissionDenied, "NOT_YOUR_NEED", "This need belongs to another unit or worker; ask its station or the centre.",
              "这件需求不属于您的单位或未指派给您。");
}

bool MaySeePersonal(const v1::Actor& actor, const store::v1::NeedState& state) { return Assigned(actor, state); }

bool MayReadSupervision(const v1::Actor& actor, const store::v1::NeedState& state) {
  return !MustCut(actor, state) && (Assigned(actor, state) || HeadsIt(actor, state) || Supervises(actor, state));
}

bool MustCut(const v1::Actor& actor, const store::v1::NeedState& state) {
  return actor.role() == v1::ROLE_DEPARTMENT || (state.restricted() && !Assigned(actor, state));
}

}  // namespace gridloop
