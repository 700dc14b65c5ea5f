//===- Utf8.h - Character boundaries in untrusted bytes ---------*- C++ -*-===//
//
// Prompts and decoded tokens are bytes that may be cut or broken anywhere. All
// code that needs characters asks here, so there is one notion of "valid".
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_UTF8_H
#define BITNET_RUNTIME_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bitnet {

struct Utf8Char {
  char32_t codePoint = 0;
  uint32_t length = 0; ///< Bytes of the character; of a broken one, the
                       ///< longest prefix that could have begun a character.
  bool valid = false;
  bool cutOff = false; ///< Not valid only because the text ends too early.
};

/// The character at the start of `text`, which must not be empty.
Utf8Char decodeUtf8(std::string_view text);

void appendUtf8(std::string &out, char32_t codePoint);

/// Bytes from the start of `text` up to the first that is not valid UTF-8.
size_t validUtf8Prefix(std::string_view text);

inline bool isValidUtf8(std::string_view text) {
  return validUtf8Prefix(text) == text.size();
}

/// As one line for a terminal: control characters, line ends, marks that turn
/// the direction of writing and what is not UTF-8 become \xNN, and of a long
/// text the middle is left out. Messages quote files that anybody may write.
std::string printable(std::string_view text);

/// Unicode's White_Space property.
bool isWhiteSpace(char32_t codePoint);

} // namespace bitnet

#endif // BITNET_RUNTIME_UTF8_H
