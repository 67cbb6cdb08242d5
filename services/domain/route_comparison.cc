#include "domain/route_comparison.h"

#include <set>

#include "domain/routing.h"

namespace gridloop {

v1::RouteOutcome RouteComparison::Side::Send(const store::v1::NeedState& reported) {
  const v1::RoutingReceipt receipt = Route(*version.snapshot, RoutingInputsOf(reported, version.as_of_us.value_or(reported.submitted_us())));
  v1::RouteOutcome outcome;
  outcome.set_unit(receipt.unit());  // what waits for confirmation has one
  outcome.set_station(receipt.station());
  outcome.set_rule(receipt.rule());
  outcome.set_held_reason(receipt.held_reason());
  if (receipt.unit().empty()) {
    ++held;
  } else {
    ++units[receipt.unit()];
    ++stations[receipt.station()];
  }
  return outcome;
}

std::optional<v1::RouteChange> RouteComparison::Add(const store::v1::NeedState& reported) {
  ++needs_;
  last_us_ = reported.submitted_us();
  v1::RouteOutcome base = base_.Send(reported);
  v1::RouteOutcome other = other_.Send(reported);
  if (base.unit() == other.unit() && base.station() == other.station()) return std::nullopt;
  ++changed_;
  v1::RouteChange change;
  change.set_name(reported.subject());
  change.set_number(reported.number());
  *change.mutable_base() = std::move(base);
  *change.mutable_other() = std::move(other);
  return change;
}

std::string RouteComparison::NameOf(const std::string& unit) const {
  for (const Side* side : {&other_, &base_}) {
    if (const v1::Unit* found = side->version.snapshot->FindUnit(BareId(unit)); found != nullptr) return found->display_name();
  }
  return {};
}

v1::DirectoryComparison RouteComparison::Summary() const {
  v1::DirectoryComparison summary;
  summary.set_needs(needs_);
  summary.set_changed(changed_);
  summary.set_base_held(base_.held);
  summary.set_other_held(other_.held);
  if (needs_ > 0) {
    summary.mutable_last_time()->set_seconds(last_us_ / 1'000'000);
    summary.mutable_last_time()->set_nanos(static_cast<int32_t>(last_us_ % 1'000'000 * 1000));
  }
  auto add_loads = [this](const auto& base, const auto& other, auto* loads) {
    std::set<std::string> names;
    for (const auto& [unit, needs] : base) names.insert(unit);
    for (const auto& [unit, needs] : other) names.insert(unit);
    for (const std::string& name : names) {
      v1::UnitLoad& load = *loads->Add();
      load.set_unit(name);
      load.set_display_name(NameOf(name));
      if (auto found = base.find(name); found != base.end()) load.set_base_needs(found->second);
      if (auto found = other.find(name); found != other.end()) load.set_other_needs(found->second);
    }
  };
  add_loads(base_.units, other_.units, summary.mutable_units());
  add_loads(base_.stations, other_.stations, summary.mutable_stations());
  return summary;
}

}  // namespace gridloop
