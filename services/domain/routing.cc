#include "domain/routing.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

namespace gridloop {
namespace {

constexpr int kBouncesForTheCentre = 2;

int64_t Us(const google::protobuf::Timestamp& time) { return time.seconds() * 1'000'000 + time.nanos() / 1000; }

template <class Wanted, class Given>
bool AnyOf(const Wanted& wanted, const Given& given) {
  if (wanted.empty()) return true;
  return std::ranges::any_of(wanted, [&](const auto& each) { return std::ranges::find(given, each) != given.end(); });
}

template <class Wanted, class Value>
bool OneOf(const Wanted& wanted, const Value& value) {
  return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

bool Matches(const v1::RuleMatch& match, const v1::RoutingInputs& inputs, const std::string& community) {
  if (!AnyOf(match.categories(), inputs.categories()) || !OneOf(match.types(), inputs.type())) return false;
  if (!OneOf(match.urgencies(), static_cast<int>(inputs.urgency())) || !AnyOf(match.dangers(), inputs.dangers())) return false;
  if (!OneOf(match.sources(), static_cast<int>(inputs.source()))) return false;
  if (match.has_institution() && inputs.institution().empty()) return false;
  return match.area_prefixes().empty() || std::ranges::any_of(match.area_prefixes(), [&](const std::string& prefix) {
           return !community.empty() && community.starts_with(prefix);
         });
}

// One decision: looks at units in order and keeps why.
class Decision {
 public:
  Decision(const Snapshot& snapshot, const v1::RoutingInputs& inputs, v1::RoutingReceipt* receipt)
      : snapshot_(snapshot), inputs_(inputs), receipt_(receipt), at_us_(Us(inputs.decision_time())) {}

  // True if the unit is chosen.
  bool Look(const std::string& unit, const std::string& reason) {
    if (unit.empty()) return false;
    auto& candidate = *receipt_->add_candidates();
    candidate.set_unit("units/" + unit);
    const v1::Unit* found = snapshot_.FindUnit(unit);
    if (found == nullptr || !snapshot_.IsValid(found->validity(), at_us_)) {
      candidate.set_reason("not-valid-then");
    } else if (!receipt_->unit().empty()) {
      candidate.set_reason("less-specific");
    } else if (std::ranges::find(inputs_.excluded_units(), "units/" + unit) != inputs_.excluded_units().end()) {
      candidate.set_reason("excluded");
      excluded_ = true;
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
      if (receipt_->unit().empty() && snapshot_.StationOf(unit) != unit) chosen |= Look(snapshot_.StationOf(unit), "station-of");
    }
    return chosen;
  }

  bool excluded() const { return excluded_; }
  int64_t at_us() const { return at_us_; }

 private:
  const Snapshot& snapshot_;
  const v1::RoutingInputs& inputs_;
  v1::RoutingReceipt* receipt_;
  int64_t at_us_;
  bool excluded_ = false;
};

std::string CoveringUnit(const Snapshot& snapshot, const v1::RoutingInputs& inputs, const std::string& code,
                         const std::string& community, int64_t at_us) {
  for (const std::string& area : {inputs.institution(), code, community}) {
    if (area.empty()) continue;
    auto coverages = snapshot.CoverageOf(area, at_us);
    if (!coverages.empty()) return BareId(coverages.front()->unit());
  }
  return {};
}

}  // namespace

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
    receipt.set_held_reason(v1::HELD_REASON_LOCATION_TOO_VAGUE);
    return receipt;
  }
  Decision decision(snapshot, inputs, &receipt);
  std::string code = snapshot.ResolveGridCode(inputs.grid_code(), decision.at_us());
  std::string community = snapshot.CommunityOf(inputs.grid_code(), decision.at_us());
  if (community.empty()) {
    if (const auto* institution = snapshot.FindInstitution(inputs.institution()); institution != nullptr) community = institution->community();
  }
  receipt.set_community(community);
  bool to_centre = false;
  for (const auto& rule : snapshot.policy().routing_rules()) {
    if (!Matches(rule.match(), inputs, community)) continue;
    bool chosen = false;
    switch (rule.target()) {
      case v1::RULE_TARGET_UNIT: chosen = decision.Look(BareId(rule.unit()), "rule"); break;
      case v1::RULE_TARGET_STATION: {
        std::string covering = CoveringUnit(snapshot, inputs, code, community, decision.at_us());
        if (!covering.empty()) chosen = decision.Look(snapshot.StationOf(covering), "rule");
        break;
      }
      case v1::RULE_TARGET_INSTITUTION: chosen = decision.LookAtCoverage(inputs.institution(), "rule"); break;
      case v1::RULE_TARGET_CENTER: to_centre = true; break;
      default: break;
    }
    if (chosen || to_centre) {
      receipt.set_rule(rule.id());
      break;
    }
  }
  if (!to_centre) {
    bool by_rule = !receipt.unit().empty();
    decision.LookAtCoverage(inputs.institution(), "covers-institution");
    if (code.size() > 12) decision.LookAtCoverage(code, "covers-cell");
    decision.LookAtCoverage(community, "covers-community");
    if (!by_rule && !receipt.unit().empty()) receipt.set_rule("coverage");
  }
  for (const auto& rule : snapshot.policy().dispatch_modes()) {
    if (!Matches(rule.match(), inputs, community)) continue;
    receipt.set_mode(rule.mode());
    receipt.set_mode_rule(rule.id());
    break;
  }
  if (inputs.bounces() >= kBouncesForTheCentre) {
    for (auto& candidate : *receipt.mutable_candidates()) candidate.set_chosen(false);
    receipt.clear_unit();
    receipt.clear_station();
    receipt.set_held_reason(v1::HELD_REASON_SECOND_BOUNCE);
  } else if (receipt.unit().empty()) {
    receipt.set_held_reason(decision.excluded() ? v1::HELD_REASON_NONE_LEFT : v1::HELD_REASON_NO_CANDIDATE);
  } else if (receipt.mode() == v1::DISPATCH_MODE_CONFIRM) {
    receipt.set_held_reason(v1::HELD_REASON_CONFIRMATION);
  }
  return receipt;
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
