#include "cli/table.h"

#include <algorithm>
#include <cstdint>

namespace gridloop::cli {
namespace {

struct Character {
  uint32_t code = 0;
  size_t size = 1;
};

Character At(std::string_view text, size_t at) {
  auto lead = static_cast<unsigned char>(text[at]);
  size_t size = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 1;
  if (size == 1 || at + size > text.size()) return {lead, 1};
  uint32_t code = lead & (0xFFU >> (size + 1));
  for (size_t i = 1; i < size; ++i) code = (code << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  return {code, size};
}

int WidthOf(uint32_t c) {
  struct Range {
    uint32_t first, last;
  };
  static constexpr Range kNone[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
  static constexpr Range kWide[] = {{0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},  {0x4E00, 0x9FFF},
                                    {0xA000, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE4F},  {0xFF00, 0xFF60},
                                    {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
  auto in = [c](const Range& range) { return c >= range.first && c <= range.last; };
  if (c < 0x20 || c == 0x7F || std::ranges::any_of(kNone, in)) return 0;
  return std::ranges::any_of(kWide, in) ? 2 : 1;
}

std::string OneLine(const std::string& text) {
  std::string line;
  for (char c : text) {
    if (c == '\n' || c == '\t') {
      line.push_back(' ');
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {  // an escape sequence must not reach the terminal
      line.push_back(c);
    }
  }
  return line;
}

}  // namespace

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t i = 0; i < text.size();) {
    Character c = At(text, i);
    width += WidthOf(c.code);
    i += c.size;
  }
  return width;
}

std::string Cut(std::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  std::string cut;
  int used = 0;
  for (size_t i = 0; i < text.size();) {
    Character c = At(text, i);
    if (used + WidthOf(c.code) > width - 1) break;
    used += WidthOf(c.code);
    cut.append(text.substr(i, c.size));
    i += c.size;
  }
  return cut + "…";
}

std::string Table::Text(int longest) const {
  std::vector<std::vector<std::string>> rows;
  std::vector<int> widths;
  for (const auto& row : rows_) {
    auto& cells = rows.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      std::string cell = OneLine(row[i]);
      if (longest > 0) cell = Cut(cell, longest);
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], DisplayWidth(cell));
      cells.push_back(std::move(cell));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(static_cast<size_t>(widths[i] - DisplayWidth(row[i])) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace gridloop::cli
