// The version of what was built, from the project's file.
#pragma once

namespace gridloop {

extern const char* const kVersion;

}  // namespace gridloop
