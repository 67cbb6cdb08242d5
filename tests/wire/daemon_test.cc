// The real daemon: credentials, retries, wrong fields, personal data.
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>

#include <set>

#include "grpc/reflection/v1/reflection.pb.h"
#include "wire/daemon_fixture.h"

namespace gridloop {
namespace {

// Every service and method as the server itself tells of them, with nothing of this build.
class Reflected {
 public:
  explicit Reflected(std::unique_ptr<RpcClient> client) : client_(std::move(client)) {
    conversation_ = client_->Converse("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", std::chrono::seconds(30));
    grpc::reflection::v1::ServerReflectionRequest request;
    request.set_list_services("");
    auto listed = Ask(request);
    for (const auto& service : listed.list_services_response().service()) {
      request.set_file_containing_symbol(service.name());
      auto answer = Ask(request);
      for (const auto& bytes : answer.file_descriptor_response().file_descriptor_proto()) {
        google::protobuf::FileDescriptorProto file;
        EXPECT_TRUE(file.ParseFromString(bytes));
        if (files_.insert(file.name()).second) database_.Add(file);
      }
      const auto* described = pool_.FindServiceByName(service.name());
      EXPECT_NE(described, nullptr) << service.name();
      for (int i = 0; described != nullptr && i < described->method_count(); ++i) methods_.push_back(described->method(i));
    }
  }
  const std::vector<const google::protobuf::MethodDescriptor*>& methods() const { return methods_; }
  google::protobuf::DynamicMessageFactory& messages() { return messages_; }

 private:
  grpc::reflection::v1::ServerReflectionResponse Ask(const grpc::reflection::v1::ServerReflectionRequest& request) {
    grpc::reflection::v1::ServerReflectionResponse response;
    EXPECT_TRUE(conversation_->Write(request) && conversation_->Read(&response));
    return response;
  }

  std::unique_ptr<RpcClient> client_;
  std::unique_ptr<RpcClient::Conversation> conversation_;
  std::set<std::string> files_;
  google::protobuf::SimpleDescriptorDatabase database_;
  google::protobuf::DescriptorPool pool_{&database_};
  google::protobuf::DynamicMessageFactory messages_{&pool_};
  std::vector<const google::protobuf::MethodDescriptor*> methods_;
};

TEST_F(Daemon, NoMethodOfAnyServiceAnswersWithoutAKnownUnexpiredCredentialOfARoleThatMayCallIt) {
  const std::set<std::string> kOpen = {"grpc.health.v1.Health.Check", "grpc.health.v1.Health.List", "grpc.health.v1.Health.Watch"};
  // Whoever has a valid credential.
  const std::set<std::string> kAllRoles = {"gridloop.v1.ClockService.GetTime", "gridloop.v1.RoutingService.ListCategories",
                                           "grpc.reflection.v1.ServerReflection.ServerReflectionInfo",
                                           "grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo"};
  Reflected reflected(RpcClient::Connect(address_, auditor_token_));
  std::map<std::string, std::unique_ptr<RpcClient>> clients;
  std::set<std::string> services, open, all_roles;
  for (const auto* method : reflected.methods()) {
    services.insert(method->service()->full_name());
    std::unique_ptr<google::protobuf::Message> request(reflected.messages().GetPrototype(method->input_type())->New());
    std::unique_ptr<google::protobuf::Message> response(reflected.messages().GetPrototype(method->output_type())->New());
    std::string path = method->service()->full_name() + "/" + method->name();
    auto call = [&](const std::string& token) -> std::string {
      auto& client = clients[token];
      if (!client) client = RpcClient::Connect(address_, token);
      Expected<void> called;
      if (method->client_streaming()) {
        auto conversation = client->Converse(path, std::chrono::seconds(30));
        conversation->WritesDone();
        while (conversation->Read(response.get())) {
        }
        called = conversation->Finish();
      } else if (method->server_streaming()) {
        called = client->ReadStream(
            path, *request, response.get(), [] { return false; }, std::chrono::seconds(30));
      } else {
        called = client->Call(path, *request, response.get());
      }
      return called ? "OK" : called.error().reason;
    };
    std::string without = call("");
    if (without == "OK") {
      open.insert(method->full_name());
      continue;
    }
    EXPECT_EQ(without, "CREDENTIAL_MISSING") << path;
    EXPECT_EQ(call("glt_unknown"), "CREDENTIAL_UNKNOWN") << path;
    EXPECT_EQ(call(expired_token_), "CREDENTIAL_EXPIRED") << path;
    google::protobuf::MethodOptions options;  // the pool is the server's: its extensions are read as this build knows them
    ASSERT_TRUE(options.ParseFromString(method->options().SerializeAsString()));
    std::set<v1::Role> named;
    for (const auto& grant : options.GetExtension(v1::access).grants()) named.insert(grant.role());
    if (named.empty() || named.size() == role_tokens_.size()) {
      all_roles.insert(method->full_name());
      continue;
    }
    for (const auto& [role, token] : role_tokens_) {
      if (!named.contains(role)) {
        EXPECT_EQ(call(token), "ROLE_NOT_ALLOWED") << path << " by " << v1::Role_Name(role);
      }
    }
  }
  EXPECT_EQ(open, kOpen);
  EXPECT_EQ(all_roles, kAllRoles);
  for (const char* service : {"Intake", "Routing", "Assignment", "Department", "Audit", "Notification", "Clock"}) {
    EXPECT_TRUE(services.contains("gridloop.v1." + std::string(service) + "Service")) << service;
  }
}

TEST_F(Daemon, ARetryGivesTheSameNeedAndAnotherBodyIsRefused) {
  auto first = Submit(app_token_, Report("r-1"));
  ASSERT_TRUE(first) << first.error().message;
  auto again = Submit(app_token_, Report("r-1"));
  EXPECT_EQ(again->name(), first->name());
  EXPECT_EQ(again->number(), first->number());
  EXPECT_EQ(again->position(), first->position());
  auto other = Report("r-1");
  other.mutable_report()->set_summary("another");
  EXPECT_EQ(Submit(app_token_, other).error().reason, "REQUEST_ID_REUSED");
}

TEST_F(Daemon, EveryWrongFieldIsNamedAtOnce) {
  auto request = Report("bad id with spaces");
  auto& report = *request.mutable_report();
  report.set_summary(std::string(1 << 20, 'x'));
  report.mutable_location()->Clear();
  report.mutable_reporter()->Clear();
  report.set_source(v1::SOURCE_UNSPECIFIED);
  report.mutable_observe_time()->set_seconds(4'000'000'000);
  report.add_categories("no-such-category");
  report.mutable_subject()->set_identity_number("110101190001010001");
  report.set_related_need("needs/short");
  auto error = Submit(app_token_, request).error();
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  std::string fields;
  for (const auto& field : error.fields) fields += field.field + " ";
  for (const char* field : {"request_id", "report.summary", "report.location", "report.reporter.role", "report.reporter.reference", "report.source",
                            "report.observe_time", "report.categories[0]", "report.subject.identity_number", "report.related_need"}) {
    EXPECT_NE(fields.find(std::string(field) + " "), std::string::npos) << field << " is missing in " << fields;
  }
  EXPECT_EQ(fields.find("MARK"), std::string::npos);
}

TEST_F(Daemon, AnotherClientAndAnotherStationLearnNothing) {
  auto submitted = Submit(app_token_, Report("r-2"));
  ASSERT_TRUE(submitted);
  v1::IntakeServiceGetNeedRequest request;
  request.set_name(submitted->name());
  v1::IntakeServiceGetNeedResponse response;
  EXPECT_TRUE(RpcClient::Connect(address_, app_token_)->Call("gridloop.v1.IntakeService/GetNeed", request, &response));
  EXPECT_EQ(response.need().number(), submitted->number());
  EXPECT_EQ(RpcClient::Connect(address_, other_token_)->Call("gridloop.v1.IntakeService/GetNeed", request, &response).error().reason, "NEED_NOT_FOUND");
  v1::AssignmentServiceGetNeedRequest staff;
  staff.set_name(submitted->name());
  v1::AssignmentServiceGetNeedResponse need;
  EXPECT_EQ(RpcClient::Connect(address_, head_token_)->Call("gridloop.v1.AssignmentService/GetNeed", staff, &need).error().reason, "NOT_YOUR_NEED");
  v1::ListInboxRequest inbox;
  inbox.set_parent("units/s01");
  v1::ListInboxResponse list;
  EXPECT_EQ(RpcClient::Connect(address_, head_token_)->Call("gridloop.v1.AssignmentService/ListInbox", inbox, &list).error().reason, "NOT_YOUR_INBOX");
  inbox.set_parent("units/s02");
  inbox.set_page_token("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  EXPECT_EQ(RpcClient::Connect(address_, head_token_)->Call("gridloop.v1.AssignmentService/ListInbox", inbox, &list).error().reason, "INVALID_FIELDS");
}

TEST_F(Daemon, NoPersonalValueLiesInClearInAnyFile) {
  ASSERT_TRUE(Submit(app_token_, Report("r-3")));
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(content.find("MARK-"), std::string::npos) << entry.path();
    files += content.find("320585100001001") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(files, 0);  // the search looked where the event is
}

}  // namespace
}  // namespace gridloop
