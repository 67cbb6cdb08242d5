// Histories of rules_epoch 1 as they were logged, and what fold must make of them for ever. The bytes come from the files, not from
// the code below, which only wrote them once: a build that judges an old event otherwise fails here.
//
// A file has two lines an event: `event` with its logged bytes in hex, and `verdict` with what folding it gave. `state` at the end
// is the SHA-256 of the folded state; unlike the verdicts it may change with view_schema, because states are disposable.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "domain/walk.h"
#include "golden/golden.h"

namespace gridloop {
namespace {

using namespace histories;
using golden::ParseHex;

constexpr int64_t kMinuteUs = 60'000'000;

std::string Word(const std::string& name, std::string_view prefix) { return name.substr(prefix.size()); }

// One line on what fold says of a need now.
std::string Describe(Void verdict, const NeedState& state) {
  std::string line = verdict == Void::kNone ? "applied" : "void(" + std::string(VoidName(verdict)) + ")";
  line += " v" + std::to_string(state.version()) + " " + Word(v1::Stage_Name(state.stage()), "STAGE_");
  line += " owner=" + (state.owner().empty() ? "-" : state.owner());
  if (const auto* next = NextClock(state); next != nullptr) {
    line += " next=" + Word(v1::ClockKind_Name(next->start().kind()), "CLOCK_KIND_") + "@" + std::to_string(next->start().due_us());
  }
  line +=
      " clocks=" + std::to_string(state.clocks_size()) + " bounces=" + std::to_string(state.bounces()) + " level=" + std::to_string(state.escalation_level());
  static constexpr const char* kWants[] = {"none", "route", "offer", "forget", "merge"};
  line += std::string(" wants=") + kWants[static_cast<int>(Wants(state))];
  return line;
}

std::string Judge(const std::vector<std::string>& log) {
  std::string text;
  NeedState state;
  uint64_t offset = 0;
  for (const std::string& bytes : log) {
    Event event;
    EXPECT_TRUE(event.ParseFromString(bytes));
    Void verdict = gridloop::Fold(state, event, {offset++, Sha256(bytes)});
    text += "# " + Word(v1::EventType_Name(event.type()), "EVENT_TYPE_") + "\nevent " + Hex(bytes) + "\nverdict " + Describe(verdict, state) + "\n";
  }
  for (const auto& attempt : state.voids()) text += "attempt " + std::to_string(attempt.offset()) + " " + attempt.reason() + "\n";
  text += "conflicts " + std::to_string(state.conflict_count()) + "\nstate " + Hex(Sha256(state.SerializeAsString())) + "\n";
  return text;
}

// Writes a history as a ledger would: the envelope is filled from the head, the bytes are kept as logged.
class Writer {
 public:
  void Log(Event event, int64_t at_us) {
    event.set_magic(kEventMagic);
    if (event.subject().empty()) event.set_subject(state.subject());
    if (event.event_id().empty()) event.set_event_id(Sha256("golden event " + std::to_string(log.size())).substr(0, 16));
    if (event.body_mac().empty()) event.set_body_mac(Sha256("golden body " + std::to_string(log.size())).substr(0, 16));
    if (event.version() == 0) event.set_version(state.version() + 1);
    if (event.prev_digest().empty() && event.version() > 1) event.set_prev_digest(state.head_digest());
    event.set_rules_epoch(1);
    event.set_logged_at_us(at_us);
    log.push_back(event.SerializeAsString());
    (void)gridloop::Fold(state, event, {log.size() - 1, Sha256(log.back())});
  }
  void Go(v1::EventType type, const std::function<void(Event&)>& change = nullptr) {
    Event event = WellFormed(state, type);
    if (change) change(event);
    Log(std::move(event), now_us += kMinuteUs);
  }
  void GoAll(std::initializer_list<v1::EventType> types) {
    for (v1::EventType type : types) Go(type);
  }
  // Escalates the next deadline at its due time, or lets the offer expire.
  void LetPass() {
    const auto next = *NextClock(state);
    now_us = next.start().due_us();
    if (OnDue(state) == Due::kExpireOffer) return Log(WellFormed(state, v1::EVENT_TYPE_OFFER_EXPIRED), now_us);
    if (OnDue(state) == Due::kResume) {
      Event resumed = WellFormed(state, v1::EVENT_TYPE_RESUMED);
      resumed.mutable_actor()->set_role(v1::ROLE_SYSTEM);
      for (auto& change : *resumed.mutable_clock_changes()) change.set_due_us(std::max(change.due_us(), now_us + kHourUs));
      return Log(std::move(resumed), now_us);
    }
    Event event;
    event.set_type(v1::EVENT_TYPE_ESCALATED);
    event.mutable_escalated()->set_kind(next.start().kind());
    event.mutable_escalated()->set_object(next.object());
    event.mutable_escalated()->set_chased(next.start().chased());
    event.mutable_escalated()->set_level(static_cast<int>(state.escalation_level()) + 1);
    StartClock(&event, v1::CLOCK_KIND_CHASE, now_us + kHourUs, ChasedKind(next));
    Log(std::move(event), now_us);
  }

  NeedState state;
  std::vector<std::string> log;
  int64_t now_us = kNoonUs;
};

using namespace v1;

void ToOffer(Writer& w) { w.GoAll({EVENT_TYPE_SUBMITTED, EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED}); }
void ToAssigned(Writer& w) {
  ToOffer(w);
  w.GoAll({EVENT_TYPE_OFFER_ACCEPTED, EVENT_TYPE_WORKER_ASSIGNED});
}
void ToRequested(Writer& w) {
  ToAssigned(w);
  w.GoAll(
      {EVENT_TYPE_ASSESSED, EVENT_TYPE_GRADED, EVENT_TYPE_PLANNED, EVENT_TYPE_SERVICE_RECORDED, EVENT_TYPE_FOLLOW_UP_RECORDED, EVENT_TYPE_CLOSING_REQUESTED});
}
void By(Event& event, const std::string& worker, const std::string& organisation) {
  event.mutable_actor()->set_principal(worker);
  event.mutable_actor()->set_worker(worker);
  event.mutable_actor()->set_organisation(organisation);
}

const std::map<std::string, std::function<void(Writer&)>> kHistories = {
    {"straight-road",
     [](Writer& w) {
       ToRequested(w);
       w.Go(EVENT_TYPE_NOTE_ADDED);
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "h-1", ""); });
     }},
    {"answered-at-once",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_ANSWERED);
       w.Go(EVENT_TYPE_NOTE_ADDED);  // void: it has ended
     }},
    {"a-worker-accepts-directly",
     [](Writer& w) {
       ToOffer(w);
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [&w](Event& e) {
         e = AcceptedDirectly(w.state);
         By(e, "w-2", "org-1");  // void: in another's name
       });
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [&w](Event& e) { e = AcceptedDirectly(w.state); });
       w.GoAll({EVENT_TYPE_ASSESSED, EVENT_TYPE_CLOSING_REQUESTED});
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "w-1", ""); });
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "h-1", ""); });
     }},
    {"a-crisis-is-not-answered-at-once",
     [](Writer& w) {
       w.Go(EVENT_TYPE_SUBMITTED, [](Event& e) { e.mutable_submitted()->set_urgency(URGENCY_CRISIS); });
       w.GoAll({EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED, EVENT_TYPE_ANSWERED, EVENT_TYPE_WORKER_ASSIGNED, EVENT_TYPE_ANSWERED});
     }},
    {"held-is-not-recalled",
     [](Writer& w) {
       w.Go(EVENT_TYPE_SUBMITTED);
       w.Go(EVENT_TYPE_HELD, [](Event& e) { e.mutable_held()->set_reason(HELD_REASON_SECOND_BOUNCE); });
       w.GoAll({EVENT_TYPE_RECALLED, EVENT_TYPE_ESCALATED, EVENT_TYPE_ESCALATED, EVENT_TYPE_DISPATCHED});
     }},
    {"no-casework-goes-straight-to-service",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_ASSESSED, [](Event& e) { e.mutable_assessed()->set_casework(false); });
       w.GoAll({EVENT_TYPE_SERVICE_RECORDED, EVENT_TYPE_CLOSING_REQUESTED, EVENT_TYPE_CLOSING_VERIFIED});
     }},
    {"expiry-then-accepted-elsewhere",
     [](Writer& w) {
       ToOffer(w);
       w.LetPass();
       w.Go(EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->set_unit("s01"); });
       w.GoAll({EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED});
     }},
    {"two-bounces-then-binding",
     [](Writer& w) {
       ToOffer(w);
       w.Go(EVENT_TYPE_OFFER_DECLINED);
       w.Go(EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->set_unit("s01"); });
       w.GoAll({EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_DECLINED});
       w.Go(EVENT_TYPE_HELD, [](Event& e) { e.mutable_held()->set_reason(HELD_REASON_SECOND_BOUNCE); });
       w.Go(EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->set_binding(true); });
       w.GoAll({EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_DECLINED /* void: binding */, EVENT_TYPE_OFFER_ACCEPTED});
     }},
    {"confirm-mode",
     [](Writer& w) {
       w.Go(EVENT_TYPE_SUBMITTED);
       w.Go(EVENT_TYPE_HELD, [](Event& e) {
         e.mutable_held()->set_reason(HELD_REASON_CONFIRMATION);
         e.mutable_held()->set_proposed_unit("r-1");
         e.mutable_held()->set_proposed_station("s01");
       });
       w.Go(EVENT_TYPE_DISPATCHED, [](Event& e) { e.mutable_dispatched()->set_held(std::string(16, 'x')); });  // void: not this decision
       w.GoAll({EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED});
     }},
    {"recall-of-work-and-a-new-start",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_ASSESSED, EVENT_TYPE_RECALLED, EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED, EVENT_TYPE_WORKER_ASSIGNED,
                EVENT_TYPE_ASSESSED});
     }},
    {"recalled-by-the-software-and-routed-again",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_RECALLED, [](Event& e) {
         e.mutable_actor()->set_role(ROLE_SYSTEM);
         e.mutable_clocks(0)->set_kind(CLOCK_KIND_ROUTING);
       });
       w.GoAll({EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED, EVENT_TYPE_WORKER_ASSIGNED});
     }},
    {"withdrawn-before-acceptance",
     [](Writer& w) {
       ToOffer(w);
       w.GoAll({EVENT_TYPE_URGED, EVENT_TYPE_WITHDRAWN, EVENT_TYPE_OFFER_ACCEPTED /* void: ended */});
     }},
    {"withdrawal-too-late-or-barred",
     [](Writer& w) {
       w.Go(EVENT_TYPE_SUBMITTED, [](Event& e) { e.mutable_submitted()->set_withdrawal_barred(true); });
       w.GoAll({EVENT_TYPE_WITHDRAWN, EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED, EVENT_TYPE_WITHDRAWN});
     }},
    {"crisis-with-emergency-action",
     [](Writer& w) {
       w.Go(EVENT_TYPE_SUBMITTED, [](Event& e) {
         e.mutable_submitted()->set_urgency(URGENCY_CRISIS);
         e.mutable_submitted()->set_withdrawal_barred(true);
       });
       w.GoAll({EVENT_TYPE_EMERGENCY_RECORDED, EVENT_TYPE_DISPATCHED});
       w.Go(EVENT_TYPE_OFFERED, [](Event& e) {
         for (const char* unit : {"s01", "center"}) e.mutable_offered()->add_alerts()->set_unit(unit);
         e.mutable_offered()->add_alerts()->set_worker("w-9");
       });
       w.GoAll({EVENT_TYPE_EMERGENCY_RECORDED, EVENT_TYPE_WITHDRAWN, EVENT_TYPE_OFFER_ACCEPTED, EVENT_TYPE_WORKER_ASSIGNED, EVENT_TYPE_ASSESSED,
                EVENT_TYPE_EMERGENCY_RECORDED});
     }},
    {"returned-closing",
     [](Writer& w) {
       ToRequested(w);
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) {
         By(e, "h-1", "");
         e.mutable_closing_verified()->set_approved(false);
         StartClock(&e, CLOCK_KIND_SERVICE, kNoonUs + 9 * kHourUs);
       });
       w.GoAll({EVENT_TYPE_SERVICE_RECORDED, EVENT_TYPE_CLOSING_REQUESTED});
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "h-1", ""); });
     }},
    {"an-executor-never-verifies",
     [](Writer& w) {
       ToRequested(w);
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "w-1", ""); });
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "h-1", "org-1"); });
       w.Go(EVENT_TYPE_CLOSING_VERIFIED, [](Event& e) { By(e, "h-1", "org-2"); });
     }},
    {"escalation-chain",
     [](Writer& w) {
       w.Go(EVENT_TYPE_SUBMITTED);
       for (int i = 0; i < 3; ++i) w.LetPass();
       w.GoAll({EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_ACCEPTED});
     }},
    {"conflict-of-two-bodies",
     [](Writer& w) {
       w.Log(histories::Submitted("golden"), kNoonUs);
       Event other = histories::Submitted("golden");
       other.set_body_mac(std::string(16, 'o'));
       other.set_version(1);
       for (int i = 0; i < 3; ++i) w.Log(other, kNoonUs + i);
       Event copy = histories::Submitted("golden");  // the first body again: neither conflict nor attempt
       copy.set_version(1);
       w.Log(copy, kNoonUs + 9);
       w.Go(EVENT_TYPE_DISPATCHED);
     }},
    {"accepted-late-before-the-expiry",
     [](Writer& w) {
       ToOffer(w);
       w.now_us = kNoonUs + 5 * kHourUs;
       Event expiry = WellFormed(w.state, EVENT_TYPE_OFFER_EXPIRED);
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [](Event& e) { e.mutable_offer_accepted()->set_late(true); });
       w.Log(expiry, w.now_us + 1);  // void: the acceptance was first
     }},
    {"asked-and-answered",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_INFORMATION_REQUESTED, EVENT_TYPE_INFORMATION_REQUESTED});  // the second is barred
       w.Go(EVENT_TYPE_NOTE_ADDED);
       w.Go(EVENT_TYPE_INFORMATION_PROVIDED, [](Event& e) { e.mutable_information_provided()->set_request(std::string(16, 'n')); });
       w.Go(EVENT_TYPE_INFORMATION_PROVIDED, [](Event& e) { e.clear_clock_changes(); });  // would leave clocks standing
       w.Go(EVENT_TYPE_INFORMATION_PROVIDED);
       w.Go(EVENT_TYPE_INFORMATION_PROVIDED);  // nothing is open
     }},
    {"asked-in-vain",
     [](Writer& w) {
       w.GoAll({EVENT_TYPE_SUBMITTED, EVENT_TYPE_HELD, EVENT_TYPE_INFORMATION_REQUESTED});
       w.Go(EVENT_TYPE_RESUMED);  // too early
       w.LetPass();
       w.GoAll({EVENT_TYPE_INFORMATION_REQUESTED, EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED});
     }},
    {"on-hold-and-back",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_ASSESSED, EVENT_TYPE_GRADED, EVENT_TYPE_PLANNED});
       w.Go(EVENT_TYPE_HOLD_REQUESTED, [](Event& e) { By(e, "w-1", "org-1"); });
       w.Go(EVENT_TYPE_HOLD_DECIDED, [](Event& e) { By(e, "w-1", "org-1"); });  // who asks does not decide
       w.Go(EVENT_TYPE_HOLD_DECIDED, [](Event& e) {
         By(e, "h-1", "");
         e.mutable_hold_decided()->set_approved(false);
         e.clear_clocks();
         e.clear_clock_changes();
       });
       w.GoAll({EVENT_TYPE_HOLD_REQUESTED, EVENT_TYPE_HOLD_DECIDED, EVENT_TYPE_SERVICE_RECORDED, EVENT_TYPE_NOTE_ADDED});  // a service waits
       w.LetPass();
       w.Go(EVENT_TYPE_SERVICE_RECORDED);
       w.Go(EVENT_TYPE_HOLD_REQUESTED, [&w](Event& e) { e.mutable_hold_requested()->set_end_us(w.now_us + 9 * kHourUs); });
       w.Go(EVENT_TYPE_HOLD_DECIDED);
       w.Go(EVENT_TYPE_RECALLED, [&w](Event& e) {
         for (auto& change : *e.mutable_clock_changes()) change.set_due_us(w.now_us + 9 * kHourUs);
       });
     }},
    {"extended-in-time-and-too-late",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_EXTENSION_REQUESTED);
       w.Go(EVENT_TYPE_EXTENSION_DECIDED, [](Event& e) { e.mutable_clock_changes(0)->set_due_us(kLateUs); });  // not what was asked for
       w.GoAll({EVENT_TYPE_EXTENSION_DECIDED, EVENT_TYPE_EXTENSION_REQUESTED});
       const auto asked = w.state.extension();
       w.now_us = FindClock(w.state, asked.kind(), asked.object(), CLOCK_KIND_UNSPECIFIED)->start().due_us();
       w.Go(EVENT_TYPE_ESCALATED, [&](Event& e) {
         e.mutable_escalated()->set_kind(asked.kind());
         e.mutable_escalated()->set_object(asked.object());
         e.mutable_clocks(0)->set_chased(asked.kind());
       });
       w.Go(EVENT_TYPE_EXTENSION_DECIDED, [&](Event& e) {
         e.clear_clock_changes();
         StartClock(&e, asked.kind(), asked.due_us());
       });
       w.GoAll({EVENT_TYPE_ASSESSED});
     }},
    {"amended-and-moved",
     [](Writer& w) {
       ToOffer(w);
       w.Go(EVENT_TYPE_AMENDED);
       w.Go(EVENT_TYPE_AMENDED, [](Event& e) { e.mutable_amended()->add_fields("reporter"); });  // not one that may be corrected
       w.Go(EVENT_TYPE_AMENDED, [](Event& e) {
         e.mutable_amended()->set_urgency(URGENCY_CRISIS);
         e.mutable_amended()->set_restricted(true);
         e.mutable_amended()->set_alarm(true);
       });
       w.Go(EVENT_TYPE_AMENDED, [](Event& e) { e.mutable_amended()->set_restricted(false); });  // is not unsaid
       w.Go(EVENT_TYPE_AMENDED, [&w](Event& e) { e = Moved(w.state); });
       w.GoAll({EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED});
     }},
    {"revised-assessment-and-plan",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_ASSESSED, EVENT_TYPE_PLAN_REVISED, EVENT_TYPE_ASSESSMENT_REVISED, EVENT_TYPE_GRADED, EVENT_TYPE_PLANNED, EVENT_TYPE_PLAN_REVISED});
     }},
    {"transferred-and-not",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_TRANSFERRED);  // nobody was asked
       w.GoAll({EVENT_TYPE_TRANSFER_PROPOSED, EVENT_TYPE_TRANSFER_PROPOSED, EVENT_TYPE_TRANSFER_DECLINED, EVENT_TYPE_TRANSFER_PROPOSED});
       w.Go(EVENT_TYPE_TRANSFERRED, [](Event& e) { e.mutable_transferred()->set_transfer(std::string(16, 'n')); });
       w.GoAll({EVENT_TYPE_TRANSFERRED, EVENT_TYPE_WORKER_ASSIGNED, EVENT_TYPE_ASSESSED, EVENT_TYPE_TRANSFER_PROPOSED, EVENT_TYPE_TRANSFERRED,
                EVENT_TYPE_TRANSFER_PROPOSED, EVENT_TYPE_RECALLED});
     }},
    {"a-joint-plan",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_OBLIGATION_ACCEPTED);  // nobody was asked
       w.GoAll({EVENT_TYPE_OBLIGATION_PROPOSED, EVENT_TYPE_OBLIGATION_PROPOSED, EVENT_TYPE_OBLIGATION_ACCEPTED, EVENT_TYPE_OBLIGATION_DECLINED});
       w.Go(EVENT_TYPE_OBLIGATION_FULFILLED, [](Event& e) { e.mutable_actor()->set_unit("health"); });  // another's
       w.Go(EVENT_TYPE_OBLIGATION_PROGRESSED);
       w.Go(EVENT_TYPE_CLOSING_REQUESTED);  // the plan is not done
       w.LetPass();                         // the lead's silence about what was declined
       w.LetPass();
       w.Go(EVENT_TYPE_OBLIGATION_PROPOSED, [&w](Event& e) {
         auto& payload = *e.mutable_obligation_proposed();
         payload.set_replaces(w.state.obligations(1).event_id());
         payload.set_kind(PARTY_KIND_ROLE);
         payload.set_party("community-police");
         payload.mutable_recurrence()->set_amount(30);
         payload.mutable_recurrence()->set_unit(LIMIT_UNIT_NATURAL_DAYS);
         payload.set_end_us(payload.due_us() + 40 * 24 * kHourUs);
       });
       w.Go(EVENT_TYPE_OBLIGATION_FULFILLED);
       w.Go(EVENT_TYPE_OBLIGATION_ACCEPTED, [](Event& e) { e.mutable_actor()->set_role(ROLE_WORKER); });
       w.Go(EVENT_TYPE_OBLIGATION_FULFILLED, [&w](Event& e) {
         e.mutable_actor()->set_role(ROLE_WORKER);
         StartClock(&e, CLOCK_KIND_OBLIGATION, w.state.obligations(2).due_us() + 30 * 24 * kHourUs);
       });
       w.GoAll({EVENT_TYPE_RECALLED, EVENT_TYPE_OBLIGATION_WAIVED, EVENT_TYPE_OBLIGATION_PROPOSED, EVENT_TYPE_WITHDRAWN});
     }},
    {"reopened-and-visited",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_REOPENED);  // is open
       w.GoAll({EVENT_TYPE_ANSWERED, EVENT_TYPE_AFTER_VISIT_RECORDED, EVENT_TYPE_REOPENED, EVENT_TYPE_WORKER_ASSIGNED, EVENT_TYPE_ANSWERED});
       w.now_us = kHoldEndUs;
       w.GoAll({EVENT_TYPE_REOPENED, EVENT_TYPE_AFTER_VISIT_RECORDED});  // too late; the visit is not
     }},
    {"referred-out-and-returned",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_REFERRAL_RECEIVED);  // was not referred
       w.Go(EVENT_TYPE_REFERRED_OUT);
       w.Go(EVENT_TYPE_REFERRAL_RETURNED, [](Event& e) { e.mutable_actor()->set_role(ROLE_SYSTEM); });  // too early by itself
       w.Go(EVENT_TYPE_REFERRAL_RETURNED);
       w.Go(EVENT_TYPE_REFERRED_OUT);
       w.now_us = kLateUs;
       w.Go(EVENT_TYPE_REFERRAL_RETURNED, [](Event& e) { e.mutable_actor()->set_role(ROLE_SYSTEM); });
       w.GoAll({EVENT_TYPE_DISPATCHED, EVENT_TYPE_RECALLED, EVENT_TYPE_REFERRED_OUT});
       w.Go(EVENT_TYPE_REFERRAL_RECEIVED, [](Event& e) { e.mutable_referral_received()->set_referral(std::string(16, 'n')); });
       w.GoAll({EVENT_TYPE_REFERRAL_RECEIVED, EVENT_TYPE_REOPENED});
     }},
    {"helped-and-closed-without-a-verifier",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_SUPPORT_ENDED, EVENT_TYPE_SUPPORT_ADDED, EVENT_TYPE_SUPPORT_ADDED, EVENT_TYPE_WORKER_ASSIGNED, EVENT_TYPE_SUPPORT_ENDED});
       w.Go(EVENT_TYPE_CLOSED, [](Event& e) { e.mutable_closed()->mutable_closing()->set_reason(CLOSING_REASON_GOALS_MET); });  // nothing was done
       w.Go(EVENT_TYPE_CLOSED);
     }},
    {"handed-over",
     [](Writer& w) {
       ToAssigned(w);
       w.Go(EVENT_TYPE_HANDED_OVER, [](Event& e) { e.mutable_handed_over()->set_worker("w-none"); });
       w.Go(EVENT_TYPE_HANDED_OVER, [&w](Event& e) { e = LeftToTheHead(w.state); });
       w.GoAll({EVENT_TYPE_WORKER_ASSIGNED, EVENT_TYPE_SUPPORT_ADDED, EVENT_TYPE_HANDED_OVER});
     }},
    {"a-hand-over",
     [](Writer& w) {
       const std::string subject = "handovers/aaaaaaaaaaaaaaaaaaaaaaaaaa";
       for (EventType type : {EVENT_TYPE_HAND_OVER_ADVANCED, EVENT_TYPE_HAND_OVER_STARTED, EVENT_TYPE_NOTE_ADDED, EVENT_TYPE_HAND_OVER_ADVANCED}) {
         w.Go(type, [&](Event& e) { e.set_subject(subject); });
       }
       w.Go(EVENT_TYPE_HAND_OVER_ADVANCED, [&](Event& e) { e.mutable_hand_over_advanced()->set_done(true); });
       w.Go(EVENT_TYPE_HAND_OVER_ADVANCED);  // is done
     }},
    {"a-months-figures",
     [](Writer& w) {
       auto of_march = [](Event& e) { e.set_subject("figures/2026-03"); };
       w.Go(EVENT_TYPE_FIGURES_FROZEN, of_march);  // the month goes on
       w.now_us = kNoonUs + 30 * 24 * kHourUs;
       w.Go(EVENT_TYPE_NOTE_ADDED, of_march);
       w.Go(EVENT_TYPE_FIGURES_FROZEN, of_march);
       w.Go(EVENT_TYPE_FIGURES_FROZEN, [](Event& e) { e.mutable_figures_frozen()->set_number(1); });  // was frozen
       w.Go(EVENT_TYPE_FIGURES_FROZEN);
     }},
    {"supervised-and-forgotten",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_SUPERVISION_NOTE_ADDED, EVENT_TYPE_FORGOTTEN});                            // is open
       w.GoAll({EVENT_TYPE_ANSWERED, EVENT_TYPE_SUPERVISION_NOTE_ADDED, EVENT_TYPE_KEYS_DESTROYED});  // nothing was forgotten
       w.Go(EVENT_TYPE_FORGOTTEN, [](Event& e) { e.mutable_forgotten()->clear_reason(); });
       w.Go(EVENT_TYPE_FORGOTTEN, [](Event& e) { e.mutable_forgotten()->add_key_ids(std::string(16, 'n')); });  // not its keys
       w.Go(EVENT_TYPE_FORGOTTEN);
       w.GoAll({EVENT_TYPE_FORGOTTEN, EVENT_TYPE_REOPENED, EVENT_TYPE_AFTER_VISIT_RECORDED, EVENT_TYPE_SUPERVISION_NOTE_ADDED});  // takes nothing more
       w.Go(EVENT_TYPE_KEYS_DESTROYED, [](Event& e) { e.mutable_keys_destroyed()->set_forgotten(std::string(16, 'n')); });
       w.GoAll({EVENT_TYPE_KEYS_DESTROYED, EVENT_TYPE_KEYS_DESTROYED});
     }},
    {"an-access-log",
     [](Writer& w) {
       const std::string subject = "accesses/aaaaaaaaaaaaaaaaaaaaaaaaaa";
       w.Go(EVENT_TYPE_NOTE_ADDED, [&](Event& e) { e.set_subject(subject); });
       w.Go(EVENT_TYPE_ACCESSED, [&](Event& e) { e.set_subject(subject); });
       w.Go(EVENT_TYPE_ACCESSED, [](Event& e) { e.mutable_accessed()->set_need("needs/bbbbbbbbbbbbbbbbbbbbbbbbbb"); });
       w.Go(EVENT_TYPE_ACCESSED, [](Event& e) { e.mutable_accessed()->clear_purpose(); });
       w.Go(EVENT_TYPE_ACCESSED, [](Event& e) { e.mutable_accessed()->clear_parts(); });
       w.GoAll({EVENT_TYPE_ACCESSED, EVENT_TYPE_SUPERVISION_NOTE_ADDED});
     }},
    {"merged-and-undone",
     [](Writer& w) {
       ToAssigned(w);
       w.GoAll({EVENT_TYPE_ABSORBING, EVENT_TYPE_ABSORBING /* void: one at a time */, EVENT_TYPE_ANSWERED /* void: not settled */});
       w.Go(EVENT_TYPE_MERGE_CONFIRMED, [](Event& e) { e.mutable_merge_confirmed()->set_absorbing(std::string(16, 'n')); });  // not this merge
       w.Go(EVENT_TYPE_MERGE_CONFIRMED, [](Event& e) { e.mutable_merge_confirmed()->mutable_judgement()->clear_urgency(); });
       w.Go(EVENT_TYPE_MERGE_CANCELLED);
       w.GoAll({EVENT_TYPE_ABSORBING, EVENT_TYPE_MERGE_CONFIRMED, EVENT_TYPE_RELEASING, EVENT_TYPE_RELEASED, EVENT_TYPE_RELEASED /* void: done */});
       w.Go(EVENT_TYPE_MERGE_REFUSED, [](Event& e) { e.mutable_merge_refused()->set_absorbing(std::string(16, 'd')); });
       w.Go(EVENT_TYPE_MERGED, [](Event& e) { e.mutable_merged()->set_absorbing(std::string(16, 'd')); });  // void: the first word stays
       w.GoAll({EVENT_TYPE_MERGED, EVENT_TYPE_NOTE_ADDED /* void: ended */, EVENT_TYPE_MERGE_REFUSED});
       w.Go(EVENT_TYPE_UNMERGED, [](Event& e) { e.clear_clocks(); });
       w.GoAll({EVENT_TYPE_UNMERGED, EVENT_TYPE_ASSESSED, EVENT_TYPE_MERGED});
     }},
    {"joined-left-and-linked",
     [](Writer& w) {
       ToOffer(w);
       w.GoAll({EVENT_TYPE_JOINED, EVENT_TYPE_LINKED, EVENT_TYPE_LINKED});
       w.Go(EVENT_TYPE_JOINED, [&w](Event& e) {
         *e.mutable_joined()->mutable_judgement() = Raise(w.state, URGENCY_CRISIS, true, true, {});
         e.mutable_joined()->mutable_judgement()->add_alerts()->set_unit("center");
       });
       w.Go(EVENT_TYPE_JOINED, [](Event& e) { e.mutable_joined()->mutable_judgement()->set_restricted(false); });  // is not unsaid
       w.Go(EVENT_TYPE_WITHDRAWN, [](Event& e) { e.mutable_withdrawn()->set_left(false); });                       // others have reported it
       w.GoAll({EVENT_TYPE_WITHDRAWN, EVENT_TYPE_WITHDRAWN /* void: a crisis, and the last one */});
     }},
    {"void-attempts",
     [](Writer& w) {
       ToOffer(w);
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [](Event& e) { e.mutable_offer_accepted()->set_offer(std::string(16, 'n')); });  // object
       w.Go(EVENT_TYPE_OFFER_EXPIRED);                                                                                  // clock: too early
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [](Event& e) { e.set_version(9); });                                             // version
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [](Event& e) { e.set_prev_digest(std::string(32, 'p')); });                      // chain
       w.Go(EVENT_TYPE_OFFER_ACCEPTED, [](Event& e) { e.mutable_urged(); });                                            // payload
       w.Go(EVENT_TYPE_GRADED);                                                                                         // life cycle
       w.Go(EVENT_TYPE_OFFER_ACCEPTED);
     }},
};

class GoldenHistories : public testing::TestWithParam<std::string> {};

TEST_P(GoldenHistories, AreJudgedAsTheyAlwaysWere) {
  auto path = golden::Folder() / "histories" / (GetParam() + ".txt");
  if (golden::Updating()) {
    Writer writer;
    kHistories.at(GetParam())(writer);
    golden::WriteText(path, Judge(writer.log));
  }
  std::string text = golden::ReadText(path);
  std::vector<std::string> log;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("event ")) continue;
    auto bytes = ParseHex(line.substr(6));
    ASSERT_TRUE(bytes) << line;
    log.push_back(*bytes);
  }
  ASSERT_GE(log.size(), 3U) << path;
  EXPECT_EQ(Judge(log), text);
}

// Every file is a test, so that a history whose code is gone is still judged.
std::vector<std::string> Names() {
  std::set<std::string> names;
  for (const auto& [name, write] : kHistories) names.insert(name);
  for (const auto& file : std::filesystem::directory_iterator(golden::Folder() / "histories")) names.insert(file.path().stem().string());
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(Epoch1, GoldenHistories, testing::ValuesIn(Names()), [](const auto& each) {
  std::string name = each.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(GoldenHistories, HoldEveryKindOfEventAndEveryStage) {
  std::set<EventType> types;
  std::set<Stage> stages;
  for (const auto& [name, write] : kHistories) {
    NeedState state;
    uint64_t offset = 0;
    std::istringstream lines(golden::ReadText(golden::Folder() / "histories" / (name + ".txt")));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("event ")) continue;
      std::string bytes = *ParseHex(line.substr(6));
      Event event;
      ASSERT_TRUE(event.ParseFromString(bytes));
      if (gridloop::Fold(state, event, {offset++, Sha256(bytes)}) == Void::kNone) types.insert(event.type());
      if (state.stage() != STAGE_UNSPECIFIED) stages.insert(state.stage());
    }
  }
  EXPECT_EQ(types.size(), AllTypes().size());
  EXPECT_EQ(stages.size(), static_cast<size_t>(kStageCount - 1));
}

}  // namespace
}  // namespace gridloop
