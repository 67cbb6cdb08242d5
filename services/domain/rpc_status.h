// Our Error as google.rpc.Status with details, and back.
#pragma once

#include <string>

#include "domain/error.h"
#include "google/rpc/status.pb.h"

namespace gridloop {

// Of very many fields the first ones, and how many more there are.
google::rpc::Status ToRpcStatus(const Error& error);
Error FromRpcStatus(const google::rpc::Status& status);

}  // namespace gridloop
