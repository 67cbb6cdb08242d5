// The real daemon: credentials, retries, wrong fields, personal data.
#include <google/protobuf/dynamic_message.h>

#include "wire/daemon_fixture.h"

namespace gridloop {
namespace {

TEST_F(Daemon, NoMethodOfAnyServiceAnswersWithoutAKnownUnexpiredCredential) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  (void)v1::GetTimelineRequest::descriptor();
  int walked = 0;
  for (const char* name : {"IntakeService", "RoutingService", "AssignmentService", "AuditService"}) {
    const auto* service = pool->FindServiceByName(std::string("gridloop.v1.") + name);
    ASSERT_NE(service, nullptr);
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      const auto& access = method->options().GetExtension(v1::access);
      EXPECT_FALSE(access.grants().empty()) << method->full_name() << " has no access rule";
      EXPECT_FALSE(access.open()) << method->full_name();
      std::unique_ptr<google::protobuf::Message> request(factory->GetPrototype(method->input_type())->New());
      std::unique_ptr<google::protobuf::Message> response(factory->GetPrototype(method->output_type())->New());
      std::string path = service->full_name() + "/" + method->name();
      auto call = [&](const std::string& token) -> Expected<void> {
        auto client = RpcClient::Connect(address_, token);
        if (method->client_streaming()) {
          auto conversation = client->Converse(path);
          conversation->WritesDone();
          while (conversation->Read(response.get())) {
          }
          return conversation->Finish();
        }
        if (method->server_streaming()) return client->ReadStream(path, *request, response.get(), [] { return true; });
        return client->Call(path, *request, response.get());
      };
      auto missing = call("");
      ASSERT_FALSE(missing) << path;
      ++walked;
      EXPECT_EQ(missing.error().reason, "CREDENTIAL_MISSING") << path;
      EXPECT_EQ(call("glt_unknown").error().reason, "CREDENTIAL_UNKNOWN") << path;
      EXPECT_EQ(call(expired_token_).error().reason, "CREDENTIAL_EXPIRED") << path;
      bool app_may = false;
      for (const auto& grant : access.grants()) app_may |= grant.role() == v1::ROLE_REPORTER_APP;
      if (!app_may) {
        EXPECT_EQ(call(app_token_).error().reason, "ROLE_NOT_ALLOWED") << path;
      }
    }
  }
  EXPECT_EQ(walked, 40);
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
