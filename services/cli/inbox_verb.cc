// What waits for a unit or a worker; and the bell: a command that runs when something comes.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "cli/verbs.h"
#include "gridloop/v1/assignment_service.pb.h"

extern char** environ;

namespace gridloop::cli {
namespace {

// A bell that hangs must not keep later ones from ringing.
constexpr unsigned kLongestBellSeconds = 60;
constexpr int kMostWatched = 100'000;

// Runs `command` in a shell; what happened stands in its environment, never in its text. Nothing of it is personal.
void Ring(const std::string& command, const std::string& event, const v1::Need& need) {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    if (!std::string_view(*each).starts_with("GRIDLOOP_TOKEN")) variables.emplace_back(*each);
  }
  variables.push_back("GRIDLOOP_EVENT=" + event);
  variables.push_back("GRIDLOOP_NEED=" + need.name());
  variables.push_back("GRIDLOOP_NUMBER=" + need.number());
  variables.push_back("GRIDLOOP_STAGE=" + EnumWord(v1::Stage_descriptor(), need.stage()));
  variables.push_back("GRIDLOOP_URGENCY=" + EnumWord(v1::Urgency_descriptor(), need.urgency()));
  variables.push_back("GRIDLOOP_UNIT=" + need.unit());
  variables.push_back("GRIDLOOP_DUE=" + (need.deadlines_size() > 0 ? LocalTime(need.deadlines(0).due_time()) : std::string()));
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string limit = std::to_string(kLongestBellSeconds);
  std::string text = command;
  std::string words[] = {"timeout", limit, "sh", "-c", text};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  pid_t child = 0;
  if (::posix_spawnp(&child, "timeout", nullptr, nullptr, arguments, environment.data()) != 0) {
    fmt::print(stderr, "the command could not be started\n");
    return;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 124) {
    fmt::print(stderr, "the command took longer than {} s and was stopped\n", kLongestBellSeconds);
  } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fmt::print(stderr, "the command failed for {} ({})\n", need.number(), WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  }
}

struct Flags {
  std::string parent, command, resume;
  int limit = 200;
  bool watch = false;
};

// Whether this need still waits for whoever looks into this inbox.
bool Waits(const v1::Need& need, const std::string& parent) {
  switch (need.stage()) {
    case v1::STAGE_SUBMITTED:
    case v1::STAGE_HELD:
    case v1::STAGE_DISPATCHED:
    case v1::STAGE_OFFERED:
      return true;
    case v1::STAGE_ACCEPTED:
    case v1::STAGE_ASSIGNED:
      return parent.starts_with("workers/");
    default:
      return false;
  }
}

int Watch(Session& session, const v1::ListInboxResponse& listed, const Flags& flags) {
  // What stood in the list does not ring; what came since does, also between the list and the stream.
  std::map<std::string, std::string> seen;
  for (const auto& need : listed.needs()) seen[need.name()] = need.etag();
  v1::WatchInboxRequest request;
  request.set_parent(flags.parent);
  return session.Watch<v1::WatchInboxRequest, v1::WatchInboxResponse>(
      "AssignmentService/WatchInbox", request, flags.resume, [&](const v1::WatchInboxResponse& change) {
        const auto& need = change.need();
        auto known = seen.find(need.name());
        bool is_known = known != seen.end();
        // The list showed it as it is; a machine that reads JSON gets all from the stream.
        if (!session.json() && (change.removed() ? !is_known && flags.resume.empty() : is_known && known->second == need.etag())) return;
        // After --resume nobody knows what was there before: what is being worked on has not just come.
        is_known |= !flags.resume.empty() && !Waits(need, flags.parent);
        std::string event = change.removed() ? "removed" : is_known ? "changed" : "added";
        if (change.removed()) {
          seen.erase(need.name());
        } else {
          seen[need.name()] = need.etag();
        }
        if (session.json()) {
          session.PrintJson(change, true);
        } else {
          fmt::print("{:<8} {}  {}  {}  {}\n", event, need.number(), change.removed() ? "" : EnumWord(v1::Stage_descriptor(), need.stage()),
                     change.removed() ? "" : EnumWord(v1::Urgency_descriptor(), need.urgency()),
                     need.deadlines_size() > 0 ? "due " + LocalTime(need.deadlines(0).due_time()) : "");
          std::fflush(stdout);
        }
        if (event == "added" && !flags.command.empty()) Ring(flags.command, event, need);
      });
}

}  // namespace

void AddInboxVerb(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("inbox", "what waits for a unit or a worker, next deadline first");
  auto flags = std::make_shared<Flags>();
  verb->add_option("parent", flags->parent, "a unit (s01, r-…, center) or workers/…")->required();
  verb->add_option("--limit", flags->limit, "at most this many")->check(CLI::Range(1, 100'000))->capture_default_str();
  auto* watch = verb->add_flag("--watch", flags->watch, "then shows each change as it comes, until it is stopped");
  verb->add_option("--exec", flags->command,
                   "with --watch: a shell command for each need that comes, e.g. one that rings a bell; GRIDLOOP_NUMBER, _NEED, _STAGE, _URGENCY, _UNIT and "
                   "_DUE are in its environment")
      ->needs(watch);
  verb->add_option("--resume", flags->resume, "with --watch: the last resume_token seen")->needs(watch);
  OnRun(verb, [&session, flags] {
    flags->parent = UnitName(flags->parent);
    v1::ListInboxRequest request;
    request.set_parent(flags->parent);
    v1::ListInboxResponse all;
    if (flags->watch && !flags->resume.empty()) return Watch(session, all, *flags);
    // To know what comes later, a watch must know all that is there.
    int limit = flags->watch ? kMostWatched : flags->limit;
    if (auto listed = session.List("AssignmentService/ListInbox", request, limit, &all, &v1::ListInboxResponse::mutable_needs); !listed) {
      return session.Report(listed.error());
    }
    if (!session.json()) {
      Table rows = NeedTable();
      for (const auto& need : all.needs()) AddNeedRow(session, need, &rows);
      session.Print(rows);
      if (all.needs_size() == 0) fmt::print("nothing waits in {}\n", flags->parent);
      if (!all.next_page_token().empty()) fmt::print(stderr, "there are more; --limit shows them\n");
      std::fflush(stdout);
    } else if (!flags->watch) {
      session.PrintJson(all);
    }
    if (!flags->watch) return static_cast<int>(kGood);
    return Watch(session, all, *flags);
  });
}

}  // namespace gridloop::cli
