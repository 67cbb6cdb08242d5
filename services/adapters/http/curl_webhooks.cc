#include "adapters/http/curl_webhooks.h"

#include <curl/curl.h>
#include <unistd.h>

#include "adapters/http/address.h"

namespace gridloop {
namespace {

constexpr int kLongestPollMs = 10'000;
constexpr long kKeptConnections = 64;  // NOLINT(google-runtime-int): curl's type

bool MayReach(AddressKind kind, bool allow_private) { return kind == AddressKind::kPublic || (kind == AddressKind::kOwn && allow_private); }

v1::DeliveryFailure FailureOf(CURLcode result) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
      return v1::DELIVERY_FAILURE_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
      return v1::DELIVERY_FAILURE_TLS;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_GOT_NOTHING:
      return v1::DELIVERY_FAILURE_PROTOCOL;
    default:
      return v1::DELIVERY_FAILURE_UNREACHABLE;
  }
}

}  // namespace

struct CurlWebhooks::Transfer {
  ~Transfer() {
    curl_slist_free_all(headers);
    if (easy != nullptr) curl_easy_cleanup(easy);
  }
  WebhookPost post;
  Callback<WebhookAnswer> done;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  size_t room = 0;         // for what is answered
  bool forbidden = false;  // an address was not connected to

  static size_t Discard(char* /*data*/, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    size_t bytes = size * count;
    if (bytes > transfer.room) return 0;  // ends it
    transfer.room -= bytes;
    return bytes;
  }
  static curl_socket_t OpenSocket(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!MayReach(KindOf(address->addr), transfer.post.allow_private)) {
      transfer.forbidden = true;
      return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  // Also of a connection that another recipient made.
  static int BeforeRequest(void* self, char* address, char* /*local*/, int /*port*/, int /*local_port*/) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (MayReach(KindOfAddress(address), transfer.post.allow_private)) return CURL_PREREQFUNC_OK;
    transfer.forbidden = true;
    return CURL_PREREQFUNC_ABORT;
  }
};

CurlWebhooks::CurlWebhooks(Options options) : options_(std::move(options)) {}

Expected<std::unique_ptr<CurlWebhooks>> CurlWebhooks::Make(Options options) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CurlWebhooks> made(new CurlWebhooks(std::move(options)));
  made->multi_ = curl_multi_init();
  if (kReady != CURLE_OK || made->multi_ == nullptr) return Fail(Code::kInternal, "CURL_FAILED", "libcurl could not be started.");
  curl_multi_setopt(made->multi_, CURLMOPT_MAXCONNECTS, kKeptConnections);
  made->thread_ = std::thread([webhooks = made.get()] { webhooks->Run(); });
  return made;
}

CurlWebhooks::~CurlWebhooks() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    curl_multi_wakeup(multi_);
    thread_.join();
  }
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

void CurlWebhooks::Post(WebhookPost post, Callback<WebhookAnswer> done) {
  {
    std::lock_guard lock(mutex_);
    waiting_.emplace_back(std::move(post), std::move(done));
  }
  curl_multi_wakeup(multi_);
}

void CurlWebhooks::Run() {
  while (true) {
    std::deque<std::pair<WebhookPost, Callback<WebhookAnswer>>> begun;
    bool stopping = false;
    {
      std::lock_guard lock(mutex_);
      begun.swap(waiting_);
      stopping = stopping_;
    }
    for (auto& [post, done] : begun) Begin(std::move(post), std::move(done));
    if (stopping) break;
    int running = 0;
    curl_multi_perform(multi_, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) End(message->easy_handle, message->data.result);
    }
    curl_multi_poll(multi_, nullptr, 0, kLongestPollMs, nullptr);
  }
  while (!transfers_.empty()) End(transfers_.begin()->first, CURLE_ABORTED_BY_CALLBACK);
}

void CurlWebhooks::Begin(WebhookPost post, Callback<WebhookAnswer> done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->post = std::move(post);
  transfer->done = std::move(done);
  transfer->room = options_.answer_bytes;
  transfer->easy = curl_easy_init();
  CURL* easy = transfer->easy;
  if (easy == nullptr) return transfer->done({0, v1::DELIVERY_FAILURE_UNREACHABLE, 0});
  for (const auto& [name, value] : transfer->post.headers) transfer->headers = curl_slist_append(transfer->headers, (name + ": " + value).c_str());
  const WebhookPost& what = transfer->post;
  curl_easy_setopt(easy, CURLOPT_URL, what.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // it would be connected to instead of what was looked at
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);                                             // a name that is still looked up holds up no stop
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_ms));  // NOLINT(google-runtime-int)
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.total_ms));           // NOLINT(google-runtime-int)
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (!what.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, what.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, what.body.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::Discard);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::Discard);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::OpenSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &Transfer::BeforeRequest);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer.get());
  transfers_.emplace(easy, std::move(transfer));
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK) End(easy, CURLE_FAILED_INIT);
}

void CurlWebhooks::End(void* easy, int result) {
  auto found = transfers_.find(easy);
  if (found == transfers_.end()) return;
  std::unique_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  curl_multi_remove_handle(multi_, easy);
  WebhookAnswer answer;
  long status = 0;  // NOLINT(google-runtime-int): curl's type
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  auto code = static_cast<CURLcode>(result);
  // Cut off because it answers too much: it has answered. A body that hangs has not: nobody knows what became of the notice.
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status != 0)) {
    answer.status = static_cast<int>(status);
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0 && seconds < 1'000'000) answer.retry_after_us = seconds * 1'000'000;
  } else {
    answer.failure = transfer->forbidden ? v1::DELIVERY_FAILURE_ADDRESS_FORBIDDEN : FailureOf(code);
  }
  transfer->done(answer);
}

}  // namespace gridloop
