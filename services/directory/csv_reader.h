// RFC 4180, as spreadsheets write it: quoted fields, doubled quotes, CRLF or LF, line breaks inside quotes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gridloop {

inline constexpr size_t kMaxCsvLineBytes = 64 * 1024;

struct CsvRow {
  int line = 0;  // 1-based, where the row begins
  std::vector<std::string> fields;
};

struct CsvProblem {
  int line = 0;
  std::string message;
  std::string remedy;
};

struct CsvContent {
  std::vector<CsvRow> rows;  // the header is the first; blank lines are left out
  std::vector<CsvProblem> problems;
};

// Pure. Reads on after a problem where it can, so that one look finds them all; rows with a problem are left out.
// Spaces around an unquoted field are dropped. A leading byte order mark must be gone already.
CsvContent ReadCsv(std::string_view bytes, size_t max_line_bytes = kMaxCsvLineBytes);

}  // namespace gridloop
