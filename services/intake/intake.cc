#include "intake/intake.h"

#include <algorithm>

#include "commands/change_feed.h"
#include "commands/merges.h"
#include "commands/person_index.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/merging.h"
#include "domain/reporter_stage.h"
#include "domain/row_keys.h"
#include "domain/rpc_status.h"
#include "intake/judge.h"
#include "sealing/ids.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

// More than anybody urges by hand; an app that does it in a loop must not let the need's state grow without end.
constexpr uint32_t kMostUrgings = 200;
constexpr char kAnswerStep[] = "请补充所问的情况，以便继续办理。";
constexpr char kForgottenStep[] = "本件已办结，个人信息已按规定删除。";

const char* NextStepText(v1::ReporterStage stage) {
  switch (stage) {
    case v1::REPORTER_STAGE_RECEIVED:
      return kNextStep;
    case v1::REPORTER_STAGE_DISPATCHED:
      return "已派给社工站，等待接单。";
    case v1::REPORTER_STAGE_IN_SERVICE:
      return "社工正在跟进。";
    default:
      return "本件已办结。";
  }
}

// By the log, not by this attempt: a retry on another day keeps its number. Without a state it is only known to be durable.
v1::SubmitNeedResponse Received(const std::string& subject, Position position, const NeedState* state) {
  v1::SubmitNeedResponse response;
  response.set_name(subject);
  response.set_next_step(kNextStep);
  response.set_position(ToText(position));
  if (state == nullptr) return response;
  response.set_number(state->number());
  response.set_urgency(state->urgency());
  *response.mutable_submit_time() = ToTimestamp(state->submitted_us());
  if (state->urgency() == v1::URGENCY_CRISIS) response.set_emergency_advice(kCrisisAdvice);
  return response;
}

Error TooManyNeeds(int64_t wait_us) {
  return {Code::kResourceExhausted,
          "TOO_MANY_NEEDS",
          "This credential has reported as many needs as it may in a minute; nothing was written. Wait and send the same again.",
          "上报过于频繁，请稍后用同一请求编号重新提交。",
          {},
          {},
          wait_us};
}

}  // namespace

Expected<std::shared_ptr<const NeedState>> Intake::Taken(const Event& event) const {
  auto before = StateNow(world_, event.subject());
  if (!before || *before == nullptr) return before;
  const auto& first = (*before)->applied(0);
  return first.event_id() == event.event_id() && first.body_mac() == event.body_mac() ? *before : nullptr;
}

void Intake::SubmitNeed(const Caller& caller, const v1::SubmitNeedRequest& request, Callback<Expected<v1::SubmitNeedResponse>> reply) {
  auto snapshot = world_.snapshots.Active();
  int64_t now_us = world_.clock.WallUs();
  std::vector<FieldViolation> violations;
  CheckRequestId(request.request_id(), &violations);
  CheckReport(request.report(), snapshot.get(), now_us, &violations);
  Event event;
  event.set_subject(NeedSubject(caller.client, request.request_id()));
  event.set_event_id(EventIdFor(event.subject(), caller.client, request.request_id(), "submit"));
  event.set_body_mac(world_.secret.BodyMac(request));
  if (auto refused = Refuse(std::move(violations))) {
    // Some of it depends on the directory or the clock: what has been taken stays taken.
    auto before = Taken(event);
    if (!before) return reply(std::unexpected(std::move(before.error())));
    if (*before == nullptr) return reply(std::unexpected(std::move(*refused)));
    return reply(Received((*before)->subject(), {0, (*before)->applied(0).offset()}, before->get()));
  }
  event.set_request_id(request.request_id());
  event.set_type(v1::EVENT_TYPE_SUBMITTED);
  FillEnvelope(caller, snapshot.get(), now_us, &event);
  if (request.report().has_observe_time()) event.set_occurred_at_us(FromTimestamp(request.report().observe_time()));
  v1::Submitted& submitted = *event.mutable_submitted();
  v1::Report& report = *submitted.mutable_report();
  report = request.report();
  if (report.type().empty()) report.set_type("other");
  submitted.set_reporter_ref(world_.secret.ReporterRef(caller.client, report.reporter().reference()));
  const std::string person = PersonRefOf(world_.secret, report.subject());
  submitted.set_person_ref(person);
  const Judged judged = JudgeReport(report, snapshot.get(), now_us);
  if (judged.urgency != v1::URGENCY_CRISIS) {
    if (auto wait_us = quota_.Take(caller.actor.principal(), world_.clock.MonotonicUs())) {
      // Whoever sends again what was taken hears so, also now.
      auto before = Taken(event);
      if (!before || *before == nullptr) return reply(std::unexpected(before ? TooManyNeeds(*wait_us) : std::move(before.error())));
      return reply(Received((*before)->subject(), {0, (*before)->applied(0).offset()}, before->get()));
    }
  }
  const bool minor = IsAboutMinor(report, now_us);
  std::string date;
  submitted.set_center("center");
  if (snapshot) {
    submitted.set_center(snapshot->center());
    submitted.set_community(snapshot->CommunityOf(report.location().grid_code(), now_us));
    date = snapshot->calendar().LocalDate(now_us);
  } else {
    date = WorkCalendar().LocalDate(now_us);
  }
  submitted.set_urgency(judged.urgency);
  submitted.set_restricted(judged.restricted || minor);
  submitted.set_withdrawal_barred(judged.withdrawal_barred || minor);
  submitted.set_number(SpeakableNumber(date, event.subject()));
  NeedState facts;
  facts.set_urgency(judged.urgency);
  auto& clock = *event.add_clocks();
  clock = StartClock(snapshot.get(), v1::CLOCK_KIND_ROUTING, facts, now_us);
  clock.set_start_us(now_us);  // the ledger sets the time of the event later, so this one must say from when it counted

  auto key = world_.keys.Take();
  if (!key) return reply(std::unexpected(key.error()));
  if (auto sealed = SealEvent(&event, *key, world_.ids); !sealed) return reply(std::unexpected(sealed.error()));
  std::string subject = event.subject();
  world_.ledger.Append(std::move(event), caller.deadline_us, [this, subject, person, reply = std::move(reply)](Expected<Position> position) mutable {
    if (!position) return reply(std::unexpected(position.error()));
    if (world_.persons != nullptr) world_.persons->Note(subject, person);
    world_.view.Get(subject, std::nullopt, [subject, at = *position, reply = std::move(reply)](Expected<std::shared_ptr<const NeedState>> state) mutable {
      reply(Received(subject, at, state ? state->get() : nullptr));
    });
  });
}

Expected<std::string> Intake::ClosingSentence(const NeedState& state, bool* forgotten) const {
  *forgotten = state.forgotten_us() != 0;
  if ((state.stage() != v1::STAGE_CLOSED && state.stage() != v1::STAGE_REFERRED_OUT) || *forgotten) return std::string();
  auto event = ReadOpened(world_, state.closing_offset(), forgotten);
  if (!event) return std::unexpected(event.error());
  if (event->has_referral_received()) return event->referral_received().reporter_sentence();
  if (event->has_closed()) return event->closed().closing().reporter_sentence();
  return event->has_answered() ? event->answered().closing().reporter_sentence() : event->closing_requested().closing().reporter_sentence();
}

Expected<std::string> Intake::Question(const NeedState& state) const {
  if (state.information_event_id().empty()) return std::string();
  auto event = ReadOpened(world_, state.information_offset());
  if (!event) return std::unexpected(event.error());
  return event->information_requested().question();
}

Expected<v1::ReporterNeed> Intake::ViewNow(const std::shared_ptr<const NeedState>& named) const {
  auto survivor = EndOfMerges(world_, named);
  if (!survivor) return std::unexpected(survivor.error());
  return View(*named, **survivor);
}

// What was merged is told of as what goes on for it, `state`.
Expected<v1::ReporterNeed> Intake::View(const NeedState& named, const NeedState& state) const {
  bool forgotten = false;
  auto sentence = ClosingSentence(state, &forgotten);
  if (!sentence) return std::unexpected(sentence.error());
  auto question = Question(state);
  if (!question) return std::unexpected(question.error());
  v1::ReporterNeed need;
  need.set_name(named.subject());
  need.set_number(named.number());
  if (named.stage() == v1::STAGE_MERGED) need.set_survivor(state.subject());
  need.set_stage(ReporterStageOf(state.stage()));
  need.set_stage_text(TextOf(need.stage()));
  need.set_next_step(NextStepText(need.stage()));
  need.set_etag(std::to_string(state.version()));  // commands follow the merge
  need.set_position(ToText({0, named.head_offset()}));
  need.set_conflicted(named.conflict_count() > 0);
  *need.mutable_submit_time() = ToTimestamp(named.submitted_us());
  const bool barred = state.withdrawal_barred() && ReportersOf(state).size() < 2;
  need.set_withdrawable(LifeCycle::Standard().Allows(state.stage(), v1::EVENT_TYPE_WITHDRAWN) && !barred);
  need.set_closing_sentence(std::move(*sentence));
  need.set_forgotten(forgotten);
  if (forgotten) need.set_next_step(kForgottenStep);
  if (!state.information_event_id().empty()) {
    need.set_next_step(kAnswerStep);
    need.set_question(std::move(*question));
    need.set_information(Base32(state.information_event_id()));
  }
  if (auto snapshot = world_.snapshots.Active()) {
    const v1::Unit* unit = snapshot->FindUnit(state.unit().empty() ? state.center() : state.unit());
    if (unit != nullptr) {
      need.set_unit_display_name(unit->display_name());
      need.set_unit_phone(unit->phone());
    }
    if (const auto* next = NextClock(state)) need.set_expected_date(snapshot->calendar().LocalDate(next->start().due_us()));
  }
  return need;
}

void Intake::SubmitNeeds(const Caller& caller, std::shared_ptr<Conversation<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>> conversation) {
  // The server reads no further item while many are unanswered, so what is in flight here is bounded.
  std::weak_ptr<Conversation<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>> weak = conversation;
  conversation->OnHalfClose([conversation] { conversation->Finish(); });
  conversation->OnUnreadable([weak](const v1::SubmitNeedsRequest& readable, const Error& error) {
    auto open = weak.lock();
    if (!open) return;
    v1::SubmitNeedsResponse response;
    // Its id, if that came before what cannot be read; the error says which of the stream's messages it was.
    std::vector<FieldViolation> violations;
    CheckRequestId(readable.item().request_id(), &violations);
    if (violations.empty()) response.set_request_id(readable.item().request_id());
    *response.mutable_error() = ToRpcStatus(error);
    open->Write(response);
  });
  conversation->OnMessage([this, caller, weak](const v1::SubmitNeedsRequest& request) {
    auto open = weak.lock();
    if (!open) return;
    SubmitNeed(caller, request.item(), [open, request_id = request.item().request_id()](Expected<v1::SubmitNeedResponse> outcome) {
      v1::SubmitNeedsResponse response;
      response.set_request_id(request_id);
      if (outcome) {
        *response.mutable_response() = std::move(*outcome);
      } else {
        *response.mutable_error() = ToRpcStatus(outcome.error());
      }
      open->Write(response);
    });
  });
}

void Intake::GetNeed(const Caller& caller, const v1::IntakeServiceGetNeedRequest& request, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply) {
  auto read = CheckRead(world_, request.name(), request.at_least(), {}, caller.client);
  if (!read) return reply(std::unexpected(read.error()));
  world_.view.Get(read->subject, read->at_least, [this, caller, reply = std::move(reply)](Expected<std::shared_ptr<const NeedState>> state) mutable {
    if (!state) return reply(std::unexpected(state.error()));
    if (auto allowed = Authorise(caller.access, caller.actor, caller.client, **state); !allowed) return reply(std::unexpected(allowed.error()));
    FindEndOfMerges(world_, *state, [this, named = *state, reply = std::move(reply)](Expected<std::shared_ptr<const NeedState>> survivor) mutable {
      if (!survivor) return reply(std::unexpected(survivor.error()));
      auto need = View(*named, **survivor);
      if (!need) return reply(std::unexpected(need.error()));
      v1::IntakeServiceGetNeedResponse response;
      *response.mutable_need() = std::move(*need);
      reply(std::move(response));
    });
  });
}

void Intake::ListNeeds(const Caller& caller, const v1::ListNeedsRequest& request, Callback<Expected<v1::ListNeedsResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("reporter_reference", request.reporter_reference(), 0, 128, &violations);
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  std::string prefix = rows::ClientPrefix(caller.client);
  if (!request.reporter_reference().empty()) {
    prefix = rows::ReporterPrefix(caller.client, world_.secret.ReporterRef(caller.client, request.reporter_reference()));
  }
  std::string query = "ListNeeds " + prefix;
  auto after = world_.secret.ParsePageToken(query, request.page_token());
  if (!after) violations.push_back({"page_token", "is not of this list; start again without one"});
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  auto page = ReadRows(world_.view, prefix, *after, PageSize(request.page_size()), at_least);
  if (!page) return reply(std::unexpected(std::move(page.error())));
  v1::ListNeedsResponse response;
  for (const Row& row : page->rows) {
    auto state = StateNow(world_, rows::SubjectOf(row.key));
    if (!state) return reply(std::unexpected(std::move(state.error())));
    if (!*state) continue;
    auto need = ViewNow(*state);
    if (!need) return reply(std::unexpected(need.error()));
    *response.add_needs() = std::move(*need);
  }
  response.set_next_page_token(world_.secret.PageToken(query, page->next_key));
  reply(std::move(response));
}

void Intake::WatchNeeds(const Caller& caller, const v1::WatchNeedsRequest& request, std::shared_ptr<Sink<v1::WatchNeedsResponse>> sink) {
  std::string query = "WatchNeeds " + caller.client;
  auto after = world_.secret.ParsePageToken(query, request.resume_token());
  if (!after) return sink->Finish(Refuse({{"resume_token", "is not of this watch; start again without one"}}));
  Follow<v1::WatchNeedsResponse>(
      world_, pumps_, rows::ClientChangePrefix(caller.client), *after,
      [this, query](const NeedState& state, bool, const std::string& key) -> Expected<std::optional<v1::WatchNeedsResponse>> {
        auto need = state.stage() == v1::STAGE_MERGED ? ViewNow(std::make_shared<const NeedState>(state)) : View(state, state);
        if (!need) return std::unexpected(need.error());
        v1::WatchNeedsResponse change;
        *change.mutable_need() = std::move(*need);
        change.set_resume_token(world_.secret.PageToken(query, key));
        return change;
      },
      sink);
}

void Intake::WithdrawNeed(const Caller& caller, const v1::WithdrawNeedRequest& request, Callback<Expected<v1::WithdrawNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("reason", request.reason(), 0, 500, &violations);
  CheckText("reporter_reference", request.reporter_reference(), 0, 128, &violations);
  // Who withdraws: whom the app says, else its only reporter of the need that it names.
  std::string said;
  if (!request.reporter_reference().empty()) said = world_.secret.ReporterRef(caller.client, request.reporter_reference());
  auto withdraw = [this, caller, request, said, violations = std::move(violations), reply = std::move(reply)](Expected<Followed> target) mutable {
    if (!target) return reply(std::unexpected(target.error()));
    std::string reporter = said;
    if (said.empty() && target->named) {
      for (const auto& who : ReportersOf(*target->named)) {
        if (who.client() != caller.client) continue;
        reporter = reporter.empty() ? who.reporter_ref() : "several";
      }
    }
    v1::WithdrawNeedRequest followed = request;
    followed.set_name(target->subject);
    Event event;
    event.set_type(v1::EVENT_TYPE_WITHDRAWN);
    event.mutable_withdrawn()->set_reason(request.reason());
    event.mutable_withdrawn()->set_client(caller.client);
    auto decide = [reporter, client = caller.client](const NeedState& head, const Snapshot*, int64_t, Event& made) -> Expected<void> {
      if (reporter == "several") {
        return Fail(Code::kFailedPrecondition, "SAY_WHICH_REPORTER",
                    "Several reporters of this app have reported it: say which one withdraws, reporter_reference.",
                    "本应用有多位上报人上报过此件，请注明由谁撤销。");
      }
      if (!IsReporterOf(head, client, reporter)) {
        return Fail(Code::kFailedPrecondition, "NOT_ITS_REPORTER", "This reporter has not reported it, or has withdrawn already; get the need.",
                    "该上报人未上报此件或已撤销。");
      }
      made.mutable_withdrawn()->set_reporter_ref(reporter);
      // It goes on as long as somebody has reported it.
      made.mutable_withdrawn()->set_left(ReportersOf(head).size() > 1);
      if (!made.withdrawn().left() && (head.withdrawal_barred() || head.urgency() == v1::URGENCY_CRISIS)) {
        return Fail(Code::kFailedPrecondition, "WITHDRAWAL_BARRED", "A crisis or a minor's need cannot be withdrawn; call the unit.",
                    "危机或涉未成年人的需求不能撤销，请电话联系。");
      }
      return {};
    };
    Run(world_, caller, followed, "withdraw", std::move(event), std::move(violations), decide, std::move(reply));
  };
  FollowMerges(world_, caller, request.name(), request.request_id(), "withdraw", true, std::move(withdraw));
}

void Intake::UrgeNeed(const Caller& caller, const v1::UrgeNeedRequest& request, Callback<Expected<v1::UrgeNeedResponse>> reply) {
  std::vector<FieldViolation> violations;
  CheckText("text", request.text(), 0, 500, &violations);
  auto urge = [this, caller, request, violations = std::move(violations), reply = std::move(reply)](Expected<Followed> target) mutable {
    if (!target) return reply(std::unexpected(target.error()));
    v1::UrgeNeedRequest followed = request;
    followed.set_name(target->subject);
    Event event;
    event.set_type(v1::EVENT_TYPE_URGED);
    event.mutable_urged()->set_text(request.text());
    auto decide = [](const NeedState& head, const Snapshot*, int64_t, Event&) -> Expected<void> {
      if (head.urgings() < kMostUrgings) return {};
      return Fail(Code::kResourceExhausted, "TOO_MANY_URGINGS", "This need has been urged 200 times, which is all that it takes; call its unit or the centre.",
                  "催办次数已达上限，请直接电话联系承办单位或中心。");
    };
    Run(world_, caller, followed, "urge", std::move(event), std::move(violations), decide, std::move(reply));
  };
  FollowMerges(world_, caller, request.name(), request.request_id(), "urge", true, std::move(urge));
}

}  // namespace gridloop
