#include "cli/report_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/words.h"

namespace gridloop::cli {
namespace {

using Request = v1::SubmitNeedRequest;
using Set = std::function<std::string(Request&, const std::string&)>;

template <class Setter>
Set Text(Setter setter) {
  return [setter](Request& request, const std::string& value) {
    setter(request, value);
    return std::string();
  };
}

template <class Setter>
Set Word(const google::protobuf::EnumDescriptor* type, Setter setter) {
  return [type, setter](Request& request, const std::string& value) -> std::string {
    auto parsed = ParseEnumWord(type, value);
    if (!parsed) return fmt::format("{} is none of: {}", value, fmt::join(EnumWords(type), ", "));
    setter(request, *parsed);
    return {};
  };
}

template <class Setter>
Set YesNo(Setter setter) {
  return [setter](Request& request, const std::string& value) -> std::string {
    bool yes = value == "yes" || value == "true" || value == "1";
    if (!yes && value != "no" && value != "false" && value != "0") return value + " is neither yes nor no";
    setter(request, yes);
    return {};
  };
}

template <class Number, class Setter>
Set Numeric(Setter setter) {
  return [setter](Request& request, const std::string& value) -> std::string {
    Number number{};
    auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (wrong != std::errc{} || end != value.data() + value.size()) return value + " is no number";
    setter(request, number);
    return {};
  };
}

template <class Setter>
Set Ids(Setter add) {
  return [add](Request& request, const std::string& value) -> std::string {
    for (size_t at = 0; at <= value.size();) {
      size_t end = std::min(value.find('|', at), value.size());
      if (end == at) return value + " has an empty entry; write a|b";
      add(request, value.substr(at, end - at));
      at = end + 1;
    }
    return {};
  };
}

v1::Location& Place(Request& r) { return *r.mutable_report()->mutable_location(); }
v1::Reporter& Who(Request& r) { return *r.mutable_report()->mutable_reporter(); }
v1::Subject& Person(Request& r) { return *r.mutable_report()->mutable_subject(); }

}  // namespace

std::string FlagOf(const std::string& column) {
  std::string flag = "--" + column;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

const std::vector<ReportField>& ReportFields() {
  static const std::vector<ReportField> kFields = {
      {"request_id", "chosen by the app, the same on every retry", Text([](Request& r, const std::string& v) { r.set_request_id(v); })},
      {"summary", "what was seen or said", Text([](Request& r, const std::string& v) { r.mutable_report()->set_summary(v); })},
      {"grid_code", "grid cell (15 digits), alias, or community (12 digits)", Text([](Request& r, const std::string& v) { Place(r).set_grid_code(v); })},
      {"address", "as spoken", Text([](Request& r, const std::string& v) { Place(r).set_address(v); })},
      {"institution", "id of a school or the like", Text([](Request& r, const std::string& v) { Place(r).set_institution(v); })},
      {"latitude", "degrees north", Numeric<double>([](Request& r, double v) { Place(r).mutable_coordinates()->set_latitude_degrees(v); })},
      {"longitude", "degrees east", Numeric<double>([](Request& r, double v) { Place(r).mutable_coordinates()->set_longitude_degrees(v); })},
      {"source", "patrol, visit, walk-in, letter, hotline, referral, self-found",
       Word(v1::Source_descriptor(), [](Request& r, int v) { r.mutable_report()->set_source(static_cast<v1::Source>(v)); })},
      {"reporter_role", "grid-worker, building-head, resident-group-leader, social-worker, resident, institution",
       Word(v1::ReporterRole_descriptor(), [](Request& r, int v) { Who(r).set_role(static_cast<v1::ReporterRole>(v)); })},
      {"reporter_reference", "the reporter's own id in the app", Text([](Request& r, const std::string& v) { Who(r).set_reference(v); })},
      {"reporter_phone", "", Text([](Request& r, const std::string& v) { Who(r).set_phone(v); })},
      {"reporter_name", "", Text([](Request& r, const std::string& v) { Who(r).set_display_name(v); })},
      {"anonymous", "yes: units do not see who reported", YesNo([](Request& r, bool v) { Who(r).set_anonymous(v); })},
      {"urgency", "routine, urgent, crisis",
       Word(v1::Urgency_descriptor(), [](Request& r, int v) { r.mutable_report()->set_reported_urgency(static_cast<v1::Urgency>(v)); })},
      {"observed_at", "local time, e.g. 2026-03-02 08:40",
       [](Request& r, const std::string& v) -> std::string {
         auto seconds = ParseLocalTime(v);
         if (!seconds) return v + " is no time; write 2026-03-02 08:40";
         r.mutable_report()->mutable_observe_time()->set_seconds(*seconds);
         return {};
       }},
      {"type", "id from the directory, e.g. care", Text([](Request& r, const std::string& v) { r.mutable_report()->set_type(v); })},
      {"categories", "ids from the directory: a|b", Ids([](Request& r, const std::string& v) { r.mutable_report()->add_categories(v); })},
      {"dangers", "ids from the directory: a|b", Ids([](Request& r, const std::string& v) { r.mutable_report()->add_dangers(v); })},
      {"person", "name or alias of whom it is about", Text([](Request& r, const std::string& v) { Person(r).set_display_name(v); })},
      {"person_sex", "female, male", Word(v1::Sex_descriptor(), [](Request& r, int v) { Person(r).set_sex(static_cast<v1::Sex>(v)); })},
      {"birth_year", "", Numeric<int32_t>([](Request& r, int32_t v) { Person(r).set_birth_year(v); })},
      {"person_phone", "", Text([](Request& r, const std::string& v) { Person(r).set_phone(v); })},
      {"identity_number", "18 characters", Text([](Request& r, const std::string& v) { Person(r).set_identity_number(v); })},
      {"residence", "where the person lives", Text([](Request& r, const std::string& v) { Person(r).set_residence(v); })},
      {"guardian", "name and relation", Text([](Request& r, const std::string& v) { Person(r).set_guardian(v); })},
      {"consent", "given, guardian, refused, not-asked",
       Word(v1::Consent_descriptor(), [](Request& r, int v) { r.mutable_report()->set_consent(static_cast<v1::Consent>(v)); })},
      {"actions_taken", "what was done already", Text([](Request& r, const std::string& v) { r.mutable_report()->set_actions_taken(v); })},
      {"informed_parties", "who was told already", Text([](Request& r, const std::string& v) { r.mutable_report()->set_informed_parties(v); })},
      {"external_reference", "number in the upstream system", Text([](Request& r, const std::string& v) { r.mutable_report()->set_external_reference(v); })},
      {"related_need", "needs/…", Text([](Request& r, const std::string& v) { r.mutable_report()->set_related_need(v); })},
      {"best_contact_time", "when the person is best reached", Text([](Request& r, const std::string& v) { r.mutable_report()->set_best_contact_time(v); })},
      {"restricted", "yes: shown to those assigned only", YesNo([](Request& r, bool v) { r.mutable_report()->set_restricted(v); })},
      {"self_accept", "yes: the worker who found it takes it", YesNo([](Request& r, bool v) { r.mutable_report()->set_self_accept(v); })},
  };
  return kFields;
}

}  // namespace gridloop::cli
