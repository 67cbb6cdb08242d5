#include "domain/routing.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <array>
#include <set>

namespace gridloop {
namespace {

constexpr int kBouncesForTheCentre = 2;
constexpr size_t kCellDigits = 15;

// Years 1 to 9999, as the wire defines them: an explained route takes its time from a caller, and must not overflow.
int64_t Us(const google::protobuf::Timestamp& time) {
  constexpr int64_t kFirstSecond = -62'135'596'800;
  constexpr int64_t kLastSecond = 253'402'300'799;
  return std::clamp(time.seconds(), kFirstSecond, kLastSecond) * 1'000'000 + std::clamp(time.nanos(), 0, 999'999'999) / 1000;
}

template <class Wanted, class Given>
bool AnyOf(const Wanted& wanted, const Given& given) {
  if (wanted.empty()) return true;
  return std::ranges::any_of(wanted, [&](const auto& each) { return std::ranges::find(given, each) != given.end(); });
}

template <class Wanted, class Value>
bool OneOf(const Wanted& wanted, const Value& value) {
  return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

// The station that a unit is or lies under; empty under the centre, which holds needs but is not offered them.
std::string StationAbove(const Snapshot& snapshot, const std::string& unit) {
  std::string station = snapshot.StationOf(unit);
  const v1::Unit* found = snapshot.FindUnit(station);
  return found != nullptr && found->kind() == v1::UNIT_KIND_STATION ? station : std::string();
}

// One decision: looks at units in order and keeps why.
class Decision {
 public:
  Decision(const Snapshot& snapshot, const v1::RoutingInputs& inputs, v1::RoutingReceipt* receipt)
      : snapshot_(snapshot), inputs_(inputs), receipt_(receipt), at_us_(Us(inputs.decision_time())) {}

  // True if the unit is chosen.
  bool Look(const std::string& unit, const std::string& reason) {
    if (unit.empty() || !looked_at_.insert(unit).second) return false;
    auto& candidate = *receipt_->add_candidates();
    candidate.set_unit("units/" + unit);
    if (snapshot_.UnitAt(unit, at_us_) == nullptr) {
      candidate.set_reason("not-valid-then");
    } else if (IsExcluded(unit)) {
      candidate.set_reason("excluded");
      excluded_ = true;
    } else if (!receipt_->unit().empty()) {
      candidate.set_reason("less-specific");
    } else {
      candidate.set_reason(reason);
      candidate.set_chosen(true);
      receipt_->set_unit("units/" + unit);
      receipt_->set_station("units/" + snapshot_.StationOf(unit));
      return true;
    }
    return false;
  }

  bool LookAtCoverage(const std::string& area, const std::string& reason) {
    bool chosen = false;
    if (area.empty()) return false;
    for (const v1::Coverage* coverage : snapshot_.CoverageOf(area, at_us_)) {
      std::string unit = BareId(coverage->unit());
      chosen |= Look(unit, reason);
      if (receipt_->unit().empty() && IsExcluded(unit)) chosen |= Look(StationAbove(snapshot_, unit), "station-of");
    }
    return chosen;
  }

  bool IsExcluded(const std::string& unit) const { return std::ranges::find(inputs_.excluded_units(), "units/" + unit) != inputs_.excluded_units().end(); }
  bool excluded() const { return excluded_; }
  int64_t at_us() const { return at_us_; }

 private:
  const Snapshot& snapshot_;
  const v1::RoutingInputs& inputs_;
  v1::RoutingReceipt* receipt_;
  int64_t at_us_;
  bool excluded_ = false;
  std::set<std::string> looked_at_;  // a unit stands in the receipt once, with the first reason
};

// Areas in the order in which coverage is asked. Institutions and codes share a column, so each is checked to be one.
struct Areas {
  std::string institution;
  std::string cell;
  std::string community;
};

// The station above the first covering unit that lies under one.
std::string CoveringStation(const Snapshot& snapshot, const Areas& areas, int64_t at_us) {
  for (const std::string& area : {areas.institution, areas.cell, areas.community}) {
    if (area.empty()) continue;
    for (const v1::Coverage* coverage : snapshot.CoverageOf(area, at_us)) {
      const v1::Unit* unit = snapshot.UnitAt(BareId(coverage->unit()), at_us);
      if (unit == nullptr) continue;
      if (std::string station = StationAbove(snapshot, BareId(unit->name())); !station.empty()) return station;
    }
  }
  return {};
}

}  // namespace

bool Matches(const v1::RuleMatch& match, const v1::RoutingInputs& inputs, const std::string& community) {
  if (!AnyOf(match.categories(), inputs.categories()) || !OneOf(match.types(), inputs.type())) return false;
  if (!OneOf(match.urgencies(), static_cast<int>(inputs.urgency()))) return false;
  if (!AnyOf(match.dangers(), inputs.dangers())) return false;
  if (!OneOf(match.sources(), static_cast<int>(inputs.source()))) return false;
  if (match.has_institution() && inputs.institution().empty()) return false;
  return match.area_prefixes().empty() ||
         std::ranges::any_of(match.area_prefixes(), [&](const std::string& prefix) { return !community.empty() && community.starts_with(prefix); });
}

v1::RoutingInputs RoutingInputsOf(const store::v1::NeedState& state, int64_t now_us) {
  v1::RoutingInputs inputs;
  inputs.mutable_decision_time()->set_seconds(now_us / 1'000'000);
  inputs.mutable_decision_time()->set_nanos(static_cast<int32_t>(now_us % 1'000'000 * 1000));
  inputs.set_grid_code(state.grid_code());
  inputs.set_institution(state.institution());
  inputs.set_address_only(state.address_only());
  inputs.set_type(state.type());
  *inputs.mutable_categories() = state.categories();
  *inputs.mutable_dangers() = state.dangers();
  inputs.set_urgency(state.urgency());
  inputs.set_source(state.source());
  for (const auto& unit : state.excluded_units()) inputs.add_excluded_units("units/" + unit);
  inputs.set_bounces(static_cast<int32_t>(state.bounces()));
  return inputs;
}

v1::RoutingReceipt Route(const Snapshot& snapshot, const v1::RoutingInputs& inputs) {
  v1::RoutingReceipt receipt;
  receipt.set_directory_hash(snapshot.hashes().directory_hash());
  receipt.set_policy_hash(snapshot.hashes().policy_hash());
  *receipt.mutable_inputs() = inputs;
  receipt.set_mode(v1::DISPATCH_MODE_AUTO);
  receipt.set_mode_rule("default");
  if (inputs.address_only()) {
    receipt.set_held_reason(inputs.bounces() >= kBouncesForTheCentre ? v1::HELD_REASON_SECOND_BOUNCE : v1::HELD_REASON_LOCATION_TOO_VAGUE);
    return receipt;
  }
  Decision decision(snapshot, inputs, &receipt);
  std::string code = snapshot.ResolveGridCode(inputs.grid_code(), decision.at_us());
  Areas areas;
  areas.community = snapshot.CommunityOf(inputs.grid_code(), decision.at_us());
  if (code.size() == kCellDigits && code.find_first_not_of("0123456789") == std::string::npos) areas.cell = code;
  if (const auto* institution = snapshot.InstitutionAt(inputs.institution(), decision.at_us()); institution != nullptr) {
    areas.institution = institution->id();
    if (areas.community.empty()) areas.community = institution->community();
  }
  const std::string& community = areas.community;
  receipt.set_community(community);
  bool to_centre = false;
  std::string used_up;  // the first rule whose unit had the need before
  for (const auto& rule : snapshot.policy().routing_rules()) {
    if (!Matches(rule.match(), inputs, community)) continue;
    bool chosen = false;
    switch (rule.target()) {
      case v1::RULE_TARGET_UNIT:
        chosen = decision.Look(BareId(rule.unit()), "rule");
        break;
      case v1::RULE_TARGET_STATION:
        chosen = decision.Look(CoveringStation(snapshot, areas, decision.at_us()), "rule");
        break;
      case v1::RULE_TARGET_INSTITUTION:
        chosen = decision.LookAtCoverage(areas.institution, "rule");
        break;
      case v1::RULE_TARGET_CENTER:
        to_centre = true;
        break;
      default:
        break;
    }
    if (chosen || to_centre) {
      receipt.set_rule(rule.id());
      break;
    }
    if (decision.excluded() && used_up.empty()) used_up = rule.id();
  }
  // Where a rule has a need kept from the rooms, a bounce does not send it there: what is left is the centre's decision.
  bool rule_is_used_up = receipt.unit().empty() && !to_centre && decision.excluded();
  if (rule_is_used_up) receipt.set_rule(used_up);
  if (!to_centre && !rule_is_used_up) {
    bool by_rule = !receipt.unit().empty();
    decision.LookAtCoverage(areas.institution, "covers-institution");
    decision.LookAtCoverage(areas.cell, "covers-cell");
    decision.LookAtCoverage(community, "covers-community");
    if (!by_rule && !receipt.unit().empty()) receipt.set_rule("coverage");
  }
  for (const auto& rule : snapshot.policy().dispatch_modes()) {
    if (!Matches(rule.match(), inputs, community)) continue;
    // A crisis never waits in review, whatever a rule about categories says.
    if (rule.mode() == v1::DISPATCH_MODE_CONFIRM && inputs.urgency() == v1::URGENCY_CRISIS) continue;
    receipt.set_mode(rule.mode());
    receipt.set_mode_rule(rule.id());
    break;
  }
  if (inputs.bounces() >= kBouncesForTheCentre) {
    for (auto& candidate : *receipt.mutable_candidates()) candidate.set_chosen(false);
    receipt.clear_unit();
    receipt.clear_station();
    receipt.clear_rule();
    receipt.set_held_reason(v1::HELD_REASON_SECOND_BOUNCE);
  } else if (receipt.unit().empty()) {
    bool none_left = decision.excluded();
    receipt.set_held_reason(to_centre ? v1::HELD_REASON_CENTER_RULE : none_left ? v1::HELD_REASON_NONE_LEFT : v1::HELD_REASON_NO_CANDIDATE);
  } else if (receipt.mode() == v1::DISPATCH_MODE_CONFIRM) {
    receipt.set_held_reason(v1::HELD_REASON_CONFIRMATION);
  }
  return receipt;
}

bool HasLostItsUnit(const Snapshot& snapshot, const store::v1::NeedState& state, int64_t now_us) {
  // What is held is the centre's to decide, also when the proposed unit is gone: it cannot be confirmed then.
  if (state.ended_us() != 0 || state.stage() == v1::STAGE_HELD) return false;
  // What only waits to be verified by the centre needs no unit any more.
  if (state.stage() == v1::STAGE_EVALUATED && state.verified_by_center()) return false;
  auto named = [&state](const std::string& id) { return !id.empty() && id != state.center(); };
  // Only a station that is gone altogether: one past its last day may still stand above a room that routing would choose again.
  if (named(state.station()) && snapshot.FindUnit(state.station()) == nullptr) return true;
  return std::ranges::any_of(std::array{state.owner(), state.unit()},
                             [&](const std::string& id) { return named(id) && snapshot.UnitAt(id, now_us) == nullptr; });
}

std::vector<std::string> DifferingFields(const v1::RoutingReceipt& stored, const v1::RoutingReceipt& computed) {
  std::vector<std::string> differing;
  const auto* type = v1::RoutingReceipt::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    v1::RoutingReceipt a;
    v1::RoutingReceipt b;
    v1::RoutingReceipt stored_copy = stored;
    v1::RoutingReceipt computed_copy = computed;
    a.GetReflection()->SwapFields(&a, &stored_copy, {type->field(i)});
    b.GetReflection()->SwapFields(&b, &computed_copy, {type->field(i)});
    if (!google::protobuf::util::MessageDifferencer::Equals(a, b)) differing.push_back(type->field(i)->name());
  }
  return differing;
}

}  // namespace gridloop
