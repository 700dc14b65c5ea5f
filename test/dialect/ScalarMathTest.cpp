//===- ScalarMathTest.cpp - exp, f16, rounding, sums ----------------------===//
//
// The scalar functions against double precision and against their definition,
// exhaustively where that is possible.
//
//===----------------------------------------------------------------------===//

#include "dialect/ScalarMath.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace mlir::bitnet;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// |value - exact| in units in the last place of f32 at `exact`.
double ulps(float value, double exact) {
  double unit = std::ldexp(1.0, std::ilogb(exact) - 23);
  return std::fabs(static_cast<double>(value) - exact) / unit;
}

TEST(Exp, IsAccurateOverItsRange) {
  double worst = 0;
  constexpr int kSteps = 2'000'000;
  for (int i = 0; i <= kSteps; ++i) {
    float x = kExpMin + (kExpMax - kExpMin) * (static_cast<float>(i) / kSteps);
    worst = std::max(worst, ulps(expf_bitnet(x), std::exp(double(x))));
  }
  EXPECT_LT(worst, 1.5);
}

TEST(Exp, IsAccurateAroundZero) {
  for (float x = 1e-38f; x < 1.0f; x *= 1.001f) {
    EXPECT_LT(ulps(expf_bitnet(x), std::exp(double(x))), 1.5) << x;
    EXPECT_LT(ulps(expf_bitnet(-x), std::exp(double(-x))), 1.5) << -x;
  }
}

TEST(Exp, HasExactPoints) {
  EXPECT_EQ(expf_bitnet(0.0f), 1.0f);
  EXPECT_EQ(expf_bitnet(-0.0f), 1.0f);
}

TEST(Exp, ClampsToNormalNumbers) {
  for (float x : {88.0f, 89.0f, 1e30f, kInfinity})
    EXPECT_EQ(expf_bitnet(x), expf_bitnet(kExpMax)) << x;
  for (float x : {-87.0f, -88.0f, -1e30f, -kInfinity})
    EXPECT_EQ(expf_bitnet(x), expf_bitnet(kExpMin)) << x;
  EXPECT_TRUE(std::isnormal(expf_bitnet(kExpMin)));
  EXPECT_TRUE(std::isnormal(expf_bitnet(kExpMax)));
  EXPECT_TRUE(std::isnan(expf_bitnet(std::nanf(""))));
}

/// Products of n and the high part of ln 2 need no rounding.
TEST(Exp, ReductionIsExactInItsFirstStep) {
  for (int n = -126; n <= 127; ++n) {
    float product = static_cast<float>(n) * kExpLn2Hi;
    EXPECT_EQ(static_cast<double>(product), n * static_cast<double>(kExpLn2Hi));
  }
}

/// A change of these bits changes the logits of every model.
TEST(Exp, KeepsItsBits) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (float x = -90.0f; x < 90.0f; x += 0.0078125f)
    hash = (hash ^ std::bit_cast<uint32_t>(expf_bitnet(x))) * 0x100000001B3u;
  EXPECT_EQ(hash, 0xCB3F714F20E3CCE7u);
}

TEST(Rounding, IsToNearestEven) {
  EXPECT_EQ(roundToEvenInt(0.5f), 0);
  EXPECT_EQ(roundToEvenInt(1.5f), 2);
  EXPECT_EQ(roundToEvenInt(2.5f), 2);
  EXPECT_EQ(roundToEvenInt(-0.5f), 0);
  EXPECT_EQ(roundToEvenInt(-2.5f), -2);
  EXPECT_EQ(roundToEvenInt(-3.5f), -4);
  EXPECT_EQ(roundToEvenInt(4194303.0f), 4194303);
  EXPECT_EQ(roundToEvenInt(-4194303.0f), -4194303);
  for (float x = -33000.0f; x < 33000.0f; x += 0.37f)
    ASSERT_EQ(roundToEvenInt(x), std::lrint(x)) << x;
}

/// The value of half-precision bits from the definition of the format.
double halfValue(unsigned half) {
  int exponent = half >> 10 & 31, mantissa = half & 1023;
  double magnitude = exponent ? std::ldexp(1024 + mantissa, exponent - 25)
                              : std::ldexp(mantissa, -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

TEST(F16, ExtendsEveryValue) {
  for (unsigned half = 0; half < 0x10000; ++half) {
    float value = f16ToF32(static_cast<uint16_t>(half));
    if ((half & 0x7C00) == 0x7C00) {
      EXPECT_EQ(std::isnan(value), (half & 0x3FF) != 0) << half;
      EXPECT_EQ(std::isinf(value), (half & 0x3FF) == 0) << half;
      continue;
    }
    EXPECT_EQ(static_cast<double>(value), halfValue(half)) << half;
    EXPECT_EQ(std::signbit(value), half >= 0x8000) << half;
    EXPECT_EQ(f32ToF16(value), half);
  }
}

/// Between every two neighbours: the midpoint goes to the even one, whatever is
/// next to it to its side. Rounding is monotonous, so this covers all floats.
TEST(F16, TruncatesToNearestEven) {
  for (unsigned half = 0; half < 0x7BFF; ++half) {
    // Exact in f32: one bit more than a half has.
    float middle =
        static_cast<float>((halfValue(half) + halfValue(half + 1)) / 2);
    unsigned even = half & 1 ? half + 1 : half;
    EXPECT_EQ(f32ToF16(middle), even) << half;
    EXPECT_EQ(f32ToF16(std::nextafter(middle, 0.0f)), half) << half;
    EXPECT_EQ(f32ToF16(std::nextafter(middle, kInfinity)), half + 1) << half;
    EXPECT_EQ(f32ToF16(-middle), even | 0x8000) << half;
  }
}

TEST(F16, Saturates) {
  for (float x : {65504.0f, 65505.0f, 65520.0f, 1e30f, kInfinity}) {
    EXPECT_EQ(f32ToF16(x), 0x7BFF) << x;
    EXPECT_EQ(f32ToF16(-x), 0xFBFF) << x;
  }
  EXPECT_TRUE(std::isnan(f16ToF32(f32ToF16(std::nanf("")))));
}

TEST(Activations, AreAsDefined) {
  EXPECT_EQ(relu2(-3.0f), 0.0f);
  EXPECT_EQ(relu2(-0.0f), 0.0f);
  EXPECT_EQ(relu2(1.5f), 2.25f);
  EXPECT_EQ(silu(0.0f), 0.0f);
  EXPECT_EQ(silu(100.0f), 100.0f);
  EXPECT_LT(silu(-100.0f), 0.0f);
  for (float x = -20.0f; x < 20.0f; x += 0.01f)
    EXPECT_LT(ulps(silu(x), x / (1.0 + std::exp(-double(x)))), 4.0) << x;
}

/// Rounding tells trees apart: 2^24 + 1 is 2^24, but 2^24 + (1 + 1) is not.
TEST(Sum16, IsATree) {
  constexpr float kBig = 16777216.0f;
  auto sum = [](int first, int second) {
    float lanes[kLanes] = {kBig};
    lanes[first] = lanes[second] = 1.0f;
    return sum16(lanes);
  };
  EXPECT_EQ(sum(1, 9), kBig + 2.0f);  // met in 8+8
  EXPECT_EQ(sum(1, 5), kBig + 2.0f);  // met in 4+4
  EXPECT_EQ(sum(1, 3), kBig + 2.0f);  // met in 2+2
  EXPECT_EQ(sum(2, 10), kBig + 2.0f); // together, before they meet lane 0
  EXPECT_EQ(sum(8, 1), kBig);         // one by one
  EXPECT_EQ(sum(8, 4), kBig);
  EXPECT_EQ(sum(4, 2), kBig);
}

} // namespace
