// Where two versions of the directory send the same needs. Pure: routes with Route, so it says what routing would do.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "domain/snapshot.h"
#include "gridloop/v1/routing_service.pb.h"

namespace gridloop {

// Not thread-safe. Memory: a number for each unit that gets a need.
class RouteComparison {
 public:
  struct Version {
    std::shared_ptr<const Snapshot> snapshot;  // never null
    std::optional<int64_t> as_of_us;           // dated rows as they hold then; absent: when each need was reported
  };
  RouteComparison(Version base, Version other) : base_{std::move(base), 0, {}, {}}, other_{std::move(other), 0, {}, {}} {}

  // Routes a need, as it was reported, by both. What changes if it would go to another unit or station, or one of them holds it;
  // also of a restricted need, which its caller must cut.
  std::optional<v1::RouteChange> Add(const store::v1::NeedState& reported);

  int64_t needs() const { return needs_; }
  // All but the versions' names, cut_off and the candidate's problems.
  v1::DirectoryComparison Summary() const;

 private:
  struct Side {
    Version version;
    int64_t held = 0;
    std::map<std::string, int64_t> units, stations;  // by units/{unit}
    v1::RouteOutcome Send(const store::v1::NeedState& reported);
  };
  std::string NameOf(const std::string& unit) const;

  Side base_, other_;
  int64_t needs_ = 0;
  int64_t changed_ = 0;
  int64_t last_us_ = 0;
};

}  // namespace gridloop
