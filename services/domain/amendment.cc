#include "domain/amendment.h"

#include <algorithm>
#include <array>

namespace gridloop {

bool IsAmendable(std::string_view field) {
  static constexpr std::array<std::string_view, 8> kFields = {"categories", "dangers", "location", "reported_urgency",
                                                              "restricted", "subject", "summary",  "type"};
  return std::ranges::binary_search(kFields, field);
}

}  // namespace gridloop
