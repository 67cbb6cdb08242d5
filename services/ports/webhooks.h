// HTTP POSTs to other systems, which are not trusted: what they answer, or that they do not, harms nothing here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gridloop/v1/notification_service.pb.h"
#include "ports/ledger.h"

namespace gridloop {

struct WebhookPost {
  std::string url;  // https, or http where allow_private
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool allow_private = false;     // also loopback and private addresses; never link-local ones
  std::filesystem::path ca_file;  // PEM; empty: the system's authorities
};

struct WebhookAnswer {
  int status = 0;                                                  // HTTP; 0: none came
  v1::DeliveryFailure failure = v1::DELIVERY_FAILURE_UNSPECIFIED;  // why none came
  int64_t retry_after_us = 0;                                      // as the answer asked; 0: it did not
};

// Thread-safe. Posts run beside each other, each with a time-out; no redirect is followed, of the answer only the status counts.
class Webhooks {
 public:
  virtual ~Webhooks() = default;
  // `done` is called once, from a thread of its own or before Post returns, also when this is destroyed. It must not block.
  virtual void Post(WebhookPost post, Callback<WebhookAnswer> done) = 0;
};

}  // namespace gridloop
