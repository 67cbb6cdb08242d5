#include "runtime/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <chrono>
#include <mutex>

namespace gridloop {
namespace {

constexpr int64_t kLinesASecond = 10;

std::mutex mutex;
Log* log_now = nullptr;
int64_t second_now = 0;
int64_t written = 0;
int64_t left_out = 0;

void Write(std::string_view library, std::string_view file, int line, std::string_view text) {
  std::lock_guard lock(mutex);
  if (log_now == nullptr) return;
  int64_t second = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (second != second_now) {
    second_now = second;
    written = 0;
  }
  if (written >= kLinesASecond) {
    ++left_out;
    return;
  }
  ++written;
  file = file.substr(file.rfind('/') + 1);
  const bool of_tls = file.starts_with("ssl_");
  log_now->Warning(library, "the library complains",
                   {{"where", std::string(file) + ":" + std::to_string(line)},
                    {"text", std::string(of_tls ? text : std::string_view())},
                    {"left_out_before", std::exchange(left_out, 0)}});
}

void FromGrpc(gpr_log_func_args* args) { Write("grpc", args->file, args->line, args->message); }

void FromProtobuf(google::protobuf::LogLevel, const char* file, int line, const std::string& text) { Write("protobuf", file, line, text); }

}  // namespace

LibraryLog::LibraryLog(Log& log) {
  {
    std::lock_guard lock(mutex);
    log_now = &log;
  }
  gpr_set_log_function(&FromGrpc);
  google::protobuf::SetLogHandler(&FromProtobuf);
}

LibraryLog::~LibraryLog() {
  gpr_set_log_function(nullptr);
  google::protobuf::SetLogHandler(nullptr);
  std::lock_guard lock(mutex);
  log_now = nullptr;
}

}  // namespace gridloop
