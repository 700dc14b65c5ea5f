//===- Blocks.h - Values of GGUF tensors ------------------------*- C++ -*-===//
//
// A matrix of a quantised type as small integer codes and scales, a row at a
// time. The bytes stay where they are in the mapped file.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUF_BLOCKS_H
#define BITNETC_COMPILER_GGUF_BLOCKS_H

#include "Types.h"

namespace bitnetc::gguf {

/// value(row, col) = code(row, col) * scale(row, col / groupSize)
class BlockMatrix {
public:
  /// `data` holds tensorBytes({rows, cols}) bytes of a type with blocks.
  BlockMatrix(Format format, uint64_t rows, uint64_t cols, const uint8_t *data,
              I2SLayout layout = I2SLayout::Blocks128);

  /// Which codes there are. Of the 2-bit types a 3 in the file is code 2, which
  /// no ternary matrix has.
  bool isTernary() const;
  bool isBinary() const {
    return format == Format::Q1_0 || format == Format::Q1_0G32;
  }
  bool hasHalfScales() const; ///< Scales are stored as f16.

  bool hasCodes() const; ///< Codes and scales are all there is: not Q4_K, Q6_K.
  /// For types that have codes.
  void codes(uint64_t row, int8_t *out) const;
  /// Columns that share a scale; `cols` if it is one a row or less.
  uint64_t groupSize() const { return group; }
  float scale(uint64_t row, uint64_t column) const;
  /// The row as floats.
  void values(uint64_t row, float *out) const;

private:
  Format format;
  uint64_t rows, cols, stride, group;
  const uint8_t *data;
  I2SLayout layout;
};

float halfToFloat(uint16_t half);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_BLOCKS_H
