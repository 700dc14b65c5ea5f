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

/// The first BitNet's binary weights: +1 above `mean`, else -1.
void quantizeCentred(llvm::ArrayRef<float> w, float mean, int8_t *codes);

/// Hugging Face's 2-bit packing. A code 3 becomes 2: the place of the first is
/// returned.
std::optional<std::pair<int64_t, int64_t>> decode2Bit(const uint8_t *data,
                                                      QuantizedMatrix &m);
void decodeBits(const uint8_t *data, QuantizedMatrix &m);

} // namespace bitnetc

#endif // BITNETC_COMPILER_WEIGHTDECODE_H
