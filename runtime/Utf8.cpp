//===- Utf8.cpp - Character boundaries in untrusted bytes -----------------===//

#include "runtime/Utf8.h"

namespace bitnet {

Utf8Char decodeUtf8(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  Utf8Char result;
  result.length = 1;
  const unsigned first = byte(0);
  if (first < 0x80) {
    result.codePoint = first;
    result.valid = true;
    return result;
  }
  // The second byte's range excludes overlong forms, surrogates and values
  // above U+10FFFF (Unicode, table 3-7); later bytes are always 80..BF.
  unsigned length = 0, low = 0x80, high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0)
      low = 0xA0;
    if (first == 0xED)
      high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0)
      low = 0x90;
    if (first == 0xF4)
      high = 0x8F;
  } else {
    return result;
  }
  char32_t value = first & (0x7F >> length);
  for (unsigned i = 1; i < length; ++i) {
    if (i == text.size()) {
      result.cutOff = true;
      return result;
    }
    if (byte(i) < low || byte(i) > high)
      return result;
    low = 0x80;
    high = 0xBF;
    value = value << 6 | (byte(i) & 0x3F);
    result.length = i + 1;
  }
  result.codePoint = value;
  result.valid = true;
  return result;
}

void appendUtf8(std::string &out, char32_t c) {
  auto add = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

size_t validUtf8Prefix(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    Utf8Char c = decodeUtf8(text.substr(i));
    if (!c.valid)
      break;
    i += c.length;
  }
  return i;
}

static bool changesTerminal(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
         (c >= 0x200E && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::string printable(std::string_view text) {
  constexpr size_t longest = 1000, end = 200;
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Char c = decodeUtf8(rest);
    const std::string_view bytes = rest.substr(0, c.length);
    rest.remove_prefix(c.length);
    if (out.size() > longest - end && rest.size() > end) {
      rest.remove_prefix(rest.size() - end);
      while (!rest.empty() && (rest[0] & 0xC0) == 0x80)
        rest.remove_prefix(1);
      out += " [...] ";
      continue;
    }
    if (c.valid && !changesTerminal(c.codePoint)) {
      out += bytes;
      continue;
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (unsigned char byte : bytes)
      ((out += "\\x") += digits[byte >> 4]) += digits[byte & 15];
  }
  return out;
}

bool isWhiteSpace(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

} // namespace bitnet
