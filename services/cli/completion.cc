#include "cli/completion.h"

#include <algorithm>
#include <vector>

namespace gridloop::cli {
namespace {

struct Verb {
  std::string path;   // "token create"; empty: before any verb
  std::string words;  // verbs below it, the words of its arguments
  std::string flags;
  std::string branches;  // a line for each flag that takes a value
};

// The words of {one,two} that a check shows; none if it takes anything.
std::string WordsOf(const CLI::Option& option) {
  std::string type = option.get_type_name();
  size_t from = type.find('{');
  size_t to = type.find('}', from);
  if (from == std::string::npos || to == std::string::npos) return {};
  std::string words = type.substr(from + 1, to - from - 1);
  std::ranges::replace(words, ',', ' ');
  return words;
}

std::vector<std::string> FlagsOf(const CLI::Option& option) {
  std::vector<std::string> flags;
  for (const auto& name : option.get_lnames()) flags.push_back("--" + name);
  for (const auto& name : option.get_snames()) flags.push_back("-" + name);
  return flags;
}

void Collect(const CLI::App& app, const std::string& path, std::vector<Verb>* verbs) {
  Verb verb{path, {}, {}, {}};
  auto add = [](const std::string& word, std::string* words) { *words += (words->empty() ? "" : " ") + word; };
  for (const auto* below : app.get_subcommands([](const CLI::App*) { return true; })) add(below->get_name(), &verb.words);
  for (const auto* option : app.get_options()) {
    std::string values = WordsOf(*option);
    std::string pattern;
    for (const auto& flag : FlagsOf(*option)) {
      add(flag, &verb.flags);
      // The flags before any verb count behind all of them.
      pattern += (pattern.empty() ? "" : "|") + (path.empty() ? "*\"" : "\"" + path) + ":" + flag + "\"";
    }
    if (option->get_positional() && !values.empty()) add(values, &verb.words);
    if (pattern.empty() || option->get_items_expected_max() == 0) continue;
    verb.branches += "    " + pattern + ") " +
                     (values.empty() ? "COMPREPLY=($(compgen -f -- \"$current\"))" : "COMPREPLY=($(compgen -W \"" + values + "\" -- \"$current\"))") +
                     "; return ;;\n";
  }
  verbs->push_back(std::move(verb));
  for (const auto* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    Collect(*below, path.empty() ? below->get_name() : path + " " + below->get_name(), verbs);
  }
}

}  // namespace

std::string CompletionScript(const CLI::App& app, bool zsh) {
  std::vector<Verb> verbs;
  Collect(app, {}, &verbs);
  const Verb& top = verbs[0];
  std::string paths, values, words;
  for (size_t i = 1; i < verbs.size(); ++i) {
    paths += (paths.empty() ? "\"" : "|\"") + verbs[i].path + "\"";
    values += verbs[i].branches;
    words += "    \"" + verbs[i].path + "\") choices=\"" + verbs[i].words + "\" flags=\"" + verbs[i].flags + " $flags\" ;;\n";
  }
  values += top.branches;  // a verb's own flag of that name comes first
  std::string script =
      zsh ? "#compdef gridctl\n# source <(gridctl completion zsh)\nautoload -U +X bashcompinit && bashcompinit\n" : "# source <(gridctl completion bash)\n";
  script += R"(_gridctl() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="" verb="" choices=")" +
            top.words + "\" flags=\"" + top.flags + R"(" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    previous="${COMP_WORDS[i]}"
    case "${verb:+$verb }$previous" in
    )" + paths +
            R"() verb="${verb:+$verb }$previous" ;;
    esac
  done
  case "$verb:$previous" in
)" + values +
            R"(  esac
  case "$verb" in
)" + words +
            R"(  esac
  if [[ "$current" == -* ]]; then choices="$flags"; fi
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
}
complete -F _gridctl gridctl
)";
  return script;
}

}  // namespace gridloop::cli
