// JSON as YAML 1.2 that YAML 1.1 readers take for the same.
#pragma once

#include <string>
#include <string_view>

namespace gridloop::cli {

// One JSON value to a YAML document in block style, fields in their order. Texts that a reader could take for something else (numbers,
// times, "yes", what begins with a sign) are quoted, texts of several lines are literal blocks. JSON that is none gives an empty text.
std::string YamlOf(std::string_view json);

}  // namespace gridloop::cli
