#include "adapters/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace gridloop {
namespace {

struct Range {
  std::array<uint8_t, 16> bytes;
  int bits;
  AddressKind kind;
};

// IANA's special-purpose registries. The first that fits counts.
constexpr Range kFour[] = {
    {{0}, 8, AddressKind::kForbidden},              // this network
    {{10}, 8, AddressKind::kOwn},                   //
    {{100, 64}, 10, AddressKind::kOwn},             // carriers' own
    {{127}, 8, AddressKind::kOwn},                  // loopback
    {{169, 254}, 16, AddressKind::kForbidden},      // link-local
    {{172, 16}, 12, AddressKind::kOwn},             //
    {{192, 0, 0}, 24, AddressKind::kForbidden},     // protocol assignments
    {{192, 0, 2}, 24, AddressKind::kForbidden},     // documentation
    {{192, 88, 99}, 24, AddressKind::kForbidden},   // relays
    {{192, 168}, 16, AddressKind::kOwn},            //
    {{198, 18}, 15, AddressKind::kForbidden},       // measurement
    {{198, 51, 100}, 24, AddressKind::kForbidden},  // documentation
    {{203, 0, 113}, 24, AddressKind::kForbidden},   // documentation
    {{224}, 3, AddressKind::kForbidden},            // multicast, reserved, broadcast
};
constexpr Range kSix[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, AddressKind::kOwn},  // loopback
    {{0}, 8, AddressKind::kForbidden},                                           // unspecified and what once held IPv4 addresses
    {{0x01}, 8, AddressKind::kForbidden},                                        // discard
    {{0x20, 0x01, 0x00}, 23, AddressKind::kForbidden},                           // protocol assignments, Teredo
    {{0x20, 0x01, 0x0D, 0xB8}, 32, AddressKind::kForbidden},                     // documentation
    {{0xFC}, 7, AddressKind::kOwn},                                              // unique local
    {{0xFE, 0xC0}, 10, AddressKind::kForbidden},                                 // site-local, deprecated
    {{0xFE, 0x80}, 10, AddressKind::kForbidden},                                 // link-local
    {{0xFF}, 8, AddressKind::kForbidden},                                        // multicast
};

bool IsIn(std::span<const uint8_t> bytes, const Range& range) {
  for (int bit = 0; bit < range.bits; bit += 8) {
    int left = range.bits - bit < 8 ? range.bits - bit : 8;
    auto mask = static_cast<uint8_t>(0xFF << (8 - left));
    auto at = static_cast<size_t>(bit / 8);
    if ((bytes[at] & mask) != (range.bytes[at] & mask)) return false;
  }
  return true;
}

AddressKind KindIn(std::span<const uint8_t> bytes, std::span<const Range> ranges) {
  for (const Range& range : ranges) {
    if (IsIn(bytes, range)) return range.kind;
  }
  return AddressKind::kPublic;
}

AddressKind KindOfSix(std::span<const uint8_t, 16> bytes) {
  // IPv4-mapped, NAT64 and 6to4 reach the IPv4 address in them.
  constexpr Range kMapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96, AddressKind::kPublic};
  constexpr Range kNat64 = {{0x00, 0x64, 0xFF, 0x9B}, 96, AddressKind::kPublic};
  constexpr Range kSixToFour = {{0x20, 0x02}, 16, AddressKind::kPublic};
  if (IsIn(bytes, kMapped) || IsIn(bytes, kNat64)) return KindIn(bytes.subspan(12, 4), kFour);
  if (IsIn(bytes, kSixToFour)) return KindIn(bytes.subspan(2, 4), kFour);
  return KindIn(bytes, kSix);
}

}  // namespace

AddressKind KindOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, bytes.size());
    return KindIn(bytes, kFour);
  }
  if (address.sa_family == AF_INET6) {
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
    return KindOfSix(bytes);
  }
  return AddressKind::kForbidden;
}

AddressKind KindOfAddress(std::string_view text) {
  std::string address(text.substr(0, text.find('%')));
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return KindIn(std::span(bytes).first(4), kFour);
  return inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1 ? KindOfSix(bytes) : AddressKind::kForbidden;
}

}  // namespace gridloop
