//===- Exp.h - The exponential of every target -----------------*- C++ -*-===//
//
// exp as this project defines it: a fixed sequence of single-precision
// multiplications and additions, each rounded, with the constants below. The
// reference interpreter runs it on scalars and the vector lowering emits the
// same sequence from the same constants, so results agree to the bit on every
// CPU. It never calls the machine's libm.
//
//   c = min(max(x, kExpMin), kExpMax)
//   t = c * kExpLog2E + kRoundMagic       the low bits of t hold n
//   n = t - kRoundMagic                   c / ln 2, to the nearest even integer
//   r = (c - n * kExpLn2Hi) - n * kExpLn2Lo                  |r| < 0.3475
//   p = ((kExpPoly[0] * r + kExpPoly[1]) * r + ...) * r + kExpPoly[6]
//   exp = p * 2^n, with 2^n made from the bits (n + 127) << 23
//
// Files that include this must be compiled with -ffp-contract=off. The error
// is below 1.5 units in the last place over [kExpMin, kExpMax].
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_EXP_H
#define BITNET_DIALECT_EXP_H

#include <bit>
#include <cstdint>

namespace mlir::bitnet {

/// Bounds of the argument: results stay normal numbers.
constexpr float kExpMin = -87.0f;
constexpr float kExpMax = 88.0f;

constexpr float kExpLog2E = 1.44269504f;
/// ln 2 in two parts; n * kExpLn2Hi is exact for every n that occurs.
constexpr float kExpLn2Hi = 0.693359375f;
constexpr float kExpLn2Lo = -2.12194440e-4f;

/// Minimax polynomial of e^r in relative error (3.1e-9), highest power first.
constexpr float kExpPoly[] = {
    1.38142228e-3f, 8.36889911e-3f, 4.16684039e-2f, 1.66665196e-1f,
    4.99999940e-1f, 1.0f,           1.0f,
};

/// 1.5 * 2^23. Adding it leaves no fraction bits, so the sum is rounded to the
/// nearest even integer, which then is the difference of the bit patterns.
constexpr float kRoundMagic = 12582912.0f;
constexpr uint32_t kRoundMagicBits = 0x4B400000u;
static_assert(std::bit_cast<uint32_t>(kRoundMagic) == kRoundMagicBits);

/// x to the nearest integer, ties to even, for |x| < 2^22. Defined through bits
/// so that it means something (useless but fixed) for other values too.
inline int32_t roundToEvenInt(float x) {
  float shifted = x + kRoundMagic;
  return static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) -
                              kRoundMagicBits);
}

inline float expf_bitnet(float x) {
  float c = x < kExpMin ? kExpMin : x;
  c = c > kExpMax ? kExpMax : c;
  float product = c * kExpLog2E;
  float shifted = product + kRoundMagic;
  float n = shifted - kRoundMagic;
  float r = c - n * kExpLn2Hi;
  r = r - n * kExpLn2Lo;
  float p = kExpPoly[0];
  for (unsigned i = 1; i < sizeof(kExpPoly) / sizeof(kExpPoly[0]); ++i)
    p = p * r + kExpPoly[i];
  uint32_t exponent = std::bit_cast<uint32_t>(shifted) - kRoundMagicBits + 127u;
  return p * std::bit_cast<float>(exponent << 23);
}

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_EXP_H
