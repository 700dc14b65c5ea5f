//===- Bpe.cpp - Byte pair merging ----------------------------------------===//

#include "runtime/Bpe.h"
#include "runtime/Utf8.h"
#include <algorithm>

namespace bitnet {

void BpeEncoder::encode(std::string_view piece, std::vector<int32_t> &ids) {
  if (blob.has(BITNET_TOKENIZER_IGNORE_MERGES)) {
    if (int32_t id = blob.findToken(piece); id >= 0) {
      ids.push_back(id);
      return;
    }
  }
  symbols.clear();
  addInitialSymbols(piece);
  merge();
  for (const Symbol &symbol : symbols)
    if (symbol.id >= 0)
      ids.push_back(symbol.id);
}

void BpeEncoder::addSymbol(int32_t id) {
  auto position = static_cast<int32_t>(symbols.size());
  symbols.push_back({id, position - 1, position + 1});
}

void BpeEncoder::addInitialSymbols(std::string_view piece) {
  const bool bytes = blob.header().model == BITNET_TOKENIZER_BPE_BYTES;
  const bool fallback = blob.has(BITNET_TOKENIZER_BYTE_FALLBACK);
  const bool fuse = blob.has(BITNET_TOKENIZER_FUSE_UNKNOWN);
  const int32_t unknown = blob.header().unknown_id;
  bool lastWasUnknown = false;
  for (size_t at = 0; at < piece.size();) {
    Utf8Char c =
        bytes ? Utf8Char{0, 1, false, false} : decodeUtf8(piece.substr(at));
    std::string_view text = piece.substr(at, c.length);
    at += c.length;
    int32_t id = bytes ? blob.byteToken(static_cast<uint8_t>(text[0]))
                       : blob.findToken(text);
    if (id >= 0) {
      addSymbol(id);
      lastWasUnknown = false;
      continue;
    }
    if (fallback && std::all_of(text.begin(), text.end(), [&](char byte) {
          return blob.byteToken(static_cast<uint8_t>(byte)) >= 0;
        })) {
      for (char byte : text)
        addSymbol(blob.byteToken(static_cast<uint8_t>(byte)));
      lastWasUnknown = false;
      continue;
    }
    if (unknown >= 0 && !(fuse && lastWasUnknown))
      addSymbol(unknown);
    lastWasUnknown = true;
  }
  if (!symbols.empty())
    symbols.back().next = -1;
}

void BpeEncoder::addCandidate(int32_t position) {
  if (position < 0 || symbols[position].next < 0)
    return;
  int32_t left = symbols[position].id;
  int32_t right = symbols[symbols[position].next].id;
  if (const bitnet_tokenizer_merge *merge = blob.findMerge(left, right)) {
    heap.push_back({uint64_t{merge->rank} << 32 | uint32_t(position), left,
                    right, static_cast<int32_t>(merge->result)});
    std::push_heap(heap.begin(), heap.end());
  }
}

void BpeEncoder::merge() {
  heap.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    addCandidate(static_cast<int32_t>(i));
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    Candidate best = heap.back();
    heap.pop_back();
    auto position = static_cast<int32_t>(static_cast<uint32_t>(best.key));
    Symbol &symbol = symbols[position];
    // Candidates are not removed when a neighbour merges; they no longer match.
    if (symbol.id != best.left || symbol.next < 0 ||
        symbols[symbol.next].id != best.right)
      continue;
    Symbol &right = symbols[symbol.next];
    symbol.id = best.result;
    right.id = -1;
    symbol.next = right.next;
    if (symbol.next >= 0)
      symbols[symbol.next].previous = position;
    addCandidate(symbol.previous);
    addCandidate(position);
  }
}

} // namespace bitnet
