//===- Charsmap.cpp - SentencePiece's precompiled normalizer --------------===//
//
// Layout: u32 size of the trie in bytes, the trie, then replacement strings,
// each ended by a zero byte. A unit of the double array (Darts) holds: bits 0-7
// and 31 the label (bit 31 marks a value in bits 0-30), bit 8 "has a leaf",
// bit 9 and bits 10-30 the offset to the children.
//
//===----------------------------------------------------------------------===//

#include "runtime/Charsmap.h"
#include "runtime/Utf8.h"
#include <cstring>

namespace bitnet {

namespace {
struct Trie {
  std::string_view bytes;

  bool read(size_t index, uint32_t &unit) const {
    if (index >= bytes.size() / 4)
      return false;
    std::memcpy(&unit, bytes.data() + index * 4, 4);
    return true;
  }
  static size_t offset(uint32_t unit) {
    return size_t{unit >> 10} << ((unit & (1u << 9)) >> 6);
  }

  /// The longest match at the start of `text`: its length (0: none) and value.
  size_t longest(std::string_view text, uint32_t &value) const {
    size_t length = 0, node = 0;
    uint32_t unit = 0, leaf = 0;
    if (!read(0, unit))
      return 0;
    node = offset(unit);
    for (size_t i = 0; i < text.size(); ++i) {
      auto label = static_cast<unsigned char>(text[i]);
      node ^= label;
      if (!read(node, unit) || (unit & (1u << 31 | 0xFF)) != label)
        break;
      node ^= offset(unit);
      if ((unit >> 8 & 1) && read(node, leaf)) {
        length = i + 1;
        value = leaf & 0x7FFFFFFF;
      }
    }
    return length;
  }
};
} // namespace

/// The trie's size, or 0 if the map is damaged.
static uint32_t sizeOfTrie(std::string_view map) {
  uint32_t size = 0;
  if (map.size() < 4)
    return 0;
  std::memcpy(&size, map.data(), 4);
  return size > map.size() - 4 ? 0 : size;
}

bool isCharsmap(std::string_view map) { return sizeOfTrie(map) > 0; }

void appendCharsmapped(std::string_view map, std::string_view text,
                       std::string &out) {
  const uint32_t trieSize = sizeOfTrie(map);
  if (!trieSize) {
    out.append(text);
    return;
  }
  Trie trie{map.substr(4, trieSize)};
  std::string_view strings = map.substr(4 + trieSize);
  while (!text.empty()) {
    uint32_t value = 0;
    size_t length = trie.longest(text, value);
    // A damaged trie could match half a character.
    if (length && isValidUtf8(text.substr(0, length)) &&
        value < strings.size()) {
      std::string_view with = strings.substr(value);
      with = with.substr(0, with.find('\0'));
      if (isValidUtf8(with))
        out.append(with);
    } else {
      length = decodeUtf8(text).length;
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

} // namespace bitnet
