// Intake as gRPC serves it.
#pragma once

#include "intake/intake.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Binds every RPC of IntakeService; `service` outlives the server.
void BindIntake(Router& router, Intake& service);
const google::protobuf::ServiceDescriptor* IntakeDescriptor();

}  // namespace gridloop
