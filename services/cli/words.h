// What people type and read, and what the API means by it: names, enum words, times. Pure.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.h"

namespace gridloop::cli {

// "260302-7KQ4M-X" is numbers/…, 26 characters are needs/…; a whole name stays.
std::string NeedName(const std::string& text);
std::string UnitName(const std::string& text);    // "s01" is units/s01
std::string WorkerName(const std::string& text);  // "w-0001" is workers/w-0001
std::string BareName(const std::string& name);    // units/s01 is "s01"

// ROLE_STATION_HEAD is "station-head".
std::string EnumWord(const google::protobuf::EnumDescriptor* type, int value);
std::vector<std::string> EnumWords(const google::protobuf::EnumDescriptor* type);  // without "unspecified"
std::optional<int> ParseEnumWord(const google::protobuf::EnumDescriptor* type, std::string_view word);

// The offices' time, +08:00: "2026-03-02 09:00"; with seconds if asked.
std::string LocalTime(const google::protobuf::Timestamp& time, bool seconds = false);
std::string UtcTime(int64_t seconds);    // 2026-03-02T01:00:00Z
std::string LocalDate(int64_t seconds);  // YYYY-MM-DD
// "in 2 h 10 min" or "overdue 3 h"; the two largest units.
std::string Relative(int64_t due_s, int64_t now_s);
// RFC 3339 or "2026-03-02 09:00" or "2026-03-02T09:00" (both +08:00) to seconds.
std::optional<int64_t> ParseLocalTime(std::string_view text);
// "90d", "12h", "30m", "45s" to seconds.
std::optional<int64_t> ParseSpan(std::string_view text);

}  // namespace gridloop::cli
