//===- PortableMath.h - exp and log, the same on every CPU ------*- C++ -*-===//
//
// The C library picks variants of exp and log by CPU, whose last bits differ.
// Sampling and scoring must not depend on the machine, so these use only basic
// double arithmetic (the build forbids contraction). Errors are below 1e-14
// relative.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_PORTABLEMATH_H
#define BITNET_RUNTIME_PORTABLEMATH_H

#include <bit>
#include <cstdint>

namespace bitnet {

namespace portable_math {
/// e^x / 2^n where n is the integer nearest to x / ln2.
inline double expWithout(double n, double x) {
  // x = n ln2 + r with |r| <= ln2 / 2, ln2 in two parts.
  const double r =
      (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  constexpr double inverseFactorials[] = {1.0,
                                          1.0,
                                          1.0 / 2,
                                          1.0 / 6,
                                          1.0 / 24,
                                          1.0 / 120,
                                          1.0 / 720,
                                          1.0 / 5040,
                                          1.0 / 40320,
                                          1.0 / 362880,
                                          1.0 / 3628800,
                                          1.0 / 39916800,
                                          1.0 / 479001600,
                                          1.0 / 6227020800,
                                          1.0 / 87178291200};
  double sum = inverseFactorials[14];
  for (int k = 13; k >= 0; --k)
    sum = sum * r + inverseFactorials[k];
  return sum;
}
inline double power(int64_t e) {
  return std::bit_cast<double>(static_cast<uint64_t>(1023 + e) << 52);
}
} // namespace portable_math

/// e^x; 0 below -708, finite above 709 (clamped), NaN gives 0.
inline double portableExp(double x) {
  if (!(x > -708.0))
    return 0.0;
  if (x > 709.0)
    x = 709.0;
  const auto whole =
      static_cast<int64_t>(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
  // 2^1024 has no double, so scale in two steps.
  using namespace portable_math;
  return expWithout(static_cast<double>(whole), x) * power(whole / 2) *
         power(whole - whole / 2);
}

/// The same for x up to 0, without branches: loops of it become vector code.
inline double portableExpOfNegative(double x) {
  const double inside = x > -708.0 ? x : -708.0;
  const auto whole = static_cast<int32_t>(inside * 1.4426950408889634 - 0.5);
  const double value =
      portable_math::expWithout(static_cast<double>(whole), inside) *
      portable_math::power(whole);
  return x > -708.0 ? value : 0.0;
}

/// Natural logarithm of a positive normal number.
inline double portableLog(double x) {
  const auto bits = std::bit_cast<uint64_t>(x);
  auto exponent = static_cast<int64_t>(bits >> 52 & 0x7FF) - 1023;
  double m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFull) |
                                   0x3FF0000000000000ull);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log(m) = 2 atanh(s), |s| <= 0.172.
  const double s = (m - 1.0) / (m + 1.0), square = s * s;
  double sum = 0.0;
  for (int k = 23; k >= 1; k -= 2)
    sum = sum * square + 1.0 / k;
  const double n = static_cast<double>(exponent);
  return n * 6.93147180369123816490e-01 +
         (2.0 * s * sum + n * 1.90821492927058770002e-10);
}

} // namespace bitnet

#endif // BITNET_RUNTIME_PORTABLEMATH_H
