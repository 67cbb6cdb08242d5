#include "commands/merges.h"

#include <algorithm>

#include "domain/merging.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

// From the named need to the one that goes on. A chain has no circle, and a need that ended 16 merges ago is told as it is.
constexpr size_t kLongestChain = 16;

using Chain = std::vector<std::shared_ptr<const NeedState>>;

Expected<Chain> ChainOf(World& world, std::string_view subject) {
  Chain chain;
  std::string at(subject);
  for (size_t i = 0; i < kLongestChain; ++i) {
    auto state = StateNow(world, at);
    if (!state) return std::unexpected(state.error());
    if (!*state) break;
    chain.push_back(*state);
    if ((*state)->stage() != v1::STAGE_MERGED) break;
    at = (*state)->survivor();
  }
  return chain;
}

// The same without waiting.
void FindChain(World& world, const std::string& subject, Chain chain, Callback<Expected<Chain>> done) {
  world.view.Get(subject, std::nullopt, [&world, chain = std::move(chain), done = std::move(done)](Expected<std::shared_ptr<const NeedState>> state) mutable {
    if (!state) return state.error().code == Code::kNotFound ? done(std::move(chain)) : done(std::unexpected(state.error()));
    chain.push_back(*state);
    if ((*state)->stage() != v1::STAGE_MERGED || chain.size() >= kLongestChain) return done(std::move(chain));
    FindChain(world, (*state)->survivor(), std::move(chain), std::move(done));
  });
}

}  // namespace

Expected<std::shared_ptr<const NeedState>> EndOfMerges(World& world, std::shared_ptr<const NeedState> named) {
  if (named->stage() != v1::STAGE_MERGED) return named;
  auto chain = ChainOf(world, named->survivor());
  if (!chain) return std::unexpected(chain.error());
  return chain->empty() ? named : chain->back();
}

void FindEndOfMerges(World& world, std::shared_ptr<const NeedState> named, Callback<Expected<std::shared_ptr<const NeedState>>> done) {
  if (named->stage() != v1::STAGE_MERGED) return done(std::move(named));
  const std::string survivor = named->survivor();
  world.view.Get(survivor, std::nullopt, [&world, done = std::move(done)](Expected<std::shared_ptr<const NeedState>> next) mutable {
    if (!next) return done(std::move(next));
    FindEndOfMerges(world, std::move(*next), std::move(done));
  });
}

void FollowMerges(World& world, const Caller& caller, const std::string& name, const std::string& request_id, std::string verb, bool own,
                  Callback<Expected<Followed>> done) {
  auto told = [caller, name, request_id, verb = std::move(verb), own, done = std::move(done)](Expected<Chain> chain) mutable {
    if (!chain) return done(std::unexpected(chain.error()));
    if (chain->empty()) return done(Followed{name, nullptr});
    const auto& named = chain->front();
    if (own && !HasReporterOfClient(*named, caller.client)) return done(Followed{name, named});
    for (const auto& state : *chain) {
      const std::string id = EventIdFor(state->subject(), caller.actor.principal(), request_id, verb);
      if (std::ranges::find(state->applied(), id, &store::v1::Applied::event_id) != state->applied().end()) return done(Followed{state->subject(), named});
    }
    const auto& survivor = chain->back();
    const auto& open = survivor->merging();
    if (chain->size() > 1 && survivor->has_merging() && !open.releasing() && open.need() == (*chain)[chain->size() - 2]->subject()) {
      return done(std::unexpected(Error{Code::kUnavailable,
                                        "MERGE_PENDING",
                                        "The need is being merged into another one; send it again in a moment.",
                                        "该件正在合并，请稍后重试。",
                                        {},
                                        {},
                                        1'000'000}));
    }
    done(Followed{survivor->subject(), named});
  };
  FindChain(world, name, {}, std::move(told));
}

void HideReporters(Event* event) {
  if (event->has_submitted()) event->mutable_submitted()->clear_reporter_ref();
  if (event->has_joined()) event->mutable_joined()->clear_reporter_ref();
  if (event->has_withdrawn()) event->mutable_withdrawn()->clear_reporter_ref();
  if (event->has_merge_confirmed()) {
    for (auto& who : *event->mutable_merge_confirmed()->mutable_reporters()) who.clear_reporter_ref();
  }
}

}  // namespace gridloop
