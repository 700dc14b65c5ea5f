//===- WeightEncode.cpp - Numbers as bytes of weights ---------------------===//

#include "WeightEncode.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <bit>

using namespace llvm;

namespace bitnetc {

std::vector<uint8_t> encode2Bit(const QuantizedMatrix &m) {
  const int64_t slice = (m.rows + 3) / 4;
  // Rows that fill up the last slice are zeros: code 1.
  std::vector<uint8_t> bytes(size_t(slice * m.cols));
  for (int64_t row = 0; row < slice * 4; ++row) {
    const unsigned shift = unsigned(row / slice) * 2;
    uint8_t *packed = bytes.data() + (row % slice) * m.cols;
    const int8_t *codes = m.codes.data() + row * m.cols;
    for (int64_t c = 0; c < m.cols; ++c)
      packed[c] |= uint8_t(row < m.rows ? codes[c] + 1 : 1) << shift;
  }
  return bytes;
}

std::vector<uint8_t> encodeBits(const QuantizedMatrix &m) {
  const int64_t stride = (m.cols + 7) / 8;
  std::vector<uint8_t> bytes(size_t(m.rows * stride));
  for (int64_t row = 0; row < m.rows; ++row)
    for (int64_t c = 0; c < m.cols; ++c)
      bytes[row * stride + c / 8] |= uint8_t(m.codes[row * m.cols + c] > 0)
                                     << (c % 8);
  return bytes;
}

/// The half-precision number that `value` is, if it is one.
static std::optional<uint16_t> exactHalf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  const int exponent = int(bits >> 23 & 255) - 127;
  const uint32_t mantissa = bits & 0x7fffff;
  if ((bits & 0x7fffffff) == 0)
    return sign;
  if (exponent >= -14 && exponent <= 15 && (mantissa & 0x1fff) == 0)
    return uint16_t(sign | (exponent + 15) << 10 | mantissa >> 13);
  if (exponent < -14 && exponent >= -24) { // A denormal.
    const uint32_t whole = mantissa | 0x800000;
    const int shift = -1 - exponent;
    if ((whole & ((1u << shift) - 1)) == 0)
      return uint16_t(sign | whole >> shift);
  }
  return std::nullopt;
}

bool fits(ArrayRef<float> values, DType dtype) {
  if (dtype == DType::F16)
    return all_of(values, [](float x) { return exactHalf(x).has_value(); });
  if (dtype == DType::BF16)
    return all_of(values, [](float x) {
      return (std::bit_cast<uint32_t>(x) & 0xffff) == 0;
    });
  return dtype == DType::F32;
}

std::vector<uint8_t> narrow(ArrayRef<float> values, DType dtype) {
  using namespace support::endian;
  const size_t size = dtypeBytes(dtype);
  std::vector<uint8_t> bytes(values.size() * size);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<uint32_t>(values[i]);
    if (dtype == DType::F32)
      write32le(&bytes[i * size], bits);
    else
      write16le(&bytes[i * size], dtype == DType::F16
                                      ? exactHalf(values[i]).value_or(0)
                                      : uint16_t(bits >> 16));
  }
  return bytes;
}

} // namespace bitnetc
