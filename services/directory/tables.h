// The tables as read: messages with the lines they came from, before they are checked against each other.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "directory/problems.h"
#include "gridloop/v1/directory.pb.h"

namespace gridloop {

template <class Message>
struct Row {
  Message value;
  int line = 0;
};

struct PostRow {
  std::string worker;
  v1::Post post;
};
struct ShiftRow {
  std::string worker;
  v1::Shift shift;
};
struct LeaveRow {
  std::string worker;
  v1::Validity days;
};

// A name in policy.yaml that a table must know.
struct PolicyReference {
  enum class Kind { kCategory, kType, kDanger, kUnit, kAreaPrefix };
  Kind kind;
  std::string value;
  int line;
  std::string key;  // path in the YAML
};

struct PolicyTable {
  v1::Policy policy;
  std::string display_name;
  int utc_offset_minutes = 0;
  std::vector<v1::OpeningSpan> opening_spans;
  int last_dated_year = 0;
  std::vector<PolicyReference> references;
  int limits_line = 0;
  int grades_line = 0;
};

// Ids are bare here ("s01"); the messages' names carry their collection ("units/s01").
struct Tables {
  std::vector<Row<v1::Unit>> units;
  std::vector<Row<v1::Community>> communities;
  std::vector<Row<v1::Coverage>> coverages;
  std::vector<Row<v1::GridAlias>> grid_aliases;
  std::vector<Row<v1::Institution>> institutions;
  std::vector<Row<v1::Organisation>> organisations;
  std::vector<Row<v1::Team>> teams;
  std::vector<Row<v1::Worker>> workers;
  std::vector<Row<PostRow>> posts;
  std::vector<Row<ShiftRow>> shifts;
  std::vector<Row<LeaveRow>> leaves;
  std::vector<Row<v1::DutyEntry>> duties;
  std::vector<Row<v1::Department>> departments;
  std::vector<Row<v1::Category>> categories;
  std::vector<Row<v1::NeedType>> types;
  std::vector<Row<v1::Danger>> dangers;
  std::vector<Row<v1::DatedDay>> dated_days;
  PolicyTable policy;
  // Files that could not be read as tables: what refers to them is not checked, so that one cause is one problem.
  std::set<std::string, std::less<>> unreadable;

  bool Readable(std::string_view path) const { return !unreadable.contains(path); }
};

// Text by file name, UTF-8 without byte order mark.
using Texts = std::map<std::string, std::string_view, std::less<>>;

// Every file name that a directory may hold, policy.yaml included, and whether it must.
const std::map<std::string, bool, std::less<>>& TableNames();

// Reads each file on its own. Files in `tables.unreadable` are skipped; more are added.
void ReadTables(const Texts& texts, Tables& tables, Problems& problems);
void ReadPolicy(std::string_view text, Tables& tables, Problems& problems);  // policy.yaml

// The value of an enum by its short word: URGENCY_CRISIS is "crisis", SOURCE_WALK_IN "walk-in". 0 if there is none.
int EnumByWord(const google::protobuf::EnumDescriptor* descriptor, std::string_view word);
std::string EnumWords(const google::protobuf::EnumDescriptor* descriptor);  // "routine, urgent, crisis"

bool IsId(std::string_view text, size_t max_length = 32);  // a–z, 0–9 and "-"
bool IsDigits(std::string_view text, size_t length);
int ParseMinutes(std::string_view text);  // "09:30" → 570, "24:00" → 1440; −1 if malformed
bool IsDate(std::string_view text);       // YYYY-MM-DD, and there is such a day
bool Overlap(const v1::Validity& a, const v1::Validity& b);

}  // namespace gridloop
