// Personal data: split from a message by the (personal) option, sealed with AES-256-GCM, opened, removed.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "domain/error.h"
#include "gridloop/v1/event.pb.h"
#include "ports/clock.h"
#include "ports/keys.h"

namespace gridloop {

inline constexpr size_t kNonceBytes = 12;

// AES-256-GCM: nonce, ciphertext and tag; `data` is covered too. A nonce must never come twice with one key. kInternal/SEAL_FAILED, SEAL_BROKEN.
Expected<std::string> SealBytes(const std::string& key, const std::string& nonce, const std::string& data, std::string_view plain);
Expected<std::string> OpenBytes(const std::string& key, const std::string& sealed, const std::string& data);

// The payload message of an event; null if there is none.
google::protobuf::Message* MutablePayload(v1::Event* event);
const google::protobuf::Message* PayloadOf(const v1::Event& event);

// Clears every (personal) field, down into singular messages. True if there was any.
bool RemovePersonal(google::protobuf::Message* message);

// Moves the personal fields of the event's payload into event.sealed, sets key_id and payload_commitment. The
// event must have subject and event_id. Without personal fields there is nothing to seal. Fields that this build does not
// know are dropped from the payload: nobody here can tell that they are not personal.
Expected<void> SealEvent(v1::Event* event, const SealingKey& key, IdSource& ids);

// Puts the personal fields back. kNotFound/KEY_FORGOTTEN from the key store passes through; a seal that does not open is
// kInternal/SEAL_BROKEN; a commitment that does not match likewise.
Expected<void> OpenEvent(v1::Event* event, KeyStore& keys);

}  // namespace gridloop
