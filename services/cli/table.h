// Tables whose columns align also with Chinese text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gridloop::cli {

// Columns that a terminal needs for UTF-8 text: Chinese and other wide characters take two, combining ones none (Unicode
// Standard Annex 11, East Asian Width).
int DisplayWidth(std::string_view text);
// At most `width` columns, with … at the end if something was cut.
std::string Cut(std::string_view text, int width);

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  size_t size() const { return rows_.size() - 1; }
  // `longest` columns a cell, 0 is no limit. Line ends inside cells become spaces, other control characters go.
  std::string Text(int longest = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gridloop::cli
