// What gRPC and protobuf say on standard error, as lines of our log.
#pragma once

#include "runtime/log.h"

namespace gridloop {

// While it lives. One at a time; `log` outlives it. Their texts may quote what a caller sent, so only the place in their source
// is written, and the text where it is TLS's own. At most a few lines a second: callers without a credential can cause them.
class LibraryLog {
 public:
  explicit LibraryLog(Log& log);
  ~LibraryLog();
  LibraryLog(const LibraryLog&) = delete;
  LibraryLog& operator=(const LibraryLog&) = delete;
};

}  // namespace gridloop
