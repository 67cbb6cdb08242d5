#include "commands/pseudonyms.h"

#include <google/protobuf/message.h>

#include <string_view>
#include <vector>

namespace gridloop {
namespace {

constexpr std::string_view kWorkers = "workers/";

std::string WorkerPseudonym(const Secret& secret, const std::string& worker) { return worker.empty() ? worker : secret.Pseudonym("worker", worker); }

// Wherever a message names a worker, also in fields that a later version adds: workers/w-0001 to workers/~….
void ReplaceNames(const Secret& secret, google::protobuf::Message* message) {
  using google::protobuf::FieldDescriptor;
  const auto* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection->ListFields(*message, &present);
  auto replaced = [&secret](const std::string& text) {
    return text.starts_with(kWorkers) ? std::string(kWorkers) + WorkerPseudonym(secret, text.substr(kWorkers.size())) : text;
  };
  for (const FieldDescriptor* field : present) {
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!is_message && field->type() != FieldDescriptor::TYPE_STRING) continue;
    if (!field->is_repeated()) {
      if (is_message) {
        ReplaceNames(secret, reflection->MutableMessage(message, field));
      } else {
        reflection->SetString(message, field, replaced(reflection->GetString(*message, field)));
      }
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      if (is_message) {
        ReplaceNames(secret, reflection->MutableRepeatedMessage(message, field, i));
      } else {
        reflection->SetRepeatedString(message, field, i, replaced(reflection->GetRepeatedString(*message, field, i)));
      }
    }
  }
}

}  // namespace

void Pseudonymise(const Secret& secret, v1::Need* need) {
  ReplaceNames(secret, need);
  // A cell is a few hundred households, an institution a school.
  need->clear_grid_code();
  if (need->has_report()) need->mutable_report()->clear_location();
}

v1::Actor PseudonymisedActor(const Secret& secret, const v1::Actor& actor) {
  v1::Actor shown;
  shown.set_role(actor.role());
  shown.set_unit(actor.unit());
  // The software itself is nobody, and what it is called tells which service acted.
  const bool software = actor.role() == v1::ROLE_SYSTEM;
  if (!actor.principal().empty()) shown.set_principal(software ? actor.principal() : secret.Pseudonym("principal", actor.principal()));
  shown.set_worker(WorkerPseudonym(secret, actor.worker()));
  return shown;
}

v1::Event PseudonymisedEvent(const Secret& secret, const v1::Event& event) {
  v1::Event shown;
  shown.set_subject(event.subject());
  shown.set_version(event.version());
  shown.set_event_id(event.event_id());
  shown.set_type(event.type());
  shown.set_logged_at_us(event.logged_at_us());
  shown.set_occurred_at_us(event.occurred_at_us());
  *shown.mutable_actor() = PseudonymisedActor(secret, event.actor());
  *shown.mutable_clocks() = event.clocks();
  *shown.mutable_clock_changes() = event.clock_changes();
  switch (event.type()) {
    case v1::EVENT_TYPE_WORKER_ASSIGNED:
      shown.mutable_worker_assigned()->set_worker(WorkerPseudonym(secret, event.worker_assigned().worker()));
      for (const auto& worker : event.worker_assigned().co_workers()) shown.mutable_worker_assigned()->add_co_workers(WorkerPseudonym(secret, worker));
      break;
    case v1::EVENT_TYPE_SERVICE_RECORDED:
      *shown.mutable_service_recorded() = event.service_recorded();
      shown.mutable_service_recorded()->clear_organisations();
      for (auto& worker : *shown.mutable_service_recorded()->mutable_workers()) worker = WorkerPseudonym(secret, worker);
      break;
    case v1::EVENT_TYPE_ASSESSED:
      *shown.mutable_assessed() = event.assessed();
      break;
    case v1::EVENT_TYPE_ASSESSMENT_REVISED:
      *shown.mutable_assessment_revised() = event.assessment_revised();
      break;
    case v1::EVENT_TYPE_GRADED:
      *shown.mutable_graded() = event.graded();
      break;
    case v1::EVENT_TYPE_PLANNED:
      *shown.mutable_planned() = event.planned();
      break;
    case v1::EVENT_TYPE_PLAN_REVISED:
      *shown.mutable_plan_revised() = event.plan_revised();
      break;
    case v1::EVENT_TYPE_CLOSING_REQUESTED:
      *shown.mutable_closing_requested() = event.closing_requested();
      break;
    case v1::EVENT_TYPE_CLOSING_VERIFIED:
      *shown.mutable_closing_verified() = event.closing_verified();
      break;
    case v1::EVENT_TYPE_CLOSED:
      *shown.mutable_closed() = event.closed();
      break;
    case v1::EVENT_TYPE_ANSWERED:
      *shown.mutable_answered() = event.answered();
      break;
    case v1::EVENT_TYPE_ESCALATED:
      *shown.mutable_escalated() = event.escalated();
      break;
    case v1::EVENT_TYPE_EXTENSION_REQUESTED:
      *shown.mutable_extension_requested() = event.extension_requested();
      break;
    case v1::EVENT_TYPE_EXTENSION_DECIDED:
      *shown.mutable_extension_decided() = event.extension_decided();
      break;
    case v1::EVENT_TYPE_HOLD_REQUESTED:
      *shown.mutable_hold_requested() = event.hold_requested();
      break;
    case v1::EVENT_TYPE_HOLD_DECIDED:
      *shown.mutable_hold_decided() = event.hold_decided();
      break;
    case v1::EVENT_TYPE_AFTER_VISIT_RECORDED:
      *shown.mutable_after_visit_recorded() = event.after_visit_recorded();
      break;
    default:
      break;
  }
  return shown;
}

}  // namespace gridloop
