// Offers: which worker of the chosen unit is suggested, and where a crisis rings.
#pragma once

#include <functional>

#include "domain/snapshot.h"
#include "gridloop/v1/routing.pb.h"

namespace gridloop {

struct OfferDecision {
  std::string worker;  // bare id; may be empty
  bool direct_accept = false;
  std::vector<v1::Alert> alerts;  // crisis only
  v1::OfferReceipt receipt;
};

// In opening hours: workers posted at the unit (a room without any: at its station), not on leave, below capacity;
// then by: self-found submitter, on shift, matching skills (of categories and type), lower load, id. Outside opening
// hours urgent and crisis needs go to the duty roster: unit, then station, then centre, past rosters whose workers are
// all on leave; capacity does not bar duty. `load` counts a worker's open needs.
OfferDecision DecideOffer(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us,
                          const std::function<int(const std::string& worker)>& load);

}  // namespace gridloop
