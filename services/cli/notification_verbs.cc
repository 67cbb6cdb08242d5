// Who is told by webhooks, what did not arrive, and sending it again.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "gridloop/v1/notification_service.pb.h"

namespace gridloop::cli {
namespace {

std::string RecipientName(const std::string& text) { return text.find('/') != std::string::npos ? text : "recipients/" + text; }

std::string Time(bool there, const google::protobuf::Timestamp& time) { return there ? LocalTime(time, true) : "—"; }

// "timeout", "server-error 503", or nothing.
std::string Failure(v1::DeliveryFailure failure, int status) {
  if (failure == v1::DELIVERY_FAILURE_UNSPECIFIED) return {};
  return EnumWord(v1::DeliveryFailure_descriptor(), failure) + (status == 0 ? "" : fmt::format(" {}", status));
}

void AddNotifications(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("notifications", "who is told by webhooks, what waits, what failed last and when it is tried next");
  auto flags = std::make_shared<ListFlags>();
  AddListFlags(verb, *flags);
  OnRun(verb, [&session, flags] {
    auto once = [&session, flags] {
      v1::ListRecipientsResponse all;
      return session.ListAndShow<v1::ListRecipientsResponse>(
          "NotificationService/ListRecipients", v1::ListRecipientsRequest(), flags->limit, &all, &v1::ListRecipientsResponse::mutable_recipients, [&] {
            Table table({"RECIPIENT", "HOST", "OF", "QUEUED", "DEAD", "DELIVERED", "FAILED", "LAST DELIVERED (+08:00)", "LAST FAILURE", "NEXT TRY (+08:00)"});
            for (const auto& recipient : all.recipients()) {
              std::string of = recipient.client().empty() ? BareName(recipient.unit()) : recipient.client();
              table.Add({BareName(recipient.name()), recipient.host(), of.empty() ? "all" : of, fmt::format("{}", recipient.queued()),
                         fmt::format("{}", recipient.dead_letters()), fmt::format("{}", recipient.delivered()), fmt::format("{}", recipient.failed()),
                         Time(recipient.has_last_success_time(), recipient.last_success_time()), Failure(recipient.last_failure(), recipient.last_status()),
                         Time(recipient.has_next_try_time(), recipient.next_try_time())});
            }
            session.Print(table);
            if (all.recipients_size() == 0) fmt::print("nobody is told; the setting notifications.recipients names the file that says whom\n");
          });
    };
    return flags->watch ? session.Repeat(flags->every_s, once) : once();
  });
}

void AddDeadLetters(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("dead-letters", "notices of a recipient that are tried no more, the oldest first");
  struct Flags {
    std::string recipient;
    int limit = 200;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("recipient", flags->recipient, "its id, as notifications shows it")->required();
  verb->add_option("--limit", flags->limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str();
  OnRun(verb, [&session, flags] {
    v1::ListDeadLettersRequest request;
    request.set_parent(RecipientName(flags->recipient));
    v1::ListDeadLettersResponse all;
    return session.ListAndShow<v1::ListDeadLettersResponse>(
        "NotificationService/ListDeadLetters", request, flags->limit, &all, &v1::ListDeadLettersResponse::mutable_dead_letters, [&] {
          Table table({"ID", "KIND", "NUMBER", "STAGE", "UNIT", "TOLD OF (+08:00)", "DEAD SINCE", "WHY", "TRIED", "LAST FAILURE"});
          for (const auto& letter : all.dead_letters()) {
            const auto& notice = letter.notice();
            table.Add({notice.id(), EnumWord(v1::NoticeKind_descriptor(), notice.kind()), notice.number(), notice.stage_text(), BareName(notice.unit()),
                       LocalTime(notice.time()), LocalTime(letter.death_time()), EnumWord(v1::DeathReason_descriptor(), letter.reason()),
                       fmt::format("{}×", letter.attempts()), Failure(letter.failure(), letter.status())});
          }
          session.Print(table);
          if (all.dead_letters_size() == 0) fmt::print("there is none\n");
        });
  });
}

void AddRedeliver(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("redeliver", "puts dead letters into the recipient's queue again");
  struct Flags {
    std::string recipient;
    std::vector<std::string> ids;
    bool all = false;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("recipient", flags->recipient, "its id, as notifications shows it")->required();
  auto* ids = verb->add_option("ids", flags->ids, "ids that dead-letters shows, at most 200");
  verb->add_flag("--all", flags->all, "all of them")->excludes(ids);
  OnRun(verb, [&session, flags] {
    v1::RedeliverNoticesRequest request;
    request.set_name(RecipientName(flags->recipient));
    request.mutable_ids()->Assign(flags->ids.begin(), flags->ids.end());
    request.set_all(flags->all);
    v1::RedeliverNoticesResponse response;
    return session.CallAndShow("NotificationService/RedeliverNotices", request, &response, [&] {
      fmt::print("{} wait in the queue again{}\n", response.redelivered(),
                 response.left() == 0 ? "" : fmt::format("; {} stay dead letters until the queue has room", response.left()));
    });
  });
}

void AddNotifyTest(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("notify-test", "sends a recipient a notice about no need");
  struct Flags {
    std::string recipient, request_id;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("recipient", flags->recipient, "its id, as notifications shows it")->required();
  verb->add_option("--request-id", flags->request_id, "the same on every retry: the recipient sees the same id; made up if not given");
  OnRun(verb, [&session, flags] {
    v1::SendTestNoticeRequest request;
    request.set_name(RecipientName(flags->recipient));
    request.set_request_id(session.RequestId(flags->request_id));
    v1::SendTestNoticeResponse response;
    return session.CallAndShow("NotificationService/SendTestNotice", request, &response,
                               [&] { fmt::print("{} is on its way; notifications shows what became of it\n", response.id()); });
  });
}

}  // namespace

void AddNotificationVerbs(CLI::App& app, Session& session) {
  AddNotifications(app, session);
  AddDeadLetters(app, session);
  AddRedeliver(app, session);
  AddNotifyTest(app, session);
}

}  // namespace gridloop::cli
