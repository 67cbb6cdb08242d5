#include <signal.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "allinone/daemon.h"

namespace {

constexpr char kUsage[] =
    "usage: gridloop --data-dir DIR [--listen 127.0.0.1:7400] [--directory FOLDER] [--ports-file FILE] [--clock simulated:TIME]\n";

}  // namespace

int main(int argc, char** argv) {
  gridloop::DaemonOptions options;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    if (flag == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    bool known = flag == "--data-dir" || flag == "--listen" || flag == "--directory" || flag == "--ports-file" || flag == "--clock";
    if (!known || i + 1 == argc) {
      std::fprintf(stderr, "%s is not known or wants a value\n%s", flag.c_str(), kUsage);
      return 2;
    }
    std::string value = argv[++i];
    if (flag == "--data-dir") options.data_directory = value;
    if (flag == "--listen") options.listen = value;
    if (flag == "--directory") options.directory_folder = value;
    if (flag == "--clock") options.clock = value;
    if (flag == "--ports-file") options.ports_file = value;
  }
  if (options.data_directory.empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  // Blocked before any thread starts, so that every thread leaves them to the wait below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto run = gridloop::RunDaemon(options, [&signals] {
    int signal = 0;
    sigwait(&signals, &signal);
  });
  if (run) return 0;
  std::fprintf(stderr, "gridloop: %s\n", run.error().message.c_str());
  return 1;
}
