// What the RPC methods of the services have in common: a request becomes a Command, an outcome becomes a response.
#pragma once

#include <utility>

#include "commands/command.h"

namespace gridloop {

using Decision = std::function<Expected<void>(const NeedState& head, const Snapshot* snapshot, int64_t now_us, Event& event)>;

// A clock by policy; without an active directory a day, which its rule says.
v1::ClockStart StartClock(const Snapshot* snapshot, v1::ClockKind kind, const NeedState& head, int64_t now_us,
                          v1::ClockKind chased = v1::CLOCK_KIND_UNSPECIFIED);

// A clock whose end somebody has chosen.
v1::ClockStart ClockUntil(v1::ClockKind kind, const std::string& rule, int64_t due_us);

template <class Request, class Response>
void Run(World& world, const Caller& caller, const Request& request, std::string verb, Event event, std::vector<FieldViolation> violations, Decision decide,
         Callback<Expected<Response>> reply) {
  Command command;
  command.name = request.name();
  command.request_id = request.request_id();
  command.etag = request.etag();
  command.verb = std::move(verb);
  command.request = &request;
  command.event = std::move(event);
  command.violations = std::move(violations);
  command.decide = std::move(decide);
  Execute(world, caller, std::move(command), [reply = std::move(reply)](Expected<v1::CommandOutcome> outcome) mutable {
    if (!outcome) return reply(std::unexpected(std::move(outcome.error())));
    Response response;
    *response.mutable_outcome() = std::move(*outcome);
    reply(std::move(response));
  });
}

}  // namespace gridloop
