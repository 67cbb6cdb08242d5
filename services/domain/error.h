// What goes wrong, in one shape for every ring. No transport in it; runtime turns it into a gRPC status.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gridloop {

// Canonical codes (google.rpc.Code, same numbers).
enum class Code {
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
  kUnknown = 2,
};

struct FieldViolation {
  std::string field;        // path in the request, e.g. report.location.grid_code
  std::string description;  // what is wrong and what to do
};

// An error that a caller can act on. Never holds personal data.
struct Error {
  Code code = Code::kInternal;
  std::string reason;      // stable, UPPER_SNAKE, e.g. OFFER_NOT_OPEN; the domain is gridloop
  std::string message;     // English, what is wrong and what to do next
  std::string message_zh;  // Simplified Chinese, for whatever a grid worker may see; may be empty
  std::vector<FieldViolation> fields;
  std::vector<std::pair<std::string, std::string>> metadata;  // e.g. {"version", "7"}
  std::optional<int64_t> retry_after_us;
};

template <class T>
using Expected = std::expected<T, Error>;

inline std::unexpected<Error> Fail(Code code, std::string reason, std::string message, std::string message_zh = {}) {
  return std::unexpected<Error>(Error{code, std::move(reason), std::move(message), std::move(message_zh), {}, {}, std::nullopt});
}

// One text wherever it is said: a client must not tell a need that is not there from one that is not its own.
inline Error NeedNotFound() { return {Code::kNotFound, "NEED_NOT_FOUND", "There is no such need.", "没有找到这件需求。", {}, {}, std::nullopt}; }

}  // namespace gridloop
