// Routing as gRPC serves it.
#pragma once

#include "routing/routing.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Binds every RPC of RoutingService; `service` outlives the server.
void BindRouting(Router& router, Routing& service);
const google::protobuf::ServiceDescriptor* RoutingDescriptor();

}  // namespace gridloop
