//===- ScalarMath.h - Scalar meaning of small functions --------*- C++ -*-===//
//
// Exact definitions of the scalar functions that operations are made of: half
// precision, activations, the 16-lane sum. Like Exp.h: plain multiplications
// and additions, each rounded, never contracted; the vector lowering emits the
// same steps.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_SCALARMATH_H
#define BITNET_DIALECT_SCALARMATH_H

#include "dialect/Exp.h"

namespace mlir::bitnet {

/// Lanes of every float sum, on every machine.
constexpr int kLanes = 16;

/// Positions of a page of the KV cache.
constexpr int kPageTokens = 16;

/// Positions whose softmax attention takes at once. A multiple of kPageTokens.
constexpr int kChunkTokens = 256;

/// The smallest absolute maximum of a row that quantize divides by.
constexpr float kMinAbsMax = 1e-5f;

/// Where the running maximum of a streamed softmax starts.
constexpr float kSoftmaxStart = -1e30f;

/// The smallest absolute maximum that an i8 KV cache divides by. Products of
/// two of its scales are normal numbers.
constexpr float kMinCacheMax = 1e-15f;

/// What is added to codes of an i8 KV cache to make them unsigned.
constexpr int32_t kCacheZero = 128;

/// Up to here sums of 16-bit times 8-bit codes fit into 32 bits.
constexpr int64_t kMaxCodedHeadDim = 512;

/// The largest code of two planes, hi * 256 + lo with bytes from -128 to 127.
constexpr float kPeak16 = 32512.0f;

/// The largest finite f16; what is stored saturates there.
constexpr float kF16Max = 65504.0f;

/// x / (1 + exp(-x))
inline float silu(float x) { return x / (1.0f + expf_bitnet(-x)); }

/// max(x, 0)^2
inline float relu2(float x) {
  float m = x > 0.0f ? x : 0.0f;
  return m * m;
}

/// The sum of 16 lanes as the tree 8+8, 4+4, 2+2, 1+1.
inline float sum16(const float *lanes) {
  float t8[8], t4[4], t2[2];
  for (int i = 0; i < 8; ++i)
    t8[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; ++i)
    t4[i] = t8[i] + t8[i + 4];
  for (int i = 0; i < 2; ++i)
    t2[i] = t4[i] + t4[i + 2];
  return t2[0] + t2[1];
}

/// f32 to the bits of f16: clamped to +-65504, then to nearest even. NaN stays
/// NaN.
inline uint16_t f32ToF16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  uint32_t sign = bits >> 16 & 0x8000u;
  uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u)
    return static_cast<uint16_t>(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
  constexpr uint32_t kMaxBits = std::bit_cast<uint32_t>(kF16Max);
  if (magnitude > kMaxBits)
    magnitude = kMaxBits;
  if (magnitude < 0x38800000u) { // below 2^-14: subnormal, in units of 2^-24
    // 0.5 has units of 2^-24 in its last place, so the addition rounds.
    float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign |
                                 (std::bit_cast<uint32_t>(sum) - 0x3F000000u));
  }
  uint32_t odd = magnitude >> 13 & 1u;
  return static_cast<uint16_t>(
      sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
}

/// The bits of f16 to f32, exact.
inline float f16ToF32(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t exponent = half >> 10 & 0x1Fu, mantissa = half & 0x3FFu;
  uint32_t bits;
  if (exponent == 0x1F)
    bits = 0x7F800000u | mantissa << 13;
  else if (exponent)
    bits = (exponent + 112) << 23 | mantissa << 13;
  else // mantissa * 2^-24, exact
    bits = std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f);
  return std::bit_cast<float>(sign | bits);
}

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_SCALARMATH_H
