#include "sealing/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdexcept>

namespace gridloop {
namespace {

constexpr size_t kDigestBytes = 32;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string Sha256(std::string_view bytes) {
  // OpenSSL 3 looks the algorithm up in each one-shot call, which takes longer than the digest of a small event.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string digest(kDigestBytes, '\0');
  if (EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1 || EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available in this OpenSSL");
  }
  return digest;
}

std::string HmacSha256(std::string_view key, std::string_view bytes) { return HmacKey(key).Mac(bytes); }

HmacKey::HmacKey(std::string_view key) {
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr), &EVP_MAC_free);
  keyed_.reset(EVP_MAC_CTX_new(algorithm.get()), &EVP_MAC_CTX_free);
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  // An empty key must still be a key, not the one of before.
  const auto* start = key.empty() ? reinterpret_cast<const unsigned char*>("") : Bytes(key);
  if (keyed_ == nullptr || EVP_MAC_init(keyed_.get(), start, key.size(), parameters) != 1) {
    throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
  }
}

std::string HmacKey::Mac(std::string_view bytes) const {
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_dup(keyed_.get()), &EVP_MAC_CTX_free);
  std::string mac(kDigestBytes, '\0');
  size_t size = 0;
  if (context == nullptr || EVP_MAC_update(context.get(), Bytes(bytes), bytes.size()) != 1 ||
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(mac.data()), &size, mac.size()) != 1 || size != mac.size()) {
    throw std::runtime_error("HMAC-SHA256 failed");
  }
  return mac;
}

std::string Hkdf(std::string_view secret, std::string_view info) {
  // RFC 5869 with one block of output: T(1) = HMAC(PRK, info | 0x01), PRK = HMAC(salt of zeros, secret).
  std::string prk = HmacSha256(std::string(kDigestBytes, '\0'), secret);
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
