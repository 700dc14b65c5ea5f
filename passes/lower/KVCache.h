//===- KVCache.h - How keys and values lie in pages ------------*- C++ -*-===//
//
// A page of the KV cache holds 16 positions of one sequence for all layers and
// KV heads:
//
//   [layer][kv head][keys | values]
//
// The two are halves of equal size, but of b1, where they are one.
//
// f16: keys lie transposed (d x 16), so that a vector is 16 positions of one
// dimension: scores need no sum across lanes. Values lie as 16 rows of d.
//
// i8: bytes of codes + 128, then a scale in f32 for each position. A vector of
// 64 bytes is 16 positions of four dimensions (keys: [d / 4][16][4]), or 16
// dimensions of four positions (values: [4][d][4]): the fours that a dot of
// bytes adds.
//
// b1: bits, set for +1. Keys lie as [d / 32][16] words, so that a vector is 16
// positions of 32 dimensions (bits behind d are zero), values as 16 rows of d
// bits, and then comes mean|v| in f32 for each position. A position has words
// of its own, so that threads may append neighbours at the same time.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_LOWER_KVCACHE_H
#define BITNET_PASSES_LOWER_KVCACHE_H

#include "passes/lower/Emitter.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::bitnet {

struct KVPageShape {
  KVForm form = KVForm::F16;
  int64_t layers = 1, kvHeads = 0, headDim = 0;

  int64_t elementBytes() const { return form == KVForm::F16 ? 2 : 1; }
  int64_t halves() const { return form == KVForm::B1 ? 1 : 2; }
  /// Of the keys or the values of a head: f16, or bytes with the scales. Of b1
  /// all bytes of a head.
  int64_t halfElements() const {
    return form == KVForm::F16 ? kPageTokens * headDim
                               : scaleAt() + kPageTokens * 4;
  }
  /// Words of 32 dimensions of a b1 key.
  int64_t keyWords() const { return llvm::divideCeil(headDim, 32); }
  /// The byte of a b1 head where its values begin.
  int64_t bitValuesAt() const { return kPageTokens * keyWords() * 4; }
  /// The byte of a half where its scales begin.
  int64_t scaleAt() const {
    return form == KVForm::B1 ? bitValuesAt() + kPageTokens * headDim / 8
                              : kPageTokens * headDim;
  }
  /// A head is read in all pages, one after the other. Pages at a distance of
  /// many large powers of two would meet in few sets of the second level, so
  /// the distance of large ones is an odd number of 4 KiB.
  int64_t bytes() const {
    constexpr int64_t step = 4096, large = 32 * step;
    int64_t used =
        layers * kvHeads * halves() * halfElements() * elementBytes();
    return used < large ? used : (llvm::divideCeil(used, step) | 1) * step;
  }
};

/// From the module's attention operations and the repeat that runs them.
KVPageShape kvPageShape(ModuleOp module);

/// Page `number` of the sequence of token t, seen as [layers][kv heads]
/// [halves()][halfElements()] f16 bits or bytes.
Value kvPage(Emitter &e, const KVPageShape &shape, Value t, Value number);

/// Signs of 32 columns (16, if they end there) from `i`, as the word of a b1
/// key or query; read(i) gives 16.
Value signWord(Emitter &e, Value i, int64_t columns,
               function_ref<Value(Value i)> read);

} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_KVCACHE_H
