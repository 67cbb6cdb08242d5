// Files that the code must agree with to the byte. GRIDLOOP_UPDATE_GOLDENS=1 writes them anew.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "sealing/digest.h"

namespace gridloop::golden {

inline std::filesystem::path Folder() { return std::filesystem::path(GRIDLOOP_SOURCE_DIR) / "tests" / "golden"; }

inline bool Updating() {
  auto is = [](const char* name, std::string_view wanted) {
    const char* value = std::getenv(name);
    return value != nullptr && value == wanted;
  };
  if (!is("GRIDLOOP_UPDATE_GOLDENS", "1")) return false;
  EXPECT_FALSE(is("CI", "true")) << "under CI goldens are compared, never written: unset GRIDLOOP_UPDATE_GOLDENS";
  return !is("CI", "true");
}

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path << " is missing; GRIDLOOP_UPDATE_GOLDENS=1 writes it";
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void WriteText(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

inline std::optional<std::string> ParseHex(std::string_view hex) {
  auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    int high = digit(hex[i]);
    int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

}  // namespace gridloop::golden
