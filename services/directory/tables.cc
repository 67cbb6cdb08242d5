#include "directory/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <utility>

#include "directory/csv_reader.h"
#include "domain/calendar.h"

namespace gridloop {
namespace {

constexpr size_t kMaxNameBytes = 200;
constexpr size_t kMaxListItems = 64;

struct Column {
  std::string_view name;
  bool required = true;  // may the column itself be left out
};

struct TableSpec {
  std::string_view path;
  bool required;
  std::vector<Column> columns;
};

const std::vector<TableSpec>& Specs() {
  static const std::vector<TableSpec> specs = {
      {"units.csv", true, {{"id"}, {"display_name"}, {"kind"}, {"parent"}, {"phone", false}, {"address", false}, {"from_date", false}, {"to_date", false}}},
      {"communities.csv", true, {{"community_code"}, {"community_name"}, {"town_code"}, {"town_name"}, {"from_date", false}, {"to_date", false}}},
      {"coverage.csv", true, {{"area"}, {"unit"}, {"from_date", false}, {"to_date", false}}},
      {"grid_aliases.csv", false, {{"alias"}, {"grid_code"}, {"from_date", false}, {"to_date", false}}},
      {"institutions.csv", false, {{"id"}, {"display_name"}, {"community"}, {"from_date", false}, {"to_date", false}}},
      {"organisations.csv", false, {{"id"}, {"display_name"}, {"from_date", false}, {"to_date", false}}},
      {"teams.csv", false, {{"id"}, {"organisation"}, {"display_name"}, {"from_date", false}, {"to_date", false}}},
      {"workers.csv",
       true,
       {{"id"},
        {"display_name"},
        {"organisation", false},
        {"team", false},
        {"certificate", false},
        {"skills", false},
        {"capacity", false},
        {"from_date", false},
        {"to_date", false}}},
      {"posts.csv", true, {{"worker"}, {"unit"}, {"head", false}, {"from_date", false}, {"to_date", false}}},
      {"shifts.csv", false, {{"worker"}, {"weekday"}, {"start"}, {"end"}, {"from_date", false}, {"to_date", false}}},
      {"leaves.csv", false, {{"worker"}, {"from_date"}, {"to_date"}}},
      {"duty.csv", true, {{"unit"}, {"date"}, {"worker"}}},
      {"departments.csv", false, {{"id"}, {"display_name"}, {"phone", false}, {"from_date", false}, {"to_date", false}}},
      {"categories.csv",
       true,
       {{"id"},
        {"display_name"},
        {"temporary", false},
        {"restricted", false},
        {"withdrawal_barred", false},
        {"skills", false},
        {"recognition", false},
        {"from_date", false},
        {"to_date", false}}},
      {"types.csv", true, {{"id"}, {"display_name"}, {"skills", false}, {"from_date", false}, {"to_date", false}}},
      {"dangers.csv", true, {{"id"}, {"display_name"}, {"urgency"}, {"restricted", false}, {"from_date", false}, {"to_date", false}}},
      {"calendar.csv", true, {{"date"}, {"kind"}, {"display_name", false}, {"source"}}},
  };
  return specs;
}

std::string ColumnNames(const TableSpec& spec) {
  std::vector<std::string_view> names;
  for (const Column& column : spec.columns) names.push_back(column.name);
  return fmt::format("{}", fmt::join(names, ","));
}

// What a cell holds may be personal, so a message quotes it only where it is a code, and never at length.
std::string Quote(std::string_view text) {
  constexpr size_t kMaxQuoted = 40;
  if (text.size() <= kMaxQuoted) return fmt::format("\"{}\"", text);
  size_t end = kMaxQuoted;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return fmt::format("\"{}…\"", text.substr(0, end));
}

// One row's cells by column name. A malformed cell is reported and reads as empty.
class Cells {
 public:
  Cells(std::string_view path, const std::unordered_map<std::string, size_t>& columns, const CsvRow& row, Problems& problems)
      : path_(path), columns_(columns), row_(row), problems_(problems) {}

  int line() const { return row_.line; }
  // False once a cell that identifies the row was malformed: the row cannot be used.
  bool usable() const { return usable_; }

  void Complain(std::string_view column, std::string message, std::string remedy) {
    problems_.Error(path_, row_.line, std::string(column), std::move(message), std::move(remedy));
  }

  std::string Raw(std::string_view column) const {
    auto found = columns_.find(std::string(column));
    return found == columns_.end() ? std::string() : row_.fields[found->second];
  }

  std::string Text(std::string_view column, bool required = false) {
    std::string text = Raw(column);
    if (text.empty() && required) Complain(column, "is empty", "Fill it in.");
    if (text.size() > kMaxNameBytes) {
      Complain(column, fmt::format("is longer than {} bytes", kMaxNameBytes), "Shorten it.");
      return {};
    }
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
      Complain(column, "holds a line break or another control character", "Write it in one line.");
      return {};
    }
    return text;
  }

  std::string OptionalId(std::string_view column, size_t max_length = 32) {
    std::string text = Raw(column);
    if (text.empty() || IsId(text, max_length)) return text;
    Complain(column, fmt::format("{} is not an id", Quote(text)), fmt::format("Use 1–{} characters of a–z, 0–9 and \"-\".", max_length));
    usable_ = false;
    return {};
  }

  std::string Id(std::string_view column, size_t max_length = 32) {
    std::string text = OptionalId(column, max_length);
    if (text.empty() && Raw(column).empty()) {
      Complain(column, "is empty", "Every row needs it.");
      usable_ = false;
    }
    return text;
  }

  std::string Digits(std::string_view column, size_t length) {
    std::string text = Raw(column);
    if (IsDigits(text, length)) return text;
    Complain(column, fmt::format("{} is not a code of {} digits", Quote(text), length),
             fmt::format("Write all {} digits. A spreadsheet must keep the column as text (a code like 3.2E+11 is lost).", length));
    usable_ = false;
    return {};
  }

  std::string Date(std::string_view column, bool required) {
    std::string text = Raw(column);
    if (text.empty() && !required) return text;
    if (IsDate(text)) return text;
    Complain(column, text.empty() ? "is empty" : fmt::format("{} is not a date", Quote(text)), "Write the day as YYYY-MM-DD, e.g. 2026-01-31.");
    if (required) usable_ = false;
    return {};
  }

  void Days(v1::Validity* validity, bool required = false) {
    validity->set_from_date(Date("from_date", required));
    validity->set_to_date(Date("to_date", required));
    if (!validity->from_date().empty() && !validity->to_date().empty() && validity->from_date() > validity->to_date()) {
      Complain("to_date", fmt::format("ends on {}, before it begins on {}", validity->to_date(), validity->from_date()),
               "Put the earlier day in from_date; both days are included.");
      validity->clear_to_date();
    }
  }

  // A row without dates gets none, so that it has the same bytes whether or not its table has the columns.
  template <class Message>
  void Dates(Message* message) {
    v1::Validity validity;
    Days(&validity);
    if (!validity.from_date().empty() || !validity.to_date().empty()) *message->mutable_validity() = std::move(validity);
  }

  bool Flag(std::string_view column) {
    std::string text = Raw(column);
    if (text == "yes" || text == "true" || text == "是" || text == "1" || text == "TRUE") return true;
    if (!text.empty() && text != "no" && text != "false" && text != "否" && text != "0" && text != "FALSE") {
      Complain(column, fmt::format("{} is neither yes nor no", Quote(text)), "Write yes, no, or nothing for no.");
    }
    return false;
  }

  int Number(std::string_view column, int lowest, int highest, bool required) {
    std::string text = Raw(column);
    if (text.empty() && !required) return 0;
    int number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number >= lowest && number <= highest) {
      return number;
    }
    Complain(column, text.empty() ? "is empty" : fmt::format("{} is not a number from {} to {}", Quote(text), lowest, highest),
             fmt::format("Write a whole number from {} to {}.", lowest, highest));
    return 0;
  }

  int Minutes(std::string_view column) {
    int minutes = ParseMinutes(Raw(column));
    if (minutes >= 0) return minutes;
    Complain(column, fmt::format("{} is not a time of day", Quote(Raw(column))), "Write HH:MM, 00:00 to 24:00.");
    usable_ = false;
    return 0;
  }

  std::string Phone(std::string_view column) {
    std::string text = Raw(column);
    if (text.empty()) return text;
    const bool well_formed =
        text.size() >= 3 && text.size() <= 32 &&
        std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == ' ' || c == '(' || c == ')'; }) &&
        std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) >= 3;
    if (well_formed) return text;
    Complain(column, "is not a phone number", "Use 3–32 characters: digits, \"+\", \"-\", spaces, round brackets.");
    return {};
  }

  template <class Enum>
  Enum Word(std::string_view column) {
    const google::protobuf::EnumDescriptor* descriptor = google::protobuf::GetEnumDescriptor<Enum>();
    int number = EnumByWord(descriptor, Raw(column));
    if (number == 0) {
      Complain(column, Raw(column).empty() ? "is empty" : fmt::format("{} is not known", Quote(Raw(column))),
               fmt::format("Use one of: {}.", EnumWords(descriptor)));
      usable_ = false;
    }
    return static_cast<Enum>(number);
  }

  std::vector<std::string> List(std::string_view column) {
    std::vector<std::string> items;
    const std::string text = Raw(column);
    for (size_t begin = 0; begin < text.size();) {
      size_t end = std::min(text.find('|', begin), text.size());
      std::string item = text.substr(begin, end - begin);
      item.erase(0, std::min(item.find_first_not_of(' '), item.size()));
      item.erase(item.find_last_not_of(' ') + 1);
      if (item.empty()) {
        Complain(column, "has an empty item", "Separate items by one \"|\".");
      } else {
        items.push_back(std::move(item));
      }
      begin = end + 1;
    }
    if (items.size() > kMaxListItems) {
      Complain(column, fmt::format("has more than {} items", kMaxListItems), "Drop some.");
      items.resize(kMaxListItems);
    }
    return items;
  }

  template <class Field>
  void Ids(std::string_view column, Field* field) {
    for (std::string& id : List(column)) {
      if (!IsId(id)) {
        Complain(column, fmt::format("{} is not an id", Quote(id)), "Use ids of a–z, 0–9 and \"-\", separated by \"|\".");
      } else if (std::find(field->begin(), field->end(), id) != field->end()) {
        Complain(column, fmt::format("{} stands twice", Quote(id)), "Keep one.");
      } else {
        *field->Add() = std::move(id);
      }
    }
  }

 private:
  std::string path_;
  const std::unordered_map<std::string, size_t>& columns_;
  const CsvRow& row_;
  Problems& problems_;
  bool usable_ = true;
};

// Columns by name, or nothing if the header cannot be used.
std::optional<std::unordered_map<std::string, size_t>> ReadHeader(const TableSpec& spec, const CsvRow& header, Problems& problems) {
  const std::string path(spec.path);
  std::unordered_map<std::string, size_t> columns;
  bool good = true;
  for (size_t index = 0; index < header.fields.size(); ++index) {
    const std::string& name = header.fields[index];
    const bool known = std::any_of(spec.columns.begin(), spec.columns.end(), [&](const Column& column) { return column.name == name; });
    if (!known) {
      problems.Error(path, header.line, name, fmt::format("there is no column {} in this table", Quote(name)),
                     fmt::format("The columns are {}, separated by \",\" (not \"，\" or \";\").", ColumnNames(spec)));
    } else if (!columns.emplace(name, index).second) {
      problems.Error(path, header.line, name, "the column stands twice", "Keep one.");
    }
  }
  for (const Column& column : spec.columns) {
    if (!column.required || columns.contains(std::string(column.name))) continue;
    problems.Error(path, header.line, std::string(column.name), "the column is missing",
                   fmt::format("Add it to the first line; the columns are {}.", ColumnNames(spec)));
    good = false;
  }
  if (!good) return std::nullopt;
  return columns;
}

// Calls read(cells) for each row whose number of fields is right.
template <class Read>
void ReadTable(std::string_view path, const Texts& texts, Tables& tables, Problems& problems, Read read) {
  const auto text = texts.find(path);
  if (text == texts.end() || !tables.Readable(path)) return;
  const TableSpec& spec = *std::find_if(Specs().begin(), Specs().end(), [&](const TableSpec& candidate) { return candidate.path == path; });
  CsvContent content = ReadCsv(text->second);
  for (CsvProblem& problem : content.problems) {
    problems.Error(std::string(path), problem.line, "", std::move(problem.message), std::move(problem.remedy));
  }
  if (content.rows.empty()) {
    problems.Error(std::string(path), 1, "", "the table has no header", fmt::format("Begin it with the line {}", ColumnNames(spec)));
    tables.unreadable.emplace(path);
    return;
  }
  const auto columns = ReadHeader(spec, content.rows.front(), problems);
  if (!columns) {
    tables.unreadable.emplace(path);
    return;
  }
  const size_t width = content.rows.front().fields.size();
  for (size_t index = 1; index < content.rows.size(); ++index) {
    const CsvRow& row = content.rows[index];
    if (row.fields.size() != width) {
      problems.Error(std::string(path), row.line, "", fmt::format("the line has {} fields, the header {}", row.fields.size(), width),
                     "Give every column a field, empty if need be; quote a field that holds a comma.");
      continue;
    }
    Cells cells(path, *columns, row, problems);
    read(cells);
  }
}

// Adds the row if its cells can be used and its key is new.
template <class Message>
class Adder {
 public:
  Adder(std::vector<Row<Message>>& rows, std::string_view key_column) : rows_(rows), key_column_(key_column) {}

  void operator()(Cells& cells, Message value, const std::string& key) {
    if (!cells.usable()) return;
    auto [first, is_new] = lines_.emplace(key, cells.line());
    if (!is_new) {
      cells.Complain(key_column_, fmt::format("{} stands in line {} already", Quote(key), first->second),
                     "Keep one of the two lines, or give this one an id of its own.");
      return;
    }
    rows_.push_back({std::move(value), cells.line()});
  }

 private:
  std::vector<Row<Message>>& rows_;
  std::string_view key_column_;
  std::unordered_map<std::string, int> lines_;
};

template <class Field>
void Assign(Field* field, std::vector<std::string> items) {
  for (std::string& item : items) *field->Add() = std::move(item);
}

std::string UnitName(const std::string& id) { return id.empty() ? id : "units/" + id; }
std::string WorkerName(const std::string& id) { return id.empty() ? id : "workers/" + id; }

}  // namespace

const std::map<std::string, bool, std::less<>>& TableNames() {
  static const std::map<std::string, bool, std::less<>> names = [] {
    std::map<std::string, bool, std::less<>> result{{"policy.yaml", true}};
    for (const TableSpec& spec : Specs()) result.emplace(spec.path, spec.required);
    return result;
  }();
  return names;
}

void ReadTables(const Texts& texts, Tables& tables, Problems& problems) {
  auto read = [&](std::string_view path, auto row) { ReadTable(path, texts, tables, problems, row); };
  // Rows that may share an id: whether their days overlap is seen when all are there.
  auto add = [](auto& rows, const Cells& cells, auto row) {
    if (cells.usable()) rows.push_back({std::move(row), cells.line()});
  };

  read("units.csv", [add = Adder(tables.units, "id")](Cells& cells) mutable {
    v1::Unit unit;
    const std::string id = cells.Id("id");
    unit.set_name(UnitName(id));
    unit.set_display_name(cells.Text("display_name", true));
    unit.set_kind(cells.Word<v1::UnitKind>("kind"));
    unit.set_parent(UnitName(cells.OptionalId("parent")));
    unit.set_phone(cells.Phone("phone"));
    unit.set_address(cells.Text("address"));
    cells.Dates(&unit);
    add(cells, std::move(unit), id);
  });
  read("communities.csv", [&](Cells& cells) {
    v1::Community community;
    community.set_code(cells.Digits("community_code", 12));
    community.set_display_name(cells.Text("community_name", true));
    community.set_town_code(cells.Digits("town_code", 9));
    community.set_town_display_name(cells.Text("town_name", true));
    if (cells.usable() && !community.code().starts_with(community.town_code())) {
      cells.Complain("town_code", fmt::format("{} does not begin with {}", community.code(), community.town_code()),
                     "A community's code begins with its town's 9 digits.");
    }
    cells.Dates(&community);
    add(tables.communities, cells, std::move(community));
  });
  read("coverage.csv", [&](Cells& cells) {
    v1::Coverage coverage;
    coverage.set_area(cells.Id("area", 64));
    coverage.set_unit(UnitName(cells.Id("unit")));
    cells.Dates(&coverage);
    if (cells.usable()) tables.coverages.push_back({std::move(coverage), cells.line()});
  });
  read("grid_aliases.csv", [&](Cells& cells) {
    v1::GridAlias alias;
    alias.set_alias(cells.Text("alias", true));
    if (alias.alias().size() > 32 || alias.alias().find(' ') != std::string::npos) {
      cells.Complain("alias", "is not a code", "Use 1–32 characters without spaces.");
      return;
    }
    alias.set_grid_code(cells.Raw("grid_code"));
    if (!IsDigits(alias.grid_code(), 15) && !IsDigits(alias.grid_code(), 12)) {
      cells.Complain("grid_code", fmt::format("{} is neither 15 nor 12 digits", Quote(alias.grid_code())),
                     "Write a grid code (15 digits) or a community code (12 digits).");
      return;
    }
    cells.Dates(&alias);
    if (!alias.alias().empty()) tables.grid_aliases.push_back({std::move(alias), cells.line()});
  });
  read("institutions.csv", [&](Cells& cells) {
    v1::Institution institution;
    institution.set_id(cells.Id("id", 64));
    institution.set_display_name(cells.Text("display_name", true));
    institution.set_community(cells.Digits("community", 12));
    cells.Dates(&institution);
    add(tables.institutions, cells, std::move(institution));
  });
  read("organisations.csv", [&](Cells& cells) {
    v1::Organisation organisation;
    organisation.set_id(cells.Id("id"));
    organisation.set_display_name(cells.Text("display_name", true));
    cells.Dates(&organisation);
    add(tables.organisations, cells, std::move(organisation));
  });
  read("teams.csv", [&](Cells& cells) {
    v1::Team team;
    team.set_id(cells.Id("id"));
    team.set_organisation(cells.Id("organisation"));
    team.set_display_name(cells.Text("display_name", true));
    cells.Dates(&team);
    add(tables.teams, cells, std::move(team));
  });
  read("workers.csv", [&](Cells& cells) {
    v1::Worker worker;
    worker.set_name(WorkerName(cells.Id("id")));
    worker.set_display_name(cells.Text("display_name", true));
    worker.set_organisation(cells.OptionalId("organisation"));
    worker.set_team(cells.OptionalId("team"));
    worker.set_certificate(cells.Raw("certificate"));
    if (!worker.certificate().empty() && worker.certificate() != "assistant" && worker.certificate() != "social-worker" && worker.certificate() != "senior") {
      cells.Complain("certificate", fmt::format("{} is not known", Quote(worker.certificate())), "Use one of: assistant, social-worker, senior, or nothing.");
      worker.clear_certificate();
    }
    cells.Ids("skills", worker.mutable_skills());
    worker.set_capacity(cells.Number("capacity", 0, 1000, false));
    cells.Dates(&worker);
    add(tables.workers, cells, std::move(worker));
  });
  read("posts.csv", [&](Cells& cells) {
    PostRow row;
    row.worker = cells.Id("worker");
    row.post.set_unit(UnitName(cells.Id("unit")));
    row.post.set_head(cells.Flag("head"));
    cells.Dates(&row.post);
    if (cells.usable()) tables.posts.push_back({std::move(row), cells.line()});
  });
  read("shifts.csv", [&](Cells& cells) {
    ShiftRow row;
    row.worker = cells.Id("worker");
    row.shift.set_weekday(cells.Number("weekday", 1, 7, true));
    row.shift.set_start_minute(cells.Minutes("start"));
    row.shift.set_end_minute(cells.Minutes("end"));
    cells.Dates(&row.shift);
    if (!cells.usable() || row.shift.weekday() == 0) return;
    if (row.shift.start_minute() >= row.shift.end_minute()) {
      cells.Complain("end", "the shift ends before it begins", "A shift past midnight is two lines, one for each day.");
      return;
    }
    tables.shifts.push_back({std::move(row), cells.line()});
  });
  read("leaves.csv", [&](Cells& cells) {
    LeaveRow row;
    row.worker = cells.Id("worker");
    cells.Days(&row.days, true);
    if (cells.usable()) tables.leaves.push_back({std::move(row), cells.line()});
  });
  read("duty.csv", [add = Adder(tables.duties, "worker")](Cells& cells) mutable {
    v1::DutyEntry duty;
    duty.set_unit(UnitName(cells.Id("unit")));
    duty.set_date(cells.Date("date", true));
    duty.set_worker(WorkerName(cells.Id("worker")));
    const std::string key = fmt::format("{} {} {}", cells.Raw("unit"), duty.date(), cells.Raw("worker"));
    add(cells, std::move(duty), key);
  });
  read("departments.csv", [&](Cells& cells) {
    v1::Department department;
    department.set_id(cells.Id("id"));
    department.set_display_name(cells.Text("display_name", true));
    department.set_phone(cells.Phone("phone"));
    cells.Dates(&department);
    add(tables.departments, cells, std::move(department));
  });
  read("categories.csv", [&](Cells& cells) {
    v1::Category category;
    category.set_id(cells.Id("id"));
    category.set_display_name(cells.Text("display_name", true));
    category.set_temporary(cells.Flag("temporary"));
    category.set_restricted(cells.Flag("restricted"));
    category.set_withdrawal_barred(cells.Flag("withdrawal_barred"));
    cells.Ids("skills", category.mutable_skills());
    Assign(category.mutable_recognition(), cells.List("recognition"));
    cells.Dates(&category);
    add(tables.categories, cells, std::move(category));
  });
  read("types.csv", [&](Cells& cells) {
    v1::NeedType type;
    type.set_id(cells.Id("id"));
    type.set_display_name(cells.Text("display_name", true));
    cells.Ids("skills", type.mutable_skills());
    cells.Dates(&type);
    add(tables.types, cells, std::move(type));
  });
  read("dangers.csv", [&](Cells& cells) {
    v1::Danger danger;
    danger.set_id(cells.Id("id"));
    danger.set_display_name(cells.Text("display_name", true));
    danger.set_urgency(cells.Word<v1::Urgency>("urgency"));
    danger.set_restricted(cells.Flag("restricted"));
    cells.Dates(&danger);
    add(tables.dangers, cells, std::move(danger));
  });
  read("calendar.csv", [add = Adder(tables.dated_days, "date")](Cells& cells) mutable {
    v1::DatedDay day;
    day.set_date(cells.Date("date", true));
    day.set_kind(cells.Word<v1::DayKind>("kind"));
    day.set_display_name(cells.Text("display_name"));
    day.set_source(cells.Text("source", true));
    const std::string date = day.date();
    add(cells, std::move(day), date);
  });
}

int EnumByWord(const google::protobuf::EnumDescriptor* descriptor, std::string_view word) {
  // The zero value's name is the prefix and UNSPECIFIED.
  const std::string& zero = descriptor->FindValueByNumber(0)->name();
  std::string name = zero.substr(0, zero.rfind('_') + 1);
  for (char c : word) {
    if (!(c >= 'a' && c <= 'z') && c != '-') return 0;
    name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  }
  const google::protobuf::EnumValueDescriptor* value = descriptor->FindValueByName(name);
  return value == nullptr ? 0 : value->number();
}

std::string EnumWords(const google::protobuf::EnumDescriptor* descriptor) {
  const std::string& zero = descriptor->FindValueByNumber(0)->name();
  const size_t prefix = zero.rfind('_') + 1;
  std::string words;
  for (int index = 0; index < descriptor->value_count(); ++index) {
    if (descriptor->value(index)->number() == 0) continue;
    if (!words.empty()) words += ", ";
    for (char c : descriptor->value(index)->name().substr(prefix)) {
      words += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return words;
}

bool IsId(std::string_view text, size_t max_length) {
  return !text.empty() && text.size() <= max_length &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool IsDigits(std::string_view text, size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int ParseMinutes(std::string_view text) {
  if (text.size() != 5 || text[2] != ':' || !IsDigits(text.substr(0, 2), 2) || !IsDigits(text.substr(3), 2)) return -1;
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (minutes > 59 || hours * 60 + minutes > 24 * 60) return -1;
  return hours * 60 + minutes;
}

bool Overlap(const v1::Validity& a, const v1::Validity& b) {
  return (a.to_date().empty() || b.from_date() <= a.to_date()) && (b.to_date().empty() || a.from_date() <= b.to_date());
}

bool IsDate(std::string_view text) {
  return text.size() == 10 && text[4] == '-' && text[7] == '-' && IsDigits(text.substr(0, 4), 4) && IsDigits(text.substr(5, 2), 2) &&
         IsDigits(text.substr(8), 2) && DaysFromDate(text) != INT64_MIN;
}

}  // namespace gridloop
