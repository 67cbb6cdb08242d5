#include "domain/rpc_status.h"

#include "google/rpc/error_details.pb.h"

namespace gridloop {
namespace {

constexpr char kDomain[] = "gridloop";

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
    for (const auto& field : error.fields) {
      auto* violation = bad.add_field_violations();
      violation->set_field(field.field);
      violation->set_description(field.description);
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
