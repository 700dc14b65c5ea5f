//===- DotChain.h - Dots that add to each other ----------------*- C++ -*-===//
//
// Where an instruction set multiplies bytes in 16 bits, dots that follow each
// other in one sum can share what widens it to 32 (MicroOps.h, dotChain).
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_DOTCHAIN_H
#define BITNET_TARGETS_DOTCHAIN_H

#include "dialect/Dialect.h"

namespace mlir::bitnet {

/// The sum of the bounds of codes whose products may share a sum of 16 bits:
/// two neighbours of all are added, and twice 128 times -128 is -32768.
constexpr int64_t kMostBounds = 128;

/// Dots of which each adds to the one before it and nothing else reads that.
using DotChain = SmallVector<DotU8I8Op>;

/// All of the chain that `op` is in, in the order of its block.
DotChain chainAround(DotU8I8Op op);

/// The splat that `v` is, if it is one.
std::optional<int64_t> splatOf(Value v);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_DOTCHAIN_H
