#include "sealing/cipher.h"

#include <openssl/evp.h>

#include <memory>

namespace gridloop {
namespace {

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// Looked up once, like the digests.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return algorithm;
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

}  // namespace

Expected<std::string> Encrypt(const std::string& key, const std::string& nonce, const std::string& data, const std::string& plain) {
  CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string sealed = nonce;
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  int size = 0;
  bool good = context != nullptr && EVP_EncryptInit_ex(context.get(), Aes256Gcm(), nullptr, Bytes(key), Bytes(nonce)) == 1 &&
              EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(data), static_cast<int>(data.size())) == 1 &&
              EVP_EncryptUpdate(context.get(), Bytes(sealed) + kNonceBytes, &size, Bytes(plain), static_cast<int>(plain.size())) == 1 &&
              EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + kNonceBytes + size, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Bytes(sealed) + kNonceBytes + plain.size()) == 1;
  if (!good) return Fail(Code::kInternal, "SEAL_FAILED", "The personal part could not be sealed; nothing was written.");
  return sealed;
}

Expected<std::string> Decrypt(const std::string& key, const std::string& sealed, const std::string& data) {
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

}  // namespace gridloop
