// Notification as gRPC serves it.
#pragma once

#include "notification/notification.h"
#include "runtime/rpc_server.h"

namespace gridloop {

// Binds every RPC of NotificationService; `service` outlives the server.
void BindNotification(Router& router, Notification& service);
const google::protobuf::ServiceDescriptor* NotificationDescriptor();

}  // namespace gridloop
