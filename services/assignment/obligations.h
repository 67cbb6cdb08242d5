// What a party answers to a joint plan, whether it speaks itself or somebody does for it.
#pragma once

#include "commands/run.h"
#include "domain/joint_plan.h"

namespace gridloop {

struct Answer {
  Event event;
  std::vector<FieldViolation> violations;
  Decision decide;
};

// Who answers, about which obligation (26 characters), and on whose word; null if the party itself speaks.
struct Answerer {
  v1::Actor actor;
  std::string obligation;
  const std::string* on_behalf = nullptr;
};

using Digests = google::protobuf::RepeatedPtrField<std::string>;

Answer Accepting(const Answerer& by);
Answer Declining(const Answerer& by, const std::string& reason);
Answer Progressing(const Answerer& by, const std::string& text, const Digests& evidence);
Answer Fulfilling(const Answerer& by, const std::string& text, const Digests& evidence);

// FAILED_PRECONDITION/OBLIGATION_NOT_OPEN.
std::unexpected<Error> ObligationNotOpen();

// Closing waits for all: FAILED_PRECONDITION/OBLIGATIONS_OPEN names those that are not done.
Expected<void> PlanIsSettled(const NeedState& head);

// Whoever owns the need leads its plan: before a unit has accepted it the centre alone.
Expected<void> CheckLead(const NeedState& head, const v1::Actor& actor);

}  // namespace gridloop
