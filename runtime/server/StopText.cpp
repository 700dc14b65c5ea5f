//===- StopText.cpp - Texts that end an answer ----------------------------===//

#include "runtime/server/StopText.h"
#include <algorithm>

namespace bitnet::server {

StopText::StopText(const std::vector<std::string> &texts) {
  for (const std::string &text : texts) {
    if (text.empty())
      continue;
    Pattern pattern{text, {0}};
    for (size_t i = 1; i < text.size(); ++i) {
      uint32_t length = pattern.shorter.back();
      while (length && text[length] != text[i])
        length = pattern.shorter[length - 1];
      pattern.shorter.push_back(length + (text[length] == text[i]));
    }
    patterns.push_back(std::move(pattern));
  }
}

void StopText::Pattern::push(char c) {
  while (matched && text[matched] != c)
    matched = shorter[matched - 1];
  matched += text[matched] == c;
}

std::string StopText::push(std::string_view text) {
  if (hit)
    return "";
  if (patterns.empty())
    return std::string(text);
  for (char c : text) {
    held.push_back(c);
    for (Pattern &pattern : patterns) {
      pattern.push(c);
      if (pattern.matched == pattern.text.size() &&
          (!hit || hit->size() < pattern.text.size()))
        hit = &pattern.text;
    }
    if (hit) {
      std::string out = held.substr(0, held.size() - hit->size());
      held.clear();
      return out;
    }
  }
  uint32_t keep = 0;
  for (const Pattern &pattern : patterns)
    keep = std::max(keep, pattern.matched);
  std::string out = held.substr(0, held.size() - keep);
  held.erase(0, out.size());
  return out;
}

std::string StopText::finish() {
  std::string out;
  out.swap(held);
  return out;
}

} // namespace bitnet::server
