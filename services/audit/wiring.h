// Audit as gRPC serves it.
#pragma once

#include "audit/audit.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Binds every RPC of AuditService; `service` outlives the server.
void BindAudit(Router& router, Audit& service);
const google::protobuf::ServiceDescriptor* AuditDescriptor();

}  // namespace gridloop
