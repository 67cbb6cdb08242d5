#include "runtime/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "allinone/settings.h"

namespace gridloop {
namespace {

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-config-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  Config::Sources File(const std::string& content) {
    std::ofstream(directory_ / "gridloop.yaml") << content;
    Config::Sources sources;
    sources.file = directory_ / "gridloop.yaml";
    return sources;
  }
  std::filesystem::path directory_;
};

TEST_F(ConfigFile, TheFileThenTheEnvironmentThenFlagsDecide) {
  auto sources = File("data_directory: /a\ngrpc:\n  listen: 127.0.0.1:1\n  max_streams: 5\nlog: {level: debug}\n");
  sources.environment = [](const char* name) -> const char* {
    return std::string_view(name) == "GRIDLOOP_GRPC_LISTEN" ? "127.0.0.1:2" : std::string_view(name) == "GRIDLOOP_DATA_DIRECTORY" ? "/b" : nullptr;
  };
  sources.flags = {{"data-dir", "/c"}};
  auto config = Config::Load(Settings(), sources);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->Text("data_directory"), "/c");
  EXPECT_EQ(config->Text("grpc.listen"), "127.0.0.1:2");
  EXPECT_EQ(config->Integer("grpc.max_streams"), 5);
  EXPECT_EQ(config->Text("log.level"), "debug");
  EXPECT_EQ(config->DurationUs("shutdown.drain"), 5'000'000);
}

TEST_F(ConfigFile, EveryMistakeIsNamedAtOnceWithItsPlaceAndRemedy) {
  auto sources = File(R"(data_directry: /a
data_directory: [1, 2]
clock: system
clock: system
services: intake,rooting
grpc: 5
admin:
  listen: nowhere
  port: 1
log:
  level: loud
shutdown:
  drain: 5 minutes
  limit: 0s
)");
  sources.environment = [](const char* name) -> const char* { return std::string_view(name) == "GRIDLOOP_GRPC_MAX_STREAMS" ? "many" : nullptr; };
  sources.flags = {{"lisen", "x"}};
  auto config = Config::Load(Settings(), sources);
  ASSERT_FALSE(config);
  std::string all;
  for (const auto& field : config.error().fields) all += field.field + ": " + field.description + "\n";
  for (const char* expected :
       {"gridloop.yaml:1 data_directry: is not known; did you mean data_directory?", "gridloop.yaml:2 data_directory: takes one value",
        "gridloop.yaml:4 clock: stands twice", "gridloop.yaml:5 services: must be some of assignment,audit,intake,notification,routing",
        "gridloop.yaml:6 grpc: is a section", "gridloop.yaml:8 admin.listen: must be host:port", "gridloop.yaml:9 admin.port: is not known",
        "gridloop.yaml:11 log.level: must be debug, info, warning, error", "gridloop.yaml:13 shutdown.drain: must be a time",
        "gridloop.yaml:14 shutdown.limit: must be a time", "GRIDLOOP_GRPC_MAX_STREAMS: must be a number", "--lisen: is not known; did you mean listen?"}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << "\nis missing in\n" << all;
  }
  EXPECT_EQ(config.error().fields.size(), 12U) << all;
}

TEST_F(ConfigFile, ANameInTheEnvironmentThatIsNoSettingIsAMistake) {
  Config::Sources sources;
  for (const char* name : {"GRIDLOOP_GRPC_LISTN", "GRIDLOOP_GRPC_LISTEN", "GRIDLOOP_TOKEN", "GRIDLOOP_ADDRESS", "GRIDLOOP_SERVICE_HOST",
                           "GRIDLOOP_SERVICE_PORT_GRPC", "GRIDLOOP_PORT", "GRIDLOOP_INTAKE_PORT_7400_TCP_ADDR", "PATH"}) {
    if (!IsForeignName(name)) sources.environment_names.emplace_back(name);
  }
  auto config = Config::Load(Settings(), sources);
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().fields.size(), 1U);
  EXPECT_EQ(config.error().fields[0].field, "GRIDLOOP_GRPC_LISTN");
  EXPECT_EQ(config.error().fields[0].description, "is not known; did you mean GRIDLOOP_GRPC_LISTEN?");
  for (const auto& setting : Settings()) EXPECT_FALSE(IsForeignName(EnvironmentName(setting.key))) << setting.key;
}

TEST_F(ConfigFile, WhatIsNoYamlSaysWhere) {
  auto config = Config::Load(Settings(), File("grpc:\n  listen: \"unclosed\n"));
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().fields.at(0).field.find("gridloop.yaml:"), std::string::npos);
  EXPECT_FALSE(Config::Load(Settings(), File("- a\n- b\n")));
  EXPECT_TRUE(Config::Load(Settings(), File("")));
  Config::Sources missing;
  missing.file = directory_ / "none.yaml";
  EXPECT_FALSE(Config::Load(Settings(), missing));
}

TEST(Addresses, OnlyWhatCannotBeReachedFromElsewhereIsLoopback) {
  for (const char* good : {"127.0.0.1", "127.8.9.1", "::1", "localhost"}) EXPECT_TRUE(IsLoopback(good)) << good;
  for (const char* bad : {"127.evil.example", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "128.0.0.1", ""}) EXPECT_FALSE(IsLoopback(bad)) << bad;
  EXPECT_EQ(ParseHostPort("[::1]:80")->host, "::1");
  for (const char* bad : {"", ":80", "a", "a:", "a:b", "a:70000", "a b:1", "[::1:80", "[nonsense]:1", "unix:/tmp/x"}) EXPECT_FALSE(ParseHostPort(bad)) << bad;
}

TEST(Durations, HaveUnits) {
  EXPECT_EQ(ParseDuration("250ms"), 250'000);
  EXPECT_EQ(ParseDuration("2m"), 120'000'000);
  for (const char* bad : {"", "5", "s", "-5s", "5 s", "5d", "99999999999s"}) EXPECT_FALSE(ParseDuration(bad)) << bad;
}

// The page is written from the table: GRIDLOOP_UPDATE_GOLDENS=1 rewrites it.
TEST(Settings, ThePageSaysWhatTheTableSays) {
  std::filesystem::path page = std::filesystem::path(GRIDLOOP_SOURCE_DIR) / "docs/formats/config.md";
  std::ifstream file(page);
  std::stringstream content;
  content << file.rdbuf();
  std::string text = content.str();
  const std::string begin = "<!-- settings -->\n";
  const std::string end = "<!-- end of settings -->\n";
  size_t from = text.find(begin);
  size_t to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << page << " has lost its marks";
  std::string expected = text.substr(0, from + begin.size()) + "\n" + SettingsTable(Settings()) + "\n" + text.substr(to);
  if (std::getenv("GRIDLOOP_UPDATE_GOLDENS") != nullptr) std::ofstream(page) << expected;
  EXPECT_EQ(text, expected) << "run this test with GRIDLOOP_UPDATE_GOLDENS=1";
}

TEST(Settings, TheCommittedConfigurationsAreGood) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(GRIDLOOP_SOURCE_DIR) / "deploy/config")) {
    Config::Sources sources;
    sources.file = entry.path();
    auto config = Config::Load(Settings(), sources);
    EXPECT_TRUE(config) << entry.path() << ": " << (config ? "" : config.error().fields.at(0).field + " " + config.error().fields.at(0).description);
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace gridloop
