#include "directory/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "domain/calendar.h"

namespace gridloop {
namespace {

constexpr char kToday[] = "2026-03-02";

// The sample city's tables as text, to be spoilt one by one.
class SampleCity {
 public:
  SampleCity() {
    for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
      if (entry.path().extension() != ".csv" && entry.path().extension() != ".yaml") continue;
      std::ifstream input(entry.path(), std::ios::binary);
      files_[entry.path().filename().string()] = {std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    }
  }

  static std::filesystem::path Folder() { return std::filesystem::path(GRIDLOOP_SOURCE_DIR) / "deploy" / "directory" / "taicang"; }

  std::string& operator[](const std::string& path) { return files_[path]; }
  void Drop(const std::string& path) { files_.erase(path); }

  // Replaces the one line that begins with `begin` and gives its number.
  int ReplaceLine(const std::string& path, const std::string& begin, const std::string& line) {
    std::string& text = files_.at(path);
    size_t at = text.starts_with(begin) ? 0 : text.find("\n" + begin);
    if (at == std::string::npos) throw std::runtime_error("no line begins with " + begin);
    if (at != 0) ++at;
    size_t end = text.find('\n', at);
    text.replace(at, end - at, line);
    return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  }

  // Drops the lines that begin with `begin`.
  void DropLines(const std::string& path, const std::string& begin) {
    std::string& text = files_.at(path);
    for (size_t at = text.find("\n" + begin); at != std::string::npos; at = text.find("\n" + begin)) text.erase(at + 1, text.find('\n', at + 1) - at);
  }

  // Appends a line and gives its number.
  int Append(const std::string& path, const std::string& line) {
    std::string& text = files_.at(path);
    text += line + "\n";
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }

  LoadResult Load(std::string_view today = kToday) const {
    std::vector<v1::DirectoryFile> files;
    for (const auto& [path, content] : files_) {
      v1::DirectoryFile& file = files.emplace_back();
      file.set_path(path);
      file.set_content(content);
    }
    return LoadFiles(files, today);
  }

 private:
  std::map<std::string, std::string> files_;
};

std::string Text(const std::vector<v1::DirectoryProblem>& problems) {
  std::string text;
  for (const auto& problem : problems) {
    text += (problem.warning() ? "warning " : "error ") + problem.path() + ":" + std::to_string(problem.line()) + " " + problem.column() + ": " +
            problem.message() + " — " + problem.remedy() + "\n";
  }
  return text;
}

testing::AssertionResult Reports(const LoadResult& result, const std::string& path, int line, const std::string& column, const std::string& part,
                                 bool warning = false) {
  for (const auto& problem : result.problems) {
    if (problem.path() == path && problem.line() == line && problem.column() == column && problem.warning() == warning &&
        problem.message().find(part) != std::string::npos && !problem.remedy().empty()) {
      return testing::AssertionSuccess();
    }
  }
  return testing::AssertionFailure() << path << ":" << line << " " << column << " … " << part << " is not among:\n" << Text(result.problems);
}

TEST(Loader, TheSampleCityLoadsWithoutAProblem) {
  LoadResult result = LoadFolder(SampleCity::Folder(), kToday);
  EXPECT_EQ(Text(result.problems), "");
  ASSERT_TRUE(result.loaded);
  const v1::Directory& directory = result.loaded->directory;
  std::map<v1::UnitKind, int> kinds;
  for (const v1::Unit& unit : directory.units()) ++kinds[unit.kind()];
  EXPECT_EQ(kinds[v1::UNIT_KIND_CENTER], 1);
  EXPECT_EQ(kinds[v1::UNIT_KIND_STATION], 9);
  EXPECT_EQ(kinds[v1::UNIT_KIND_ROOM], 157);
  EXPECT_EQ(kinds[v1::UNIT_KIND_SPECIAL], 2);
  EXPECT_EQ(directory.communities_size(), 160);
  EXPECT_GE(directory.workers_size(), 80);
  EXPECT_EQ(directory.organisations_size(), 7);
  EXPECT_EQ(directory.categories_size(), 16);
  EXPECT_EQ(directory.types_size(), 7);
  EXPECT_EQ(directory.departments_size(), 8);
  int served_by_station = 0;
  for (const v1::Coverage& coverage : directory.coverages()) served_by_station += coverage.unit().starts_with("units/s");
  EXPECT_EQ(served_by_station, 3);
  EXPECT_EQ(std::count_if(directory.categories().begin(), directory.categories().end(), [](const v1::Category& category) { return category.temporary(); }), 4);
  for (const v1::Category& category : directory.categories()) EXPECT_GT(category.recognition_size(), 0);
  EXPECT_EQ(result.loaded->calendar.utc_offset_minutes(), 480);
  EXPECT_EQ(result.loaded->calendar.opening_spans_size(), 2);
}

TEST(Loader, TheCalendarOfTheSampleCityIsWhatTheNoticesOfTheStateCouncilSay) {
  struct Year {
    const char* year;
    int working_days;
    std::set<std::string> make_up;  // Saturdays and Sundays that are worked
  };
  const Year years[] = {
      {"2024", 251, {"2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29", "2024-10-12"}},
      {"2025", 248, {"2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11"}},
      {"2026", 248, {"2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"}},
  };
  LoadResult result = LoadFolder(SampleCity::Folder(), kToday);
  ASSERT_TRUE(result.loaded);
  WorkCalendar calendar(result.loaded->calendar);
  EXPECT_EQ(result.loaded->calendar.last_dated_year(), 2026);
  for (const Year& each : years) {
    int working_days = 0;
    std::set<std::string> make_up;
    for (int64_t day = DaysFromDate(std::string(each.year) + "-01-01"); DateFromDays(day).starts_with(each.year); ++day) {
      std::string date = DateFromDays(day);
      if (!calendar.IsWorkingDay(date)) continue;
      ++working_days;
      if (calendar.LocalWeekday(calendar.LocalMidnightUs(date)) >= 6) make_up.insert(date);
    }
    EXPECT_EQ(working_days, each.working_days) << each.year;
    EXPECT_EQ(make_up, each.make_up) << each.year;
  }
}

TEST(Loader, TheSampleCityHoldsThroughoutItsRosterYear) {
  for (const char* today : {"2026-01-01", "2026-02-16", "2026-06-30", "2026-09-30"}) {
    EXPECT_EQ(Text(SampleCity().Load(today).problems), "") << today;
  }
}

TEST(Loader, AnOctoberOfTheLastDatedYearWarns) {
  LoadResult result = SampleCity().Load("2026-10-01");
  EXPECT_TRUE(Reports(result, "calendar.csv", 0, "date", "after 2026 only weekends are known", true));
  EXPECT_TRUE(result.loaded);
}

TEST(Loader, TheSameTablesGiveTheSameHashFromAnyRowOrder) {
  SampleCity city;
  LoadResult first = city.Load();
  LoadResult second = LoadFolder(SampleCity::Folder(), kToday);
  ASSERT_TRUE(first.loaded && second.loaded);
  EXPECT_EQ(first.loaded->hashes.SerializeAsString(), second.loaded->hashes.SerializeAsString());
  EXPECT_EQ(first.loaded->hashes.directory_hash().size(), 32u);
  // The first data line of units.csv moves to the end.
  std::string& units = city["units.csv"];
  const size_t header = units.find('\n') + 1;
  const size_t end = units.find('\n', header) + 1;
  units = units.substr(0, header) + units.substr(end) + units.substr(header, end - header);
  EXPECT_EQ(city.Load().loaded->hashes.directory_hash(), first.loaded->hashes.directory_hash());
  city.ReplaceLine("units.csv", "s01,", "s01,改名社工站,station,center,,,,");
  LoadResult renamed = city.Load();
  ASSERT_TRUE(renamed.loaded) << Text(renamed.problems);
  EXPECT_NE(renamed.loaded->hashes.directory_hash(), first.loaded->hashes.directory_hash());
  EXPECT_EQ(renamed.loaded->hashes.policy_hash(), first.loaded->hashes.policy_hash());
}

TEST(Loader, TenDifferentMistakesAreReportedEachWithFileAndLine) {
  SampleCity city;
  city.ReplaceLine("coverage.csv", "320585100001,", "");
  const int overlap = city.Append("coverage.csv", "320585100003,s01,,");
  const int second_center = city.Append("units.csv", "center-2,第二中心,center,,,,,");
  const int circle = city.ReplaceLine("units.csv", "s03,", "s03,浏河镇社工站,station,r-320585102001,,,,");
  const int unknown_unit = city.Append("posts.csv", "w-0001,r-nowhere,,,");
  const int twice = city.Append("categories.csv", "dementia,失智老人,,,,,看");
  const int bad_date = city.Append("leaves.csv", "w-0002,2026-03-09,2026/03/10");
  const int turned = city.Append("leaves.csv", "w-0002,2026-04-09,2026-04-01");
  const int bad_phone = city.ReplaceLine("departments.csv", "veterans,", "veterans,退役军人事务局,none");
  const int bad_id = city.Append("organisations.csv", "O 8,示例,,");
  const int fields = city.Append("teams.csv", "t-9,o1");
  const int team = city.ReplaceLine("workers.csv", "w-0001,", "w-0001,示例·张,o2,t-s01-1,,,,2023-01-01,");
  const int to_center = city.Append("coverage.csv", "320585100002005,center,,");
  city.ReplaceLine("coverage.csv", "school-2,", "");
  const int uncovered = 3;
  const int misspelt = city.ReplaceLine("workers.csv", "w-0002,", "w-0002,示例·林清安,o1,t-s01-1,,elderley,,2023-01-01,");
  city.DropLines("calendar.csv", "2025-");
  const int stranger = city.Append("duty.csv", "s01,2026-03-02,w-0030");
  const int second_term = city.Append("workers.csv", "w-0003,示例·高远安,o1,t-s01-1,senior,elderly,20,2026-01-01,");
  city["policy.yaml"] += "colour: red\n";
  LoadResult result = city.Load();
  EXPECT_FALSE(result.loaded);
  EXPECT_TRUE(Reports(result, "communities.csv", 2, "community_code", "no unit covers 320585100001"));
  EXPECT_TRUE(Reports(result, "coverage.csv", overlap, "area", "same days"));
  EXPECT_TRUE(Reports(result, "units.csv", second_center, "kind", "second centre"));
  EXPECT_TRUE(Reports(result, "units.csv", circle, "parent", "circle"));
  EXPECT_TRUE(Reports(result, "posts.csv", unknown_unit, "unit", "no unit \"r-nowhere\""));
  EXPECT_TRUE(Reports(result, "categories.csv", twice, "id", "already"));
  EXPECT_TRUE(Reports(result, "leaves.csv", bad_date, "to_date", "is not a date"));
  EXPECT_TRUE(Reports(result, "leaves.csv", turned, "to_date", "before it begins"));
  EXPECT_TRUE(Reports(result, "departments.csv", bad_phone, "phone", "not a phone"));
  EXPECT_TRUE(Reports(result, "organisations.csv", bad_id, "id", "is not an id"));
  EXPECT_TRUE(Reports(result, "teams.csv", fields, "", "has 2 fields, the header 3"));
  EXPECT_TRUE(Reports(result, "coverage.csv", to_center, "unit", "routing never offers to it"));
  EXPECT_TRUE(Reports(result, "institutions.csv", uncovered, "id", "no unit covers \"school-2\"", true));
  EXPECT_TRUE(Reports(result, "workers.csv", misspelt, "skills", "did you mean \"elderly\"?", true));
  EXPECT_TRUE(Reports(result, "calendar.csv", 40, "date", "2024 has dated days and so has 2026, but 2025 has none"));
  EXPECT_TRUE(Reports(result, "duty.csv", stranger, "worker", "on 2026-03-02 \"w-0030\" has no post at \"s01\"", true));
  EXPECT_TRUE(Reports(result, "workers.csv", second_term, "id", "\"w-0003\" (from 2026-01-01) stands in line 20 (from 2023-01-01) already"));
  EXPECT_TRUE(Reports(result, "workers.csv", team, "team", "belongs to"));
  EXPECT_NE(Text(result.problems).find("colour: there is no such key"), std::string::npos);
}

TEST(Loader, AnEmptyRosterBeforeALongHolidayIsAnError) {
  SampleCity city;
  for (const char* date : {"2026-04-04", "2026-04-05", "2026-04-06"}) {
    city.ReplaceLine("duty.csv", std::string("s04,") + date, "");
  }
  city.ReplaceLine("duty.csv", "center,2026-10-01", "");  // more than 60 days ahead
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "duty.csv", 0, "date", "\"s04\" in the holiday 2026-04-04 to 2026-04-06"));
  EXPECT_EQ(result.problems.size(), 1u) << Text(result.problems);
  EXPECT_TRUE(Reports(city.Load("2026-08-20"), "duty.csv", 0, "date", "\"center\" in the holiday 2026-10-01"));
}

TEST(Loader, UnitsWithoutWorkersAreErrorsButRoomsAreWarnings) {
  SampleCity city;
  city["posts.csv"] = "worker,unit,head\nh-s01,s01,yes\n";
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "units.csv", 2, "id", "\"center\" has no worker"));
  EXPECT_TRUE(Reports(result, "units.csv", 4, "id", "\"s02\" has no worker"));
  EXPECT_TRUE(Reports(result, "units.csv", 12, "id", "its station serves it", true));
  EXPECT_FALSE(Reports(result, "units.csv", 3, "id", "has no worker"));
}

TEST(Loader, DatesThatDoNotMeetAreErrors) {
  SampleCity city;
  const int early = city.Append("posts.csv", "w-0001,s02,,2022-01-01,");
  const int absent = city.Append("duty.csv", "s01,2022-05-01,w-0001");
  const int on_leave = city.Append("duty.csv", "s01,2026-03-10,w-0005");
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "posts.csv", early, "from_date", "the worker is employed from 2023-01-01"));
  EXPECT_TRUE(Reports(result, "duty.csv", absent, "date", "is not employed"));
  EXPECT_TRUE(Reports(result, "duty.csv", on_leave, "date", "is on leave"));
}

TEST(Loader, AGapInTheFutureWarnsAndSuccessionIsFine) {
  SampleCity city;
  city.ReplaceLine("coverage.csv", "320585100001,", "320585100001,r-320585100001,,2026-05-31");
  LoadResult gap = city.Load();
  EXPECT_TRUE(gap.loaded);
  EXPECT_TRUE(Reports(gap, "communities.csv", 2, "community_code", "on 2026-06-01", true));
  city.Append("coverage.csv", "320585100001,s01,2026-06-01,");
  EXPECT_EQ(Text(city.Load().problems), "");
}

TEST(Loader, ATableWithEmptyDateColumnsIsTheOneWithoutThem) {
  SampleCity city;
  std::string& types = city["types.csv"];
  std::string dated;
  for (size_t at = 0, line = 0; at < types.size(); at = types.find('\n', at) + 1, ++line) {
    dated += types.substr(at, types.find('\n', at) - at) + (line == 0 ? ",from_date,to_date\n" : ",,\n");
  }
  types = dated;
  LoadResult result = city.Load();
  ASSERT_TRUE(result.loaded) << Text(result.problems);
  EXPECT_EQ(result.loaded->hashes.SerializeAsString(), SampleCity().Load().loaded->hashes.SerializeAsString());
}

TEST(Loader, AWorkerHasALineForEachTermAndPostsFallIntoTheTermsTheyTouch) {
  SampleCity city;
  city.ReplaceLine("workers.csv", "w-0001,", "w-0001,示例·何明安,o1,t-s01-1,social-worker,disability|mental-health,25,2023-01-01,2026-03-31");
  city.Append("workers.csv", "w-0001,示例·何明安,o2,,senior,disability|mental-health,30,2026-04-01,");
  city.ReplaceLine("posts.csv", "w-0001,s01,", "w-0001,s01,,2023-01-01,2025-12-31");
  LoadResult result = city.Load();
  ASSERT_TRUE(result.loaded) << Text(result.problems);
  EXPECT_EQ(Text(result.problems), "");
  std::vector<const v1::Worker*> terms;
  for (const v1::Worker& worker : result.loaded->directory.workers()) {
    if (worker.name() == "workers/w-0001") terms.push_back(&worker);
  }
  ASSERT_EQ(terms.size(), 2u);
  EXPECT_EQ(terms[0]->organisation(), "o1");
  EXPECT_EQ(terms[0]->posts_size(), 3);
  EXPECT_EQ(terms[1]->organisation(), "o2");
  EXPECT_EQ(terms[1]->certificate(), "senior");
  EXPECT_EQ(terms[1]->posts_size(), 2);
}

TEST(Loader, TermsThatOverlapOrDisagreeOnTheNameAreErrors) {
  SampleCity city;
  const int overlap = city.Append("workers.csv", "w-0001,示例·何明安,o2,,,,,2026-01-01,");
  city.ReplaceLine("workers.csv", "w-0002,", "w-0002,示例·林清安,o1,t-s01-1,,youth,30,2023-01-01,2026-03-31");
  const int renamed = city.Append("workers.csv", "w-0002,示例·林,o1,t-s01-1,,youth,30,2026-04-01,");
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "workers.csv", overlap, "id", "stands in line 18"));
  EXPECT_TRUE(Reports(result, "workers.csv", renamed, "display_name", "\"w-0002\" has another name in line 19"));
  EXPECT_EQ(Text(result.problems).find("林"), std::string::npos);  // names are not repeated
  for (int day = 10; day < 50; ++day) city.Append("workers.csv", "w-0004,示例·多,,,,,,1990-01-01,1990-01-01");
  EXPECT_NE(Text(city.Load().problems).find("\"w-0004\" has more than 32 lines"), std::string::npos);
}

TEST(Loader, AGapBetweenTwoTermsWithAPostInItWarns) {
  SampleCity city;
  city.ReplaceLine("workers.csv", "w-0030,", "w-0030,示例·刘康和,o3,t-s03-1,assistant,elderly|justice,20,2023-01-01,2025-06-30");
  city.Append("workers.csv", "w-0030,示例·刘康和,o3,t-s03-1,social-worker,elderly|justice,20,2025-09-01,");
  LoadResult result = city.Load();
  EXPECT_TRUE(result.loaded);
  EXPECT_TRUE(Reports(result, "posts.csv", 83, "from_date", "from 2025-07-01 on \"w-0030\" is not employed", true));
  const int absent = city.Append("duty.csv", "s03,2025-08-01,w-0030");
  EXPECT_TRUE(Reports(city.Load(), "duty.csv", absent, "date", "is not employed (from 2023-01-01 to 2025-06-30, from 2025-09-01)"));
}

TEST(Loader, WordsEndAndAreFollowedUnderTheSameId) {
  SampleCity city;
  city["dangers.csv"] = "id,display_name,urgency,restricted,from_date,to_date\nfall,跌倒,routine,,,2025-12-31\nfall,跌倒,urgent,yes,2026-01-01,\n";
  city["types.csv"] = "id,display_name,from_date,to_date\ncare,社会照顾,,2025-12-31\nother,其他,2026-06-01,\ninformation,政策咨询,,\n";
  city["policy.yaml"].replace(city["policy.yaml"].find("dangers: [abuse, violence]"), 26, "dangers: [fall]");
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "types.csv", 0, "id", "no type \"other\" today"));
  LoadResult later = city.Load("2026-06-01");
  ASSERT_TRUE(later.loaded) << Text(later.problems);
  EXPECT_EQ(later.loaded->directory.dangers_size(), 2);
  EXPECT_EQ(later.loaded->directory.dangers(1).validity().from_date(), "2026-01-01");
}

TEST(Loader, ARuleOnWhatHasEndedWarns) {
  SampleCity city;
  city["dangers.csv"] = "id,display_name,urgency,restricted,from_date,to_date\nabuse,虐待,urgent,yes,,\nviolence,暴力,urgent,yes,,2025-12-31\n";
  const std::string& policy = city["policy.yaml"];
  const int rule =
      1 + static_cast<int>(std::count(policy.begin(), policy.begin() + static_cast<std::ptrdiff_t>(policy.find("dangers: [abuse, violence]")), '\n'));
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "policy.yaml", rule, "routing_rules[0].match.dangers[1]", "danger \"violence\" ended on 2025-12-31", true));
  EXPECT_FALSE(Reports(result, "policy.yaml", rule, "routing_rules[0].match.dangers[0]", "ended", true));
}

TEST(Loader, DatesThatAreWrittenMeetThoseOfWhatTheyName) {
  SampleCity city;
  city["teams.csv"] = "id,organisation,display_name,from_date,to_date\nt-s01-1,o1,示例,2022-01-01,\n";
  city["workers.csv"] = "id,display_name,organisation,team,from_date\nw-0001,示例·张,o1,t-s01-1,2023-01-01\n";
  city["institutions.csv"] = "id,display_name,community,from_date,to_date\nschool-1,示例,320585100001,,2025-12-31\nschool-2,示例,320585403004,,\n";
  const int late = city.Append("coverage.csv", "school-1,x-minors,2026-01-01,");
  city.ReplaceLine("coverage.csv", "school-1,x-school", "school-1,x-school,,2025-12-31");
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "teams.csv", 2, "from_date", "but the organisation is there from 2023-01-01"));
  EXPECT_TRUE(Reports(result, "coverage.csv", late, "from_date", "but the institution is there until 2025-12-31"));
  EXPECT_FALSE(Reports(result, "institutions.csv", 2, "id", "no unit covers", true));
}

TEST(Loader, TheCentreCoversNothingAndIsNoUnitOfARule) {
  SampleCity city;
  const int whole = city.ReplaceLine("coverage.csv", "320585100001,", "320585100001,center,,");
  const int school = city.ReplaceLine("coverage.csv", "school-1,", "school-1,center,,");
  std::string& policy = city["policy.yaml"];
  policy.replace(policy.find("unit: x-minors"), 14, "unit: center");
  const int rule = 1 + static_cast<int>(std::count(policy.begin(), policy.begin() + static_cast<std::ptrdiff_t>(policy.find("unit: center")), '\n'));
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "coverage.csv", whole, "unit", "the centre covers nothing"));
  EXPECT_TRUE(Reports(result, "coverage.csv", school, "unit", "the centre covers nothing"));
  EXPECT_TRUE(Reports(result, "policy.yaml", rule, "routing_rules[0].unit", "to which routing never offers"));
  EXPECT_EQ(result.problems.size(), 3u) << Text(result.problems);
}

TEST(Loader, ASkillThatStandsOnOneSideOnlyWarnsOnceAndNamesWhatItIsLike) {
  SampleCity city;
  city.ReplaceLine("workers.csv", "w-0001,", "w-0001,示例·何明安,o1,t-s01-1,,elderley|welding,25,2023-01-01,");
  city.ReplaceLine("workers.csv", "w-0002,", "w-0002,示例·林清安,o1,t-s01-1,,elderley,30,2023-01-01,");
  city.ReplaceLine("types.csv", "rehabilitation,", "rehabilitation,康复训练,medcial|disability");
  LoadResult result = city.Load();
  EXPECT_TRUE(result.loaded);
  EXPECT_TRUE(Reports(result, "workers.csv", 18, "skills", "asks for the skill \"elderley\" (here and in 1 more lines); did you mean \"elderly\"?", true));
  EXPECT_TRUE(Reports(result, "workers.csv", 18, "skills", "asks for the skill \"welding\"", true));
  EXPECT_TRUE(Reports(result, "types.csv", 5, "skills", "no worker has the skill \"medcial\"; did you mean \"medical\"?", true));
  EXPECT_EQ(result.problems.size(), 3u) << Text(result.problems);
}

TEST(Loader, SomebodyOnDutyWithoutAPostThereWarnsOnce) {
  SampleCity city;
  const int stranger = city.Append("duty.csv", "r-320585100001,2026-03-02,w-0030");
  city.Append("duty.csv", "s01,2026-03-03,w-0030");
  city.Append("duty.csv", "s01,2026-03-04,w-0030");
  city.Append("duty.csv", "r-320585100001,2026-03-03,w-0002");  // of the same station
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "duty.csv", stranger, "worker", "\"w-0030\" has no post at \"r-320585100001\", its station", true));
  EXPECT_TRUE(Reports(result, "duty.csv", stranger + 1, "worker", "nor on 1 more days", true));
  EXPECT_EQ(result.problems.size(), 2u) << Text(result.problems);
}

TEST(Loader, ARosterThatEndsWithinThirtyDaysWarns) {
  EXPECT_FALSE(Reports(SampleCity().Load("2026-12-01"), "duty.csv", 366, "date", "ends here", true));
  LoadResult result = SampleCity().Load("2026-12-31");
  EXPECT_TRUE(result.loaded);
  EXPECT_TRUE(Reports(result, "duty.csv", 366, "date", "the roster of \"center\" ends here: nobody is on duty from 2027-01-01 on", true));
  EXPECT_TRUE(Reports(result, "duty.csv", 4381, "date", "\"r-320585100002\" ends here", true));
  SampleCity city;
  city.ReplaceLine("units.csv", "r-320585100002,", "r-320585100002,东区社工室,room,s01,,,,2026-12-31");
  city.ReplaceLine("coverage.csv", "320585100002,", "320585100002,s01,,");
  city.ReplaceLine("coverage.csv", "320585100002005,", "");
  city.ReplaceLine("posts.csv", "w-0001,r-320585100002,", "");
  EXPECT_FALSE(Reports(city.Load("2026-12-31"), "duty.csv", 4381, "date", "ends here", true));  // so does the room
}

TEST(Loader, PolicyMistakesAreReportedWithTheirLine) {
  SampleCity city;
  std::string& policy = city["policy.yaml"];
  auto replace = [&](const std::string& from, const std::string& to) {
    const size_t at = policy.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    policy.replace(at, from.size(), to);
  };
  auto line_of = [&](const std::string& text) {
    return 1 + static_cast<int>(std::count(policy.begin(), policy.begin() + static_cast<std::ptrdiff_t>(policy.find(text)), '\n'));
  };
  replace("dangers: [abuse, violence]", "dangers: [abuse, dragons]");
  replace("unit: x-minors", "unit: x-nobody");
  replace("escalation_levels: 2", "escalation_levels: 9");
  replace("id: offer-urgent, clock: offer", "id: offer-routine, clock: offer");
  replace("urgencies: [urgent], limit: 2 natural-hours}", "urgencies: [urgent], limit: 4 moons}");
  replace("  - {id: chase-crisis, clock: chase, urgencies: [crisis], limit: 30 natural-minutes}\n", "");
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "policy.yaml", line_of("dragons"), "routing_rules[0].match.dangers[1]", "\"dragons\""));
  EXPECT_TRUE(Reports(result, "policy.yaml", line_of("x-nobody"), "routing_rules[0].unit", "no unit"));
  EXPECT_TRUE(Reports(result, "policy.yaml", line_of("escalation_levels"), "escalation_levels", "1 to 3"));
  EXPECT_TRUE(Reports(result, "policy.yaml", line_of("4 moons"), "limits[4].limit", "not a length of time"));
  EXPECT_TRUE(Reports(result, "policy.yaml", line_of("4 moons"), "limits[4].id", "already"));
  EXPECT_NE(Text(result.problems).find("no limit for clock chase at urgency crisis"), std::string::npos);
}

TEST(Loader, BrokenYamlIsOneProblemWithItsLine) {
  SampleCity city;
  city["policy.yaml"] = "display_name: a\n  limits: [\n";
  LoadResult result = city.Load();
  ASSERT_EQ(result.problems.size(), 1u) << Text(result.problems);
  EXPECT_GT(result.problems[0].line(), 0);
}

TEST(Loader, AByteOrderMarkAndCrlfAreFine) {
  SampleCity city;
  std::string with_crlf;
  for (char c : city["units.csv"]) with_crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  city["units.csv"] = "\xEF\xBB\xBF" + with_crlf;
  city["policy.yaml"] = "\xEF\xBB\xBF" + city["policy.yaml"];
  LoadResult result = city.Load();
  ASSERT_TRUE(result.loaded) << Text(result.problems);
  EXPECT_EQ(result.loaded->hashes.SerializeAsString(), SampleCity().Load().loaded->hashes.SerializeAsString());
}

TEST(Loader, Gb18030SaysHowToSaveAndIsTheOnlyProblem) {
  SampleCity city;
  city["workers.csv"] = "id,display_name\nw-0001,\xD5\xC5\n";
  LoadResult result = city.Load();
  ASSERT_EQ(result.problems.size(), 1u) << Text(result.problems);
  EXPECT_TRUE(Reports(result, "workers.csv", 2, "", "GB18030"));
  EXPECT_NE(result.problems[0].remedy().find("CSV UTF-8"), std::string::npos);
}

TEST(Loader, MissingAndUnknownFilesAndColumnsAreErrors) {
  SampleCity city;
  city.Drop("types.csv");
  city["unit.csv"] = "id\n";
  city.ReplaceLine("dangers.csv", "id,", "id,name,urgency,restricted");
  LoadResult result = city.Load();
  EXPECT_TRUE(Reports(result, "types.csv", 0, "", "missing"));
  EXPECT_TRUE(Reports(result, "unit.csv", 0, "", "not a table"));
  EXPECT_TRUE(Reports(result, "dangers.csv", 1, "name", "no column"));
  EXPECT_TRUE(Reports(result, "dangers.csv", 1, "display_name", "missing"));
  EXPECT_EQ(result.problems.size(), 4u) << Text(result.problems);
}

TEST(Loader, AFolderThatIsNotThereIsAProblem) {
  LoadResult result = LoadFolder(SampleCity::Folder() / "nowhere", kToday);
  EXPECT_FALSE(result.loaded);
  EXPECT_EQ(result.problems.size(), 1u);
}

TEST(Loader, ManyProblemsAreCountedNotListed) {
  SampleCity city;
  for (int row = 0; row < 3000; ++row) city["leaves.csv"] += "X,,\n";
  LoadResult result = city.Load();
  EXPECT_LT(result.problems.size(), 1100u);
  EXPECT_TRUE(Reports(result, "leaves.csv", 0, "", "more problems"));
}

TEST(Loader, TooManyFilesAndOverlongNamesAreRefusedAtOnce) {
  std::vector<v1::DirectoryFile> files(33);
  LoadResult many = LoadFiles(files, "2026-03-02");
  EXPECT_FALSE(many.loaded);
  ASSERT_EQ(many.problems.size(), 1U);
  files.resize(1);
  files[0].set_path(std::string(1 << 20, 'x'));
  LoadResult overlong = LoadFiles(files, "2026-03-02");
  EXPECT_FALSE(overlong.loaded);
  ASSERT_EQ(overlong.problems.size(), 1U);
  EXPECT_LE(overlong.problems[0].path().size(), 64U);
}

}  // namespace
}  // namespace gridloop
