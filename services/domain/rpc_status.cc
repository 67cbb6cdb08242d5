#include "domain/rpc_status.h"

#include "google/rpc/error_details.pb.h"

namespace gridloop {
namespace {

constexpr char kDomain[] = "gridloop";
// A status travels in HTTP/2 metadata, in base64, and many a client takes no more than 8 KiB of that.
constexpr size_t kMostBytes = 5 << 10;
constexpr size_t kBesideTexts = 400;  // for tags, lengths, type names
constexpr size_t kBesideField = 8;

size_t BytesWithoutFields(const Error& error) {
  size_t bytes = kBesideTexts + error.message.size() + error.reason.size() + error.message_zh.size();
  for (const auto& [key, value] : error.metadata) bytes += kBesideField + key.size() + value.size();
  return bytes;
}

}  // namespace

google::rpc::Status ToRpcStatus(const Error& error) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(error.code));
  status.set_message(error.message);
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason);
  info.set_domain(kDomain);
  for (const auto& [key, value] : error.metadata) (*info.mutable_metadata())[key] = value;
  status.add_details()->PackFrom(info);
  if (!error.fields.empty()) {
    google::rpc::BadRequest bad;
    size_t bytes = BytesWithoutFields(error);
    size_t left_out = 0;
    for (const auto& field : error.fields) {
      const size_t more = kBesideField + field.field.size() + field.description.size();
      if (bytes + more > kMostBytes) {
        ++left_out;
        continue;
      }
      bytes += more;
      auto* violation = bad.add_field_violations();
      violation->set_field(field.field);
      violation->set_description(field.description);
    }
    if (left_out > 0) {
      auto* rest = bad.add_field_violations();
      rest->set_field("…");
      rest->set_description("and " + std::to_string(left_out) + " more; correct these first");
    }
    status.add_details()->PackFrom(bad);
  }
  if (error.retry_after_us) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(*error.retry_after_us / 1'000'000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(*error.retry_after_us % 1'000'000 * 1000));
    status.add_details()->PackFrom(retry);
  }
  if (!error.message_zh.empty()) {
    google::rpc::LocalizedMessage localized;
    localized.set_locale("zh-CN");
    localized.set_message(error.message_zh);
    status.add_details()->PackFrom(localized);
  }
  return status;
}

Error FromRpcStatus(const google::rpc::Status& status) {
  Error error;
  error.code = static_cast<Code>(status.code());
  error.message = status.message();
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    google::rpc::RetryInfo retry;
    google::rpc::LocalizedMessage localized;
    if (detail.UnpackTo(&info)) {
      error.reason = info.reason();
      for (const auto& [key, value] : info.metadata()) error.metadata.emplace_back(key, value);
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& field : bad.field_violations()) error.fields.push_back({field.field(), field.description()});
    } else if (detail.UnpackTo(&retry)) {
      error.retry_after_us = retry.retry_delay().seconds() * 1'000'000 + retry.retry_delay().nanos() / 1000;
    } else if (detail.UnpackTo(&localized)) {
      error.message_zh = localized.message();
    }
  }
  return error;
}

}  // namespace gridloop
