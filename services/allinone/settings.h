// The settings of `gridloop`, in one table; docs/formats/config.md shows it.
#pragma once

#include <vector>

#include "allinone/daemon.h"
#include "runtime/config.h"
#include "runtime/log.h"

namespace gridloop {

const std::vector<Setting>& Settings();
DaemonOptions ToDaemonOptions(const Config& config);
// `terminal`: standard error is one; decides what "auto" means.
Log::Options ToLogOptions(const Config& config, bool terminal);

// GRIDLOOP_… in the environment that is no setting of the daemon: gridctl's and the scripts' own, and what Kubernetes sets for a
// service of that name.
bool IsForeignName(std::string_view name);

}  // namespace gridloop
