// Who may do what with which need. Pure, closed by default, run at the edge and again on every new head.
#pragma once

#include "domain/error.h"
#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/access.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

// Does this relation hold? RELATION_ASSIGNED and RELATION_OWN_UNIT as access.proto defines them.
bool Related(v1::Relation relation, const v1::Actor& actor, const std::string& client, const store::v1::NeedState& state);

// OK if any grant for the actor's role has a relation that holds. Otherwise kPermissionDenied/NOT_YOUR_NEED, or
// kPermissionDenied/ROLE_NOT_ALLOWED if no grant names the role. Where the role's relation is its own report, and for
// every reporter app and department, kNotFound/NEED_NOT_FOUND instead: whoever asks must not learn that the need exists.
Expected<void> Authorise(const v1::Access& access, const v1::Actor& actor, const std::string& client, const store::v1::NeedState& state);

// May this actor see the personal part? RELATION_ASSIGNED, whoever asks.
bool MaySeePersonal(const v1::Actor& actor, const store::v1::NeedState& state);

// May this actor read supervisors' notes? Those assigned, the heads of its unit and station, its supervisors; of a restricted need those
// assigned alone.
bool MayReadSupervision(const v1::Actor& actor, const store::v1::NeedState& state);

// Has no unit accepted it yet?
bool BeforeAcceptance(const store::v1::NeedState& state);

// Dispatchers and duty officers.
bool IsCentreStaff(const v1::Actor& actor);

// Is this worker suggested, or rung by a crisis?
bool IsAsked(const store::v1::NeedState& state, const std::string& worker);

// Is this worker or co-worker assigned to it?
bool WorksOn(const store::v1::NeedState& state, const std::string& worker);

// A restricted need that the actor is not assigned to shows number and clock only; to a department any need does.
bool MustCut(const v1::Actor& actor, const store::v1::NeedState& state);

}  // namespace gridloop
