// Needs that were merged, as commands and reads follow them.
#pragma once

#include "commands/command.h"

namespace gridloop {

// The end of the chain of merges from this state, which may not have taken over what is before it yet; the state itself if it was not merged.
Expected<std::shared_ptr<const NeedState>> EndOfMerges(World& world, std::shared_ptr<const NeedState> named);
// The same without waiting, for answers of the view.
void FindEndOfMerges(World& world, std::shared_ptr<const NeedState> named, Callback<Expected<std::shared_ptr<const NeedState>>> done);

// The need on which a command that names this one is to run.
struct Followed {
  std::string subject;                     // the one on which this very request has succeeded before, else the survivor
  std::shared_ptr<const NeedState> named;  // null if there is none
};
// `own`: only what this caller's client has reported is followed; of what it has not it learns nothing. Does not wait.
// kUnavailable/MERGE_PENDING while the survivor has not taken it over yet, which it does a moment later.
void FollowMerges(World& world, const Caller& caller, const std::string& name, const std::string& request_id, std::string verb, bool own,
                  Callback<Expected<Followed>> done);

// Clears the pseudonyms of reporters: they tell that two needs have one reporter, who may be anonymous in either.
void HideReporters(Event* event);

}  // namespace gridloop
