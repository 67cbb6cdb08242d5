#include "allinone/deliveries.h"

#include <algorithm>
#include <cctype>

#include "adapters/http/curl_webhooks.h"
#include "adapters/memory/memory_store.h"
#include "adapters/rocksdb/rocksdb_store.h"
#include "runtime/version.h"

namespace gridloop {
namespace {

// DELIVERY_FAILURE_TIMEOUT to "timeout".
std::string Word(const std::string& name, std::string_view prefix) {
  std::string word = name.substr(std::min(prefix.size(), name.size()));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

}  // namespace

Expected<std::unique_ptr<Deliveries>> Deliveries::Open(World& world, const std::filesystem::path& data_directory, const std::filesystem::path& recipients_file,
                                                       Log& log) {
  std::unique_ptr<Deliveries> deliveries(new Deliveries(recipients_file, log));
  if (recipients_file.empty()) {
    deliveries->store_ = std::make_unique<MemoryNotices>();
  } else {
    auto store = RocksdbNotices::Open(data_directory);
    if (!store) return std::unexpected(store.error());
    deliveries->store_ = std::move(*store);
  }
  auto webhooks = CurlWebhooks::Make({.user_agent = std::string("gridloop/") + kVersion});
  if (!webhooks) return std::unexpected(webhooks.error());
  deliveries->webhooks_ = std::move(*webhooks);
  deliveries->notification_ = std::make_unique<Notification>(world, *deliveries->store_, *deliveries->webhooks_, Outbox::Limits(),
                                                             [heard = deliveries.get()](const Outbox::News& news) { heard->Heard(news); });
  return deliveries;
}

Expected<Recipients> Deliveries::Load() {
  if (recipients_file_.empty()) return Recipients();
  read_.assign(1, {recipients_file_, FileMark::Of(recipients_file_)});
  auto recipients = LoadRecipients(recipients_file_);
  if (!recipients) return recipients;
  for (const auto& file : recipients->files) read_.emplace_back(file, FileMark::Of(file));
  return recipients;
}

Expected<void> Deliveries::Start(std::function<bool()> may_act) {
  auto recipients = Load();
  if (!recipients) return std::unexpected(recipients.error());
  started_ = true;
  return notification_->Start(std::move(*recipients), std::move(may_act));
}

void Deliveries::ReloadIfChanged() {
  // One that was refused is looked at each time: what was wrong may be in another file.
  bool same = std::ranges::all_of(read_, [](const auto& file) { return FileMark::Of(file.first) == file.second; });
  if (!started_ || (same && refused_.empty())) return;
  auto recipients = Load();
  if (!recipients) {
    std::string why = recipients.error().message;
    for (const auto& field : recipients.error().fields) why += " " + field.field + ": " + field.description + ".";
    if (why != refused_) log_.Error("notifications", "the recipients were not read again; the former ones stay", {{"why", why}});
    refused_ = std::move(why);
    return;
  }
  refused_.clear();
  auto count = static_cast<int64_t>(recipients->all.size());
  if (auto used = notification_->Use(std::move(*recipients)); !used) {
    return log_.Error("notifications", "the recipients were read again, but the store fails", {{"why", used.error().message}});
  }
  log_.Info("notifications", "recipients read again", {{"recipients", count}});
}

void Deliveries::Heard(const Outbox::News& news) {
  auto left_out = limit_.Take();
  if (!left_out) return;
  using What = Outbox::News::What;
  std::string failure = Word(v1::DeliveryFailure_Name(news.failure), "DELIVERY_FAILURE_");
  switch (news.what) {
    case What::kFails:
      return log_.Warning("notifications", "a recipient fails; tried again",
                          {{"recipient", news.recipient}, {"failure", failure}, {"status", static_cast<int64_t>(news.status)}, {"left_out_before", *left_out}});
    case What::kRecovered:
      return log_.Info("notifications", "a recipient takes notices again", {{"recipient", news.recipient}, {"left_out_before", *left_out}});
    case What::kDead:
      return log_.Warning("notifications", "a notice is tried no more; it is among the dead letters",
                          {{"recipient", news.recipient},
                           {"reason", Word(v1::DeathReason_Name(news.death), "DEATH_REASON_")},
                           {"failure", failure},
                           {"status", static_cast<int64_t>(news.status)},
                           {"left_out_before", *left_out}});
    case What::kDropped:
      return log_.Error("notifications", "the oldest dead letter was dropped for a newer one", {{"recipient", news.recipient}, {"left_out_before", *left_out}});
    case What::kStoreFailed:
      return log_.Error("notifications", "could not write what is to be delivered; tried again", {{"left_out_before", *left_out}});
    case What::kReadFailed:
      return log_.Error("notifications", "could not read what is to be told from the ledger or the view; tried again", {{"left_out_before", *left_out}});
  }
}

void Deliveries::SetGauges(Metrics& metrics) const {
  metrics.SetGauge("gridloop_notifications_behind_events", "Events of which no notice has been made yet.", static_cast<double>(notification_->Behind()));
  for (const auto& recipient : notification_->List()) {
    std::string id = recipient.name().substr(recipient.name().find('/') + 1);
    auto gauge = [&](const char* name, const char* help, double value) { metrics.SetGauge(name, help, "recipient", id, value); };
    gauge("gridloop_notifications_queued", "Notices that wait for their delivery.", recipient.queued());
    gauge("gridloop_notifications_dead_letters", "Notices that are tried no more and can be sent again.", recipient.dead_letters());
    for (auto [outcome, count] : {std::pair{"delivered", recipient.delivered()}, {"failed", recipient.failed()}, {"dropped", recipient.dropped()}}) {
      metrics.RaiseCounter("gridloop_notifications_total", "Attempts at deliveries, and dead letters that were dropped, by outcome.",
                           {{"recipient", id}, {"outcome", outcome}}, static_cast<double>(count));
    }
  }
}

void Deliveries::Stop() {
  if (notification_) notification_->Stop();
  webhooks_.reset();
}

}  // namespace gridloop
