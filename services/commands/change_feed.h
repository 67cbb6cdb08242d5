// Streams needs as they change: first what is there, oldest change first, then each new change. Changes of one need that
// come faster than they are read become one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "commands/command.h"
#include "commands/pumps.h"
#include "ports/stream.h"

namespace gridloop {

// The stream's end as a feed needs it.
struct FeedEnd {
  std::function<void(Error)> finish;
  std::function<void(std::function<void()>)> on_ready, on_cancel;
};

// The offset in a state's row of last changes; its head's unless a feed has rows of its own.
using ChangeOffset = std::function<uint64_t(const NeedState& state)>;

// `write` gives false when the reader is slow; it is called again with the same row when there is room. Its error ends the
// stream, whose reader resumes by the last token.
void Follow(World& world, Pumps& pumps, std::string prefix, std::string after,
            std::function<Expected<bool>(const NeedState& state, bool caught_up, const std::string& key)> write, FeedEnd end, ChangeOffset offset_of = {});

// The same for a sink: `make` gives the message for a need, or nothing to skip it.
template <class Response>
void Follow(World& world, Pumps& pumps, std::string prefix, std::string after,
            std::function<Expected<std::optional<Response>>(const NeedState& state, bool caught_up, const std::string& key)> make,
            std::shared_ptr<Sink<Response>> sink, ChangeOffset offset_of = {}) {
  FeedEnd end{[sink](Error error) { sink->Finish(std::move(error)); }, [sink](auto ready) { sink->OnReady(std::move(ready)); },
              [sink](auto cancel) { sink->OnCancel(std::move(cancel)); }};
  Follow(
      world, pumps, std::move(prefix), std::move(after),
      [sink, make = std::move(make)](const NeedState& state, bool caught_up, const std::string& key) -> Expected<bool> {
        auto message = make(state, caught_up, key);
        if (!message) return std::unexpected(message.error());
        return !*message || sink->Write(**message);
      },
      std::move(end), std::move(offset_of));
}

// TOO_MANY_STREAMS: every pump is in use.
Error TooManyStreams();

}  // namespace gridloop
