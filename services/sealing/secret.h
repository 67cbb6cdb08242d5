// One deployment secret; all keyed values are derived from it by HKDF.
#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <string_view>

#include "sealing/digest.h"

namespace gridloop {

// Immutable, thread-safe.
class Secret {
 public:
  explicit Secret(std::string_view deployment_secret);  // 32 bytes
  // 16 bytes over the request without request_id, etag, purpose and unknown fields, in canonical form.
  std::string BodyMac(const google::protobuf::Message& request) const;
  // 16 bytes: keyed pseudonym of a reporter of a client.
  std::string ReporterRef(std::string_view client, std::string_view reference) const;
  // Stable pseudonym of a worker, a principal …: "~" and 13 characters of base32, which no id of a directory is.
  std::string Pseudonym(std::string_view kind, std::string_view id) const;
  // 16 bytes: keyed pseudonym of a person, by a normalised identity number or phone.
  std::string PersonRef(std::string_view identifier) const;
  // Opaque, base32: nobody else reads `text` out of it or makes another one; bound to the query like a page token.
  std::string SealedToken(std::string_view query, std::string_view text) const;
  std::optional<std::string> OpenSealedToken(std::string_view query, std::string_view token) const;
  // Opaque, base32; bound to the query (method, parent, filters, principal's client or unit).
  std::string PageToken(std::string_view query, std::string_view after) const;
  // Empty token gives an empty key; a foreign or damaged one nothing.
  std::optional<std::string> ParsePageToken(std::string_view query, std::string_view token) const;

 private:
  HmacKey mac_key_, reference_key_, page_key_, pseudonym_key_, person_key_, nonce_key_;
  std::string token_key_;
};

}  // namespace gridloop
