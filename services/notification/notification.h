// Tells other systems of offers, urgings, coming deadlines and results by signed webhooks without personal data.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "notification/coming_deadlines.h"
#include "notification/ledger_notices.h"
#include "notification/outbox.h"

namespace gridloop {

// Thread-safe.
class Notification {
 public:
  // References outlive it, but for `webhooks`, which may go after Stop.
  Notification(World& world, NoticeStore& store, Webhooks& webhooks, Outbox::Limits limits = {}, std::function<void(const Outbox::News&)> heard = {});
  ~Notification();

  // Loads what was kept and begins to send. `may_act` false holds coming deadlines back.
  Expected<void> Start(Recipients recipients, std::function<bool()> may_act = {});
  // From now on these. Without any nothing is noted, and the first one hears of what comes after it.
  Expected<void> Use(Recipients recipients);
  void Stop();

  void ListRecipients(const Caller& caller, const v1::ListRecipientsRequest& request, Callback<Expected<v1::ListRecipientsResponse>> reply);
  void ListDeadLetters(const Caller& caller, const v1::ListDeadLettersRequest& request, Callback<Expected<v1::ListDeadLettersResponse>> reply);
  void RedeliverNotices(const Caller& caller, const v1::RedeliverNoticesRequest& request, Callback<Expected<v1::RedeliverNoticesResponse>> reply);
  void SendTestNotice(const Caller& caller, const v1::SendTestNoticeRequest& request, Callback<Expected<v1::SendTestNoticeResponse>> reply);

  // For metrics.
  std::vector<v1::Recipient> List() const { return outbox_.List(); }
  uint64_t Behind() const;  // events of which no notice has been made yet; 0 if nobody is told

 private:
  World& world_;
  NoticeStore& store_;
  Outbox outbox_;
  mutable std::mutex mutex_;  // of what follows
  bool started_ = false;
  std::function<bool()> may_act_;
  std::optional<LedgerNotices> ledger_notices_;
  std::optional<ComingDeadlines> coming_deadlines_;
};

}  // namespace gridloop
