// Reports: takes them, and gives reporters what is theirs to see. Thread-safe.
#pragma once

#include <set>

#include "commands/command.h"
#include "commands/pumps.h"
#include "gridloop/v1/intake_service.pb.h"
#include "intake/quota.h"
#include "ports/stream.h"

namespace gridloop {

// Every wrong field of a report at once (limits: need.proto). `snapshot` may be null: then ids are not checked.
void CheckReport(const v1::Report& report, const Snapshot* snapshot, int64_t now_us, std::vector<FieldViolation>* violations);

// The same for those fields of it that an amendment names; the others are empty.
void CheckAmendment(const v1::Report& report, const std::set<std::string>& fields, const Snapshot* snapshot, int64_t now_us,
                    std::vector<FieldViolation>* violations);

// GB 11643-1999: 17 digits with a date of birth, and a check character.
bool IsIdentityNumber(std::string_view text);

inline constexpr char kNextStep[] = "已收到，中心将派单给社工站，请留意进度。";
inline constexpr char kCrisisAdvice[] = "情况危急，请立即拨打110或120。Call 110 or 120 now.";

// At most 10, each a reference with its digest.
void CheckAttachments(const std::string& field, const google::protobuf::RepeatedPtrField<v1::Attachment>& attachments, std::vector<FieldViolation>* violations);

// About somebody under 18 in Shanghai at that time, or perhaps so; a guardian's consent says it too.
bool IsAboutMinor(const v1::Report& report, int64_t now_us);

class Intake {
 public:
  static constexpr size_t kMostWatchers = 1024;
  // `needs_per_minute`: that each principal may report; 0: no limit. A crisis is always taken.
  explicit Intake(World& world, int needs_per_minute = 0) : world_(world), quota_(needs_per_minute) {}
  void SubmitNeed(const Caller& caller, const v1::SubmitNeedRequest& request, Callback<Expected<v1::SubmitNeedResponse>> reply);
  // A result for each item, in the order of completion; ends when all are answered after the caller's last.
  void SubmitNeeds(const Caller& caller, std::shared_ptr<Conversation<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>> conversation);
  void GetNeed(const Caller& caller, const v1::IntakeServiceGetNeedRequest& request, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply);
  void ListNeeds(const Caller& caller, const v1::ListNeedsRequest& request, Callback<Expected<v1::ListNeedsResponse>> reply);
  void WatchNeeds(const Caller& caller, const v1::WatchNeedsRequest& request, std::shared_ptr<Sink<v1::WatchNeedsResponse>> sink);
  void WithdrawNeed(const Caller& caller, const v1::WithdrawNeedRequest& request, Callback<Expected<v1::WithdrawNeedResponse>> reply);
  void UrgeNeed(const Caller& caller, const v1::UrgeNeedRequest& request, Callback<Expected<v1::UrgeNeedResponse>> reply);
  void ProvideInformation(const Caller& caller, const v1::ProvideInformationRequest& request, Callback<Expected<v1::ProvideInformationResponse>> reply);
  void AmendNeed(const Caller& caller, const v1::AmendNeedRequest& request, Callback<Expected<v1::AmendNeedResponse>> reply);
  void FindDuplicates(const Caller& caller, const v1::FindDuplicatesRequest& request, Callback<Expected<v1::FindDuplicatesResponse>> reply);
  void JoinNeed(const Caller& caller, const v1::JoinNeedRequest& request, Callback<Expected<v1::JoinNeedResponse>> reply);

 private:
  Expected<v1::ReporterNeed> View(const NeedState& named, const NeedState& state) const;
  Expected<v1::ReporterNeed> ViewNow(const std::shared_ptr<const NeedState>& named) const;  // waits for the view
  Expected<std::string> ClosingSentence(const NeedState& state, bool* forgotten) const;
  Expected<std::string> Question(const NeedState& state) const;  // that waits for an answer; empty if none
  // What has been taken under this id with this body, or null.
  Expected<std::shared_ptr<const NeedState>> Taken(const Event& event) const;
  World& world_;
  Quota quota_;
  Pumps pumps_{kMostWatchers};
};

}  // namespace gridloop
