// What forgetting a need takes away. Pure.
#pragma once

#include <string>
#include <vector>

#include "gridloop/store/v1/state.pb.h"
#include "gridloop/v1/event.pb.h"

namespace gridloop {

// Every key that seals anything of the need, 16 bytes each, sorted.
std::vector<std::string> KeysOf(const store::v1::NeedState& state);

// Would this event give a forgotten need new personal data, or bring it back? Then it is void.
bool BarredWhenForgotten(const v1::Event& event);

}  // namespace gridloop
