//===- float_product.cpp - A well-made float product, for scale -----------===//
//
// The products of kernels.cpp in f32 by Eigen, with everything that this CPU
// has, one thread:
//
//   eigen_f32/tokens:1|4|64/hot|cold
//
// What 1-bit products are compared with; nothing else uses Eigen.
//
//===----------------------------------------------------------------------===//

#include <Eigen/Core>
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

namespace {
using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr Eigen::Index kWidth = 1280;
constexpr size_t kColdBytes = 512 << 20;

/// y[tokens][kWidth] = x W^T for one weight after the other.
void run(benchmark::State &state, Eigen::Index tokens, bool cold) {
  constexpr size_t bytes = kWidth * kWidth * sizeof(float);
  std::vector<Matrix> weights(cold ? kColdBytes / bytes : 1);
  for (Matrix &w : weights)
    w = Matrix::Random(kWidth, kWidth);
  Matrix x = Matrix::Random(tokens, kWidth), y(tokens, kWidth);
  for (auto _ : state)
    for (const Matrix &w : weights) {
      if (tokens == 1)
        y.row(0).transpose().noalias() = w * x.row(0).transpose();
      else
        y.noalias() = x * w.transpose();
      benchmark::DoNotOptimize(y.data());
      benchmark::ClobberMemory();
    }
  const auto products = static_cast<double>(
      tokens * kWidth * kWidth * static_cast<Eigen::Index>(weights.size()));
  state.counters["products/s"] =
      benchmark::Counter(products * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

const bool registered = [] {
  for (Eigen::Index tokens : {1, 4, 64})
    for (bool cold : {false, true})
      benchmark::RegisterBenchmark(
          ("eigen_f32/tokens:" + std::to_string(tokens) +
           (cold ? "/cold" : "/hot"))
              .c_str(),
          [=](benchmark::State &state) { run(state, tokens, cold); });
  return true;
}();
} // namespace
