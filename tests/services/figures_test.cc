// A month's figures over the production services: who sees which, and that counting goes on where it ended.
#include "services/city.h"

namespace gridloop {
namespace {

class MonthFigures : public City {
 protected:
  Expected<v1::GetFiguresResponse> Get(const Who& who, const std::string& month = "2026-03", const std::string& station = {}) {
    v1::GetFiguresRequest request;
    request.set_name("figures/" + month);
    request.set_station(station);
    return Call(*audit, &Audit::GetFigures, who, request);
  }
  Expected<v1::GetFiguresResponse> GetFreeze(int freeze, const std::string& station = {}) {
    v1::GetFiguresRequest request;
    request.set_name("figures/2026-03");
    request.set_station(station);
    request.set_freeze(freeze);
    return Call(*audit, &Audit::GetFigures, auditor, request);
  }
  Expected<v1::FreezeFiguresResponse> Freeze(const std::string& request_id, const std::string& month = "2026-03", const std::string& etag = {}) {
    auto request = On<v1::FreezeFiguresRequest>("figures/" + month, request_id);
    request.set_etag(etag);
    return Call(*audit, &Audit::FreezeFigures, dispatcher, request);
  }
  // A need of March whose report is corrected whenever this is called.
  void Correct(const std::string& name, const std::string& type) {
    auto amend = On<v1::AmendNeedRequest>(name);
    amend.mutable_report()->set_type(type);
    amend.mutable_update_mask()->add_paths("type");
    amend.set_reason("MARK-reason");
    auto amended = Call(*intake, &Intake::AmendNeed, app, amend);
    ASSERT_TRUE(amended) << amended.error().message;
  }
  void MonthEnds() { clock.AdvanceTo(kMondayNineUs + 31 * kDayUs); }
  static const v1::FigureLine* Line(const v1::GetFiguresResponse& figures, v1::Figure figure, const std::string& key = {}) {
    for (const auto& line : figures.lines()) {
      if (line.figure() == figure && line.key() == key) return &line;
    }
    return nullptr;
  }
  static int64_t Count(const v1::GetFiguresResponse& figures, v1::Figure figure, const std::string& key = {}) {
    const auto* line = Line(figures, figure, key);
    return line == nullptr ? -1 : line->count();
  }
  void AnswerAtOnce(const std::string& name, int satisfaction) {
    auto answer = On<v1::AnswerNeedRequest>(name);
    answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
    answer.mutable_closing()->set_result_summary("MARK-result");
    answer.mutable_closing()->set_reporter_sentence("MARK-sentence");
    answer.mutable_closing()->set_satisfaction(satisfaction);
    auto answered = Call(*assignment, &Assignment::AnswerNeed, head, answer);
    EXPECT_TRUE(answered) << answered.error().message;
  }
};

TEST_F(MonthFigures, TheCityAndEachStationAreCountedFromTheLog) {
  Start();
  std::string name = Submit(Report("a"));
  ASSERT_FALSE(ToAssigned(name).empty());
  AnswerAtOnce(name, 4);
  SubmitAndOffer("b");
  auto vague = Report("c", "");
  Submit(vague);
  ASSERT_TRUE(Eventually([&] { return CountEvents(Submit(vague), v1::EVENT_TYPE_HELD) == 1; }));
  auto city = Get(auditor);
  ASSERT_TRUE(city) << city.error().message;
  EXPECT_EQ(city->name(), "figures/2026-03");
  EXPECT_EQ(city->station(), "");
  EXPECT_FALSE(city->month_ended());
  EXPECT_EQ(Count(*city, v1::FIGURE_NEEDS), 3);
  EXPECT_EQ(Count(*city, v1::FIGURE_NEEDS_BY_SOURCE, "patrol"), 3);
  EXPECT_EQ(Line(*city, v1::FIGURE_NEEDS_BY_TYPE, "care")->display_name(), "社会照顾");
  EXPECT_EQ(Line(*city, v1::FIGURE_NEEDS_BY_COMMUNITY, "320585100001")->display_name(), "中区社区居委会");
  EXPECT_EQ(Count(*city, v1::FIGURE_NEEDS_BY_COMMUNITY, "320585100001"), 2);
  EXPECT_EQ(Line(*city, v1::FIGURE_NEEDS_BY_TOWN, "320585100")->display_name(), "城厢镇");
  EXPECT_EQ(Count(*city, v1::FIGURE_NEEDS_BY_TOWN, "unknown"), 1);
  EXPECT_EQ(Count(*city, v1::FIGURE_ACCEPTED), 1);
  EXPECT_EQ(Count(*city, v1::FIGURE_ACCEPTED_IN_TIME), 1);
  EXPECT_EQ(Count(*city, v1::FIGURE_CLOSED_BY_REASON, "answered"), 1);
  EXPECT_EQ(Line(*city, v1::FIGURE_SATISFACTION, "closing")->sum(), 4);
  EXPECT_EQ(Count(*city, v1::FIGURE_OPEN), 2);
  EXPECT_EQ(Count(*city, v1::FIGURE_BOUNCED), 0);
  EXPECT_EQ(Count(*city, v1::FIGURE_SILENT_COMMUNITIES), 159);
  EXPECT_EQ(Count(*city, v1::FIGURE_SILENT_COMMUNITIES, "320585100001"), -1);
  EXPECT_EQ(Count(*city, v1::FIGURE_SILENT_COMMUNITIES, "320585100002"), 1);
  EXPECT_EQ(city->SerializeAsString().find("MARK-"), std::string::npos);
  auto station = Get(dispatcher, "2026-03", "units/s01");
  ASSERT_TRUE(station);
  EXPECT_EQ(station->display_name(), "城厢镇社工站");
  EXPECT_EQ(Count(*station, v1::FIGURE_NEEDS), 2);
  EXPECT_EQ(Count(*station, v1::FIGURE_CLOSED), 1);
  EXPECT_EQ(Count(*Get(dispatcher, "2026-03", "units/s02"), v1::FIGURE_NEEDS), 0);
  EXPECT_EQ(Count(*Get(dispatcher, "2026-03", "units/center"), v1::FIGURE_NEEDS), 1);
  EXPECT_EQ(Count(*Get(auditor, "2026-02"), v1::FIGURE_NEEDS), 0);
  EXPECT_TRUE(Get(auditor, "2026-02")->month_ended());
}

TEST_F(MonthFigures, AStationsHeadGetsTheOwnStationOnly) {
  Start();
  SubmitAndOffer("a");
  auto own = Get(head);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->station(), "units/s01");
  EXPECT_EQ(Count(*own, v1::FIGURE_NEEDS), 1);
  EXPECT_TRUE(Get(head, "2026-03", "units/s01"));
  EXPECT_EQ(Get(head, "2026-03", "units/s02").error().reason, "NOT_YOUR_STATION");
  auto other = Get(other_head);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->station(), "units/s02");
  EXPECT_EQ(Count(*other, v1::FIGURE_NEEDS), 0);
  EXPECT_EQ(Get({"station", "nobody", v1::ROLE_STATION_HEAD, "", ""}).error().reason, "NOT_YOUR_STATION") << "no unit is not the whole city";
}

TEST_F(MonthFigures, WhatIsAskedForWrongIsNamed) {
  auto field = [](const Expected<v1::GetFiguresResponse>& answer) { return answer ? std::string() : answer.error().fields.at(0).field; };
  EXPECT_EQ(field(Get(auditor, "2026-04")), "name") << "it has yet to begin";
  EXPECT_EQ(field(Get(auditor, "2026-3")), "name");
  EXPECT_EQ(field(Get(auditor, "2026-03", "units/r-320585100001")), "station");
  EXPECT_EQ(field(Get(auditor, "2026-03", "s01")), "station");
  clock.AdvanceTo(kMondayNineUs + 31 * kDayUs);
  EXPECT_EQ(field(Get(auditor, "2026-04")), "");
}

TEST_F(MonthFigures, CountingGoesOnWhereItEndedAndComesToTheSame) {
  for (int i = 0; i < 700; ++i) Submit(Report("n" + std::to_string(i), i % 3 == 0 ? "320585100002001" : kRoomCell));
  ASSERT_EQ(Count(*Get(auditor), v1::FIGURE_NEEDS), 700);
  for (int i = 700; i < 800; ++i) Submit(Report("n" + std::to_string(i)));
  for (const char* month : {"2026-02", "2026-01", "2025-12", "2025-11"}) EXPECT_EQ(Count(*Get(auditor, month), v1::FIGURE_NEEDS), 0);  // March is forgotten
  for (int i = 800; i < 900; ++i) Submit(Report("n" + std::to_string(i)));
  std::vector<std::future<Expected<v1::GetFiguresResponse>>> at_once;
  v1::GetFiguresRequest request;
  request.set_name("figures/2026-03");
  for (int i = 0; i < 8; ++i) at_once.push_back(Begin(*audit, &Audit::GetFigures, auditor, request));
  for (auto& each : at_once) EXPECT_EQ(Count(*each.get(), v1::FIGURE_NEEDS), 900);
  auto again = Get(auditor);
  Audit another(*world);
  auto fresh = Call(another, &Audit::GetFigures, auditor, request);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(again->SerializeAsString(), fresh->SerializeAsString());
}

TEST_F(MonthFigures, ANeedThatHadEndedAndGoesOnIsReadBackFromTheLog) {
  Start();
  std::string name = Submit(Report("a"));
  ToAssigned(name);
  AnswerAtOnce(name, 3);
  EXPECT_EQ(Count(*Get(auditor), v1::FIGURE_OPEN), 0);
  auto reopen = On<v1::ReopenNeedRequest>(name);
  reopen.set_reason("again");
  ASSERT_TRUE(Call(*assignment, &Assignment::ReopenNeed, head, reopen));
  auto figures = Get(auditor);
  EXPECT_EQ(Count(*figures, v1::FIGURE_OPEN), 1);
  EXPECT_EQ(Count(*figures, v1::FIGURE_REOPENED), 1);
  EXPECT_EQ(Count(*figures, v1::FIGURE_CLOSED), 1);
  EXPECT_EQ(Count(*Get(auditor, "2026-03", "units/s01"), v1::FIGURE_OPEN), 1);
}

TEST_F(MonthFigures, ALogThatCannotBeReadGivesNoNumber) {
  Submit(Report("a"));
  store.FailEventReads("the disk is away");
  EXPECT_FALSE(Get(auditor));
  store.FailEventReads({});
  EXPECT_EQ(Count(*Get(auditor), v1::FIGURE_NEEDS), 1);
}

TEST_F(MonthFigures, ACallWhoseDeadlineHasPassedIsNotCounted) {
  Submit(Report("a"));
  Caller caller;
  caller.actor.set_role(v1::ROLE_AUDITOR);
  caller.deadline_us = clock.WallUs() - 1;
  v1::GetFiguresRequest request;
  request.set_name("figures/2026-03");
  std::promise<Expected<v1::GetFiguresResponse>> answer;
  audit->GetFigures(caller, request, [&](auto given) { answer.set_value(std::move(given)); });
  EXPECT_EQ(answer.get_future().get().error().code, Code::kDeadlineExceeded);
}

TEST_F(MonthFigures, AMonthIsFrozenOnceItHasEndedAndWhatChangesLaterStandsBesideIt) {
  std::string name = Submit(Report("a"));
  Submit(Report("b"));
  EXPECT_EQ(Freeze("f-0").error().reason, "MONTH_NOT_ENDED");
  EXPECT_TRUE(Get(auditor)->freezes().empty());
  MonthEnds();
  const std::string before = ToText(*ledger->End(0));
  auto frozen = Freeze("f-1");
  ASSERT_TRUE(frozen) << frozen.error().message;
  EXPECT_EQ(frozen->outcome().version(), 1U);
  auto figures = Get(auditor);
  ASSERT_TRUE(figures);
  ASSERT_EQ(figures->freezes_size(), 1);
  EXPECT_EQ(figures->freezes(0).number(), 1);
  EXPECT_EQ(figures->freezes(0).event(), frozen->outcome().event());
  EXPECT_EQ(figures->position(), before);
  EXPECT_EQ(figures->corrections_size(), 0);
  EXPECT_EQ(Count(*figures, v1::FIGURE_NEEDS_BY_TYPE, "care"), 2);

  Submit(Report("april"));
  EXPECT_EQ(Get(auditor)->corrections_size(), 0) << "what is of April corrects nothing of March";
  Correct(name, "information");
  figures = Get(auditor);
  EXPECT_EQ(Count(*figures, v1::FIGURE_NEEDS_BY_TYPE, "care"), 2) << "frozen";
  EXPECT_EQ(Count(*figures, v1::FIGURE_NEEDS_BY_TYPE, "information"), -1);
  ASSERT_EQ(figures->corrections_size(), 2);
  EXPECT_EQ(figures->corrections(0).frozen().count(), 2);
  EXPECT_EQ(figures->corrections(0).now().count(), 1);
  EXPECT_EQ(figures->corrections(1).now().key(), "information");
  EXPECT_EQ(figures->corrections(1).now().display_name(), "政策咨询");
  EXPECT_NE(figures->corrected_position(), figures->position());
  EXPECT_EQ(Get(auditor, "2026-03", "units/s02")->corrections_size(), 0);
  EXPECT_EQ(Get(auditor, "2026-03", "units/center")->corrections_size(), 2);

  auto again = Freeze("f-2", "2026-03", "1");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->outcome().version(), 2U);
  figures = Get(auditor);
  EXPECT_EQ(figures->freezes_size(), 2);
  EXPECT_EQ(figures->corrections_size(), 0);
  EXPECT_EQ(Count(*figures, v1::FIGURE_NEEDS_BY_TYPE, "care"), 1);
  auto first = GetFreeze(1);
  EXPECT_EQ(Count(*first, v1::FIGURE_NEEDS_BY_TYPE, "care"), 2) << "never overwritten";
  EXPECT_EQ(first->corrections_size(), 2);
  EXPECT_EQ(GetFreeze(3).error().reason, "FREEZE_NOT_FOUND");
  for (const Event& event : Log()) EXPECT_EQ(event.figures_frozen().ShortDebugString().find("MARK-"), std::string::npos);
}

TEST_F(MonthFigures, AFreezeThatIsRepeatedIsDoneOnceAndOneWithoutAnythingToCorrectNotAtAll) {
  Submit(Report("a"));
  MonthEnds();
  auto frozen = Freeze("f-1");
  ASSERT_TRUE(frozen);
  auto replayed = Freeze("f-1");
  ASSERT_TRUE(replayed);
  EXPECT_TRUE(replayed->outcome().replayed());
  EXPECT_EQ(replayed->outcome().event(), frozen->outcome().event());
  EXPECT_EQ(Freeze("f-2").error().reason, "NOTHING_TO_CORRECT");
  Submit(Report("april"));
  EXPECT_EQ(Freeze("f-2").error().reason, "NOTHING_TO_CORRECT");
  // The directory of today is no correction either: a community that is gone by now was silent then.
  Activate([](v1::Directory& directory, v1::Policy&) {
    auto* communities = directory.mutable_communities();
    communities->DeleteSubrange(communities->size() - 1, 1);
  });
  EXPECT_EQ(Get(auditor)->corrections_size(), 0);
  EXPECT_EQ(Freeze("f-2").error().reason, "NOTHING_TO_CORRECT");
  EXPECT_EQ(Freeze("f-3", "2026-03", "7").error().code, Code::kAborted);
  EXPECT_EQ(Freeze("bad id").error().fields.at(0).field, "request_id");
  EXPECT_EQ(Freeze("f-4", "march").error().fields.at(0).field, "name");
  EXPECT_EQ(CountEvents("figures/2026-03", v1::EVENT_TYPE_FIGURES_FROZEN), 1U);
}

TEST_F(MonthFigures, TwoWhoFreezeAtOnceFreezeOnce) {
  Submit(Report("a"));
  MonthEnds();
  auto first = On<v1::FreezeFiguresRequest>("figures/2026-03");
  auto second = On<v1::FreezeFiguresRequest>("figures/2026-03");
  auto one = Begin(*audit, &Audit::FreezeFigures, dispatcher, first);
  auto other = Begin(*audit, &Audit::FreezeFigures, auditor, second);
  auto a = one.get(), b = other.get();
  EXPECT_NE(a.has_value(), b.has_value());
  const Error& error = a ? b.error() : a.error();
  EXPECT_TRUE(error.reason == "FROZEN_MEANWHILE" || error.reason == "NOTHING_TO_CORRECT") << error.reason;
}

TEST_F(MonthFigures, SupervisionGetsNoSmallNumbersByExportingTheFreeze) {
  auto report = Report("a");
  report.mutable_report()->add_categories("community-corrections");
  Submit(report);
  MonthEnds();
  ASSERT_TRUE(Freeze("f-1"));
  auto frozen = GetFreeze(1, "units/center");
  const auto* line = Line(*frozen, v1::FIGURE_NEEDS_BY_CATEGORY, "community-corrections");
  ASSERT_NE(line, nullptr);
  EXPECT_TRUE(line->withheld());
  EXPECT_EQ(line->count(), 0);
  EXPECT_EQ(Count(*GetFreeze(1), v1::FIGURE_NEEDS_BY_CATEGORY, "community-corrections"), 1);
}

TEST_F(MonthFigures, FrozenFiguresAreThereAfterARestart) {
  Submit(Report("a"));
  MonthEnds();
  ASSERT_TRUE(Freeze("f-1"));
  auto before = Get(auditor)->SerializeAsString();
  audit.reset();
  audit = std::make_unique<Audit>(*world);
  EXPECT_EQ(Get(auditor)->SerializeAsString(), before);
}

}  // namespace
}  // namespace gridloop
