//===- Unigram.cpp - The best segmentation by scores ----------------------===//

#include "runtime/Unigram.h"
#include "runtime/Utf8.h"
#include <algorithm>

namespace bitnet {

/// A better way to reach `end` replaces the one that is there.
void UnigramEncoder::offer(size_t begin, size_t end, int32_t id) {
  Node &node = nodes[end];
  double sum = double{blob.score(id)} + nodes[begin].sum;
  // SentencePiece compares before it rounds to float, and stores after it. The
  // score of an unknown character it adds in float.
  const bool floats = blob.has(BITNET_TOKENIZER_FLOAT_SUMS);
  if (floats && id == blob.header().unknown_id)
    sum = static_cast<float>(sum);
  if (node.begin != none && !(sum > node.sum))
    return;
  node = {floats ? double{static_cast<float>(sum)} : sum, begin, id};
}

void UnigramEncoder::findBest(std::string_view piece) {
  if (!longest)
    for (uint32_t id = 0; id < blob.vocabSize(); ++id)
      longest =
          std::max(longest, blob.tokenText(static_cast<int32_t>(id)).size());
  nodes.assign(piece.size() + 1, Node());
  for (size_t begin = 0; begin < piece.size();) {
    const size_t length = decodeUtf8(piece.substr(begin)).length;
    const size_t limit = std::min(piece.size(), begin + longest);
    uint32_t hash = hashTokenText({});
    bool isKnown = false;
    for (size_t end = begin; end < limit;) {
      // Tokens end where characters end; the hash grows byte by byte.
      const size_t next = end + decodeUtf8(piece.substr(end)).length;
      hash = hashTokenText(piece.substr(end, next - end), hash);
      end = next;
      const int32_t id = blob.findToken(piece.substr(begin, end - begin), hash);
      if (id < 0)
        continue;
      offer(begin, end, id);
      isKnown |= end - begin == length;
    }
    if (!isKnown)
      offer(begin, begin + length, blob.header().unknown_id);
    begin += length;
  }
}

/// False if a byte has no token.
bool UnigramEncoder::appendBytes(std::string_view text,
                                 std::vector<int32_t> &ids) const {
  const size_t before = ids.size();
  for (char byte : text) {
    const int32_t id = blob.byteToken(static_cast<uint8_t>(byte));
    if (id < 0) {
      ids.resize(before);
      return false;
    }
    ids.push_back(id);
  }
  return true;
}

void UnigramEncoder::encode(std::string_view piece, std::vector<int32_t> &ids) {
  if (piece.empty())
    return;
  findBest(piece);
  // `begin` of a path's node is kept; its end is the next one's begin.
  path.clear();
  for (size_t end = piece.size(); end > 0; end = nodes[end].begin)
    path.push_back(nodes[end]);
  std::reverse(path.begin(), path.end());

  const int32_t unknown = blob.header().unknown_id;
  const bool fallback = blob.has(BITNET_TOKENIZER_BYTE_FALLBACK);
  const bool fuse = blob.has(BITNET_TOKENIZER_FUSE_UNKNOWN);
  for (size_t i = 0; i < path.size();) {
    const size_t begin = path[i].begin;
    const int32_t id = path[i].id;
    ++i;
    if (id != unknown) {
      ids.push_back(id);
      continue;
    }
    while (fuse && i < path.size() && path[i].id == unknown)
      ++i;
    const size_t end = i < path.size() ? path[i].begin : piece.size();
    if (!fallback || !appendBytes(piece.substr(begin, end - begin), ids))
      ids.push_back(unknown);
  }
}

} // namespace bitnet
