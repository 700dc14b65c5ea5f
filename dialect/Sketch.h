//===- Sketch.h - A coarse copy of a matrix of bytes -----------*- C++ -*-===//
//
// A head of int8 rows is mostly read to find the few rows that matter. Its
// sketch, four levels a weight, finds them in a quarter of the bytes: the
// product with the sketch differs from the product with the row by
//
//   sum_k r_k x_k,   r = row - sketch of the row,
//
// whose standard deviation, residuals being as good as random to the input, is
// rms(r) * |x|_2. The levels are chosen to make that small, row by row.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_SKETCH_H
#define BITNET_DIALECT_SKETCH_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace mlir::bitnet {

/// The input of a sketch is the high plane alone of 16-bit codes. The low plane
/// counts as an error of its own, for which rms(sketch) is at most this times
/// SketchedRow::error.
constexpr float kSketchRatio = 3;

/// In units of the codes of the row.
struct SketchedRow {
  float step;  ///< between two levels
  float error; ///< rms of row - sketch, or a little more (kSketchRatio)
};

/// Writes a code c of -2..1 for each of `row`, which stands for the level
/// (c + 1/2) * step.
SketchedRow sketchRow(llvm::ArrayRef<int8_t> row,
                      llvm::MutableArrayRef<int8_t> sketch);

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_SKETCH_H
