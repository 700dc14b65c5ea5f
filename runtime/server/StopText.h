//===- StopText.h - Texts that end an answer --------------------*- C++ -*-===//
//
// Follows a text byte by byte and keeps back what may still become one of the
// stop texts, so that no part of one is ever given out. The one that is
// complete first counts, however the text comes in pieces.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_STOPTEXT_H
#define BITNET_RUNTIME_SERVER_STOPTEXT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::server {

class StopText {
public:
  /// Empty texts are ignored.
  explicit StopText(const std::vector<std::string> &texts);

  /// The text that may go out now. Nothing more once one is found.
  std::string push(std::string_view text);
  /// What was kept back, when no more text comes.
  std::string finish();
  /// The stop text that was found, or null.
  const std::string *found() const { return hit; }

private:
  /// Knuth, Morris, Pratt: the longest beginning of `text` that the input ends
  /// with has `matched` bytes; if the next byte does not fit, `shorter` says
  /// which is the next longest.
  struct Pattern {
    std::string text;
    std::vector<uint32_t> shorter;
    uint32_t matched = 0;
    void push(char c);
  };
  std::vector<Pattern> patterns;
  std::string held;
  const std::string *hit = nullptr;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_STOPTEXT_H
