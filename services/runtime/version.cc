#include "runtime/version.h"

namespace gridloop {

const char* const kVersion = GRIDLOOP_VERSION;

}  // namespace gridloop
