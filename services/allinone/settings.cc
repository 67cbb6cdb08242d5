#include "allinone/settings.h"

namespace gridloop {

const std::vector<Setting>& Settings() {
  using K = Setting::Kind;
  constexpr int64_t kSecond = 1'000'000;
  static const std::vector<Setting> kSettings = {
      {.key = "data_directory", .flag = "data-dir", .kind = K::kPath, .usual = "", .help = "where everything durable lies; required"},
      {.key = "directory_folder",
       .flag = "directory",
       .kind = K::kPath,
       .usual = "",
       .help = "tables and policy, read and activated at start and by SIGHUP; empty: what is active stays"},
      {.key = "tokens_file",
       .flag = "tokens",
       .kind = K::kPath,
       .usual = "",
       .help = "credentials (gridctl token create), read again when it changes; empty: tokens.tsv in the data directory"},
      {.key = "master_keys_file",
       .flag = "master-keys",
       .kind = K::kSecretPath,
       .usual = "",
       .help = "master keys that wrap the keys of personal data; better on another disk than the data; empty: master-keys in the data directory"},
      {.key = "forgotten_file",
       .flag = "forgotten-file",
       .kind = K::kPath,
       .usual = "",
       .help = "list of forgotten keys, never restored from a copy; better outside the data directory; empty: forgotten in the data directory"},
      {.key = "ports_file", .flag = "ports-file", .kind = K::kPath, .usual = "", .help = "grpc=PORT and admin=PORT are written here once it serves"},
      {.key = "services",
       .flag = "services",
       .kind = K::kWords,
       .usual = "assignment,audit,intake,notification,routing",
       .help = "which of them are served and act; what the others would do waits in the ledger",
       .choices = {"assignment", "audit", "intake", "notification", "routing"}},
      {.key = "clock", .flag = "clock", .kind = K::kText, .usual = "system", .help = "system, or simulated:TIME for trying things out (loopback only)"},
      {.key = "grpc.listen", .flag = "listen", .kind = K::kAddress, .usual = "127.0.0.1:7400", .help = "where gRPC is served"},
      {.key = "grpc.allow_insecure",
       .flag = "allow-insecure",
       .kind = K::kSwitch,
       .usual = "false",
       .help = "serve other than loopback addresses without TLS, behind an edge proxy that has it"},
      {.key = "grpc.max_message_bytes",
       .flag = "max-message-bytes",
       .kind = K::kInteger,
       .usual = "4194304",
       .help = "largest request",
       .least = 1024,
       .most = 64 << 20},
      {.key = "grpc.max_in_flight",
       .flag = "max-in-flight",
       .kind = K::kInteger,
       .usual = "4096",
       .help = "unary calls at once; more are RESOURCE_EXHAUSTED",
       .least = 1,
       .most = 1'000'000},
      {.key = "grpc.max_streams",
       .flag = "max-streams",
       .kind = K::kInteger,
       .usual = "1024",
       .help = "streams at once; more are RESOURCE_EXHAUSTED",
       .least = 1,
       .most = 100'000},
      {.key = "grpc.tls.certificate", .flag = "tls-certificate", .kind = K::kPath, .usual = "", .help = "PEM; with grpc.tls.key it turns TLS on"},
      {.key = "grpc.tls.key", .flag = "tls-key", .kind = K::kSecretPath, .usual = "", .help = "PEM"},
      {.key = "grpc.tls.client_ca", .flag = "tls-client-ca", .kind = K::kPath, .usual = "", .help = "PEM; then clients must show a certificate that it signed"},
      {.key = "admin.listen",
       .flag = "admin-listen",
       .kind = K::kAddress,
       .usual = "127.0.0.1:7401",
       .help = "/metrics, /healthz, /readyz over HTTP; empty: none"},
      {.key = "admin.allow_insecure",
       .flag = "admin-allow-insecure",
       .kind = K::kSwitch,
       .usual = "false",
       .help = "serve them on other than loopback addresses; they hold no personal data"},
      {.key = "log.level",
       .flag = "log-level",
       .kind = K::kChoice,
       .usual = "info",
       .help = "debug, info, warning or error; debug logs each RPC",
       .choices = {"debug", "info", "warning", "error"}},
      {.key = "log.format",
       .flag = "log-format",
       .kind = K::kChoice,
       .usual = "auto",
       .help = "json, console, or auto: console on a terminal",
       .choices = {"auto", "json", "console"}},
      {.key = "quota.needs_per_minute",
       .flag = "needs-per-minute",
       .kind = K::kInteger,
       .usual = "0",
       .help = "needs that one principal may report in a minute, crises aside; more are RESOURCE_EXHAUSTED with a delay; 0: no limit",
       .least = 0,
       .most = 10'000'000},
      {.key = "notifications.recipients",
       .flag = "recipients",
       .kind = K::kPath,
       .usual = "",
       .help = "who is told by webhooks (docs/notifications.md), read again when it changes; empty: nobody"},
      {.key = "shutdown.linger",
       .flag = "shutdown-linger",
       .kind = K::kDuration,
       .usual = "0s",
       .help = "how long it says NOT_SERVING before it takes no more calls, for load balancers",
       .least = 0,
       .most = 300 * kSecond},
      {.key = "shutdown.drain",
       .flag = "shutdown-drain",
       .kind = K::kDuration,
       .usual = "5s",
       .help = "how long it waits for calls before they are cancelled",
       .least = 0,
       .most = 300 * kSecond},
      {.key = "shutdown.limit",
       .flag = "shutdown-limit",
       .kind = K::kDuration,
       .usual = "30s",
       .help = "how long all steps after linger and drain may take; then it exits at once (nothing acknowledged is lost)",
       .least = kSecond,
       .most = 600 * kSecond},
  };
  return kSettings;
}

bool IsForeignName(std::string_view name) {
  static const std::set<std::string_view> kOthers = {"GRIDLOOP_ADDRESS",     "GRIDLOOP_TOKEN", "GRIDLOOP_TOKEN_FILE", "GRIDLOOP_CA",
                                                     "GRIDLOOP_CERTIFICATE", "GRIDLOOP_KEY",   "GRIDLOOP_BIN"};
  if (!name.starts_with("GRIDLOOP_") || kOthers.contains(name)) return true;
  if (name.find("_SERVICE_HOST") != std::string_view::npos || name.find("_SERVICE_PORT") != std::string_view::npos || name.ends_with("_PORT")) return true;
  size_t port = name.find("_PORT_");
  return port != std::string_view::npos && name.find_first_of("0123456789", port) == port + 6;
}

DaemonOptions ToDaemonOptions(const Config& config) {
  DaemonOptions options;
  options.data_directory = config.Text("data_directory");
  options.directory_folder = config.Text("directory_folder");
  options.tokens_file = config.Text("tokens_file");
  options.master_keys_file = config.Text("master_keys_file");
  options.forgotten_file = config.Text("forgotten_file");
  options.ports_file = config.Text("ports_file");
  options.services = config.Words("services");
  options.clock = config.Text("clock");
  options.rpc.listen = config.Text("grpc.listen");
  options.allow_insecure = config.Switch("grpc.allow_insecure");
  options.rpc.max_message_bytes = static_cast<int>(config.Integer("grpc.max_message_bytes"));
  options.needs_per_minute = static_cast<int>(config.Integer("quota.needs_per_minute"));
  options.rpc.max_in_flight = static_cast<int>(config.Integer("grpc.max_in_flight"));
  options.rpc.max_streams = static_cast<int>(config.Integer("grpc.max_streams"));
  options.rpc.tls = {config.Text("grpc.tls.certificate"), config.Text("grpc.tls.key"), config.Text("grpc.tls.client_ca")};
  options.rpc.drain_us = config.DurationUs("shutdown.drain");
  options.recipients_file = config.Text("notifications.recipients");
  options.admin_listen = config.Text("admin.listen");
  options.admin_allow_insecure = config.Switch("admin.allow_insecure");
  options.linger_us = config.DurationUs("shutdown.linger");
  options.stop_limit_us = config.DurationUs("shutdown.limit");
  return options;
}

Log::Options ToLogOptions(const Config& config, bool terminal) {
  Log::Options options;
  const std::string& level = config.Text("log.level");
  options.level = level == "debug" ? LogLevel::kDebug : level == "warning" ? LogLevel::kWarning : level == "error" ? LogLevel::kError : LogLevel::kInfo;
  const std::string& form = config.Text("log.format");
  options.form = form == "console" || (form == "auto" && terminal) ? Log::Form::kConsole : Log::Form::kJson;
  return options;
}

}  // namespace gridloop
