// What a supervisor gets instead of persons: the same pseudonym for the same worker or principal, told by nobody without the deployment
// secret. Closed by default: what is not known to name nobody is left out. Pure, thread-safe.
#pragma once

#include <string>

#include "gridloop/v1/event.pb.h"
#include "gridloop/v1/need.pb.h"
#include "sealing/secret.h"

namespace gridloop {

// Replaces workers, takes away the place below the community and whatever rings a worker.
void Pseudonymise(const Secret& secret, v1::Need* need);

// The event as a supervisor may see it: what happened, when, by whom as a pseudonym, and of the payload what tells of the work and
// of nobody.
v1::Event PseudonymisedEvent(const Secret& secret, const v1::Event& event);

// Who did it: role and unit stay, principal and worker become pseudonyms, the organisation goes.
v1::Actor PseudonymisedActor(const Secret& secret, const v1::Actor& actor);

}  // namespace gridloop
