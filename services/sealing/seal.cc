#include "sealing/seal.h"

#include <openssl/evp.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "gridloop/v1/access.pb.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kTagBytes = 16;
constexpr size_t kSaltBytes = 16;

// Which fields of a message type are personal, and which singular messages may hold some. Options are looked up once a
// type: reading an extension of a descriptor for each event would cost more than the seal.
struct PersonalFields {
  std::vector<const FieldDescriptor*> personal;
  std::vector<const FieldDescriptor*> nested;
};

const PersonalFields& FieldsOf(const Descriptor* type) {
  static std::mutex mutex;
  static auto* cache = new std::unordered_map<const Descriptor*, std::unique_ptr<PersonalFields>>();
  thread_local std::unordered_map<const Descriptor*, const PersonalFields*> local;
  if (auto found = local.find(type); found != local.end()) return *found->second;
  auto fields = std::make_unique<PersonalFields>();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->options().GetExtension(v1::personal)) {
      fields->personal.push_back(field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
      fields->nested.push_back(field);
    }
  }
  std::lock_guard lock(mutex);
  auto& slot = (*cache)[type];
  if (!slot) slot = std::move(fields);
  local[type] = slot.get();
  return *slot;
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(message, field) > 0 : reflection->HasField(message, field);
}

// Moves personal fields from `from` to `to` (same type, empty). True if there was any.
bool MovePersonal(Message* from, Message* to) {
  const PersonalFields& fields = FieldsOf(from->GetDescriptor());
  const auto* reflection = from->GetReflection();
  bool any = false;
  std::vector<const FieldDescriptor*> present;
  for (const FieldDescriptor* field : fields.personal) {
    if (IsSet(*from, field)) present.push_back(field);
  }
  if (!present.empty()) {
    reflection->SwapFields(from, to, present);
    any = true;
  }
  for (const FieldDescriptor* field : fields.nested) {
    if (!reflection->HasField(*from, field)) continue;
    std::unique_ptr<Message> nested(reflection->GetMessage(*from, field).New());
    if (MovePersonal(reflection->MutableMessage(from, field), nested.get())) {
      reflection->MutableMessage(to, field)->CopyFrom(*nested);
      any = true;
    }
  }
  return any;
}

std::string AssociatedData(const v1::Event& event) { return event.subject() + event.event_id(); }

// Covers what is sealed and what it belongs to. The payload in the clear is not in it: it is completed on the head,
// after sealing, and the event's own digest covers it.
std::string Commitment(const v1::Event& event, const v1::SealedPart& part) {
  return LabelledSha256("gridloop/commitment/1", {part.salt(), event.subject(), event.event_id(), std::to_string(event.type()), part.personal()});
}

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// Looked up once, like the digests.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return algorithm;
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

}  // namespace

Expected<std::string> SealBytes(const std::string& key, const std::string& nonce, const std::string& data, std::string_view plain) {
  CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string sealed = nonce;
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  int size = 0;
  bool good = context != nullptr && EVP_EncryptInit_ex(context.get(), Aes256Gcm(), nullptr, Bytes(key), Bytes(nonce)) == 1 &&
              EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(data), static_cast<int>(data.size())) == 1 &&
              EVP_EncryptUpdate(context.get(), Bytes(sealed) + kNonceBytes, &size, reinterpret_cast<const unsigned char*>(plain.data()),
                                static_cast<int>(plain.size())) == 1 &&
              EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + kNonceBytes + size, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Bytes(sealed) + kNonceBytes + plain.size()) == 1;
  if (!good) return Fail(Code::kInternal, "SEAL_FAILED", "The personal part could not be sealed; nothing was written.");
  return sealed;
}

Expected<std::string> OpenBytes(const std::string& key, const std::string& sealed, const std::string& data) {
  auto broken = Fail(Code::kInternal, "SEAL_BROKEN", "The personal part does not open: the event or its key was altered.");
  if (key.size() != 32 || sealed.size() < kNonceBytes + kTagBytes) return broken;
  std::string plain(sealed.size() - kNonceBytes - kTagBytes, '\0');
  std::string tag = sealed.substr(sealed.size() - kTagBytes);
  CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  bool good = context != nullptr && EVP_DecryptInit_ex(context.get(), Aes256Gcm(), nullptr, Bytes(key), Bytes(sealed)) == 1 &&
              EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(data), static_cast<int>(data.size())) == 1 &&
              EVP_DecryptUpdate(context.get(), Bytes(plain), &size, Bytes(sealed) + kNonceBytes, static_cast<int>(plain.size())) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
              EVP_DecryptFinal_ex(context.get(), Bytes(plain) + size, &size) == 1;
  if (!good) return broken;
  return plain;
}

Message* MutablePayload(v1::Event* event) {
  const auto* oneof = v1::Event::descriptor()->FindOneofByName("payload");
  const FieldDescriptor* field = event->GetReflection()->GetOneofFieldDescriptor(*event, oneof);
  return field == nullptr ? nullptr : event->GetReflection()->MutableMessage(event, field);
}

const Message* PayloadOf(const v1::Event& event) {
  const auto* oneof = v1::Event::descriptor()->FindOneofByName("payload");
  const FieldDescriptor* field = event.GetReflection()->GetOneofFieldDescriptor(event, oneof);
  return field == nullptr ? nullptr : &event.GetReflection()->GetMessage(event, field);
}

bool RemovePersonal(Message* message) {
  std::unique_ptr<Message> removed(message->New());
  return MovePersonal(message, removed.get());
}

Expected<void> SealEvent(v1::Event* event, const SealingKey& key, IdSource& ids) {
  Message* payload = MutablePayload(event);
  if (payload == nullptr) return {};
  payload->DiscardUnknownFields();
  std::unique_ptr<Message> personal(payload->New());
  if (!MovePersonal(payload, personal.get())) return {};
  v1::SealedPart part;
  part.set_salt(ids.Random(kSaltBytes));
  part.set_personal(personal->SerializeAsString());
  auto sealed = SealBytes(key.bytes, ids.Random(kNonceBytes), AssociatedData(*event), part.SerializeAsString());
  if (!sealed) return std::unexpected(sealed.error());
  event->set_key_id(key.id);
  event->set_sealed(std::move(*sealed));
  event->set_payload_commitment(Commitment(*event, part));
  return {};
}

Expected<void> OpenEvent(v1::Event* event, KeyStore& keys) {
  if (event->sealed().empty()) return {};
  auto key = keys.Get(event->key_id());
  if (!key) return std::unexpected(key.error());
  auto plain = OpenBytes(key->bytes, event->sealed(), AssociatedData(*event));
  if (!plain) return std::unexpected(plain.error());
  v1::SealedPart part;
  Message* payload = MutablePayload(event);
  std::unique_ptr<Message> personal(payload == nullptr ? nullptr : payload->New());
  if (payload == nullptr || !part.ParseFromString(*plain) || !personal->ParseFromString(part.personal()) ||
      !EqualInConstantTime(Commitment(*event, part), event->payload_commitment())) {
    return Fail(Code::kInternal, "SEAL_BROKEN", "The personal part does not fit its commitment: the event was altered.");
  }
  payload->MergeFrom(*personal);
  return {};
}

}  // namespace gridloop
