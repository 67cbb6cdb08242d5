// Which addresses a webhook may go to.
#pragma once

#include <sys/socket.h>

#include <string_view>

namespace gridloop {

enum class AddressKind {
  kPublic,
  kOwn,        // loopback and private networks: only where the recipient's settings allow it
  kForbidden,  // link-local (where clouds keep their metadata), multicast, unspecified, reserved: never
};

// Of an IPv4 or IPv6 socket address; addresses that hold an IPv4 address are what that is. Anything else is forbidden. Pure.
AddressKind KindOf(const sockaddr& address);
// Of its text form; forbidden if it is none.
AddressKind KindOfAddress(std::string_view text);

}  // namespace gridloop
