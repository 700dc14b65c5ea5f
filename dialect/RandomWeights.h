//===- RandomWeights.h - Pseudo-random weights and inputs ------*- C++ -*-===//
//
// Weights, arguments and batches for running a function without a model. They
// depend on a seed and on the names of weights only, never on the order in
// which a function reads them, so the same function before and after a pass
// sees the same numbers.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_RANDOMWEIGHTS_H
#define BITNET_DIALECT_RANDOMWEIGHTS_H

#include "dialect/Interpreter.h"

namespace mlir::bitnet {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, 2014), started from a seed and a name.
class RandomStream {
public:
  RandomStream(uint64_t seed, StringRef name, int64_t index = 0);
  uint64_t next();
  /// An integer in [low, high].
  int64_t integer(int64_t low, int64_t high);
  /// A float in [low, high).
  float real(float low, float high);

private:
  uint64_t state;
};

class RandomWeights : public WeightProvider {
public:
  /// `ones`: every code, scale and vector element is 1, for tests whose
  /// results are to be computed by hand. Tables are the same in both modes.
  explicit RandomWeights(uint64_t seed, bool ones = false)
      : seed(seed), ones(ones) {}

  FailureOr<MatrixView> matrix(WeightOp weight, int64_t instance) override;
  /// Vectors are around +1, or around +1 and -1 unless known to be positive;
  /// matrices are rope tables of theta 10000.
  FailureOr<ArrayRef<float>> floats(WeightOp weight, int64_t instance) override;

private:
  uint64_t seed;
  bool ones;
  std::vector<int8_t> codes;
  std::vector<float> scales, elements;
};

/// Tokens of two sequences (one for a single token), at rising positions from
/// 0, with logits for the last token of each. Tokens exist in every embedding
/// of the module.
Batch randomBatch(ModuleOp module, int64_t tokens, uint64_t seed);

/// Arguments for a function: rows of floats in [-2, 2), positive token scales,
/// codes in range with their sums. They do not depend on the function's name:
/// two functions with the same types get the same. Failure (reported) for other
/// types.
FailureOr<std::vector<Tensor>> randomArguments(func::FuncOp function,
                                               int64_t rows, uint64_t seed);

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_RANDOMWEIGHTS_H
