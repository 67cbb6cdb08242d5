#include "adapters/rocksdb/master_keys.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "adapters/system/owner_only_file.h"
#include "sealing/cipher.h"
#include "sealing/digest.h"

namespace gridloop {
namespace {

constexpr std::string_view kHeader = "gridloop-master-keys 1";
constexpr char kWrapped = 1;
constexpr size_t kMasterIdBytes = 8;
constexpr size_t kKeyBytes = 32;
constexpr char kNone[] = "-";

std::optional<std::string> ParseHex(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (size_t i = 0; i < text.size(); i += 2) {
    int byte = 0;
    auto [end, wrong] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (wrong != std::errc{} || end != text.data() + i + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

}  // namespace

MasterKeys::Key MasterKeys::MakeKey(IdSource& ids, int64_t now_us) {
  Key key;
  key.info = {Hex(ids.Random(kMasterIdBytes)), now_us};
  key.bytes = ids.Random(kKeyBytes);
  return key;
}

Expected<MasterKeys> MasterKeys::Open(const std::filesystem::path& path, IdSource& ids, bool make, int64_t now_us) {
  MasterKeys masters;
  masters.path_ = path;
  auto content = ReadOwnerOnly(path);
  if (!content) {
    if (content.error().reason != "FILE_MISSING") return std::unexpected(content.error());
    if (!make) {
      return Fail(Code::kFailedPrecondition, "MASTER_KEYS_MISSING",
                  path.string() + " is missing, and nothing else opens the keys in the vault. Put it back from a copy, or say master_keys_file.");
    }
    masters.keys_.push_back(MakeKey(ids, now_us));
    if (auto written = masters.Write(false); !written) return std::unexpected(written.error());
    return masters;
  }
  auto broken = [&path](int line) {
    return Fail(Code::kFailedPrecondition, "MASTER_KEYS_BROKEN",
                path.string() + ", line " + std::to_string(line) + " is no master key; put the file back from a copy, nothing else opens the vault.");
  };
  std::istringstream lines(*content);
  std::string line;
  if (!std::getline(lines, line) || line != kHeader) return broken(1);
  for (int number = 2; std::getline(lines, line); ++number) {
    std::istringstream fields(line);
    Key key;
    std::string hex;
    if (!(fields >> key.info.id >> key.info.made_us >> key.replaces >> hex) || !(fields >> std::ws).eof()) return broken(number);
    auto id = ParseHex(key.info.id);
    auto bytes = ParseHex(hex);
    if (!id || id->size() != kMasterIdBytes || !bytes || bytes->size() != kKeyBytes) return broken(number);
    if (key.replaces == kNone) key.replaces.clear();
    key.bytes = std::move(*bytes);
    masters.keys_.push_back(std::move(key));
  }
  if (masters.keys_.empty()) return broken(2);
  return masters;
}

Expected<void> MasterKeys::Write(bool overwrite_former) const {
  std::string content = std::string(kHeader) + '\n';
  for (const Key& key : keys_) {
    content += key.info.id + ' ' + std::to_string(key.info.made_us) + ' ' + (key.replaces.empty() ? kNone : key.replaces) + ' ' + Hex(key.bytes) + '\n';
  }
  return WriteOwnerOnly(path_, content, overwrite_former);
}

Expected<void> MasterKeys::AddActive(IdSource& ids, int64_t now_us) {
  Key made = MakeKey(ids, now_us);
  made.replaces = active();
  keys_.insert(keys_.begin(), std::move(made));
  auto written = Write(false);
  if (!written) keys_.erase(keys_.begin());
  return written;
}

Expected<void> MasterKeys::DropFormer() {
  if (keys_.size() == 1) return {};
  std::vector<Key> former(std::next(keys_.begin()), keys_.end());
  keys_.resize(1);
  auto written = Write(true);
  if (!written) keys_.insert(keys_.end(), former.begin(), former.end());
  return written;
}

std::vector<MasterKeyInfo> MasterKeys::infos() const {
  std::vector<MasterKeyInfo> infos;
  for (const Key& key : keys_) infos.push_back(key.info);
  return infos;
}

Expected<std::string> MasterKeys::Wrap(const SealingKey& key, IdSource& ids) const {
  auto wrapped = Encrypt(keys_.front().bytes, ids.Random(kNonceBytes), key.id, key.bytes);
  if (!wrapped) return wrapped;
  return kWrapped + *ParseHex(active()) + *wrapped;
}

Expected<std::string> MasterKeys::Unwrap(const std::string& id, const std::string& value) const {
  if (value.size() == kKeyBytes) return value;
  auto unreadable = [](const std::string& why) {
    return Fail(Code::kUnavailable, "KEY_UNREADABLE", "A key of personal data cannot be unwrapped: " + why, "个人信息暂时无法读取，请联系管理员。");
  };
  if (value.size() < 1 + kMasterIdBytes || value[0] != kWrapped) return unreadable("its form is not known; a newer gridloop wrote it.");
  const std::string master = Hex(value.substr(1, kMasterIdBytes));
  auto found = std::ranges::find_if(keys_, [&](const Key& key) { return key.info.id == master; });
  if (found == keys_.end()) return unreadable("master key " + master + " is not in " + path_.string() + "; put the file back that belongs to this vault.");
  auto bytes = Decrypt(found->bytes, value.substr(1 + kMasterIdBytes), id);
  if (!bytes) return unreadable("it was altered; restore the data directory from a copy.");
  return bytes;
}

bool MasterKeys::IsWrappedByActive(const std::string& value) const {
  return value.size() > 1 + kMasterIdBytes && value[0] == kWrapped && Hex(value.substr(1, kMasterIdBytes)) == active();
}

}  // namespace gridloop
