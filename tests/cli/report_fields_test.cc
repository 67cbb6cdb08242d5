#include "cli/report_fields.h"

#include <gtest/gtest.h>

#include <set>

namespace gridloop::cli {
namespace {

std::string Set(v1::SubmitNeedRequest& request, const std::string& name, const std::string& value) {
  for (const auto& field : ReportFields()) {
    if (field.name == name) return field.set(request, value);
  }
  return "no such field";
}

TEST(ReportFields, FillAReport) {
  v1::SubmitNeedRequest request;
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{{"request_id", "r-1"},
                                                                                              {"summary", "摘要"},
                                                                                              {"latitude", "31.45"},
                                                                                              {"source", "walk-in"},
                                                                                              {"reporter_role", "grid-worker"},
                                                                                              {"urgency", "crisis"},
                                                                                              {"observed_at", "2026-03-02 08:40"},
                                                                                              {"categories", "dementia|empty-nest-elderly"},
                                                                                              {"birth_year", "1941"},
                                                                                              {"restricted", "yes"},
                                                                                              {"self_accept", "no"}}) {
    EXPECT_EQ(Set(request, name, value), "") << name;
  }
  const auto& report = request.report();
  EXPECT_EQ(request.request_id(), "r-1");
  EXPECT_EQ(report.summary(), "摘要");
  EXPECT_DOUBLE_EQ(report.location().coordinates().latitude_degrees(), 31.45);
  EXPECT_EQ(report.source(), v1::SOURCE_WALK_IN);
  EXPECT_EQ(report.reported_urgency(), v1::URGENCY_CRISIS);
  EXPECT_EQ(report.observe_time().seconds(), 1772412000);
  EXPECT_EQ(report.categories_size(), 2);
  EXPECT_EQ(report.subject().birth_year(), 1941);
  EXPECT_TRUE(report.restricted());
  EXPECT_FALSE(report.self_accept());
}

TEST(ReportFields, SayWhatIsWrongAndWhatThereIs) {
  v1::SubmitNeedRequest request;
  EXPECT_NE(Set(request, "source", "巡查").find("patrol, visit"), std::string::npos);
  EXPECT_NE(Set(request, "observed_at", "2/3/2026").find("write 2026-03-02"), std::string::npos);
  EXPECT_NE(Set(request, "restricted", "maybe"), "");
  EXPECT_NE(Set(request, "birth_year", "1941a"), "");
  EXPECT_NE(Set(request, "categories", "a||b"), "");
  EXPECT_NE(Set(request, "categories", "a|"), "");
}

TEST(ReportFields, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const auto& field : ReportFields()) EXPECT_TRUE(names.insert(field.name).second) << field.name;
}

}  // namespace
}  // namespace gridloop::cli
