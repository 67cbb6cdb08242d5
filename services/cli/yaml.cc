#include "cli/yaml.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>

namespace gridloop::cli {
namespace {

constexpr int kDeepest = 100;
constexpr size_t kIndent = 2;

void AppendUtf8(uint32_t code, std::string* text) {
  if (code < 0x80) {
    text->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text->push_back(static_cast<char>(0xC0 | (code >> 6)));
    text->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    text->push_back(static_cast<char>(0xE0 | (code >> 12)));
    text->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    text->push_back(static_cast<char>(0xF0 | (code >> 18)));
    text->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

// What readers of YAML take for the end of a line or do not see: NEL, LS, PS, BOM; and control characters, DEL.
bool HoldsUnseen(std::string_view text) {
  for (std::string_view unseen : {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF"}) {
    if (text.find(unseen) != std::string_view::npos) return true;
  }
  return std::ranges::any_of(text, [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; });
}

// Does it stand for itself without quotes? Only what begins with a letter, in whichever script.
bool IsPlain(std::string_view text) {
  if (text.empty() || HoldsUnseen(text) || text.back() == ' ' || text.back() == ':') return false;
  auto first = static_cast<unsigned char>(text[0]);
  if (std::isalpha(first) == 0 && first < 0x80) return false;
  auto safe = [](unsigned char c) {
    return c >= 0x80 || std::isalnum(c) != 0 || std::string_view(" _-./@+()=").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!std::ranges::all_of(text, safe)) return false;
  std::string small(text);
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static constexpr std::array kTaken = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"};
  return std::ranges::find(kTaken, small) == kTaken.end();
}

std::string Quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    std::string_view rest = text.substr(i);
    if (c == '"' || c == '\\') {
      quoted += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      quoted += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
    } else if (rest.starts_with("\xC2\x85")) {
      quoted += "\\x85";
      i += 1;
    } else if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      quoted += rest[2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (rest.starts_with("\xEF\xBB\xBF")) {
      quoted += "\\uFEFF";
      i += 2;
    } else {
      quoted.push_back(static_cast<char>(c));
    }
  }
  return quoted + "\"";
}

// Several lines that a literal block shows as they are.
bool IsBlock(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || HoldsUnseen(text)) return false;
  if (text.front() == ' ' || text.front() == '\n') return false;  // it would be taken for the indentation
  return !text.ends_with("\n\n");
}

class Converter {
 public:
  explicit Converter(std::string_view json) : json_(json) {}
  std::string Convert() {
    Value(0, Place::kDocument);
    Blank();
    return failed_ || at_ != json_.size() ? std::string() : yaml_;
  }

 private:
  // What stands before a value: nothing, "key:", or "-".
  enum class Place { kDocument, kField, kItem };

  void Blank() {
    while (at_ < json_.size() && std::string_view(" \t\r\n").find(json_[at_]) != std::string_view::npos) ++at_;
  }
  bool Take(char c) {
    Blank();
    if (at_ >= json_.size() || json_[at_] != c) return false;
    ++at_;
    return true;
  }
  void Expect(char c) { failed_ = !Take(c) || failed_; }

  void Value(size_t depth, Place place) {
    Blank();
    if (failed_ || at_ >= json_.size() || depth > kDeepest) {
      failed_ = true;
      return;
    }
    if (json_[at_] == '{') return Object(depth, place);
    if (json_[at_] == '[') return List(depth, place);
    yaml_ += place == Place::kDocument ? "" : " ";
    if (json_[at_] == '"') return Text(String(), depth);
    size_t end = std::min(json_.find_first_of(" \t\r\n,]}", at_), json_.size());
    std::string_view word = json_.substr(at_, end - at_);
    double number = 0;
    bool is_number = std::from_chars(word.data(), word.data() + word.size(), number).ptr == word.data() + word.size();
    failed_ = failed_ || word.empty() || (!is_number && word != "true" && word != "false" && word != "null");
    yaml_ += std::string(word) + "\n";
    at_ = end;
  }

  void Object(size_t depth, Place place) {
    Expect('{');
    if (Take('}')) {
      yaml_ += place == Place::kDocument ? "{}\n" : " {}\n";
      return;
    }
    // The first field stands behind the dash of its item.
    bool on_line = place == Place::kItem;
    if (place == Place::kField) yaml_ += '\n';
    do {
      Blank();
      if (failed_ || at_ >= json_.size() || json_[at_] != '"') {
        failed_ = true;
        return;
      }
      std::string key = String();
      yaml_ += (on_line ? " " : std::string(depth * kIndent, ' ')) + (IsPlain(key) ? key : Quoted(key)) + ":";
      on_line = false;
      Expect(':');
      Value(depth + 1, Place::kField);
    } while (!failed_ && Take(','));
    Expect('}');
  }

  void List(size_t depth, Place place) {
    Expect('[');
    if (Take(']')) {
      yaml_ += place == Place::kDocument ? "[]\n" : " []\n";
      return;
    }
    bool on_line = place == Place::kItem;
    if (place == Place::kField) yaml_ += '\n';
    do {
      yaml_ += (on_line ? " " : std::string(depth * kIndent, ' ')) + "-";
      on_line = false;
      Value(depth + 1, Place::kItem);
    } while (!failed_ && Take(','));
    Expect(']');
  }

  void Text(const std::string& text, size_t depth) {
    if (IsPlain(text)) {
      yaml_ += text + "\n";
    } else if (depth > 0 && IsBlock(text)) {
      yaml_ += text.ends_with('\n') ? "|\n" : "|-\n";
      std::string_view rest = text;
      if (rest.ends_with('\n')) rest.remove_suffix(1);
      while (true) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        if (!line.empty()) yaml_ += std::string(depth * kIndent, ' ') + std::string(line);
        yaml_ += '\n';
        if (line.size() == rest.size()) break;
        rest.remove_prefix(line.size() + 1);
      }
    } else {
      yaml_ += Quoted(text) + "\n";
    }
  }

  // A JSON string, decoded.
  std::string String() {
    std::string text;
    ++at_;
    while (at_ < json_.size() && json_[at_] != '"') {
      if (json_[at_] != '\\') {
        text.push_back(json_[at_++]);
        continue;
      }
      if (++at_ >= json_.size()) break;
      constexpr std::string_view kEscapes = "\"\\/bfnrt";
      constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
      if (size_t which = kEscapes.find(json_[at_]); which != std::string_view::npos) {
        text.push_back(kMeant[which]);
        ++at_;
      } else if (auto code = Code()) {
        if (*code >= 0xD800 && *code < 0xDC00 && json_.substr(at_).starts_with("\\u")) {
          ++at_;
          auto low = Code();
          code = low ? std::optional(0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00)) : std::nullopt;
        }
        AppendUtf8(code.value_or(0xFFFD), &text);
      } else {
        failed_ = true;
        return text;
      }
    }
    failed_ = failed_ || at_ >= json_.size();
    ++at_;
    return text;
  }
  // Of uXXXX.
  std::optional<uint32_t> Code() {
    uint32_t code = 0;
    if (at_ + 5 > json_.size() || json_[at_] != 'u') return std::nullopt;
    auto [end, wrong] = std::from_chars(json_.data() + at_ + 1, json_.data() + at_ + 5, code, 16);
    if (wrong != std::errc{} || end != json_.data() + at_ + 5) return std::nullopt;
    at_ += 5;
    return code;
  }

  std::string_view json_;
  size_t at_ = 0;
  bool failed_ = false;
  std::string yaml_;
};

}  // namespace

std::string YamlOf(std::string_view json) { return Converter(json).Convert(); }

}  // namespace gridloop::cli
