#include <algorithm>
#include <cmath>
#include <set>

#include "intake/intake.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr int64_t kFutureUs = 300'000'000;
constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kShanghaiUs = 8 * 3'600'000'000;  // ahead of UTC; the law's, whatever calendar is active
constexpr int kAdultYears = 18;

// YYYY-MM-DD of 18 characters.
std::string BirthDate(std::string_view identity_number) {
  return std::string(identity_number.substr(6, 4)) + "-" + std::string(identity_number.substr(10, 2)) + "-" + std::string(identity_number.substr(12, 2));
}

// 2026-03-02 to 20260302.
int DateNumber(std::string date) {
  std::erase(date, '-');
  return std::stoi(date);
}

// Why an id cannot be used in a report of today: it has ended, is yet to begin, or was never there.
template <class Entries>
std::string WhyNot(const Entries& entries, const std::string& id, const std::string& today, const std::string& remedy) {
  std::string ended, begins;
  for (const auto& entry : entries) {
    if (entry.id() != id) continue;
    if (const auto& last = entry.validity().to_date(); !last.empty() && last < today) ended = std::max(ended, last);
    if (const auto& first = entry.validity().from_date(); first > today) begins = begins.empty() ? first : std::min(begins, first);
  }
  if (!begins.empty()) return "is in use from " + begins + " (" + begins + "起启用)" + remedy;
  if (!ended.empty()) return "was in use until " + ended + " (已于" + ended + "停用)" + remedy;
  return "is not in the directory" + remedy;
}

// `only`: the fields that an amendment names; null: all, and what must be there.
void CheckFields(const v1::Report& report, const std::set<std::string>* only, const Snapshot* snapshot, int64_t now_us,
                 std::vector<FieldViolation>* violations) {
  auto looks_at = [only](const char* field) { return only == nullptr || only->contains(field); };
  auto wrong = [violations](std::string field, std::string description) { violations->push_back({std::move(field), std::move(description)}); };
  auto text = [violations](std::string_view field, const std::string& value, int at_least, int at_most) {
    CheckText(field, value, at_least, at_most, violations);
  };
  if (looks_at("summary")) text("report.summary", report.summary(), 1, 2000);
  const auto& location = report.location();
  if (looks_at("location") && location.grid_code().empty() && location.institution().empty() && location.address().empty() && !location.has_coordinates()) {
    wrong("report.location", "needs a grid_code, an institution, an address or coordinates");
  }
  text("report.location.grid_code", location.grid_code(), 0, 32);
  text("report.location.address", location.address(), 0, 300);
  if (location.has_coordinates()) {
    if (!(std::abs(location.coordinates().latitude_degrees()) <= 90)) wrong("report.location.coordinates.latitude_degrees", "must be -90 to 90");
    if (!(std::abs(location.coordinates().longitude_degrees()) <= 180)) wrong("report.location.coordinates.longitude_degrees", "must be -180 to 180");
  }
  if (only == nullptr) {
    if (report.reporter().role() == v1::REPORTER_ROLE_UNSPECIFIED || !v1::ReporterRole_IsValid(report.reporter().role())) {
      wrong("report.reporter.role", "is required");
    }
    text("report.reporter.reference", report.reporter().reference(), 1, 128);
    text("report.reporter.phone", report.reporter().phone(), 0, 32);
    text("report.reporter.display_name", report.reporter().display_name(), 0, 64);
    if (report.source() == v1::SOURCE_UNSPECIFIED || !v1::Source_IsValid(report.source())) wrong("report.source", "is required");
  }
  if (!v1::Urgency_IsValid(report.reported_urgency())) wrong("report.reported_urgency", "is no known urgency");
  if (!v1::Consent_IsValid(report.consent())) wrong("report.consent", "is no known consent");
  if (report.has_observe_time()) {
    auto observed_us = CheckTime("report.observe_time", report.observe_time(), violations);
    if (observed_us && *observed_us > now_us + kFutureUs) wrong("report.observe_time", "is in the future; set the phone's clock or leave it out");
  }
  const v1::Directory& directory = snapshot != nullptr ? snapshot->directory() : v1::Directory::default_instance();
  const std::string today = snapshot != nullptr ? snapshot->calendar().LocalDate(now_us) : std::string();
  // Ids stand in the clear: without a directory their form keeps whatever else out.
  auto id = [&](const std::string& field, const std::string& value, auto known, const auto& entries, const std::string& remedy) {
    if (snapshot == nullptr) {
      CheckId(field, value, violations);
    } else if (!known(value)) {
      wrong(field, WhyNot(entries, value, today, remedy));
    }
  };
  auto ids = [&](const std::string& field, const auto& values, auto known, const auto& entries, const std::string& remedy) {
    if (values.size() > 16) wrong(field, "at most 16 are taken");
    for (int i = 0; i < std::min(values.size(), 16); ++i) id(field + "[" + std::to_string(i) + "]", values.Get(i), known, entries, remedy);
  };
  ids(
      "report.categories", report.categories(), [&](const std::string& value) { return snapshot->CategoryAt(value, now_us) != nullptr; },
      directory.categories(), "; ListCategories gives the categories");
  ids(
      "report.dangers", report.dangers(), [&](const std::string& value) { return snapshot->DangerAt(value, now_us) != nullptr; }, directory.dangers(),
      "; ListCategories gives the dangers");
  if (!report.type().empty()) {
    id(
        "report.type", report.type(), [&](const std::string& value) { return snapshot->TypeAt(value, now_us) != nullptr; }, directory.types(),
        "; ListCategories gives the types");
  }
  if (!location.institution().empty()) {
    id(
        "report.location.institution", location.institution(), [&](const std::string& value) { return snapshot->InstitutionAt(value, now_us) != nullptr; },
        directory.institutions(), "");
  }
  const auto& subject = report.subject();
  text("report.subject.display_name", subject.display_name(), 0, 64);
  text("report.subject.phone", subject.phone(), 0, 32);
  text("report.subject.residence", subject.residence(), 0, 300);
  text("report.subject.guardian", subject.guardian(), 0, 128);
  if (subject.birth_year() != 0 && (subject.birth_year() < 1900 || subject.birth_year() > 1970 + now_us / 31'556'952'000'000)) {
    wrong("report.subject.birth_year", "must be 1900 to this year, or 0 if not known");
  }
  if (!subject.identity_number().empty() && !IsIdentityNumber(subject.identity_number())) {
    wrong("report.subject.identity_number", "must be 18 characters with a date of birth and the right check character");
  }
  if (subject.contacts_size() > 10) wrong("report.subject.contacts", "at most 10 are taken");
  for (int i = 0; i < std::min(subject.contacts_size(), 10); ++i) {
    std::string field = "report.subject.contacts[" + std::to_string(i) + "].";
    text(field + "display_name", subject.contacts(i).display_name(), 0, 64);
    text(field + "relation", subject.contacts(i).relation(), 0, 32);
    text(field + "phone", subject.contacts(i).phone(), 0, 32);
  }
  CheckAttachments("report.attachments", report.attachments(), violations);
  text("report.actions_taken", report.actions_taken(), 0, 1000);
  text("report.informed_parties", report.informed_parties(), 0, 500);
  text("report.external_reference", report.external_reference(), 0, 128);
  text("report.best_contact_time", report.best_contact_time(), 0, 200);
  if (!report.related_need().empty() && !IsNeedName(report.related_need())) wrong("report.related_need", "must be needs/ and 26 characters");
}

}  // namespace

bool IsIdentityNumber(std::string_view text) {
  static constexpr int kWeights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  if (text.size() != 18) return false;
  int sum = 0;
  for (size_t i = 0; i < 17; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    sum += (text[i] - '0') * kWeights[i];
  }
  return text[17] == "10X98765432"[sum % 11] && DaysFromDate(BirthDate(text)) != INT64_MIN;
}

void CheckAttachments(const std::string& field, const google::protobuf::RepeatedPtrField<v1::Attachment>& attachments,
                      std::vector<FieldViolation>* violations) {
  constexpr int kMost = 10;
  if (attachments.size() > kMost) violations->push_back({field, "at most 10 are taken"});
  for (int i = 0; i < std::min(attachments.size(), kMost); ++i) {
    const std::string one = field + "[" + std::to_string(i) + "].";
    const auto& attachment = attachments.Get(i);
    CheckText(one + "uri", attachment.uri(), 1, 1000, violations);
    if (!attachment.uri().starts_with("https://")) violations->push_back({one + "uri", "must be an https URI"});
    CheckText(one + "media_type", attachment.media_type(), 0, 128, violations);
    if (attachment.sha256().size() != 32) violations->push_back({one + "sha256", "must be 32 bytes"});
  }
}

bool IsAboutMinor(const v1::Report& report, int64_t now_us) {
  if (report.consent() == v1::CONSENT_GUARDIAN) return true;
  constexpr int kYear = 10'000;  // of a date as a number
  const int today = DateNumber(DateFromDays((now_us + kShanghaiUs) / kDayUs));
  const auto& subject = report.subject();
  int known_year = 0;
  if (IsIdentityNumber(subject.identity_number())) {
    const int born = DateNumber(BirthDate(subject.identity_number()));
    if (today <= born + kAdultYears * kYear) return true;  // a year of age is full the day after the birthday
    known_year = born / kYear;
  }
  // A year alone leaves the birthday open, and one that contradicts the number leaves all open.
  return subject.birth_year() != 0 && subject.birth_year() != known_year && today / kYear - subject.birth_year() <= kAdultYears;
}

void CheckReport(const v1::Report& report, const Snapshot* snapshot, int64_t now_us, std::vector<FieldViolation>* violations) {
  CheckFields(report, nullptr, snapshot, now_us, violations);
}

void CheckAmendment(const v1::Report& report, const std::set<std::string>& fields, const Snapshot* snapshot, int64_t now_us,
                    std::vector<FieldViolation>* violations) {
  CheckFields(report, &fields, snapshot, now_us, violations);
  if (fields.contains("restricted") && !report.restricted()) violations->push_back({"report.restricted", "can only be set: what was once restricted stays so"});
}

}  // namespace gridloop
