// libcurl against real servers on port 0 that are slow, hang, redirect, flood or lie.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "adapters/http/address.h"
#include "adapters/http/curl_webhooks.h"

namespace gridloop {
namespace {

// Takes connections one after the other, reads a request with its body, and says `answer`; empty: says nothing and holds it open.
class Server {
 public:
  explicit Server(std::string answer, bool close = true) : answer_(std::move(answer)), close_(close) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (int held : held_) ::close(held);
    ::close(listener_);
  }
  std::string url(const std::string& host = "127.0.0.1") const { return "http://" + host + ":" + std::to_string(port_) + "/hook?key=1"; }
  std::string request() const {
    std::lock_guard lock(mutex_);
    return request_;
  }
  int requests() const { return requests_; }

 private:
  void Run() {
    while (!stopping_) {
      int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      Serve(connection);
      if (answer_.empty()) {
        held_.push_back(connection);
      } else {
        ::close(connection);
      }
    }
  }
  void Serve(int connection) {
    do {
      std::string text;
      size_t head = std::string::npos;
      size_t body = 0;
      char buffer[4096];
      while (head == std::string::npos || text.size() < head + 4 + body) {
        ssize_t got = ::read(connection, buffer, sizeof(buffer));
        if (got <= 0) return;
        text.append(buffer, static_cast<size_t>(got));
        head = text.find("\r\n\r\n");
        size_t length = text.find("Content-Length: ");
        if (length != std::string::npos) body = std::stoul(text.substr(length + 16));
      }
      {
        std::lock_guard lock(mutex_);
        request_ = text;
      }
      ++requests_;
      if (answer_.empty()) return;
      for (size_t at = 0; at < answer_.size();) {
        ssize_t sent = ::send(connection, answer_.data() + at, answer_.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += static_cast<size_t>(sent);
      }
    } while (!close_);
  }

  std::string answer_;
  bool close_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  mutable std::mutex mutex_;
  std::string request_;
  std::vector<int> held_;
  std::thread thread_;
};

std::string Status(const std::string& line, const std::string& headers = {}) { return "HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n" + headers + "\r\n"; }

class Webhooking : public testing::Test {
 protected:
  static std::unique_ptr<CurlWebhooks> Make() {
    auto made = CurlWebhooks::Make({.connect_ms = 2'000, .total_ms = 1'500, .answer_bytes = 64 << 10, .user_agent = "gridloop/test"});
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  std::future<WebhookAnswer> Begin(const std::string& url, bool allow_private = true) {
    auto promise = std::make_shared<std::promise<WebhookAnswer>>();
    auto answer = promise->get_future();
    webhooks->Post({url, {{"content-type", "application/cloudevents+json"}, {"webhook-id", "an-id"}}, "{\"a\":1}", allow_private, {}},
                   [promise](WebhookAnswer given) { promise->set_value(given); });
    return answer;
  }
  WebhookAnswer Post(const std::string& url, bool allow_private = true) { return Begin(url, allow_private).get(); }
  std::unique_ptr<CurlWebhooks> webhooks = Make();
};

TEST_F(Webhooking, APostArrivesWithItsHeadersAndTheStatusComesBack) {
  Server server(Status("204 No Content"));
  auto answer = Post(server.url());
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.failure, v1::DELIVERY_FAILURE_UNSPECIFIED);
  std::string request = server.request();
  EXPECT_TRUE(request.starts_with("POST /hook?key=1 HTTP/1.1\r\n")) << request;
  for (const char* line : {"\r\ncontent-type: application/cloudevents+json\r\n", "\r\nwebhook-id: an-id\r\n", "\r\nUser-Agent: gridloop/test\r\n"}) {
    EXPECT_NE(request.find(line), std::string::npos) << line << request;
  }
  EXPECT_TRUE(request.ends_with("\r\n\r\n{\"a\":1}"));
}

TEST_F(Webhooking, AServerThatTakesTheConnectionAndNeverAnswersIsGivenUp) {
  Server server("");
  EXPECT_EQ(Post(server.url()).failure, v1::DELIVERY_FAILURE_TIMEOUT);
}

TEST_F(Webhooking, ABodyThatNeverEndsInTimeIsNoSuccess) {
  Server server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", false);
  EXPECT_EQ(Post(server.url()).failure, v1::DELIVERY_FAILURE_TIMEOUT);
}

TEST_F(Webhooking, NoRedirectIsFollowed) {
  Server inside(Status("200 OK"));
  for (const std::string& to : {inside.url(), std::string("http://169.254.169.254/latest/meta-data/"), std::string("file:///etc/passwd")}) {
    Server server(Status("307 Temporary Redirect", "Location: " + to + "\r\n"));
    auto answer = Post(server.url());
    EXPECT_EQ(answer.status, 307) << to;
    EXPECT_EQ(answer.failure, v1::DELIVERY_FAILURE_UNSPECIFIED);
  }
  EXPECT_EQ(inside.requests(), 0);
}

TEST_F(Webhooking, OwnAddressesAreReachedOnlyWhereThatIsAllowedAndLinkLocalOnesNever) {
  Server server(Status("200 OK"), false);
  EXPECT_EQ(Post(server.url(), false).failure, v1::DELIVERY_FAILURE_ADDRESS_FORBIDDEN);
  EXPECT_EQ(Post(server.url("localhost"), false).failure, v1::DELIVERY_FAILURE_ADDRESS_FORBIDDEN) << "by its name too";
  EXPECT_EQ(server.requests(), 0);
  EXPECT_EQ(Post(server.url()).status, 200);
  EXPECT_EQ(Post(server.url(), false).failure, v1::DELIVERY_FAILURE_ADDRESS_FORBIDDEN) << "nor over the connection that somebody else made";
  EXPECT_EQ(server.requests(), 1);
  for (const char* forbidden : {"http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/", "http://[::ffff:169.254.169.254]/"}) {
    EXPECT_EQ(Post(forbidden).failure, v1::DELIVERY_FAILURE_ADDRESS_FORBIDDEN) << forbidden;
  }
}

TEST_F(Webhooking, OnlyHttpIsSpoken) {
  for (const char* url : {"file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://127.0.0.1/x"}) {
    auto answer = Post(url);
    EXPECT_EQ(answer.status, 0);
    EXPECT_EQ(answer.failure, v1::DELIVERY_FAILURE_PROTOCOL) << url;
  }
}

TEST_F(Webhooking, WhatIsNoHttpAndWhoEndsTheConnectionIsAFailure) {
  Server nonsense("SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_NE(Post(nonsense.url()).failure, v1::DELIVERY_FAILURE_UNSPECIFIED);
  std::string url;
  {
    Server gone(Status("200 OK"));
    url = gone.url();
  }
  EXPECT_EQ(Post(url).failure, v1::DELIVERY_FAILURE_UNREACHABLE);
  EXPECT_EQ(Post("https://127.0.0.1:" + url.substr(url.rfind(':') + 1)).failure, v1::DELIVERY_FAILURE_UNREACHABLE);
}

TEST_F(Webhooking, ALongAnswerIsCutOffAndItsStatusCounts) {
  constexpr size_t kFlood = 32 << 20;
  Server body("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kFlood) + "\r\n\r\n" + std::string(kFlood, 'x'));
  EXPECT_EQ(Post(body.url()).status, 200);
  std::string headers;
  for (int i = 0; i < 20'000; ++i) headers += "X-Flood: " + std::string(80, 'x') + "\r\n";
  Server head(Status("200 OK", headers));
  EXPECT_EQ(Post(head.url()).status, 200);
}

TEST_F(Webhooking, AnAnswerMayAskForAWait) {
  Server server(Status("503 Service Unavailable", "Retry-After: 120\r\n"));
  auto answer = Post(server.url());
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.retry_after_us, 120'000'000);
}

TEST_F(Webhooking, OnesThatHangDelayNoOther) {
  Server hangs("");
  Server good(Status("200 OK"));
  std::vector<std::future<WebhookAnswer>> hanging;
  for (int i = 0; i < 20; ++i) hanging.push_back(Begin(hangs.url()));
  EXPECT_EQ(Post(good.url()).status, 200);
  EXPECT_TRUE(std::ranges::any_of(hanging, [](auto& each) { return each.wait_for(std::chrono::seconds(0)) != std::future_status::ready; }))
      << "it did not wait for them";
  for (auto& each : hanging) EXPECT_EQ(each.get().failure, v1::DELIVERY_FAILURE_TIMEOUT);
}

TEST_F(Webhooking, WhatIsUnderWayIsAnsweredWhenItStops) {
  Server hangs("");
  auto one = Begin(hangs.url());
  webhooks.reset();
  EXPECT_NE(one.get().failure, v1::DELIVERY_FAILURE_UNSPECIFIED);
}

TEST(Addresses, WhichMayBeReached) {
  for (const char* address : {"1.1.1.1", "223.5.5.5", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2400:3200::1", "64:ff9b::808:808", "::ffff:8.8.8.8"}) {
    EXPECT_EQ(KindOfAddress(address), AddressKind::kPublic) << address;
  }
  for (const char* address : {"127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.0.1", "::1",
                              "fc00::1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:0a00:0001::1"}) {
    EXPECT_EQ(KindOfAddress(address), AddressKind::kOwn) << address;
  }
  for (const char* address : {"0.0.0.0",
                              "169.254.169.254",
                              "224.0.0.1",
                              "255.255.255.255",
                              "240.0.0.1",
                              "198.18.0.1",
                              "192.0.0.8",
                              "192.0.2.1",
                              "::",
                              "fe80::1",
                              "fe80::1%eth0",
                              "febf::1",
                              "fec0::1",
                              "ff02::1",
                              "2001::1",
                              "2001:db8::1",
                              "::ffff:169.254.169.254",
                              "2002:a9fe:a9fe::1",
                              "::169.254.169.254",
                              "not an address",
                              ""}) {
    EXPECT_EQ(KindOfAddress(address), AddressKind::kForbidden) << address;
  }
}

}  // namespace
}  // namespace gridloop
