//===- RowDots.h - Dots with rows of bytes ---------------------*- C++ -*-===//
//
// Products with single rows of a u8_row weight, which a whole matmul and a
// screened head (HeadScreen.cpp) share: what is computed for one row is the
// same to the bit, whoever asks.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_LOWER_ROWDOTS_H
#define BITNET_PASSES_LOWER_ROWDOTS_H

#include "passes/lower/Emitter.h"

namespace mlir::bitnet {

class RowDots {
public:
  /// `input`, `scale` and `sum` are the results of a quantize.
  RowDots(Emitter &e, SymbolRefAttr weight, Value input, Value scale,
          Value sum);

  /// dequantize(dot) of rows [row, row + rows) with tokens [t, t + tokens), as
  /// scalars [row][token]. With `prefetchBytes` the stream of weights that lies
  /// so far ahead is fetched.
  SmallVector<Value> products(Emitter &e, Value row, int64_t rows, Value t,
                              int64_t tokens, int64_t prefetchBytes) const;

  Value getCodes() const { return codes; }
  int64_t getPadded() const { return padded; }

private:
  Value codes, input;                 ///< i8 [rows][K], [tokens][planes][K]
  Value scales, tokenScale, planeSum; ///< f32, f32, i32 [tokens][planes]
  bool oneScale;
  int64_t planes, padded; ///< K with pads.
  int64_t zeroPoint;
};

} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_ROWDOTS_H
