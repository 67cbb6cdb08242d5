// Log lines for machines (JSON) or for a terminal. A line is a fixed text with named fields: nothing that a caller wrote, no
// personal data.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace gridloop {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view name;
  std::variant<std::string, int64_t, double, bool> value;
};

// Thread-safe. A line is written whole or not at all.
class Log {
 public:
  enum class Form { kJson, kConsole };
  struct Options {
    LogLevel level = LogLevel::kInfo;
    Form form = Form::kJson;
    std::function<void(std::string_view line)> write = {};  // empty: standard error
  };
  Log() : Log(Options{}) {}
  explicit Log(Options options) : options_(std::move(options)) {}
  bool Writes(LogLevel level) const { return level >= options_.level; }
  void Write(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {});
  void Debug(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kDebug, component, message, fields);
  }
  void Info(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kInfo, component, message, fields);
  }
  void Warning(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kWarning, component, message, fields);
  }
  void Error(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kError, component, message, fields);
  }

 private:
  Options options_;
  std::mutex mutex_;
};

// A JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become U+FFFD, so that a line always parses.
std::string JsonString(std::string_view text);

}  // namespace gridloop
