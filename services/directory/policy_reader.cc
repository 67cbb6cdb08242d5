// policy.yaml: rules, limits, dispatch modes and opening hours. Unknown keys are errors: a misspelt key must not
// silently mean its default.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <unordered_map>
#include <unordered_set>

#include "directory/tables.h"

namespace gridloop {
namespace {

constexpr char kPath[] = "policy.yaml";
constexpr size_t kMaxItems = 1000;

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

class PolicyReader {
 public:
  PolicyReader(PolicyTable& table, Problems& problems) : table_(table), problems_(problems) {}

  void Read(const YAML::Node& root) {
    if (!Keys(root, "",
              {"display_name", "utc_offset_minutes", "opening_spans", "last_dated_year", "routing_rules", "dispatch_modes", "limits", "grades",
               "room_accepts_directly", "escalation_levels", "reopen_days", "unverified", "escalations", "forget_after_days", "duplicate_days", "unmerge_days"},
              {"display_name", "utc_offset_minutes", "opening_spans", "last_dated_year", "limits", "grades", "escalation_levels", "reopen_days",
               "duplicate_days", "unmerge_days"})) {
      return;
    }
    table_.display_name = Text(root, "", "display_name");
    table_.utc_offset_minutes = Number(root, "", "utc_offset_minutes", -720, 840);
    table_.last_dated_year = Number(root, "", "last_dated_year", 2000, 9999);
    table_.policy.set_room_accepts_directly(Flag(root, "", "room_accepts_directly"));
    table_.policy.set_escalation_levels(Number(root, "", "escalation_levels", 1, 3));
    table_.policy.set_reopen_days(Number(root, "", "reopen_days", 0, 365));
    table_.policy.set_forget_after_days(Number(root, "", "forget_after_days", 0, 36500));
    table_.policy.set_duplicate_days(Number(root, "", "duplicate_days", 0, 365));
    table_.policy.set_unmerge_days(Number(root, "", "unmerge_days", 0, 365));
    ReadOpeningSpans(root);
    Each(root, "routing_rules", [&](const YAML::Node& node, const std::string& key) { ReadRoutingRule(node, key); });
    Each(root, "dispatch_modes", [&](const YAML::Node& node, const std::string& key) { ReadDispatchMode(node, key); });
    Each(root, "limits", [&](const YAML::Node& node, const std::string& key) { ReadLimit(node, key); });
    Each(root, "grades", [&](const YAML::Node& node, const std::string& key) { ReadGrade(node, key); });
    Each(root, "unverified", [&](const YAML::Node& node, const std::string& key) { ReadUnverified(node, key); });
    Each(root, "escalations", [&](const YAML::Node& node, const std::string& key) { ReadEscalation(node, key); });
    table_.limits_line = root["limits"] ? LineOf(root["limits"]) : 0;
    table_.grades_line = root["grades"] ? LineOf(root["grades"]) : 0;
  }

 private:
  void Complain(int line, const std::string& key, std::string message, std::string remedy) {
    problems_.Error(kPath, line, key, std::move(message), std::move(remedy));
  }

  static std::string Join(const std::string& key, const std::string& name) { return key.empty() ? name : key + "." + name; }

  // Is it a map with these keys only, each once, and all of the required ones?
  bool Keys(const YAML::Node& node, const std::string& key, std::initializer_list<const char*> allowed, std::initializer_list<const char*> required) {
    if (!node.IsMap()) {
      Complain(LineOf(node), key, "is not a map of keys", "Write key: value, one a line.");
      return false;
    }
    std::unordered_set<std::string> seen;
    for (const auto& entry : node) {
      const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
        Complain(LineOf(entry.first), Join(key, name), "there is no such key", fmt::format("The keys here are: {}.", fmt::join(allowed, ", ")));
      } else if (!seen.insert(name).second) {
        Complain(LineOf(entry.first), Join(key, name), "the key stands twice", "Keep one.");
      }
    }
    for (const char* name : required) {
      if (!seen.contains(name)) Complain(LineOf(node), Join(key, name), "the key is missing", "Add it.");
    }
    return true;
  }

  std::string Text(const YAML::Node& node, const std::string& key, const char* name) {
    const YAML::Node value = node[name];
    if (!value) return {};
    if (value.IsScalar() && !value.Scalar().empty() && value.Scalar().size() <= 500) return value.Scalar();
    Complain(LineOf(value), Join(key, name), "is not a text of 1–500 bytes", "Write it after the colon.");
    return {};
  }

  std::string Id(const YAML::Node& node, const std::string& key, const char* name) {
    std::string id = Text(node, key, name);
    if (id.empty() || IsId(id)) return id;
    Complain(LineOf(node[name]), Join(key, name), fmt::format("\"{}\" is not an id", id), "Use 1–32 characters of a–z, 0–9 and \"-\".");
    return {};
  }

  int Number(const YAML::Node& node, const std::string& key, const char* name, int lowest, int highest) {
    const YAML::Node value = node[name];
    if (!value) return 0;
    int number = 0;
    if (value.IsScalar()) {
      const std::string& text = value.Scalar();
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc{} && end == text.data() + text.size() && number >= lowest && number <= highest) {
        return number;
      }
    }
    Complain(LineOf(value), Join(key, name), fmt::format("is not a number from {} to {}", lowest, highest),
             fmt::format("Write a whole number from {} to {}.", lowest, highest));
    return 0;
  }

  bool Flag(const YAML::Node& node, const std::string& key, const char* name) {
    const YAML::Node value = node[name];
    if (!value) return false;
    if (value.IsScalar() && (value.Scalar() == "true" || value.Scalar() == "false")) return value.Scalar() == "true";
    Complain(LineOf(value), Join(key, name), "is neither true nor false", "Write true or false.");
    return false;
  }

  template <class Enum>
  Enum Word(const YAML::Node& value, const std::string& key) {
    const auto* descriptor = google::protobuf::GetEnumDescriptor<Enum>();
    const int number = value.IsScalar() ? EnumByWord(descriptor, value.Scalar()) : 0;
    if (number == 0) {
      Complain(LineOf(value), key, value.IsScalar() ? fmt::format("\"{}\" is not known", value.Scalar()) : "is not a word",
               fmt::format("Use one of: {}.", EnumWords(descriptor)));
    }
    return static_cast<Enum>(number);
  }

  // Calls read(item, key) for each item of a list that may be left out.
  template <class Read>
  void Each(const YAML::Node& node, const char* name, Read read, const std::string& parent = {}) {
    const YAML::Node list = node[name];
    const std::string key = Join(parent, name);
    if (!list) return;
    if (!list.IsSequence()) {
      Complain(LineOf(list), key, "is not a list", "Begin each item with \"- \", or write [a, b].");
      return;
    }
    if (list.size() > kMaxItems) {
      Complain(LineOf(list), key, fmt::format("has more than {} items", kMaxItems), "Drop some.");
      return;
    }
    for (size_t index = 0; index < list.size(); ++index) read(list[index], fmt::format("{}[{}]", key, index));
  }

  void ReadOpeningSpans(const YAML::Node& root) {
    Each(root, "opening_spans", [&](const YAML::Node& node, const std::string& key) {
      const std::string text = node.IsScalar() ? node.Scalar() : "";
      const bool shaped = text.size() == 11 && text[5] == '-';
      const int start = shaped ? ParseMinutes(std::string_view(text).substr(0, 5)) : -1;
      const int end = shaped ? ParseMinutes(std::string_view(text).substr(6)) : -1;
      if (start < 0 || end <= start) {
        Complain(LineOf(node), key, "is not a span of a day", "Write \"HH:MM-HH:MM\", the later time second.");
        return;
      }
      if (!table_.opening_spans.empty() && table_.opening_spans.back().end_minute() > start) {
        Complain(LineOf(node), key, "begins before the span above it ends", "Write the spans in order, not overlapping.");
        return;
      }
      v1::OpeningSpan span;
      span.set_start_minute(start);
      span.set_end_minute(end);
      table_.opening_spans.push_back(span);
    });
    if (root["opening_spans"] && root["opening_spans"].IsSequence() && root["opening_spans"].size() == 0) {
      Complain(LineOf(root["opening_spans"]), "opening_spans", "is empty", "Working hours need at least one span.");
    }
  }

  void Refer(PolicyReference::Kind kind, std::string value, int line, std::string key) {
    table_.references.push_back({kind, std::move(value), line, std::move(key)});
  }

  template <class Field>
  void Names(const YAML::Node& node, const std::string& key, const char* name, PolicyReference::Kind kind, Field* field) {
    Each(
        node, name,
        [&](const YAML::Node& item, const std::string& item_key) {
          if (!item.IsScalar()) {
            Complain(LineOf(item), item_key, "is not a word", "Write ids only.");
            return;
          }
          Refer(kind, item.Scalar(), LineOf(item), item_key);
          *field->Add() = item.Scalar();
        },
        key);
  }

  template <class Enum, class Field>
  void Words(const YAML::Node& node, const std::string& key, const char* name, Field* field) {
    Each(
        node, name, [&](const YAML::Node& item, const std::string& item_key) { field->Add(Word<Enum>(item, item_key)); }, key);
  }

  void ReadMatch(const YAML::Node& rule, const std::string& rule_key, v1::RuleMatch* match) {
    const YAML::Node node = rule["match"];
    if (!node) return;
    const std::string key = rule_key + ".match";
    if (!Keys(node, key, {"categories", "types", "urgencies", "dangers", "sources", "area_prefixes", "has_institution"}, {})) {
      return;
    }
    using Kind = PolicyReference::Kind;
    Names(node, key, "categories", Kind::kCategory, match->mutable_categories());
    Names(node, key, "types", Kind::kType, match->mutable_types());
    Names(node, key, "dangers", Kind::kDanger, match->mutable_dangers());
    Names(node, key, "area_prefixes", Kind::kAreaPrefix, match->mutable_area_prefixes());
    Words<v1::Urgency>(node, key, "urgencies", match->mutable_urgencies());
    Words<v1::Source>(node, key, "sources", match->mutable_sources());
    match->set_has_institution(Flag(node, key, "has_institution"));
  }

  void UniqueRule(const std::string& list, const std::string& id, const YAML::Node& node, const std::string& key) {
    if (id.empty()) return;
    auto [first, is_new] = rule_lines_.emplace(list + "/" + id, LineOf(node));
    if (!is_new) {
      Complain(LineOf(node), key + ".id", fmt::format("\"{}\" stands in line {} already", id, first->second),
               "Receipts name rules by id: give this one its own.");
    }
  }

  void ReadRoutingRule(const YAML::Node& node, const std::string& key) {
    if (!Keys(node, key, {"id", "reason", "match", "target", "unit"}, {"id", "reason", "match", "target"})) return;
    v1::RoutingRule* rule = table_.policy.add_routing_rules();
    rule->set_id(Id(node, key, "id"));
    UniqueRule("routing_rules", rule->id(), node, key);
    if (rule->id() == "coverage") {
      Complain(LineOf(node), key + ".id", "receipts use \"coverage\" for what no rule decided", "Choose another id.");
    }
    rule->set_reason(Text(node, key, "reason"));
    ReadMatch(node, key, rule->mutable_match());
    if (node["target"]) rule->set_target(Word<v1::RuleTarget>(node["target"], key + ".target"));
    const std::string unit = Id(node, key, "unit");
    if (rule->target() == v1::RULE_TARGET_UNIT && unit.empty()) {
      Complain(LineOf(node), key + ".unit", "target: unit names no unit", "Add unit: with the unit's id.");
    } else if (rule->target() != v1::RULE_TARGET_UNIT && !unit.empty()) {
      Complain(LineOf(node["unit"]), key + ".unit", "only target: unit names a unit", "Drop it, or write target: unit.");
    }
    if (unit.empty()) return;
    Refer(PolicyReference::Kind::kUnit, unit, LineOf(node["unit"]), key + ".unit");
    rule->set_unit("units/" + unit);
  }

  void ReadDispatchMode(const YAML::Node& node, const std::string& key) {
    if (!Keys(node, key, {"id", "match", "mode"}, {"id", "match", "mode"})) return;
    v1::DispatchModeRule* rule = table_.policy.add_dispatch_modes();
    rule->set_id(Id(node, key, "id"));
    UniqueRule("dispatch_modes", rule->id(), node, key);
    if (rule->id() == "default") {
      Complain(LineOf(node), key + ".id", "receipts use \"default\" for what no rule decided", "Choose another id.");
    }
    ReadMatch(node, key, rule->mutable_match());
    if (node["mode"]) rule->set_mode(Word<v1::DispatchMode>(node["mode"], key + ".mode"));
  }

  void ReadLimit(const YAML::Node& node, const std::string& key) {
    if (!Keys(node, key, {"id", "clock", "urgencies", "grades", "limit"}, {"id", "clock", "limit"})) return;
    v1::LimitRule* rule = table_.policy.add_limits();
    rule->set_id(Id(node, key, "id"));
    UniqueRule("limits", rule->id(), node, key);
    if (node["clock"]) rule->set_kind(Word<v1::ClockKind>(node["clock"], key + ".clock"));
    Words<v1::Urgency>(node, key, "urgencies", rule->mutable_urgencies());
    Grades(node, key, rule->mutable_grades());
    ReadLength(node, key, rule->mutable_limit());
  }

  // A number and a unit, e.g. 8 working-hours.
  void ReadLength(const YAML::Node& node, const std::string& key, v1::Limit* limit) {
    const std::string text = Text(node, key, "limit");
    const size_t space = text.find(' ');
    int amount = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + std::min(space, text.size()), amount);
    const int unit = space == std::string::npos ? 0 : EnumByWord(v1::LimitUnit_descriptor(), std::string_view(text).substr(space + 1));
    if (error != std::errc{} || end != text.data() + space || amount < 1 || amount > 100000 || unit == 0) {
      if (node["limit"]) {
        Complain(LineOf(node["limit"]), key + ".limit", "is not a length of time",
                 fmt::format("Write a number from 1 to 100000 and one of: {}; e.g. 8 working-hours.", EnumWords(v1::LimitUnit_descriptor())));
      }
      return;
    }
    limit->set_amount(amount);
    limit->set_unit(static_cast<v1::LimitUnit>(unit));
  }

  template <class Field>
  void Grades(const YAML::Node& node, const std::string& key, Field* field) {
    Each(
        node, "grades",
        [&](const YAML::Node& item, const std::string& item_key) {
          if (v1::Grade grade = GradeOf(item, item_key)) field->Add(grade);
        },
        key);
  }

  void ReadUnverified(const YAML::Node& node, const std::string& key) {
    if (!Keys(node, key, {"id", "match", "grades", "reasons"}, {"id"})) return;
    v1::UnverifiedRule* rule = table_.policy.add_unverified();
    rule->set_id(Id(node, key, "id"));
    UniqueRule("unverified", rule->id(), node, key);
    ReadMatch(node, key, rule->mutable_match());
    Grades(node, key, rule->mutable_grades());
    Words<v1::ClosingReason>(node, key, "reasons", rule->mutable_reasons());
    for (int urgency : rule->match().urgencies()) {
      if (urgency == v1::URGENCY_CRISIS) Complain(LineOf(node), key + ".match.urgencies", "a crisis always has a verifier", "Drop crisis here.");
    }
  }

  void ReadEscalation(const YAML::Node& node, const std::string& key) {
    if (!Keys(node, key, {"id", "match", "clocks", "levels"}, {"id", "levels"})) return;
    v1::EscalationRule* rule = table_.policy.add_escalations();
    rule->set_id(Id(node, key, "id"));
    UniqueRule("escalations", rule->id(), node, key);
    ReadMatch(node, key, rule->mutable_match());
    Words<v1::ClockKind>(node, key, "clocks", rule->mutable_clocks());
    Each(
        node, "levels", [&](const YAML::Node& item, const std::string& item_key) { ReadEscalationLevel(item, item_key, rule->add_levels()); }, key);
    if (rule->levels().empty() || rule->levels_size() > 3) {
      Complain(LineOf(node), key + ".levels", "has not 1 to 3 levels", "Write whom each level tells, the first one first.");
    }
  }

  void ReadEscalationLevel(const YAML::Node& node, const std::string& key, v1::EscalationLevel* level) {
    if (!Keys(node, key, {"target", "unit", "limit"}, {"target"})) return;
    if (node["target"]) level->set_target(Word<v1::EscalationTarget>(node["target"], key + ".target"));
    const std::string unit = Id(node, key, "unit");
    if ((level->target() == v1::ESCALATION_TARGET_UNIT) == unit.empty()) {
      Complain(LineOf(node), key + ".unit", "stands with target: unit, and only there", "Add unit: with the unit's id, or drop it.");
    }
    if (!unit.empty()) {
      Refer(PolicyReference::Kind::kUnit, unit, LineOf(node["unit"]), key + ".unit");
      level->set_unit("units/" + unit);
    }
    if (node["limit"]) ReadLength(node, key, level->mutable_limit());
  }

  v1::Grade GradeOf(const YAML::Node& node, const std::string& key) {
    if (node.IsScalar() && node.Scalar().size() == 1 && node.Scalar()[0] >= '1' && node.Scalar()[0] <= '4') {
      return static_cast<v1::Grade>(node.Scalar()[0] - '0');
    }
    Complain(LineOf(node), key, "is not a grade", "Write 1 (the heaviest) to 4.");
    return v1::GRADE_UNSPECIFIED;
  }

  void ReadGrade(const YAML::Node& node, const std::string& key) {
    if (!Keys(node, key, {"grade", "tier", "verified_by_center", "checklist"}, {"grade", "tier"})) return;
    v1::GradeRule* rule = table_.policy.add_grades();
    if (node["grade"]) rule->set_grade(GradeOf(node["grade"], key + ".grade"));
    if (rule->grade() != v1::GRADE_UNSPECIFIED) UniqueRule("grades", node["grade"].Scalar(), node, key);
    rule->set_tier(Text(node, key, "tier"));
    const std::string& tier = rule->tier();
    if (!tier.empty() && tier != "remedial" && tier != "supportive" && tier != "preventive" && tier != "developmental") {
      Complain(LineOf(node["tier"]), key + ".tier", fmt::format("\"{}\" is not known", tier), "Use one of: remedial, supportive, preventive, developmental.");
    }
    rule->set_verified_by_center(Flag(node, key, "verified_by_center"));
    Words<v1::ChecklistItem>(node, key, "checklist", rule->mutable_checklist());
  }

  PolicyTable& table_;
  Problems& problems_;
  std::unordered_map<std::string, int> rule_lines_;
};

}  // namespace

void ReadPolicy(std::string_view text, Tables& tables, Problems& problems) {
  try {
    PolicyReader(tables.policy, problems).Read(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    problems.Error(kPath, error.mark.line + 1, "", fmt::format("is not YAML: {}", error.msg),
                   "Look at the indentation and quotes of this line and the one before it.");
    tables.unreadable.emplace(kPath);
  }
}

}  // namespace gridloop
