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
  router.Bind(prefix + "RequestInformation", service, &Assignment::RequestInformation);
  router.Bind(prefix + "ReviseAssessment", service, &Assignment::ReviseAssessment);
  router.Bind(prefix + "RevisePlan", service, &Assignment::RevisePlan);
  router.Bind(prefix + "RequestExtension", service, &Assignment::RequestExtension);
  router.Bind(prefix + "DecideExtension", service, &Assignment::DecideExtension);
  router.Bind(prefix + "RequestHold", service, &Assignment::RequestHold);
  router.Bind(prefix + "DecideHold", service, &Assignment::DecideHold);
  router.Bind(prefix + "ResumeNeed", service, &Assignment::ResumeNeed);
  router.Bind(prefix + "ProposeTransfer", service, &Assignment::ProposeTransfer);
  router.Bind(prefix + "AcceptTransfer", service, &Assignment::AcceptTransfer);
  router.Bind(prefix + "DeclineTransfer", service, &Assignment::DeclineTransfer);
  router.Bind(prefix + "ReopenNeed", service, &Assignment::ReopenNeed);
  router.Bind(prefix + "RecordAfterVisit", service, &Assignment::RecordAfterVisit);
  router.Bind(prefix + "ReferOut", service, &Assignment::ReferOut);
  router.Bind(prefix + "ConfirmReferral", service, &Assignment::ConfirmReferral);
  router.Bind(prefix + "ReturnReferral", service, &Assignment::ReturnReferral);
  router.Bind(prefix + "CloseNeed", service, &Assignment::CloseNeed);
  router.Bind(prefix + "AddSupport", service, &Assignment::AddSupport);
  router.Bind(prefix + "EndSupport", service, &Assignment::EndSupport);
  router.Bind(prefix + "HandOverWork", service, &Assignment::HandOverWork);
  router.Bind(prefix + "GetHandOver", service, &Assignment::GetHandOver);
  router.Bind(prefix + "ListHandOvers", service, &Assignment::ListHandOvers);
  router.Bind(prefix + "MergeNeed", service, &Assignment::MergeNeed);
  router.Bind(prefix + "UnmergeNeed", service, &Assignment::UnmergeNeed);
  router.Bind(prefix + "LinkNeeds", service, &Assignment::LinkNeeds);
  router.Bind(prefix + "AddSupervisionNote", service, &Assignment::AddSupervisionNote);
  router.Bind(prefix + "ForgetNeed", service, &Assignment::ForgetNeed);
  router.Bind(prefix + "WaiveObligation", service, &Assignment::WaiveObligation);
  router.Bind(prefix + "FulfilObligation", service, &Assignment::FulfilObligation);
  router.Bind(prefix + "RecordObligationProgress", service, &Assignment::RecordObligationProgress);
  router.Bind(prefix + "DeclineObligation", service, &Assignment::DeclineObligation);
  router.Bind(prefix + "AcceptObligation", service, &Assignment::AcceptObligation);
  router.Bind(prefix + "ProposeObligation", service, &Assignment::ProposeObligation);
}

const google::protobuf::ServiceDescriptor* DepartmentDescriptor() {
  return google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("gridloop.v1.DepartmentService");
}

void BindDepartments(Router& router, Departments& service) {
  const std::string prefix = "gridloop.v1.DepartmentService/";
  router.Bind(prefix + "ListObligations", service, &Departments::ListObligations);
  router.Bind(prefix + "WatchObligations", service, &Departments::WatchObligations);
  router.Bind(prefix + "GetPlan", service, &Departments::GetPlan);
  router.Bind(prefix + "AcceptObligation", service, &Departments::AcceptObligation);
  router.Bind(prefix + "DeclineObligation", service, &Departments::DeclineObligation);
  router.Bind(prefix + "RecordObligationProgress", service, &Departments::RecordObligationProgress);
  router.Bind(prefix + "FulfilObligation", service, &Departments::FulfilObligation);
}

}  // namespace gridloop
