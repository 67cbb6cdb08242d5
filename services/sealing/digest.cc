#include "sealing/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <stdexcept>

namespace gridloop {
namespace {

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(Bytes(bytes), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::string mac(SHA256_DIGEST_LENGTH, '\0');
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(bytes), bytes.size(), reinterpret_cast<unsigned char*>(mac.data()), &size) ==
          nullptr ||
      size != mac.size()) {
    throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
  }
  return mac;
}

std::string Hkdf(std::string_view secret, std::string_view info) {
  // RFC 5869 with one block of output: T(1) = HMAC(PRK, info | 0x01), PRK = HMAC(salt of zeros, secret).
  std::string prk = HmacSha256(std::string(SHA256_DIGEST_LENGTH, '\0'), secret);
  return HmacSha256(prk, std::string(info) + '\x01');
}

std::string LabelledSha256(std::string_view label, std::initializer_list<std::string_view> fields) {
  std::string input;
  auto append = [&input](std::string_view field) {
    for (int shift = 24; shift >= 0; shift -= 8) input.push_back(static_cast<char>((field.size() >> shift) & 0xFF));
    input.append(field);
  };
  append(label);
  for (std::string_view field : fields) append(field);
  return Sha256(input);
}

bool EqualInConstantTime(std::string_view a, std::string_view b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace gridloop
