// What the committer needs from a place that keeps bytes. Memory and RocksDB are the two.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/error.h"
#include "domain/fold.h"

namespace gridloop {

// Called from the committer's threads only, except the const reads, which are thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  // The log. Append is durable when it returns; offsets follow each other without gaps. kResourceExhausted: nothing was
  // written, and it may be tried again. After any other error nobody knows what is on the disk.
  virtual Expected<void> Append(uint64_t first_offset, const std::vector<std::string>& values) = 0;
  // No value: nothing is there. A failed read is an error, here and below.
  virtual Expected<std::optional<std::string>> ReadEvent(uint64_t offset) const = 0;
  virtual uint64_t EndOffset() const = 0;
  virtual std::string LogId() const = 0;

  // The view: disposable, written late, never needed for an answer to be durable.
  // No value: there is none. Never said of a failed read: that would be a false negative answer.
  virtual Expected<std::optional<NeedState>> LoadState(std::string_view subject) const = 0;
  // Calls `visit` for keys > after that start with prefix, in order, until it returns false.
  virtual Expected<void> ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view key)>& visit) const = 0;
  virtual store::v1::Watermark LoadWatermark() const = 0;
  struct ViewChanges {
    std::vector<std::shared_ptr<const NeedState>> states;
    std::vector<std::pair<std::string_view, bool>> rows;  // key, in order, and whether it is there; else it is deleted
    store::v1::Watermark watermark;
  };
  virtual Expected<void> WriteView(const ViewChanges& changes) = 0;  // all or nothing after a crash
  virtual Expected<void> WipeView() = 0;

  // Empty, or why nothing may be written now and what to do: too little room. It passes by itself.
  virtual std::string Shortage() const { return {}; }
};

}  // namespace gridloop
