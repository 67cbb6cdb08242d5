// scripts/bench embedded: durable SubmitNeed beside a bare echo of the same messages, in one run.
//   gridloop-bench --serve-echo
//   gridloop-bench ECHO_ADDRESS INTAKE_ADDRESS ALL_ADDRESS TOKEN ROUNDS SECONDS [--json]
// INTAKE_ADDRESS runs intake alone: what a submit costs. ALL_ADDRESS runs everything: each submit is also routed and offered, two more
// durable events, while the next ones arrive.
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

struct Case {
  std::string name, address;
  std::vector<double> rates, ratios, p50;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace gridloop::bench;
  if (argc == 2 && std::string_view(argv[1]) == "--serve-echo") return ServeEcho();
  if (argc < 7) {
    fmt::print(stderr, "usage: {} ECHO_ADDRESS INTAKE_ADDRESS ALL_ADDRESS TOKEN ROUNDS SECONDS [--json]\n", argv[0]);
    return 2;
  }
  std::string echo = argv[1];
  std::string token = argv[4];
  int rounds = std::max(1, static_cast<int>(std::strtol(argv[5], nullptr, 10)));
  double seconds = std::strtod(argv[6], nullptr);
  bool json = argc > 7 && std::string_view(argv[7]) == "--json";
  std::string lines;
  for (int in_flight : {1, 64}) {
    std::vector<double> echo_rates, echo_p50;
    Case cases[] = {{"submit", argv[2], {}, {}, {}}, {"submit, routed and offered", argv[3], {}, {}, {}}};
    for (int round = -1; round < rounds; ++round) {  // round −1 warms up all
      std::string run = fmt::format("bench-{}-{}-{}", std::rand(), in_flight, round + 1);
      Round bare = RunSubmits(echo, "/gridloop.bench.EchoService/Echo", "", in_flight, seconds, run);
      for (Case& each : cases) {
        Round durable = RunSubmits(each.address, "/gridloop.v1.IntakeService/SubmitNeed", token, in_flight, seconds, run + (&each == cases ? "-i" : "-a"));
        if (bare.failed + durable.failed > 0) {
          fmt::print(stderr, "{} calls failed, the first with: {}{}\n", bare.failed + durable.failed, bare.first_error, durable.first_error);
          return 1;
        }
        if (round < 0) continue;
        each.rates.push_back(durable.calls_per_second);
        each.ratios.push_back(durable.calls_per_second / bare.calls_per_second);
        each.p50.push_back(durable.p50_us);
      }
      if (round < 0) continue;
      echo_rates.push_back(bare.calls_per_second);
      echo_p50.push_back(bare.p50_us);
      if (!json)
        fmt::print(stderr, "{} in flight, round {} of {}: ratios {:.2f}, {:.2f}\n", in_flight, round + 1, rounds, cases[0].ratios.back(),
                   cases[1].ratios.back());
    }
    lines += fmt::format("{:>9}  {:<27} {:>10.0f} {:>10.0f} {:>7.2f}\n", in_flight, "echo", Median(echo_rates), Median(echo_p50), 1.0);
    for (const Case& each : cases) {
      if (json) {
        fmt::print(
            "{{\"in_flight\":{},\"what\":\"{}\",\"rounds\":{},\"echo_per_s\":{:.0f},\"per_s\":{:.0f},\"echo_p50_us\":{:.0f},"
            "\"p50_us\":{:.0f},\"ratio\":{:.3f}}}\n",
            in_flight, each.name, rounds, Median(echo_rates), Median(each.rates), Median(echo_p50), Median(each.p50), Median(each.ratios));
      }
      lines += fmt::format("{:>9}  {:<27} {:>10.0f} {:>10.0f} {:>7.2f}\n", in_flight, each.name, Median(each.rates), Median(each.p50), Median(each.ratios));
    }
  }
  if (!json) {
    fmt::print("medians of {} rounds of {} s; one connection, one client thread, insecure loopback, sync=true\n", rounds, seconds);
    fmt::print("{:>9}  {:<27} {:>10} {:>10} {:>7}\n{}", "in flight", "what", "calls/s", "p50 us", "ratio", lines);
  }
  return 0;
}
