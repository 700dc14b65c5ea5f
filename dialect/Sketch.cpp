//===- Sketch.cpp - A coarse copy of a matrix of bytes --------------------===//

#include "dialect/Sketch.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

using namespace mlir::bitnet;

namespace {
/// How often each |code| occurs, summed up: everything a step is judged by.
class Magnitudes {
public:
  explicit Magnitudes(llvm::ArrayRef<int8_t> row) : size(row.size()) {
    uint32_t times[129] = {};
    for (int8_t code : row)
      ++times[std::abs(int(code))];
    for (int64_t m = 0; m <= 128; ++m) {
      count[m + 1] = count[m] + times[m];
      sum[m + 1] = sum[m] + m * times[m];
      squares += static_cast<double>(m * m) * times[m];
    }
  }

  /// A few steps of Lloyd's iteration over levels of step/2 and 3 step/2:
  /// which weights take which level, then the best step for those. From one
  /// standard deviation (0.996 is best for normal weights) it settles at once.
  double bestStep() const {
    double step = std::sqrt(squares / std::max<double>(1, size));
    for (int i = 0; i < 8 && step > 0; ++i) {
      auto [n, s] = below(step);
      step = (s * 0.5 + (sum[129] - s) * 1.5) /
             (n * 0.25 + (count[129] - n) * 2.25);
    }
    return step;
  }

  double sketchSquares(double step) const {
    auto [n, s] = below(step);
    return step * step * (n * 0.25 + (count[129] - n) * 2.25);
  }

  double residualSquares(double step) const {
    auto [n, s] = below(step);
    return squares - step * (s + 3 * (sum[129] - s)) + sketchSquares(step);
  }

private:
  /// Number and sum of the magnitudes below `step`, which take the inner level.
  std::pair<double, double> below(double step) const {
    auto limit = std::min<int64_t>(129, std::ceil(step));
    return {count[limit], sum[limit]};
  }

  double size, squares = 0;
  double count[130] = {}, sum[130] = {};
};
} // namespace

SketchedRow mlir::bitnet::sketchRow(llvm::ArrayRef<int8_t> row,
                                    llvm::MutableArrayRef<int8_t> sketch) {
  Magnitudes magnitudes(row);
  auto step = static_cast<float>(magnitudes.bestStep());
  for (size_t k = 0; k < row.size(); ++k) {
    float code = row[k];
    sketch[k] =
        static_cast<int8_t>((code >= step) + (code >= 0) + (code > -step) - 2);
  }
  double residual = std::max(0.0, magnitudes.residualSquares(step));
  double error =
      std::sqrt(std::max(residual, magnitudes.sketchSquares(step) /
                                       (kSketchRatio * kSketchRatio)));
  return {step, static_cast<float>(error /
                                   std::sqrt(std::max<double>(1, row.size())))};
}
