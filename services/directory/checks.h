// Checks of the tables against each other.
#pragma once

#include <string_view>

#include "directory/tables.h"

namespace gridloop {

void CheckTables(const Tables& tables, std::string_view today, Problems& problems);

}  // namespace gridloop
