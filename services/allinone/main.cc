// gridloop. Exit codes: 0 stopped by a signal, 1 it could not start or go on, 2 usage or configuration.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "allinone/settings.h"
#include "runtime/library_log.h"
#include "runtime/version.h"

extern char** environ;

namespace {

using namespace gridloop;

constexpr char kUsage[] =
    "usage: gridloop [--config FILE] [--check-config] [--version] [settings]\n"
    "Settings come from the file, GRIDLOOP_… in the environment over it, flags over that (docs/formats/config.md):\n";

int Refuse(const Error& error) {
  std::fprintf(stderr, "gridloop: %s\n", error.message.c_str());
  for (const auto& field : error.fields) std::fprintf(stderr, "  %s: %s\n", field.field.c_str(), field.description.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Config::Sources sources;
  sources.environment = [](const char* name) -> const char* { return std::getenv(name); };
  for (char** each = environ; *each != nullptr; ++each) {
    std::string name(*each, std::string_view(*each).find('='));
    if (!IsForeignName(name)) sources.environment_names.push_back(name);
  }
  bool only_check = false;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    if (flag == "--help") {
      std::printf("%s%s", kUsage, FlagsHelp(Settings()).c_str());
      return 0;
    }
    if (flag == "--version") {
      std::printf("gridloop %s\n", kVersion);
      return 0;
    }
    if (flag == "--check-config") {
      only_check = true;
      continue;
    }
    if (!flag.starts_with("--")) {
      std::fprintf(stderr, "gridloop: %s is no flag; gridloop --help lists them\n", flag.c_str());
      return 2;
    }
    flag = flag.substr(2);
    std::string value;
    if (size_t equals = flag.find('='); equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag = flag.substr(0, equals);
    } else {
      bool is_switch = false;
      for (const auto& setting : Settings()) is_switch |= setting.flag == flag && setting.kind == Setting::Kind::kSwitch;
      if (is_switch) {
        value = "true";
      } else if (++i == argc) {
        std::fprintf(stderr, "gridloop: --%s wants a value; gridloop --help lists the flags\n", flag.c_str());
        return 2;
      } else {
        value = argv[i];
      }
    }
    if (flag == "config") {
      sources.file = value;
    } else {
      sources.flags[flag] = value;
    }
  }
  auto config = Config::Load(Settings(), sources);
  if (!config) return Refuse(config.error());
  DaemonOptions options = ToDaemonOptions(*config);
  if (auto good = CheckOptions(options); !good) return Refuse(good.error());
  if (only_check) {
    std::printf("good\n");
    for (const auto& row : config->rows()) std::printf("  %-26s %-24s %s\n", row.key.c_str(), row.value.empty() ? "-" : row.value.c_str(), row.source.c_str());
    return 0;
  }
  Log log(ToLogOptions(*config, ::isatty(STDERR_FILENO) == 1));
  LibraryLog library_log(log);
  // Blocked before any thread starts, so that every thread leaves them to the wait below.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto run = RunDaemon(options, log, [&signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) return Order::kReload;
    // A second signal ends the process at once, wherever the stop stands; whatever was acknowledged is on the disk.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    return Order::kStop;
  });
  if (!run) {
    log.Error("daemon", "gridloop does not go on", {{"reason", run.error().reason}, {"why", run.error().message}});
    return 1;
  }
  log.Info("daemon", "stopped");
  return 0;
}
