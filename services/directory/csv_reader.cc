#include "directory/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gridloop {
namespace {

std::string Trim(const std::string& field) {
  size_t begin = field.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return field.substr(begin, field.find_last_not_of(" \t") - begin + 1);
}

bool IsBlank(const CsvRow& row) {
  return std::all_of(row.fields.begin(), row.fields.end(), [](const std::string& field) { return field.empty(); });
}

}  // namespace

CsvContent ReadCsv(std::string_view bytes, size_t max_line_bytes) {
  CsvContent content;
  size_t at = 0;
  int line = 1;
  while (at < bytes.size()) {
    CsvRow row{line, {}};
    const size_t row_begin = at;
    bool row_ended = false;
    bool bad = false;
    auto complain = [&](int where, std::string message, std::string remedy) {
      content.problems.push_back({where, std::move(message), std::move(remedy)});
      bad = true;
    };
    while (!row_ended) {
      std::string field;
      if (at < bytes.size() && bytes[at] == '"') {
        const int opened = line;
        const size_t quoted_begin = at;
        bool closed = false;
        for (++at; at < bytes.size();) {
          if (bytes[at] == '"') {
            if (at + 1 < bytes.size() && bytes[at + 1] == '"') {
              field += '"';
              at += 2;
              continue;
            }
            ++at;
            closed = true;
            break;
          }
          // A forgotten quote would swallow the rest of the table: give up on it after one line's worth of bytes.
          if (at - quoted_begin > max_line_bytes) break;
          if (bytes[at] == '\n') ++line;
          field += bytes[at++];
        }
        if (!closed) {
          complain(opened, "a quoted field is never closed", "Add the closing double quote, or drop the opening one.");
          // Read on at the next line, as if the quote were not there.
          at = bytes.find('\n', quoted_begin);
          line = opened;
          if (at == std::string_view::npos) at = bytes.size();
        } else if (at < bytes.size() && bytes[at] != ',' && bytes[at] != '\n' && bytes[at] != '\r') {
          complain(line, "text follows the closing quote of a field", "Quote the whole field and double each quote inside it.");
          while (at < bytes.size() && bytes[at] != ',' && bytes[at] != '\n') ++at;
        }
      } else {
        bool stray_quote = false;
        const size_t begin = at;
        while (at < bytes.size() && bytes[at] != ',' && bytes[at] != '\n') {
          if (bytes[at] == '"') stray_quote = true;
          ++at;
        }
        size_t end = at;
        if (end > begin && bytes[end - 1] == '\r') --end;
        field = Trim(std::string(bytes.substr(begin, end - begin)));
        if (stray_quote) {
          complain(line, "a quote stands inside a field that is not quoted", "Quote the whole field and double each quote inside it.");
        }
      }
      row.fields.push_back(std::move(field));
      if (at < bytes.size() && bytes[at] == '\r') ++at;
      if (at >= bytes.size()) {
        row_ended = true;
      } else if (bytes[at] == ',') {
        ++at;
      } else if (bytes[at] == '\n') {
        ++at;
        ++line;
        row_ended = true;
      } else {
        complain(line, "a carriage return stands inside a line", "Save the file with CRLF or LF line ends.");
      }
      if (!row_ended && at - row_begin > max_line_bytes) break;
    }
    if (!row_ended || at - row_begin > max_line_bytes + 2) {  // its line end may be two bytes
      complain(row.line, fmt::format("the line is longer than {} bytes", max_line_bytes), "Shorten it.");
      if (!row_ended) {
        at = bytes.find('\n', at);
        at = at == std::string_view::npos ? bytes.size() : at + 1;
        ++line;
      }
    }
    if (!bad && !IsBlank(row)) content.rows.push_back(std::move(row));
  }
  return content;
}

}  // namespace gridloop
