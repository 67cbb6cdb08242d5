// Assignment as gRPC serves it.
#pragma once

#include "assignment/assignment.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Binds every RPC of AssignmentService; `service` outlives the server.
void BindAssignment(Router& router, Assignment& service);
const google::protobuf::ServiceDescriptor* AssignmentDescriptor();

}  // namespace gridloop
