// A month's figures as a sheet: the rows that a terminal's table and an office's CSV share. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gridloop/v1/audit_service.pb.h"

namespace gridloop::cli {

enum class Language { kEnglish, kChinese };
// By the value of LC_ALL, LC_MESSAGES or LANG: zh… is Chinese, anything else English.
Language LanguageOf(std::string_view locale);

// Heading first. Every row has as many cells as the heading: figure, key, name, count, mean, median and ninth decile in minutes, count
// as corrected. What is withheld reads "<3", what too few observations do not tell "–".
std::vector<std::vector<std::string>> FigureRows(const v1::GetFiguresResponse& figures, Language language);

// RFC 4180 with CRLF, in UTF-8 behind a byte order mark, without which office programs take it for another encoding. Month, station and
// number of the freeze are columns of every row, so that sheets can be put together.
std::string FiguresCsv(const v1::GetFiguresResponse& figures, Language language);

// One cell: quoted where it must be; what a spreadsheet would take for a formula (= + - @, tab, carriage return at its beginning) gets an
// apostrophe before it.
std::string CsvCell(std::string_view text);

}  // namespace gridloop::cli
