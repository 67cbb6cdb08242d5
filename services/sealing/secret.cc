#include "sealing/secret.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>

#include "sealing/cipher.h"
#include "sealing/digest.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr size_t kMacBytes = 16;

// Deterministic within one build is not enough for a MAC that outlives it, but our messages hold no maps, and without
// maps and unknown fields protobuf's deterministic form is field order, which the wire format pins down.
std::string Canonical(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

Secret::Secret(std::string_view deployment_secret)
    : mac_key_(Hkdf(deployment_secret, "gridloop/body-mac/1")),
      reference_key_(Hkdf(deployment_secret, "gridloop/reference/1")),
      page_key_(Hkdf(deployment_secret, "gridloop/page/1")),
      pseudonym_key_(Hkdf(deployment_secret, "gridloop/pseudonym/1")),
      person_key_(Hkdf(deployment_secret, "gridloop/person/1")),
      nonce_key_(Hkdf(deployment_secret, "gridloop/token-nonce/1")),
      token_key_(Hkdf(deployment_secret, "gridloop/token/1")) {}

std::string Secret::BodyMac(const google::protobuf::Message& request) const {
  std::unique_ptr<google::protobuf::Message> body(request.New());
  body->CopyFrom(request);
  body->DiscardUnknownFields();
  for (const char* name : {"request_id", "etag", "purpose"}) {
    if (const auto* field = body->GetDescriptor()->FindFieldByName(name)) body->GetReflection()->ClearField(body.get(), field);
  }
  std::string mac = mac_key_.Mac(std::string(request.GetDescriptor()->full_name()) + '\0' + Canonical(*body));
  mac.resize(kMacBytes);
  return mac;
}

std::string Secret::ReporterRef(std::string_view client, std::string_view reference) const {
  return reference_key_.Mac(LabelledSha256("gridloop/reporter/1", {client, reference})).substr(0, kMacBytes);
}

std::string Secret::Pseudonym(std::string_view kind, std::string_view id) const {
  constexpr size_t kPseudonymBytes = 8;
  return "~" + Base32(pseudonym_key_.Mac(LabelledSha256("gridloop/pseudonym/1", {kind, id})).substr(0, kPseudonymBytes));
}

std::string Secret::PersonRef(std::string_view identifier) const {
  return person_key_.Mac(LabelledSha256("gridloop/person/1", {identifier})).substr(0, kMacBytes);
}

// The nonce is a MAC of all that is sealed, so no two texts share one.
std::string Secret::SealedToken(std::string_view query, std::string_view text) const {
  const std::string data = LabelledSha256("gridloop/token/1", {query});
  auto sealed = Encrypt(token_key_, nonce_key_.Mac(LabelledSha256("gridloop/token/1", {query, text})).substr(0, kNonceBytes), data, std::string(text));
  return sealed ? Base32(*sealed) : std::string();
}

std::optional<std::string> Secret::OpenSealedToken(std::string_view query, std::string_view token) const {
  if (token.size() > 1024) return std::nullopt;
  auto sealed = ParseAnyBase32(token);
  if (!sealed) return std::nullopt;
  auto opened = Decrypt(token_key_, *sealed, LabelledSha256("gridloop/token/1", {query}));
  if (!opened) return std::nullopt;
  return std::move(*opened);
}

std::string Secret::PageToken(std::string_view query, std::string_view after) const {
  if (after.empty()) return {};
  std::string mac = page_key_.Mac(LabelledSha256("gridloop/page/1", {query, after})).substr(0, kMacBytes);
  return Base32(mac + std::string(after));
}

std::optional<std::string> Secret::ParsePageToken(std::string_view query, std::string_view token) const {
  if (token.empty()) return std::string();
  if (token.size() > 1024) return std::nullopt;
  auto parsed = ParseAnyBase32(token);
  if (!parsed || parsed->size() <= kMacBytes) return std::nullopt;
  const std::string& bytes = *parsed;
  std::string after = bytes.substr(kMacBytes);
  std::string mac = page_key_.Mac(LabelledSha256("gridloop/page/1", {query, after})).substr(0, kMacBytes);
  if (!EqualInConstantTime(mac, std::string_view(bytes).substr(0, kMacBytes))) return std::nullopt;
  return after;
}

}  // namespace gridloop
