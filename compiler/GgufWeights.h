//===- GgufWeights.h - Matrices of GGUF files ------------------*- C++ -*-===//
//
// Blocks of GGUF's types as what the compiler packs: ternary or binary codes
// with one scale a matrix or a row. Types with a scale for each group of
// columns qualify where those scales are equal.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUFWEIGHTS_H
#define BITNETC_COMPILER_GGUFWEIGHTS_H

#include "WeightReader.h"

namespace bitnetc {

/// What the matrix of a linear is, found by reading its scales (not its codes).
struct GgufMatrixKind {
  WeightQuant weight = WeightQuant::Ternary;
  ScaleKind scale = ScaleKind::Tensor;
  bool master = false; ///< Floats that have to be quantised.
};

/// Errors name no tensor. `data` holds the bytes of `ref`, a matrix.
llvm::Expected<GgufMatrixKind> ggufMatrixKind(const TensorRef &ref,
                                              const uint8_t *data);

llvm::Expected<QuantizedMatrix> readGgufMatrix(const TensorRef &ref,
                                               const uint8_t *data);

/// Elements [begin, end), at most all; whole rows.
std::vector<float> readBlockValues(const TensorRef &ref, const uint8_t *data,
                                   uint64_t begin, uint64_t end);

} // namespace bitnetc

#endif // BITNETC_COMPILER_GGUFWEIGHTS_H
