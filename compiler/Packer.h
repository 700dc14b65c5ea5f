//===- Packer.h - Writes the packed weights of a model ---------*- C++ -*-===//
//
// Writes the file of weights that generated code reads: every record instance
// by instance, every weight in the layout and at the place that the passes have
// given it. Tensors are read, packed and written one at a time, so memory does
// not grow with the model.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_PACKER_H
#define BITNETC_COMPILER_PACKER_H

#include "WeightReader.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <array>

namespace bitnetc {

/// Called with bytes written so far and in total.
using PackProgress = llvm::function_ref<void(uint64_t done, uint64_t total)>;

/// Bytes of the packed weights that the records of `module` describe.
uint64_t packedSize(mlir::ModuleOp module);

/// Packs the weights of all bitnet.record ops of `module` into `outputFile`.
/// `sha256` becomes the hash of its bytes. A weight's source is
///   a linear of the model     for ternary and binary weights,
///   a float tensor            for floats, and for int8, which is quantised
///                             here: scale = max |row| / 127,
///   "@rope"                   for the table of cosines and sines.
llvm::Error packWeights(mlir::ModuleOp module, const Model &model,
                        WeightReader &reader, llvm::StringRef outputFile,
                        std::array<uint8_t, 32> &sha256, PackProgress progress);

/// The first byte of a record's instance that is not what packWeights writes.
struct PackedDifference {
  std::string record; ///< "layer" or "globals"
  int64_t instance;
  std::string weight; ///< Its source, as "model.layers.3.mlp.up_proj".
  bool isScales;
  uint64_t byte; ///< Of its codes or scales.
};

/// Compares `packed`, the weights of a program, with what packWeights would
/// write for `module`.
llvm::Expected<std::vector<PackedDifference>>
comparePacked(mlir::ModuleOp module, const Model &model, WeightReader &reader,
              llvm::ArrayRef<uint8_t> packed);

} // namespace bitnetc

#endif // BITNETC_COMPILER_PACKER_H
