// Ids: 16 bytes of labelled SHA-256, so that a retry finds what it made. Formats: docs/formats/ids.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gridloop {

std::string NeedSubject(std::string_view client, std::string_view request_id);  // "needs/" + 26 characters
std::string EventIdFor(std::string_view subject, std::string_view principal, std::string_view request_id,
                       std::string_view verb);                                                               // 16 bytes
std::string ReactionIdFor(std::string_view subject, std::string_view head_event_id, std::string_view kind);  // 16 bytes

// RFC 4648 base32, lower case, no padding: 16 bytes are 26 characters.
std::string Base32(std::string_view bytes);
std::optional<std::string> ParseBase32(std::string_view text);     // of 26 characters to 16 bytes
std::optional<std::string> ParseAnyBase32(std::string_view text);  // of any length
bool IsNeedName(std::string_view name);                            // "needs/" + 26 characters of base32

// The number that can be said: YYMMDD-XXXXX-C, from the local date and the need's id. Five characters of
// 23456789ABCDEFGHJKMNPQRSTUVWXYZ without look-alikes and a check character over all before it.
std::string SpeakableNumber(std::string_view local_date, std::string_view subject);
bool IsSpeakableNumber(std::string_view number);  // form and check character

}  // namespace gridloop
