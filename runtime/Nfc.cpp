//===- Nfc.cpp - Unicode normalization form C -----------------------------===//

#include "runtime/Nfc.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace bitnet {

namespace {
struct Decomposition {
  uint32_t character, first, second;
  bool composes;
};
struct CombiningClass {
  uint32_t first, last;
  uint8_t value;
};
#include "runtime/NfcTables.inc"

struct Character {
  char32_t code;
  uint8_t combining;
};

// Hangul syllables are arithmetic (Unicode, section 3.12).
constexpr char32_t SBase = 0xAC00, LBase = 0x1100, VBase = 0x1161,
                   TBase = 0x11A7, LCount = 19, VCount = 21, TCount = 28,
                   SCount = LCount * VCount * TCount;
} // namespace

static uint8_t combiningClass(char32_t c) {
  if (c < 0x300)
    return 0;
  auto *found = std::upper_bound(
      std::begin(combiningClasses), std::end(combiningClasses), c,
      [](char32_t code, const CombiningClass &k) { return code < k.first; });
  if (found == std::begin(combiningClasses) || c > std::prev(found)->last)
    return 0;
  return std::prev(found)->value;
}

static void decompose(char32_t c, std::vector<Character> &out) {
  if (c - SBase < SCount) {
    char32_t s = c - SBase;
    out.push_back({LBase + s / (VCount * TCount), 0});
    out.push_back({VBase + s % (VCount * TCount) / TCount, 0});
    if (s % TCount)
      out.push_back({TBase + s % TCount, 0});
    return;
  }
  auto *found = std::lower_bound(
      std::begin(decompositions), std::end(decompositions), c,
      [](const Decomposition &d, char32_t code) { return d.character < code; });
  if (found == std::end(decompositions) || found->character != c) {
    out.push_back({c, combiningClass(c)});
    return;
  }
  decompose(found->first, out);
  if (found->second)
    decompose(found->second, out);
}

/// The character that `first` and `second` compose to, or 0.
static char32_t compose(char32_t first, char32_t second) {
  if (first - LBase < LCount && second - VBase < VCount)
    return SBase + ((first - LBase) * VCount + second - VBase) * TCount;
  if (first - SBase < SCount && (first - SBase) % TCount == 0 &&
      second - TBase - 1 < TCount - 1)
    return first + second - TBase;
  // Sorted once by the pair; built on first use, since most texts are already
  // composed and never come here.
  static const std::vector<Decomposition> pairs = [] {
    std::vector<Decomposition> sorted;
    for (const Decomposition &d : decompositions)
      if (d.composes)
        sorted.push_back(d);
    std::sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) {
      return std::pair(a.first, a.second) < std::pair(b.first, b.second);
    });
    return sorted;
  }();
  auto key = std::pair<uint32_t, uint32_t>(first, second);
  auto found = std::lower_bound(pairs.begin(), pairs.end(), key,
                                [](const Decomposition &d, auto &k) {
                                  return std::pair(d.first, d.second) < k;
                                });
  if (found == pairs.end() || std::pair(found->first, found->second) != key)
    return 0;
  return found->character;
}

void appendNfc(std::string_view text, std::string &out) {
  // Below U+0300 every character is its own NFC: bytes up to CB.
  if (std::all_of(text.begin(), text.end(),
                  [](unsigned char byte) { return byte < 0xCC; })) {
    out.append(text);
    return;
  }
  std::vector<Character> chars;
  while (!text.empty()) {
    Utf8Char c = decodeUtf8(text);
    decompose(c.valid ? c.codePoint : U'\uFFFD', chars);
    text.remove_prefix(c.length);
  }
  // Canonical order: runs of combining characters sorted by class.
  for (auto run = chars.begin(); run != chars.end();) {
    if (run->combining == 0) {
      ++run;
      continue;
    }
    auto end = std::find_if(run, chars.end(),
                            [](Character c) { return c.combining == 0; });
    // By insertion: runs are short and equal classes keep their order.
    for (auto i = run; i != end; ++i)
      for (auto j = i; j != run && (j - 1)->combining > j->combining; --j)
        std::swap(*j, *(j - 1));
    run = end;
  }
  // Each character joins the last starter unless one of the same or a higher
  // class stands between them.
  size_t starter = SIZE_MAX, written = 0;
  int lastClass = -1;
  for (Character c : chars) {
    if (starter != SIZE_MAX && lastClass < c.combining) {
      if (char32_t joined = compose(chars[starter].code, c.code)) {
        chars[starter].code = joined;
        continue;
      }
    }
    if (c.combining == 0) {
      starter = written;
      lastClass = -1;
    } else {
      lastClass = c.combining;
    }
    chars[written++] = c;
  }
  for (size_t i = 0; i < written; ++i)
    appendUtf8(out, chars[i].code);
}

} // namespace bitnet
