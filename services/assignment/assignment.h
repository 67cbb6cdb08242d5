// Offers, inboxes and the work on needs. Thread-safe.
#pragma once

#include <memory>

#include "commands/command.h"
#include "commands/pumps.h"
#include "commands/reactor.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "ports/stream.h"

namespace gridloop {

class Assignment {
 public:
  static constexpr size_t kMostWatchers = 1024;
  explicit Assignment(World& world) : world_(world) {}
  // From here on offers are made, merges settled and deadlines fire, until Stop or destruction. `may_fire` false holds deadlines back: late
  // is harmless, early is not.
  void Start(std::function<bool()> may_fire = {});
  void Stop();

  void GetNeed(const Caller& caller, const v1::AssignmentServiceGetNeedRequest& request, Callback<Expected<v1::AssignmentServiceGetNeedResponse>> reply);
  void ListInbox(const Caller& caller, const v1::ListInboxRequest& request, Callback<Expected<v1::ListInboxResponse>> reply);
  void WatchInbox(const Caller& caller, const v1::WatchInboxRequest& request, std::shared_ptr<Sink<v1::WatchInboxResponse>> sink);
  void AcceptOffer(const Caller& caller, const v1::AcceptOfferRequest& request, Callback<Expected<v1::AcceptOfferResponse>> reply);
  void DeclineOffer(const Caller& caller, const v1::DeclineOfferRequest& request, Callback<Expected<v1::DeclineOfferResponse>> reply);
  void AssignWorker(const Caller& caller, const v1::AssignWorkerRequest& request, Callback<Expected<v1::AssignWorkerResponse>> reply);
  void AnswerNeed(const Caller& caller, const v1::AnswerNeedRequest& request, Callback<Expected<v1::AnswerNeedResponse>> reply);
  void RecordEmergencyAction(const Caller& caller, const v1::RecordEmergencyActionRequest& request,
                             Callback<Expected<v1::RecordEmergencyActionResponse>> reply);
  void AssessNeed(const Caller& caller, const v1::AssessNeedRequest& request, Callback<Expected<v1::AssessNeedResponse>> reply);
  void GradeNeed(const Caller& caller, const v1::GradeNeedRequest& request, Callback<Expected<v1::GradeNeedResponse>> reply);
  void PlanService(const Caller& caller, const v1::PlanServiceRequest& request, Callback<Expected<v1::PlanServiceResponse>> reply);
  void RecordService(const Caller& caller, const v1::RecordServiceRequest& request, Callback<Expected<v1::RecordServiceResponse>> reply);
  void RecordFollowUp(const Caller& caller, const v1::RecordFollowUpRequest& request, Callback<Expected<v1::RecordFollowUpResponse>> reply);
  void AddNote(const Caller& caller, const v1::AddNoteRequest& request, Callback<Expected<v1::AddNoteResponse>> reply);
  void RequestClosing(const Caller& caller, const v1::RequestClosingRequest& request, Callback<Expected<v1::RequestClosingResponse>> reply);
  void VerifyClosing(const Caller& caller, const v1::VerifyClosingRequest& request, Callback<Expected<v1::VerifyClosingResponse>> reply);
  void EscalateNeed(const Caller& caller, const v1::EscalateNeedRequest& request, Callback<Expected<v1::EscalateNeedResponse>> reply);
  void RequestInformation(const Caller& caller, const v1::RequestInformationRequest& request, Callback<Expected<v1::RequestInformationResponse>> reply);
  void ReviseAssessment(const Caller& caller, const v1::ReviseAssessmentRequest& request, Callback<Expected<v1::ReviseAssessmentResponse>> reply);
  void RevisePlan(const Caller& caller, const v1::RevisePlanRequest& request, Callback<Expected<v1::RevisePlanResponse>> reply);
  void RequestExtension(const Caller& caller, const v1::RequestExtensionRequest& request, Callback<Expected<v1::RequestExtensionResponse>> reply);
  void DecideExtension(const Caller& caller, const v1::DecideExtensionRequest& request, Callback<Expected<v1::DecideExtensionResponse>> reply);
  void RequestHold(const Caller& caller, const v1::RequestHoldRequest& request, Callback<Expected<v1::RequestHoldResponse>> reply);
  void DecideHold(const Caller& caller, const v1::DecideHoldRequest& request, Callback<Expected<v1::DecideHoldResponse>> reply);
  void ReopenNeed(const Caller& caller, const v1::ReopenNeedRequest& request, Callback<Expected<v1::ReopenNeedResponse>> reply);
  void RecordAfterVisit(const Caller& caller, const v1::RecordAfterVisitRequest& request, Callback<Expected<v1::RecordAfterVisitResponse>> reply);
  void ProposeTransfer(const Caller& caller, const v1::ProposeTransferRequest& request, Callback<Expected<v1::ProposeTransferResponse>> reply);
  void AcceptTransfer(const Caller& caller, const v1::AcceptTransferRequest& request, Callback<Expected<v1::AcceptTransferResponse>> reply);
  void DeclineTransfer(const Caller& caller, const v1::DeclineTransferRequest& request, Callback<Expected<v1::DeclineTransferResponse>> reply);
  void MergeNeed(const Caller& caller, const v1::MergeNeedRequest& request, Callback<Expected<v1::MergeNeedResponse>> reply);
  void UnmergeNeed(const Caller& caller, const v1::UnmergeNeedRequest& request, Callback<Expected<v1::UnmergeNeedResponse>> reply);
  void LinkNeeds(const Caller& caller, const v1::LinkNeedsRequest& request, Callback<Expected<v1::LinkNeedsResponse>> reply);
  void ResumeNeed(const Caller& caller, const v1::ResumeNeedRequest& request, Callback<Expected<v1::ResumeNeedResponse>> reply);

 private:
  void OfferOne(const std::string& subject, std::function<void(bool again_later)> done);
  void FireOne(const std::string& subject, std::function<void(bool again_later)> done);
  void SettleOne(const std::string& subject, std::function<void(bool again_later)> done);
  Expected<std::string> CheckInbox(const Caller& caller, const std::string& parent, std::vector<FieldViolation> violations) const;
  // The events of a need with their personal parts; what was forgotten stays closed.
  Expected<std::vector<Event>> OpenedHistory(const NeedState& state) const;
  World& world_;
  Pumps pumps_{kMostWatchers};
  std::unique_ptr<Reactor> offers_;
  std::unique_ptr<Reactor> merges_;
  std::unique_ptr<Reactor> deadlines_;
};

}  // namespace gridloop
