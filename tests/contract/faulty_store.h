// A store between the committer and the real one that passes everything on, or fails as a bad disk does.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "adapters/committer/store.h"

namespace gridloop {

class FaultyStore : public Store {
 public:
  explicit FaultyStore(Store& below) : below_(below) {}
  std::atomic<bool> appends_fail = false;
  std::atomic<bool> state_reads_fail = false;
  std::atomic<bool> scans_fail = false;  // until the view is wiped
  std::atomic<bool> event_reads_fail = false;
  std::atomic<bool> view_writes_fail = false;
  std::atomic<bool> wipes_fail = false;
  std::atomic<int> states_found = 0;
  std::atomic<int> view_writes = 0;
  // Set before the committer is opened.
  std::function<void()> before_append = [] {};
  std::function<void(const ViewChanges& changes)> after_view_write = [](const ViewChanges&) {};

  Expected<void> Append(uint64_t first_offset, const std::vector<std::string>& values) override {
    before_append();
    if (appends_fail) return Fail(Code::kUnavailable, "SYNC_FAILED", "input/output error");
    return below_.Append(first_offset, values);
  }
  Expected<std::optional<std::string>> ReadEvent(uint64_t offset) const override {
    if (event_reads_fail) return Broken();
    return below_.ReadEvent(offset);
  }
  uint64_t EndOffset() const override { return below_.EndOffset(); }
  std::string LogId() const override { return below_.LogId(); }
  Expected<std::optional<NeedState>> LoadState(std::string_view subject) const override {
    if (state_reads_fail) return Broken();
    auto state = below_.LoadState(subject);
    if (state && *state) ++const_cast<FaultyStore*>(this)->states_found;
    return state;
  }
  Expected<void> ScanRows(std::string_view prefix, std::string_view after, const std::function<bool(std::string_view)>& visit) const override {
    if (scans_fail) return Broken();
    return below_.ScanRows(prefix, after, visit);
  }
  store::v1::Watermark LoadWatermark() const override { return below_.LoadWatermark(); }
  Expected<void> WriteView(const ViewChanges& changes) override {
    ++view_writes;
    if (view_writes_fail) return Fail(Code::kUnavailable, "STORE_FAILED", "the view takes no bytes");
    auto written = below_.WriteView(changes);
    after_view_write(changes);
    return written;
  }
  Expected<void> WipeView() override {
    if (wipes_fail) return Broken();
    scans_fail = false;
    return below_.WipeView();
  }
  std::string Shortage() const override { return below_.Shortage(); }

 private:
  static std::unexpected<Error> Broken() { return Fail(Code::kUnavailable, "STORE_FAILED", "input/output error"); }
  Store& below_;
};

}  // namespace gridloop
