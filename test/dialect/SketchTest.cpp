//===- SketchTest.cpp - A coarse copy of a matrix of bytes ----------------===//
//
// What the screen of a head relies on: levels, the error of a row, and that
// products with a sketch miss by as much as the error says.
//
//===----------------------------------------------------------------------===//

#include "dialect/Sketch.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir::bitnet;

namespace {

struct Sketched {
  std::vector<int8_t> row, sketch;
  SketchedRow numbers;

  explicit Sketched(std::vector<int8_t> codes)
      : row(std::move(codes)), sketch(row.size()),
        numbers(sketchRow(row, sketch)) {}
  double level(size_t k) const { return (sketch[k] + 0.5) * numbers.step; }
  double rms(bool residual) const {
    double sum = 0;
    for (size_t k = 0; k < row.size(); ++k)
      sum += std::pow(residual ? row[k] - level(k) : level(k), 2);
    return std::sqrt(sum / row.size());
  }
};

std::vector<int8_t> normalRow(size_t size, double sigma, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, sigma);
  std::vector<int8_t> row(size);
  for (int8_t &code : row)
    code = static_cast<int8_t>(
        std::lround(std::clamp(normal(random), -127.0, 127.0)));
  return row;
}

/// The best quantiser of four even levels for normal values: a step of 0.996
/// sigma, a mean square error of 0.1188 sigma^2.
TEST(Sketch, IsTheBestOneForNormalRows) {
  Sketched s(normalRow(100000, 30, 1));
  EXPECT_NEAR(s.numbers.step, 0.996 * 30, 0.5);
  EXPECT_NEAR(s.numbers.error, std::sqrt(0.1188) * 30, 0.2);
}

TEST(Sketch, TakesTheNearestLevelAndTellsTheError) {
  for (double sigma : {0.3, 2.0, 30.0, 90.0}) {
    Sketched s(normalRow(2560, sigma, 2));
    for (size_t k = 0; k < s.row.size(); ++k)
      for (int code = -2; code <= 1; ++code)
        ASSERT_LE(std::abs(s.row[k] - s.level(k)),
                  std::abs(s.row[k] - (code + 0.5) * s.numbers.step) + 1e-4)
            << int(s.row[k]);
    EXPECT_GE(s.numbers.error, s.rms(true) * 0.9999) << sigma;
    EXPECT_GE(s.numbers.error * kSketchRatio, s.rms(false) * 0.9999) << sigma;
    EXPECT_LE(s.numbers.error,
              std::max(s.rms(true), s.rms(false) / kSketchRatio) * 1.0001);
  }
}

/// Zeros have no step; rows of two values are their levels, whose error is then
/// what the low plane of the input needs.
TEST(Sketch, EdgeCases) {
  Sketched zeros(std::vector<int8_t>(64, 0));
  EXPECT_EQ(zeros.numbers.step, 0);
  EXPECT_EQ(zeros.numbers.error, 0);
  std::vector<int8_t> two(64, 50);
  std::fill(two.begin() + 20, two.end(), -50);
  Sketched exact(two);
  EXPECT_NEAR(exact.rms(true), 0, 1e-3);
  EXPECT_NEAR(exact.numbers.error, 50 / kSketchRatio, 1e-3);
  std::vector<int8_t> spike(2560, 1);
  spike[7] = -127;
  Sketched outlier(spike);
  EXPECT_GE(outlier.numbers.error, outlier.rms(true) * 0.9999);
}

TEST(Sketch, ProductsMissByTheError) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0, 1);
  double squares = 0;
  constexpr int kRows = 2000;
  std::vector<double> x(512);
  double norm = 0;
  for (double &value : x) {
    value = normal(random);
    norm += value * value;
  }
  for (int r = 0; r < kRows; ++r) {
    Sketched s(normalRow(x.size(), 30, 100 + r));
    double miss = 0;
    for (size_t k = 0; k < x.size(); ++k)
      miss += (s.row[k] - s.level(k)) * x[k];
    squares += std::pow(miss / (s.numbers.error * std::sqrt(norm)), 2);
  }
  EXPECT_NEAR(std::sqrt(squares / kRows), 1, 0.05);
}

} // namespace
