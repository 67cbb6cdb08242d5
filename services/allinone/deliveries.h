// The notification service with what it needs in this process: its store beside the others, libcurl, its file of recipients.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "allinone/file_mark.h"
#include "allinone/observation.h"
#include "notification/wiring.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

namespace gridloop {

class Deliveries {
 public:
  // `recipients_file` empty: nobody is told, and nothing is made on the disk.
  static Expected<std::unique_ptr<Deliveries>> Open(World& world, const std::filesystem::path& data_directory, const std::filesystem::path& recipients_file,
                                                    Log& log);
  ~Deliveries() { Stop(); }
  Notification& notification() { return *notification_; }
  Expected<void> Start(std::function<bool()> may_act);
  // Reads the recipients again if their file or one that it names has changed. A bad one is refused whole and logged, the former ones stay.
  void ReloadIfChanged();
  void SetGauges(Metrics& metrics) const;
  void Stop();

 private:
  Deliveries(std::filesystem::path recipients_file, Log& log) : recipients_file_(std::move(recipients_file)), log_(log) {}
  Expected<Recipients> Load();
  void Heard(const Outbox::News& news);

  const std::filesystem::path recipients_file_;
  Log& log_;
  LineLimit limit_;
  std::vector<std::pair<std::filesystem::path, FileMark>> read_;
  std::string refused_;  // why the file was, so that it is said once
  bool started_ = false;
  std::unique_ptr<NoticeStore> store_;
  std::unique_ptr<Notification> notification_;
  std::unique_ptr<Webhooks> webhooks_;  // goes first: its posts tell the notification
};

}  // namespace gridloop
