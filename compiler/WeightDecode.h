//===- WeightDecode.h - Bytes of weights as numbers -------------*- C++ -*-===//
//
// The arithmetic behind WeightReader, without files and names.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_WEIGHTDECODE_H
#define BITNETC_COMPILER_WEIGHTDECODE_H

#include "WeightReader.h"

namespace bitnetc {

/// `out.size()` elements of a float type as f32.
void widen(const uint8_t *bytes, DType dtype, llvm::MutableArrayRef<float> out);

/// mean|W|, in double.
double meanAbs(llvm::ArrayRef<float> w);

/// mean W, in double.
double mean(llvm::ArrayRef<float> w);

/// Quantises master weights that share one scale, given their mean|W|, and
/// returns the scale.
float quantizeMaster(llvm::ArrayRef<float> w, float mean, WeightQuant quant,
                     int8_t *codes);

/// The sign about `mean`: of binary weights, as in the first BitNet, +1 above
/// it, else -1; of ternary ones 0 where they equal it.
void quantizeCentred(llvm::ArrayRef<float> w, float mean, WeightQuant quant,
                     int8_t *codes);

/// Codes of weights that are -s, 0 and s already, or without `zeros` -s and s,
/// and s >= 0. No s if they are not.
std::optional<float> exactCodes(llvm::ArrayRef<float> w, bool zeros,
                                int8_t *codes);

/// Hugging Face's 2-bit packing: rows from `first` on of `rows`. A code 3
/// becomes 2: the place of the first is returned.
std::optional<std::pair<int64_t, int64_t>> decode2Bit(const uint8_t *data,
                                                      int64_t rows,
                                                      int64_t first,
                                                      QuantizedMatrix &m);
void decodeBits(const uint8_t *data, QuantizedMatrix &m);

/// Values of one row in MLX's packing, `group` columns for each scale and bias:
/// exact in double, and in float if they are -s, 0 and s.
void unpackMlx(const uint8_t *words, int64_t bits, int64_t group,
               llvm::ArrayRef<float> scales, llvm::ArrayRef<float> biases,
               llvm::MutableArrayRef<float> out);

} // namespace bitnetc

#endif // BITNETC_COMPILER_WEIGHTDECODE_H
