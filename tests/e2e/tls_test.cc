// TLS and client certificates, made with the commands of the operators' page.
#include "e2e/process.h"

namespace gridloop::e2e {
namespace {

// Runs what stands in the page's block behind this mark, in `folder`.
void RunFromThePage(const std::string& mark, const std::filesystem::path& folder) {
  std::ifstream file(std::string(GRIDLOOP_SOURCE_DIR) + "/docs/operations.md");
  std::ostringstream text;
  text << file.rdbuf();
  std::string page = text.str();
  const std::string begin = "<!-- " + mark + " -->\n\n```sh\n";
  size_t from = page.find(begin);
  ASSERT_NE(from, std::string::npos) << "docs/operations.md has no block " << mark;
  from += begin.size();
  std::filesystem::create_directories(folder);
  Process shell({"/bin/bash", "-euo", "pipefail", "-c", "cd '" + folder.string() + "'\n" + page.substr(from, page.find("\n```\n", from) - from)},
                folder.string() + ".log");
  ASSERT_EQ(shell.Wait(), 0) << shell.Log();
}

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    RunFromThePage("certificates", ours_);
    RunFromThePage("certificates", strangers_);
    app_ = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
  }
  std::vector<std::string> Server(bool with_client_ca) const {
    std::vector<std::string> settings = {"--tls-certificate", ours_ / "server.pem", "--tls-key", ours_ / "server.key"};
    if (with_client_ca) settings.insert(settings.end(), {"--tls-client-ca", ours_ / "ca.pem"});
    return settings;
  }
  // The need's name, or how it was refused. `client`: the folder of its certificate; empty: it shows none.
  std::string SubmitWith(const Gridloop& gridloop, const std::filesystem::path& authority, const std::filesystem::path& client = {}) {
    RpcClient::Options options{gridloop.address(), app_, authority / "ca.pem", {}, {}};
    if (!client.empty()) {
      options.certificate = client / "client.pem";
      options.key = client / "client.key";
    }
    auto connected = RpcClient::Connect(options);
    EXPECT_TRUE(connected) << connected.error().message;
    return Outcome(**connected);
  }
  static std::string Outcome(RpcClient& client) {
    auto response = Submit(client, Report("over-tls"));
    if (response) return response->name();
    return response.error().code == Code::kUnavailable ? "UNAVAILABLE" : response.error().message;
  }

  TemporaryDirectory beside_;
  std::filesystem::path data_ = beside_.path() / "data", ours_ = beside_.path() / "ours", strangers_ = beside_.path() / "strangers";
  std::string app_;
};

TEST_F(Tls, OnlyWhoTrustsTheServersAuthorityReachesIt) {
  Gridloop gridloop(data_, beside_.path(), true, Server(false));
  ASSERT_FALSE(HasFailure());
  EXPECT_TRUE(SubmitWith(gridloop, ours_).starts_with("needs/"));
  EXPECT_EQ(SubmitWith(gridloop, strangers_), "UNAVAILABLE") << "the client does not know this authority";
  EXPECT_EQ(Outcome(*gridloop.Connect(app_)), "UNAVAILABLE") << "in the clear nobody is let in";
  EXPECT_TRUE(SubmitWith(gridloop, ours_).starts_with("needs/")) << "the ones before did no harm";
  gridloop.Stop();
}

TEST_F(Tls, WithAClientAuthorityOnlyItsCertificatesAreLetIn) {
  Gridloop gridloop(data_, beside_.path(), true, Server(true));
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(SubmitWith(gridloop, ours_), "UNAVAILABLE") << "it shows no certificate";
  EXPECT_EQ(SubmitWith(gridloop, ours_, strangers_), "UNAVAILABLE") << "its certificate is another authority's";
  EXPECT_TRUE(gridloop.Eventually([&] { return gridloop.process().Log().find("certificate verify failed") != std::string::npos; })) << "it is logged";
  EXPECT_TRUE(SubmitWith(gridloop, ours_, ours_).starts_with("needs/"));
  gridloop.Stop();
}

TEST_F(Tls, ACertificateLetsANonLoopbackListenerStart) {
  auto settings = Server(false);
  settings.insert(settings.end(), {"--listen", "0.0.0.0:0"});
  Gridloop gridloop(data_, beside_.path(), true, settings);
  ASSERT_FALSE(HasFailure());
  EXPECT_TRUE(SubmitWith(gridloop, ours_).starts_with("needs/"));
  gridloop.Stop();
}

TEST_F(Tls, NewFilesAreServedWithoutARestartAndBadOnesAreNot) {
  Gridloop gridloop(data_, beside_.path(), true, Server(true));
  ASSERT_FALSE(HasFailure());
  auto log_has = [&](const std::string& text) { return gridloop.Eventually([&] { return gridloop.process().Log().find(text) != std::string::npos; }); };
  auto replace = [&](const std::string& name, const std::filesystem::path& from) {
    std::filesystem::copy_file(from, ours_ / (name + ".next"));
    std::filesystem::rename(ours_ / (name + ".next"), ours_ / name);
  };
  RpcClient::Options options{gridloop.address(), app_, ours_ / "ca.pem", ours_ / "client.pem", ours_ / "client.key"};
  auto open = RpcClient::Connect(options);
  ASSERT_TRUE(open);
  ASSERT_TRUE(Outcome(**open).starts_with("needs/"));

  // Another authority's: whoever trusts that one is let in from now on, the others are not, what is open goes on.
  std::filesystem::copy(ours_, beside_.path() / "before");
  const auto before = beside_.path() / "before";
  replace("server.key", strangers_ / "server.key");  // for a moment they do not fit
  replace("server.pem", strangers_ / "server.pem");
  replace("ca.pem", strangers_ / "ca.pem");
  ASSERT_TRUE(log_has("new TLS files are served"));
  EXPECT_TRUE(gridloop.Eventually([&] { return SubmitWith(gridloop, strangers_, strangers_).starts_with("needs/"); }));
  EXPECT_EQ(SubmitWith(gridloop, before, before), "UNAVAILABLE");
  EXPECT_TRUE(Outcome(**open).starts_with("needs/")) << "the connection that was open";

  // A broken one: the former one is served, and it is said once.
  std::ofstream(beside_.path() / "broken.pem") << "-----BEGIN CERTIFICATE-----\nnothing\n";
  replace("server.pem", beside_.path() / "broken.pem");
  ASSERT_TRUE(log_has("the TLS files were not read again; the former ones are served"));
  EXPECT_TRUE(log_has("server.pem holds no certificate"));
  EXPECT_TRUE(SubmitWith(gridloop, strangers_, strangers_).starts_with("needs/"));
  auto ready = gridloop.Http("/readyz");
  EXPECT_EQ(ready.status, 200);
  EXPECT_NE(ready.body.find("server.pem holds no certificate"), std::string::npos) << ready.body;
  replace("server.key", before / "server.key");
  replace("server.pem", before / "server.pem");
  replace("ca.pem", before / "ca.pem");
  EXPECT_TRUE(gridloop.Eventually([&] { return SubmitWith(gridloop, before, before).starts_with("needs/"); })) << "mended";
  EXPECT_TRUE(gridloop.Eventually([&] { return gridloop.Http("/readyz").body.find("holds no certificate") == std::string::npos; }));
  open = std::unexpected(Error());
  gridloop.Stop();
}

TEST_F(Tls, FilesThatDoNotFitStopTheStartAndAreNamed) {
  std::ofstream(ours_ / "text.pem") << "no certificate\n";
  struct Line {
    std::string certificate, key, client_ca, said;
  };
  for (const auto& line : std::vector<Line>{{"server.pem", "ca.key", "", "ca.key is not the key of "},
                                            {"server.pem", "missing.key", "", "missing.key cannot be read"},
                                            {"text.pem", "server.key", "", "text.pem holds no certificate"},
                                            {"server.pem", "text.pem", "", "text.pem holds no key"},
                                            {"server.pem", "server.key", "text.pem", "text.pem holds no certificate"},
                                            {"server.pem", "", "", "grpc.tls.certificate and grpc.tls.key go together"}}) {
    std::vector<std::string> settings = {GRIDLOOP_BINARY, "--data-dir", data_, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"};
    settings.insert(settings.end(), {"--tls-certificate", ours_ / line.certificate});
    if (!line.key.empty()) settings.insert(settings.end(), {"--tls-key", ours_ / line.key});
    if (!line.client_ca.empty()) settings.insert(settings.end(), {"--tls-client-ca", ours_ / line.client_ca});
    for (bool only_check : {false, true}) {
      if (only_check) settings.emplace_back("--check-config");
      auto log = beside_.path() / (line.certificate + line.key + line.client_ca + (only_check ? ".check" : ".start"));
      Process process(settings, log);
      EXPECT_EQ(process.Wait(), 2);
      EXPECT_NE(process.Log().find(line.said), std::string::npos) << line.said << "\nis missing in\n" << process.Log();
    }
  }
  EXPECT_FALSE(std::filesystem::exists(data_ / "ledger")) << "nothing was opened";
}

}  // namespace
}  // namespace gridloop::e2e
