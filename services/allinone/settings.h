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

}  // namespace gridloop
