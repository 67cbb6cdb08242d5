// Which encoding a table is saved in.
#pragma once

#include <string_view>

namespace gridloop {

enum class Encoding { kUtf8, kGb18030, kUtf16, kOther };

struct EncodingCheck {
  Encoding encoding = Encoding::kUtf8;
  int line = 0;           // of the first byte that is not UTF-8; 0 if all is
  std::string_view text;  // without the byte order mark; a part of what was given
};

// Pure. A byte order mark of UTF-8 is fine. Zero bytes are not text.
EncodingCheck CheckEncoding(std::string_view bytes);

}  // namespace gridloop
