#include "domain/merging.h"

#include <algorithm>
#include <tuple>

#include "domain/authorise.h"

namespace gridloop {
namespace {

bool Same(const v1::ReporterRef& a, const v1::ReporterRef& b) { return a.client() == b.client() && a.reporter_ref() == b.reporter_ref(); }

v1::ReporterRef MakeRef(const std::string& client, const std::string& reporter_ref) {
  v1::ReporterRef ref;
  ref.set_client(client);
  ref.set_reporter_ref(reporter_ref);
  return ref;
}

// Who withdraws; an event that does not say means the first.
v1::ReporterRef WhoWithdraws(const NeedState& state, const Event& event) {
  const auto& payload = event.withdrawn();
  if (payload.reporter_ref().empty()) return MakeRef(state.client(), state.reporter_ref());
  return MakeRef(payload.client(), payload.reporter_ref());
}

bool Has(const google::protobuf::RepeatedPtrField<std::string>& all, const std::string& one) { return std::ranges::find(all, one) != all.end(); }

Void CheckJudgement(const NeedState& state, const v1::Judgement& judgement) {
  if (judgement.urgency() == v1::URGENCY_UNSPECIFIED) return Void::kPayload;
  if (judgement.urgency() < state.urgency()) return Void::kBarred;
  const bool becomes_crisis = judgement.urgency() == v1::URGENCY_CRISIS && state.urgency() != v1::URGENCY_CRISIS;
  if (judgement.alarm() != becomes_crisis) return Void::kPayload;
  if ((state.restricted() && !judgement.restricted()) || (state.withdrawal_barred() && !judgement.withdrawal_barred())) return Void::kBarred;
  const bool keeps_dangers = std::ranges::all_of(state.dangers(), [&](const std::string& danger) { return Has(judgement.dangers(), danger); });
  return keeps_dangers ? Void::kNone : Void::kBarred;
}

void ApplyJudgement(NeedState& state, const v1::Judgement& judgement) {
  state.set_urgency(judgement.urgency());
  state.set_restricted(judgement.restricted());
  state.set_withdrawal_barred(judgement.withdrawal_barred());
  *state.mutable_dangers() = judgement.dangers();
  if (!judgement.alerts().empty()) *state.mutable_alerts() = judgement.alerts();
}

const store::v1::AbsorbedNeed* FindAbsorbed(const NeedState& state, const std::string& need) {
  auto found = std::ranges::find(state.absorbed(), need, &store::v1::AbsorbedNeed::need);
  return found == state.absorbed().end() ? nullptr : &*found;
}

// The open merge is the one that the event names.
bool IsOpenMerge(const NeedState& state, const std::string& need, const std::string& event_id, bool releasing) {
  const auto& open = state.merging();
  return state.has_merging() && open.releasing() == releasing && open.need() == need && open.event_id() == event_id;
}

Void CheckDecision(const NeedState& state, const std::string& survivor, const std::string& event_id) {
  if (survivor.empty() || survivor == state.subject() || event_id.empty()) return Void::kPayload;
  return MergeDecisionOn(state, event_id) == nullptr ? Void::kNone : Void::kObject;  // the first word stays
}

void Decide(NeedState& state, const std::string& event_id, bool done, v1::MergeRefusal refusal = v1::MERGE_REFUSAL_UNSPECIFIED) {
  auto& decision = *state.add_merge_decisions();
  decision.set_event_id(event_id);
  decision.set_done(done);
  decision.set_refusal(refusal);
}

void AddReporter(NeedState& state, const v1::ReporterRef& who, const std::string& merged_need) {
  auto& other = *state.add_other_reporters();
  other.set_client(who.client());
  other.set_reporter_ref(who.reporter_ref());
  other.set_merged_need(merged_need);
}

template <class Keep>
void KeepReporters(NeedState& state, Keep keep) {
  auto& others = *state.mutable_other_reporters();
  others.erase(std::remove_if(others.begin(), others.end(), [&](const auto& each) { return !keep(each); }), others.end());
}

void Join(NeedState& state, const Event& event) {
  const v1::ReporterRef who = MakeRef(event.client(), event.joined().reporter_ref());
  ApplyJudgement(state, event.joined().judgement());
  if (Same(who, MakeRef(state.client(), state.reporter_ref()))) {
    state.clear_reporter_left();
  } else if (std::ranges::none_of(state.other_reporters(), [&](const auto& other) {
               return other.merged_need().empty() && other.client() == who.client() && other.reporter_ref() == who.reporter_ref();
             })) {
    AddReporter(state, who, {});
  }
}

void End(NeedState& state, const Event& event) {
  state.set_survivor(event.merged().survivor());
  state.set_unmerge_until_us(event.merged().unmerge_until_us());
  state.clear_closing_event_id();
  state.clear_verified_by_center();
  state.clear_closing_reason();
  state.clear_closing_offset();
}

void Return(NeedState& state, const Event& event) {
  state.clear_survivor();
  state.clear_unmerge_until_us();
  state.clear_stage_before_merge();
  state.clear_ended_us();
  state.set_owner(BeforeAcceptance(state) ? state.center() : state.unit());
  *state.mutable_alerts() = event.unmerged().alerts();
  if (state.stage() != v1::STAGE_HELD) return;
  state.set_held_reason(v1::HELD_REASON_UNMERGED);
  state.set_held_event_id(event.event_id());
}

// The stage at which a need returns if it is merged at this one: what waits for an answer is asked anew.
v1::Stage StageAfterUnmerge(const NeedState& state) {
  switch (state.stage()) {
    case v1::STAGE_OFFERED:
      return v1::STAGE_DISPATCHED;
    case v1::STAGE_EVALUATED:
      return state.stage_before_closing();
    case v1::STAGE_ON_HOLD:
      return state.stage_before_hold();
    case v1::STAGE_REFERRING:
      return v1::STAGE_HELD;
    default:
      return state.stage();
  }
}

}  // namespace

const store::v1::MergeDecision* MergeDecisionOn(const NeedState& state, const std::string& event_id) {
  auto found = std::ranges::find(state.merge_decisions(), event_id, &store::v1::MergeDecision::event_id);
  return found == state.merge_decisions().end() ? nullptr : &*found;
}

std::vector<v1::ReporterRef> ReportersOf(const NeedState& state) {
  std::vector<v1::ReporterRef> all;
  auto add = [&all](v1::ReporterRef who) {
    if (std::ranges::none_of(all, [&](const auto& each) { return Same(each, who); })) all.push_back(std::move(who));
  };
  if (!state.reporter_left()) add(MakeRef(state.client(), state.reporter_ref()));
  for (const auto& other : state.other_reporters()) add(MakeRef(other.client(), other.reporter_ref()));
  return all;
}

bool IsReporterOf(const NeedState& state, const std::string& client, const std::string& reporter_ref) {
  const v1::ReporterRef who = MakeRef(client, reporter_ref);
  return std::ranges::any_of(ReportersOf(state), [&](const auto& each) { return Same(each, who); });
}

bool HasReporterOfClient(const NeedState& state, const std::string& client) {
  if (client.empty()) return false;
  if (!state.reporter_left() && client == state.client()) return true;
  return std::ranges::find(state.other_reporters(), client, &store::v1::OtherReporter::client) != state.other_reporters().end();
}

bool GoesOnBefore(const NeedState& a, const NeedState& b) {
  return std::tuple(a.submitted_us(), std::string_view(a.subject())) < std::tuple(b.submitted_us(), std::string_view(b.subject()));
}

MergeMove NextMergeMove(const NeedState& survivor, const NeedState& other) {
  if (!survivor.has_merging()) return MergeMove::kNone;
  if (MergeDecisionOn(other, survivor.merging().event_id()) != nullptr) return MergeMove::kSettle;
  if (survivor.merging().releasing() || !other.has_merging()) return MergeMove::kDecide;
  // An undoing waits for nothing itself. Of needs that want each other in a ring one at least has the greater name and is refused, so that
  // nothing waits for ever.
  return other.merging().releasing() || survivor.subject() < other.subject() ? MergeMove::kWait : MergeMove::kDecide;
}

Event DecideMerge(const NeedState& survivor, const NeedState& other_head) {
  Event event;
  const auto& open = survivor.merging();
  if (open.releasing()) {
    event.set_type(v1::EVENT_TYPE_UNMERGED);
    event.mutable_unmerged()->set_survivor(survivor.subject());
    event.mutable_unmerged()->set_release(open.event_id());
  } else if (Ended(other_head) || other_head.has_merging()) {
    event.set_type(v1::EVENT_TYPE_MERGE_REFUSED);
    auto& refused = *event.mutable_merge_refused();
    refused.set_survivor(survivor.subject());
    refused.set_absorbing(open.event_id());
    refused.set_refusal(Ended(other_head) ? v1::MERGE_REFUSAL_ENDED : v1::MERGE_REFUSAL_BUSY);
  } else {
    event.set_type(v1::EVENT_TYPE_MERGED);
    event.mutable_merged()->set_survivor(survivor.subject());
    event.mutable_merged()->set_absorbing(open.event_id());
  }
  return event;
}

Event SettleMerge(const NeedState& survivor_head, const NeedState& other) {
  Event event;
  const auto& open = survivor_head.merging();
  const auto* decision = MergeDecisionOn(other, open.event_id());
  if (open.releasing()) {
    event.set_type(v1::EVENT_TYPE_RELEASED);
    event.mutable_released()->set_need(open.need());
    event.mutable_released()->set_release(open.event_id());
  } else if (decision == nullptr || !decision->done()) {
    event.set_type(v1::EVENT_TYPE_MERGE_CANCELLED);
    auto& cancelled = *event.mutable_merge_cancelled();
    cancelled.set_need(open.need());
    cancelled.set_absorbing(open.event_id());
    if (decision != nullptr) cancelled.set_refusal(decision->refusal());
  } else {
    event.set_type(v1::EVENT_TYPE_MERGE_CONFIRMED);
    auto& confirmed = *event.mutable_merge_confirmed();
    confirmed.set_need(open.need());
    confirmed.set_absorbing(open.event_id());
    for (auto& who : ReportersOf(other)) *confirmed.add_reporters() = std::move(who);
    *confirmed.mutable_judgement() = Raise(survivor_head, other.urgency(), other.restricted(), other.withdrawal_barred(), other.dangers());
    confirmed.set_unmerge_until_us(other.unmerge_until_us());
  }
  return event;
}

v1::Judgement Raise(const NeedState& head, v1::Urgency urgency, bool restricted, bool withdrawal_barred,
                    const google::protobuf::RepeatedPtrField<std::string>& dangers) {
  v1::Judgement judgement;
  judgement.set_urgency(std::max(urgency, head.urgency()));
  judgement.set_restricted(restricted || head.restricted());
  judgement.set_withdrawal_barred(withdrawal_barred || head.withdrawal_barred());
  judgement.set_alarm(judgement.urgency() == v1::URGENCY_CRISIS && head.urgency() != v1::URGENCY_CRISIS);
  *judgement.mutable_dangers() = head.dangers();
  for (const auto& danger : dangers) {
    if (!Has(judgement.dangers(), danger)) judgement.add_dangers(danger);
  }
  return judgement;
}

bool EndsNeed(const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_ANSWERED:
    case v1::EVENT_TYPE_CLOSED:
    case v1::EVENT_TYPE_REFERRAL_RECEIVED:
    case v1::EVENT_TYPE_MERGED:
      return true;
    case v1::EVENT_TYPE_WITHDRAWN:
      return !event.withdrawn().left();
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      return event.closing_verified().approved();
    default:
      return false;
  }
}

bool RaisesAlarm(const Event& event) { return event.amended().alarm() || event.joined().judgement().alarm() || event.merge_confirmed().judgement().alarm(); }

bool MayHasten(v1::EventType type) { return type == v1::EVENT_TYPE_AMENDED || type == v1::EVENT_TYPE_JOINED || type == v1::EVENT_TYPE_MERGE_CONFIRMED; }

Void CheckWithdrawn(const NeedState& state, const Event& event) {
  const v1::ReporterRef who = WhoWithdraws(state, event);
  const auto all = ReportersOf(state);
  if (std::ranges::none_of(all, [&](const auto& each) { return Same(each, who); })) return Void::kObject;
  // It lives on as long as somebody has reported it.
  const bool others = all.size() > 1;
  if (event.withdrawn().left() != others) return Void::kPayload;
  return !others && (state.withdrawal_barred() || state.urgency() == v1::URGENCY_CRISIS) ? Void::kBarred : Void::kNone;
}

void ApplyWithdrawn(NeedState& state, const Event& event) {
  if (!event.withdrawn().left()) return;
  const v1::ReporterRef who = WhoWithdraws(state, event);
  if (Same(who, MakeRef(state.client(), state.reporter_ref()))) state.set_reporter_left(true);
  KeepReporters(state, [&](const auto& other) { return other.client() != who.client() || other.reporter_ref() != who.reporter_ref(); });
}

Void CheckMerging(const NeedState& state, const Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_ABSORBING: {
      const std::string& need = event.absorbing().need();
      if (need.empty() || need == state.subject()) return Void::kPayload;
      if (state.has_merging()) return Void::kBarred;
      return FindAbsorbed(state, need) == nullptr ? Void::kNone : Void::kObject;
    }
    case v1::EVENT_TYPE_MERGED:
      if (Void wrong = CheckDecision(state, event.merged().survivor(), event.merged().absorbing()); wrong != Void::kNone) return wrong;
      return state.has_merging() ? Void::kBarred : Void::kNone;
    case v1::EVENT_TYPE_MERGE_REFUSED:
      return CheckDecision(state, event.merge_refused().survivor(), event.merge_refused().absorbing());
    case v1::EVENT_TYPE_MERGE_CONFIRMED: {
      const auto& payload = event.merge_confirmed();
      if (!IsOpenMerge(state, payload.need(), payload.absorbing(), false)) return Void::kObject;
      return CheckJudgement(state, payload.judgement());
    }
    case v1::EVENT_TYPE_MERGE_CANCELLED:
      return IsOpenMerge(state, event.merge_cancelled().need(), event.merge_cancelled().absorbing(), false) ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_JOINED:
      if (event.joined().reporter_ref().empty() || event.client().empty()) return Void::kPayload;
      return CheckJudgement(state, event.joined().judgement());
    case v1::EVENT_TYPE_UNMERGED: {
      const auto& payload = event.unmerged();
      if (payload.survivor() != state.survivor()) return Void::kObject;
      return CheckDecision(state, payload.survivor(), payload.release());
    }
    case v1::EVENT_TYPE_RELEASING: {
      const auto* absorbed = FindAbsorbed(state, event.releasing().need());
      if (absorbed == nullptr) return Void::kObject;
      if (state.has_merging()) return Void::kBarred;
      return event.logged_at_us() <= absorbed->unmerge_until_us() ? Void::kNone : Void::kClock;
    }
    case v1::EVENT_TYPE_RELEASED:
      return IsOpenMerge(state, event.released().need(), event.released().release(), true) ? Void::kNone : Void::kObject;
    case v1::EVENT_TYPE_LINKED: {
      const auto& payload = event.linked();
      if (payload.need().empty() || payload.need() == state.subject() || payload.kind() == v1::LINK_KIND_UNSPECIFIED) return Void::kPayload;
      const bool linked = std::ranges::any_of(state.links(), [&](const auto& link) { return link.need() == payload.need() && link.kind() == payload.kind(); });
      return linked == payload.removed() ? Void::kNone : Void::kObject;
    }
    default:
      return Void::kNone;
  }
}

void ApplyMerging(NeedState& state, const Event& event, v1::Stage before) {
  switch (event.type()) {
    case v1::EVENT_TYPE_ABSORBING:
    case v1::EVENT_TYPE_RELEASING: {
      auto& open = *state.mutable_merging();
      open.set_event_id(event.event_id());
      open.set_releasing(event.type() == v1::EVENT_TYPE_RELEASING);
      open.set_need(open.releasing() ? event.releasing().need() : event.absorbing().need());
      break;
    }
    case v1::EVENT_TYPE_MERGED: {
      NeedState was;
      was.set_stage(before);
      was.set_stage_before_closing(state.stage_before_closing());
      was.set_stage_before_hold(state.stage_before_hold());
      state.set_stage_before_merge(StageAfterUnmerge(was));
      Decide(state, event.merged().absorbing(), true);
      End(state, event);
      break;
    }
    case v1::EVENT_TYPE_MERGE_REFUSED:
      Decide(state, event.merge_refused().absorbing(), false, event.merge_refused().refusal());
      break;
    case v1::EVENT_TYPE_MERGE_CONFIRMED: {
      const auto& payload = event.merge_confirmed();
      ApplyJudgement(state, payload.judgement());
      for (const auto& who : payload.reporters()) AddReporter(state, who, payload.need());
      auto& absorbed = *state.add_absorbed();
      absorbed.set_need(payload.need());
      absorbed.set_unmerge_until_us(payload.unmerge_until_us());
      state.clear_merging();
      break;
    }
    case v1::EVENT_TYPE_MERGE_CANCELLED:
      state.clear_merging();
      break;
    case v1::EVENT_TYPE_JOINED:
      Join(state, event);
      break;
    case v1::EVENT_TYPE_UNMERGED:
      Decide(state, event.unmerged().release(), true);
      Return(state, event);
      break;
    case v1::EVENT_TYPE_RELEASED: {
      const std::string& need = event.released().need();
      KeepReporters(state, [&need](const auto& other) { return other.merged_need() != need; });
      auto& absorbed = *state.mutable_absorbed();
      absorbed.erase(std::ranges::find(absorbed, need, &store::v1::AbsorbedNeed::need));
      state.clear_merging();
      break;
    }
    case v1::EVENT_TYPE_LINKED: {
      const auto& payload = event.linked();
      auto& links = *state.mutable_links();
      if (payload.removed()) {
        links.erase(std::ranges::find_if(links, [&](const auto& link) { return link.need() == payload.need() && link.kind() == payload.kind(); }));
      } else {
        auto& link = *links.Add();
        link.set_need(payload.need());
        link.set_kind(payload.kind());
      }
      break;
    }
    default:
      break;
  }
}

}  // namespace gridloop
