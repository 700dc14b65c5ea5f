//===- JsonLexical.cpp - Characters and numbers of JSON -------------------===//

#include "runtime/server/JsonLexical.h"
#include <cstdlib>
#include <utility>

namespace bitnet::server::json_lexical {

namespace {
/// Phases of UTF-8 within a text: which bytes may follow, and what then.
/// 0: between characters.
struct Utf8Phase {
  uint8_t low, high, then;
};
constexpr Utf8Phase utf8Phases[] = {
    {0, 0, 0},       // Between characters.
    {0x80, 0xBF, 0}, // One byte more.
    {0x80, 0xBF, 1}, {0x80, 0xBF, 2},
    {0xA0, 0xBF, 1}, // After E0: nothing in a longer form than needed.
    {0x80, 0x9F, 1}, // After ED: no surrogates.
    {0x90, 0xBF, 2}, // After F0
    {0x80, 0x8F, 2}, // After F4: up to U+10FFFF.
};
/// Phases of an escape, after those of UTF-8.
enum : uint8_t {
  AfterBackslash = 8,
  Hex1,
  Hex2,
  Hex2BelowSurrogates,
  Hex3,
  Hex4
};

bool isHex(uint8_t byte) {
  return isDigit(byte) || (byte >= 'a' && byte <= 'f') ||
         (byte >= 'A' && byte <= 'F');
}
} // namespace

int nextUtf8(int phase, uint8_t byte) {
  if (phase > 0) {
    const Utf8Phase &p = utf8Phases[phase];
    return byte >= p.low && byte <= p.high ? p.then : kBroken;
  }
  if (byte < 0x80)
    return 0;
  if (byte < 0xC2 || byte > 0xF4)
    return kBroken;
  switch (byte) {
  case 0xE0:
    return 4;
  case 0xED:
    return 5;
  case 0xF0:
    return 6;
  case 0xF4:
    return 7;
  default:
    return byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  }
}

int nextInString(int phase, uint8_t byte) {
  switch (phase) {
  case 0:
    return byte == '\\'  ? AfterBackslash
           : byte < 0x20 ? kBroken
                         : nextUtf8(0, byte);
  case AfterBackslash:
    if (byte == 'u')
      return Hex1;
    return byte != 0 && std::string_view("\"\\/bfnrt")
                                .find(static_cast<char>(byte)) !=
                            std::string_view::npos
               ? 0
               : kBroken;
  case Hex1:
    if (!isHex(byte))
      return kBroken;
    return (byte | 0x20) == 'd' ? Hex2BelowSurrogates : Hex2;
  case Hex2BelowSurrogates:
    return byte >= '0' && byte <= '7' ? Hex3 : kBroken;
  case Hex2:
    return isHex(byte) ? Hex3 : kBroken;
  case Hex3:
    return isHex(byte) ? Hex4 : kBroken;
  case Hex4:
    return isHex(byte) ? 0 : kBroken;
  default:
    return nextUtf8(phase, byte);
  }
}

int nextSpace(int seen, uint8_t byte) {
  constexpr int kMost = 34;
  if (seen == 0 && byte == ' ')
    return 1;
  if (seen == 0 && byte == '\n')
    return 2;
  if (seen >= 2 && seen < kMost && (byte == ' ' || byte == '\t'))
    return seen + 1;
  return kBroken;
}

double readDecimal(bool negative, int64_t digits, int fraction) {
  std::string text = std::to_string(digits);
  if (fraction) {
    if (static_cast<int>(text.size()) <= fraction)
      text.insert(0, static_cast<size_t>(fraction) + 1 - text.size(), '0');
    text.insert(text.size() - static_cast<size_t>(fraction), ".");
  }
  return strtod((negative ? "-" + text : text).c_str(), nullptr);
}

bool overlaps(const JsonSchema::Node &node, double low, double high) {
  return (low < node.maximum ||
          (low == node.maximum && !node.maximumExcluded)) &&
         (high > node.minimum ||
          (high == node.minimum && !node.minimumExcluded));
}

bool canReach(const JsonSchema::Node &node, bool negative, int64_t digits,
              int used, int fraction, bool whole) {
  int64_t scale = 1;
  for (int more = 0; used + more <= kMostDigits; ++more, scale *= 10) {
    // With `more` digits before the point, and as many nines after it as fit.
    int64_t least = digits * scale, most = digits * scale + (scale - 1);
    int places = fraction;
    if (!node.integer)
      for (int rest = kMostDigits - used - more; rest > 0; --rest) {
        most = most * 10 + 9;
        ++places;
      }
    double low = readDecimal(negative, least, fraction),
           high = readDecimal(negative, most, places);
    if (negative)
      std::swap(low, high);
    if (overlaps(node, low, high))
      return true;
    if (!whole)
      return false;
  }
  return false;
}

} // namespace bitnet::server::json_lexical
