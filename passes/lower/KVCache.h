//===- KVCache.h - How keys and values lie in pages ------------*- C++ -*-===//
//
// A page of the KV cache holds 16 positions of one sequence for all layers and
// KV heads. Keys lie transposed (d x 16), so that a vector is 16 positions of
// one dimension: scores need no sum across lanes. Values lie as 16 rows of d.
// Both are f16:
//
//   [layer][kv head][keys: d x 16 positions | values: 16 positions x d]
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_LOWER_KVCACHE_H
#define BITNET_PASSES_LOWER_KVCACHE_H

#include "passes/lower/Emitter.h"

namespace mlir::bitnet {

struct KVPageShape {
  int64_t layers, kvHeads, headDim;
  int64_t elements() const {
    return layers * kvHeads * 2 * headDim * kPageTokens;
  }
  int64_t bytes() const { return elements() * 2; }
};

/// From the module's attention operations and the repeat that runs them.
KVPageShape kvPageShape(ModuleOp module);

/// Page `number` of the sequence of token t, seen as [layers][kv heads][2]
/// [16 d] f16 bits.
Value kvPage(Emitter &e, const KVPageShape &shape, Value t, Value number);

} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_KVCACHE_H
