#include "assignment/wiring.h"

namespace gridloop {

const google::protobuf::ServiceDescriptor* AssignmentDescriptor() {
  return google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("gridloop.v1.AssignmentService");
}

void BindAssignment(Router& router, Assignment& service) {
  const std::string prefix = "gridloop.v1.AssignmentService/";
  router.Bind(prefix + "GetNeed", service, &Assignment::GetNeed);
  router.Bind(prefix + "ListInbox", service, &Assignment::ListInbox);
  router.Bind(prefix + "WatchInbox", service, &Assignment::WatchInbox);
  router.Bind(prefix + "AcceptOffer", service, &Assignment::AcceptOffer);
  router.Bind(prefix + "DeclineOffer", service, &Assignment::DeclineOffer);
  router.Bind(prefix + "AssignWorker", service, &Assignment::AssignWorker);
  router.Bind(prefix + "AnswerNeed", service, &Assignment::AnswerNeed);
  router.Bind(prefix + "RecordEmergencyAction", service, &Assignment::RecordEmergencyAction);
  router.Bind(prefix + "AssessNeed", service, &Assignment::AssessNeed);
  router.Bind(prefix + "GradeNeed", service, &Assignment::GradeNeed);
  router.Bind(prefix + "PlanService", service, &Assignment::PlanService);
  router.Bind(prefix + "RecordService", service, &Assignment::RecordService);
  router.Bind(prefix + "RecordFollowUp", service, &Assignment::RecordFollowUp);
  router.Bind(prefix + "AddNote", service, &Assignment::AddNote);
  router.Bind(prefix + "RequestClosing", service, &Assignment::RequestClosing);
  router.Bind(prefix + "VerifyClosing", service, &Assignment::VerifyClosing);
  router.Bind(prefix + "EscalateNeed", service, &Assignment::EscalateNeed);
}

}  // namespace gridloop
