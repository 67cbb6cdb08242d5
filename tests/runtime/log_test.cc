#include "runtime/log.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <limits>
#include <vector>

namespace gridloop {
namespace {

TEST(Log, EveryLineIsOneJsonObjectWhateverTheFieldsHold) {
  std::vector<std::string> lines;
  Log log({.level = LogLevel::kInfo, .form = Log::Form::kJson, .write = [&](std::string_view line) { lines.emplace_back(line); }});
  const std::vector<std::string> hostile = {"",         "\"quotes\" and \\", "line\nend\r\t", std::string("zero\0byte", 9), "\x1b[31mred", "\xff\xfe",
                                            "\xc0\xaf", "\xed\xa0\x80",      "中文",          "\xf0\x9f\x8f\xa0",           "\xe4\xb8"};
  for (const auto& text : hostile)
    log.Info("test", "said", {{"text", text}, {"number", int64_t{-5}}, {"share", std::numeric_limits<double>::quiet_NaN()}, {"yes", true}});
  ASSERT_EQ(lines.size(), hostile.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].find('\n'), lines[i].size() - 1);
    google::protobuf::Struct parsed;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[i], &parsed).ok()) << lines[i];
    // Its fields are read by another library: under the thread sanitizer protobuf's headers and its library do not agree on maps.
    YAML::Node fields = YAML::Load(lines[i]);
    EXPECT_EQ(fields["message"].as<std::string>(), "said");
    EXPECT_EQ(fields["number"].as<int>(), -5);
    EXPECT_TRUE(fields["share"].IsNull());
  }
  EXPECT_EQ(YAML::Load(lines[8])["text"].as<std::string>(), "中文");
}

TEST(Log, WhatIsBelowTheLevelIsNotWritten) {
  int lines = 0;
  Log log({.level = LogLevel::kWarning, .form = Log::Form::kConsole, .write = [&](std::string_view) { ++lines; }});
  log.Debug("a", "b");
  log.Info("a", "b");
  log.Warning("a", "b");
  log.Error("a", "b");
  EXPECT_EQ(lines, 2);
}

}  // namespace
}  // namespace gridloop
