#include <algorithm>
#include <charconv>

#include "commands/command.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr int64_t kLastSecond = 253'402'300'799;  // 9999-12-31T23:59:59Z
constexpr int32_t kMostNanos = 999'999'999;
// A need's state holds an entry for each event and is copied for each decision. The work of years is some hundred events;
// past this bound of what people sent, what may be recorded again and again is refused, and what ends the need or moves it on is
// not. What the software does by itself is not counted: it goes on for as long as nobody acts.
constexpr std::ptrdiff_t kMostEvents = 1000;

// Code points of valid UTF-8 (RFC 3629), or nothing.
std::optional<int> CountCharacters(std::string_view text) {
  int count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    auto lead = static_cast<unsigned char>(text[i]);
    size_t size = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
    if (size == 0 || i + size > text.size()) return std::nullopt;
    for (size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return std::nullopt;
    }
    auto second = size > 1 ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return std::nullopt;
    }
    i += size;
  }
  return count;
}

}  // namespace

void CheckName(std::string_view name, std::vector<FieldViolation>* violations) {
  if (!IsNeedName(name)) {
    violations->push_back({"name", "must be needs/ and 26 characters of a-z and 2-7, as SubmitNeed or a list gave it"});
  }
}

void CheckRequestId(std::string_view request_id, std::vector<FieldViolation>* violations) {
  bool good = !request_id.empty() && request_id.size() <= 64 && std::ranges::all_of(request_id, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (!good) {
    violations->push_back({"request_id", "must be 1 to 64 characters of A-Z a-z 0-9 . _ -; choose one for each request and send the same on every retry"});
  }
}

void CheckText(std::string_view field, std::string_view text, int min_characters, int max_characters, std::vector<FieldViolation>* violations) {
  std::optional<int> count = CountCharacters(text);
  if (!count) {
    violations->push_back({std::string(field), "must be UTF-8"});
  } else if (*count < min_characters) {
    violations->push_back({std::string(field), "is required"});
  } else if (*count > max_characters) {
    violations->push_back(
        {std::string(field), "has " + std::to_string(*count) + " characters; at most " + std::to_string(max_characters) + " are taken: shorten it"});
  }
}

void CheckId(std::string_view field, std::string_view id, std::vector<FieldViolation>* violations) {
  bool good = !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!good) violations->push_back({std::string(field), "must be an id of the directory, 1 to 64 characters of a-z, 0-9 and -"});
}

namespace {

std::string CheckMemberName(std::string_view field, const std::string& name, std::string_view collection, const char* wanted,
                            std::vector<FieldViolation>* violations) {
  std::string id = BareId(name);
  if (name.starts_with(collection)) {
    CheckId(field, id, violations);
  } else {
    violations->push_back({std::string(field), wanted});
  }
  return id;
}

}  // namespace

std::string CheckUnitName(std::string_view field, const std::string& name, std::vector<FieldViolation>* violations) {
  return CheckMemberName(field, name, "units/", "must be units/ and an id that ListUnits gives", violations);
}

std::string CheckWorkerName(std::string_view field, const std::string& name, std::vector<FieldViolation>* violations) {
  return CheckMemberName(field, name, "workers/", "must be workers/ and an id that ListWorkers gives", violations);
}

std::string CheckObjectId(std::string_view field, std::string_view id, std::vector<FieldViolation>* violations) {
  if (auto bytes = ParseBase32(id)) return *bytes;
  violations->push_back({std::string(field), "must be the 26 characters that the need shows"});
  return {};
}

std::optional<int64_t> CheckTime(std::string_view field, const google::protobuf::Timestamp& time, std::vector<FieldViolation>* violations) {
  if (time.seconds() >= 0 && time.seconds() <= kLastSecond && time.nanos() >= 0 && time.nanos() <= kMostNanos) return FromTimestamp(time);
  violations->push_back({std::string(field), "must be a time of the years 1970 to 9999, with 0 to 999,999,999 nanos"});
  return std::nullopt;
}

int64_t FromTimestamp(const google::protobuf::Timestamp& time) {
  return std::clamp<int64_t>(time.seconds(), 0, kLastSecond) * 1'000'000 + std::clamp(time.nanos(), 0, kMostNanos) / 1000;
}

Expected<void> TakesMore(const NeedState& head) {
  const auto by_people = std::ranges::count_if(head.applied(), [](const auto& applied) { return !applied.body_mac().empty(); });
  if (by_people < kMostEvents) return {};
  return Fail(Code::kResourceExhausted, "TOO_MANY_EVENTS",
              "This need has 1,000 events by people and takes no more notes, services and the like: close it, and report anew what goes on.",
              "该需求的记录已达上限，请结案；仍需服务的请重新上报。");
}

std::optional<Error> Refuse(std::vector<FieldViolation> violations) {
  if (violations.empty()) return std::nullopt;
  Error error;
  error.code = Code::kInvalidArgument;
  error.reason = "INVALID_FIELDS";
  error.message = std::to_string(violations.size()) + (violations.size() == 1 ? " field is" : " fields are") + " wrong: " + violations.front().field + " " +
                  violations.front().description;
  error.message_zh = "有 " + std::to_string(violations.size()) + " 项填写有误，请改正后再提交。";
  error.fields = std::move(violations);
  return error;
}

}  // namespace gridloop
