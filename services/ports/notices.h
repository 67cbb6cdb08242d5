// Where the notification service keeps what it has to deliver: keys and values in order. Losing it loses notices, nothing else.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.h"

namespace gridloop {

struct NoticeChange {
  std::string key;
  std::optional<std::string> value;  // none: the key is deleted
};

// Thread-safe. What was written outlives the process; of a machine that loses its power the end may be missing, never something
// before it.
class NoticeStore {
 public:
  virtual ~NoticeStore() = default;
  // All of it or nothing. kResourceExhausted/DISK_FULL: there is too little room, and it may be tried again.
  virtual Expected<void> Write(const std::vector<NoticeChange>& changes) = 0;
  // No value: there is none.
  virtual Expected<std::optional<std::string>> Read(const std::string& key) const = 0;
  // Calls `visit` for the keys > after that start with prefix, in order, until it gives false.
  virtual Expected<void> Scan(std::string_view prefix, std::string_view after,
                              const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

}  // namespace gridloop
