#include "commands/change_feed.h"

#include <chrono>

#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 100;
// A stream is opened again now and then, so that a withdrawn credential does not go on reading for ever.
constexpr auto kLongestStream = std::chrono::hours(1);

Error StreamAged() {
  return {Code::kUnavailable,
          "STREAM_AGED",
          "The stream has been open for an hour; open it again with the last resume_token.",
          "连接已满一小时，请用最后的 resume_token 重新连接。",
          {},
          {},
          0};
}

}  // namespace

Error TooManyStreams() {
  return {Code::kResourceExhausted, "TOO_MANY_STREAMS", "Too many streams are open; wait and open it again.", "系统繁忙，请稍后重试。", {}, {}, 5'000'000};
}

void Follow(World& world, Pumps& pumps, std::string prefix, std::string after,
            std::function<Expected<bool>(const NeedState& state, bool caught_up, const std::string& key)> write, FeedEnd end, ChangeOffset offset_of) {
  if (!offset_of) offset_of = [](const NeedState& state) { return state.head_offset(); };
  struct Place {
    std::string after;
    bool caught_up = false;
    std::chrono::steady_clock::time_point until = std::chrono::steady_clock::now() + kLongestStream;
    Subscription watch;
  };
  auto place = std::make_shared<Place>();
  place->caught_up = !after.empty();
  place->after = std::move(after);
  auto finish = end.finish;
  auto pump = pumps.Add([&world, place, prefix, write = std::move(write), finish, offset_of = std::move(offset_of)]() -> Pumps::Next {
    if (std::chrono::steady_clock::now() >= place->until) {
      finish(StreamAged());
      return Pumps::Next::kDone;
    }
    auto page = ReadRows(world.view, prefix, place->after, kRowsAtATime);
    if (!page) {
      finish(page.error());
      return Pumps::Next::kDone;
    }
    for (const Row& row : page->rows) {
      auto state = StateNow(world, rows::SubjectOf(row.key));
      if (!state) {  // nothing would wake it for this row; the reader resumes
        finish(std::move(state.error()));
        return Pumps::Next::kDone;
      }
      // A state that has moved on has a later row: that one will say it.
      if (*state && offset_of(**state) == rows::NumberBeforeSubject(row.key)) {
        auto written = write(**state, place->caught_up, row.key);
        if (!written) {
          finish(std::move(written.error()));
          return Pumps::Next::kDone;
        }
        if (!*written) return Pumps::Next::kWait;
      }
      place->after = row.key;
    }
    if (!page->next_key.empty()) return Pumps::Next::kAgain;
    place->caught_up = true;
    return Pumps::Next::kWait;
  });
  if (!pump) return end.finish(TooManyStreams());
  place->watch = world.view.Watch(prefix, [pump] { pump->Wake(); });
  end.on_ready([pump] { pump->Wake(); });
  end.on_cancel([pump] { pump->Stop(); });
  pump->Wake();
}

}  // namespace gridloop
