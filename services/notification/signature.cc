#include "notification/signature.h"

#include <cstdint>

#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kSecretPrefix = "whsec_";
constexpr size_t kShortestSecret = 24;
constexpr size_t kLongestSecret = 64;

// RFC 4648, with padding.
std::string Base64(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = (group << 8) | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (size_t i = 0; i < 4; ++i) text.push_back(at + i <= bytes.size() ? kAlphabet[(group >> (18 - 6 * i)) & 63] : '=');
  }
  return text;
}

std::optional<std::string> ParseBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  uint32_t buffer = 0;
  int bits = 0;
  size_t end = text.find('=');
  if (end == std::string_view::npos) end = text.size();
  if (text.size() - end > 2 || text.find_first_not_of('=', end) != std::string_view::npos) return std::nullopt;
  for (char c : text.substr(0, end)) {
    size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    buffer = (buffer << 6) | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>((buffer >> bits) & 0xFF));
    }
  }
  return bytes;
}

}  // namespace

std::optional<std::string> ParseWebhookSecret(std::string_view text) {
  if (!text.starts_with(kSecretPrefix)) return std::nullopt;
  auto bytes = ParseBase64(text.substr(kSecretPrefix.size()));
  if (!bytes || bytes->size() < kShortestSecret || bytes->size() > kLongestSecret) return std::nullopt;
  return bytes;
}

std::string SignatureHeader(const std::vector<std::string>& secrets, std::string_view id, int64_t timestamp_s, std::string_view body) {
  std::string content = std::string(id) + "." + std::to_string(timestamp_s) + "." + std::string(body);
  std::string header;
  for (const auto& secret : secrets) header += (header.empty() ? "v1," : " v1,") + Base64(HmacSha256(secret, content));
  return header;
}

}  // namespace gridloop
