#include "notification/recipients.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "notification/notice.h"
#include "notification/signature.h"

namespace gridloop {
namespace {

constexpr size_t kLongestFile = 1 << 20;
constexpr size_t kLongestSecretFile = 1024;
constexpr size_t kLongestId = 40;
constexpr size_t kLongestUrl = 2048;
constexpr size_t kLongestText = 200;
constexpr size_t kMostSecrets = 2;
constexpr int64_t kMinuteUs = 60'000'000;
constexpr int64_t kLongestLeadMinutes = int64_t{7} * 24 * 60;

bool IsOf(std::string_view text, std::string_view characters) { return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos; }

// "90m", "2h", "1d" to microseconds, from a minute to a week.
std::optional<int64_t> ParseLead(std::string_view text) {
  int64_t amount = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (wrong != std::errc{} || end + 1 != text.data() + text.size() || amount < 1 || amount > kLongestLeadMinutes) return std::nullopt;
  int64_t minutes = amount * (*end == 'm' ? 1 : *end == 'h' ? 60 : *end == 'd' ? 24 * 60 : 0);
  if (minutes < 1 || minutes > kLongestLeadMinutes) return std::nullopt;
  return minutes * kMinuteUs;
}

// The host of http(s)://host[:port][/…]; nothing if it is no such URL. Whoever writes a name and password into it gets them logged
// elsewhere, so there are none.
std::optional<std::string> HostOf(std::string_view url) {
  size_t from = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (from == 0 || url.size() > kLongestUrl) return std::nullopt;
  if (std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c >= 0x7F || c == '#' || c == '\\'; })) return std::nullopt;
  std::string_view authority = url.substr(from, url.find_first_of("/?", from) - from);
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  size_t colon = authority.find(':', bracket);
  std::string_view host = authority.substr(0, colon);
  std::string_view port = colon == std::string_view::npos ? std::string_view("443") : authority.substr(colon + 1);
  int number = 0;
  auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (wrong != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535) return std::nullopt;
  bool good = host.starts_with('[') ? IsOf(host.substr(1, host.size() - 2), "0123456789abcdefABCDEF:.")
                                    : IsOf(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
  return good ? std::optional(std::string(host)) : std::nullopt;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : file_(file) { recipients_.files.push_back(file); }

  Expected<Recipients> Read() {
    std::error_code wrong;
    if (auto size = std::filesystem::file_size(file_, wrong); wrong || size > kLongestFile) {
      problems_.push_back({file_.string(), wrong ? "cannot be read: " + wrong.message() : "is over 1 MB; this is no list of recipients"});
    } else {
      try {
        ReadRoot(YAML::LoadFile(file_.string()));
      } catch (const YAML::Exception& error) {
        problems_.push_back({file_.string() + ":" + std::to_string(error.mark.line + 1), "is not YAML: " + error.msg});
      }
    }
    if (problems_.empty()) {
      std::ranges::sort(recipients_.all, {}, &Recipient::id);
      return std::move(recipients_);
    }
    Error error;
    error.code = Code::kInvalidArgument;
    error.reason = "RECIPIENTS_BAD";
    error.message = file_.string() + " has " + std::to_string(problems_.size()) + " problems.";
    error.fields = std::move(problems_);
    return std::unexpected(std::move(error));
  }

 private:
  void Complain(const YAML::Node& node, const std::string& key, std::string what) {
    problems_.push_back({file_.string() + ":" + std::to_string(node.Mark().line + 1) + (key.empty() ? "" : " " + key), std::move(what)});
  }

  // Is it a map with these keys only, each once?
  bool Keys(const YAML::Node& node, const std::vector<std::string>& allowed, const std::string& what) {
    if (!node.IsMap()) {
      Complain(node, {}, what + " is a map: lines of key: value");
      return false;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      std::string all;
      for (const auto& each : allowed) all += (all.empty() ? "" : ", ") + each;
      if (std::ranges::find(allowed, key) == allowed.end()) Complain(entry.first, key, "is not known; the keys here are " + all);
      if (!seen.insert(key).second) Complain(entry.first, key, "stands twice; keep one");
    }
    return true;
  }

  // Empty if it is not there.
  std::string Text(const YAML::Node& node, const std::string& key, size_t longest = kLongestText) {
    const YAML::Node value = node[key];
    if (!value) return {};
    if (value.IsScalar() && !value.Scalar().empty() && value.Scalar().size() <= longest && value.Scalar().find('\n') == std::string::npos)
      return value.Scalar();
    Complain(value, key, "must be a text of 1 to " + std::to_string(longest) + " characters on one line");
    return {};
  }

  void ReadRoot(const YAML::Node& root) {
    if (root.IsNull()) return;
    if (!Keys(root, {"deadline_lead", "source", "recipients"}, "the file")) return;
    if (std::string lead = Text(root, "deadline_lead"); !lead.empty()) {
      auto parsed = ParseLead(lead);
      if (!parsed) Complain(root["deadline_lead"], "deadline_lead", "must be a time from 1m to 7d, e.g. 30m, 2h or 1d");
      recipients_.deadline_lead_us = parsed.value_or(0);
    }
    if (std::string source = Text(root, "source"); !source.empty()) {
      if (std::ranges::any_of(source, [](unsigned char c) { return c <= ' ' || c >= 0x7F; })) {
        Complain(root["source"], "source", "must be a URI of letters, digits and signs, e.g. https://gridloop.example.cn");
      }
      recipients_.source = source;
    }
    const YAML::Node list = root["recipients"];
    if (!list || list.IsNull()) return;
    if (!list.IsSequence()) return Complain(list, "recipients", "is a list: each begins with - id:");
    if (list.size() > Recipients::kMost) return Complain(list, "recipients", "are more than " + std::to_string(Recipients::kMost));
    for (const auto& node : list) ReadRecipient(node);
  }

  void ReadRecipient(const YAML::Node& node) {
    if (!Keys(node, {"id", "url", "secret_file", "unit", "client", "kinds", "allow_private", "ca_file"}, "a recipient")) return;
    Recipient recipient;
    recipient.id = Text(node, "id");
    if (recipient.id.size() > kLongestId || !IsOf(recipient.id, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
      Complain(node["id"] ? node["id"] : node, "id", "must be 1 to 40 of a-z 0-9 -");
    } else if (std::ranges::find(recipients_.all, recipient.id, &Recipient::id) != recipients_.all.end()) {
      Complain(node["id"], "id", "stands twice; each recipient has its own");
    }
    if (const YAML::Node flag = node["allow_private"]) {
      recipient.allow_private = flag.IsScalar() && flag.Scalar() == "true";
      if (!flag.IsScalar() || (flag.Scalar() != "true" && flag.Scalar() != "false")) Complain(flag, "allow_private", "must be true or false");
    }
    ReadUrl(node, &recipient);
    ReadSecrets(node, &recipient);
    recipient.unit = Text(node, "unit");
    if (recipient.unit.starts_with("units/")) recipient.unit = recipient.unit.substr(6);
    recipient.client = Text(node, "client");
    if (!recipient.unit.empty() && !recipient.client.empty()) Complain(node["client"], "client", "and unit exclude each other; make two recipients");
    ReadKinds(node, &recipient);
    if (std::string ca_file = Text(node, "ca_file", kLongestUrl); !ca_file.empty()) {
      recipient.ca_file = Beside(ca_file);
      std::ifstream file(recipient.ca_file);
      std::ostringstream text;
      text << file.rdbuf();
      if (text.str().find("-----BEGIN CERTIFICATE-----") == std::string::npos) Complain(node["ca_file"], "ca_file", "holds no certificate in PEM form");
      recipients_.files.push_back(recipient.ca_file);
    }
    recipients_.all.push_back(std::move(recipient));
  }

  void ReadUrl(const YAML::Node& node, Recipient* recipient) {
    const YAML::Node where = node["url"] ? node["url"] : node;
    recipient->url = Text(node, "url", kLongestUrl);
    auto host = HostOf(recipient->url);
    if (!host) return Complain(where, "url", "must be https://host/…, at most 2,048 characters, without a name, a password or a #");
    recipient->host = *host;
    if (!recipient->url.starts_with("https://") && !recipient->allow_private) {
      Complain(where, "url", "must begin with https://; http:// only goes with allow_private: true");
    }
  }

  void ReadSecrets(const YAML::Node& node, Recipient* recipient) {
    const YAML::Node where = node["secret_file"] ? node["secret_file"] : node;
    std::string name = Text(node, "secret_file", kLongestUrl);
    if (name.empty()) return Complain(where, "secret_file", "is required: a file with a line whsec_ and base64 of 24 to 64 bytes, and perhaps a second one");
    std::filesystem::path path = Beside(name);
    recipients_.files.push_back(path);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || static_cast<size_t>(status.st_size) > kLongestSecretFile) return Complain(where, "secret_file", "cannot be read");
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return Complain(where, "secret_file", "may be read by others; run: chmod 600 " + path.string());
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (line.empty()) continue;
      auto secret = ParseWebhookSecret(line);
      if (!secret) return Complain(where, "secret_file", "holds a line that is not whsec_ and base64 of 24 to 64 bytes");
      recipient->secrets.push_back(std::move(*secret));
    }
    if (recipient->secrets.empty() || recipient->secrets.size() > kMostSecrets)
      Complain(where, "secret_file", "must hold one secret, or two while one is replaced");
  }

  void ReadKinds(const YAML::Node& node, Recipient* recipient) {
    const YAML::Node kinds = node["kinds"];
    if (!kinds) return;
    if (!kinds.IsSequence() || kinds.size() == 0) return Complain(kinds, "kinds", "is a list, e.g. [offered, urged]; leave it out for all");
    for (const auto& each : kinds) {
      auto kind = each.IsScalar() ? ParseKindWord(each.Scalar()) : std::nullopt;
      if (!kind || *kind == v1::NOTICE_KIND_TEST) {
        std::string all;
        for (int number = v1::NoticeKind_MIN + 1; number <= v1::NoticeKind_MAX; ++number) {
          auto one = static_cast<v1::NoticeKind>(number);
          if (one != v1::NOTICE_KIND_TEST && (recipient->client.empty() || IsForApps(one))) all += (all.empty() ? "" : ", ") + KindWord(one);
        }
        Complain(each, "kinds", "has a word that is none of " + all);
      } else if (!recipient->client.empty() && !IsForApps(*kind)) {
        Complain(each, "kinds", each.Scalar() + " is not told to an app; leave it out, or leave client out");
      } else {
        recipient->kinds.insert(*kind);
      }
    }
  }

  std::filesystem::path Beside(const std::string& name) const { return file_.parent_path() / name; }

  std::filesystem::path file_;
  Recipients recipients_;
  std::vector<FieldViolation> problems_;
};

}  // namespace

Expected<Recipients> LoadRecipients(const std::filesystem::path& file) { return Reader(file).Read(); }

}  // namespace gridloop
