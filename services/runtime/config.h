// Settings from one YAML file, the environment over it, flags over that. One table of settings says everything about them:
// docs/formats/config.md, --help and the checks come from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.h"

namespace gridloop {

struct Setting {
  enum class Kind { kText, kPath, kSecretPath, kSwitch, kInteger, kDuration, kChoice, kWords, kAddress };
  std::string key;   // path in the file, e.g. "grpc.tls.key"
  std::string flag;  // without "--"
  Kind kind = Kind::kText;
  std::string usual;  // in its text form; empty: not set
  std::string help;
  std::vector<std::string> choices = {};  // kChoice: one of them; kWords: some of them, with commas
  int64_t least = 0, most = 0;            // kInteger; kDuration in microseconds
};

// "a,b" to a and b; empty words stay.
std::set<std::string> SplitWords(std::string_view text);

// "5s", "250ms", "2m", "1h" to microseconds.
std::optional<int64_t> ParseDuration(std::string_view text);
// host:port with host a name, an IPv4 or a bracketed IPv6 address.
struct HostPort {
  std::string host;
  int port = 0;
};
std::optional<HostPort> ParseHostPort(std::string_view text);
// 127.0.0.0/8, ::1 and localhost: nobody else can reach them. A name that merely begins like one is not.
bool IsLoopback(std::string_view host);

// Immutable.
class Config {
 public:
  struct Sources {
    std::filesystem::path file;                           // empty: none
    std::function<const char*(const char*)> environment;  // as getenv; a setting's name is GRIDLOOP_ and its key, A_B
    std::vector<std::string> environment_names = {};      // those that must be settings' names
    std::map<std::string, std::string> flags;             // by flag
  };
  // kInvalidArgument/CONFIG_BAD with every problem at once: `field` is where ("file.yaml:12 grpc.listen", "--listen",
  // "GRIDLOOP_GRPC_LISTEN"), `description` what is wrong and what to do.
  static Expected<Config> Load(const std::vector<Setting>& settings, const Sources& sources);

  const std::string& Text(const std::string& key) const { return values_.at(key).text; }
  std::set<std::string> Words(const std::string& key) const { return SplitWords(values_.at(key).text); }
  int64_t Integer(const std::string& key) const { return values_.at(key).number; }
  int64_t DurationUs(const std::string& key) const { return values_.at(key).number; }
  bool Switch(const std::string& key) const { return values_.at(key).number != 0; }
  // Key, value, where it came from; in the table's order.
  struct Row {
    std::string key, value, source;
  };
  const std::vector<Row>& rows() const { return rows_; }

 private:
  struct Value {
    std::string text;
    int64_t number = 0;
  };
  std::map<std::string, Value> values_;
  std::vector<Row> rows_;
};

std::string EnvironmentName(const std::string& key);
// A line a setting, for --help.
std::string FlagsHelp(const std::vector<Setting>& settings);
// A Markdown table of all settings, as docs/formats/config.md has it.
std::string SettingsTable(const std::vector<Setting>& settings);

}  // namespace gridloop
