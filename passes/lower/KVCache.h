//===- KVCache.h - How keys and values lie in pages ------------*- C++ -*-===//
//
// A page of the KV cache holds 16 positions of one sequence for all layers and
// KV heads:
//
//   [layer][kv head][keys | values]
//
// f16: keys lie transposed (d x 16), so that a vector is 16 positions of one
// dimension: scores need no sum across lanes. Values lie as 16 rows of d.
//
// i8: bytes of codes + 128, then a scale in f32 for each position. A vector of
// 64 bytes is 16 positions of four dimensions (keys: [d / 4][16][4]), or 16
// dimensions of four positions (values: [4][d][4]): the fours that a dot of
// bytes adds.
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

  int64_t elementBytes() const { return form == KVForm::I8 ? 1 : 2; }
  /// Of the keys or the values of a head: f16, or bytes with the scales.
  int64_t halfElements() const {
    return kPageTokens * (headDim + (form == KVForm::I8 ? 4 : 0));
  }
  /// The byte of a half where its scales begin.
  int64_t scaleAt() const { return kPageTokens * headDim; }
  /// A head is read in all pages, one after the other. Pages at a distance of
  /// many large powers of two would meet in few sets of the second level, so
  /// the distance of large ones is an odd number of 4 KiB.
  int64_t bytes() const {
    constexpr int64_t step = 4096, large = 32 * step;
    int64_t used = layers * kvHeads * 2 * halfElements() * elementBytes();
    return used < large ? used : (llvm::divideCeil(used, step) | 1) * step;
  }
};

/// From the module's attention operations and the repeat that runs them.
KVPageShape kvPageShape(ModuleOp module);

/// Page `number` of the sequence of token t, seen as [layers][kv heads][2]
/// [halfElements()] f16 bits or bytes.
Value kvPage(Emitter &e, const KVPageShape &shape, Value t, Value number);

} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_KVCACHE_H
