// The built gridctl as people and scripts run it: its output, its files, its exit codes.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "cli/words.h"
#include "wire/daemon_fixture.h"

extern char** environ;

namespace gridloop {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Ended {
  int code = -1;
  std::string out, err;
};

class Gridctl : public Daemon {
 protected:
  static constexpr int kPatienceMs = 30'000;  // only ends a broken test
  static constexpr int kNotAllowedYet = 5;    // until the daemon has read the new token

  pid_t Spawn(std::vector<std::string> arguments, const std::string& token, const std::string& input = {}, const std::string& address = {}) {
    arguments.insert(arguments.begin(), GRIDCTL_BINARY);
    std::ofstream(directory_ / "in") << input;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, (directory_ / "in").c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (directory_ / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (directory_ / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    std::vector<std::string> variables = {"GRIDLOOP_ADDRESS=" + (address.empty() ? address_ : address), "GRIDLOOP_TOKEN=" + token,
                                          std::string("PATH=") + std::getenv("PATH")};
    // What sanitizers are told must reach the child too.
    for (char** each = environ; *each != nullptr; ++each) {
      if (std::string_view(*each).find("SAN_OPTIONS=") != std::string_view::npos) variables.emplace_back(*each);
    }
    std::vector<char*> argv, environment;
    for (auto& argument : arguments) argv.push_back(argument.data());
    for (auto& variable : variables) environment.push_back(variable.data());
    argv.push_back(nullptr);
    environment.push_back(nullptr);
    pid_t child = 0;
    EXPECT_EQ(::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environment.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
  }
  Ended Run(std::vector<std::string> arguments, const std::string& token, const std::string& input = {}, const std::string& address = {}) {
    pid_t child = Spawn(std::move(arguments), token, input, address);
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), ReadFile(directory_ / "out"), ReadFile(directory_ / "err")};
  }
  // The number of a new need, once it is offered, or whatever the stage.
  std::string Offered(const std::string& request_id) { return Submitted(Report(request_id), "offered"); }
  std::string Submitted(const v1::SubmitNeedRequest& request, const std::string& stage) {
    auto submitted = Submit(app_token_, request);
    EXPECT_TRUE(submitted);
    if (!submitted) return {};
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (Run({"need", submitted->number()}, centre_token_).out.find(stage) == std::string::npos && !HasFailure()) {
      if (std::chrono::steady_clock::now() > until) ADD_FAILURE() << submitted->number() << " was never " << stage;
    }
    return submitted->number();
  }
  // Of somebody of station s01, once the daemon has read it.
  std::string StaffToken(v1::Role role, const std::string& worker) {
    Credential staff{"room", {}, 0};
    staff.actor.set_principal(worker);
    staff.actor.set_role(role);
    staff.actor.set_unit("s01");
    staff.actor.set_worker(worker);
    RandomIds ids;
    std::string token = *CreateToken(directory_ / "tokens.tsv", staff, ids);
    while (Run({"inbox", "s01"}, token).code == kNotAllowedYet && !HasFailure()) {
    }
    return token;
  }
  // An id that the need has now.
  std::string IdOf(const std::string& number, const std::string& field) {
    std::smatch id;
    const std::string need = Run({"-o", "json", "need", number}, centre_token_).out;
    EXPECT_TRUE(std::regex_search(need, id, std::regex("\"" + field + "\": \"([a-z2-7]{26})\""))) << need;
    return id.empty() ? std::string() : id[1].str();
  }
  // Once with what gridctl looks up itself, then with what it had looked up: the same command, done once.
  void ExpectRepeatable(std::vector<std::string> arguments, const std::string& flag, const std::string& looked_up, const std::string& token) {
    auto first = Run(arguments, token);
    EXPECT_EQ(first.code, 0) << first.err;
    EXPECT_EQ(first.out.find("(was done already)"), std::string::npos) << first.out;
    // Not by chance the same: what it would look up has gone.
    EXPECT_NE(Run(arguments, token).err.find("give its " + flag + " too"), std::string::npos);
    arguments.insert(arguments.end(), {flag, looked_up});
    auto again = Run(arguments, token);
    EXPECT_EQ(again.code, 0) << again.err;
    // The stage is that of now: the software may have gone on.
    std::smatch version;
    ASSERT_TRUE(std::regex_search(first.out, version, std::regex("version [0-9]+"))) << first.out;
    EXPECT_NE(again.out.find(version.str() + "  (was done already)"), std::string::npos) << again.out << first.out;
  }
};

constexpr char kHeader[] = "request_id,summary,grid_code,source,reporter_role,reporter_reference,dangers\n";

TEST_F(Gridctl, ExitCodesSayWhatKindOfEndItWas) {
  EXPECT_EQ(Run({"health"}, "").code, 0);
  EXPECT_EQ(Run({"directory", "show"}, admin_token_).code, 0);
  auto refused = Run({"need", "260302-22222-2"}, centre_token_);
  EXPECT_EQ(refused.code, 1) << refused.err;
  auto usage = Run({"decline", "x", "--reason", "too-far"}, head_token_);
  EXPECT_EQ(usage.code, 2);
  EXPECT_NE(usage.err.find("not-our-area"), std::string::npos) << usage.err;
  EXPECT_EQ(Run({}, "").code, 2);
  EXPECT_EQ(Run({"--help"}, "").code, 0);
  EXPECT_TRUE(Run({"--version"}, "").out.starts_with("gridctl 0."));
  std::filesystem::create_directory(directory_ / "bad");
  EXPECT_EQ(Run({"directory", "check", directory_ / "bad"}, "").code, 3);
  auto unreachable = Run({"--timeout", "0.5", "urge", "needs/jke5k7yoeeudqnib4fsxkvlz3u"}, app_token_, {}, "127.0.0.1:1");
  EXPECT_EQ(unreachable.code, 4) << unreachable.err;
  EXPECT_NE(unreachable.err.find("--request-id gridctl-"), std::string::npos) << unreachable.err;
  EXPECT_EQ(Run({"held"}, "").code, 5);
  EXPECT_EQ(Run({"held"}, "glt_unknown").code, 5);
  EXPECT_EQ(Run({"held"}, expired_token_).code, 5);
  EXPECT_EQ(Run({"held"}, app_token_).code, 5);
}

TEST_F(Gridctl, ATableOfReportsIsSentAndSendingItAgainChangesNothing) {
  std::ofstream(directory_ / "day.csv") << kHeader << "a-1,一件事,320585100001001,patrol,grid-worker,g-1,\n"
                                        << "a-2,二,320585100001001,patrol,grid-worker,g-1,no-such-danger\n"
                                        << "a-3,\"三,带逗号\",320585100001001,patrol,grid-worker,g-1,self-harm\n";
  auto first = Run({"submit-csv", directory_ / "day.csv"}, app_token_);
  EXPECT_EQ(first.code, 1) << first.err;  // one is refused, its neighbours are not
  EXPECT_NE(first.out.find("2 received, 1 refused"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("dangers"), std::string::npos);
  EXPECT_NE(first.out.find("110"), std::string::npos);
  EXPECT_EQ(Run({"submit-csv", directory_ / "day.csv"}, app_token_).out, first.out);
}

TEST_F(Gridctl, ATableWithAMistakeIsNotSentAndEachMistakeIsNamed) {
  std::ofstream(directory_ / "day.csv") << kHeader << "b-1,一,320585100001001,on foot,grid-worker,g-1,\n"
                                        << "b-1,二,320585100001001,patrol,grid-worker,g-1,\n"
                                        << ",三,320585100001001,patrol,grid-worker,g-1,\n"
                                        << "b-4,四,320585100001001\n";
  auto ended = Run({"submit-csv", directory_ / "day.csv"}, app_token_);
  EXPECT_EQ(ended.code, 2);
  for (const char* part : {":2: source: on foot", ":3: request_id: is also in line 2", ":4: request_id: is empty", ":5: has 3 fields", "nothing was sent"}) {
    EXPECT_NE(ended.err.find(part), std::string::npos) << part << "\n" << ended.err;
  }
  EXPECT_EQ(Run({"-o", "json", "reports"}, app_token_).out.find("numbers"), std::string::npos);
  std::ofstream(directory_ / "columns.csv") << "request_id,sumary\n";
  auto columns = Run({"submit-csv", directory_ / "columns.csv"}, app_token_);
  EXPECT_EQ(columns.code, 2);
  EXPECT_NE(columns.err.find("sumary is no column; there are: request_id, summary"), std::string::npos) << columns.err;
  std::ofstream(directory_ / "gb.csv") << "request_id,summary\nc-1,\xC9\xE7\xB9\xA4\n";
  EXPECT_NE(Run({"submit-csv", directory_ / "gb.csv"}, app_token_).err.find(":2: is not UTF-8"), std::string::npos);
  EXPECT_EQ(Run({"submit-csv", directory_ / "none.csv"}, app_token_).code, 2);
}

TEST_F(Gridctl, ACommandFindsTheOfferByTheNumberAndShowsTheOutcome) {
  std::string number = Offered("c-1");
  EXPECT_NE(Run({"inbox", "s01"}, head1_token_).out.find(number), std::string::npos);
  auto accepted = Run({"accept", number, "--request-id", "acc-1"}, head1_token_);
  EXPECT_EQ(accepted.code, 0) << accepted.err;
  EXPECT_EQ(accepted.out, "accepted  version 4\n");
  auto again = Run({"accept", number}, head1_token_);
  EXPECT_EQ(again.code, 1);
  EXPECT_NE(again.err.find("NO_OFFER"), std::string::npos) << again.err;
  auto stale = Run({"assign", number, "--worker", "w-0001", "--etag", "1"}, head1_token_);
  EXPECT_EQ(stale.code, 1);
  EXPECT_NE(stale.err.find("ETAG_MISMATCH"), std::string::npos) << stale.err;
  EXPECT_EQ(Run({"assign", number, "--worker", "w-0001"}, head1_token_).code, 0);
  auto json = Run({"-o", "json", "need", number}, head1_token_);
  EXPECT_NE(json.out.find("\"stage\": \"STAGE_ASSIGNED\""), std::string::npos) << json.out;
  auto timeline = Run({"timeline", number, "--receipts", "--explain"}, auditor_token_);
  EXPECT_EQ(timeline.code, 0) << timeline.err;
  for (const char* part : {"chain intact", "routing receipt: rule coverage", "8 working hours by rule acceptance-routine"}) {
    EXPECT_NE(timeline.out.find(part), std::string::npos) << part << "\n" << timeline.out;
  }
  EXPECT_NE(Run({"deadline", number}, auditor_token_).out.find("computed again: the same"), std::string::npos);
  EXPECT_NE(Run({"replay-route", number}, auditor_token_).out.find("computed again: the same"), std::string::npos);
  EXPECT_NE(Run({"export", "--max", "1"}, auditor_token_).out.find("submitted"), std::string::npos);
}

TEST_F(Gridctl, ALongTimelineIsShownWhole) {
  constexpr int kUrgings = 200;  // as many as a need takes; with what was before them more than a page
  std::string number = Offered("long-1");
  auto client = RpcClient::Connect(address_, app_token_);
  v1::UrgeNeedRequest urge;
  v1::UrgeNeedResponse urged;
  v1::IntakeServiceGetNeedRequest get;
  v1::IntakeServiceGetNeedResponse got;
  get.set_name("numbers/" + number);
  ASSERT_TRUE(client->Call("gridloop.v1.IntakeService/GetNeed", get, &got));
  urge.set_name(got.need().name());
  for (int i = 0; i < kUrgings; ++i) {
    urge.set_request_id("urge-" + std::to_string(i));
    ASSERT_TRUE(client->Call("gridloop.v1.IntakeService/UrgeNeed", urge, &urged));
  }
  auto shown = Run({"timeline", number}, auditor_token_);
  EXPECT_EQ(shown.code, 0) << shown.err;
  std::regex line("\\burged\\b");
  EXPECT_EQ(std::distance(std::sregex_iterator(shown.out.begin(), shown.out.end(), line), std::sregex_iterator()), kUrgings);
}

TEST_F(Gridctl, AnAuditorsExportOfARestrictedNeedShowsItsPlaceAndDigestOnly) {
  auto report = Report("restricted-1");
  report.mutable_report()->set_restricted(true);
  auto submitted = Submit(app_token_, report);
  ASSERT_TRUE(submitted);
  auto exported = Run({"export", "--max", "1"}, auditor_token_);
  EXPECT_EQ(exported.code, 0) << exported.err;
  EXPECT_TRUE(exported.out.starts_with("0-0  not shown, SHA-256 ")) << exported.out;
  EXPECT_NE(Run({"export", "--max", "1"}, role_tokens_[v1::ROLE_SYSTEM]).out.find(submitted->name()), std::string::npos);
}

TEST_F(Gridctl, WhatFallsDueBeforeATimeOrInAHolidayIsListed) {
  std::string number = Offered("due-1");
  EXPECT_EQ(Run({"loops"}, centre_token_).out.find(number), std::string::npos);
  auto holiday = Run({"loops", "--holiday", "--problem", "due"}, centre_token_);
  EXPECT_EQ(holiday.code, 0) << holiday.err;
  EXPECT_NE(holiday.out.find(number), std::string::npos) << holiday.out;
  EXPECT_NE(holiday.out.find("before 2026-04-07 00:00"), std::string::npos) << holiday.out;
  EXPECT_NE(Run({"loops", "--due-before", "2026-03-04 00:00"}, centre_token_).out.find(number), std::string::npos);
  EXPECT_EQ(Run({"loops", "--due-before", "2026-03-02 10:00"}, centre_token_).out.find(number), std::string::npos);
  EXPECT_EQ(Run({"loops", "--due-before", "2026-03-04 00:00", "--holiday"}, centre_token_).code, 2);
  EXPECT_EQ(Run({"loops", "--problem", "due"}, centre_token_).code, 1) << "before when?";
}

TEST_F(Gridctl, ACommandThatIsRepeatedWithWhatItHadLookedUpGivesWhatHappened) {
  std::string number = Offered("again-1");
  std::smatch offer;
  const std::string need = Run({"need", number}, head1_token_).out;
  ASSERT_TRUE(std::regex_search(need, offer, std::regex("offer +([a-z2-7]{26}) until"))) << need;
  std::vector<std::string> accept = {"accept", number, "--request-id", "acc-1", "--offer", offer[1]};
  EXPECT_EQ(Run(accept, head1_token_).out, "accepted  version 4\n");
  auto again = Run(accept, head1_token_);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, "accepted  version 4  (was done already)\n");
  EXPECT_NE(Run({"accept", number, "--request-id", "acc-1"}, head1_token_).err.find("give its --offer too"), std::string::npos);
  ASSERT_EQ(Run({"assign", number, "--worker", "w-0001"}, head1_token_).code, 0);
  const std::string worker_token = StaffToken(v1::ROLE_WORKER, "w-0001");
  ASSERT_EQ(Run({"assess", number, "--no-casework", "--findings", "f"}, worker_token).code, 0);
  std::vector<std::string> serve = {"serve",     number, "--minutes",    "5",   "--form",  "visit",
                                    "--content", "c",    "--request-id", "s-1", "--start", "2026-03-02T01:00:00Z"};
  auto served = Run(serve, worker_token);
  EXPECT_EQ(served.code, 0) << served.err;
  EXPECT_NE(Run(serve, worker_token).out.find("(was done already)"), std::string::npos);
  ASSERT_EQ(Run({"close", number, "--reason", "goals-met", "--result", "r", "--sentence", "s"}, worker_token).code, 0);
  const std::string closing = IdOf(number, "closing");
  ExpectRepeatable({"verify", number, "--approve", "--request-id", "v-1"}, "--closing", closing, StaffToken(v1::ROLE_STATION_HEAD, "h-s01"));
}

TEST_F(Gridctl, WhatIsBesideTheRoadHasAVerbForEachStep) {
  std::string number = Offered("beside-1");
  const std::string worker_token = StaffToken(v1::ROLE_WORKER, "w-0001");
  const std::string head_token = StaffToken(v1::ROLE_STATION_HEAD, "h-s01");
  auto good = [&](std::vector<std::string> arguments, const std::string& token) {
    arguments.insert(arguments.begin() + 1, number);
    auto ended = Run(arguments, token);
    EXPECT_EQ(ended.code, 0) << arguments[0] << ": " << ended.err;
    return ended.out;
  };
  auto refused = [&](std::vector<std::string> arguments, const std::string& token) {
    arguments.insert(arguments.begin() + 1, number);
    return Run(arguments, token);
  };
  good({"amend", "--summary", "another word", "--reason", "said wrongly"}, app_token_);
  EXPECT_NE(refused({"amend", "--reason", "nothing given"}, app_token_).err.find("update_mask"), std::string::npos);
  good({"accept"}, head_token);
  good({"assign", "--worker", "w-0001"}, head_token);
  EXPECT_NE(refused({"amend", "--summary", "too late", "--reason", "x"}, app_token_).err.find("AMEND_AT_UNIT"), std::string::npos);

  good({"ask", "--question", "which building?"}, worker_token);
  EXPECT_NE(Run({"report", number}, app_token_).out.find("which building?"), std::string::npos);
  EXPECT_NE(Run({"inbox", "s01"}, head_token).out.find("reporter asked"), std::string::npos);
  const std::string question = IdOf(number, "information");
  ExpectRepeatable({"inform", number, "--text", "3", "--request-id", "i-1"}, "--information", question, app_token_);
  good({"ask", "--question", "which floor?"}, worker_token);
  good({"inform", "--text", "5", "--as-staff"}, worker_token);

  good({"extend", "--clock", "assessment", "--until", "2026-03-20 18:30", "--reason", "away"}, worker_token);
  EXPECT_EQ(refused({"decide-extension"}, head_token).code, 2);  // --approve or --refuse
  EXPECT_NE(refused({"decide-extension", "--refuse"}, head_token).err.find("reasons"), std::string::npos);
  const std::string extension = IdOf(number, "extension");
  ExpectRepeatable({"decide-extension", number, "--approve", "--request-id", "e-1"}, "--extension", extension, head_token);
  EXPECT_NE(Run({"deadline", number, "--kind", "assessment"}, auditor_token_).out.find("moved on 2026-03-02 09:00"), std::string::npos);

  good({"hold", "--until", "2026-03-20 09:00", "--reason", "in hospital"}, worker_token);
  const std::string hold = IdOf(number, "hold");
  ExpectRepeatable({"decide-hold", number, "--refuse", "--reasons", "shorter", "--request-id", "h-1"}, "--hold", hold, head_token);
  good({"hold", "--until", "2026-03-10 09:00", "--reason", "in hospital"}, worker_token);
  good({"decide-hold", "--approve"}, head_token);
  EXPECT_NE(Run({"need", number}, worker_token).out.find("on-hold"), std::string::npos);
  good({"resume", "--reason", "back home"}, worker_token);

  good({"assess", "--casework", "--findings", "alone"}, worker_token);
  good({"reassess", "--findings", "not alone"}, worker_token);
  good({"grade", "--grade", "three"}, worker_token);
  good({"plan", "--goal", "walks", "--measures", "weekly"}, worker_token);
  good({"replan", "--goal", "walks alone", "--measures", "daily", "--reason", "better"}, worker_token);
  EXPECT_NE(Run({"timeline", number}, auditor_token_).out.find("plan-revised"), std::string::npos);

  good({"close", "--reason", "moved", "--result", "r", "--sentence", "s"}, worker_token);
  good({"verify", "--approve"}, head_token);
  good({"after-visit", "--findings", "well", "--satisfaction", "4"}, worker_token);
  EXPECT_NE(Run({"need", number}, worker_token).out.find("may be reopened until"), std::string::npos);
  good({"reopen", "--reason", "came back"}, head_token);
  EXPECT_NE(Run({"need", number}, head_token).out.find("accepted"), std::string::npos);

  good({"transfer", "--unit", "s02", "--reason", "moved there"}, head_token);
  EXPECT_NE(Run({"inbox", "s02"}, head_token_).out.find("transfer to s02"), std::string::npos);
  good({"decline-transfer", "--reason", "no capacity"}, head_token_);
  good({"transfer", "--unit", "s02", "--reason", "please"}, head_token);
  good({"accept-transfer"}, head_token_);
  EXPECT_NE(Run({"need", number}, head_token_).out.find("units/s02"), std::string::npos);
}

TEST_F(Gridctl, WhatIsDoneElsewhereAndWhoeverLeavesHaveVerbs) {
  auto report = Report("elsewhere-1");
  report.mutable_report()->set_type("information");
  std::string number = Submitted(report, "offered");
  const std::string worker_token = StaffToken(v1::ROLE_WORKER, "w-0001");
  const std::string head_token = StaffToken(v1::ROLE_STATION_HEAD, "h-s01");
  auto good = [&](std::vector<std::string> arguments, const std::string& token) {
    auto ended = Run(arguments, token);
    EXPECT_EQ(ended.code, 0) << arguments[0] << ": " << ended.err;
    return ended.out;
  };
  good({"accept", number}, head_token);
  good({"assign", number, "--worker", "w-0001"}, head_token);
  EXPECT_NE(Run({"support", number, "--unit", "s02", "--worker", "w-none", "--reason", "x"}, head_token).err.find("WORKER_NOT_FOUND"), std::string::npos);
  good({"support", number, "--unit", "s02", "--worker", "h-s02", "--reason", "speaks their dialect"}, head_token);
  EXPECT_NE(good({"need", number}, head_token_).find("h-s02 of units/s02"), std::string::npos);
  good({"end-support", number, "--worker", "h-s02"}, head_token_);

  EXPECT_NE(good({"hand-over", "--worker", "w-0001", "--to", "s01=h-s01", "--note", "key is at the station", "--request-id", "ho-1"}, centre_token_)
                .find("handovers/"),
            std::string::npos);
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (Run({"hand-overs"}, centre_token_).out.find("under way") != std::string::npos && !HasFailure()) {
    if (std::chrono::steady_clock::now() > until) ADD_FAILURE() << "the hand-over was never done";
  }
  EXPECT_NE(good({"need", number}, head_token).find("workers/h-s01"), std::string::npos);

  good({"refer-out", number, "--to", "12345", "--reason", "water pipe"}, head_token);
  EXPECT_NE(good({"need", number}, centre_token_).find("being referred to"), std::string::npos);
  good({"return-referral", number, "--reason", "not theirs"}, centre_token_);
  EXPECT_NE(good({"held"}, centre_token_).find("referral-returned"), std::string::npos);
  good({"refer-out", number, "--to", "12345", "--reason", "with papers"}, centre_token_);
  const std::vector<std::string> confirm = {"confirm-referral", number, "--receipt", "12345-7", "--sentence", "the hotline has it", "--request-id", "cr-1"};
  EXPECT_EQ(good(confirm, centre_token_).find("(was done already)"), std::string::npos);
  EXPECT_NE(good(confirm, centre_token_).find("(was done already)"), std::string::npos);
  EXPECT_NE(good({"report", number}, app_token_).find("the hotline has it"), std::string::npos);

  report = Report("elsewhere-2");
  report.mutable_report()->set_type("information");
  number = Submitted(report, "offered");
  good({"accept", number}, head_token);
  good({"assign", number, "--worker", "w-0001"}, head_token);
  EXPECT_EQ(Run({"close-now", number, "--reason", "refused", "--result", "r", "--sentence", "s", "--evidence", "zz"}, worker_token).code, 2);
  good({"close-now", number, "--reason", "refused", "--result", "r", "--sentence", "s", "--evidence", std::string(64, 'a')}, worker_token);
  EXPECT_NE(good({"need", number}, worker_token).find("closed"), std::string::npos);
}

TEST_F(Gridctl, AJointPlanHasAVerbForEachStepOfItsLeadItsPartiesAndTheCentre) {
  const std::string number = Offered("plan-1");
  const std::string worker_token = StaffToken(v1::ROLE_WORKER, "w-0001");
  const std::string head_token = StaffToken(v1::ROLE_STATION_HEAD, "h-s01");
  const std::string education = Token("education-bureau", "edu-1", v1::ROLE_DEPARTMENT, "education");
  while (Run({"obligations"}, education).code == kNotAllowedYet && !HasFailure()) {
  }
  auto good = [&](std::vector<std::string> arguments, const std::string& token) {
    auto ended = Run(arguments, token);
    EXPECT_EQ(ended.code, 0) << arguments[0] << ": " << ended.err;
    return ended.out;
  };
  good({"accept", number}, head_token);
  good({"assign", number, "--worker", "w-0001"}, head_token);
  EXPECT_NE(good({"obligations"}, education).find("nothing waits"), std::string::npos);
  good({"propose-obligation", number, "--party", "departments/education", "--text", "find a place", "--due", "2026-03-20 18:00", "--every", "30 natural-days",
        "--until", "2026-05-30 18:00", "--share", "subject.display_name", "--share", "location"},
       worker_token);
  EXPECT_EQ(Run({"propose-obligation", number, "--party", "roles/x", "--text", "t", "--due", "2026-03-20 18:00", "--every", "monthly"}, worker_token).code, 2);
  EXPECT_NE(good({"obligations"}, education).find("proposed 待答复"), std::string::npos);
  int changes = ::inotify_init1(IN_CLOEXEC);
  ::inotify_add_watch(changes, directory_.c_str(), IN_MODIFY);
  pid_t watching = Spawn({"obligations", "--watch"}, education);
  bool shows = false;
  while (!shows) {
    pollfd poll{changes, POLLIN, 0};
    char events[4096];
    if (::poll(&poll, 1, kPatienceMs) != 1 || ::read(changes, events, sizeof(events)) < 0) break;
    shows = ReadFile(directory_ / "out").find(number) != std::string::npos;
  }
  EXPECT_TRUE(shows);
  ::kill(watching, SIGTERM);
  ::waitpid(watching, nullptr, 0);
  ::close(changes);
  const std::string shown = good({"joint-plan", number, "--as-department", "--purpose", "admission"}, education);
  EXPECT_NE(shown.find("find a place"), std::string::npos);
  EXPECT_NE(shown.find("MARK-person"), std::string::npos);
  EXPECT_EQ(shown.find("MARK-summary"), std::string::npos);
  EXPECT_EQ(good({"joint-plan", number, "--as-department"}, education).find("find a place"), std::string::npos);
  EXPECT_EQ(Run({"joint-plan", number, "--as-department"}, worker_token).code, 5);
  EXPECT_NE(Run({"accept-obligation", number}, worker_token).err.find("DEPARTMENT_ANSWERS"), std::string::npos);
  std::smatch id;
  ASSERT_TRUE(std::regex_search(shown, id, std::regex("([a-z2-7]{26})  departments/education")));
  ExpectRepeatable({"accept-obligation", number, "--as-department", "--request-id", "a-1"}, "--obligation", id[1], education);
  good({"progress", number, "--as-department", "--text", "two schools asked", "--evidence", std::string(64, 'a')}, education);
  EXPECT_EQ(Run({"progress", number, "--as-department", "--text", "x", "--evidence", "short"}, education).code, 2);
  good({"fulfil", number, "--as-department", "--text", "it has one"}, education);
  EXPECT_NE(good({"joint-plan", number}, worker_token).find("accepted 已接受"), std::string::npos);  // due again
  EXPECT_NE(Run({"close", number, "--reason", "moved", "--result", "r", "--sentence", "s"}, worker_token).err.find("OBLIGATIONS_OPEN"), std::string::npos);
  good({"waive", number, "--reason", "once was enough"}, centre_token_);
  good({"propose-obligation", number, "--party", "roles/community-police", "--text", "look in", "--due", "2026-03-20 18:00"}, head_token);
  good({"decline-obligation", number, "--reason", "no time", "--on-behalf", "on the phone"}, worker_token);
  EXPECT_NE(good({"inbox", "s01"}, head_token).find("joint plan: 1 open"), std::string::npos);
  good({"waive", number, "--reason", "the neighbours look in"}, centre_token_);
  EXPECT_NE(good({"need", number}, worker_token).find("2 obligations, of which"), std::string::npos);
  EXPECT_NE(good({"timeline", number}, auditor_token_).find("obligation-waived"), std::string::npos);
  good({"close", number, "--reason", "moved", "--result", "r", "--sentence", "s"}, worker_token);
}

TEST_F(Gridctl, SupervisionAccessesForgettingAndMasterKeysHaveTheirVerbs) {
  std::string number = Offered("confidential-1");
  const std::string worker_token = StaffToken(v1::ROLE_WORKER, "w-0001");
  const std::string head_token = StaffToken(v1::ROLE_STATION_HEAD, "h-s01");
  auto good = [&](std::vector<std::string> arguments, const std::string& token) {
    auto ended = Run(arguments, token);
    EXPECT_EQ(ended.code, 0) << arguments[0] << ": " << ended.err;
    return ended.out;
  };
  // A supervisor's token names stations, nobody else's does.
  const std::string tokens = directory_ / "tokens.tsv";
  auto create = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"token", "create", "--file", tokens, "--client", "supervision", "--principal", "supervisor-1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments, "");
  };
  EXPECT_NE(create({"--role", "supervisor"}).code, 0);
  EXPECT_NE(create({"--role", "auditor", "--station", "s01"}).code, 0);
  auto made = create({"--role", "supervisor", "--station", "s01", "--station", "units/s03"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(good({"token", "list", "--file", tokens}, "").find("s01,s03"), std::string::npos);
  const std::string supervisor = made.out.substr(0, made.out.find('\n'));
  while (Run({"inbox", "s01"}, supervisor).code == kNotAllowedYet && !HasFailure()) {
  }

  good({"accept", number}, head_token);
  good({"assign", number, "--worker", "w-0001"}, head_token);
  good({"supervise", number, "--text", "look again"}, supervisor);
  const std::string seen = good({"need", number}, supervisor);
  EXPECT_NE(seen.find("workers/~"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("w-0001"), std::string::npos) << seen;
  EXPECT_NE(good({"inbox", "s01"}, supervisor).find(number), std::string::npos);
  EXPECT_NE(good({"need", number, "--for", "service"}, worker_token).find("look again"), std::string::npos);
  EXPECT_NE(good({"accesses", number}, auditor_token_).find("service"), std::string::npos);

  EXPECT_NE(Run({"forget", number, "--reason", "retention-over", "--dry-run"}, centre_token_).err.find("WRONG_STAGE"), std::string::npos);
  good({"answer", number, "--result", "r", "--sentence", "s"}, worker_token);
  const std::string plan = good({"forget", number, "--reason", "retention-over", "--dry-run"}, centre_token_);
  EXPECT_NE(plan.find("WOULD GO"), std::string::npos) << plan;
  EXPECT_NE(plan.find("2029-03-01"), std::string::npos) << plan;
  EXPECT_NE(Run({"forget", number, "--reason", "retention-over"}, centre_token_).err.find("FORGET_TOO_EARLY"), std::string::npos);

  EXPECT_NE(good({"keys", "status"}, admin_token_).find("active"), std::string::npos);
  auto rotated = Run({"keys", "rotate", "--wait"}, admin_token_);
  EXPECT_EQ(rotated.code, 0) << rotated.err;
  EXPECT_NE(Run({"keys", "rotate", "--active", "0123456789abcdef"}, admin_token_).err.find("MASTER_KEY_CHANGED"), std::string::npos);
}

TEST_F(Gridctl, WhatIsReportedTwiceHasAVerbForEachStep) {
  const std::string first = Offered("twice-1");
  auto shown = [&](const std::string& number, const std::string& words, bool there) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while ((Run({"need", number}, centre_token_).out.find(words) != std::string::npos) != there) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << number << ": " << words;
    }
  };
  auto good = [&](const std::vector<std::string>& arguments, const std::string& token) {
    auto ended = Run(arguments, token);
    EXPECT_EQ(ended.code, 0) << arguments[0] << ": " << ended.err;
    return ended.out;
  };
  const std::string found = good({"duplicates", "--grid-code", "320585100001001"}, app_token_);
  EXPECT_NE(found.find("a similar need is open"), std::string::npos) << found;
  EXPECT_EQ(found.find(first), std::string::npos);
  const size_t at = found.find("--token ") + 8;
  const std::string token = found.substr(at, found.find('\n', at) - at);
  std::vector<std::string> join = {"join",
                                   "--token",
                                   token,
                                   "--summary",
                                   "seen by me too",
                                   "--source",
                                   "visit",
                                   "--grid-code",
                                   "320585100001001",
                                   "--reporter-role",
                                   "grid-worker",
                                   "--reporter-reference",
                                   "second",
                                   "--request-id",
                                   "join-1"};
  EXPECT_NE(good(join, app_token_).find(first), std::string::npos);
  EXPECT_NE(Run({"withdraw", first}, app_token_).err.find("SAY_WHICH_REPORTER"), std::string::npos);
  good({"withdraw", first, "--reporter", "second"}, app_token_);

  const std::string second = Offered("twice-2");
  EXPECT_NE(good({"duplicates", "--need", second}, centre_token_).find(first), std::string::npos);
  good({"link", second, first, "--kind", "household", "--note", "neighbours"}, centre_token_);
  EXPECT_NE(good({"need", first}, centre_token_).find("linked: household"), std::string::npos);
  good({"link", second, first, "--kind", "household", "--remove"}, centre_token_);
  EXPECT_EQ(Run({"link", second, first}, centre_token_).code, 2);  // --kind
  good({"merge", second, first, "--survivor", first, "--reason", "the same", "--request-id", "m-1"}, centre_token_);
  shown(second, "merged into", true);
  good({"merge", second, first, "--survivor", first, "--reason", "the same", "--request-id", "m-1"}, centre_token_);
  shown(first, "not settled", false);
  EXPECT_NE(good({"need", first}, centre_token_).find("goes on for"), std::string::npos);
  good({"unmerge", first, second, "--reason", "not the same"}, centre_token_);
  shown(second, "merged into", false);
}

TEST_F(Gridctl, ADispatchOfTheCentreThatIsRepeatedGivesWhatHappened) {
  auto proposed = Report("proposed-1");
  proposed.mutable_report()->add_categories("possible-extreme-behaviour");
  std::string number = Submitted(proposed, "held");
  std::string held = IdOf(number, "held");
  ExpectRepeatable({"confirm", number, "--request-id", "c-1"}, "--held", held, centre_token_);
  auto vague = Report("vague-1");
  vague.mutable_report()->mutable_location()->set_grid_code("999999999999999");
  number = Submitted(vague, "held");
  held = IdOf(number, "held");
  ExpectRepeatable({"dispatch", number, "--unit", "s01", "--reason", "nearest", "--request-id", "d-1"}, "--held", held, centre_token_);
}

TEST_F(Gridctl, AWatchOfAListGoesOnWhenTheServerDoesNotAnswer) {
  int watch = ::inotify_init1(IN_CLOEXEC);
  ::inotify_add_watch(watch, directory_.c_str(), IN_MODIFY);
  pid_t child = Spawn({"--timeout", "0.2", "held", "--watch", "--every", "1"}, centre_token_, {}, "127.0.0.1:1");
  auto tries = [&] {
    const std::string said = ReadFile(directory_ / "err");
    int count = 0;
    for (size_t at = said.find("again in "); at != std::string::npos; at = said.find("again in ", at + 1)) ++count;
    return count;
  };
  while (tries() < 2 && !HasFailure()) {
    pollfd poll{watch, POLLIN, 0};
    char events[4096];
    ASSERT_EQ(::poll(&poll, 1, kPatienceMs), 1);
    ASSERT_GT(::read(watch, events, sizeof(events)), 0);
  }
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
  ::close(watch);
  EXPECT_EQ(Run({"held", "--watch"}, app_token_).code, 5) << "what will not change ends it";
  EXPECT_EQ(Run({"reports", "--watch", "--reporter", "g-1"}, app_token_).code, 2);
  EXPECT_EQ(Run({"reports", "--watch", "--limit", "3"}, app_token_).code, 2);
}

TEST_F(Gridctl, AResumedInboxRingsForWhatWaitsAndNotForWhatIsBeingWorkedOn) {
  std::string before = Offered("resume-1");
  int watch = ::inotify_init1(IN_CLOEXEC);
  ::inotify_add_watch(watch, directory_.c_str(), IN_MODIFY);
  auto until = [&](const std::function<bool(const std::string& out)>& done) {
    while (!done(ReadFile(directory_ / "out"))) {
      pollfd poll{watch, POLLIN, 0};
      char events[4096];
      if (::poll(&poll, 1, kPatienceMs) != 1 || ::read(watch, events, sizeof(events)) < 0) return false;
    }
    return true;
  };
  pid_t first = Spawn({"-o", "json", "inbox", "s01", "--watch"}, head1_token_);
  std::smatch token;
  std::string seen;
  ASSERT_TRUE(until([&](const std::string& out) {
    seen = out;
    return out.find(before) != std::string::npos && std::regex_search(seen, token, std::regex("\"resume_token\":\"([^\"]+)\"}\n"));
  }));
  const std::string resume = token[1];
  ::kill(first, SIGTERM);
  ::waitpid(first, nullptr, 0);
  ASSERT_EQ(Run({"accept", before}, head1_token_).code, 0);
  auto submitted = Submit(app_token_, Report("resume-2"));
  ASSERT_TRUE(submitted);
  pid_t second = Spawn({"inbox", "s01", "--watch", "--resume", resume, "--exec", "echo bell $GRIDLOOP_NUMBER"}, head1_token_);
  EXPECT_TRUE(until([&](const std::string& out) { return out.find("bell " + submitted->number()) != std::string::npos; }));
  ::kill(second, SIGTERM);
  ::waitpid(second, nullptr, 0);
  ::close(watch);
  const std::string out = ReadFile(directory_ / "out");
  EXPECT_NE(out.find("changed  " + before), std::string::npos) << out;
  EXPECT_EQ(out.find("bell " + before), std::string::npos) << out;
}

TEST_F(Gridctl, TextsComeFromStandardInputOrAFileAndAreCheckedLikeAnyOther) {
  std::string number = Offered("t-1");
  ASSERT_EQ(Run({"accept", number}, head1_token_).code, 0);
  EXPECT_EQ(Run({"note", number, "--text", "-"}, head1_token_, "从标准输入\n").code, 0);
  std::ofstream(directory_ / "note") << "从文件";
  EXPECT_EQ(Run({"note", number, "--text", "@" + (directory_ / "note").string()}, head1_token_).code, 0);
  EXPECT_EQ(Run({"note", number, "--text", "@" + (directory_ / "none").string()}, head1_token_).code, 2);
  auto empty = Run({"note", number, "--text", ""}, head1_token_);
  EXPECT_EQ(empty.code, 1);
  EXPECT_NE(empty.err.find("text"), std::string::npos) << empty.err;
}

TEST_F(Gridctl, TheBellRingsOnceForWhatComesAndNotForWhatWasThere) {
  std::string before = Offered("w-1");
  std::filesystem::create_directory(directory_ / "bells");
  int watch = ::inotify_init1(IN_CLOEXEC);
  ::inotify_add_watch(watch, directory_.c_str(), IN_MODIFY);
  ::inotify_add_watch(watch, (directory_ / "bells").c_str(), IN_CLOSE_WRITE);
  auto until = [&](const std::function<bool()>& done) {
    while (!done()) {
      pollfd poll{watch, POLLIN, 0};
      char events[4096];
      if (::poll(&poll, 1, kPatienceMs) != 1 || ::read(watch, events, sizeof(events)) < 0) return false;
    }
    return true;
  };
  auto bells = [&] { return std::distance(std::filesystem::directory_iterator(directory_ / "bells"), std::filesystem::directory_iterator()); };
  std::string command = "env >'" + (directory_ / "bells").string() + "'/$GRIDLOOP_NUMBER.$$";
  pid_t child = Spawn({"inbox", "s01", "--watch", "--exec", command}, head1_token_);
  ASSERT_TRUE(until([&] { return ReadFile(directory_ / "out").find(before) != std::string::npos; }));
  auto crisis = Report("w-2");
  crisis.mutable_report()->add_dangers("self-harm");
  auto submitted = Submit(app_token_, crisis);
  ASSERT_TRUE(submitted);
  EXPECT_TRUE(until([&] { return bells() >= 1 && ReadFile(directory_ / "out").find("added    " + submitted->number()) != std::string::npos; }));
  // What comes later comes after it in the stream, so by then it would have rung a second time.
  auto later = Submit(app_token_, Report("w-3"));
  ASSERT_TRUE(later);
  EXPECT_TRUE(until([&] { return bells() >= 2; }));
  ::kill(child, SIGTERM);
  ::waitpid(child, nullptr, 0);
  ::close(watch);
  EXPECT_EQ(bells(), 2);
  for (const auto& bell : std::filesystem::directory_iterator(directory_ / "bells")) {
    std::string name = bell.path().filename();
    EXPECT_TRUE(name.starts_with(submitted->number()) || name.starts_with(later->number())) << name;
    std::string environment = ReadFile(bell.path());
    EXPECT_EQ(environment.find("GRIDLOOP_TOKEN"), std::string::npos);  // the bell needs no credential
    if (name.starts_with(submitted->number())) {
      EXPECT_NE(environment.find("GRIDLOOP_URGENCY=crisis"), std::string::npos) << environment;
    }
  }
}

TEST_F(Gridctl, TokensAreMadeListedAndRevoked) {
  std::string file = directory_ / "other.tsv";
  auto made =
      Run({"token", "create", "--file", file, "--client", "c", "--principal", "p", "--role", "auditor", "--expires", "90d", "--out", directory_ / "t"}, "");
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out, "");  // in the file, not on the screen
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "t").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_TRUE(ReadFile(directory_ / "t").starts_with("glt_"));
  EXPECT_EQ(Run({"token", "create", "--file", file, "--client", "c", "--principal", "p", "--role", "auditor", "--out", directory_ / "t"}, "").code, 2);
  EXPECT_EQ(Run({"token", "create", "--file", file, "--client", "c", "--principal", "p", "--role", "boss"}, "").code, 2);
  EXPECT_EQ(Run({"token", "create", "--file", file, "--client", "c", "--principal", "p", "--role", "admin", "--expires", "soon"}, "").code, 2);
  EXPECT_EQ(Run({"token", "create", "--file", file, "--client", "c\tx", "--principal", "p", "--role", "admin"}, "").code, 1);
  auto list = Run({"token", "list", "--file", file}, "");
  EXPECT_NE(list.out.find("auditor"), std::string::npos);
  std::smatch hash;
  ASSERT_TRUE(std::regex_search(list.out, hash, std::regex("\n([0-9a-f]{12})")));
  auto json = Run({"-o", "json", "token", "list", "--file", file}, "");
  EXPECT_NE(json.out.find("{\"credentials\":[{\"sha256\":\"" + hash[1].str()), std::string::npos) << json.out;
  EXPECT_NE(json.out.find("\"role\":\"auditor\""), std::string::npos) << json.out;
  auto printed = Run({"-o", "json", "token", "create", "--file", file, "--client", "c2", "--principal", "p2", "--role", "system"}, "");
  EXPECT_TRUE(printed.out.starts_with("{\"token\":\"glt_")) << printed.out;
  std::smatch second;
  ASSERT_TRUE(std::regex_search(printed.out, second, std::regex("\"sha256\":\"([0-9a-f]{64})\"")));
  EXPECT_TRUE(Run({"-o", "json", "token", "revoke", "--file", file, second[1]}, "").out.starts_with("{\"revoked\":{\"client\":\"c2\""));
  EXPECT_EQ(Run({"token", "revoke", "--file", file, hash[1].str().substr(0, 4)}, "").code, 1);
  EXPECT_EQ(Run({"token", "revoke", "--file", file, hash[1]}, "").code, 0);
  EXPECT_EQ(Run({"token", "list", "--file", file}, "").out.find("auditor"), std::string::npos);
  EXPECT_EQ(Run({"token", "revoke", "--file", file, hash[1]}, "").code, 1);
}

TEST_F(Gridctl, WhoIsToldAndWhatDidNotArriveHaveVerbs) {
  EXPECT_NE(Run({"notifications"}, admin_token_).out.find("nobody is told"), std::string::npos);
  EXPECT_EQ(Run({"notify-test", "nobody"}, admin_token_).code, 1);
  std::ofstream(directory_ / "webhook.secret") << "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
  std::filesystem::permissions(directory_ / "webhook.secret", std::filesystem::perms::owner_read);
  std::ofstream(directory_ / "recipients.yaml")
      << "recipients:\n  - {id: nobody, url: 'http://127.0.0.1:9/hidden', secret_file: webhook.secret, unit: s01, allow_private: true}\n";
  Restart();
  auto sent = Run({"notify-test", "nobody", "--request-id", "t-1"}, admin_token_);
  ASSERT_EQ(sent.code, 0) << sent.err;
  std::string id = sent.out.substr(0, 26);
  auto shows = [&](std::vector<std::string> arguments, const std::string& text) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    Ended ended;
    do {
      ended = Run(arguments, centre_token_);
    } while (ended.out.find(text) == std::string::npos && std::chrono::steady_clock::now() < until);
    EXPECT_NE(ended.out.find(text), std::string::npos) << ended.out << ended.err;
    return ended.out;
  };
  std::string told = shows({"notifications"}, "unreachable");
  EXPECT_NE(told.find("127.0.0.1"), std::string::npos) << told;
  EXPECT_EQ(told.find("hidden"), std::string::npos) << told;
  EXPECT_NE(Run({"dead-letters", "nobody"}, admin_token_).out.find("there is none"), std::string::npos);
  ASSERT_EQ(Run({"clock", "advance", "73h"}, admin_token_).code, 0);
  EXPECT_NE(shows({"dead-letters", "nobody"}, "too-old").find(id), std::string::npos);
  EXPECT_NE(Run({"-o", "json", "dead-letters", "recipients/nobody"}, centre_token_).out.find("\"reason\": \"DEATH_REASON_TOO_OLD\""), std::string::npos);
  EXPECT_EQ(Run({"redeliver", "nobody"}, centre_token_).code, 1) << "neither ids nor --all";
  EXPECT_EQ(Run({"redeliver", "nobody", id, "--all"}, centre_token_).code, 2);
  EXPECT_EQ(Run({"redeliver", "nobody", id}, centre_token_).out, "1 wait in the queue again\n");
  EXPECT_EQ(Run({"redeliver", "nobody", "--all"}, centre_token_).out, "0 wait in the queue again\n");
  EXPECT_EQ(Run({"notifications"}, app_token_).code, 5);
}

TEST_F(Gridctl, WhatIsShownAsJsonIsShownAsYaml) {
  auto report = Report("yaml");
  report.mutable_report()->set_summary("第一行：门锁\n  second line\nyes");
  std::string number = Submitted(report, "offered");
  const std::string head_token = StaffToken(v1::ROLE_STATION_HEAD, "h-s01");
  auto need = Run({"-o", "yaml", "need", number, "--purpose", "visit"}, head_token);
  EXPECT_EQ(need.code, 0) << need.err;
  EXPECT_NE(need.out.find("need:\n  name: needs/"), std::string::npos) << need.out;
  EXPECT_NE(need.out.find("\n  number: \"" + number + "\"\n"), std::string::npos) << need.out;
  EXPECT_NE(need.out.find("\n    summary: |-\n      第一行：门锁\n        second line\n      yes\n"), std::string::npos) << need.out;
  auto exported = Run({"-o", "yaml", "export", "--max", "2"}, auditor_token_);
  EXPECT_TRUE(exported.out.starts_with("---\nposition: \"0-0\"\n")) << exported.out;
  EXPECT_NE(exported.out.find("\n---\nposition: \"0-1\"\n"), std::string::npos) << exported.out;
  EXPECT_TRUE(Run({"-o", "yaml", "token", "list", "--file", directory_ / "tokens.tsv"}, "").out.starts_with("credentials:\n  - sha256: "));
  EXPECT_TRUE(Run({"-o", "yaml", "call", "AuditService/ListOpenLoops"}, auditor_token_).out.starts_with("{}"));
  EXPECT_EQ(Run({"-o", "toml", "held"}, centre_token_).code, 2);
  // Every verb: none of them prints JSON by itself where YAML is asked for.
  for (const auto& file : std::filesystem::directory_iterator(std::string(GRIDLOOP_SOURCE_DIR) + "/services/cli")) {
    std::string source = ReadFile(file.path());
    EXPECT_EQ(source.find("print(\"{{"), std::string::npos) << file.path();
  }
}

// NOLINTBEGIN(bugprone-command-processor): the shells themselves are tested.
TEST_F(Gridctl, TheShellCompletesVerbsFlagsAndTheirWords) {
  auto completes = [&](const std::string& line) {
    // As readline asks: the words, the last of which is the one that is completed.
    const std::string ask = R"(source /dev/stdin; shift 0; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gridctl; printf '%s\n' "${COMPREPLY[@]}")";
    std::vector<std::string> arguments = {"/bin/bash", "-c", ask, "bash"};
    for (size_t at = 0; at <= line.size();) {
      size_t end = std::min(line.find(' ', at), line.size());
      arguments.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    std::ofstream(directory_ / "script") << Run({"completion", "bash"}, "").out;
    std::string command;
    for (const auto& argument : arguments) {
      std::string quoted;
      for (char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
      command += "'" + quoted + "' ";
    }
    EXPECT_EQ(std::system((command + "<" + (directory_ / "script").string() + " >" + (directory_ / "completed").string()).c_str()), 0) << line;
    return ReadFile(directory_ / "completed");
  };
  EXPECT_EQ(completes("gridctl acce"), "accept\naccept-transfer\naccept-obligation\naccesses\n");
  EXPECT_EQ(completes("gridctl tok"), "token\n");
  EXPECT_EQ(completes("gridctl token "), "create\nlist\nrevoke\n");
  EXPECT_EQ(completes("gridctl --out"), "--output\n");
  EXPECT_EQ(completes("gridctl -o "), "table\njson\nyaml\n");
  EXPECT_EQ(completes("gridctl -o json need --hist"), "--history\n");
  EXPECT_EQ(completes("gridctl decline 260302-7KQ4M-X --reason no-c"), "no-capacity\n");
  EXPECT_EQ(completes("gridctl grade 260302-7KQ4M-X --grade t"), "two\nthree\n");
  EXPECT_EQ(completes("gridctl token create --role station"), "station-head\n");
  EXPECT_EQ(completes("gridctl completion "), "bash\nzsh\n");
  EXPECT_EQ(completes("gridctl need --token-file " + (directory_ / "tokens.ts").string()), (directory_ / "tokens.tsv").string() + "\n");
  EXPECT_EQ(completes("gridctl need --adr"), "\n");
  EXPECT_EQ(completes("gridctl need --addr"), "--address\n");
  EXPECT_EQ(std::system(("bash -n '" + (directory_ / "script").string() + "'").c_str()), 0);
}

TEST_F(Gridctl, TheZshScriptIsZsh) {
  std::ofstream(directory_ / "script") << Run({"completion", "zsh"}, "").out;
  EXPECT_TRUE(ReadFile(directory_ / "script").starts_with("#compdef gridctl\n"));
  if (std::system("command -v zsh >/dev/null") != 0) GTEST_SKIP() << "zsh is not installed, so it cannot say whether its script is one";
  // As its completion system asks through bashcompinit: arrays begin at 0 there.
  std::ofstream(directory_ / "ask") << "autoload -U compinit && compinit -u -d '" << (directory_ / "dump").string() << "'\nsource '"
                                    << (directory_ / "script").string()
                                    << "'\nemulate -L ksh\nCOMP_WORDS=(gridctl token r)\nCOMP_CWORD=2\n_gridctl\nprint -r -- \"${COMPREPLY[@]}\"\n";
  EXPECT_EQ(std::system(("zsh -f '" + (directory_ / "ask").string() + "' >'" + (directory_ / "completed").string() + "'").c_str()), 0);
  EXPECT_EQ(ReadFile(directory_ / "completed"), "create list revoke\n") << "which of them fit, zsh looks itself";
}
// NOLINTEND(bugprone-command-processor)

TEST_F(Gridctl, AFolderIsComparedBeforeItIsActivated) {
  const std::string number = Offered("compare-1");
  const std::filesystem::path folder = directory_ / "candidate";
  std::filesystem::copy(std::string(GRIDLOOP_SOURCE_DIR) + "/deploy/directory/taicang", folder);
  std::string table = ReadFile(folder / "coverage.csv");
  const std::string line = "320585100001,r-320585100001,,";
  ASSERT_NE(table.find(line), std::string::npos);
  std::ofstream(folder / "coverage.csv") << table.replace(table.find(line), line.size(), "320585100001,s02,,");
  auto compared = Run({"directory", "compare", folder, "--from", "2026-03-01", "--to", "2026-04-01"}, centre_token_);
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_NE(compared.out.find("1 of 1 needs would go elsewhere"), std::string::npos) << compared.out;
  EXPECT_TRUE(std::regex_search(compared.out, std::regex("s02 +\\S+ +0 +1 +\\+1"))) << compared.out;
  EXPECT_TRUE(std::regex_search(compared.out, std::regex(number + " +r-320585100001 under s01 +s02 +coverage +coverage"))) << compared.out;
  auto json = Run({"-o", "json", "directory", "compare", folder, "--from", "2026-03-01", "--to", "2026-04-01"}, admin_token_);
  EXPECT_NE(json.out.find("\"changed\": \"1\""), std::string::npos) << json.out;
  EXPECT_EQ(Run({"directory", "compare", folder, "--from", "March", "--to", "2026-04-01"}, centre_token_).code, 2);
  EXPECT_EQ(Run({"directory", "compare", directory_ / "none", "--from", "2026-03-01", "--to", "2026-04-01"}, centre_token_).code, 2);
  EXPECT_EQ(Run({"directory", "compare", std::string(64, 'a'), "--from", "2026-03-01", "--to", "2026-04-01"}, centre_token_).code, 1);
  EXPECT_EQ(Run({"directory", "compare", folder, "--from", "2026-03-01", "--to", "2026-04-01"}, auditor_token_).code, 5);
  std::ofstream(folder / "coverage.csv", std::ios::app) << "320585100001,nobody,,\n";
  EXPECT_EQ(Run({"directory", "compare", folder, "--from", "2026-03-01", "--to", "2026-04-01"}, centre_token_).code, 3);
}

TEST_F(Gridctl, FiguresAreATableOrASheetInEitherLanguage) {
  Offered("figures-1");
  auto table = Run({"figures", "--month", "2026-03", "--lang", "en"}, auditor_token_);
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("not frozen"), std::string::npos) << table.out;
  EXPECT_TRUE(std::regex_search(table.out, std::regex("needs by source +patrol +1\n"))) << table.out;
  auto chinese = Run({"figures", "--month", "2026-03", "--lang", "zh", "--station", "s01"}, centre_token_);
  EXPECT_TRUE(std::regex_search(chinese.out, std::regex("按来源 +patrol +巡查 +1\n"))) << chinese.out;
  auto sheet = Run({"figures", "--month", "2026-03", "-o", "csv", "--lang", "zh"}, head1_token_);
  EXPECT_TRUE(sheet.out.starts_with("\xEF\xBB\xBF月份,单位,定稿次数,指标,")) << sheet.out;
  EXPECT_NE(sheet.out.find("2026-03,城厢镇社工站,,受理需求（件）,,,1,,,,\r\n"), std::string::npos) << sheet.out;
  EXPECT_NE(Run({"-o", "json", "figures", "--month", "2026-03"}, auditor_token_).out.find("\"figure\": \"FIGURE_NEEDS\""), std::string::npos);
  EXPECT_EQ(Run({"figures", "--month", "2026-03", "--station", "s02"}, head1_token_).code, 5);
  EXPECT_EQ(Run({"figures", "--month", "2026-04"}, auditor_token_).code, 1);
  EXPECT_EQ(Run({"freeze-figures", "--month", "2026-03"}, auditor_token_).code, 1) << "the month goes on";
  auto frozen = Run({"freeze-figures", "--month", "2026-02", "--request-id", "f-1"}, auditor_token_);
  EXPECT_EQ(frozen.out, "2026-02 frozen, number 1\n") << frozen.err;
  EXPECT_EQ(Run({"freeze-figures", "--month", "2026-02", "--request-id", "f-1"}, auditor_token_).out, "2026-02 frozen, number 1  (was done already)\n");
  EXPECT_NE(Run({"figures", "--month", "2026-02", "--lang", "zh"}, auditor_token_).out.find("第 1 次定稿"), std::string::npos);
  EXPECT_EQ(Run({"freeze-figures", "--month", "2026-02"}, head1_token_).code, 5);
  EXPECT_EQ(Run({"figures", "--month", "2026-03", "-o", "xls"}, auditor_token_).code, 2);
  EXPECT_EQ(Run({"figures", "--month", "2026-03"}, admin_token_).code, 5);
}

TEST_F(Gridctl, EveryRpcHasAVerb) {
  std::string sources;
  for (const auto& file : std::filesystem::directory_iterator(std::string(GRIDLOOP_SOURCE_DIR) + "/services/cli")) sources += ReadFile(file.path());
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  int methods = 0;
  for (const char* name :
       {"IntakeService", "RoutingService", "AssignmentService", "DepartmentService", "AuditService", "NotificationService", "ClockService"}) {
    const auto* service = pool->FindServiceByName(std::string("gridloop.v1.") + name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i, ++methods) {
      const std::string& method = service->method(i)->name();
      bool named = sources.find(std::string(name) + "/" + method + "\"") != std::string::npos;
      named |= std::string(name) == "AssignmentService" && sources.find("\"" + method + "\"") != std::string::npos;
      EXPECT_TRUE(named) << name << "/" << method;
    }
  }
  EXPECT_GT(methods, 40);
}

TEST_F(Gridctl, ThePageHasEveryVerb) {
  std::string page = ReadFile(std::string(GRIDLOOP_SOURCE_DIR) + "/docs/gridctl.md");
  std::istringstream help(Run({"--help"}, "").out);
  int verbs = 0;
  bool in_verbs = false;
  for (std::string line; std::getline(help, line);) {
    if (line.starts_with("Subcommands:")) in_verbs = true;
    if (!in_verbs || !line.starts_with("  ") || line.starts_with("   ")) continue;
    std::string verb = line.substr(2, line.find(' ', 2) - 2);
    EXPECT_TRUE(page.find("`" + verb + " ") != std::string::npos || page.find("`" + verb + "`") != std::string::npos) << verb;
    ++verbs;
  }
  EXPECT_GT(verbs, 35);
}

}  // namespace
}  // namespace gridloop
