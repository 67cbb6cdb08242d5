// Whether something like it is open already, and joining that instead of reporting it a second time.
#include <algorithm>
#include <cctype>
#include <tuple>

#include "commands/hasten.h"
#include "commands/merges.h"
#include "commands/person_index.h"
#include "commands/run.h"
#include "domain/authorise.h"
#include "domain/merging.h"
#include "domain/row_keys.h"
#include "intake/intake.h"
#include "intake/judge.h"
#include "sealing/ids.h"

namespace gridloop {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kTokenUs = kDayUs;
constexpr int kRowsLookedAt = 500;  // of one place and type
constexpr size_t kNeedsOfPerson = 100;
constexpr size_t kMostDuplicates = 20;
constexpr size_t kMostReporters = 100;
constexpr size_t kTimeBytes = 8;

std::string TokenQuery(const std::string& client) { return "JoinNeed " + client; }

// Where something is and of which type, as the rows know it.
struct What {
  std::string community;  // or the grid code where none is known
  std::string cell;       // through aliases; empty if only the community is known
  std::string institution;
  std::string type;
};

What WhatOf(const Snapshot& snapshot, int64_t now_us, const std::string& grid_code, const std::string& community, const std::string& institution,
            const std::string& type) {
  What what;
  what.community = community.empty() ? grid_code : community;
  const std::string resolved = snapshot.ResolveGridCode(grid_code, now_us);
  what.cell = resolved == community ? std::string() : resolved;
  what.institution = institution;
  what.type = type.empty() ? "other" : type;
  return what;
}

// Of one place and type: in the same institution, else in the same cell where both are known.
bool Similar(const What& a, const What& b) {
  if (a.type != b.type || a.institution != b.institution) return false;
  if (!a.institution.empty()) return true;
  return a.community == b.community && (a.cell.empty() || b.cell.empty() || a.cell == b.cell);
}

struct Candidate {
  std::shared_ptr<const NeedState> state;
  bool same_person = false;
  bool same_place = false;
  bool same_cell = false;
};

// What staff may see of needs that they do not look for by name.
bool MayFind(const v1::Actor& actor, const std::string& client, const NeedState& state) {
  const bool theirs = IsCentreStaff(actor) || Related(v1::RELATION_OWN_UNIT, actor, client, state) || Related(v1::RELATION_ASSIGNED, actor, client, state);
  return theirs && !MustCut(actor, state);
}

Expected<void> PersonsAreKnown(World& world) {
  if (world.persons != nullptr && world.persons->Ready()) return {};
  Error error{Code::kUnavailable,
              "PERSONS_NOT_READY",
              "The index of persons is being made after a start; ask again in a moment.",
              "人员索引正在建立，请稍后重试。",
              {},
              {},
              1'000'000};
  return std::unexpected(std::move(error));
}

// Open needs about a person.
Expected<void> AddNeedsOf(World& world, const std::string& person_ref, const std::string& self, std::vector<Candidate>* candidates) {
  for (const std::string& subject : world.persons->NeedsOf(person_ref, kNeedsOfPerson)) {
    auto state = StateNow(world, subject);
    if (!state) return std::unexpected(state.error());
    if (!*state || Ended(**state) || subject == self) continue;
    auto known = std::ranges::find(*candidates, subject, [](const Candidate& each) { return each.state->subject(); });
    (known == candidates->end() ? candidates->emplace_back(Candidate{*state}) : *known).same_person = true;
  }
  return {};
}

Expected<void> AddSimilar(World& world, const Snapshot& snapshot, const What& what, const std::string& self, int64_t now_us, std::optional<Position> at_least,
                          std::vector<Candidate>* candidates) {
  const int64_t since_us = now_us - snapshot.policy().duplicate_days() * kDayUs;
  const std::string place = what.institution.empty() ? what.community : rows::InstitutionPlace(what.institution);
  if (place.empty() || snapshot.policy().duplicate_days() == 0) return {};
  auto page = ReadRows(world.view, rows::PlacePrefix(place) + what.type + '\0', {}, kRowsLookedAt, at_least);
  if (!page) return std::unexpected(page.error());
  for (const Row& row : page->rows) {
    auto state = StateNow(world, rows::SubjectOf(row.key));
    if (!state) return std::unexpected(state.error());
    const auto& found = *state;
    if (!found || Ended(*found) || found->subject() == self || found->submitted_us() < since_us) continue;
    const What other = WhatOf(snapshot, now_us, found->grid_code(), found->community(), found->institution(), found->type());
    if (!Similar(what, other)) continue;
    candidates->push_back({found, false, true, !what.cell.empty() && what.cell == other.cell});
  }
  return {};
}

// What staff type: with the right check character an identity number, everything else is a phone.
std::string IdentifierIn(const std::string& person) {
  std::string number;
  for (unsigned char c : person) {
    if (!std::isspace(c)) number.push_back(static_cast<char>(std::toupper(c)));
  }
  return IsIdentityNumber(number) ? PersonIdentifier(number, {}) : PersonIdentifier({}, person);
}

std::unexpected<Error> JoinTooLate() {
  return Fail(Code::kFailedPrecondition, "JOIN_TOO_LATE", "The token is older than a day, or the need has ended meanwhile: submit it as a need of its own.",
              "加入凭证已过期或该件已办结，请作为新需求上报。");
}

}  // namespace

void Intake::FindDuplicates(const Caller& caller, const v1::FindDuplicatesRequest& request, Callback<Expected<v1::FindDuplicatesResponse>> reply) {
  const bool reporter = caller.actor.role() == v1::ROLE_REPORTER_APP;
  const bool joins = reporter || caller.actor.role() == v1::ROLE_WORKER;
  const v1::Actor actor = WhoAsks(world_, caller);
  const int64_t now_us = world_.clock.WallUs();
  auto snapshot = world_.snapshots.Active();
  std::vector<FieldViolation> violations;
  CheckText("grid_code", request.grid_code(), 0, 32, &violations);
  CheckText("person", request.person(), 0, 32, &violations);
  if (!request.institution().empty()) CheckId("institution", request.institution(), &violations);
  if (!request.type().empty()) CheckId("type", request.type(), &violations);
  auto at_least = CheckAtLeast(request.at_least(), &violations);
  const bool about_one = !request.name().empty();
  if (reporter && about_one) violations.push_back({"name", "is for staff; say the place and the type of what is to be reported"});
  if (reporter && !request.person().empty()) violations.push_back({"person", "is for staff"});
  const bool says_place = !request.grid_code().empty() || !request.institution().empty();
  if (about_one && (says_place || !request.type().empty() || !request.person().empty())) {
    violations.push_back({"name", "says it all; leave grid_code, institution, type and person out"});
  }
  if (!about_one && !says_place && request.person().empty()) {
    violations.push_back({"grid_code", reporter ? "or institution is required" : "or institution, or person, or name is required"});
  }
  if (auto refused = Refuse(std::move(violations))) return reply(std::unexpected(std::move(*refused)));
  if (about_one || !request.person().empty()) {
    if (auto known = PersonsAreKnown(world_); !known) return reply(std::unexpected(known.error()));
  }
  v1::FindDuplicatesResponse response;
  std::string self;
  std::vector<std::string> persons;
  std::optional<What> what;
  if (about_one) {
    auto read = CheckRead(world_, request.name(), request.at_least());
    if (!read) return reply(std::unexpected(read.error()));
    auto state = ReadState(world_.view, read->subject, read->at_least);
    if (!state) return reply(std::unexpected(state.error()));
    self = (*state)->subject();
    if (!MayFind(actor, caller.client, **state)) {
      return reply(Fail(Code::kPermissionDenied, "NOT_YOUR_NEED", "This need belongs to another unit or worker; ask its station or the centre.",
                        "这件需求不属于您的单位或未指派给您。"));
    }
    if (snapshot) what = WhatOf(*snapshot, now_us, (*state)->grid_code(), (*state)->community(), (*state)->institution(), (*state)->type());
    persons = world_.persons->PersonsOf(self);
  } else {
    if (snapshot && says_place) {
      what = WhatOf(*snapshot, now_us, request.grid_code(), snapshot->CommunityOf(request.grid_code(), now_us), request.institution(), request.type());
    }
    if (!request.person().empty()) {
      const std::string identifier = IdentifierIn(request.person());
      if (identifier.empty()) return reply(std::unexpected(*Refuse({{"person", "is neither an identity number nor a phone of at least 7 digits"}})));
      persons.push_back(world_.secret.PersonRef(identifier));
    }
  }
  std::vector<Candidate> candidates;
  if (what) {
    if (auto added = AddSimilar(world_, *snapshot, *what, self, now_us, at_least, &candidates); !added) return reply(std::unexpected(added.error()));
  }
  // A reporter learns nothing of what is restricted, not even that it is there.
  const auto joinable = std::ranges::max_element(candidates, {}, [](const Candidate& each) {
    return std::tuple(!each.state->restricted(), each.same_cell, each.state->submitted_us(), std::string_view(each.state->subject()));
  });
  if (joins && joinable != candidates.end() && !joinable->state->restricted()) {
    const int64_t until_us = now_us + kTokenUs;
    response.set_similar_open(true);
    response.set_join_token(
        world_.secret.SealedToken(TokenQuery(caller.client), rows::BigEndian(static_cast<uint64_t>(until_us)) + joinable->state->subject()));
    *response.mutable_join_limit_time() = ToTimestamp(until_us);
  }
  if (reporter) return reply(std::move(response));
  for (const std::string& person : persons) {
    if (auto added = AddNeedsOf(world_, person, self, &candidates); !added) return reply(std::unexpected(added.error()));
  }
  std::erase_if(candidates, [&](const Candidate& each) { return !MayFind(actor, caller.client, *each.state); });
  std::ranges::sort(candidates, std::greater(), [](const Candidate& each) {
    return std::tuple(each.same_person, each.same_cell, each.state->submitted_us(), std::string_view(each.state->subject()));
  });
  if (candidates.size() > kMostDuplicates) candidates.resize(kMostDuplicates);
  for (const Candidate& each : candidates) {
    auto& duplicate = *response.add_duplicates();
    *duplicate.mutable_need() = StaffNeed(*each.state, actor);
    duplicate.set_same_person(each.same_person);
    duplicate.set_same_place(each.same_place);
  }
  response.set_similar_open(response.similar_open() || !candidates.empty());
  reply(std::move(response));
}

void Intake::JoinNeed(const Caller& caller, const v1::JoinNeedRequest& request, Callback<Expected<v1::JoinNeedResponse>> reply) {
  auto active = world_.snapshots.Active();
  const int64_t asked_us = world_.clock.WallUs();
  std::vector<FieldViolation> violations;
  CheckRequestId(request.request_id(), &violations);
  auto opened = world_.secret.OpenSealedToken(TokenQuery(caller.client), request.join_token());
  if (!opened || opened->size() <= kTimeBytes) {
    violations.push_back({"join_token", "is not one that FindDuplicates gave to this app"});
    return reply(std::unexpected(*Refuse(std::move(violations))));
  }
  const auto until_us = static_cast<int64_t>(rows::ParseBigEndian(*opened));
  CheckReport(request.report(), active.get(), asked_us, &violations);
  const v1::Report& report = request.report();
  const bool minor = IsAboutMinor(report, asked_us);
  const std::string reporter_ref = world_.secret.ReporterRef(caller.client, report.reporter().reference());
  const std::string person = PersonRefOf(world_.secret, report.subject());
  Command command;
  command.request_id = request.request_id();
  command.verb = "join";
  command.violations = std::move(violations);
  command.event.set_type(v1::EVENT_TYPE_JOINED);
  if (report.has_observe_time()) command.event.set_occurred_at_us(FromTimestamp(report.observe_time()));
  auto& joined = *command.event.mutable_joined();
  *joined.mutable_report() = report;
  if (report.type().empty()) joined.mutable_report()->set_type("other");
  joined.set_reporter_ref(reporter_ref);
  joined.set_person_ref(person);
  command.decide = [until_us, minor, reporter_ref, client = caller.client](const NeedState& head, const Snapshot* snapshot, int64_t now_us,
                                                                           Event& made) -> Expected<void> {
    if (now_us > until_us) return JoinTooLate();
    if (auto good = TakesMore(head); !good) return good;
    if (ReportersOf(head).size() >= kMostReporters && !IsReporterOf(head, client, reporter_ref)) {
      return Fail(Code::kResourceExhausted, "TOO_MANY_REPORTERS", "100 have reported it, which is all that it takes; it is being attended to.",
                  "该件的上报人数已达上限，已在办理中。");
    }
    auto& payload = *made.mutable_joined();
    const Judged judged = JudgeReport(payload.report(), snapshot, now_us);
    auto& judgement = *payload.mutable_judgement();
    judgement = Raise(head, judged.urgency, judged.restricted || minor, judged.withdrawal_barred || minor, payload.report().dangers());
    ActOn(snapshot, head, now_us, &judgement, &made);
    return {};
  };
  auto join = [this, caller, request, person, command = std::move(command), reply = std::move(reply)](Expected<Followed> target) mutable {
    if (!target) return reply(std::unexpected(target.error()));
    const std::string subject = target->subject;
    command.name = subject;
    command.request = &request;
    Execute(world_, caller, std::move(command), [this, subject, person, reply = std::move(reply)](Expected<v1::CommandOutcome> outcome) mutable {
      if (!outcome) {
        const bool ended = outcome.error().reason == "NEED_ENDED";
        return reply(ended ? JoinTooLate() : std::unexpected(std::move(outcome.error())));
      }
      if (world_.persons != nullptr) world_.persons->Note(subject, person);
      v1::JoinNeedResponse response;
      response.set_name(subject);
      response.set_next_step(kNextStep);
      response.set_position(outcome->position());
      response.set_etag(outcome->etag());
      response.set_replayed(outcome->replayed());
      world_.view.Get(subject, std::nullopt,
                      [response = std::move(response), reply = std::move(reply)](Expected<std::shared_ptr<const NeedState>> state) mutable {
                        if (state) {  // else it is only known to be durable
                          response.set_number((*state)->number());
                          if ((*state)->urgency() == v1::URGENCY_CRISIS) response.set_emergency_advice(kCrisisAdvice);
                        }
                        reply(std::move(response));
                      });
    });
  };
  FollowMerges(world_, caller, opened->substr(kTimeBytes), request.request_id(), "join", /*own=*/false, std::move(join));
}

}  // namespace gridloop
