#include "runtime/PortableMath.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace bitnet;

TEST(PortableMath, ExpIsExp) {
  for (double x = -700; x < 700; x += 0.37)
    EXPECT_NEAR(portableExp(x) / std::exp(x), 1.0, 1e-13) << x;
  EXPECT_EQ(portableExp(0), 1.0);
  EXPECT_EQ(portableExp(-1e300), 0.0);
  EXPECT_EQ(portableExp(NAN), 0.0);
  EXPECT_TRUE(std::isfinite(portableExp(1e9)));
}

TEST(PortableMath, ExpWithoutBranchesIsTheSame) {
  auto expectSame = [](double x) {
    EXPECT_EQ(std::bit_cast<uint64_t>(portableExpOfNegative(x)),
              std::bit_cast<uint64_t>(portableExp(x)))
        << x;
  };
  for (double x = 0; x > -710; x -= 0.0137)
    expectSame(x);
  for (double x :
       {-0.0, -1e-300, -707.9999999, -708.0, -1e300, -HUGE_VAL, double{NAN}})
    expectSame(x);
}

TEST(PortableMath, LogIsLog) {
  for (double x = 1e-300; x < 1e300; x *= 1.7)
    EXPECT_NEAR(portableLog(x), std::log(x),
                1e-14 * std::max(1.0, std::fabs(std::log(x))))
        << x;
  for (double x = 0.5; x < 2; x += 0.001)
    EXPECT_NEAR(portableLog(x), std::log(x), 1e-15) << x;
  EXPECT_EQ(portableLog(1.0), 0.0);
}

TEST(PortableMath, BitsAreFixed) {
  // The same on every machine: nothing here comes from the C library.
  EXPECT_EQ(std::bit_cast<uint64_t>(portableExp(-1.25)),
            std::bit_cast<uint64_t>(0x1.25618372a584fp-2))
      << std::hexfloat << portableExp(-1.25);
}
