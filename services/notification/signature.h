// Signatures of deliveries as Standard Webhooks has them (https://www.standardwebhooks.com), scheme v1. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gridloop {

// "whsec_" and base64 of 24 to 64 bytes; gives the bytes.
std::optional<std::string> ParseWebhookSecret(std::string_view text);

// The header webhook-signature: "v1," and base64 of HMAC-SHA256(secret, id.timestamp.body), one for each secret, with spaces between.
std::string SignatureHeader(const std::vector<std::string>& secrets, std::string_view id, int64_t timestamp_s, std::string_view body);

}  // namespace gridloop
