#include "runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/version.h"

namespace gridloop {
namespace {

constexpr std::array kCodes = {"OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
                               "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
                               "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
                               "DataLoss", "Unauthenticated"};

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

// Our CPU time is in fields 14 and 15, the resident pages in field 24 (proc(5)).
void Metrics::CollectProcess() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return;
  std::istringstream rest(line.substr(line.rfind(')') + 2));
  std::vector<std::string> fields{"", "", ""};  // so that indices are those of proc(5)
  for (std::string field; rest >> field;) fields.push_back(field);
  if (fields.size() < 25) return;
  double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  double cpu_seconds = (std::stod(fields[14]) + std::stod(fields[15])) / ticks;
  cpu_seconds_->Increment(std::max(0.0, cpu_seconds - cpu_seconds_->Value()));
  SetGauge("process_resident_memory_bytes", "Resident memory size in bytes.", std::stod(fields[24]) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  std::error_code wrong;
  double open = 0;
  for (std::filesystem::directory_iterator each("/proc/self/fd", wrong), end; !wrong && each != end; each.increment(wrong)) ++open;
  SetGauge("process_open_fds", "Number of open file descriptors.", open);
}

struct Metrics::Method {
  prometheus::Counter* started = nullptr;
  prometheus::Histogram* seconds = nullptr;
  prometheus::Counter* received = nullptr;  // null for unary methods
  prometheus::Counter* sent = nullptr;
  std::array<std::atomic<prometheus::Counter*>, kCodes.size()> handled{};  // made when first needed: most codes never come
  prometheus::Labels labels;
};

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {
  auto& judged = prometheus::BuildCounter()
                     .Name("gridloop_ledger_events_total")
                     .Help("Events that the ledger has judged since the start, by type and verdict.")
                     .Register(*registry_);
  for (int type = 0; type < v1::EventType_ARRAYSIZE; ++type) {
    for (const char* verdict : {"applied", "void"}) {
      std::string name = v1::EventType_IsValid(type) && type != 0 ? Lower(v1::EventType_Name(static_cast<v1::EventType>(type)).substr(11)) : "";
      judged_.push_back(name.empty() ? nullptr : &judged.Add({{"type", name}, {"verdict", verdict}}));
    }
  }
  cpu_seconds_ = &prometheus::BuildCounter().Name("process_cpu_seconds_total").Help("User and system CPU time spent in seconds.").Register(*registry_).Add({});
  SetGauge("gridloop_build_info", "Always 1; the version is the label.", "version", kVersion, 1);
  SetGauge("process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.",
           static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count()));
}

Metrics::~Metrics() = default;

int Metrics::Register(const std::string& service, const std::string& method, const std::string& type) {
  auto entry = std::make_unique<Method>();
  entry->labels = {{"grpc_service", service}, {"grpc_method", method}, {"grpc_type", type}};
  entry->started = &prometheus::BuildCounter().Name("grpc_server_started_total").Help("RPCs started on the server.").Register(*registry_).Add(entry->labels);
  entry->seconds =
      &prometheus::BuildHistogram()
           .Name("grpc_server_handling_seconds")
           .Help("Time from the start of an RPC to its end, streams included.")
           .Register(*registry_)
           .Add(entry->labels, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10});
  if (type != "unary") {
    auto counter = [&](const char* name, const char* help) {
      return &prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(entry->labels);
    };
    entry->received = counter("grpc_server_msg_received_total", "Messages of streams received on the server.");
    entry->sent = counter("grpc_server_msg_sent_total", "Messages of streams sent by the server.");
  }
  methods_.push_back(std::move(entry));
  return static_cast<int>(methods_.size()) - 1;
}

void Metrics::Started(int method) { methods_[static_cast<size_t>(method)]->started->Increment(); }

void Metrics::Received(int method) {
  if (auto* counter = methods_[static_cast<size_t>(method)]->received) counter->Increment();
}

void Metrics::Sent(int method) {
  if (auto* counter = methods_[static_cast<size_t>(method)]->sent) counter->Increment();
}

void Metrics::Handled(int method, int code, int64_t duration_us, const std::string&, std::string_view) {
  Method& entry = *methods_[static_cast<size_t>(method)];
  size_t index = code >= 0 && static_cast<size_t>(code) < kCodes.size() ? static_cast<size_t>(code) : 2;
  auto* counter = entry.handled[index].load(std::memory_order_acquire);
  if (counter == nullptr) {
    auto labels = entry.labels;
    labels["grpc_code"] = kCodes[index];
    // Adding the same labels twice gives the same counter.
    counter = &prometheus::BuildCounter().Name("grpc_server_handled_total").Help("RPCs completed on the server, by code.").Register(*registry_).Add(labels);
    entry.handled[index].store(counter, std::memory_order_release);
  }
  counter->Increment();
  entry.seconds->Observe(static_cast<double>(duration_us) / 1e6);
}

void Metrics::Judged(v1::EventType type, Void verdict) {
  size_t index = static_cast<size_t>(type) * 2 + (verdict == Void::kNone ? 0 : 1);
  if (index < judged_.size() && judged_[index] != nullptr) judged_[index]->Increment();
}

void Metrics::SetGauge(const std::string& name, const std::string& help, double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add({}).Set(value);
}

void Metrics::SetGauge(const std::string& name, const std::string& help, const std::string& label, const std::string& label_value, double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add({{label, label_value}}).Set(value);
}

void Metrics::RaiseCounter(const std::string& name, const std::string& help, const std::map<std::string, std::string>& labels, double total) {
  auto& counter = prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
  counter.Increment(std::max(0.0, total - counter.Value()));
}

void Metrics::OnCollect(std::function<void(Metrics&)> refresh) {
  std::lock_guard lock(collect_mutex_);
  refresh_ = std::move(refresh);
}

std::string Metrics::Collect() {
  std::lock_guard lock(collect_mutex_);
  CollectProcess();
  if (refresh_) refresh_(*this);
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace gridloop
