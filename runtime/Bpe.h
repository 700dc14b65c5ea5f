//===- Bpe.h - Byte pair merging --------------------------------*- C++ -*-===//
//
// Merges the neighbours of lowest rank, leftmost first, until none merges. A
// heap of candidates keeps it at O(n log n): SentencePiece models have no
// pre-tokenizer, so a piece can be a whole book.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_BPE_H
#define BITNET_RUNTIME_BPE_H

#include "runtime/TokenizerBlob.h"
#include <cstdint>
#include <string_view>
#include <vector>

namespace bitnet {

class BpeEncoder {
public:
  explicit BpeEncoder(const TokenizerBlob &blob) : blob(blob) {}

  /// Appends the tokens of one piece.
  void encode(std::string_view piece, std::vector<int32_t> &ids);

private:
  struct Symbol {
    int32_t id; ///< -1: merged into a symbol to the left.
    int32_t previous, next;
  };
  struct Candidate {
    uint64_t key; ///< Rank, then position: the order of merging.
    int32_t left, right, result;
    bool operator<(const Candidate &other) const { return key > other.key; }
  };
  void addInitialSymbols(std::string_view piece);
  void addSymbol(int32_t id);
  void addCandidate(int32_t position);
  void merge();

  const TokenizerBlob &blob;
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_BPE_H
