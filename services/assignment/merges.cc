// Needs that are the same (合并), their undoing, and needs that have to do with each other. What follows from a merge is done by itself.
#include <algorithm>

#include "assignment/assignment.h"
#include "commands/hasten.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/clocks.h"
#include "domain/merging.h"
#include "domain/row_keys.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr size_t kMostReporters = 200;
constexpr int kMostLinks = 50;
constexpr int64_t kDayUs = 86'400'000'000;

std::unexpected<Error> MergeOpen() {
  return Fail(Code::kFailedPrecondition, "MERGE_OPEN", "A merge of one of the two is not settled yet, which takes a moment; send it again.",
              "其中一件的合并尚未完成，请稍后重试。");
}

std::unexpected<Error> Restricted() {
  return Fail(Code::kPermissionDenied, "NEED_RESTRICTED", "One of the two is restricted: only those assigned to it may say what it has to do with.",
              "其中一件为限制查看的需求，仅指派人员可操作。");
}

// The name of another need, which is not this one.
void CheckOther(std::string_view field, const std::string& other, const std::string& name, std::vector<FieldViolation>* violations) {
  if (!IsNeedName(other)) {
    violations->push_back({std::string(field), "must be needs/ and 26 characters of a-z and 2-7, as a list gave it"});
  } else if (other == name) {
    violations->push_back({std::string(field), "is the need itself; name another one"});
  }
}

// May the caller do this to the other need as well?
Expected<void> MayUse(const Caller& caller, const v1::Actor& actor, const NeedState& other) {
  if (auto allowed = Authorise(caller.access, actor, caller.client, other); !allowed) return allowed;
  if (MustCut(actor, other)) return Restricted();
  return {};
}

int64_t UnmergeUntil(const Snapshot* snapshot, int64_t now_us) {
  return snapshot == nullptr || snapshot->policy().unmerge_days() == 0 ? 0 : now_us + snapshot->policy().unmerge_days() * kDayUs;
}

std::unexpected<Error> Gone() { return Fail(Code::kAborted, "WANT_GONE", "The need does not call for this any more."); }

}  // namespace

void Assignment::MergeNeed(const Caller& caller, const v1::MergeNeedRequest& request, Callback<Expected<v1::MergeNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckName(request.name(), &violations);
  CheckOther("other", request.other(), request.name(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  if (!request.survivor().empty() && request.survivor() != request.name() && request.survivor() != request.other()) {
    violations.push_back({"survivor", "must be one of the two, or empty: then the earlier one goes on"});
  }
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  std::shared_ptr<const NeedState> needs[2];
  for (int i = 0; i < 2; ++i) {
    auto state = StateNow(world_, i == 0 ? request.name() : request.other());
    if (!state) return reply(std::unexpected(state.error()));
    if (!*state) return reply(std::unexpected(NeedNotFound()));
    needs[i] = *state;
  }
  // When they were submitted never changes: a retry comes to the same one.
  const int first = request.survivor().empty() ? (GoesOnBefore(*needs[0], *needs[1]) ? 0 : 1) : (request.survivor() == request.name() ? 0 : 1);
  const auto& other = needs[1 - first];
  v1::MergeNeedRequest ordered = request;  // the command runs on the survivor
  ordered.set_name(needs[first]->subject());
  ordered.set_other(other->subject());
  Event event;
  event.set_type(v1::EVENT_TYPE_ABSORBING);
  event.mutable_absorbing()->set_need(other->subject());
  event.mutable_absorbing()->set_reason(request.reason());
  const v1::Actor actor = WhoAsks(world_, caller);
  auto decide = [caller, actor, other](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
    if (auto good = MayUse(caller, actor, *other); !good) return good;
    if (MustCut(actor, head)) return Restricted();
    if (head.has_merging() || other->has_merging()) return MergeOpen();
    if (Ended(*other)) {
      Error error{Code::kFailedPrecondition,
                  "NEED_ENDED",
                  "The other need has ended, so there is nothing to merge; link the two with LinkNeeds.",
                  "另一件已办结，不能合并，可建立关联。",
                  {},
                  {{"need", other->subject()}},
                  std::nullopt};
      return std::unexpected(std::move(error));
    }
    if (ReportersOf(head).size() + ReportersOf(*other).size() > kMostReporters) {
      return Fail(Code::kResourceExhausted, "TOO_MANY_REPORTERS", "The two have more than 200 reporters together; link them with LinkNeeds.",
                  "两件的上报人合计超过上限，请改为关联。");
    }
    return TakesMore(head);
  };
  Run(world_, caller, ordered, "merge", std::move(event), {}, decide, std::move(reply));
}

void Assignment::UnmergeNeed(const Caller& caller, const v1::UnmergeNeedRequest& request, Callback<Expected<v1::UnmergeNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckOther("merged", request.merged(), request.name(), &violations);
  CheckText("reason", request.reason(), 1, 500, &violations);
  auto other = StateNow(world_, request.merged());
  if (!other) return reply(std::unexpected(other.error()));
  Event event;
  event.set_type(v1::EVENT_TYPE_RELEASING);
  event.mutable_releasing()->set_need(request.merged());
  event.mutable_releasing()->set_reason(request.reason());
  const v1::Actor actor = WhoAsks(world_, caller);
  auto decide = [caller, actor, other = *other, merged = request.merged()](const NeedState& head, const Snapshot*, int64_t now_us, Event&) -> Expected<void> {
    const auto absorbed = std::ranges::find(head.absorbed(), merged, &store::v1::AbsorbedNeed::need);
    if (!other || absorbed == head.absorbed().end()) {
      return Fail(Code::kFailedPrecondition, "NOT_MERGED", "That need is not merged into this one; get the need and look at its `merged`.",
                  "该件未并入此件，请刷新。");
    }
    if (auto good = MayUse(caller, actor, *other); !good) return good;
    if (head.has_merging()) return MergeOpen();
    if (now_us > absorbed->unmerge_until_us()) {
      return Fail(Code::kFailedPrecondition, "UNMERGE_TOO_LATE",
                  "The time for undoing the merge has passed, or the policy gives none; report anew what is a need of its own.",
                  "已超过可撤销合并的期限，请重新上报。");
    }
    return TakesMore(head);
  };
  Run(world_, caller, request, "unmerge", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::LinkNeeds(const Caller& caller, const v1::LinkNeedsRequest& request, Callback<Expected<v1::LinkNeedsResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckOther("other", request.other(), request.name(), &violations);
  if (request.kind() == v1::LINK_KIND_UNSPECIFIED || !v1::LinkKind_IsValid(request.kind())) {
    violations.push_back({"kind", "must be same-person, household or related"});
  }
  CheckText("note", request.note(), 0, 500, &violations);
  auto other = StateNow(world_, request.other());
  if (!other) return reply(std::unexpected(other.error()));
  Event event;
  event.set_type(v1::EVENT_TYPE_LINKED);
  auto& payload = *event.mutable_linked();
  payload.set_need(request.other());
  payload.set_kind(request.kind());
  payload.set_removed(request.remove());
  payload.set_note(request.note());
  const v1::Actor actor = WhoAsks(world_, caller);
  auto decide = [caller, actor, other = *other, name = request.other(), kind = request.kind()](const NeedState& head, const Snapshot*, int64_t,
                                                                                               Event& made) -> Expected<void> {
    if (!other) return Fail(Code::kFailedPrecondition, "OTHER_NOT_FOUND", "There is no such other need.", "没有找到要关联的需求。");
    if (auto good = MayUse(caller, actor, *other); !good) return good;
    if (MustCut(actor, head)) return Restricted();
    const bool linked = std::ranges::any_of(head.links(), [&](const auto& link) { return link.need() == name && link.kind() == kind; });
    if (made.linked().removed()) {
      if (linked) return {};
      return Fail(Code::kFailedPrecondition, "NOT_LINKED", "This need has no such link; where the other one shows it, take it away there.",
                  "此件没有这一关联，请刷新；如由另一件建立，请在另一件上取消。");
    }
    if (linked) return Fail(Code::kFailedPrecondition, "ALREADY_LINKED", "The two are linked like that already.", "两件已建立该关联。");
    if (head.links_size() >= kMostLinks) {
      return Fail(Code::kResourceExhausted, "TOO_MANY_LINKS", "This need has 50 links, which is all that it takes; take some away.", "该件的关联数已达上限。");
    }
    return TakesMore(head);
  };
  Run(world_, caller, request, "link", std::move(event), std::move(violations), decide, std::move(reply));
}

void Assignment::SettleOne(const std::string& subject, std::function<void(bool again_later)> done) {
  auto found = StateNow(world_, subject);
  if (!found || !*found) return done(true);
  const auto& survivor = *found;
  if (!survivor->has_merging()) return done(false);
  auto named = StateNow(world_, survivor->merging().need());
  if (!named || !*named) return done(true);
  const auto& other = *named;
  auto snapshot = world_.snapshots.Active();
  const std::string& merge = survivor->merging().event_id();
  switch (NextMergeMove(*survivor, *other)) {
    case MergeMove::kNone:
      return done(false);
    case MergeMove::kWait:
      return done(true);
    case MergeMove::kDecide: {
      // Decided at the other one's head. Whatever that log says first under this id stays: a second decision finds it and says nothing.
      auto decide = [=](const NeedState& head, int64_t now_us) -> Expected<Event> {
        if (NextMergeMove(*survivor, head) != MergeMove::kDecide) return Gone();
        Event event = DecideMerge(*survivor, head);
        if (event.has_merged()) event.mutable_merged()->set_unmerge_until_us(UnmergeUntil(snapshot.get(), now_us));
        if (!event.has_unmerged()) return event;
        *event.add_clocks() = StartClock(snapshot.get(), StageClock(head.stage_before_merge()), head, now_us);
        if (head.urgency() != v1::URGENCY_CRISIS || snapshot == nullptr) return event;
        for (v1::Alert& alert : WhomItRings(*snapshot, head, now_us)) *event.mutable_unmerged()->add_alerts() = std::move(alert);
        return event;
      };
      return React(world_, snapshot, other->subject(), merge, "merge", "assignment", decide, std::move(done));
    }
    case MergeMove::kSettle: {
      auto settle = [=](const NeedState& head, int64_t now_us) -> Expected<Event> {
        if (!head.has_merging() || head.merging().event_id() != survivor->merging().event_id()) return Gone();
        Event event = SettleMerge(head, *other);
        if (event.has_merge_confirmed()) ActOn(snapshot.get(), head, now_us, event.mutable_merge_confirmed()->mutable_judgement(), &event);
        return event;
      };
      return React(world_, snapshot, subject, merge, "settle-merge", "assignment", settle, std::move(done));
    }
  }
}

}  // namespace gridloop
