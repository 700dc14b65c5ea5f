//===- peaks.cpp - What the instructions of the kernels can do at most ----===//
//
// The instructions that products are made of, on registers alone, one thread,
// as far as this machine has them:
//
//   peak/vpdpbusd     64 products of a byte and a byte, added up
//   peak/vpopcntq     xor, count, add: 512 products of a bit and a bit
//   peak/vpshufb      the same on AVX2, by table: 256 products
//
// The limit beside which products/s of kernels.cpp are to be read.
//
//===----------------------------------------------------------------------===//

#if defined(__AVX2__)
#include <benchmark/benchmark.h>
#include <immintrin.h>

namespace {
/// `step` adds one product of x and y to a sum. There are enough sums for the
/// latency of every instruction, and x and y look new each time.
template <typename Vector, typename Step>
void repeat(benchmark::State &state, double products, Vector x, Vector y,
            Step step) {
  constexpr int kSums = 12;
  Vector sums[kSums] = {};
  for (auto _ : state)
#pragma clang loop unroll(full)
    for (Vector &sum : sums) {
      asm volatile("" : "+v"(x), "+v"(y));
      sum = step(sum, x, y);
      asm volatile("" : "+v"(sum));
    }
  state.counters["products/s"] = benchmark::Counter(
      products * kSums * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

#if defined(__AVX512VNNI__)
void vpdpbusd(benchmark::State &state) {
  repeat(state, 64, _mm512_set1_epi8(3), _mm512_set1_epi8(5),
         [](__m512i sum, __m512i x, __m512i y) {
           return _mm512_dpbusd_epi32(sum, x, y);
         });
}
BENCHMARK(vpdpbusd)->Name("peak/vpdpbusd");
#endif

#if defined(__AVX512VPOPCNTDQ__)
void vpopcntq(benchmark::State &state) {
  repeat(state, 512, _mm512_set1_epi8(3), _mm512_set1_epi8(5),
         [](__m512i sum, __m512i x, __m512i y) {
           return _mm512_add_epi64(sum,
                                   _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
         });
}
BENCHMARK(vpopcntq)->Name("peak/vpopcntq");
#endif

void vpshufb(benchmark::State &state) {
  const __m256i low = _mm256_set1_epi8(15);
  const __m256i table = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  repeat(state, 256, _mm256_set1_epi8(3), _mm256_set1_epi8(5),
         [=](__m256i sum, __m256i x, __m256i y) {
           __m256i bits = _mm256_xor_si256(x, y);
           __m256i high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), low);
           __m256i ones = _mm256_add_epi8(
               _mm256_shuffle_epi8(table, _mm256_and_si256(bits, low)),
               _mm256_shuffle_epi8(table, high));
           return _mm256_add_epi64(
               sum, _mm256_sad_epu8(ones, _mm256_setzero_si256()));
         });
}
BENCHMARK(vpshufb)->Name("peak/vpshufb");
} // namespace
#endif
