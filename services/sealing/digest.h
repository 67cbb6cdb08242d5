// Digests and MACs (OpenSSL). Pure, thread-safe.
#pragma once

#include <openssl/types.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace gridloop {

std::string Sha256(std::string_view bytes);                            // 32 bytes (FIPS 180-4)
std::string HmacSha256(std::string_view key, std::string_view bytes);  // 32 bytes (RFC 2104)
// The same for a key that is used often.
class HmacKey {
 public:
  explicit HmacKey(std::string_view key);
  std::string Mac(std::string_view bytes) const;  // 32 bytes

 private:
  std::shared_ptr<EVP_MAC_CTX> keyed_;
};
std::string Hkdf(std::string_view secret, std::string_view info);  // 32 bytes (RFC 5869, SHA-256, empty salt)
// SHA-256 over a domain label and length-prefixed (4 bytes big-endian) fields: no two lists of fields collide.
std::string LabelledSha256(std::string_view label, std::initializer_list<std::string_view> fields);
bool EqualInConstantTime(std::string_view a, std::string_view b);
std::string Hex(std::string_view bytes);

}  // namespace gridloop
