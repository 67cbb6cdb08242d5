#include "audit/wiring.h"

namespace gridloop {

const google::protobuf::ServiceDescriptor* AuditDescriptor() {
  return google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("gridloop.v1.AuditService");
}

void BindAudit(Router& router, Audit& service) {
  const std::string prefix = "gridloop.v1.AuditService/";
  router.Bind(prefix + "GetTimeline", service, &Audit::GetTimeline);
  router.Bind(prefix + "ExplainDeadline", service, &Audit::ExplainDeadline);
  router.Bind(prefix + "ListOpenLoops", service, &Audit::ListOpenLoops);
  router.Bind(prefix + "ExportEvents", service, &Audit::ExportEvents);
  router.Bind(prefix + "GetFigures", service, &Audit::GetFigures);
  router.Bind(prefix + "FreezeFigures", service, &Audit::FreezeFigures);
  router.Bind(prefix + "ListAccesses", service, &Audit::ListAccesses);
  router.Bind(prefix + "GetMasterKeys", service, &Audit::GetMasterKeys);
  router.Bind(prefix + "RotateMasterKey", service, &Audit::RotateMasterKey);
}

}  // namespace gridloop
