#include "notification/notification.h"

#include <algorithm>

#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr std::string_view kRecipients = "recipients/";
constexpr int kMostIds = 200;

// The id in recipients/{recipient}; a violation if it is none.
std::string CheckRecipient(std::string_view field, std::string_view name, std::vector<FieldViolation>* violations) {
  if (name.starts_with(kRecipients) && name.size() > kRecipients.size() && name.size() <= kRecipients.size() + 40) {
    return std::string(name.substr(kRecipients.size()));
  }
  violations->push_back({std::string(field), "must be recipients/ and an id that ListRecipients gives"});
  return {};
}

}  // namespace

Notification::Notification(World& world, NoticeStore& store, Webhooks& webhooks, Outbox::Limits limits, std::function<void(const Outbox::News&)> heard)
    : world_(world), store_(store), outbox_(world, store, webhooks, limits, std::move(heard)) {}

Notification::~Notification() { Stop(); }

Expected<void> Notification::Start(Recipients recipients, std::function<bool()> may_act) {
  if (auto loaded = outbox_.Load(); !loaded) return loaded;
  {
    std::lock_guard lock(mutex_);
    started_ = true;
    may_act_ = std::move(may_act);
  }
  if (auto used = Use(std::move(recipients)); !used) return used;
  outbox_.Start();
  return {};
}

Expected<void> Notification::Use(Recipients recipients) {
  std::lock_guard lock(mutex_);
  if (!started_) return {};
  auto shared = std::make_shared<const Recipients>(std::move(recipients));
  coming_deadlines_.reset();
  outbox_.Use(shared);
  if (shared->all.empty()) {
    ledger_notices_.reset();
    return LedgerNotices::Forget(store_);
  }
  if (!ledger_notices_) ledger_notices_.emplace(world_, outbox_);
  coming_deadlines_.emplace(world_, outbox_, shared->deadline_lead_us, may_act_);
  return {};
}

void Notification::Stop() {
  {
    std::lock_guard lock(mutex_);
    started_ = false;
    coming_deadlines_.reset();
    ledger_notices_.reset();
  }
  outbox_.Stop();
}

uint64_t Notification::Behind() const {
  std::lock_guard lock(mutex_);
  return ledger_notices_ ? ledger_notices_->Behind() : 0;
}

void Notification::ListRecipients(const Caller&, const v1::ListRecipientsRequest& request, Callback<Expected<v1::ListRecipientsResponse>> reply) {
  const std::string query = "ListRecipients";
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto all = outbox_.List();
  std::ranges::sort(all, {}, &v1::Recipient::name);
  v1::ListRecipientsResponse response;
  for (const auto& recipient : all) {
    if (recipient.name() <= *after) continue;
    if (response.recipients_size() == PageSize(request.page_size())) {
      response.set_next_page_token(world_.secret.PageToken(query, response.recipients().rbegin()->name()));
      break;
    }
    *response.add_recipients() = recipient;
  }
  reply(std::move(response));
}

void Notification::ListDeadLetters(const Caller& caller, const v1::ListDeadLettersRequest& request, Callback<Expected<v1::ListDeadLettersResponse>> reply) {
  const std::string query = "ListDeadLetters " + request.parent();
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  std::vector<FieldViolation> violations;
  std::string recipient = CheckRecipient("parent", request.parent(), &violations);
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto page = outbox_.ListDead(recipient, *after, static_cast<size_t>(PageSize(request.page_size())));
  if (!page) return reply(std::unexpected(page.error()));
  v1::ListDeadLettersResponse response;
  for (const auto& kept : page->letters) {
    auto& letter = *response.add_dead_letters();
    v1::Notice notice = kept.notice();
    if (caller.actor.role() == v1::ROLE_ADMIN) {  // who operates the deployment sees no needs
      notice.Clear();
      notice.set_id(kept.notice().id());
      notice.set_kind(kept.notice().kind());
      *notice.mutable_time() = kept.notice().time();
    } else if (!notice.need().empty() && !notice.restricted()) {
      auto state = StateNow(world_, notice.need());
      if (!state) return reply(std::unexpected(state.error()));
      if (*state && (*state)->restricted()) notice = CutNotice(notice);
    }
    *letter.mutable_notice() = std::move(notice);
    letter.set_reason(kept.death());
    *letter.mutable_death_time() = ToTimestamp(kept.dead_us());
    letter.set_attempts(static_cast<int32_t>(kept.attempts()));
    letter.set_failure(kept.failure());
    letter.set_status(kept.status());
  }
  if (!page->next.empty()) response.set_next_page_token(world_.secret.PageToken(query, page->next));
  reply(std::move(response));
}

void Notification::RedeliverNotices(const Caller&, const v1::RedeliverNoticesRequest& request, Callback<Expected<v1::RedeliverNoticesResponse>> reply) {
  std::vector<FieldViolation> violations;
  std::string recipient = CheckRecipient("name", request.name(), &violations);
  if (request.all() == !request.ids().empty() || request.ids_size() > kMostIds) {
    violations.push_back({"ids", "must be 1 to 200 ids that ListDeadLetters gave, or none with all"});
  }
  for (const auto& id : request.ids()) {
    if (!ParseBase32(id)) {
      violations.push_back({"ids", "must be of 26 characters, as ListDeadLetters gives them"});
      break;
    }
  }
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  std::optional<std::set<std::string>> ids;
  if (!request.all()) ids.emplace(request.ids().begin(), request.ids().end());
  auto done = outbox_.Redeliver(recipient, ids);
  if (!done) return reply(std::unexpected(done.error()));
  v1::RedeliverNoticesResponse response;
  response.set_redelivered(done->moved);
  response.set_left(done->left);
  reply(std::move(response));
}

void Notification::SendTestNotice(const Caller& caller, const v1::SendTestNoticeRequest& request, Callback<Expected<v1::SendTestNoticeResponse>> reply) {
  std::vector<FieldViolation> violations;
  Recipient recipient;
  recipient.id = CheckRecipient("name", request.name(), &violations);
  CheckRequestId(request.request_id(), &violations);
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  v1::Notice notice;
  notice.set_id(NoticeId(recipient, "test " + caller.client + " " + caller.actor.principal() + " " + request.request_id()));
  notice.set_kind(v1::NOTICE_KIND_TEST);
  *notice.mutable_time() = ToTimestamp(world_.clock.WallUs());
  v1::SendTestNoticeResponse response;
  response.set_id(notice.id());
  if (auto kept = outbox_.KeepFor(recipient.id, std::move(notice)); !kept) return reply(std::unexpected(kept.error()));
  reply(std::move(response));
}

}  // namespace gridloop
