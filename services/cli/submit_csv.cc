// A table of reports, sent over one stream as an upstream app would.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "cli/report_fields.h"
#include "cli/verbs.h"
#include "directory/csv_reader.h"
#include "directory/encoding.h"
#include "domain/rpc_status.h"
#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::cli {
namespace {

constexpr std::streamsize kLargestFileBytes = 256 << 20;

struct Item {
  int line = 0;
  v1::SubmitNeedRequest request;
};

// False: something of the file is wrong, each problem printed with its line.
bool ReadItems(const std::string& path, std::vector<Item>* items) {
  bool good = true;
  auto wrong = [&](int line, const std::string& message) {
    fmt::print(stderr, "{}:{}: {}\n", path, line, message);
    good = false;
  };
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return wrong(0, "cannot be read"), false;
  if (file.tellg() > kLargestFileBytes) return wrong(0, "is larger than 256 MiB; send it in parts"), false;
  file.seekg(0);
  std::ostringstream content;
  content << file.rdbuf();
  std::string bytes = content.str();
  auto encoding = CheckEncoding(bytes);
  if (encoding.encoding != Encoding::kUtf8) return wrong(encoding.line, "is not UTF-8; in the spreadsheet choose: save as, CSV UTF-8"), false;
  auto table = ReadCsv(encoding.text);
  for (const auto& problem : table.problems) wrong(problem.line, problem.message + "; " + problem.remedy);
  if (table.rows.empty()) return wrong(1, "has no header"), false;

  std::vector<const ReportField*> columns;
  for (const auto& name : table.rows[0].fields) {
    const ReportField* found = nullptr;
    for (const auto& field : ReportFields()) found = name == field.name ? &field : found;
    if (found == nullptr) {
      std::string known;
      for (const auto& field : ReportFields()) known += std::string(known.empty() ? "" : ", ") + field.name;
      wrong(1, name + " is no column; there are: " + known);
    }
    columns.push_back(found);
  }
  if (!good) return false;
  std::map<std::string, int> lines;
  for (size_t i = 1; i < table.rows.size(); ++i) {
    const auto& row = table.rows[i];
    if (row.fields.size() != columns.size()) {
      wrong(row.line, fmt::format("has {} fields, the header {}", row.fields.size(), columns.size()));
      continue;
    }
    Item item{row.line, {}};
    for (size_t k = 0; k < columns.size(); ++k) {
      if (row.fields[k].empty()) continue;
      if (auto problem = columns[k]->set(item.request, row.fields[k]); !problem.empty()) wrong(row.line, std::string(columns[k]->name) + ": " + problem);
    }
    if (item.request.request_id().empty()) {
      wrong(row.line, "request_id: is empty; without one a report that is sent twice would become two needs");
    } else if (auto [other, fresh] = lines.try_emplace(item.request.request_id(), row.line); !fresh) {
      wrong(row.line, fmt::format("request_id: is also in line {}", other->second));
    }
    items->push_back(std::move(item));
  }
  return good;
}

int SubmitAll(Session& session, const std::string& path) {
  std::vector<Item> items;
  if (!ReadItems(path, &items)) {
    fmt::print(stderr, "nothing was sent\n");
    return kUsage;
  }
  auto client = session.Client();
  if (!client) return session.Report(client.error());
  std::map<std::string, int> lines;
  for (const auto& item : items) lines[item.request.request_id()] = item.line;

  auto conversation = (*client)->Converse("gridloop.v1.IntakeService/SubmitNeeds");
  std::thread writer([&] {
    v1::SubmitNeedsRequest message;
    for (const auto& item : items) {
      *message.mutable_item() = item.request;
      if (!conversation->Write(message)) return;
    }
    conversation->WritesDone();
  });
  std::map<int, std::vector<std::string>> rows;  // answers come in the order of completion
  size_t answered = 0, refused = 0;
  const bool progress = ::isatty(STDERR_FILENO) == 1;
  v1::SubmitNeedsResponse result;
  while (conversation->Read(&result)) {
    ++answered;
    int line = lines[result.request_id()];
    if (session.json()) session.PrintJson(result, true);
    if (result.has_error()) {
      ++refused;
      Error error = FromRpcStatus(result.error());
      std::string text = error.message;
      for (const auto& field : error.fields) text += "; " + field.field + " " + field.description;
      rows[line] = {std::to_string(line), result.request_id(), "", "", "refused: " + text};
    } else {
      const auto& response = result.response();
      rows[line] = {std::to_string(line), result.request_id(), response.number(), EnumWord(v1::Urgency_descriptor(), response.urgency()),
                    response.emergency_advice().empty() ? "received" : "received. " + response.emergency_advice()};
    }
    if (progress) fmt::print(stderr, "\r{}/{} answered", answered, items.size());
  }
  writer.join();
  if (progress) fmt::print(stderr, "\n");
  auto finished = conversation->Finish();
  if (!session.json()) {
    Table table({"LINE", "REQUEST", "NUMBER", "URGENCY", "RESULT"});
    for (auto& [line, cells] : rows) table.Add(std::move(cells));
    session.Print(table);
    fmt::print("{} received, {} refused\n", answered - refused, refused);
  }
  if (!finished || answered < items.size()) {
    fmt::print(stderr, "{} were not answered; send the file again: what was received is not taken twice\n", items.size() - answered);
    return finished ? kUnreachable : session.Report(finished.error());
  }
  return refused > 0 ? kRefused : kGood;
}

}  // namespace

void AddSubmitCsv(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("submit-csv", "reports every row of a table over one stream; sending it again changes nothing");
  auto path = std::make_shared<std::string>();
  verb->add_option("file", *path, "UTF-8 CSV with a header; the columns are the flags of submit, with _ for -")->required();
  OnRun(verb, [&session, path] { return SubmitAll(session, *path); });
}

}  // namespace gridloop::cli
