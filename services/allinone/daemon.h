// The daemon: every service in one process over the embedded ledger.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "domain/error.h"
#include "runtime/log.h"
#include "runtime/rpc_server.h"

namespace gridloop {

struct DaemonOptions {
  std::filesystem::path data_directory;
  std::filesystem::path directory_folder;  // read and activated at start and on kReload; empty: what is active stays
  std::filesystem::path tokens_file;       // empty: tokens.tsv in the data directory
  std::filesystem::path recipients_file;   // who is told by webhooks, read again when it changes; empty: nobody
  std::filesystem::path master_keys_file;  // empty: master-keys in the data directory
  std::filesystem::path forgotten_file;    // empty: forgotten in the data directory
  std::filesystem::path ports_file;        // "grpc=PORT" and "admin=PORT" are written here when it serves; empty: not
  // Which are served and act here; never empty.
  std::set<std::string> services = {"intake", "routing", "assignment", "audit", "notification"};
  std::string clock = "system";  // or "simulated:TIME": stands still but for ClockService; loopback only
  RpcServer::Options rpc;        // listen, limits, TLS; observers are added
  int needs_per_minute = 0;      // that one principal may report; 0: no limit
  bool allow_insecure = false;   // other than loopback addresses without TLS
  std::string admin_listen;      // host:port; empty: no HTTP
  bool admin_allow_insecure = false;
  int64_t linger_us = 0;               // NOT_SERVING before no more calls are taken
  int64_t stop_limit_us = 30'000'000;  // for the steps after that; then the process exits with 1 at once
};

// Whether it may start like this: what one setting alone does not show. Reads TLS files, looks at the directory folder, makes nothing.
Expected<void> CheckOptions(const DaemonOptions& options);

// What the process is told from outside.
enum class Order { kReload, kStop };

// Serves until `next_order` gives kStop; it blocks meanwhile. kReload reads the directory folder and the tokens again: a bad
// one is refused whole and logged, the former one stays. Makes DIR/tokens.tsv and DIR/local.token (an administrator's,
// owner-only) at first start.
Expected<void> RunDaemon(const DaemonOptions& options, Log& log, const std::function<Order()>& next_order);

}  // namespace gridloop
