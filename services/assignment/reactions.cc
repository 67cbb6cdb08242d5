// What assignment does by itself: makes offers, and acts on passed deadlines: offers expire, pauses end, referrals come
// back, the rest escalates.
#include <map>
#include <set>

#include "assignment/assignment.h"
#include "assignment/steps.h"
#include "commands/person_index.h"
#include "commands/run.h"
#include "domain/escalation.h"
#include "domain/offers.h"
#include "domain/row_keys.h"

namespace gridloop {
namespace {

constexpr int kLoadCounted = 1000;
constexpr size_t kNeedsOfPerson = 20;

// Workers of the open needs about the same person.
std::set<std::string> WhoServesThem(World& world, const std::string& subject) {
  std::set<std::string> workers;
  if (world.persons == nullptr) return workers;
  for (const std::string& person : world.persons->PersonsOf(subject)) {
    for (const std::string& other : world.persons->NeedsOf(person, kNeedsOfPerson)) {
      auto state = StateNow(world, other);
      if (!state || !*state || Ended(**state) || other == subject) continue;
      if (!(*state)->worker().empty()) workers.insert((*state)->worker());
      workers.insert((*state)->co_workers().begin(), (*state)->co_workers().end());
    }
  }
  return workers;
}

std::unexpected<Error> Gone() { return Fail(Code::kAborted, "WANT_GONE", "The need does not call for this any more."); }

// The same clock, by another limit than policy's for its kind.
v1::ClockStart RunsBy(v1::ClockStart start, const std::string& rule, const v1::Limit& limit, const Snapshot& snapshot, int64_t now_us) {
  DueTime due = snapshot.calendar().Due(now_us, limit);
  start.set_rule(rule);
  *start.mutable_limit() = limit;
  start.set_due_us(due.due_us);
  start.set_provisional(due.provisional);
  return start;
}

// A chase by policy; where the level could not rise any more nobody new is told, and more time passes before the next one, so
// that an open need has a clock and does not fill the log: a working day; nights and holidays do not silence what is urgent (a
// day round the clock) or a crisis (four hours).
v1::ClockStart StartNextChase(const Snapshot* snapshot, const NeedState& head, const Escalation& up, int64_t now_us, v1::ClockKind chased) {
  v1::ClockStart start = StartChase(snapshot, head, up, now_us, chased);
  const bool rises = up.level > static_cast<int>(head.escalation_level());
  if (rises || snapshot == nullptr) return start;
  v1::Limit day;
  day.set_amount(1);
  day.set_unit(v1::LIMIT_UNIT_WORKING_DAYS);
  if (head.urgency() == v1::URGENCY_URGENT) day.set_unit(v1::LIMIT_UNIT_NATURAL_DAYS);
  if (head.urgency() == v1::URGENCY_CRISIS) {
    day.set_amount(4);
    day.set_unit(v1::LIMIT_UNIT_NATURAL_HOURS);
  }
  const v1::ClockStart at_the_top = RunsBy(start, "chase-at-the-top", day, *snapshot, now_us);
  return at_the_top.due_us() > start.due_us() ? at_the_top : start;
}

}  // namespace

v1::ClockStart StartChase(const Snapshot* snapshot, const NeedState& head, const Escalation& up, int64_t now_us, v1::ClockKind chased) {
  v1::ClockStart start = StartClock(snapshot, v1::CLOCK_KIND_CHASE, head, now_us, chased);
  if (!up.limit || snapshot == nullptr) return start;
  return RunsBy(std::move(start), up.rule, *up.limit, *snapshot, now_us);
}

void Assignment::Start(std::function<bool()> may_fire) {
  offers_ = std::make_unique<Reactor>(world_, Reactor::Options{.prefix = rows::WantPrefix('o')},
                                      [this](const std::string& subject, auto done) { OfferOne(subject, std::move(done)); });
  hand_overs_ = std::make_unique<Reactor>(world_, Reactor::Options{.prefix = rows::WorkPrefix("handovers/"), .in_flight = 1},
                                          [this](const std::string& subject, auto done) { HandOverSome(subject, std::move(done)); });
  merges_ = std::make_unique<Reactor>(world_, Reactor::Options{.prefix = rows::WantPrefix('m')},
                                      [this](const std::string& subject, auto done) { SettleOne(subject, std::move(done)); });
  deadlines_ = std::make_unique<Reactor>(world_, Reactor::Options{.prefix = rows::DuePrefix(), .timed = true, .may_act = std::move(may_fire)},
                                         [this](const std::string& subject, auto done) { FireOne(subject, std::move(done)); });
  // Destroying keys rewrites files of the disk: on a thread of its own, one need after the other.
  forgettings_ = std::make_unique<Reactor>(world_, Reactor::Options{.prefix = rows::WantPrefix('f'), .in_flight = 1},
                                           [this](const std::string& subject, auto done) { ForgetOne(subject, std::move(done)); });
}

void Assignment::Stop() {
  offers_.reset();
  hand_overs_.reset();
  merges_.reset();
  deadlines_.reset();
  forgettings_.reset();
}

void Assignment::OfferOne(const std::string& subject, std::function<void(bool again_later)> done) {
  auto found = StateNow(world_, subject);
  auto snapshot = world_.snapshots.Active();
  if (!found || !snapshot) return done(true);
  const auto& state = *found;
  if (!state || Wants(*state) != Want::kOffer) return done(false);
  // Loads are counted before deciding: a decision on the head never scans.
  OfferDecision decision = DecideOffer(
      *snapshot, *state, world_.clock.WallUs(),
      [this](const std::string& worker) { return world_.view.Count(rows::WorkerPrefix(worker), kLoadCounted).value_or(0); }, WhoServesThem(world_, subject));
  React(
      world_, snapshot, subject, state->head_event_id(), "offer", "assignment",
      [=, version = state->version()](const NeedState& head, int64_t now_us) -> Expected<Event> {
        if (Wants(head) != Want::kOffer || head.version() != version) return Gone();
        Event event;
        event.set_type(v1::EVENT_TYPE_OFFERED);
        auto& offered = *event.mutable_offered();
        offered.set_unit(head.unit());
        offered.set_station(head.station());
        offered.set_worker(decision.worker);
        offered.set_direct_accept(decision.direct_accept);
        offered.set_binding(head.binding());
        for (const auto& alert : decision.alerts) *offered.add_alerts() = alert;
        *offered.mutable_receipt() = decision.receipt;
        *event.add_clocks() = StartClock(snapshot.get(), v1::CLOCK_KIND_OFFER, head, now_us);
        return event;
      },
      std::move(done));
}

void Assignment::FireOne(const std::string& subject, std::function<void(bool again_later)> done) {
  auto found = StateNow(world_, subject);
  if (!found || !*found) return done(true);
  const auto& state = *found;
  auto snapshot = world_.snapshots.Active();
  const Due call = OnDue(*state);
  static const std::map<Due, std::string> kKinds = {{Due::kExpireOffer, "expire"}, {Due::kResume, "resume"}, {Due::kReturnReferral, "return-referral"}};
  auto named = kKinds.find(call);
  const std::string kind = named == kKinds.end() ? "escalate" : named->second;
  React(
      world_, snapshot, subject, state->head_event_id(), kind, "assignment",
      [=](const NeedState& head, int64_t now_us) -> Expected<Event> {
        const auto* next = NextClock(head);
        if (next == nullptr || next->start().due_us() > now_us) return Gone();
        Event event;
        if (OnDue(head) == Due::kExpireOffer) {
          event.set_type(v1::EVENT_TYPE_OFFER_EXPIRED);
          event.mutable_offer_expired()->set_offer(next->object());
          *event.add_clocks() = StartClock(snapshot.get(), v1::CLOCK_KIND_ROUTING, head, now_us);
          return event;
        }
        if (OnDue(head) == Due::kResume) {
          event.set_type(v1::EVENT_TYPE_RESUMED);
          event.mutable_resumed()->set_kind(next->start().kind());
          event.mutable_resumed()->set_pause(next->start().kind() == v1::CLOCK_KIND_HOLD ? head.hold().event_id() : head.information_event_id());
          return event;
        }
        if (OnDue(head) == Due::kReturnReferral) {
          FillReturn(snapshot.get(), head, now_us, &event);
          return event;
        }
        event.set_type(v1::EVENT_TYPE_ESCALATED);
        auto& escalated = *event.mutable_escalated();
        escalated.set_kind(next->start().kind());
        escalated.set_object(next->object());
        escalated.set_chased(next->start().chased());
        Escalation up = OneLevelUp(head, snapshot ? &snapshot->policy() : nullptr, ChasedKind(*next), now_us);
        escalated.set_level(up.level);
        escalated.set_unit(up.unit);
        *event.add_clocks() = StartNextChase(snapshot.get(), head, up, now_us, ChasedKind(*next));
        return event;
      },
      std::move(done));
}

}  // namespace gridloop
