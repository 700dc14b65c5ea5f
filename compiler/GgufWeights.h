//===- GgufWeights.h - Matrices of GGUF files ------------------*- C++ -*-===//
//
// Blocks of GGUF's types as what the compiler packs: ternary or binary codes
// with one scale a matrix, a row or a group of columns. Many files store more
// scales than they have different ones; then the coarser kind is taken.
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
  int64_t group = 0;       ///< Columns, if scales are for groups of them.
  bool halfScales = false; ///< Scales are stored as f16.
  bool master = false;     ///< Floats that have to be quantised.
};

/// Of a ternary or binary type. (Floats may hold such values all the same.)
bool hasFewBits(const TensorRef &ref);

/// Errors name no tensor. `data` holds the bytes of `ref`, a matrix.
llvm::Expected<GgufMatrixKind> ggufMatrixKind(const TensorRef &ref,
                                              const uint8_t *data);

/// Rows [begin, end), with as many scales as `quant` says for them.
llvm::Expected<QuantizedMatrix> readGgufMatrix(const TensorRef &ref,
                                               const uint8_t *data,
                                               const Quantization &quant,
                                               int64_t begin, int64_t end);

/// Elements [begin, end), at most all; whole rows.
std::vector<float> readBlockValues(const TensorRef &ref, const uint8_t *data,
                                   uint64_t begin, uint64_t end);

} // namespace bitnetc

#endif // BITNETC_COMPILER_GGUFWEIGHTS_H
