// Bearer tokens from an owner-only file; only their SHA-256 is kept.
//
// One line a credential, fields separated by tabs:
//   <SHA-256 of the token, hex> <client> <principal> <role> <unit> <worker> <expiry, seconds since the epoch, 0 never> <stations>
// The last field is a supervisor's: the assigned stations, separated by commas; other lines may lack it.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/error.h"
#include "gridloop/v1/event.pb.h"
#include "ports/clock.h"

namespace gridloop {

struct Credential {
  std::string client;
  v1::Actor actor;  // principal, role, unit, worker, stations
  int64_t expires_s = 0;
};

// Thread-safe.
class Credentials {
 public:
  // kFailedPrecondition names the file, the line and the remedy. A file that others may read is refused.
  static Expected<Credentials> Load(const std::filesystem::path& file);
  // kUnauthenticated: CREDENTIAL_MISSING, CREDENTIAL_UNKNOWN, CREDENTIAL_EXPIRED.
  Expected<Credential> Find(std::string_view authorization_header, int64_t now_us) const;
  // From now on these count.
  void Replace(const Credentials& newer);
  size_t size() const { return Now()->size(); }
  // SHA-256 of the token in hex and whose it is, by client and principal.
  std::vector<std::pair<std::string, Credential>> List() const;

 private:
  using ByHash = std::unordered_map<std::string, Credential>;
  struct Held {
    std::mutex mutex;
    std::shared_ptr<const ByHash> by_hash = std::make_shared<ByHash>();
  };
  std::shared_ptr<const ByHash> Now() const;
  std::unique_ptr<Held> held_ = std::make_unique<Held>();
};

// Appends a credential and gives its token; makes the file owner-only if it is new. Ids must hold no tab or line end; a supervisor, and nobody
// else, has 1 to 64 stations.
Expected<std::string> CreateToken(const std::filesystem::path& file, const Credential& credential, IdSource& ids);

// Takes the one credential away whose SHA-256 begins with `hash_prefix` (8 characters or more); replaces the file whole.
// kInvalidArgument/HASH_AMBIGUOUS, kNotFound/CREDENTIAL_UNKNOWN.
Expected<Credential> RevokeToken(const std::filesystem::path& file, std::string_view hash_prefix);

// "station-head" to ROLE_STATION_HEAD.
std::optional<v1::Role> ParseRole(std::string_view text);

}  // namespace gridloop
