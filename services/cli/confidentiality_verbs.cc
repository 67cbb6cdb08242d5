// Supervision, who read what, forgetting, and the master keys.
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/audit_service.pb.h"

namespace gridloop::cli {
namespace {

void AddSupervise(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("supervise", "a supervisor's note (督导意见), at any stage and after the end; it changes nothing");
  auto request = std::make_shared<v1::AddSupervisionNoteRequest>();
  auto flags = AddCommandFlags(verb);
  AddText(verb, "--text", *request->mutable_text(), "the note, without names")->required();
  OnRun(verb,
        [&session, request, flags] { return RunCommand<v1::AddSupervisionNoteResponse>(session, "AssignmentService/AddSupervisionNote", *flags, *request); });
}

void PrintPlan(Session& session, const v1::ForgetPlan& plan, bool done) {
  Table table({done ? "GONE" : "WOULD GO", ""});
  table.Add({"events whose texts become unreadable", std::to_string(plan.sealed_events())});
  table.Add({"reports that were set aside", std::to_string(plan.conflicts())});
  table.Add({"words of purposes in the access log", std::to_string(plan.accesses())});
  table.Add({"keys", std::to_string(plan.keys())});
  if (!done) table.Add({"from (+08:00)", plan.has_from_time() ? LocalTime(plan.from_time()) : "never: the policy has no forget_after_days"});
  session.Print(table);
}

void AddForget(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("forget", "destroys the personal data of a need that has ended (删除个人信息), for good; --dry-run first");
  struct Flags {
    v1::ForgetReason reason = v1::FORGET_REASON_UNSPECIFIED;
    bool dry_run = false;
  };
  auto flags = std::make_shared<Flags>();
  auto command = AddCommandFlags(verb);
  AddEnum(verb, "--reason", flags->reason, v1::ForgetReason_descriptor(), "why")->required();
  verb->add_flag("--dry-run", flags->dry_run, "only says what would go");
  OnRun(verb, [&session, flags, command] {
    auto name = FindName(session, command->need);
    if (!name) return session.Report(name.error());
    v1::ForgetNeedRequest request;
    request.set_name(*name);
    request.set_request_id(session.RequestId(command->request_id));
    request.set_etag(command->etag);
    request.set_reason(flags->reason);
    request.set_validate_only(flags->dry_run);
    v1::ForgetNeedResponse response;
    return session.CallAndShow("AssignmentService/ForgetNeed", request, &response, [&] {
      if (response.has_outcome()) session.PrintOutcome(response.outcome());
      if (response.has_plan()) PrintPlan(session, response.plan(), response.has_outcome());
    });
  });
}

void AddAccesses(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("accesses", "who read personal data of a need, when and for what (查阅记录)");
  struct Flags {
    std::string need;
    int limit = 200;
  };
  auto flags = std::make_shared<Flags>();
  verb->add_option("need", flags->need, "its number or name")->required();
  verb->add_option("--limit", flags->limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str();
  OnRun(verb, [&session, flags] {
    v1::ListAccessesRequest request;
    request.set_name(NeedName(flags->need));
    v1::ListAccessesResponse all;
    return session.ListAndShow<v1::ListAccessesResponse>(
        "AuditService/ListAccesses", request, flags->limit, &all, &v1::ListAccessesResponse::mutable_entries, [&] {
          Table table({"TIME (+08:00)", "WHO", "ROLE", "UNIT", "PURPOSE", "IN WORDS", "READ"});
          for (const auto& entry : all.entries()) {
            table.Add({LocalTime(entry.log_time(), true), entry.actor().worker().empty() ? entry.actor().principal() : entry.actor().worker(),
                       EnumWord(v1::Role_descriptor(), entry.actor().role()), entry.actor().unit(), EnumWord(v1::AccessPurpose_descriptor(), entry.purpose()),
                       entry.text(), fmt::format("{}", fmt::join(entry.parts(), ", "))});
          }
          session.Print(table);
          if (all.entries().empty()) fmt::print("nobody has read its personal data\n");
        });
  });
}

void PrintMasterKeys(Session& session, const v1::MasterKeys& keys) {
  Table table({"MASTER KEY", "MADE (+08:00)", ""});
  for (const auto& key : keys.keys()) table.Add({key.id(), LocalTime(key.create_time()), key.active() ? "active" : "being replaced"});
  session.Print(table);
  if (keys.rotating()) fmt::print("wrapping keys anew: {} %, {} so far\n", keys.progress_percent(), keys.rewrapped());
  if (!keys.failure().empty()) fmt::print("it does not go on: {}\n", keys.failure());
}

Expected<v1::MasterKeys> MasterKeysNow(Session& session) {
  v1::GetMasterKeysResponse response;
  if (auto called = session.Call("AuditService/GetMasterKeys", v1::GetMasterKeysRequest(), &response); !called) return std::unexpected(called.error());
  return response.master_keys();
}

void AddKeys(CLI::App& app, Session& session) {
  auto* keys = app.add_subcommand("keys", "the master keys that wrap the keys of personal data");
  keys->require_subcommand(1);
  auto* status = keys->add_subcommand("status", "which there are, and how far a rotation is");
  OnRun(status, [&session] {
    v1::GetMasterKeysResponse response;
    return session.CallAndShow("AuditService/GetMasterKeys", v1::GetMasterKeysRequest(), &response, [&] { PrintMasterKeys(session, response.master_keys()); });
  });
  struct Flags {
    std::string active;
    bool wait = false;
  };
  auto flags = std::make_shared<Flags>();
  auto* rotate = keys->add_subcommand("rotate", "makes a new master key and wraps every key anew with it, while everything is served");
  rotate->add_option("--active", flags->active, "the one to replace; the active one if not given. A retry with the same id rotates once");
  rotate->add_flag("--wait", flags->wait, "until the former one is destroyed");
  OnRun(rotate, [&session, flags] {
    v1::RotateMasterKeyRequest request;
    request.set_active(flags->active);
    if (request.active().empty()) {
      auto now = MasterKeysNow(session);
      if (!now) return session.Report(now.error());
      request.set_active(now->keys().empty() ? "" : now->keys(0).id());
      session.Resolved("--active", request.active());
    }
    v1::RotateMasterKeyResponse response;
    if (auto called = session.Call("AuditService/RotateMasterKey", request, &response); !called) return session.Report(called.error());
    while (flags->wait && response.master_keys().rotating() && response.master_keys().failure().empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      auto now = MasterKeysNow(session);
      if (!now) return session.Report(now.error());
      *response.mutable_master_keys() = std::move(*now);
    }
    if (session.json()) {
      session.PrintJson(response);
    } else {
      PrintMasterKeys(session, response.master_keys());
    }
    return static_cast<int>(response.master_keys().failure().empty() ? kGood : kRefused);
  });
}

}  // namespace

void AddConfidentialityVerbs(CLI::App& app, Session& session) {
  AddSupervise(app, session);
  AddForget(app, session);
  AddAccesses(app, session);
  AddKeys(app, session);
}

}  // namespace gridloop::cli
