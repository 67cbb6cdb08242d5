// Assignment as gRPC serves it.
#pragma once

#include "assignment/assignment.h"
#include "assignment/departments.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Binds every RPC of AssignmentService; `service` outlives the server.
void BindAssignment(Router& router, Assignment& service);
const google::protobuf::ServiceDescriptor* AssignmentDescriptor();

// The same for DepartmentService.
void BindDepartments(Router& router, Departments& service);
const google::protobuf::ServiceDescriptor* DepartmentDescriptor();

}  // namespace gridloop
