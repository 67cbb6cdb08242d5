// scripts/bench embedded: durable SubmitNeed beside a bare echo of the same messages, in one run.
//   gridloop-bench --serve-echo
//   gridloop-bench ECHO_ADDRESS GRIDLOOP_ADDRESS TOKEN ROUNDS SECONDS [--json]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "echo_server.h"
#include "load.h"

namespace {

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  using namespace gridloop::bench;
  if (argc == 2 && std::string_view(argv[1]) == "--serve-echo") return ServeEcho();
  if (argc < 6) {
    fmt::print(stderr, "usage: {} ECHO_ADDRESS GRIDLOOP_ADDRESS TOKEN ROUNDS SECONDS [--json]\n", argv[0]);
    return 2;
  }
  std::string echo = argv[1];
  std::string gridloop = argv[2];
  std::string token = argv[3];
  int rounds = std::max(1, std::atoi(argv[4]));
  double seconds = std::atof(argv[5]);
  bool json = argc > 6 && std::string_view(argv[6]) == "--json";
  std::string lines;
  for (int in_flight : {1, 64}) {
    std::vector<double> echo_rates, submit_rates, ratios, echo_p50, submit_p50;
    for (int round = -1; round < rounds; ++round) {  // round −1 warms up both
      std::string run = fmt::format("bench-{}-{}-{}", std::rand(), in_flight, round + 1);
      Round bare = RunSubmits(echo, "/gridloop.bench.EchoService/Echo", "", in_flight, seconds, run);
      Round durable = RunSubmits(gridloop, "/gridloop.v1.IntakeService/SubmitNeed", token, in_flight, seconds, run);
      if (bare.failed + durable.failed > 0) {
        fmt::print(stderr, "{} calls failed, the first with: {}{}\n", bare.failed + durable.failed, bare.first_error, durable.first_error);
        return 1;
      }
      if (round < 0) continue;
      echo_rates.push_back(bare.calls_per_second);
      submit_rates.push_back(durable.calls_per_second);
      ratios.push_back(durable.calls_per_second / bare.calls_per_second);
      echo_p50.push_back(bare.p50_us);
      submit_p50.push_back(durable.p50_us);
      if (!json) fmt::print(stderr, "{} in flight, round {} of {}: ratio {:.2f}\n", in_flight, round + 1, rounds, ratios.back());
    }
    if (json) {
      fmt::print(
          "{{\"in_flight\":{},\"rounds\":{},\"echo_per_s\":{:.0f},\"submit_per_s\":{:.0f},\"echo_p50_us\":{:.0f},"
          "\"submit_p50_us\":{:.0f},\"ratio\":{:.3f}}}\n",
          in_flight, rounds, Median(echo_rates), Median(submit_rates), Median(echo_p50), Median(submit_p50), Median(ratios));
    } else {
      lines += fmt::format("{:>9} {:>12.0f} {:>14.0f} {:>12.0f} {:>14.0f} {:>8.2f}\n", in_flight, Median(echo_rates), Median(submit_rates), Median(echo_p50),
                           Median(submit_p50), Median(ratios));
    }
  }
  if (!json) {
    fmt::print("medians of {} rounds of {} s; one connection, one client thread, insecure loopback, sync=true\n", rounds, seconds);
    fmt::print("{:>9} {:>12} {:>14} {:>12} {:>14} {:>8}\n{}", "in flight", "echo/s", "submit/s", "echo p50 us", "submit p50 us", "ratio", lines);
  }
  return 0;
}
