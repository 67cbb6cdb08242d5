// Says from the history of a need alone what may come next and where the need then stands. Told in facts ("a worker has been
// assigned since the last recall"), not in stages, so that it knows nothing of the table that it checks.
#pragma once

#include <algorithm>
#include <vector>

#include "gridloop/v1/event.pb.h"

namespace gridloop::histories {

class HistoryOracle {
 public:
  struct Step {
    v1::EventType type;
    bool approved = false;     // of a closing or a hold
    bool casework = false;     // of an assessment
    bool direct = false;       // of an acceptance by the worker who is assigned thereby
    bool moved = false;        // of an amendment: the place is another one
    bool left = false;         // of a hand-over: nobody takes over
    bool others_stay = false;  // of a withdrawal: others have reported it too
  };

  static Step StepOf(const v1::Event& event) {
    return {event.type(),
            event.closing_verified().approved() || event.hold_decided().approved(),
            event.assessed().casework(),
            !event.offer_accepted().worker().empty(),
            event.amended().reroute(),
            event.has_handed_over() && event.handed_over().successor().empty(),
            event.withdrawn().left()};
  }

  void Add(const Step& step) {
    history_.push_back(step);
    if (step.type == v1::EVENT_TYPE_REOPENED) {  // as if its unit had accepted it just now
      current_ = {{v1::EVENT_TYPE_OFFER_ACCEPTED}};
      return;
    }
    if (step.type == v1::EVENT_TYPE_UNMERGED) return Return();
    if (step.others_stay) return;
    if (step.type == v1::EVENT_TYPE_RECALLED || step.type == v1::EVENT_TYPE_REFERRED_OUT || step.moved) current_.clear();  // the work begins anew
    current_.push_back(step);
  }

  // Whether a well-formed event of this type belongs here.
  bool May(v1::EventType type) const {
    using namespace v1;
    if (type == EVENT_TYPE_SUBMITTED) return history_.empty();
    if (history_.empty()) return false;
    if (type == EVENT_TYPE_ACCESSED) return false;  // of another subject
    if (type == EVENT_TYPE_SUPERVISION_NOTE_ADDED) return true;
    if (type == EVENT_TYPE_FORGOTTEN || type == EVENT_TYPE_KEYS_DESTROYED) return Ended();
    if (type == EVENT_TYPE_MERGE_REFUSED) return true;
    if (type == EVENT_TYPE_UNMERGED) return Has(EVENT_TYPE_MERGED);
    bool after_closing = type == EVENT_TYPE_REOPENED || type == EVENT_TYPE_AFTER_VISIT_RECORDED;
    if (Ended() || after_closing)
      return after_closing && Ended() && !Has(EVENT_TYPE_WITHDRAWN) && !Has(EVENT_TYPE_REFERRAL_RECEIVED) && !Has(EVENT_TYPE_MERGED);
    bool accepted = Has(EVENT_TYPE_OFFER_ACCEPTED);
    bool working = accepted && !ClosingWaits() && !OnHold();
    EventType place = LastOf({EVENT_TYPE_SUBMITTED, EVENT_TYPE_HELD, EVENT_TYPE_RECALLED, EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_DECLINED,
                              EVENT_TYPE_OFFER_EXPIRED, EVENT_TYPE_REFERRED_OUT, EVENT_TYPE_REFERRAL_RETURNED});
    bool to_be_routed =
        place == EVENT_TYPE_UNSPECIFIED || place == EVENT_TYPE_SUBMITTED || place == EVENT_TYPE_OFFER_DECLINED || place == EVENT_TYPE_OFFER_EXPIRED;
    bool at_centre = place == EVENT_TYPE_HELD || place == EVENT_TYPE_RECALLED || place == EVENT_TYPE_REFERRAL_RETURNED;
    bool outside = place == EVENT_TYPE_REFERRED_OUT;
    switch (type) {
      case EVENT_TYPE_NOTE_ADDED:
      case EVENT_TYPE_EMERGENCY_RECORDED:
      case EVENT_TYPE_URGED:
      case EVENT_TYPE_ESCALATED:
      case EVENT_TYPE_AMENDED:
      case EVENT_TYPE_HANDED_OVER:
      case EVENT_TYPE_ABSORBING:
      case EVENT_TYPE_MERGED:
      case EVENT_TYPE_MERGE_CONFIRMED:
      case EVENT_TYPE_MERGE_CANCELLED:
      case EVENT_TYPE_RELEASING:
      case EVENT_TYPE_RELEASED:
      case EVENT_TYPE_JOINED:
      case EVENT_TYPE_LINKED:
        return true;
      case EVENT_TYPE_REFERRED_OUT:
        return working || (!accepted && at_centre);
      case EVENT_TYPE_REFERRAL_RECEIVED:
      case EVENT_TYPE_REFERRAL_RETURNED:
        return !accepted && outside;
      case EVENT_TYPE_CLOSED:
      case EVENT_TYPE_SUPPORT_ADDED:
        return working;
      case EVENT_TYPE_SUPPORT_ENDED:
        return accepted;
      case EVENT_TYPE_OBLIGATION_PROPOSED:
      case EVENT_TYPE_OBLIGATION_ACCEPTED:
      case EVENT_TYPE_OBLIGATION_DECLINED:
      case EVENT_TYPE_OBLIGATION_PROGRESSED:
      case EVENT_TYPE_OBLIGATION_FULFILLED:
      case EVENT_TYPE_OBLIGATION_WAIVED:
        return !ClosingWaits();  // which waited for the plan
      case EVENT_TYPE_INFORMATION_REQUESTED:
      case EVENT_TYPE_INFORMATION_PROVIDED:
        return working || (!accepted && at_centre);
      case EVENT_TYPE_RESUMED:
        return working || OnHold() || (!accepted && at_centre);
      case EVENT_TYPE_TRANSFER_PROPOSED:
      case EVENT_TYPE_TRANSFERRED:
      case EVENT_TYPE_TRANSFER_DECLINED:
      case EVENT_TYPE_EXTENSION_REQUESTED:
      case EVENT_TYPE_EXTENSION_DECIDED:
      case EVENT_TYPE_HOLD_REQUESTED:
      case EVENT_TYPE_HOLD_DECIDED:
        return working;
      case EVENT_TYPE_ASSESSMENT_REVISED:
        return working && Has(EVENT_TYPE_ASSESSED);
      case EVENT_TYPE_PLAN_REVISED:
        return working && IsPlanned();
      case EVENT_TYPE_RECALLED:  // what the centre holds it need not take back
        return accepted || !at_centre;
      case EVENT_TYPE_HELD:
        return !accepted && to_be_routed;
      case EVENT_TYPE_DISPATCHED:
        return !accepted && (to_be_routed || at_centre);
      case EVENT_TYPE_OFFERED:
        return !accepted && place == EVENT_TYPE_DISPATCHED;
      case EVENT_TYPE_OFFER_ACCEPTED:
      case EVENT_TYPE_OFFER_DECLINED:
      case EVENT_TYPE_OFFER_EXPIRED:
        return !accepted && place == EVENT_TYPE_OFFERED;
      case EVENT_TYPE_WITHDRAWN:
        return !accepted && !outside;
      case EVENT_TYPE_WORKER_ASSIGNED:
      case EVENT_TYPE_CLOSING_REQUESTED:
        return working;
      case EVENT_TYPE_ANSWERED:
        return working && !Has(EVENT_TYPE_ASSESSED);
      case EVENT_TYPE_ASSESSED:
        return working && HasWorker() && !Has(EVENT_TYPE_ASSESSED);
      case EVENT_TYPE_GRADED:
        return working && IsCasework() && !Has(EVENT_TYPE_GRADED);
      case EVENT_TYPE_PLANNED:
        return working && Has(EVENT_TYPE_GRADED) && !Has(EVENT_TYPE_PLANNED);
      case EVENT_TYPE_SERVICE_RECORDED:
        return working && IsPlanned();
      case EVENT_TYPE_FOLLOW_UP_RECORDED:
        return working && Has(EVENT_TYPE_SERVICE_RECORDED);
      case EVENT_TYPE_CLOSING_VERIFIED:
        return accepted && ClosingWaits();
      default:
        return false;
    }
  }

  v1::Stage Stage() const {
    using namespace v1;
    if (history_.empty()) return STAGE_UNSPECIFIED;
    if (Has(EVENT_TYPE_MERGED)) return STAGE_MERGED;
    if (Ended()) return Has(EVENT_TYPE_WITHDRAWN) ? STAGE_WITHDRAWN : Has(EVENT_TYPE_REFERRAL_RECEIVED) ? STAGE_REFERRED_OUT : STAGE_CLOSED;
    if (ClosingWaits()) return STAGE_EVALUATED;
    if (OnHold()) return STAGE_ON_HOLD;
    if (Has(EVENT_TYPE_OFFER_ACCEPTED)) {
      EventType given = LastOf({EVENT_TYPE_SERVICE_RECORDED, EVENT_TYPE_FOLLOW_UP_RECORDED});
      if (given != EVENT_TYPE_UNSPECIFIED) return given == EVENT_TYPE_SERVICE_RECORDED ? STAGE_IN_SERVICE : STAGE_FOLLOW_UP;
      if (IsPlanned()) return STAGE_PLANNED;
      if (Has(EVENT_TYPE_GRADED)) return STAGE_GRADED;
      if (Has(EVENT_TYPE_ASSESSED)) return STAGE_ASSESSED;
      return HasWorker() ? STAGE_ASSIGNED : STAGE_ACCEPTED;
    }
    switch (LastOf({EVENT_TYPE_HELD, EVENT_TYPE_RECALLED, EVENT_TYPE_DISPATCHED, EVENT_TYPE_OFFERED, EVENT_TYPE_OFFER_DECLINED, EVENT_TYPE_OFFER_EXPIRED,
                    EVENT_TYPE_REFERRED_OUT, EVENT_TYPE_REFERRAL_RETURNED})) {
      case EVENT_TYPE_REFERRED_OUT:
        return STAGE_REFERRING;
      case EVENT_TYPE_HELD:
      case EVENT_TYPE_RECALLED:
      case EVENT_TYPE_REFERRAL_RETURNED:
        return STAGE_HELD;
      case EVENT_TYPE_DISPATCHED:
        return STAGE_DISPATCHED;
      case EVENT_TYPE_OFFERED:
        return STAGE_OFFERED;
      default:
        return STAGE_SUBMITTED;
    }
  }

  bool Ended() const {
    return std::ranges::any_of(current_, [](const Step& step) {
      return step.type == v1::EVENT_TYPE_ANSWERED || step.type == v1::EVENT_TYPE_WITHDRAWN || step.type == v1::EVENT_TYPE_CLOSED ||
             step.type == v1::EVENT_TYPE_REFERRAL_RECEIVED || step.type == v1::EVENT_TYPE_MERGED ||
             (step.type == v1::EVENT_TYPE_CLOSING_VERIFIED && step.approved);
    });
  }

 private:
  // As before the merge, but that what waited for an answer is asked anew.
  void Return() {
    std::erase_if(current_, [](const Step& step) { return step.type == v1::EVENT_TYPE_MERGED; });
    const bool offered = !Has(v1::EVENT_TYPE_OFFER_ACCEPTED) && Stage() == v1::STAGE_OFFERED;
    if (offered) current_.push_back({v1::EVENT_TYPE_DISPATCHED});
    if (ClosingWaits()) current_.push_back({v1::EVENT_TYPE_CLOSING_VERIFIED});
    if (OnHold()) current_.push_back({v1::EVENT_TYPE_RESUMED});
  }
  bool Has(v1::EventType type) const { return std::ranges::find(current_, type, &Step::type) != current_.end(); }
  v1::EventType LastOf(std::initializer_list<v1::EventType> types) const {
    for (auto step = current_.rbegin(); step != current_.rend(); ++step) {
      if (std::ranges::find(types, step->type) != types.end()) return step->type;
    }
    return v1::EVENT_TYPE_UNSPECIFIED;
  }
  bool ClosingWaits() const { return LastOf({v1::EVENT_TYPE_CLOSING_REQUESTED, v1::EVENT_TYPE_CLOSING_VERIFIED}) == v1::EVENT_TYPE_CLOSING_REQUESTED; }
  bool OnHold() const {
    for (auto step = current_.rbegin(); step != current_.rend(); ++step) {
      if (step->type == v1::EVENT_TYPE_RESUMED) return false;
      if (step->type == v1::EVENT_TYPE_HOLD_DECIDED && step->approved) return true;
    }
    return false;
  }
  bool HasWorker() const {
    for (auto step = current_.rbegin(); step != current_.rend(); ++step) {
      if (step->type == v1::EVENT_TYPE_TRANSFERRED || step->left) return false;
      if (step->type == v1::EVENT_TYPE_WORKER_ASSIGNED || step->direct) return true;
    }
    return false;
  }
  bool IsCasework() const {
    return std::ranges::any_of(current_, [](const Step& step) { return step.type == v1::EVENT_TYPE_ASSESSED && step.casework; });
  }
  bool IsPlanned() const { return Has(v1::EVENT_TYPE_PLANNED) || (Has(v1::EVENT_TYPE_ASSESSED) && !IsCasework()); }

  std::vector<Step> history_;
  std::vector<Step> current_;  // since the work last began anew: a recall, a referral, another place, a reopening
};

}  // namespace gridloop::histories
