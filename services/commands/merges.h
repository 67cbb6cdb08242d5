// Needs that were merged, as commands and reads follow them.
#pragma once

#include "commands/command.h"

namespace gridloop {

// The need that goes on for this one: itself unless it was merged. Null if there is none. kUnavailable/MERGE_PENDING while the survivor has not
// taken it over yet, which it does a moment later.
Expected<std::shared_ptr<const NeedState>> SurvivorOf(World& world, std::string_view subject);

// The need on which a command that names this one is to run: the one on which this very request has succeeded before, else the survivor.
// `own`: only what this caller's client has reported is followed; of what it has not it learns nothing.
Expected<std::string> FollowMerges(World& world, const Caller& caller, const std::string& name, const std::string& request_id, std::string_view verb,
                                   bool own = true);

// Clears the pseudonyms of reporters: they tell that two needs have one reporter, who may be anonymous in either.
void HideReporters(Event* event);

}  // namespace gridloop
