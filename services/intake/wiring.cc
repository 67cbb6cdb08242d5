#include "intake/wiring.h"

namespace gridloop {

const google::protobuf::ServiceDescriptor* IntakeDescriptor() {
  return google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("gridloop.v1.IntakeService");
}

void BindIntake(Router& router, Intake& service) {
  const std::string prefix = "gridloop.v1.IntakeService/";
  router.Bind(prefix + "SubmitNeed", service, &Intake::SubmitNeed);
  router.Bind(prefix + "SubmitNeeds", service, &Intake::SubmitNeeds);
  router.Bind(prefix + "GetNeed", service, &Intake::GetNeed);
  router.Bind(prefix + "ListNeeds", service, &Intake::ListNeeds);
  router.Bind(prefix + "WatchNeeds", service, &Intake::WatchNeeds);
  router.Bind(prefix + "WithdrawNeed", service, &Intake::WithdrawNeed);
  router.Bind(prefix + "UrgeNeed", service, &Intake::UrgeNeed);
  router.Bind(prefix + "ProvideInformation", service, &Intake::ProvideInformation);
  router.Bind(prefix + "AmendNeed", service, &Intake::AmendNeed);
  router.Bind(prefix + "FindDuplicates", service, &Intake::FindDuplicates);
  router.Bind(prefix + "JoinNeed", service, &Intake::JoinNeed);
}

}  // namespace gridloop
