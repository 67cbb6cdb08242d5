#include "domain/forgetting.h"

#include <algorithm>

namespace gridloop {

std::vector<std::string> KeysOf(const store::v1::NeedState& state) {
  std::vector<std::string> keys(state.key_ids().begin(), state.key_ids().end());
  for (const auto& conflict : state.conflicts()) {
    if (!conflict.key_id().empty()) keys.push_back(conflict.key_id());
  }
  keys.insert(keys.end(), state.set_aside_key_ids().begin(), state.set_aside_key_ids().end());
  std::ranges::sort(keys);
  auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  return keys;
}

bool BarredWhenForgotten(const v1::Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_REOPENED:
    case v1::EVENT_TYPE_AFTER_VISIT_RECORDED:
    case v1::EVENT_TYPE_SUPERVISION_NOTE_ADDED:
    case v1::EVENT_TYPE_FORGOTTEN:
      return true;
    default:
      return !event.sealed().empty();
  }
}

}  // namespace gridloop
