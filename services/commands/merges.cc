#include "commands/merges.h"

#include <algorithm>

#include "domain/merging.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

// From the named need to the one that goes on. A chain has no circle, and a need that ended 16 merges ago is told as it is.
constexpr int kLongestChain = 16;

Expected<std::vector<std::shared_ptr<const NeedState>>> ChainOf(World& world, std::string_view subject) {
  std::vector<std::shared_ptr<const NeedState>> chain;
  std::string at(subject);
  for (int i = 0; i < kLongestChain; ++i) {
    auto state = StateNow(world, at);
    if (!state) return std::unexpected(state.error());
    if (!*state) break;
    chain.push_back(*state);
    if ((*state)->stage() != v1::STAGE_MERGED) break;
    at = (*state)->survivor();
  }
  return chain;
}

}  // namespace

Expected<std::shared_ptr<const NeedState>> SurvivorOf(World& world, std::string_view subject) {
  auto chain = ChainOf(world, subject);
  if (!chain) return std::unexpected(chain.error());
  if (chain->empty()) return nullptr;
  const auto& survivor = chain->back();
  if (chain->size() > 1 && survivor->has_merging() && !survivor->merging().releasing() &&
      survivor->merging().need() == (*chain)[chain->size() - 2]->subject()) {
    Error error{
        Code::kUnavailable, "MERGE_PENDING", "The need is being merged into another one; send it again in a moment.", "该件正在合并，请稍后重试。", {}, {},
        1'000'000};
    return std::unexpected(std::move(error));
  }
  return survivor;
}

Expected<std::string> FollowMerges(World& world, const Caller& caller, const std::string& name, const std::string& request_id, std::string_view verb,
                                   bool own) {
  auto chain = ChainOf(world, name);
  if (!chain) return std::unexpected(chain.error());
  if (chain->empty() || (own && !HasReporterOfClient(*chain->front(), caller.client))) return name;
  for (const auto& state : *chain) {
    const std::string id = EventIdFor(state->subject(), caller.actor.principal(), request_id, verb);
    if (std::ranges::find(state->applied(), id, &store::v1::Applied::event_id) != state->applied().end()) return state->subject();
  }
  auto survivor = SurvivorOf(world, name);
  if (!survivor) return std::unexpected(survivor.error());
  return *survivor ? (*survivor)->subject() : name;
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
