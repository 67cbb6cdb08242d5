#include "runtime/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <tuple>
#include <vector>

#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr size_t kTokenBytes = 32;
constexpr int kMostStations = 64;

std::string RoleText(v1::Role role) {
  std::string text = v1::Role_Name(role).substr(std::string_view("ROLE_").size());
  std::ranges::transform(text, text.begin(), [](char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return text;
}

std::vector<std::string> Split(const std::string& line, char separator = '\t') {
  std::vector<std::string> fields(1);
  for (char c : line) {
    if (c == separator) {
      fields.emplace_back();
    } else {
      fields.back().push_back(c);
    }
  }
  return fields;
}

// Supervisors guide stations, nobody else does.
bool StationsFit(const v1::Actor& actor) {
  if (actor.role() != v1::ROLE_SUPERVISOR) return actor.stations().empty();
  return !actor.stations().empty() && actor.stations_size() <= kMostStations &&
         std::ranges::none_of(actor.stations(), [](const std::string& station) { return station.empty() || station.find(',') != std::string::npos; });
}

// Owner-only, synced. `mode` is O_APPEND or O_TRUNC.
Expected<void> WriteFile(const std::filesystem::path& file, const std::string& text, int mode) {
  int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, S_IRUSR | S_IWUSR);
  bool good = out >= 0 && ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(out) == 0;
  if (out >= 0) ::close(out);
  if (!good) return Fail(Code::kFailedPrecondition, "TOKEN_FILE_BAD", file.string() + " cannot be written.");
  return {};
}

}  // namespace

std::optional<v1::Role> ParseRole(std::string_view text) {
  std::string name = "ROLE_";
  for (char c : text) name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(c)));
  v1::Role role = v1::ROLE_UNSPECIFIED;
  if (!v1::Role_Parse(name, &role) || role == v1::ROLE_UNSPECIFIED) return std::nullopt;
  return role;
}

Expected<Credentials> Credentials::Load(const std::filesystem::path& file) {
  auto bad = [&](const std::string& what) { return Fail(Code::kFailedPrecondition, "TOKEN_FILE_BAD", file.string() + ": " + what); };
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return bad("cannot be read; make it with gridctl token create");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return bad("others may read it; run: chmod 600 " + file.string());
  auto by_hash = std::make_shared<ByHash>();
  std::ifstream lines(file);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    auto fields = Split(line);
    Credential credential;
    auto role = fields.size() == 7 || fields.size() == 8 ? ParseRole(fields[3]) : std::nullopt;
    if (!role || fields[0].size() != 64 || std::from_chars(fields[6].data(), fields[6].data() + fields[6].size(), credential.expires_s).ec != std::errc{}) {
      return bad("line " + std::to_string(number) + " is no credential; remove it and run gridctl token create");
    }
    credential.client = fields[1];
    credential.actor.set_principal(fields[2]);
    credential.actor.set_role(*role);
    credential.actor.set_unit(fields[4]);
    credential.actor.set_worker(fields[5]);
    if (fields.size() == 8 && !fields[7].empty()) {
      for (auto& station : Split(fields[7], ',')) credential.actor.add_stations(std::move(station));
    }
    if (!StationsFit(credential.actor)) {
      return bad("line " + std::to_string(number) + ": a supervisor, and nobody else, has 1 to 64 stations in the last field, separated by commas");
    }
    (*by_hash)[fields[0]] = std::move(credential);
  }
  Credentials credentials;
  credentials.held_->by_hash = std::move(by_hash);
  return credentials;
}

std::shared_ptr<const Credentials::ByHash> Credentials::Now() const {
  std::lock_guard lock(held_->mutex);
  return held_->by_hash;
}

std::vector<std::pair<std::string, Credential>> Credentials::List() const {
  auto by_hash = Now();
  std::vector<std::pair<std::string, Credential>> list(by_hash->begin(), by_hash->end());
  std::ranges::sort(list, {}, [](const auto& each) { return std::tie(each.second.client, each.second.actor.principal(), each.first); });
  return list;
}

void Credentials::Replace(const Credentials& newer) {
  auto by_hash = newer.Now();
  std::lock_guard lock(held_->mutex);
  held_->by_hash = std::move(by_hash);
}

Expected<Credential> Credentials::Find(std::string_view authorization_header, int64_t now_us) const {
  if (!authorization_header.starts_with(kBearer)) {
    return Fail(Code::kUnauthenticated, "CREDENTIAL_MISSING", "Send the token as metadata: authorization: Bearer TOKEN.", "请先登录。");
  }
  auto by_hash = Now();
  auto found = by_hash->find(Hex(Sha256(authorization_header.substr(kBearer.size()))));
  if (found == by_hash->end()) {
    return Fail(Code::kUnauthenticated, "CREDENTIAL_UNKNOWN", "This token is not known here; ask the operator for a new one.", "凭证无效，请联系管理员。");
  }
  if (found->second.expires_s != 0 && found->second.expires_s * 1'000'000 <= now_us) {
    return Fail(Code::kUnauthenticated, "CREDENTIAL_EXPIRED", "This token has expired; ask the operator for a new one.", "凭证已过期，请联系管理员。");
  }
  return found->second;
}

Expected<std::string> CreateToken(const std::filesystem::path& file, const Credential& credential, IdSource& ids) {
  std::string token = "glt_" + Hex(ids.Random(kTokenBytes));
  const v1::Actor& actor = credential.actor;
  for (const std::string& field : {credential.client, actor.principal(), actor.unit(), actor.worker()}) {
    if (field.find_first_of("\t\r\n") != std::string::npos) {
      return Fail(Code::kInvalidArgument, "INVALID_FIELDS", "client, principal, unit and worker hold no tab and no line end.");
    }
  }
  if (!StationsFit(actor)) return Fail(Code::kInvalidArgument, "INVALID_FIELDS", "A supervisor, and nobody else, has 1 to 64 stations.");
  std::string stations;
  for (const auto& station : actor.stations()) {
    if (station.find_first_of("\t\r\n") != std::string::npos)
      return Fail(Code::kInvalidArgument, "INVALID_FIELDS", "A station's id holds no tab and no line end.");
    stations += (stations.empty() ? '\t' : ',') + station;
  }
  std::string line = Hex(Sha256(token)) + '\t' + credential.client + '\t' + actor.principal() + '\t' + RoleText(actor.role()) + '\t' + actor.unit() + '\t' +
                     actor.worker() + '\t' + std::to_string(credential.expires_s) + stations + '\n';
  if (auto written = WriteFile(file, line, O_APPEND); !written) return std::unexpected(written.error());
  return token;
}

Expected<Credential> RevokeToken(const std::filesystem::path& file, std::string_view hash_prefix) {
  constexpr size_t kShortestPrefix = 8;
  auto loaded = Credentials::Load(file);
  if (!loaded) return std::unexpected(loaded.error());
  std::optional<Credential> revoked;
  for (const auto& [hash, credential] : loaded->List()) {
    if (!hash.starts_with(hash_prefix)) continue;
    if (revoked || hash_prefix.size() < kShortestPrefix) {
      return Fail(Code::kInvalidArgument, "HASH_AMBIGUOUS", "This is the beginning of several, or shorter than 8 characters; give more of it.");
    }
    revoked = credential;
  }
  if (!revoked) return Fail(Code::kNotFound, "CREDENTIAL_UNKNOWN", "No credential's SHA-256 begins so; gridctl token list shows them.");
  std::ifstream lines(file);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(hash_prefix)) kept += line + '\n';
  }
  // The server reads the file at any moment, so it must never see half of it.
  std::filesystem::path fresh = file.string() + ".new";
  if (auto written = WriteFile(fresh, kept, O_TRUNC); !written) return std::unexpected(written.error());
  std::error_code wrong;
  std::filesystem::rename(fresh, file, wrong);
  if (wrong) return Fail(Code::kFailedPrecondition, "TOKEN_FILE_BAD", file.string() + " cannot be written.");
  return *revoked;
}

}  // namespace gridloop
