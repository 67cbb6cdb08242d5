#include "cli/session.h"

#include <gtest/gtest.h>

namespace gridloop::cli {
namespace {

Error Said(Code code, const std::string& reason) { return {code, reason, "what is wrong", "", {}, {}, std::nullopt}; }

TEST(Session, WhereverItMayHaveBeenDoneTheAnswerIsNotKnown) {
  for (auto [code, reason] : {std::pair{Code::kUnavailable, ""},
                              {Code::kUnavailable, "LEDGER_FAILED"},
                              {Code::kUnavailable, "SERVER_STOPPING"},
                              {Code::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
                              {Code::kUnknown, ""},
                              {Code::kInternal, "HANDLER_GAVE_UP"}}) {
    EXPECT_EQ(ExitCodeOf(Said(code, reason)), kUnreachable) << reason;
  }
  for (auto code : {Code::kInvalidArgument, Code::kFailedPrecondition, Code::kAborted, Code::kNotFound, Code::kResourceExhausted, Code::kInternal}) {
    EXPECT_EQ(ExitCodeOf(Said(code, "ANY")), kRefused);
  }
}

TEST(Session, AnUnknownEndSaysEverythingThatTheSameCommandNeeds) {
  Session::Options options;
  Session session(options);
  session.RequestId("mine");
  session.Resolved("--offer", "jke5k7yoeeudqnib4fsxkvlz3u");
  testing::internal::CaptureStderr();
  EXPECT_EQ(session.Report(Said(Code::kUnavailable, "LEDGER_FAILED")), kUnreachable);
  std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("--request-id mine --offer jke5k7yoeeudqnib4fsxkvlz3u\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("is gridloop running there"), std::string::npos) << "it answered: " << said;
  testing::internal::CaptureStderr();
  EXPECT_EQ(session.Report(Said(Code::kAborted, "ETAG_MISMATCH")), kRefused);
  EXPECT_EQ(testing::internal::GetCapturedStderr().find("--request-id"), std::string::npos);
}

}  // namespace
}  // namespace gridloop::cli
