//===- Layouts.h - How packed weights lie in memory ------------*- C++ -*-===//
//
// The only place that knows bits. A layout is a row of a table plus a packer;
// kernels read the same numbers from the table when they are generated.
//
// Layouts of few bits put one output row in one vector lane ("lane = row"):
// activations are broadcast, no sum ever crosses lanes, and a thread reads its
// share as one sequential stream. Rows are cut into blocks of `rowBlock`,
// padded with rows of zero weight; columns into steps of `colStep`, padded with
// columns of zero weight:
//
//   block 0: step 0, step 1, ... | block 1: step 0, ...
//
// Bytes are row-major, because single rows are read as well: an embedding, or a
// row of the head that is scored alone.
//
// u8_row     rows of bytes code + 128, one after the other, each padded with
//            zero weight to a multiple of 64 columns; 64 rows are a block
// trit2_r64  step = 64 rows x 4 columns, 64 bytes; byte [lane r][column c]:
//
//              bits 7 6 | 5 4 | 3 2 | 1 0     field g = code(16g + r, c) + 1
//               row 48+r 32+r  16+r   r       in {0, 1, 2}
//
// u2_r64     the same with field g = code(16g + r, c) + 2 in {0, 1, 2, 3}
// trit5_r80  step = 80 rows x 4 columns, 64 bytes: five trits to a byte, 1.6
// bits
//            a weight; byte [lane r][column c], with t_g = code(16g + r, c) +
//            1:
//
//              28 (3 t_0 + t_1) + t_2 + 3 t_3 + 9 t_4     in 0 .. 250
//
//            28 = 32 - 4 is what makes it cheap to take apart (unpack_trit5).
// bit1_r64   step = 64 rows x 8 columns, 64 bytes; byte [lane r][column c < 4]:
//
//              bit 4h + g = 1 where code(16g + r, c + 4h) is +1, h in {0, 1}
//
//            Pad bits are 0.
// trit2_r32  step = 32 rows x 16 columns, 128 bytes: 16 bytes are two rows of 8
//            columns, as matrix products of bytes take them (mma_u8i8); byte
//            [half h][lane r][column c], with k = 8h + c:
//
//              bits 7 6 | 5 4 | 3 2 | 1 0     field g = code(8g + r, k) + 1
//               row 24+r 16+r   8+r   r
//
// bit1_r32   step = 32 rows x 16 columns, 64 bytes; byte [lane r][column c]:
//
//              bit 4h + g = 1 where code(8g + r, c + 8h) is +1, h in {0, 1}
//
//            Pad bits are 0.
// bit1_r16   step = 16 rows x 64 columns, 128 bytes: word [lane r] holds
//            columns 0..63 of row r, lowest bit first, 1 for +1. Pad bits are
//            0.
// trit2_r16  step = 16 rows x 64 columns, 256 bytes: 16 words as bit1_r16's,
//            1 for +1, then 16 words with 1 for -1. Pads are 0.
// trit3_r64  step = 64 rows x 24 columns, 320 bytes, 1.67 bits a weight: three
//            columns are one number, code_0 + 3 code_1 + 9 code_2 in -13 .. 13,
//            as an index (its size) and a sign. Byte [lane r][group g] of each
//            64 is of row 16g + r:
//
//              0, 64, 128, 192: index of threes 0, 2, 4, 6 in bits 3 .. 0,
//                               of threes 1, 3, 5, 7 in bits 7 .. 4
//              256: bit 7 - i = 1 where number i is negative
//
//            Kernels look the sums of three columns up
//            (lower/MatmulTables.cpp).
// f32        row-major floats, every row padded with zeros to 64.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_LAYOUTS_H
#define BITNET_DIALECT_LAYOUTS_H

#include "dialect/Dialect.h"

namespace mlir::bitnet {

/// Every row of an activation buffer and of an f32 weight is padded to this
/// many elements; pads are zero.
constexpr int64_t kRowPad = 64;

struct LayoutInfo {
  Layout layout;
  int64_t rowBlock;     ///< rows of a block
  int64_t colStep;      ///< columns of a step
  int64_t bytesPerStep; ///< bytes of one step of one block (together)
  int64_t groups;       ///< groups of 16 rows in a step
  int64_t spacing;      ///< code = stored field * spacing - zeroPoint
  int64_t zeroPoint;    ///< (not of bit1_r16, whose words are not fields)
  int64_t fieldBits;    ///< between fields inside a byte; 0: no bits apart
  int64_t wordCols;     ///< columns of a row that lie side by side

  /// Rows that have the same field of 64 bytes, and fields of a column's byte.
  int64_t fieldRows() const { return 64 / wordCols; }
  int64_t fields() const { return rowBlock / fieldRows(); }
  /// A step is `parts` times wordCols columns. What does not lie in 64 bytes of
  /// its own lies above all fields of the part before it.
  int64_t parts() const { return colStep / wordCols; }
  int64_t partBits() const { return fields() * fieldBits; }
  int64_t partByte(int64_t part) const { return part * 64 % bytesPerStep; }
  int64_t partShift(int64_t part) const {
    return part * 64 / bytesPerStep * partBits();
  }
  /// The largest value of field g, in place.
  int64_t largest(int64_t g) const {
    int64_t values = layout == Layout::Trit2R64 || layout == Layout::Trit2R32
                         ? 3
                         : 2 * zeroPoint / spacing + (spacing > 1);
    return (values - 1) << (g * fieldBits);
  }
  /// Whether a word is 64 columns of a row, for kernels that count bits.
  bool countsBits() const {
    return layout == Layout::Bit1R16 || layout == Layout::Trit2R16;
  }
  /// Whether pad rows have a weight that is not zero.
  bool padsAreNegative() const {
    return layout == Layout::Bit1R16 || spacing > 1;
  }
};

/// The largest values of the five forms of unpack_trit5.
constexpr int64_t kTrit5Largest[] = {160, 32, 42, 10, 2};

const LayoutInfo &getLayoutInfo(Layout layout);

/// Bytes of the codes of an [n, k] weight (a vector is [1, n]).
int64_t codeBytes(Layout layout, int64_t n, int64_t k);

/// Bytes of the scales of a quantised weight: one f32; or one for each row,
/// padded to kRowPad rows; or, with groups, [block of 64 rows][group][64 rows],
/// f32 or f16; or, of a sketch, the steps of all rows and then their errors
/// (dialect/Sketch.h), each padded to kRowPad rows. Pads are zero.
int64_t scaleBytes(WeightOp weight);

/// Codes and scales of a matrix that has its layout.
int64_t bytesOf(WeightOp weight);

/// Packs row-major codes [n][k] into `out` (codeBytes, zeroed by the caller or
/// not). Every byte is written.
void packCodes(Layout layout, ArrayRef<int8_t> codes, int64_t n, int64_t k,
               MutableArrayRef<uint8_t> out);

/// The code of (row, col) in packed bytes: the inverse of packCodes.
int8_t unpackCode(Layout layout, ArrayRef<uint8_t> bytes, int64_t n, int64_t k,
                  int64_t row, int64_t col);

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_LAYOUTS_H
