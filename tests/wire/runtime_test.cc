// A real server on port 0 and a real client: what every RPC gets from the runtime before and around its handler.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "adapters/memory/simulated_clock.h"
#include "adapters/system/system_clock.h"
#include "gridloop/v1/assignment_service.pb.h"
#include "gridloop/v1/audit_service.pb.h"
#include "gridloop/v1/intake_service.pb.h"
#include "gridloop/v1/routing_service.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "runtime/credentials.h"
#include "runtime/rpc_client.h"
#include "runtime/rpc_server.h"

namespace gridloop {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

constexpr int64_t kNowUs = 1'772'413'200'000'000;
constexpr char kGet[] = "gridloop.v1.IntakeService/GetNeed";
constexpr char kSubmit[] = "gridloop.v1.IntakeService/SubmitNeed";
constexpr char kSubmits[] = "gridloop.v1.IntakeService/SubmitNeeds";
constexpr char kWatch[] = "gridloop.v1.IntakeService/WatchNeeds";
constexpr char kReflect[] = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

// Opens once, for as many as wait.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, std::chrono::seconds(30), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

class Runtime : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-runtime-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    app_token_ = Token(v1::ROLE_REPORTER_APP);
    auditor_token_ = Token(v1::ROLE_AUDITOR);
    expired_token_ = Token(v1::ROLE_REPORTER_APP, kNowUs / 1'000'000);
    options_.max_message_bytes = 64 << 10;
    for (const auto* message : {v1::SubmitNeedRequest::descriptor(), v1::DispatchNeedRequest::descriptor(), v1::AcceptOfferRequest::descriptor(),
                                v1::GetTimelineRequest::descriptor()}) {
      services_.push_back(message->file()->service(0));
    }
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string Token(v1::Role role, int64_t expires_s = 0) {
    Credential credential;
    credential.client = "city-app";
    credential.actor.set_principal("app-1");
    credential.actor.set_role(role);
    credential.expires_s = expires_s;
    auto token = CreateToken(directory_ / "tokens", credential, ids_);
    EXPECT_TRUE(token);
    return token.value_or("");
  }
  void Serve() {
    auto credentials = Credentials::Load(directory_ / "tokens");
    ASSERT_TRUE(credentials) << credentials.error().message;
    credentials_ = std::move(*credentials);
    auto server = RpcServer::Start(router_, services_, credentials_, clock_, options_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  std::unique_ptr<RpcClient> Client(const std::string& token) { return RpcClient::Connect("127.0.0.1:" + std::to_string(server_->port()), token); }
  static std::string ReasonOf(const Expected<void>& result) { return result ? "OK" : result.error().reason; }

  std::filesystem::path directory_;
  RandomIds ids_;
  SimulatedClock clock_{kNowUs};
  std::string app_token_, auditor_token_, expired_token_;
  Router router_;
  RpcServer::Options options_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
  Credentials credentials_;
  std::unique_ptr<RpcServer> server_;
};

TEST_F(Runtime, TheHandlerRunsOnlyForAKnownUnexpiredCredentialWithTheRole) {
  std::atomic<int> handled = 0;
  std::string client;
  router_.Unary<v1::IntakeServiceGetNeedRequest, v1::IntakeServiceGetNeedResponse>(
      kGet, [&](const Caller& caller, const v1::IntakeServiceGetNeedRequest&, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply) {
        ++handled;
        client = caller.client;
        EXPECT_GT(caller.deadline_us, kNowUs);
        EXPECT_LE(caller.deadline_us, kNowUs + 11'000'000);  // ten seconds, which gRPC rounds up
        reply(v1::IntakeServiceGetNeedResponse());
      });
  Serve();
  v1::IntakeServiceGetNeedRequest request;
  v1::IntakeServiceGetNeedResponse response;
  EXPECT_EQ(ReasonOf(Client("glt_unknown")->Call(kGet, request, &response)), "CREDENTIAL_UNKNOWN");
  EXPECT_EQ(ReasonOf(Client(expired_token_)->Call(kGet, request, &response)), "CREDENTIAL_EXPIRED");
  EXPECT_EQ(ReasonOf(Client(auditor_token_)->Call(kGet, request, &response)), "ROLE_NOT_ALLOWED");
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(ReasonOf(Client(app_token_)->Call(kGet, request, &response)), "OK");
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(client, "city-app");
}

TEST_F(Runtime, ATraceContextIsTakenAsItIsOrNotAtAll) {
  std::mutex mutex;
  std::string seen;
  router_.Unary<v1::IntakeServiceGetNeedRequest, v1::IntakeServiceGetNeedResponse>(
      kGet, [&](const Caller& caller, const v1::IntakeServiceGetNeedRequest&, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply) {
        {
          std::lock_guard lock(mutex);
          seen = caller.trace;
        }
        reply(v1::IntakeServiceGetNeedResponse());
      });
  Serve();
  auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials());
  auto taken = [&](const std::string& header) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + app_token_);
    context.AddMetadata("traceparent", header);
    v1::IntakeServiceGetNeedRequest request;
    v1::IntakeServiceGetNeedResponse response;
    const std::string path = std::string("/") + kGet;
    grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    using google::protobuf::Message;
    auto status = grpc::internal::BlockingUnaryCall<Message, Message>(channel.get(), method, &context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::lock_guard lock(mutex);
    return seen;
  };
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(taken(good), good);
  for (const char* bad :
       {"", "somebody's name", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "00-0af7651916cd43dd8448eb211c80319cxb7ad6b7169203331-01"}) {
    EXPECT_EQ(taken(bad), "") << bad;
  }
}

TEST_F(Runtime, AnErrorKeepsItsReasonFieldsDelayAndChineseOnTheWire) {
  router_.Unary<v1::IntakeServiceGetNeedRequest, v1::IntakeServiceGetNeedResponse>(
      kGet, [](const Caller&, const v1::IntakeServiceGetNeedRequest&, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply) {
        reply(std::unexpected(
            Error{Code::kInvalidArgument, "INVALID_FIELDS", "One field is wrong.", "有一项填写有误。", {{"name", "is empty"}}, {{"version", "7"}}, 1'500'000}));
      });
  Serve();
  v1::IntakeServiceGetNeedResponse response;
  auto result = Client(app_token_)->Call(kGet, v1::IntakeServiceGetNeedRequest(), &response);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().reason, "INVALID_FIELDS");
  EXPECT_EQ(result.error().message_zh, "有一项填写有误。");
  ASSERT_EQ(result.error().fields.size(), 1u);
  EXPECT_EQ(result.error().fields[0].field, "name");
  ASSERT_EQ(result.error().metadata.size(), 1u);
  EXPECT_EQ(result.error().metadata[0].second, "7");
  EXPECT_EQ(result.error().retry_after_us, 1'500'000);
}

TEST_F(Runtime, AnErrorWithVeryManyFieldsArrivesWithTheFirstOfThemAndHowManyMoreThereAre) {
  constexpr size_t kFields = 500;
  router_.Unary<v1::IntakeServiceGetNeedRequest, v1::IntakeServiceGetNeedResponse>(
      kGet, [](const Caller&, const v1::IntakeServiceGetNeedRequest&, Callback<Expected<v1::IntakeServiceGetNeedResponse>> reply) {
        Error error{Code::kInvalidArgument, "INVALID_FIELDS", "Many fields are wrong.", "多项填写有误。", {}, {}, std::nullopt};
        for (size_t i = 0; i < kFields; ++i) error.fields.push_back({"report.categories[" + std::to_string(i) + "]", "is in no directory; see ListCategories"});
        error.fields[3].description = std::string(20'000, 'x');
        reply(std::unexpected(error));
      });
  Serve();
  v1::IntakeServiceGetNeedResponse response;
  auto result = Client(app_token_)->Call(kGet, v1::IntakeServiceGetNeedRequest(), &response);
  ASSERT_EQ(ReasonOf(result), "INVALID_FIELDS") << result.error().message;
  EXPECT_NE(result.error().message_zh, "");
  const auto& fields = result.error().fields;
  ASSERT_GT(fields.size(), 20U);
  EXPECT_EQ(fields[0].field, "report.categories[0]");
  EXPECT_EQ(fields.back().description, "and " + std::to_string(kFields - (fields.size() - 1)) + " more; correct these first");
}

TEST_F(Runtime, WhatIsNoUtf8IsRefusedWithAReasonInEveryKindOfCall) {
  std::atomic<int> handled = 0;
  router_.Unary<v1::SubmitNeedRequest, v1::SubmitNeedResponse>(kSubmit, [&](const Caller&, const v1::SubmitNeedRequest&, auto reply) {
    ++handled;
    reply(v1::SubmitNeedResponse());
  });
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [&](const Caller&, const v1::WatchNeedsRequest&, auto sink) {
    ++handled;
    sink->Finish();
  });
  router_.BidiStream<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>(kSubmits, [](const Caller&, auto conversation) {
    conversation->OnMessage([conversation](const v1::SubmitNeedsRequest&) { conversation->Write(v1::SubmitNeedsResponse()); });
    conversation->OnHalfClose([conversation] { conversation->Finish(); });
  });
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedRequest request;
  request.mutable_report()->set_summary("\xC9\xE7\xB9\xA4");
  v1::SubmitNeedResponse response;
  auto unary = client->Call(kSubmit, request, &response);
  ASSERT_EQ(ReasonOf(unary), "REQUEST_UNREADABLE") << unary.error().message;
  EXPECT_EQ(unary.error().code, Code::kInvalidArgument);
  EXPECT_NE(unary.error().message.find("UTF-8"), std::string::npos);
  EXPECT_NE(unary.error().message_zh, "");
  v1::WatchNeedsRequest watch;
  watch.set_resume_token("\xFF");
  v1::WatchNeedsResponse change;
  EXPECT_EQ(ReasonOf(client->ReadStream(kWatch, watch, &change, [] { return true; })), "REQUEST_UNREADABLE");
  EXPECT_EQ(handled, 0);
  // A conversation whose handler has no answer for it ends, and says at which message.
  auto conversation = client->Converse(kSubmits, std::chrono::seconds(30));
  v1::SubmitNeedsRequest item;
  v1::SubmitNeedsResponse answer;
  ASSERT_TRUE(conversation->Write(item));
  ASSERT_TRUE(conversation->Read(&answer));
  *item.mutable_item() = request;
  ASSERT_TRUE(conversation->Write(item));
  EXPECT_FALSE(conversation->Read(&answer));
  auto ended = conversation->Finish();
  ASSERT_EQ(ReasonOf(ended), "REQUEST_UNREADABLE");
  ASSERT_EQ(ended.error().metadata.size(), 1U);
  EXPECT_EQ(ended.error().metadata[0], std::pair(std::string("message"), std::string("2")));
}

TEST_F(Runtime, AMessageThatIsTooLargeDoesNotEndAConversationAsIfAllWereWell) {
  router_.BidiStream<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>(kSubmits, [](const Caller&, auto conversation) {
    conversation->OnMessage([conversation](const v1::SubmitNeedsRequest&) { conversation->Write(v1::SubmitNeedsResponse()); });
    conversation->OnHalfClose([conversation] { conversation->Finish(); });
  });
  Serve();
  auto client = Client(app_token_);
  auto conversation = client->Converse(kSubmits, std::chrono::seconds(30));
  v1::SubmitNeedsRequest item;
  v1::SubmitNeedsResponse answer;
  ASSERT_TRUE(conversation->Write(item));
  ASSERT_TRUE(conversation->Read(&answer));
  item.mutable_item()->set_request_id(std::string(1 << 20, 'x'));
  conversation->Write(item);
  EXPECT_FALSE(conversation->Read(&answer));
  auto ended = conversation->Finish();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kResourceExhausted) << ended.error().message;
}

TEST_F(Runtime, WatchesThatAnybodyMayOpenTakeNoRoomFromOthers) {
  options_.max_streams = 1;
  options_.max_open_streams = 1;
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [](const Caller&, const v1::WatchNeedsRequest&, auto sink) {
    sink->Write(v1::WatchNeedsResponse());
    sink->Finish();
  });
  Serve();
  auto anybody = Client("");
  Gate watching, enough;
  auto first = std::async(std::launch::async, [&] {
    HealthCheckResponse response;
    return anybody->ReadStream(
        "grpc.health.v1.Health/Watch", HealthCheckRequest(), &response,
        [&] {
          watching.Open();
          enough.Wait();
          return false;
        },
        std::chrono::seconds(60));
  });
  ASSERT_TRUE(watching.Wait());
  HealthCheckResponse response;
  EXPECT_EQ(ReasonOf(anybody->ReadStream("grpc.health.v1.Health/Watch", HealthCheckRequest(), &response, [] { return false; })), "TOO_MANY_CALLS");
  v1::WatchNeedsResponse change;
  EXPECT_EQ(ReasonOf(Client(app_token_)->ReadStream(kWatch, v1::WatchNeedsRequest(), &change, [] { return true; })), "OK");
  enough.Open();
  EXPECT_TRUE(first.get());
}

TEST_F(Runtime, AStreamEndsWhenItsCredentialIsRevokedOrExpires) {
  std::string short_token = Token(v1::ROLE_REPORTER_APP, kNowUs / 1'000'000 + 60);
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [](const Caller&, const v1::WatchNeedsRequest&, auto sink) {
    sink->OnCancel([sink] {});  // keeps it open
    sink->Write(v1::WatchNeedsResponse());
  });
  router_.BidiStream<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>(kSubmits, [](const Caller&, auto conversation) {
    conversation->OnMessage([conversation](const v1::SubmitNeedsRequest&) { conversation->Write(v1::SubmitNeedsResponse()); });
    conversation->OnHalfClose([conversation] { conversation->Finish(); });
  });
  Serve();
  auto watch = [&](const std::string& token, Gate& open) {
    return std::async(std::launch::async, [this, token, &open] {
      v1::WatchNeedsResponse change;
      return Client(token)->ReadStream(
          kWatch, v1::WatchNeedsRequest(), &change,
          [&] {
            open.Open();
            return true;
          },
          std::chrono::seconds(60));
    });
  };
  Gate lasting_open, short_open;
  auto lasting = watch(app_token_, lasting_open);
  auto brief = watch(short_token, short_open);
  auto client = Client(app_token_);
  auto conversation = client->Converse(kSubmits, std::chrono::seconds(60));
  v1::SubmitNeedsRequest item;
  v1::SubmitNeedsResponse answer;
  ASSERT_TRUE(conversation->Write(item));
  ASSERT_TRUE(conversation->Read(&answer));
  ASSERT_TRUE(lasting_open.Wait());
  ASSERT_TRUE(short_open.Wait());
  clock_.AdvanceTo(kNowUs + 61'000'000);
  server_->CheckCredentials();
  EXPECT_EQ(ReasonOf(brief.get()), "CREDENTIAL_EXPIRED");
  ASSERT_TRUE(conversation->Write(item));
  ASSERT_TRUE(conversation->Read(&answer)) << "the others go on";

  std::ofstream none(directory_ / "none");
  std::filesystem::permissions(directory_ / "none", std::filesystem::perms::owner_all);
  credentials_.Replace(*Credentials::Load(directory_ / "none"));
  conversation->Write(item);
  EXPECT_FALSE(conversation->Read(&answer)) << "no message is taken on a credential that is gone";
  EXPECT_EQ(ReasonOf(conversation->Finish()), "CREDENTIAL_UNKNOWN");
  server_->CheckCredentials();
  EXPECT_EQ(ReasonOf(lasting.get()), "CREDENTIAL_UNKNOWN");
}

TEST_F(Runtime, ASupervisorsCredentialListsStationsAndNobodyElsesDoes) {
  const auto file = directory_ / "supervisors";
  Credential supervisor;
  supervisor.client = "supervision";
  supervisor.actor.set_principal("supervisor-1");
  supervisor.actor.set_role(v1::ROLE_SUPERVISOR);
  EXPECT_FALSE(CreateToken(file, supervisor, ids_)) << "no station";
  supervisor.actor.add_stations("s0,1");
  EXPECT_FALSE(CreateToken(file, supervisor, ids_)) << "a comma stands between stations";
  supervisor.actor.set_stations(0, "s01");
  supervisor.actor.add_stations("s03");
  auto token = CreateToken(file, supervisor, ids_);
  ASSERT_TRUE(token) << token.error().message;
  auto found = Credentials::Load(file)->Find("Bearer " + *token, kNowUs);
  ASSERT_TRUE(found);
  EXPECT_EQ(std::vector<std::string>(found->actor.stations().begin(), found->actor.stations().end()), (std::vector<std::string>{"s01", "s03"}));
  Credential worker = supervisor;
  worker.actor.set_role(v1::ROLE_WORKER);
  EXPECT_FALSE(CreateToken(file, worker, ids_));
  while (supervisor.actor.stations_size() < 65) supervisor.actor.add_stations("s01");
  EXPECT_FALSE(CreateToken(file, supervisor, ids_)) << "too many";
  // A line that an editor made is looked at too.
  std::ofstream(file, std::ios::app) << std::string(64, '0') << "\tc\tp\tworker\t\t\t0\ts01\n";
  auto bad = Credentials::Load(file);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("line 2"), std::string::npos) << bad.error().message;
}

TEST_F(Runtime, NothingIsBegunForACallWhoseDeadlineHasPassed) {
  constexpr int kAttempts = 20;
  std::array<Gate, kAttempts> blocking, release;
  std::atomic<size_t> attempt = 0;
  std::atomic<int> begun = 0;
  router_.Unary<v1::IntakeServiceGetNeedRequest, v1::IntakeServiceGetNeedResponse>(
      kGet, [&](const Caller&, const v1::IntakeServiceGetNeedRequest&, auto reply) {
        blocking[attempt].Open();
        release[attempt].Wait();  // what no handler may do: the poller stands still
        reply(v1::IntakeServiceGetNeedResponse());
      });
  router_.Unary<v1::SubmitNeedRequest, v1::SubmitNeedResponse>(kSubmit, [&](const Caller&, const v1::SubmitNeedRequest&, auto reply) {
    ++begun;
    reply(v1::SubmitNeedResponse());
  });
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedResponse submitted;
  ASSERT_TRUE(client->Call(kSubmit, v1::SubmitNeedRequest(), &submitted));
  int expected = 1;
  // A server counts a deadline from when it reads the call. It may read it only after the poller goes on, and then rightly begins it:
  // one call of several that was read in time and not begun is what is looked for.
  bool refused = false;
  for (; attempt < kAttempts && !refused; ++attempt) {
    v1::IntakeServiceGetNeedResponse got;
    std::promise<Expected<void>> answered;
    client->CallAsync(kGet, v1::IntakeServiceGetNeedRequest(), &got, std::chrono::seconds(30),
                      [&](Expected<void> result) { answered.set_value(std::move(result)); });
    ASSERT_TRUE(blocking[attempt].Wait());
    auto late = client->Call(kSubmit, v1::SubmitNeedRequest(), &submitted, std::chrono::milliseconds(100));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
    release[attempt].Open();
    EXPECT_TRUE(answered.get_future().get());
    EXPECT_TRUE(client->Call(kSubmit, v1::SubmitNeedRequest(), &submitted));  // the poller has passed the late one
    refused = begun == ++expected;
    expected = begun;
  }
  EXPECT_TRUE(refused);
}

// Forwards bytes both ways between one client and the server until it is frozen; the connections stay open.
class FreezingProxy {
 public:
  explicit FreezingProxy(int server_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    address.sin_port = htons(static_cast<uint16_t>(server_port));
    EXPECT_EQ(::pipe2(wake_, O_CLOEXEC), 0);
    thread_ = std::thread([this, address] { Run(address); });
  }
  ~FreezingProxy() {
    Freeze();
    for (int each : {listener_, client_, server_, wake_[0], wake_[1]}) ::close(each);
  }
  int port() const { return port_; }
  void Freeze() {
    if (!thread_.joinable()) return;
    EXPECT_EQ(::write(wake_[1], "x", 1), 1);
    thread_.join();
  }

 private:
  void Run(sockaddr_in address) {
    pollfd first[] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    ::poll(first, 2, -1);
    if (first[1].revents != 0) return;
    client_ = ::accept(listener_, nullptr, nullptr);
    server_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(server_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::array<char, 64 << 10> bytes;
    while (true) {
      pollfd polls[] = {{client_, POLLIN, 0}, {server_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
      ::poll(polls, 3, -1);
      if (polls[2].revents != 0) return;
      for (auto [from, to] : {std::pair{0, server_}, {1, client_}}) {
        if (polls[from].revents == 0) continue;
        ssize_t read = ::read(polls[from].fd, bytes.data(), bytes.size());
        if (read <= 0 || ::write(to, bytes.data(), static_cast<size_t>(read)) != read) return;
      }
    }
  }
  int listener_ = -1, client_ = -1, server_ = -1, port_ = 0;
  int wake_[2] = {-1, -1};
  std::thread thread_;
};

TEST_F(Runtime, AWatchNoticesThatNobodyIsThereAnyMore) {
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [](const Caller&, const v1::WatchNeedsRequest&, auto sink) {
    sink->OnCancel([sink] {});
    sink->Write(v1::WatchNeedsResponse());
  });
  Serve();
  FreezingProxy proxy(server_->port());
  RpcClient::Options options;
  options.address = "127.0.0.1:" + std::to_string(proxy.port());
  options.token = app_token_;
  options.keepalive = std::chrono::milliseconds(500);
  options.keepalive_time_out = std::chrono::milliseconds(200);
  auto client = RpcClient::Connect(options);
  ASSERT_TRUE(client);
  v1::WatchNeedsResponse change;
  auto watched = (*client)->ReadStream(
      kWatch, v1::WatchNeedsRequest(), &change,
      [&] {
        proxy.Freeze();
        return true;
      },
      std::chrono::seconds(30));
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().code, Code::kUnavailable) << watched.error().message;
}

// What an observer heard.
class Heard : public RpcObserver {
 public:
  int Register(const std::string& service, const std::string& method, const std::string&) override {
    names_.push_back(service + "/" + method);
    return static_cast<int>(names_.size()) - 1;
  }
  void Started(int) override {}
  void Received(int method) override { Count(method, " received"); }
  void Sent(int method) override { Count(method, " sent"); }
  void Handled(int method, int, int64_t, const std::string&, std::string_view need) override {
    std::lock_guard lock(mutex_);
    needs_[names_[static_cast<size_t>(method)]] = need;
  }
  int CountOf(const std::string& what) {
    std::lock_guard lock(mutex_);
    return counts_[what];
  }
  std::string NeedOf(const std::string& method) {
    std::lock_guard lock(mutex_);
    return needs_[method];
  }

 private:
  void Count(int method, const char* what) {
    std::lock_guard lock(mutex_);
    ++counts_[names_[static_cast<size_t>(method)] + what];
  }
  std::vector<std::string> names_;
  std::mutex mutex_;
  std::map<std::string, int> counts_;
  std::map<std::string, std::string> needs_;
};

TEST_F(Runtime, ObserversHearOfEachMessageOfAStreamAndWhichNeedACallWasAbout) {
  const std::string need = "needs/jke5k7yoeeudqnib4fsxkvlz3u";
  Heard heard;
  options_.observers = {&heard};
  router_.Unary<v1::IntakeServiceGetNeedRequest, v1::IntakeServiceGetNeedResponse>(
      kGet, [](const Caller&, const v1::IntakeServiceGetNeedRequest&, auto reply) { reply(v1::IntakeServiceGetNeedResponse()); });
  router_.Unary<v1::SubmitNeedRequest, v1::SubmitNeedResponse>(kSubmit, [&](const Caller&, const v1::SubmitNeedRequest&, auto reply) {
    v1::SubmitNeedResponse response;
    response.set_name(need);
    reply(std::move(response));
  });
  router_.BidiStream<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>(kSubmits, [](const Caller&, auto conversation) {
    conversation->OnMessage([conversation](const v1::SubmitNeedsRequest&) { conversation->Write(v1::SubmitNeedsResponse()); });
    conversation->OnHalfClose([conversation] { conversation->Finish(); });
  });
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedResponse submitted;
  ASSERT_TRUE(client->Call(kSubmit, v1::SubmitNeedRequest(), &submitted));
  EXPECT_EQ(heard.NeedOf(kSubmit), need) << "from the answer";
  v1::IntakeServiceGetNeedRequest get;
  v1::IntakeServiceGetNeedResponse got;
  get.set_name(need);
  ASSERT_TRUE(client->Call(kGet, get, &got));
  EXPECT_EQ(heard.NeedOf(kGet), need);
  get.set_name("somebody's name");
  ASSERT_TRUE(client->Call(kGet, get, &got));
  EXPECT_EQ(heard.NeedOf(kGet), "") << "whatever else a caller writes there is heard by nobody";
  auto conversation = client->Converse(kSubmits, std::chrono::seconds(30));
  v1::SubmitNeedsResponse answer;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(conversation->Write(v1::SubmitNeedsRequest()));
    ASSERT_TRUE(conversation->Read(&answer));
  }
  conversation->WritesDone();
  EXPECT_FALSE(conversation->Read(&answer));
  EXPECT_TRUE(conversation->Finish());
  server_.reset();
  EXPECT_EQ(heard.CountOf(std::string(kSubmits) + " received"), 3);
  EXPECT_EQ(heard.CountOf(std::string(kSubmits) + " sent"), 3);
}

TEST_F(Runtime, HealthIsOpenAndFollowsTheServer) {
  Serve();
  auto client = Client("");
  HealthCheckRequest request;
  HealthCheckResponse response;
  ASSERT_EQ(ReasonOf(client->Call("grpc.health.v1.Health/Check", request, &response)), "OK");
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  request.set_service("gridloop.v1.IntakeService");
  std::vector<int> seen;
  auto watched = client->ReadStream(
      "grpc.health.v1.Health/Watch", request, &response,
      [&] {
        seen.push_back(response.status());
        server_->SetServing("gridloop.v1.IntakeService", false);
        return seen.size() < 2;
      },
      std::chrono::seconds(30));
  EXPECT_EQ(ReasonOf(watched), "OK");
  EXPECT_EQ(seen, (std::vector<int>{HealthCheckResponse::SERVING, HealthCheckResponse::NOT_SERVING}));
  auto status = [&](const std::string& service) {
    request.set_service(service);
    EXPECT_TRUE(client->Call("grpc.health.v1.Health/Check", request, &response));
    return response.status();
  };
  EXPECT_EQ(status(""), HealthCheckResponse::SERVING) << "each is told by itself";
  EXPECT_EQ(status("gridloop.v1.RoutingService"), HealthCheckResponse::SERVING);
  server_->SetServing("gridloop.v1.IntakeService", true);
  EXPECT_EQ(status("gridloop.v1.IntakeService"), HealthCheckResponse::SERVING);
  server_->SayStopping();
  server_->SetServing("gridloop.v1.IntakeService", true);  // whoever looked just before the stop
  server_->SetServing("", true);
  EXPECT_EQ(status("gridloop.v1.IntakeService"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(status(""), HealthCheckResponse::NOT_SERVING);
  request.set_service("no.such.Service");
  EXPECT_EQ(ReasonOf(client->Call("grpc.health.v1.Health/Check", request, &response)), "SERVICE_UNKNOWN");
}

TEST_F(Runtime, ReflectionListsAllServicesAndTheirFilesToAnyCredential) {
  Serve();
  auto conversation = Client(auditor_token_)->Converse(kReflect, std::chrono::seconds(30));
  ServerReflectionRequest request;
  ServerReflectionResponse response;
  request.set_list_services("");
  ASSERT_TRUE(conversation->Write(request));
  ASSERT_TRUE(conversation->Read(&response));
  EXPECT_EQ(response.list_services_response().service_size(), 7);  // four of ours, health, reflection twice
  request.set_file_containing_symbol("gridloop.v1.IntakeService.SubmitNeed");
  ASSERT_TRUE(conversation->Write(request));
  ASSERT_TRUE(conversation->Read(&response));
  EXPECT_GT(response.file_descriptor_response().file_descriptor_proto_size(), 1);
  request.set_file_by_filename("no/such.proto");
  ASSERT_TRUE(conversation->Write(request));
  ASSERT_TRUE(conversation->Read(&response));
  EXPECT_EQ(response.error_response().error_code(), static_cast<int>(Code::kNotFound));
  conversation->WritesDone();
  EXPECT_FALSE(conversation->Read(&response));
  EXPECT_EQ(ReasonOf(conversation->Finish()), "OK");
}

TEST_F(Runtime, UnknownMethodsAndOversizedMessagesAreRefused) {
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedResponse response;
  auto unknown = client->Call("gridloop.v1.IntakeService/NoSuchMethod", v1::SubmitNeedRequest(), &response);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kUnimplemented);
  v1::SubmitNeedRequest big;
  big.set_request_id(std::string(1 << 20, 'x'));
  auto oversized = client->Call(kSubmit, big, &response);
  ASSERT_FALSE(oversized);
  EXPECT_EQ(oversized.error().code, Code::kResourceExhausted);
  big.set_request_id("small");
  EXPECT_EQ(ReasonOf(client->Call(kSubmit, big, &response)), "NOT_IMPLEMENTED") << "the connection still serves";
}

TEST_F(Runtime, AMethodWithoutAHandlerStopsAStrictServer) {
  options_.require_every_handler = true;
  auto server = RpcServer::Start(router_, services_, credentials_, clock_, options_);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find(kSubmit), std::string::npos);
  EXPECT_NE(server.error().message.find("gridloop.v1.AuditService/GetTimeline"), std::string::npos) << "all of them are listed";
}

TEST_F(Runtime, OneCallTooManyIsRefusedAtOnceWithADelay) {
  options_.max_in_flight = 1;
  std::mutex mutex;
  std::vector<Callback<Expected<v1::SubmitNeedResponse>>> held;
  Gate holding;
  router_.Unary<v1::SubmitNeedRequest, v1::SubmitNeedResponse>(
      kSubmit, [&](const Caller&, const v1::SubmitNeedRequest&, Callback<Expected<v1::SubmitNeedResponse>> reply) {
        std::lock_guard lock(mutex);
        held.push_back(std::move(reply));
        holding.Open();
      });
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedRequest request;
  v1::SubmitNeedResponse first, second;
  std::promise<Expected<void>> answered;
  client->CallAsync(kSubmit, request, &first, std::chrono::seconds(30), [&](Expected<void> result) { answered.set_value(std::move(result)); });
  ASSERT_TRUE(holding.Wait());
  auto refused = client->Call(kSubmit, request, &second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(refused.error().retry_after_us.has_value());
  v1::SubmitNeedResponse good;
  good.set_name("needs/a");
  held[0](std::move(good));
  EXPECT_EQ(ReasonOf(answered.get_future().get()), "OK");
  EXPECT_EQ(first.name(), "needs/a");
}

TEST_F(Runtime, AHandlerThatDropsItsReplyAnswersInternal) {
  router_.Unary<v1::SubmitNeedRequest, v1::SubmitNeedResponse>(kSubmit, [](const Caller&, const v1::SubmitNeedRequest&, auto) {});
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [](const Caller&, const v1::WatchNeedsRequest&, auto) {});
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedResponse response;
  auto gave_up = client->Call(kSubmit, v1::SubmitNeedRequest(), &response);
  EXPECT_EQ(ReasonOf(gave_up), "HANDLER_GAVE_UP");
  EXPECT_NE(gave_up.error().message_zh, "");
  v1::WatchNeedsResponse change;
  EXPECT_EQ(ReasonOf(client->ReadStream(kWatch, v1::WatchNeedsRequest(), &change, [] { return true; })), "HANDLER_GAVE_UP");
}

TEST_F(Runtime, AConversationAnswersEachMessageInOrderAndReadsNoFurtherThanItsBound) {
  options_.max_unanswered = 4;
  std::mutex mutex;
  std::vector<std::string> held;
  int most = 0;
  std::mutex letting_go;
  std::shared_ptr<Conversation<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>> kept;
  Gate full;
  router_.BidiStream<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>(kSubmits, [&](const Caller&, auto conversation) {
    kept = conversation;
    conversation->OnMessage([&](const v1::SubmitNeedsRequest& request) {
      std::lock_guard lock(mutex);
      held.push_back(request.item().request_id());
      most = std::max(most, static_cast<int>(held.size()));
      if (held.size() == 4) full.Open();
    });
    conversation->OnHalfClose([&] {
      std::shared_ptr<Conversation<v1::SubmitNeedsRequest, v1::SubmitNeedsResponse>> last;
      {
        std::lock_guard lock(letting_go);
        last.swap(kept);
      }
      last->Finish();  // from here on the test may be over
    });
  });
  Serve();
  auto client = Client(app_token_);
  auto conversation = client->Converse(kSubmits, std::chrono::seconds(60));
  constexpr int kMessages = 50;
  for (int i = 0; i < kMessages; ++i) {
    v1::SubmitNeedsRequest request;
    request.mutable_item()->set_request_id(std::to_string(i));
    ASSERT_TRUE(conversation->Write(request));
  }
  conversation->WritesDone();
  ASSERT_TRUE(full.Wait());
  for (int i = 0; i < kMessages; ++i) {
    while (true) {  // the poller may still be handing the next one over
      std::lock_guard lock(mutex);
      if (held.empty()) continue;
      v1::SubmitNeedsResponse response;
      response.set_request_id(held.front());
      held.erase(held.begin());
      ASSERT_TRUE(kept->Write(response));
      break;
    }
    v1::SubmitNeedsResponse response;
    ASSERT_TRUE(conversation->Read(&response));
    EXPECT_EQ(response.request_id(), std::to_string(i));
  }
  v1::SubmitNeedsResponse none;
  EXPECT_FALSE(conversation->Read(&none));
  EXPECT_EQ(ReasonOf(conversation->Finish()), "OK");
  EXPECT_EQ(most, 4);
  std::lock_guard lock(letting_go);
  EXPECT_EQ(kept, nullptr);
}

TEST_F(Runtime, AStreamHoldsBackASlowReaderAndHearsThatItLeft) {
  options_.max_waiting_writes = 8;
  Gate refused, cancelled;
  std::atomic<int> written = 0;
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [&](const Caller&, const v1::WatchNeedsRequest&, auto sink) {
    auto write = [&, sink] {
      v1::WatchNeedsResponse response;
      response.set_resume_token(std::string(60'000, 'x'));
      while (sink->Write(response)) ++written;
      refused.Open();
    };
    sink->OnReady(write);
    sink->OnCancel([&] { cancelled.Open(); });
    write();
  });
  Serve();
  auto client = Client(app_token_);
  v1::WatchNeedsResponse response;
  int read = 0;
  auto result = client->ReadStream(kWatch, v1::WatchNeedsRequest(), &response, [&] {
    EXPECT_TRUE(refused.Wait());
    return ++read < 100;  // more than the first refusal let through, so OnReady went on
  });
  EXPECT_EQ(ReasonOf(result), "OK");
  EXPECT_TRUE(cancelled.Wait());
  EXPECT_GE(written, 100);
}

TEST_F(Runtime, StoppingEndsStreamsAndOutlivesHandlersThatAnswerLate) {
  options_.drain_us = 0;
  std::optional<Callback<Expected<v1::SubmitNeedResponse>>> late;
  std::shared_ptr<Sink<v1::WatchNeedsResponse>> sink;
  Gate holding, watching;
  router_.Unary<v1::SubmitNeedRequest, v1::SubmitNeedResponse>(
      kSubmit, [&](const Caller&, const v1::SubmitNeedRequest&, Callback<Expected<v1::SubmitNeedResponse>> reply) {
        late = std::move(reply);
        holding.Open();
      });
  router_.ServerStream<v1::WatchNeedsRequest, v1::WatchNeedsResponse>(kWatch, [&](const Caller&, const v1::WatchNeedsRequest&, auto opened) {
    sink = opened;
    watching.Open();
  });
  Serve();
  auto client = Client(app_token_);
  v1::SubmitNeedRequest request;
  v1::SubmitNeedResponse response;
  std::promise<Expected<void>> answered;
  client->CallAsync(kSubmit, request, &response, std::chrono::seconds(30), [&](Expected<void> result) { answered.set_value(std::move(result)); });
  auto watch = std::async(std::launch::async, [&] {
    v1::WatchNeedsResponse change;
    return client->ReadStream(
        kWatch, v1::WatchNeedsRequest(), &change, [] { return true; }, std::chrono::seconds(30));
  });
  ASSERT_TRUE(holding.Wait());
  ASSERT_TRUE(watching.Wait());
  server_->Stop();
  EXPECT_FALSE(watch.get());
  EXPECT_FALSE(answered.get_future().get());
  server_.reset();
  (*late)(v1::SubmitNeedResponse());
  EXPECT_TRUE(sink->cancelled());
  EXPECT_FALSE(sink->Write(v1::WatchNeedsResponse()));
}

}  // namespace
}  // namespace gridloop
