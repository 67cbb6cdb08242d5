// AES-256-GCM: 12 bytes nonce, ciphertext, 16 bytes tag. Pure, thread-safe.
#pragma once

#include <string>

#include "domain/error.h"

namespace gridloop {

inline constexpr int kNonceBytes = 12;
inline constexpr int kTagBytes = 16;

// `key`: 32 bytes; `nonce`: 12 bytes, never twice under one key; `data` is bound to it and not in it. kInternal/SEAL_FAILED.
Expected<std::string> Encrypt(const std::string& key, const std::string& nonce, const std::string& data, const std::string& plain);
// kInternal/SEAL_BROKEN for another key, other data, or altered bytes.
Expected<std::string> Decrypt(const std::string& key, const std::string& sealed, const std::string& data);

}  // namespace gridloop
