//===- Unigram.h - The best segmentation by scores --------------*- C++ -*-===//
//
// A unigram model gives every token a score, the logarithm of its probability;
// a text becomes the tokens with the greatest sum. Viterbi's algorithm finds
// them in one pass from left to right. Of equal sums the one found first stays:
// the one whose last token is longest, as in SentencePiece.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_UNIGRAM_H
#define BITNET_RUNTIME_UNIGRAM_H

#include "runtime/TokenizerBlob.h"
#include <cstdint>
#include <string_view>
#include <vector>

namespace bitnet {

class UnigramEncoder {
public:
  explicit UnigramEncoder(const TokenizerBlob &blob) : blob(blob) {}

  /// Appends the tokens of one piece.
  void encode(std::string_view piece, std::vector<int32_t> &ids);

private:
  /// The best path that ends at one byte.
  struct Node {
    double sum = 0;
    size_t begin = none; ///< Of the last token.
    int32_t id = -1;
  };
  static constexpr size_t none = SIZE_MAX;

  void offer(size_t begin, size_t end, int32_t id);
  void findBest(std::string_view piece);
  bool appendBytes(std::string_view text, std::vector<int32_t> &ids) const;

  const TokenizerBlob &blob;
  size_t longest = 0; ///< Token, in bytes; found when first needed.
  std::vector<Node> nodes;
  std::vector<Node> path;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_UNIGRAM_H
