// What buf does not lint: everything in the contracts has a comment, whatever a caller sends names its limit, every RPC says who may
// call it, every list is paged.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "google/api/annotations.pb.h"
#include "gridloop/v1/access.pb.h"

namespace gridloop {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::SourceLocation;

class Contracts : public testing::Test {
 protected:
  void SetUp() override {
    google::protobuf::FileDescriptorSet set;
    std::ifstream file(GRIDLOOP_CONTRACTS, std::ios::binary);
    ASSERT_TRUE(set.ParseFromIstream(&file)) << GRIDLOOP_CONTRACTS;
    for (const auto& each : set.file()) {
      const FileDescriptor* built = pool_.BuildFile(each);
      ASSERT_NE(built, nullptr) << each.name();
      if (each.package().starts_with("gridloop.")) files_.push_back(built);
    }
    ASSERT_GE(files_.size(), 11U);
  }

  template <class Thing>
  static std::string CommentOf(const Thing* thing) {
    SourceLocation location;
    if (!thing->GetSourceLocation(&location)) return {};
    return location.leading_comments + location.trailing_comments;
  }

  void EachMethod(const std::function<void(const MethodDescriptor*)>& visit) const {
    for (const FileDescriptor* file : files_) {
      for (int s = 0; s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) visit(file->service(s)->method(m));
      }
    }
  }

  static bool IsPersonal(const FieldDescriptor* field) {
    google::protobuf::FieldOptions options;
    return options.ParseFromString(field->options().SerializeAsString()) && options.GetExtension(v1::personal);
  }

  google::protobuf::DescriptorPool pool_;
  std::vector<const FileDescriptor*> files_;
};

TEST_F(Contracts, EverythingHasAComment) {
  int looked_at = 0;
  auto check = [&looked_at](const auto* thing) {
    ++looked_at;
    EXPECT_NE(CommentOf(thing), "") << thing->full_name() << " has no comment";
  };
  std::function<void(const EnumDescriptor*)> check_enum = [&](const EnumDescriptor* type) {
    check(type);
    for (int i = 0; i < type->value_count(); ++i) check(type->value(i));
  };
  std::function<void(const Descriptor*)> check_message = [&](const Descriptor* type) {
    if (type->options().map_entry()) return;
    check(type);
    for (int i = 0; i < type->field_count(); ++i) check(type->field(i));
    for (int i = 0; i < type->real_oneof_decl_count(); ++i) check(type->oneof_decl(i));
    for (int i = 0; i < type->nested_type_count(); ++i) check_message(type->nested_type(i));
    for (int i = 0; i < type->enum_type_count(); ++i) check_enum(type->enum_type(i));
  };
  for (const FileDescriptor* file : files_) {
    for (int i = 0; i < file->message_type_count(); ++i) check_message(file->message_type(i));
    for (int i = 0; i < file->enum_type_count(); ++i) check_enum(file->enum_type(i));
    for (int i = 0; i < file->extension_count(); ++i) check(file->extension(i));
    for (int i = 0; i < file->service_count(); ++i) {
      check(file->service(i));
      for (int m = 0; m < file->service(i)->method_count(); ++m) check(file->service(i)->method(m));
    }
  }
  EXPECT_GT(looked_at, 500);
}

// A number with its unit, a resource name, a date, an id of the directory (docs/formats/directory.md limits those), or a value that
// only this server makes (tokens, positions, etags): anything else is refused, whatever its length.
bool NamesALimit(const std::string& comment) {
  static const std::regex kLimit(
      R"([0-9]|[a-z]+/\{[a-z]+\}|YYYY-MM-DD|directory|From the last|Position (that|to)|Refuse if the need has changed|SubmitNeedRequest\.request_id|As in ListInbox)");
  return std::regex_search(comment, kLimit);
}

TEST_F(Contracts, WhateverACallerSendsNamesItsLimit) {
  std::set<const Descriptor*> seen;
  int looked_at = 0;
  std::function<void(const Descriptor*)> walk = [&](const Descriptor* type) {
    if (!type->full_name().starts_with("gridloop.") || !seen.insert(type).second) return;
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      bool text = field->type() == FieldDescriptor::TYPE_STRING || field->type() == FieldDescriptor::TYPE_BYTES;
      if (text || field->is_repeated()) {
        ++looked_at;
        EXPECT_TRUE(NamesALimit(CommentOf(field))) << field->full_name() << " names no limit: " << CommentOf(field);
      }
      if (field->message_type() != nullptr) walk(field->message_type());
    }
  };
  EachMethod([&](const MethodDescriptor* method) { walk(method->input_type()); });
  EXPECT_GT(looked_at, 80);
}

// A gateway writes into the URL whatever is not in the body, all of a GET: and URLs end in logs.
TEST_F(Contracts, NoPersonalFieldOfARequestStandsInAUrl) {
  int in_urls = 0;
  EachMethod([&](const MethodDescriptor* method) {
    google::protobuf::MethodOptions options;
    ASSERT_TRUE(options.ParseFromString(method->options().SerializeAsString()));
    const auto& http = options.GetExtension(google::api::http);
    if (http.pattern_case() == google::api::HttpRule::PATTERN_NOT_SET || http.body() == "*") return;
    ++in_urls;
    std::set<const Descriptor*> seen;
    std::function<void(const Descriptor*)> walk = [&](const Descriptor* type) {
      if (!seen.insert(type).second) return;
      for (int i = 0; i < type->field_count(); ++i) {
        if (type == method->input_type() && type->field(i)->name() == http.body()) continue;
        EXPECT_FALSE(IsPersonal(type->field(i))) << method->full_name() << " puts " << type->field(i)->full_name() << " into a URL";
        if (type->field(i)->message_type() != nullptr) walk(type->field(i)->message_type());
      }
    };
    walk(method->input_type());
  });
  EXPECT_GT(in_urls, 10);
}

TEST_F(Contracts, EveryMethodSaysWhoMayCallIt) {
  int methods = 0;
  EachMethod([&](const MethodDescriptor* method) {
    ++methods;
    // The pool of this test is its own, so its options are read again as the generated message.
    google::protobuf::MethodOptions options;
    ASSERT_TRUE(options.ParseFromString(method->options().SerializeAsString()));
    ASSERT_TRUE(options.HasExtension(v1::access)) << method->full_name() << " has no rule, so nobody may call it";
    const auto& access = options.GetExtension(v1::access);
    EXPECT_TRUE(access.grants_size() > 0 || access.open() || access.any_credential()) << method->full_name();
    for (const auto& grant : access.grants()) {
      EXPECT_NE(grant.role(), v1::ROLE_UNSPECIFIED) << method->full_name();
      EXPECT_NE(grant.relation(), v1::RELATION_UNSPECIFIED) << method->full_name();
    }
  });
  EXPECT_GE(methods, 42);
}

TEST_F(Contracts, EveryListIsPagedAndEveryCommandCanBeRetried) {
  // The menu of an app: a few dozen words of the directory, shown whole.
  const std::set<std::string> kWhole = {"gridloop.v1.RoutingService.ListCategories"};
  EachMethod([&](const MethodDescriptor* method) {
    const Descriptor* request = method->input_type();
    if (method->name().starts_with("List") && !kWhole.contains(method->full_name())) {
      for (const char* field : {"page_size", "page_token"}) EXPECT_NE(request->FindFieldByName(field), nullptr) << method->full_name() << " lacks " << field;
      EXPECT_NE(method->output_type()->FindFieldByName("next_page_token"), nullptr) << method->full_name();
    }
    if (method->output_type()->FindFieldByName("outcome") != nullptr) {
      for (const char* field : {"name", "request_id", "etag"}) EXPECT_NE(request->FindFieldByName(field), nullptr) << method->full_name() << " lacks " << field;
    }
    if (method->name().starts_with("Watch")) {
      EXPECT_TRUE(method->server_streaming()) << method->full_name();
      EXPECT_NE(request->FindFieldByName("resume_token"), nullptr) << method->full_name() << " cannot be resumed";
    }
  });
}

// docs/who-may.md has a row for each RPC that says of each role what it must have to do with the need.
TEST_F(Contracts, ThePageSaysWhoMayCallWhat) {
  constexpr v1::Role kColumns[] = {v1::ROLE_REPORTER_APP, v1::ROLE_WORKER,     v1::ROLE_STATION_HEAD, v1::ROLE_DISPATCHER,
                                   v1::ROLE_DUTY_OFFICER, v1::ROLE_DEPARTMENT, v1::ROLE_SUPERVISOR,   v1::ROLE_AUDITOR,
                                   v1::ROLE_OVERSIGHT,    v1::ROLE_ADMIN,      v1::ROLE_SYSTEM};
  static const std::map<v1::Relation, std::string> kWords = {
      {v1::RELATION_ANY, "any"},     {v1::RELATION_OWN_REPORT, "own report"}, {v1::RELATION_OWN_UNIT, "own unit"},     {v1::RELATION_ASSIGNED, "assigned"},
      {v1::RELATION_PARTY, "party"}, {v1::RELATION_PROPOSED_UNIT, "asked"},   {v1::RELATION_SUPERVISED, "supervised"}, {v1::RELATION_SUPPORTING_UNIT, "helps"}};
  ASSERT_EQ(std::size(kColumns), static_cast<size_t>(v1::Role_descriptor()->value_count() - 1)) << "a column for each role";
  std::set<std::string> page;
  std::ifstream file(std::string(GRIDLOOP_SOURCE_DIR) + "/docs/who-may.md");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| ") && line.find('/') < line.find('|', 2)) page.insert(line);
  }
  EachMethod([&](const MethodDescriptor* method) {
    google::protobuf::MethodOptions options;
    ASSERT_TRUE(options.ParseFromString(method->options().SerializeAsString()));
    const v1::Access& access = options.GetExtension(v1::access);
    if (access.any_credential() || access.open()) return;
    std::string service = method->service()->name();
    std::string row = "| " + service.substr(0, service.size() - std::string("Service").size()) + "/" + method->name() + " |";
    for (v1::Role role : kColumns) {
      std::string cell;
      for (const auto& grant : access.grants()) {
        if (grant.role() == role) cell += (cell.empty() ? "" : ", ") + kWords.at(grant.relation());
      }
      row += " " + cell + " |";
    }
    EXPECT_EQ(page.erase(row), 1U) << "docs/who-may.md lacks this row:\n" << row;
  });
  for (const std::string& row : page) ADD_FAILURE() << "docs/who-may.md has a row of no RPC, or one that says otherwise:\n" << row;
}

}  // namespace
}  // namespace gridloop
