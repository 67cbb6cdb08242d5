// What a shell completes, made from the verbs themselves.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace gridloop::cli {

// A script for bash, or for zsh, that completes verbs, flags and the words that a flag takes.
std::string CompletionScript(const CLI::App& app, bool zsh);

}  // namespace gridloop::cli
