#include "runtime/metrics.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

namespace gridloop {
namespace {

TEST(Metrics, AreInPrometheusTextFormWithHelpAndTypeAndBoundedLabels) {
  Metrics metrics;
  int method = metrics.Register("gridloop.v1.IntakeService", "SubmitNeed", "unary");
  metrics.Started(method);
  metrics.Handled(method, 0, 1500, "", "");
  metrics.Started(method);
  metrics.Handled(method, 3, 200, "", "");
  metrics.Started(method);
  metrics.Handled(method, 999, 200, "", "");  // no such code
  int stream = metrics.Register("gridloop.v1.IntakeService", "SubmitNeeds", "bidi_stream");
  metrics.Received(stream);
  metrics.Received(stream);
  metrics.Sent(stream);
  metrics.Received(method);  // only streams are counted by message
  metrics.Judged(v1::EVENT_TYPE_SUBMITTED, Void::kNone);
  metrics.Judged(v1::EVENT_TYPE_SUBMITTED, Void::kConflict);
  metrics.OnCollect([](Metrics& each) { each.SetGauge("gridloop_open_needs", "Needs that have not ended.", 3); });
  std::string text = metrics.Collect();
  EXPECT_EQ(metrics.Collect().find("gridloop_open_needs 3"), text.find("gridloop_open_needs 3"));
  std::set<std::string> helped, typed;
  std::regex sample(R"(([a-z_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? (NaN|[0-9.e+-]+))");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("# HELP ")) {
      helped.insert(line.substr(7, line.find(' ', 7) - 7));
    } else if (line.starts_with("# TYPE ")) {
      typed.insert(line.substr(7, line.find(' ', 7) - 7));
    } else {
      ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
      std::string name = std::regex_replace(match[1].str(), std::regex("_(bucket|sum|count)$"), "");
      EXPECT_TRUE(helped.contains(name) || helped.contains(match[1].str())) << line;
      EXPECT_TRUE(typed.contains(name) || typed.contains(match[1].str())) << line;
    }
  }
  const std::string labels = R"(grpc_method="SubmitNeed",grpc_service="gridloop.v1.IntakeService",grpc_type="unary")";
  EXPECT_NE(text.find("grpc_server_started_total{" + labels + "} 3"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(grpc_server_handled_total{grpc_code="OK",)" + labels + "} 1"), std::string::npos);
  EXPECT_NE(text.find(R"(grpc_server_handled_total{grpc_code="InvalidArgument",)" + labels + "} 1"), std::string::npos);
  EXPECT_NE(text.find(R"(grpc_server_handled_total{grpc_code="Unknown",)" + labels + "} 1"), std::string::npos);
  EXPECT_NE(text.find("grpc_server_handling_seconds_count{" + labels + "} 3"), std::string::npos);
  EXPECT_NE(text.find(R"(gridloop_ledger_events_total{type="submitted",verdict="void"} 1)"), std::string::npos);
  EXPECT_NE(text.find("process_resident_memory_bytes"), std::string::npos);
  EXPECT_NE(text.find("# TYPE process_cpu_seconds_total counter\n"), std::string::npos);
  const std::string stream_labels = R"(grpc_method="SubmitNeeds",grpc_service="gridloop.v1.IntakeService",grpc_type="bidi_stream")";
  EXPECT_NE(text.find("grpc_server_msg_received_total{" + stream_labels + "} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("grpc_server_msg_sent_total{" + stream_labels + "} 1"), std::string::npos);
  EXPECT_EQ(text.find("grpc_server_msg_received_total{" + labels), std::string::npos);
}

}  // namespace
}  // namespace gridloop
