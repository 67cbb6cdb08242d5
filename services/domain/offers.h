// Offers: which worker of the chosen unit is suggested, and where a crisis rings.
#pragma once

#include <functional>
#include <set>

#include "domain/snapshot.h"
#include "gridloop/v1/routing.pb.h"

namespace gridloop {

struct OfferDecision {
  std::string worker;  // bare id; may be empty
  bool direct_accept = false;
  std::vector<v1::Alert> alerts;  // crisis only
  v1::OfferReceipt receipt;
};

// In opening hours: workers posted at the unit, or at its station if nobody of the unit can take it, not on leave, below
// capacity; then by: self-found submitter, on shift, matching skills (of categories and type), lower load, id. Outside
// opening hours urgent and crisis needs go to the duty roster: unit, then station, then centre, past rosters whose workers
// are all on leave. Capacity bars neither duty nor a crisis, and a crisis asks the heads too where nobody else is left.
// Who found the need and wants to take it may be posted at the unit or its station, at any hour. `load` counts a worker's
// open needs. `serves_person`: who works on another open need of the same person comes before those who do not; in a crisis only among
// those on shift.
OfferDecision DecideOffer(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us,
                          const std::function<int(const std::string& worker)>& load, const std::set<std::string>& serves_person = {});

// Whom of the centre a crisis rings: the centre's inbox and, in person, who stands in its duty roster; in opening hours
// who will from closing on.
std::vector<v1::Alert> CenterAlerts(const Snapshot& snapshot, int64_t now_us);

}  // namespace gridloop
