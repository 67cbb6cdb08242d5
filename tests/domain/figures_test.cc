// A month's figures over short logs that can be counted by hand.
#include "domain/figures.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "domain/routing/small_city.h"
#include "domain/row_keys.h"
#include "domain/walk.h"

namespace gridloop {
namespace {

using namespace histories;

constexpr int64_t kDayUs = 24 * kHourUs;
constexpr int64_t kMarchUs = 1'772'294'400'000'000;  // 2026-03-01T00:00+08:00
constexpr int64_t kAprilUs = kMarchUs + 31 * kDayUs;

// A log of several needs, written as a ledger would.
class Log {
 public:
  Void Go(const std::string& need, Event event, int64_t at_us) {
    NeedState& head = heads_[need];
    event.set_magic(kEventMagic);
    if (event.subject().empty()) event.set_subject(head.subject());
    if (event.event_id().empty()) event.set_event_id(Sha256("event " + std::to_string(records.size())).substr(0, 16));
    event.set_version(head.version() + 1);
    event.set_prev_digest(head.head_digest());
    event.set_rules_epoch(kRulesEpoch);
    event.set_logged_at_us(at_us);
    MonthCount::Past& record = records.emplace_back();
    record.offset = records.size() - 1;
    record.digest = Sha256(event.SerializeAsString());
    record.event = event;
    Void verdict = Fold(head, event, {record.offset, record.digest});
    applied_.push_back(verdict == Void::kNone);
    return verdict;
  }
  Void Go(const std::string& need, v1::EventType type, int64_t at_us) { return Go(need, Next(heads_[need], type), at_us); }
  void Submit(const std::string& need, int64_t at_us, const std::function<void(v1::Submitted&)>& change = {}) {
    Event event = Submitted(need);
    event.mutable_submitted()->mutable_report()->set_source(v1::SOURCE_WALK_IN);
    if (change) change(*event.mutable_submitted());
    ASSERT_EQ(Go(need, event, at_us), Void::kNone);
  }
  void To(const std::string& need, v1::Stage stage, int64_t at_us) {
    for (v1::EventType type : RoadTo(stage)) {
      if (type == v1::EVENT_TYPE_SUBMITTED && heads_[need].version() > 0) continue;
      if (type == v1::EVENT_TYPE_SUBMITTED) {
        Submit(need, at_us);
      } else {
        ASSERT_EQ(Go(need, type, at_us), Void::kNone) << v1::EventType_Name(type);
      }
    }
  }
  const NeedState& Head(const std::string& need) { return heads_[need]; }

  MonthCount::History History() const {
    return [this](const std::string& subject, uint64_t before) -> Expected<std::vector<MonthCount::Past>> {
      std::vector<MonthCount::Past> past;
      for (uint64_t i = 0; i < before && i < records.size(); ++i) {
        if (applied_[i] && records[i].event.subject() == subject) past.push_back(records[i]);
      }
      return past;
    };
  }
  std::vector<v1::FigureLine> Lines(const std::string& month = "2026-03", size_t first = 0) const {
    MonthCount count(*ParseMonth(month), History());
    for (size_t i = first; i < records.size(); ++i) EXPECT_TRUE(count.Add(records[i].event, {records[i].offset, records[i].digest}));
    return count.Lines();
  }
  int64_t Count(v1::Figure figure, const std::string& key = {}, const std::string& station = {}, const std::string& month = "2026-03") const {
    for (const auto& line : Lines(month)) {
      if (line.figure() == figure && line.key() == key && line.station() == station) return line.count();
    }
    return 0;
  }

  std::vector<MonthCount::Past> records;

 private:
  std::map<std::string, NeedState> heads_;
  std::vector<bool> applied_;
};

std::string Text(const std::vector<v1::FigureLine>& lines) {
  std::string text;
  for (const auto& line : lines) text += line.ShortDebugString() + "\n";
  return text;
}

TEST(Figures, AMonthIsOneOfShanghai) {
  auto march = ParseMonth("2026-03");
  ASSERT_TRUE(march);
  EXPECT_EQ(march->start_us, kMarchUs);
  EXPECT_EQ(march->end_us, kAprilUs);
  EXPECT_EQ(ParseMonth("2028-02")->end_us - ParseMonth("2028-02")->start_us, 29 * kDayUs);
  EXPECT_EQ(ParseMonth("9999-12")->end_us - ParseMonth("9999-12")->start_us, 31 * kDayUs);
  for (const char* bad : {"", "2026", "2026-3", "2026-13", "2026-00", "2026/03", "2026-03-01", "1969-12", "abcd-ef"}) EXPECT_FALSE(ParseMonth(bad)) << bad;
}

TEST(Figures, NeedsCountInTheMonthOfTheirReportByWhatIsKnownOfThem) {
  Log log;
  log.Submit("a", kMarchUs - 1);
  log.Submit("b", kMarchUs, [](v1::Submitted& submitted) {
    submitted.set_community("320585100001");
    submitted.mutable_report()->set_type("care");
    for (const char* category : {"elderly", "alone", "elderly"}) submitted.mutable_report()->add_categories(category);
    submitted.set_urgency(v1::URGENCY_CRISIS);
  });
  log.Submit("c", kAprilUs - 1, [](v1::Submitted& submitted) {
    submitted.set_restricted(true);
    submitted.mutable_report()->mutable_location()->clear_grid_code();
  });
  log.Submit("d", kAprilUs);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS), 2);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS, {}, "center"), 2) << "what was not dispatched is the centre's";
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_SOURCE, "walk-in"), 2);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_TYPE, "care"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_TYPE, "none"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_CATEGORY, "elderly"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_CATEGORY, "alone"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_TOWN, "320585100"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_TOWN, "unknown"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_COMMUNITY, "320585100001"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CRISES), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_RESTRICTED), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS, {}, {}, "2026-02"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS, {}, {}, "2026-04"), 1);
}

TEST(Figures, APromiseIsKeptUntilItsTimeHasPassed) {
  Log log;
  log.To("in-time", v1::STAGE_OFFERED, kNoonUs);
  ASSERT_EQ(log.Go("in-time", v1::EVENT_TYPE_OFFER_ACCEPTED, kNoonUs + 8 * kHourUs), Void::kNone);
  log.To("late", v1::STAGE_OFFERED, kNoonUs);
  ASSERT_EQ(log.Go("late", v1::EVENT_TYPE_OFFER_ACCEPTED, kNoonUs + 8 * kHourUs + 1), Void::kNone);
  // Chased once its time had passed: late, though the chase has time left.
  log.To("chased", v1::STAGE_OFFERED, kNoonUs);
  Event chase = Next(log.Head("chased"), v1::EVENT_TYPE_ESCALATED);
  const auto* promise = Running(log.Head("chased"), v1::CLOCK_KIND_ACCEPTANCE);
  ASSERT_NE(promise, nullptr);
  chase.mutable_escalated()->set_kind(v1::CLOCK_KIND_ACCEPTANCE);
  chase.mutable_escalated()->set_object(promise->object());
  chase.clear_clocks();
  StartClock(&chase, v1::CLOCK_KIND_CHASE, kNoonUs + 100 * kHourUs, v1::CLOCK_KIND_ACCEPTANCE);
  ASSERT_EQ(log.Go("chased", chase, kNoonUs + 9 * kHourUs), Void::kNone);
  ASSERT_EQ(log.Go("chased", v1::EVENT_TYPE_OFFER_ACCEPTED, kNoonUs + 10 * kHourUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_ACCEPTED), 3);
  EXPECT_EQ(log.Count(v1::FIGURE_ACCEPTED_IN_TIME), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_ACCEPTED_IN_TIME, {}, "s01"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_TIME_TO_ACCEPT), 3);
  ASSERT_EQ(log.Go("in-time", v1::EVENT_TYPE_WORKER_ASSIGNED, kNoonUs + 20 * kHourUs), Void::kNone);
  ASSERT_EQ(log.Go("in-time", v1::EVENT_TYPE_ASSESSED, kNoonUs + 24 * kHourUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_ASSESSED), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_ASSESSED_IN_TIME), 1);
}

TEST(Figures, AnotherAcceptanceOfTheSameNeedIsNone) {
  Log log;
  log.To("a", v1::STAGE_ACCEPTED, kNoonUs);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_RECALLED, kNoonUs), Void::kNone);
  for (v1::EventType type : {v1::EVENT_TYPE_DISPATCHED, v1::EVENT_TYPE_OFFERED, v1::EVENT_TYPE_OFFER_ACCEPTED})
    ASSERT_EQ(log.Go("a", type, kNoonUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_ACCEPTED), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_TIME_TO_ACCEPT), 1);
}

TEST(Figures, EndsCountByReasonAndAReopenedNeedThatClosesAgainCountsTwice) {
  Log log;
  log.To("a", v1::STAGE_CLOSED, kNoonUs);
  log.To("b", v1::STAGE_ASSIGNED, kNoonUs);
  Event answered = Next(log.Head("b"), v1::EVENT_TYPE_ANSWERED);
  answered.mutable_answered()->mutable_closing()->set_satisfaction(2);
  ASSERT_EQ(log.Go("b", answered, kNoonUs), Void::kNone);
  log.To("c", v1::STAGE_WITHDRAWN, kNoonUs);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_REOPENED, kNoonUs + kHourUs), Void::kNone);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_WORKER_ASSIGNED, kNoonUs + kHourUs), Void::kNone);
  Event request = Next(log.Head("a"), v1::EVENT_TYPE_CLOSING_REQUESTED);
  request.mutable_closing_requested()->mutable_closing()->set_satisfaction(5);
  ASSERT_EQ(log.Go("a", request, kNoonUs + kHourUs), Void::kNone);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_CLOSING_VERIFIED, kNoonUs + kHourUs), Void::kNone);
  Event visit = Next(log.Head("a"), v1::EVENT_TYPE_AFTER_VISIT_RECORDED);
  visit.mutable_after_visit_recorded()->set_satisfaction(4);
  ASSERT_EQ(log.Go("a", visit, kNoonUs + 2 * kHourUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED), 3);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED_BY_REASON, "goals-met"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED_BY_REASON, "moved"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED_BY_REASON, "answered"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_WITHDRAWN), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_REOPENED, {}, "s01"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_TIME_TO_CLOSE), 2) << "the first closings";
  EXPECT_EQ(log.Count(v1::FIGURE_AFTER_VISITS), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_SATISFACTION, "closing"), 2);
  EXPECT_EQ(log.Count(v1::FIGURE_SATISFACTION, "after-visit"), 1);
  for (const auto& line : log.Lines()) {
    if (line.figure() == v1::FIGURE_SATISFACTION && line.key() == "closing" && line.station().empty()) {
      EXPECT_EQ(line.sum(), 7);
    }
  }
  EXPECT_EQ(log.Count(v1::FIGURE_OPEN), 0);
}

TEST(Figures, WhatIsReferredOutCountsByWhoeverHasItAndWhatIsHandedOverByTheSuccessor) {
  Log log;
  log.To("a", v1::STAGE_ASSIGNED, kNoonUs);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_REFERRED_OUT, kNoonUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_REFERRED_OUT, "12345"), 0) << "without a receipt it is open";
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_REFERRAL_RECEIVED, kNoonUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_REFERRED_OUT, "12345"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED), 0);
  EXPECT_EQ(log.Count(v1::FIGURE_OPEN), 0);
  log.To("b", v1::STAGE_ASSIGNED, kNoonUs);
  ASSERT_EQ(log.Go("b", v1::EVENT_TYPE_HANDED_OVER, kNoonUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_CASELOAD_BY_WORKER, "w-2"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CASELOAD_BY_ORGANISATION, "org-2"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CASELOAD_BY_ORGANISATION, "org-1"), 0);
  log.To("c", v1::STAGE_ASSIGNED, kNoonUs);
  Event closed = Next(log.Head("c"), v1::EVENT_TYPE_CLOSED);
  closed.mutable_closed()->mutable_closing()->set_satisfaction(3);
  ASSERT_EQ(log.Go("c", closed, kNoonUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED_BY_REASON, "moved"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_SATISFACTION, "closing"), 1);
}

TEST(Figures, ABounceCountsForTheStationThatBounced) {
  Log log;
  log.To("a", v1::STAGE_OFFERED, kNoonUs);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_OFFER_DECLINED, kNoonUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_BOUNCED, {}, "s01"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_BOUNCED, {}, "center"), 0);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS, {}, "center"), 1);
}

TEST(Figures, WhatIsOpenAtTheMonthsEndCountsByWhoeverWorksOnIt) {
  Log log;
  log.To("a", v1::STAGE_ASSIGNED, kNoonUs);
  log.To("b", v1::STAGE_ASSIGNED, kNoonUs);
  log.To("c", v1::STAGE_SUBMITTED, kNoonUs);
  log.To("before", v1::STAGE_IN_SERVICE, kMarchUs - 40 * kDayUs);
  EXPECT_EQ(log.Count(v1::FIGURE_OPEN), 4) << "the month goes on";
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_ANSWERED, kAprilUs), Void::kNone);
  log.To("d", v1::STAGE_SUBMITTED, kAprilUs + kHourUs);
  EXPECT_EQ(log.Count(v1::FIGURE_OPEN), 4);
  EXPECT_EQ(log.Count(v1::FIGURE_OPEN, {}, "s01"), 3);
  EXPECT_EQ(log.Count(v1::FIGURE_CASELOAD_BY_WORKER, "w-1"), 3);
  EXPECT_EQ(log.Count(v1::FIGURE_CASELOAD_BY_WORKER, "none"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_CASELOAD_BY_ORGANISATION, "org-1"), 3);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED), 0);
  EXPECT_EQ(log.Count(v1::FIGURE_CLOSED, {}, {}, "2026-04"), 1);
}

TEST(Figures, WhatIsRecordedLaterCountsWhenItWasDoneAndAReportCorrectedLaterIsCounted) {
  Log log;
  log.To("a", v1::STAGE_PLANNED, kAprilUs - kDayUs);
  const std::string before = Text(log.Lines());
  Event service = Next(log.Head("a"), v1::EVENT_TYPE_SERVICE_RECORDED);
  service.mutable_service_recorded()->set_start_us(kAprilUs - kHourUs);
  ASSERT_EQ(log.Go("a", service, kAprilUs + kHourUs), Void::kNone);
  service = Next(log.Head("a"), v1::EVENT_TYPE_SERVICE_RECORDED);
  service.mutable_service_recorded()->set_start_us(kAprilUs);
  ASSERT_EQ(log.Go("a", service, kAprilUs + kHourUs), Void::kNone);
  Event emergency = Next(log.Head("a"), v1::EVENT_TYPE_EMERGENCY_RECORDED);
  emergency.set_occurred_at_us(kAprilUs - kHourUs);
  ASSERT_EQ(log.Go("a", emergency, kAprilUs + kHourUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_SERVICES), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_EMERGENCIES, {}, "s01"), 1);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_AMENDED, kAprilUs + 2 * kHourUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_TYPE, "care"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS_BY_TYPE, "none"), 0);
  // Who takes it over in April changes nothing of March.
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_TRANSFER_PROPOSED, kAprilUs + 3 * kHourUs), Void::kNone);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_TRANSFERRED, kAprilUs + 3 * kHourUs), Void::kNone);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS, {}, "s01"), 1);
  EXPECT_EQ(log.Count(v1::FIGURE_NEEDS, {}, "s02"), 0);
  EXPECT_NE(Text(log.Lines()), before);
}

TEST(Figures, NoPercentileIsSaidOfFewerThanTwenty) {
  Log log;
  auto accept = [&](int i) {
    const std::string need = "n" + std::to_string(i);
    log.To(need, v1::STAGE_OFFERED, kNoonUs);
    ASSERT_EQ(log.Go(need, v1::EVENT_TYPE_OFFER_ACCEPTED, kNoonUs + i * 60'000'000), Void::kNone);
  };
  auto line = [&] {
    for (const auto& each : log.Lines()) {
      if (each.figure() == v1::FIGURE_TIME_TO_ACCEPT && each.station().empty()) return each;
    }
    return v1::FigureLine();
  };
  for (int i = 1; i < 20; ++i) accept(i);
  EXPECT_EQ(line().count(), 19);
  EXPECT_EQ(line().median_minutes(), 0);
  accept(20);
  EXPECT_EQ(line().median_minutes(), 10);
  EXPECT_EQ(line().p90_minutes(), 18);
}

TEST(Figures, AStationsRestrictedCategoriesTellNoNumberBelowThree) {
  small_city::City city;
  auto* restricted = city.directory.add_categories();
  restricted->set_id("corrections");
  restricted->set_restricted(true);
  auto snapshot = city.Make();
  std::vector<v1::FigureLine> lines;
  auto add = [&](const std::string& station, v1::Figure figure, const std::string& key, int64_t count) {
    auto& line = lines.emplace_back();
    line.set_station(station);
    line.set_figure(figure);
    line.set_key(key);
    line.set_count(count);
  };
  add("", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections", 5);
  add("north", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections", 3);
  add("south", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections", 2);
  add("south", v1::FIGURE_NEEDS_BY_CATEGORY, "elderly", 1);
  add("south", v1::FIGURE_NEEDS_BY_CATEGORY, "gone-from-the-directory", 1);
  add("south", v1::FIGURE_RESTRICTED, "", 2);
  auto shown = [&](const std::string& station, v1::Figure figure, const std::string& key) {
    for (const auto& line : ShownLines(lines, station, snapshot.get(), kNoonUs)) {
      if (line.figure() == figure && line.key() == key) return (line.withheld() ? "<" : "") + std::to_string(line.count());
    }
    return std::string("no line");
  };
  EXPECT_EQ(shown("", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections"), "5");
  EXPECT_EQ(shown("north", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections"), "3");
  EXPECT_EQ(shown("south", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections"), "<0");
  EXPECT_EQ(shown("center", v1::FIGURE_NEEDS_BY_CATEGORY, "corrections"), "<0") << "none looks like two";
  EXPECT_EQ(shown("south", v1::FIGURE_NEEDS_BY_CATEGORY, "elderly"), "1");
  EXPECT_EQ(shown("south", v1::FIGURE_NEEDS_BY_CATEGORY, "gone-from-the-directory"), "<0");
  EXPECT_EQ(shown("south", v1::FIGURE_RESTRICTED, ""), "<0");
  EXPECT_EQ(shown("south", v1::FIGURE_NEEDS, ""), "0");
}

TEST(Figures, CommunitiesThatReportedNothingAreNamed) {
  small_city::City city;
  auto snapshot = city.Make();
  std::vector<v1::FigureLine> lines;
  auto& heard = lines.emplace_back();
  heard.set_figure(v1::FIGURE_NEEDS_BY_COMMUNITY);
  heard.set_key(small_city::kOak);
  heard.set_count(1);
  AddSilentCommunities(*snapshot, kNoonUs, &lines);
  std::string silent;
  for (const auto& line : lines) {
    if (line.figure() == v1::FIGURE_SILENT_COMMUNITIES) silent += line.station() + ":" + line.key() + "=" + std::to_string(line.count()) + " ";
  }
  EXPECT_EQ(silent, ":=3 :" + small_city::kElm + "=1 :" + small_city::kAsh + "=1 :" + small_city::kPine + "=1 center:=1 center:" + small_city::kPine +
                        "=1 north:=1 north:" + small_city::kElm + "=1 south:=1 south:" + small_city::kAsh + "=1 ");
}

TEST(Figures, WhatDiffersFromTheFrozenLinesIsACorrection) {
  std::vector<v1::FigureLine> frozen(2), now(2);
  frozen[0].set_figure(v1::FIGURE_NEEDS);
  frozen[0].set_count(7);
  now[0] = frozen[0];
  frozen[1].set_figure(v1::FIGURE_NEEDS_BY_TYPE);
  frozen[1].set_key("care");
  frozen[1].set_count(2);
  now[1] = frozen[1];
  now[1].set_key("other");
  auto corrections = Corrections(frozen, now);
  ASSERT_EQ(corrections.size(), 2U);
  EXPECT_EQ(corrections[0].frozen().count(), 2);
  EXPECT_EQ(corrections[0].now().count(), 0);
  EXPECT_EQ(corrections[0].now().key(), "care");
  EXPECT_EQ(corrections[1].now().count(), 2);
  EXPECT_EQ(corrections[1].frozen().figure(), v1::FIGURE_NEEDS_BY_TYPE);
  EXPECT_TRUE(Corrections(frozen, frozen).empty());
}

TEST(Figures, AMonthIsFrozenWhenItHasEndedOneNumberAfterTheOther) {
  auto frozen = [](int number) {
    Event event;
    event.set_type(v1::EVENT_TYPE_FIGURES_FROZEN);
    event.set_subject("figures/2026-03");
    event.mutable_figures_frozen()->set_number(number);
    event.mutable_figures_frozen()->set_position("0-7");
    return event;
  };
  Walk walk;
  EXPECT_EQ(walk.Go(frozen(1), kAprilUs - 1), Void::kClock);
  EXPECT_EQ(walk.Go(frozen(2), kAprilUs), Void::kObject);
  Event other = frozen(1);
  other.set_subject("figures/2026-13");
  EXPECT_EQ(walk.Go(other, kAprilUs), Void::kPayload);
  other = frozen(1);
  other.mutable_figures_frozen()->clear_position();
  EXPECT_EQ(walk.Go(other, kAprilUs), Void::kPayload);
  ASSERT_EQ(walk.Go(frozen(1), kAprilUs), Void::kNone);
  EXPECT_EQ(walk.Go(frozen(1), kAprilUs), Void::kObject);
  ASSERT_EQ(walk.Go(frozen(2), kAprilUs + 1), Void::kNone);
  EXPECT_EQ(walk.Go(Next(walk.state, v1::EVENT_TYPE_NOTE_ADDED), kAprilUs), Void::kLifeCycle);
  ASSERT_EQ(walk.state.figures_freezes_size(), 2);
  EXPECT_EQ(walk.state.figures_freezes(1).frozen_us(), kAprilUs + 1);
  auto rows = Rows(walk.state);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows::SubjectOf(rows[0].key), "figures/2026-03");
  // On a need it is nothing, and what is no known collection takes nothing.
  Walk need;
  ASSERT_EQ(need.To(v1::STAGE_SUBMITTED), Void::kNone);
  other = frozen(2);
  other.set_subject(need.state.subject());
  EXPECT_EQ(need.Go(other, kAprilUs), Void::kLifeCycle);
  Walk unknown;
  other = frozen(1);
  other.set_subject("tables/2026-03");
  EXPECT_EQ(unknown.Go(other, kAprilUs), Void::kLifeCycle);
}

TEST(Figures, ARecordWhoseHistoryCannotBeReadIsTakenWhenItIsGivenAgain) {
  Log log;
  log.To("a", v1::STAGE_CLOSED, kNoonUs);
  ASSERT_EQ(log.Go("a", v1::EVENT_TYPE_REOPENED, kNoonUs), Void::kNone);
  bool readable = true;
  MonthCount count(*ParseMonth("2026-03"), [&](const std::string& subject, uint64_t before) -> Expected<std::vector<MonthCount::Past>> {
    if (!readable) return Fail(Code::kUnavailable, "LOG_UNREADABLE", "not now");
    return log.History()(subject, before);
  });
  auto add = [&](const MonthCount::Past& record) { return count.Add(record.event, {record.offset, record.digest}).has_value(); };
  for (size_t i = 0; i + 1 < log.records.size(); ++i) ASSERT_TRUE(add(log.records[i]));
  readable = false;
  EXPECT_FALSE(add(log.records.back()));
  readable = true;
  EXPECT_TRUE(add(log.records.back()));
  EXPECT_EQ(Text(count.Lines()), Text(log.Lines()));
  EXPECT_EQ(log.Count(v1::FIGURE_REOPENED), 1);
}

// Whatever is delivered twice, whatever is void, wherever a reader stops and goes on: the same figures.
RC_GTEST_PROP(FigureProperties, AnySplitAndDuplicationOfDeliveriesGivesTheSameFigures, ()) {
  Log log;
  const int needs = *rc::gen::inRange(1, 5);
  const int steps = *rc::gen::inRange(0, 80);
  int64_t at_us = kMarchUs - kDayUs;
  for (int i = 0; i < needs; ++i) log.Submit("n" + std::to_string(i), at_us);
  for (int i = 0; i < steps; ++i) {
    at_us += *rc::gen::inRange<int64_t>(0, 2 * kDayUs);
    const std::string need = "n" + std::to_string(*rc::gen::inRange(0, needs));
    const auto road = RoadTo(v1::STAGE_CLOSED);
    auto type = *rc::gen::elementOf(AllTypes());
    // Mostly forward, so that needs come to their end and beyond it.
    if (*rc::gen::inRange(0, 3) > 0) {
      for (v1::EventType next : road) {
        NeedState head = log.Head(need);
        if (FoldNext(head, Next(head, next), 1'000'000, at_us) == Void::kNone && next != v1::EVENT_TYPE_SUBMITTED) type = next;
      }
    }
    Event event = type == v1::EVENT_TYPE_SUBMITTED ? Submitted(need, v1::URGENCY_CRISIS) : Next(log.Head(need), type);
    if (type == v1::EVENT_TYPE_SUBMITTED) event.set_body_mac("another body----");
    log.Go(need, event, at_us);
  }
  const std::string once = Text(log.Lines());
  MonthCount count(*ParseMonth("2026-03"), log.History());
  size_t at = 0;
  while (at < log.records.size()) {
    // Again from somewhere before, up to somewhere.
    at -= static_cast<size_t>(*rc::gen::inRange(0, static_cast<int>(at) + 1));
    const size_t until = std::max<size_t>(count.next(), at) + static_cast<size_t>(*rc::gen::inRange(1, 20));
    for (; at < until && at < log.records.size(); ++at)
      RC_ASSERT(count.Add(log.records[at].event, {log.records[at].offset, log.records[at].digest}).has_value());
    if (*rc::gen::inRange(0, 4) == 0) count.Lines();  // asking changes nothing
  }
  RC_ASSERT(Text(count.Lines()) == once);
  // City and stations agree.
  std::map<std::pair<int, std::string>, int64_t> city, stations;
  for (const auto& line : count.Lines()) (line.station().empty() ? city : stations)[{line.figure(), line.key()}] += line.count();
  RC_ASSERT(city == stations);
}

}  // namespace
}  // namespace gridloop
