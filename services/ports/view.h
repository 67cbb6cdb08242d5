// The view: states and index rows folded from the ledger. Disposable; it says how far it got.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/ledger.h"

namespace gridloop {

struct RowPage {
  std::vector<Row> rows;
  std::string next_key;  // pass as `after` for the next page; empty at the end
  Position position;     // the view had reached at least this (next offset)
};

// Thread-safe. The committer or projector writes it; services only read. Callbacks are called once, perhaps
// before the call returns. With `at_least` a read waits (bounded) until the view has folded that position,
// then kUnavailable/VIEW_BEHIND with a delay. While it is rebuilt: kUnavailable/VIEW_REBUILDING, never an
// incomplete answer. In the embedded topology the view is at the log's end whenever a callback of the ledger
// has been called, so a negative answer is always from the end.
class View {
 public:
  virtual ~View() = default;
  // A state that does not exist is kNotFound/NEED_NOT_FOUND.
  virtual void Get(std::string_view subject, std::optional<Position> at_least, Callback<Expected<std::shared_ptr<const NeedState>>> done) = 0;
  // Rows whose key starts with `prefix` and is greater than `after`, at most `limit` (1–1000).
  virtual void Scan(std::string_view prefix, std::string_view after, int limit, std::optional<Position> at_least, Callback<Expected<RowPage>> done) = 0;
  // How many rows start with `prefix`, counting at most `limit`.
  virtual Expected<int> Count(std::string_view prefix, int limit) = 0;
  // Calls `wake` (from a thread of the view; must not block) when a row under `prefix` appeared or changed. A
  // hint: may come too often, never too seldom after the subscription returned.
  virtual Subscription Watch(std::string prefix, std::function<void()> wake) = 0;
  // Empty when what it shows can be written; otherwise why it cannot and what to do, for health.
  virtual std::string ViewFailure() const = 0;
};

}  // namespace gridloop
