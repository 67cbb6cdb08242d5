#include "allinone/simulated_time.h"

#include <chrono>
#include <utility>

#include "commands/command.h"
#include "domain/calendar.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kLongestAdvanceUs = 400 * kDayUs;
constexpr int kCountedAtOnce = 1000;
// Real time: a reaction takes milliseconds.
constexpr auto kLongestRest = std::chrono::seconds(30);
constexpr auto kLook = std::chrono::milliseconds(200);

// Exactly `size` digits at `at`, or −1.
int Digits(std::string_view text, size_t at, size_t size) {
  int value = 0;
  for (size_t i = at; i < at + size; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

Expected<int64_t> ParseTime(std::string_view text) {
  auto bad = Fail(Code::kInvalidArgument, "TIME_BAD", "A time reads 2026-03-02T09:00+08:00, 2026-03-02T09:00:00+08:00 or 2026-03-02T01:00Z.");
  if (text.size() < 17) return bad;
  int64_t days = DaysFromDate(text.substr(0, 10));
  int hour = Digits(text, 11, 2);
  int minute = Digits(text, 14, 2);
  if (days == INT64_MIN || text[10] != 'T' || text[13] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59) return bad;
  size_t at = 16;
  int second = 0;
  if (text[at] == ':') {
    second = Digits(text, at + 1, 2);
    if (second < 0 || second > 59) return bad;
    at += 3;
  }
  int offset_minutes = 0;
  std::string_view zone = text.substr(std::min(at, text.size()));
  if (zone != "Z") {
    int hours = Digits(zone, 1, 2);
    int minutes = Digits(zone, 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return bad;
    offset_minutes = (zone[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
  }
  return days * kDayUs + ((hour * 60 + minute - offset_minutes) * 60LL + second) * 1'000'000;
}

SimulatedTime::~SimulatedTime() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SimulatedTime::GetTime(const Caller&, const v1::GetTimeRequest&, Callback<Expected<v1::GetTimeResponse>> reply) {
  v1::GetTimeResponse response;
  *response.mutable_time() = ToTimestamp(clock_.WallUs());
  reply(std::move(response));
}

void SimulatedTime::AdvanceTime(const Caller&, const v1::AdvanceTimeRequest& request, Callback<Expected<v1::AdvanceTimeResponse>> reply) {
  std::vector<FieldViolation> violations;
  const int64_t to_us = CheckTime("time", request.time(), &violations).value_or(0);
  int64_t now_us = clock_.WallUs();
  if (violations.empty() && (to_us < now_us || to_us > now_us + kLongestAdvanceUs)) {
    violations.push_back({"time", "must be now or later, at most 400 days ahead"});
  }
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  std::lock_guard lock(mutex_);
  if (running_ || stopping_) {
    return reply(std::unexpected(Error{Code::kAborted, "ADVANCE_RUNNING", "The clock is being moved already; wait for that.", "", {}, {}, 100'000}));
  }
  if (thread_.joinable()) thread_.join();  // has replied, so it ends at once
  running_ = true;
  thread_ = std::thread([this, to_us, reply = std::move(reply)]() mutable {
    auto advanced = Advance(to_us);
    {
      std::lock_guard done(mutex_);
      running_ = false;
    }
    reply(std::move(advanced));
  });
}

Expected<std::vector<int64_t>> SimulatedTime::NextDue(int limit) {
  std::vector<int64_t> due;
  auto page = ReadRows(view_, rows::DuePrefix(), {}, limit);
  if (!page) return std::unexpected(page.error());
  for (const Row& row : page->rows) due.push_back(static_cast<int64_t>(rows::NumberBeforeSubject(row.key)));
  return due;
}

bool SimulatedTime::IsAtRest() {
  if (view_.Count(rows::WantPrefix('r'), 1).value_or(1) > 0 || view_.Count(rows::WantPrefix('o'), 1).value_or(1) > 0 ||
      view_.Count(rows::WantPrefix('f'), 1).value_or(1) > 0) {
    return false;
  }
  auto due = NextDue(1);
  return due && (due->empty() || due->front() > clock_.WallUs());
}

bool SimulatedTime::Rest() {
  auto until = std::chrono::steady_clock::now() + kLongestRest;
  // A hint may come between the look and the wait, so the wait is short.
  auto wake = [this] {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  };
  auto wants = view_.Watch("w", wake);
  auto deadlines = view_.Watch(rows::DuePrefix(), wake);
  while (!IsAtRest()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::unique_lock lock(mutex_);
    if (stopping_) return false;
    changed_.wait_for(lock, kLook);
  }
  return true;
}

Expected<v1::AdvanceTimeResponse> SimulatedTime::Advance(int64_t to_us) {
  v1::AdvanceTimeResponse response;
  auto stuck = [this] {
    return Fail(Code::kUnavailable, "ADVANCE_STUCK",
                "What is due was not done within 30 s; the clock stands where that is: " + std::to_string(clock_.WallUs() / 1'000'000) + " s since 1970.");
  };
  while (true) {
    if (!Rest()) return stuck();
    auto due = NextDue(kCountedAtOnce);
    if (!due) return std::unexpected(due.error());
    if (due->empty() || due->front() > to_us) break;
    for (int64_t each : *due) response.set_fired(response.fired() + (each == due->front() ? 1 : 0));
    clock_.AdvanceTo(due->front());
  }
  clock_.AdvanceTo(to_us);
  *response.mutable_time() = ToTimestamp(clock_.WallUs());
  return response;
}

void BindSimulatedTime(Router& router, SimulatedTime& service) {
  router.Bind("gridloop.v1.ClockService/GetTime", service, &SimulatedTime::GetTime);
  router.Bind("gridloop.v1.ClockService/AdvanceTime", service, &SimulatedTime::AdvanceTime);
}

const google::protobuf::ServiceDescriptor* SimulatedTimeDescriptor() { return v1::GetTimeRequest::descriptor()->file()->service(0); }

}  // namespace gridloop
