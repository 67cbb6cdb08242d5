// Offers, inboxes and the work on needs. Thread-safe.
#pragma once

#include <memory>
#include <mutex>

#include "commands/command.h"
#include "commands/pumps.h"
#include "commands/reactor.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "ports/stream.h"

namespace gridloop {

class Assignment {
 public:
  static constexpr size_t kMostWatchers = 1024;
  static constexpr size_t kMostReadings = 256;  // of needs with their history, at once
  explicit Assignment(World& world) : world_(world) { reader_->pumps = &readings_; }
  ~Assignment();
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
  void ReferOut(const Caller& caller, const v1::ReferOutRequest& request, Callback<Expected<v1::ReferOutResponse>> reply);
  void ConfirmReferral(const Caller& caller, const v1::ConfirmReferralRequest& request, Callback<Expected<v1::ConfirmReferralResponse>> reply);
  void ReturnReferral(const Caller& caller, const v1::ReturnReferralRequest& request, Callback<Expected<v1::ReturnReferralResponse>> reply);
  void CloseNeed(const Caller& caller, const v1::CloseNeedRequest& request, Callback<Expected<v1::CloseNeedResponse>> reply);
  void AddSupport(const Caller& caller, const v1::AddSupportRequest& request, Callback<Expected<v1::AddSupportResponse>> reply);
  void EndSupport(const Caller& caller, const v1::EndSupportRequest& request, Callback<Expected<v1::EndSupportResponse>> reply);
  void HandOverWork(const Caller& caller, const v1::HandOverWorkRequest& request, Callback<Expected<v1::HandOverWorkResponse>> reply);
  void GetHandOver(const Caller& caller, const v1::GetHandOverRequest& request, Callback<Expected<v1::GetHandOverResponse>> reply);
  void ListHandOvers(const Caller& caller, const v1::ListHandOversRequest& request, Callback<Expected<v1::ListHandOversResponse>> reply);
  void MergeNeed(const Caller& caller, const v1::MergeNeedRequest& request, Callback<Expected<v1::MergeNeedResponse>> reply);
  void UnmergeNeed(const Caller& caller, const v1::UnmergeNeedRequest& request, Callback<Expected<v1::UnmergeNeedResponse>> reply);
  void LinkNeeds(const Caller& caller, const v1::LinkNeedsRequest& request, Callback<Expected<v1::LinkNeedsResponse>> reply);
  void ResumeNeed(const Caller& caller, const v1::ResumeNeedRequest& request, Callback<Expected<v1::ResumeNeedResponse>> reply);
  void ProposeObligation(const Caller& caller, const v1::ProposeObligationRequest& request, Callback<Expected<v1::ProposeObligationResponse>> reply);
  void AcceptObligation(const Caller& caller, const v1::AcceptObligationRequest& request, Callback<Expected<v1::AcceptObligationResponse>> reply);
  void DeclineObligation(const Caller& caller, const v1::DeclineObligationRequest& request, Callback<Expected<v1::DeclineObligationResponse>> reply);
  void RecordObligationProgress(const Caller& caller, const v1::RecordObligationProgressRequest& request,
                                Callback<Expected<v1::RecordObligationProgressResponse>> reply);
  void FulfilObligation(const Caller& caller, const v1::FulfilObligationRequest& request, Callback<Expected<v1::FulfilObligationResponse>> reply);
  void WaiveObligation(const Caller& caller, const v1::WaiveObligationRequest& request, Callback<Expected<v1::WaiveObligationResponse>> reply);
  void AddSupervisionNote(const Caller& caller, const v1::AddSupervisionNoteRequest& request, Callback<Expected<v1::AddSupervisionNoteResponse>> reply);
  void ForgetNeed(const Caller& caller, const v1::ForgetNeedRequest& request, Callback<Expected<v1::ForgetNeedResponse>> reply);

 private:
  void OfferOne(const std::string& subject, std::function<void(bool again_later)> done);
  void FireOne(const std::string& subject, std::function<void(bool again_later)> done);
  void HandOverSome(const std::string& subject, std::function<void(bool again_later)> done);
  void Advance(const std::shared_ptr<const NeedState>& hand_over, const std::string& worker, const std::string& cursor, int handed_over, int unassigned,
               bool last, std::function<void(bool again_later)> done);
  void ForgetOne(const std::string& subject, std::function<void(bool again_later)> done);
  void SettleOne(const std::string& subject, std::function<void(bool again_later)> done);
  Expected<std::string> CheckInbox(const Caller& caller, const std::string& parent, std::vector<FieldViolation> violations) const;
  struct Reading;
  // Opens what the reading is allowed, which is in the access log by then.
  Expected<void> Open(Reading& reading) const;
  // The events of a need with their personal parts; what was forgotten stays closed, and `forgotten` is set.
  Expected<std::vector<Event>> OpenedHistory(const NeedState& state, bool* forgotten) const;
  Expected<v1::ForgetPlan> PlanForgetting(const std::string& name) const;
  // Callbacks of the ledger hold this; some come after the assignment service has gone.
  struct Reader {
    std::mutex mutex;
    Pumps* pumps = nullptr;  // null: it has gone
  };
  // On a thread that may read the log for a while; false: too many do. Once the service has gone nothing is read: whoever drops the reply
  // thereby says so.
  static bool ReadLater(Reader& reader, std::function<void()> read);
  static std::unexpected<Error> TooManyReadings();
  World& world_;
  Pumps pumps_{kMostWatchers};
  Pumps readings_{kMostReadings};
  std::shared_ptr<Reader> reader_ = std::make_shared<Reader>();
  std::unique_ptr<Reactor> offers_;
  std::unique_ptr<Reactor> merges_;
  std::unique_ptr<Reactor> deadlines_;
  std::unique_ptr<Reactor> hand_overs_;
  std::unique_ptr<Reactor> forgettings_;
};

}  // namespace gridloop
