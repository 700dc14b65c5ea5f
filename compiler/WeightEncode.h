//===- WeightEncode.h - Numbers as bytes of weights -------------*- C++ -*-===//
//
// The way back of WeightDecode.h, for model directories that are written here.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_WEIGHTENCODE_H
#define BITNETC_COMPILER_WEIGHTENCODE_H

#include "WeightReader.h"

namespace bitnetc {

/// Packing::HF2Bit of codes in {-1, 0, 1}.
std::vector<uint8_t> encode2Bit(const QuantizedMatrix &m);
/// Packing::Bits of codes in {-1, 1}.
std::vector<uint8_t> encodeBits(const QuantizedMatrix &m);

/// Whether every value is a number of that type.
bool fits(llvm::ArrayRef<float> values, DType dtype);
/// `values`, which fit, as bytes.
std::vector<uint8_t> narrow(llvm::ArrayRef<float> values, DType dtype);

} // namespace bitnetc

#endif // BITNETC_COMPILER_WEIGHTENCODE_H
