// grpc.reflection.v1 and v1alpha over the router, from the descriptors that are compiled in.
#pragma once

#include <string>
#include <vector>

#include "runtime/rpc_server.h"

namespace gridloop {

// `services` are the full names to list.
void BindReflection(Router& router, std::vector<std::string> services);

}  // namespace gridloop
