#include "sealing/seal.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <map>

#include "gridloop/v1/access.pb.h"

namespace gridloop {
namespace {

class CountingIds : public IdSource {
 public:
  std::string Random(size_t size) override { return std::string(size, static_cast<char>(++calls_)); }

 private:
  int calls_ = 0;
};

class MapKeys : public KeyStore {
 public:
  Expected<SealingKey> Take() override { return key; }
  Expected<SealingKey> Get(const std::string& id) override {
    if (id != key.id || forgotten) return Fail(Code::kNotFound, "KEY_FORGOTTEN", "The key was destroyed.");
    return key;
  }
  Expected<void> Forget(const std::vector<std::string>&) override {
    forgotten = true;
    return {};
  }
  Expected<void> RotateMaster(const std::string&, int64_t) override { return {}; }
  MasterKeyStatus Masters() const override { return {}; }
  SealingKey key{std::string(16, 'i'), std::string(32, 'k')};
  bool forgotten = false;
};

v1::Event MarkedReport() {
  v1::Event event;
  event.set_subject("needs/aaaaaaaaaaaaaaaaaaaaaaaaaa");
  event.set_event_id(std::string(16, 'e'));
  event.set_type(v1::EVENT_TYPE_SUBMITTED);
  v1::Report& report = *event.mutable_submitted()->mutable_report();
  report.set_summary("MARK-summary");
  report.mutable_location()->set_grid_code("320585100001001");
  report.mutable_location()->set_address("MARK-address");
  report.mutable_reporter()->set_reference("MARK-reporter");
  report.mutable_subject()->set_display_name("MARK-person");
  report.set_type("care");
  return event;
}

TEST(Seal, MovesEveryPersonalFieldAndOpensToTheSameEvent) {
  v1::Event original = MarkedReport();
  v1::Event event = original;
  CountingIds ids;
  MapKeys keys;
  ASSERT_TRUE(SealEvent(&event, keys.key, ids));
  EXPECT_EQ(event.SerializeAsString().find("MARK"), std::string::npos);
  EXPECT_EQ(event.submitted().report().location().grid_code(), "320585100001001");
  EXPECT_EQ(event.payload_commitment().size(), 32U);
  ASSERT_TRUE(OpenEvent(&event, keys));
  EXPECT_EQ(event.submitted().SerializeAsString(), original.submitted().SerializeAsString());
}

TEST(Seal, AnAlteredSealOrAnotherSubjectDoesNotOpen) {
  CountingIds ids;
  MapKeys keys;
  v1::Event sealed = MarkedReport();
  ASSERT_TRUE(SealEvent(&sealed, keys.key, ids));
  v1::Event flipped = sealed;
  (*flipped.mutable_sealed())[20] ^= 1;
  EXPECT_EQ(OpenEvent(&flipped, keys).error().reason, "SEAL_BROKEN");
  v1::Event moved = sealed;
  moved.set_subject("needs/baaaaaaaaaaaaaaaaaaaaaaaaa");
  EXPECT_EQ(OpenEvent(&moved, keys).error().reason, "SEAL_BROKEN");
  v1::Event uncommitted = sealed;
  uncommitted.set_payload_commitment(std::string(32, 'x'));
  EXPECT_EQ(OpenEvent(&uncommitted, keys).error().reason, "SEAL_BROKEN");
}

TEST(Seal, AForgottenKeyOpensNothing) {
  CountingIds ids;
  MapKeys keys;
  v1::Event event = MarkedReport();
  ASSERT_TRUE(SealEvent(&event, keys.key, ids));
  ASSERT_TRUE(keys.Forget({keys.key.id}));
  EXPECT_EQ(OpenEvent(&event, keys).error().reason, "KEY_FORGOTTEN");
}

TEST(Seal, WithoutPersonalFieldsNothingIsSealed) {
  v1::Event event;
  event.set_type(v1::EVENT_TYPE_OFFER_ACCEPTED);
  event.mutable_offer_accepted()->set_late(true);
  CountingIds ids;
  MapKeys keys;
  ASSERT_TRUE(SealEvent(&event, keys.key, ids));
  EXPECT_TRUE(event.sealed().empty());
  EXPECT_TRUE(event.key_id().empty());
}

// A newer app may send fields that are personal there and unknown here.
TEST(Seal, WhatThisBuildDoesNotKnowIsNotLogged) {
  v1::Event event = MarkedReport();
  auto& report = *event.mutable_submitted()->mutable_report();
  for (google::protobuf::Message* message : std::vector<google::protobuf::Message*>{&report, report.mutable_location(), report.mutable_subject()}) {
    message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(900, "MARK-unknown");
  }
  CountingIds ids;
  MapKeys keys;
  ASSERT_TRUE(SealEvent(&event, keys.key, ids));
  EXPECT_EQ(event.SerializeAsString().find("MARK"), std::string::npos);
  ASSERT_TRUE(OpenEvent(&event, keys));
  EXPECT_EQ(event.SerializeAsString().find("MARK-unknown"), std::string::npos);
  EXPECT_EQ(event.submitted().report().summary(), "MARK-summary");
}

// Free text that a person types is where personal data hides. Every string of a payload is either personal or stands in
// this list with the reason why it may lie in the clear for ever.
TEST(Seal, EveryStringOfAPayloadIsPersonalOrKnownToBeHarmless) {
  const std::map<std::string, std::string> harmless = {{"grid_code", "place in the clear"},
                                                       {"institution", "place in the clear"},
                                                       {"community", "place in the clear"},
                                                       {"type", "directory id"},
                                                       {"categories", "directory id"},
                                                       {"dangers", "directory id"},
                                                       {"external_reference", "number of another system"},
                                                       {"related_need", "need name"},
                                                       {"number", "derived"},
                                                       {"center", "unit id"},
                                                       {"unit", "unit id"},
                                                       {"station", "unit id"},
                                                       {"proposed_unit", "unit id"},
                                                       {"proposed_station", "unit id"},
                                                       {"worker", "worker id"},
                                                       {"co_workers", "worker id"},
                                                       {"workers", "worker id"},
                                                       {"organisations", "organisation id"},
                                                       {"tier", "policy word"},
                                                       {"form", "one of six words"},
                                                       {"follow_up_date", "date"},
                                                       {"rule", "policy id"},
                                                       {"mode_rule", "policy id"},
                                                       {"excluded_units", "unit id"},
                                                       {"reason", "stable code of a candidate"},
                                                       {"fields", "names of a report's fields"},
                                                       {"duty_unit", "unit id"},
                                                       {"party", "directory id, or a role of a-z"},
                                                       {"to", "12345, or a department's id"},
                                                       {"receipt", "number of another system"},
                                                       {"organisation", "organisation id"},
                                                       {"hand_over", "name of a hand-over"},
                                                       {"successor", "worker id"},
                                                       {"cursor", "need name"},
                                                       {"need", "need name"},
                                                       {"parts", "parts of an answer"},
                                                       {"survivor", "need name"},
                                                       {"client", "client of a credential"},
                                                       {"gridloop.v1.FiguresFrozen.position", "log position"},
                                                       {"gridloop.v1.FigureLine.key", "word or id of the directory"},
                                                       {"gridloop.v1.FigureLine.display_name", "never logged"}};
  std::vector<const google::protobuf::Descriptor*> todo;
  const auto* payload = v1::Event::descriptor()->FindOneofByName("payload");
  for (int i = 0; i < payload->field_count(); ++i) todo.push_back(payload->field(i)->message_type());
  while (!todo.empty()) {
    const auto* type = todo.back();
    todo.pop_back();
    if (type->file()->package() != "gridloop.v1") continue;
    for (int i = 0; i < type->field_count(); ++i) {
      const auto* field = type->field(i);
      if (field->options().GetExtension(v1::personal)) continue;
      if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) todo.push_back(field->message_type());
      if (field->type() != google::protobuf::FieldDescriptor::TYPE_STRING) continue;
      EXPECT_TRUE(harmless.contains(field->name()) || harmless.contains(field->full_name()))
          << field->full_name() << " is neither personal nor known to be harmless";
      if (field->name() == "reason") {
        EXPECT_TRUE(type->name().ends_with("Candidate")) << field->full_name();
      }
    }
  }
}

}  // namespace
}  // namespace gridloop
