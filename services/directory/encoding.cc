#include "directory/encoding.h"

#include <algorithm>
#include <cstdint>

namespace gridloop {
namespace {

uint8_t ByteAt(std::string_view bytes, size_t at) { return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0; }

// Length of the well-formed UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates); 0 if there is none.
size_t Utf8Length(std::string_view bytes, size_t at) {
  const uint8_t lead = ByteAt(bytes, at);
  auto tail = [&](size_t offset, uint8_t low = 0x80, uint8_t high = 0xBF) {
    const uint8_t byte = ByteAt(bytes, at + offset);
    return byte >= low && byte <= high;
  };
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    return tail(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return tail(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool IsGb18030(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t lead = ByteAt(bytes, at);
    const uint8_t second = ByteAt(bytes, at + 1);
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++at;
    } else if (lead >= 0x81 && lead <= 0xFE && second >= 0x40 && second <= 0xFE && second != 0x7F) {
      at += 2;
    } else if (lead >= 0x81 && lead <= 0xFE && second >= 0x30 && second <= 0x39) {
      const uint8_t third = ByteAt(bytes, at + 2);
      const uint8_t fourth = ByteAt(bytes, at + 3);
      if (third < 0x81 || third > 0xFE || fourth < 0x30 || fourth > 0x39) return false;
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

EncodingCheck CheckEncoding(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return {Encoding::kUtf16, 1, {}};
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = Utf8Length(bytes, at);
    if (length == 0) {
      const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      return {IsGb18030(bytes) ? Encoding::kGb18030 : Encoding::kOther, static_cast<int>(line), {}};
    }
    at += length;
  }
  return {Encoding::kUtf8, 0, bytes};
}

}  // namespace gridloop
