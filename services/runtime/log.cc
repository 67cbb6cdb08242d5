#include "runtime/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ctime>

namespace gridloop {
namespace {

constexpr const char* kNames[] = {"debug", "info", "warning", "error"};

// Bytes of the valid UTF-8 sequence at `at` (RFC 3629), 0 if there is none.
size_t SequenceAt(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  auto tail = [&](size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead < 0xF0) {
    bool shortest = lead != 0xE0 || byte(1) >= 0xA0;
    bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return tail(1) && tail(2) && shortest && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead < 0xF5) {
    bool in_range = (lead != 0xF0 || byte(1) >= 0x90) && (lead != 0xF4 || byte(1) < 0x90);
    return tail(1) && tail(2) && tail(3) && in_range ? 4 : 0;
  }
  return 0;
}

std::string JsonValue(const LogField& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) return JsonString(*text);
  if (const auto* number = std::get_if<int64_t>(&field.value)) return std::to_string(*number);
  if (const auto* truth = std::get_if<bool>(&field.value)) return *truth ? "true" : "false";
  double value = std::get<double>(field.value);
  return std::isfinite(value) ? fmt::format("{}", value) : "null";  // JSON has no infinity
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (size_t i = 0; i < text.size();) {
    size_t size = SequenceAt(text, i);
    if (size == 0) {
      json += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    char c = text[i];
    if (size > 1) {
      json.append(text.substr(i, size));
    } else if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json.push_back(c);
    }
    i += size;
  }
  json.push_back('"');
  return json;
}

void Log::Write(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields) {
  if (!Writes(level)) return;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(now.tv_sec), now.tv_nsec / 1'000'000);
  std::string line;
  if (options_.form == Form::kJson) {
    line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"component\":{},\"message\":{}", time, kNames[static_cast<int>(level)], JsonString(component),
                       JsonString(message));
    for (const auto& field : fields) line += "," + JsonString(field.name) + ":" + JsonValue(field);
    line += "}\n";
  } else {
    line = fmt::format("{} {:<7} {}: {}", time.substr(11, 12), kNames[static_cast<int>(level)], component, message);
    for (const auto& field : fields) line += fmt::format("  {}={}", field.name, JsonValue(field));
    line += '\n';
  }
  std::lock_guard lock(mutex_);
  if (options_.write) {
    options_.write(line);
  } else {
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
  }
}

}  // namespace gridloop
