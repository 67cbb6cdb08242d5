#include "cli/yaml.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "runtime/log.h"

namespace gridloop::cli {
namespace {

TEST(Yaml, LooksAsAPersonWouldWriteIt) {
  EXPECT_EQ(YamlOf(R"({"need":{"name":"needs/4k","number":"260302-7KQ4M-X","stage":"STAGE_OFFERED","version":"7","restricted":true,"load":2.5,
                       "deadlines":[{"kind":"CLOCK_KIND_OFFER","due_time":"2026-03-02T09:00:00Z"},{"kind":"CLOCK_KIND_ROUTING"}],
                       "summary":"独居老人一周未出门","note":"one\n  two\n\nthree","empty":"","alerted":[],"offer":{},"words":["a","yes"],"none":null},
                       "list":[[1,2],[]]})"),
            R"(need:
  name: needs/4k
  number: "260302-7KQ4M-X"
  stage: STAGE_OFFERED
  version: "7"
  restricted: true
  load: 2.5
  deadlines:
    - kind: CLOCK_KIND_OFFER
      due_time: "2026-03-02T09:00:00Z"
    - kind: CLOCK_KIND_ROUTING
  summary: 独居老人一周未出门
  note: |-
    one
      two

    three
  empty: ""
  alerted: []
  offer: {}
  words:
    - a
    - "yes"
  none: null
list:
  - - 1
    - 2
  - []
)");
}

TEST(Yaml, EveryTextIsReadBackAsItWas) {
  std::string all;
  for (int c = 1; c < 0x80; ++c) all.push_back(static_cast<char>(c));
  for (const std::string& text : {all,
                                  std::string(),
                                  std::string("a"),
                                  std::string("true"),
                                  std::string("Yes"),
                                  std::string("off"),
                                  std::string("null"),
                                  std::string("~"),
                                  std::string("1"),
                                  std::string("1e3"),
                                  std::string("0x1F"),
                                  std::string("-1"),
                                  std::string(".5"),
                                  std::string("12:30:45"),
                                  std::string("2026-03-02"),
                                  std::string("- item"),
                                  std::string("key: value"),
                                  std::string("key:"),
                                  std::string("a #b"),
                                  std::string("#b"),
                                  std::string("*a"),
                                  std::string("&a"),
                                  std::string("!a"),
                                  std::string("{a}"),
                                  std::string("[a]"),
                                  std::string("a, b"),
                                  std::string("\"quoted\""),
                                  std::string("'single'"),
                                  std::string("back\\slash"),
                                  std::string(" leading"),
                                  std::string("trailing "),
                                  std::string("tab\tinside"),
                                  std::string("line\n"),
                                  std::string("line\n\n"),
                                  std::string("\nline"),
                                  std::string(" \nline"),
                                  std::string("one\ntwo"),
                                  std::string("one\n  two\nthree\n"),
                                  std::string("one\n\ttwo"),
                                  std::string("one \n two \n"),
                                  std::string("\n"),
                                  std::string("需要日常照料：每日 1 次"),
                                  std::string("第一行\n第二行"),
                                  std::string("，开头"),
                                  std::string("emoji 😀"),
                                  std::string("nel\xC2\x85line"),
                                  std::string("ls\xE2\x80\xA8line"),
                                  std::string("\xEF\xBB\xBF"
                                              "bom"),
                                  std::string("---"),
                                  std::string("..."),
                                  std::string("a---"),
                                  std::string("%x"),
                                  std::string("@x"),
                                  std::string("`x")}) {
    for (const std::string& json : {"{\"a\":{\"b\":" + JsonString(text) + ",\"c\":1}}", "[[" + JsonString(text) + "],1]", JsonString(text)}) {
      std::string yaml = YamlOf(json);
      YAML::Node node;
      ASSERT_NO_THROW(node = YAML::Load(yaml)) << yaml;
      YAML::Node value = json[0] == '{' ? node["a"]["b"] : json[0] == '[' ? node[0][0] : node;
      EXPECT_EQ(value.Scalar(), text) << yaml;
      EXPECT_TRUE(value.IsScalar()) << yaml;
      if (json[0] == '{') {
        EXPECT_EQ(node["a"]["c"].as<int>(), 1) << yaml;
      }
    }
  }
}

TEST(Yaml, EscapesOfJsonAreUnderstood) {
  EXPECT_EQ(YamlOf(R"("\u72ec\u5c45 \ud83d\ude00 \/ \u003c")"), "\"独居 😀 / <\"\n");
  EXPECT_EQ(YamlOf(R"({"key \"q\"":"x"})"), "\"key \\\"q\\\"\": x\n");
}

TEST(Yaml, WhatIsNoJsonIsNothing) {
  for (const char* bad : {"", "{", "{\"a\":}", "{\"a\" 1}", "[1,]x", "\"open", "{\"a\":1} more", "nonsense", "[1 2]", "\"\\u12\"", "{1:2}"})
    EXPECT_EQ(YamlOf(bad), "") << bad;
  EXPECT_EQ(YamlOf(std::string(10'000, '[')), "");
}

}  // namespace
}  // namespace gridloop::cli
