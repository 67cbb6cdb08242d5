// Who calls, taken from the credential alone, and until when an answer is of use.
#pragma once

#include <cstdint>
#include <string>

#include "gridloop/v1/access.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

struct Caller {
  v1::Actor actor;
  std::string client;
  std::string trace;        // W3C traceparent, well-formed; may be empty
  int64_t deadline_us = 0;  // wall clock; 0 is none
  v1::Access access;        // the rule of the RPC, for relations
};

}  // namespace gridloop
