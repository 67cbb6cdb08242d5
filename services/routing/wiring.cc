#include "routing/wiring.h"

namespace gridloop {

const google::protobuf::ServiceDescriptor* RoutingDescriptor() {
  return google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("gridloop.v1.RoutingService");
}

void BindRouting(Router& router, Routing& service) {
  const std::string prefix = "gridloop.v1.RoutingService/";
  router.Bind(prefix + "ExplainRoute", service, &Routing::ExplainRoute);
  router.Bind(prefix + "ReplayRoute", service, &Routing::ReplayRoute);
  router.Bind(prefix + "ConfirmDispatch", service, &Routing::ConfirmDispatch);
  router.Bind(prefix + "DispatchNeed", service, &Routing::DispatchNeed);
  router.Bind(prefix + "RecallNeed", service, &Routing::RecallNeed);
  router.Bind(prefix + "ListHeldNeeds", service, &Routing::ListHeldNeeds);
  router.Bind(prefix + "GetDirectory", service, &Routing::GetDirectory);
  router.Bind(prefix + "ListUnits", service, &Routing::ListUnits);
  router.Bind(prefix + "GetUnit", service, &Routing::GetUnit);
  router.Bind(prefix + "ListWorkers", service, &Routing::ListWorkers);
  router.Bind(prefix + "ListCategories", service, &Routing::ListCategories);
  router.Bind(prefix + "ActivateDirectory", service, &Routing::ActivateDirectory);
  router.Bind(prefix + "CompareDirectories", service, &Routing::CompareDirectories);
}

}  // namespace gridloop
