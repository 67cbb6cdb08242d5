// The master keys that wrap sealing keys: where they stand, and their rotation.
#include "audit/audit.h"

namespace gridloop {
namespace {

v1::MasterKeys ToMessage(const MasterKeyStatus& status) {
  v1::MasterKeys message;
  for (size_t i = 0; i < status.keys.size(); ++i) {
    auto& key = *message.add_keys();
    key.set_id(status.keys[i].id);
    *key.mutable_create_time() = ToTimestamp(status.keys[i].made_us);
    key.set_active(i == 0);
  }
  message.set_rotating(status.rotating);
  message.set_progress_percent(status.progress_percent);
  message.set_rewrapped(static_cast<int64_t>(status.rewrapped));
  message.set_failure(status.failure);
  return message;
}

}  // namespace

void Audit::GetMasterKeys(const Caller&, const v1::GetMasterKeysRequest&, Callback<Expected<v1::GetMasterKeysResponse>> reply) {
  v1::GetMasterKeysResponse response;
  *response.mutable_master_keys() = ToMessage(world_.keys.Masters());
  reply(std::move(response));
}

void Audit::RotateMasterKey(const Caller&, const v1::RotateMasterKeyRequest& request, Callback<Expected<v1::RotateMasterKeyResponse>> reply) {
  std::vector<FieldViolation> violations;
  if (request.active().size() != 16) violations.push_back({"active", "must be the 16 characters of the active master key's id, as GetMasterKeys gives it"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  if (auto rotated = world_.keys.RotateMaster(request.active(), world_.clock.WallUs()); !rotated) return reply(std::unexpected(rotated.error()));
  v1::RotateMasterKeyResponse response;
  *response.mutable_master_keys() = ToMessage(world_.keys.Masters());
  reply(std::move(response));
}

}  // namespace gridloop
