#include "sealing/ids.h"

#include <cstdint>

#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kSpeakable = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";  // 31, a prime: every swap of two neighbours shows
constexpr size_t kIdBytes = 16;
constexpr size_t kIdCharacters = 26;
constexpr std::string_view kNeeds = "needs/";

// Weighted sum modulo 31 over digits and letters; weights differ between neighbours, so a wrong or swapped character shows.
char CheckCharacter(std::string_view number) {
  uint32_t sum = 0;
  uint32_t weight = 2;
  for (char c : number) {
    if (c == '-') continue;
    size_t digit = kSpeakable.find(c);
    uint32_t value = digit != std::string_view::npos ? static_cast<uint32_t>(digit) + 2 : static_cast<uint32_t>(c - '0');
    sum += weight++ * value;
  }
  return kSpeakable[sum % kSpeakable.size()];
}

}  // namespace

std::string NeedSubject(std::string_view client, std::string_view request_id) {
  return std::string(kNeeds) + Base32(LabelledSha256("gridloop/need/1", {client, request_id}).substr(0, kIdBytes));
}

std::string EventIdFor(std::string_view subject, std::string_view principal, std::string_view request_id, std::string_view verb) {
  return LabelledSha256("gridloop/event/1", {subject, principal, request_id, verb}).substr(0, kIdBytes);
}

std::string ReactionIdFor(std::string_view subject, std::string_view head_event_id, std::string_view kind) {
  return LabelledSha256("gridloop/reaction/1", {subject, head_event_id, kind}).substr(0, kIdBytes);
}

std::string Base32(std::string_view bytes) {
  std::string text;
  uint32_t buffer = 0;
  int bits = 0;
  for (char c : bytes) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text.push_back(kBase32[(buffer >> bits) & 31]);
    }
  }
  if (bits > 0) text.push_back(kBase32[(buffer << (5 - bits)) & 31]);
  return text;
}

std::optional<std::string> ParseBase32(std::string_view text) { return text.size() == kIdCharacters ? ParseAnyBase32(text) : std::nullopt; }

std::optional<std::string> ParseAnyBase32(std::string_view text) {
  std::string bytes;
  uint32_t buffer = 0;
  int bits = 0;
  for (char c : text) {
    size_t value = kBase32.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    buffer = (buffer << 5) | static_cast<uint32_t>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>((buffer >> bits) & 0xFF));
    }
  }
  // The bits left over must be zero and no character of their own: the same bytes have one spelling.
  if (bits >= 5 || (buffer & ((1U << bits) - 1)) != 0) return std::nullopt;
  return bytes;
}

bool IsNeedName(std::string_view name) { return name.starts_with(kNeeds) && ParseBase32(name.substr(kNeeds.size())).has_value(); }

std::string SpeakableNumber(std::string_view local_date, std::string_view subject) {
  // YYYY-MM-DD to YYMMDD.
  std::string number = std::string(local_date.substr(2, 2)) + std::string(local_date.substr(5, 2)) + std::string(local_date.substr(8, 2)) + "-";
  std::string digest = LabelledSha256("gridloop/number/1", {subject});
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | static_cast<unsigned char>(digest[static_cast<size_t>(i)]);
  for (int i = 0; i < 5; ++i) {
    number.push_back(kSpeakable[value % kSpeakable.size()]);
    value /= kSpeakable.size();
  }
  char check = CheckCharacter(number);
  number.push_back('-');
  number.push_back(check);
  return number;
}

bool IsSpeakableNumber(std::string_view number) {
  if (number.size() != 14 || number[6] != '-' || number[12] != '-') return false;
  for (size_t i = 0; i < 6; ++i) {
    if (number[i] < '0' || number[i] > '9') return false;
  }
  for (size_t i = 7; i < 12; ++i) {
    if (kSpeakable.find(number[i]) == std::string_view::npos) return false;
  }
  return CheckCharacter(number.substr(0, 12)) == number[13];
}

}  // namespace gridloop
