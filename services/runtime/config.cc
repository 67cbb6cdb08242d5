#include "runtime/config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>

namespace gridloop {
namespace {

constexpr size_t kLongestFile = 1 << 20;

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || wrong != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string DurationText(int64_t us) {
  if (us % 1'000'000 != 0) return fmt::format("{}ms", us / 1000);
  return fmt::format("{}s", us / 1'000'000);
}

// Empty if the text fits; else what is wrong and what to do.
std::string Check(const Setting& setting, const std::string& text, int64_t* number) {
  *number = 0;
  switch (setting.kind) {
    case Setting::Kind::kSwitch:
      if (text != "true" && text != "false") return "must be true or false";
      *number = text == "true" ? 1 : 0;
      return {};
    case Setting::Kind::kInteger: {
      auto value = ParseInteger(text);
      if (!value || *value < setting.least || *value > setting.most) return fmt::format("must be a number from {} to {}", setting.least, setting.most);
      *number = *value;
      return {};
    }
    case Setting::Kind::kDuration: {
      auto value = ParseDuration(text);
      if (!value || *value < setting.least || *value > setting.most) {
        return fmt::format("must be a time from {} to {}, e.g. 5s, 250ms or 2m", DurationText(setting.least), DurationText(setting.most));
      }
      *number = *value;
      return {};
    }
    case Setting::Kind::kChoice:
      return std::ranges::find(setting.choices, text) != setting.choices.end() ? "" : fmt::format("must be {}", fmt::join(setting.choices, ", "));
    case Setting::Kind::kWords: {
      auto known = [&setting](const std::string& word) { return std::ranges::find(setting.choices, word) != setting.choices.end(); };
      return std::ranges::all_of(SplitWords(text), known) ? "" : fmt::format("must be some of {}, with commas between", fmt::join(setting.choices, ","));
    }
    case Setting::Kind::kAddress:
      return text.empty() || ParseHostPort(text) ? "" : "must be host:port, e.g. 127.0.0.1:7400 or [::1]:7400; port 0 takes any free one";
    default:
      return text.find('\n') == std::string::npos && text.find('\0') == std::string::npos ? "" : "must be one line";
  }
}

size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// "; did you mean …?" if something is near.
template <class Name>
std::string Nearest(const std::vector<Setting>& settings, const std::string& key, Name name) {
  std::string nearest;
  for (const auto& setting : settings) {
    std::string each = std::invoke(name, setting);
    if (nearest.empty() || Distance(each, key) < Distance(nearest, key)) nearest = each;
  }
  constexpr size_t kNear = 4;
  return Distance(nearest, key) <= kNear ? "; did you mean " + nearest + "?" : "; gridloop --help lists all";
}

struct Given {
  std::string text, source;
};

void ReadNode(const YAML::Node& node, const std::string& path, const std::string& file, const std::vector<Setting>& settings,
              std::map<std::string, Given>* given, std::vector<FieldViolation>* problems) {
  std::set<std::string> seen;
  for (const auto& entry : node) {
    std::string key = path.empty() ? entry.first.Scalar() : path + "." + entry.first.Scalar();
    std::string where = fmt::format("{}:{} {}", file, entry.first.Mark().line + 1, key);
    if (!seen.insert(key).second) {
      problems->push_back({where, "stands twice; keep one"});
      continue;
    }
    auto setting = std::ranges::find(settings, key, &Setting::key);
    bool section = std::ranges::any_of(settings, [&](const Setting& each) { return each.key.starts_with(key + "."); });
    if (section) {
      if (entry.second.IsMap()) {
        ReadNode(entry.second, key, file, settings, given, problems);
      } else if (!entry.second.IsNull()) {
        problems->push_back({where, "is a section: its settings stand below it, indented"});
      }
    } else if (setting == settings.end()) {
      problems->push_back({where, "is not known" + Nearest(settings, key, &Setting::key)});
    } else if (!entry.second.IsScalar() && !entry.second.IsNull()) {
      problems->push_back({where, "takes one value"});
    } else {
      (*given)[key] = {entry.second.IsNull() ? "" : entry.second.Scalar(), where};
    }
  }
}

}  // namespace

std::set<std::string> SplitWords(std::string_view text) {
  std::set<std::string> words;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    words.emplace(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::optional<int64_t> ParseDuration(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  if (digits == 0 || digits > 9) return std::nullopt;
  int64_t amount = *ParseInteger(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  if (unit == "ms") return amount * 1000;
  if (unit == "s") return amount * 1'000'000;
  if (unit == "m") return amount * 60'000'000;
  if (unit == "h") return amount * 3'600'000'000;
  return std::nullopt;
}

std::optional<HostPort> ParseHostPort(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  auto port = ParseInteger(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return std::nullopt;
  std::string host(text.substr(0, colon));
  if (host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    in6_addr address{};
    if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
  } else if (host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != std::string::npos) {
    return std::nullopt;
  }
  return HostPort{host, static_cast<int>(*port)};
}

bool IsLoopback(std::string_view host) {
  std::string text(host);
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  if (inet_pton(AF_INET6, text.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return text == "localhost";
}

std::string EnvironmentName(const std::string& key) {
  std::string name = "GRIDLOOP_";
  for (char c : key) name.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return name;
}

Expected<Config> Config::Load(const std::vector<Setting>& settings, const Sources& sources) {
  std::vector<FieldViolation> problems;
  std::map<std::string, Given> given;
  if (!sources.file.empty()) {
    std::string file = sources.file.string();
    std::error_code wrong;
    if (auto size = std::filesystem::file_size(sources.file, wrong); wrong || size > kLongestFile) {
      problems.push_back({file, wrong ? "cannot be read: " + wrong.message() : "is over 1 MB; this is no configuration"});
    } else {
      try {
        YAML::Node root = YAML::LoadFile(file);
        if (root.IsMap()) {
          ReadNode(root, {}, file, settings, &given, &problems);
        } else if (!root.IsNull()) {
          problems.push_back({file, "must be a YAML mapping: lines of key: value"});
        }
      } catch (const YAML::Exception& error) {
        problems.push_back({fmt::format("{}:{}", file, error.mark.line + 1), "is not YAML: " + error.msg});
      }
    }
  }
  for (const auto& setting : settings) {
    std::string name = EnvironmentName(setting.key);
    const char* value = sources.environment ? sources.environment(name.c_str()) : nullptr;
    if (value != nullptr) given[setting.key] = {value, name};
  }
  for (const auto& name : sources.environment_names) {
    if (std::ranges::any_of(settings, [&name](const Setting& each) { return EnvironmentName(each.key) == name; })) continue;
    problems.push_back({name, "is not known" + Nearest(settings, name, [](const Setting& each) { return EnvironmentName(each.key); })});
  }
  for (const auto& [flag, value] : sources.flags) {
    auto setting = std::ranges::find(settings, flag, &Setting::flag);
    if (setting == settings.end()) {
      problems.push_back({"--" + flag, "is not known" + Nearest(settings, flag, &Setting::flag)});
    } else {
      given[setting->key] = {value, "--" + flag};
    }
  }
  Config config;
  for (const auto& setting : settings) {
    auto found = given.find(setting.key);
    Given value = found == given.end() ? Given{setting.usual, "usual"} : found->second;
    int64_t number = 0;
    if (found != given.end() || !setting.usual.empty()) {
      if (std::string wrong = Check(setting, value.text, &number); !wrong.empty()) problems.push_back({value.source, wrong});
    }
    config.rows_.push_back({setting.key, value.text, value.source});
    config.values_[setting.key] = {std::move(value.text), number};
  }
  if (problems.empty()) return config;
  Error error{
      Code::kInvalidArgument, "CONFIG_BAD", fmt::format("The configuration has {} problems.", problems.size()), {}, std::move(problems), {}, std::nullopt};
  return std::unexpected(std::move(error));
}

std::string FlagsHelp(const std::vector<Setting>& settings) {
  std::string help;
  for (const auto& setting : settings) {
    help += fmt::format("  --{:<30} {}{}\n", setting.flag + (setting.kind == Setting::Kind::kSwitch ? "" : " VALUE"), setting.help,
                        setting.usual.empty() ? "" : fmt::format(" ({})", setting.usual));
  }
  return help;
}

std::string SettingsTable(const std::vector<Setting>& settings) {
  std::string table = "| setting | flag | environment | usual | meaning |\n|---|---|---|---|---|\n";
  for (const auto& setting : settings) {
    table += fmt::format("| `{}` | `--{}` | `{}` | {} | {} |\n", setting.key, setting.flag, EnvironmentName(setting.key),
                         setting.usual.empty() ? "" : "`" + setting.usual + "`", setting.help);
  }
  return table;
}

}  // namespace gridloop
