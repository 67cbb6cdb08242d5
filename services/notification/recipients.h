// Who is told of what: a YAML file beside the configuration (docs/notifications.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "domain/error.h"
#include "gridloop/v1/notification_service.pb.h"

namespace gridloop {

struct Recipient {
  std::string id;                    // 1–40 of a-z 0-9 -
  std::string url;                   // https, or http if allow_private; never shown or logged whole
  std::string host;                  // of the URL
  std::string unit, client;          // whose needs it hears of; at most one of the two is set
  std::set<v1::NoticeKind> kinds;    // empty: all
  std::vector<std::string> secrets;  // 1 or 2, bytes
  bool allow_private = false;
  std::filesystem::path ca_file;
};

struct Recipients {
  static constexpr size_t kMost = 64;
  std::vector<Recipient> all;  // by id
  int64_t deadline_lead_us = 3'600'000'000;
  std::string source = "gridloop";
  std::vector<std::filesystem::path> files;  // all that were read
};

// kInvalidArgument/RECIPIENTS_BAD with every problem at once: `field` is where ("recipients.yaml:12 url"), `description` what is wrong
// and what to do. Also a secret file that others may read is a problem.
Expected<Recipients> LoadRecipients(const std::filesystem::path& file);

}  // namespace gridloop
