#include "cli/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "domain/calendar.h"
#include "sealing/ids.h"

namespace gridloop::cli {
namespace {

constexpr int64_t kOffsetSeconds = 8 * 3600;
constexpr int64_t kDaySeconds = 86'400;

std::string WithCollection(const std::string& text, std::string_view collection) {
  return text.empty() || text.find('/') != std::string::npos ? text : std::string(collection) + text;
}

// Length of what all values of an enum begin with: "GRADE_" of GRADE_UNSPECIFIED.
size_t PrefixSize(const google::protobuf::EnumDescriptor* type) {
  const std::string& first = type->value(0)->name();
  constexpr std::string_view kUnspecified = "UNSPECIFIED";
  return first.ends_with(kUnspecified) ? first.size() - kUnspecified.size() : 0;
}

// Exactly `size` digits at `at`, or −1.
int Digits(std::string_view text, size_t at, size_t size) {
  int value = 0;
  for (size_t i = at; i < at + size; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::string NeedName(const std::string& text) {
  if (text.find('/') != std::string::npos) return text;
  if (ParseBase32(text)) return "needs/" + text;
  return "numbers/" + text;
}
std::string UnitName(const std::string& text) { return WithCollection(text, "units/"); }
std::string WorkerName(const std::string& text) { return WithCollection(text, "workers/"); }
std::string BareName(const std::string& name) { return name.substr(name.find('/') + 1); }

std::string EnumWord(const google::protobuf::EnumDescriptor* type, int value) {
  const auto* found = type->FindValueByNumber(value);
  if (found == nullptr) return std::to_string(value);  // a newer server's
  std::string word = found->name().substr(PrefixSize(type));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return word;
}

std::vector<std::string> EnumWords(const google::protobuf::EnumDescriptor* type) {
  std::vector<std::string> words;
  for (int i = 1; i < type->value_count(); ++i) words.push_back(EnumWord(type, type->value(i)->number()));
  return words;
}

std::optional<int> ParseEnumWord(const google::protobuf::EnumDescriptor* type, std::string_view word) {
  for (int i = 1; i < type->value_count(); ++i) {
    if (EnumWord(type, type->value(i)->number()) == word || type->value(i)->name() == word) return type->value(i)->number();
  }
  return std::nullopt;
}

std::string LocalDate(int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  return LocalTime(time).substr(0, 10);
}

std::string LocalTime(const google::protobuf::Timestamp& time, bool seconds) {
  int64_t local = time.seconds() + kOffsetSeconds;
  int64_t days = local >= 0 ? local / kDaySeconds : (local - kDaySeconds + 1) / kDaySeconds;
  int64_t rest = local - days * kDaySeconds;
  std::string text = fmt::format("{} {:02}:{:02}", DateFromDays(days), rest / 3600, rest / 60 % 60);
  return seconds ? text + fmt::format(":{:02}", rest % 60) : text;
}

std::string UtcTime(int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds - kOffsetSeconds);
  std::string text = LocalTime(time, true);
  text[10] = 'T';
  return text + "Z";
}

std::string Relative(int64_t due_s, int64_t now_s) {
  int64_t left = due_s - now_s;
  int64_t minutes = (left < 0 ? -left : left) / 60;
  std::string span;
  if (minutes >= 48 * 60) {
    span = fmt::format("{} d {} h", minutes / 1440, minutes / 60 % 24);
  } else if (minutes >= 60) {
    span = fmt::format("{} h {} min", minutes / 60, minutes % 60);
  } else {
    span = fmt::format("{} min", minutes);
  }
  return left < 0 ? "overdue " + span : "in " + span;
}

std::optional<int64_t> ParseLocalTime(std::string_view text) {
  if (text.size() < 16 || (text[10] != 'T' && text[10] != ' ') || text[13] != ':') return std::nullopt;
  int64_t days = DaysFromDate(text.substr(0, 10));
  int hour = Digits(text, 11, 2);
  int minute = Digits(text, 14, 2);
  if (days == INT64_MIN || hour < 0 || hour > 23 || minute < 0 || minute > 59) return std::nullopt;
  size_t at = 16;
  int second = 0;
  if (at < text.size() && text[at] == ':') {
    second = Digits(text, at + 1, 2);
    if (second < 0 || second > 59) return std::nullopt;
    at += 3;
  }
  int64_t offset = kOffsetSeconds;
  std::string_view zone = text.substr(at);
  if (zone == "Z") {
    offset = 0;
  } else if (!zone.empty()) {
    int hours = Digits(zone, 1, 2);
    int minutes = Digits(zone, 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return std::nullopt;
    offset = (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  }
  return days * kDaySeconds + hour * 3600 + minute * 60 + second - offset;
}

std::optional<int64_t> ParseSpan(std::string_view text) {
  if (text.size() < 2 || text.size() > 8) return std::nullopt;
  int64_t amount = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size() - 1, amount);
  if (wrong != std::errc{} || end != text.data() + text.size() - 1 || amount < 0) return std::nullopt;
  switch (text.back()) {
    case 's':
      return amount;
    case 'm':
      return amount * 60;
    case 'h':
      return amount * 3600;
    case 'd':
      return amount * kDaySeconds;
    default:
      return std::nullopt;
  }
}

}  // namespace gridloop::cli
