//===- WeightSource.h - One weight as packed bytes -------------*- C++ -*-===//
//
// Turns one weight of one record instance into blocks of bytes in its layout,
// and its scales. Private to the packer.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_WEIGHTSOURCE_H
#define BITNETC_COMPILER_WEIGHTSOURCE_H

#include "WeightReader.h"
#include "dialect/Dialect.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace bitnetc {

using Bytes = std::vector<uint8_t>;
Bytes toBytes(llvm::ArrayRef<float> floats);

class WeightSource {
public:
  using Sink = llvm::function_ref<void(Bytes)>;
  using Scales = llvm::Expected<std::vector<float>>;

  WeightSource(mlir::bitnet::WeightOp weight, int64_t instance,
               const Model &model, WeightReader &reader);

  /// Hands the codes to `sink`, block by block, and returns the scales.
  Scales pack(Sink sink);

  /// Of the tensor or linear.
  const std::string &name() const { return tensor; }

private:
  Scales packFloats(Sink sink);
  Scales packInt8(Sink sink);
  Scales packLinear(Sink sink);
  Scales packRope(Sink sink);
  llvm::Error error(const llvm::Twine &message);
  Bytes padRows(llvm::ArrayRef<float> values);

  mlir::bitnet::WeightOp weight;
  const Model &model;
  WeightReader &reader;
  mlir::bitnet::Layout layout;
  int64_t rows, cols; ///< A vector is one row.
  std::string tensor;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_WEIGHTSOURCE_H
