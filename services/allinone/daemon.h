// The daemon: every service in one process over the embedded ledger.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "domain/error.h"

namespace gridloop {

struct DaemonOptions {
  std::filesystem::path data_directory;
  std::string listen = "127.0.0.1:7400";
  std::filesystem::path directory_folder;  // read and activated at start; empty: what is active stays
  std::string clock = "system";            // or "simulated:TIME": stands still but for ClockService; loopback only
  std::filesystem::path ports_file;        // "grpc=PORT" is written here when it serves; empty: not
};

// Runs until `wait` returns. Makes DIR/tokens.tsv and DIR/local.token (an administrator's, owner-only) at first start.
// Only loopback addresses are served: there is no TLS yet.
Expected<void> RunDaemon(const DaemonOptions& options, const std::function<void()>& wait);

}  // namespace gridloop
