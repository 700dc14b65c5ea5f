//===- Costs.cpp - What products cost on a CPU ----------------------------===//

#include "targets/Costs.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir::bitnet;

// kernels_bench --benchmark_filter=tokens:1/hot on Zen 4 at 3.7 GHz, of which
// 64 * 3.7e9 / (bytes/s) are cycles.
namespace {
struct Cost {
  llvm::StringLiteral kernel;
  llvm::StringLiteral cpu; ///< The row whose code was measured.
  double cycles;
};
} // namespace
static constexpr Cost kCosts[] = {
    {"trit5_vbmi", "znver4", 8.0},
    {"trit2_vnni", "znver4", 4.9},
    {"trit2_i16_vnni", "znver4", 8.4},
    {"sign1_vnni", "znver4", 9.5},
    {"sign1_i16_vnni", "znver4", 16.5},
    {"u8_vnni", "znver4", 3.9},
    {"u8_i8_vnni", "znver4", 3.9},
    {"bit1_vpopcntdq", "znver4", 2.3},
    {"trit2_generic", "x86-64-v2", 21.0},
    {"trit2_i16_generic", "x86-64-v2", 44.2},
    {"sign1_generic", "x86-64-v2", 50.4},
    {"sign1_i16_generic", "x86-64-v2", 83.1},
    {"u8_generic", "x86-64-v2", 20.9},
    {"u8_i8_generic", "x86-64-v2", 12.8},
    {"bit1_generic", "x86-64-v2", 11.7},
    {"trit3_avx2", "x86-64-v3", 11.1},
    {"trit3_avx2", "skylake-avx512", 12.8},
    {"trit2_avxvnni", "alderlake", 9.4}, // Not run: at most trit2_avx2.
    {"trit2_avx2", "x86-64-v3", 9.4},
    {"trit2_i16_generic", "x86-64-v3", 19.3},
    {"sign1_generic", "x86-64-v3", 18.7},
    {"sign1_i16_generic", "x86-64-v3", 37.5},
    {"u8_generic", "x86-64-v3", 10.7},
    {"u8_i8_generic", "x86-64-v3", 6.5},
    {"bit1_generic", "x86-64-v3", 5.6},
    {"trit2_avx512bw", "skylake-avx512", 8.3},
    {"trit2_i16_generic", "skylake-avx512", 17.2},
    {"sign1_generic", "skylake-avx512", 17.6},
    {"sign1_i16_generic", "skylake-avx512", 34.9},
    {"u8_generic", "skylake-avx512", 10.7},
    {"u8_i8_generic", "skylake-avx512", 5.9},
    {"bit1_generic", "skylake-avx512", 5.5},
    {"trit2_generic", "generic", 30},
    {"trit2_i16_generic", "generic", 75},
    {"sign1_generic", "generic", 100},
    {"sign1_i16_generic", "generic", 210},
    {"u8_generic", "generic", 20.6},
    {"u8_i8_generic", "generic", 18},
    {"bit1_generic", "generic", 17.5},
    {"bit1_i8_generic", "generic", 143},
    {"bit1_i8_generic", "x86-64-v2", 90.5},
    {"bit1_i8_generic", "x86-64-v3", 57.4},
    {"bit1_i8_generic", "skylake-avx512", 44.2},
    {"bit1_i8_vpopcntdq", "znver4", 13.3},
    {"bit1_bit_generic", "generic", 23.8},
    {"bit1_bit_generic", "x86-64-v2", 11.6},
    {"bit1_bit_generic", "x86-64-v3", 7.6},
    {"bit1_bit_generic", "skylake-avx512", 6.0},
    {"bit1_bit_vpopcntdq", "znver4", 2.7},
    {"bit1_ternary_generic", "generic", 19.6},
    {"bit1_ternary_generic", "x86-64-v2", 18.4},
    {"bit1_ternary_generic", "x86-64-v3", 8.3},
    {"bit1_ternary_generic", "skylake-avx512", 7.0},
    {"bit1_ternary_vpopcntdq", "znver4", 2.6},
    {"trit2_bit_generic", "generic", 18.1},
    {"trit2_bit_generic", "x86-64-v2", 11.3},
    {"trit2_bit_generic", "x86-64-v3", 6.8},
    {"trit2_bit_generic", "skylake-avx512", 5.5},
    {"trit2_bit_vpopcntdq", "znver4", 2.5},
    {"trit2_sign_generic", "generic", 26.4},
    {"trit2_sign_generic", "x86-64-v2", 14.4},
    {"trit2_sign_generic", "x86-64-v3", 8.1},
    {"trit2_sign_generic", "skylake-avx512", 5.9},
    {"trit2_sign_vpopcntdq", "znver4", 2.4},
    {"trit2_ternary_generic", "generic", 25.5},
    {"trit2_ternary_generic", "x86-64-v2", 14.6},
    {"trit2_ternary_generic", "x86-64-v3", 7.7},
    {"trit2_ternary_generic", "skylake-avx512", 6.6},
    {"trit2_ternary_vpopcntdq", "znver4", 2.9},
};

std::optional<double> mlir::bitnet::kernelCycles(const Kernel &kernel,
                                                 const Cpu &cpu) {
  if (cpu.arch != "x86_64")
    return std::nullopt;
  std::optional<double> similar;
  for (const Cost &cost : kCosts) {
    if (cost.kernel != kernel.name)
      continue;
    if (cost.cpu == cpu.name)
      return cost.cycles;
    if (lookupCpu(cost.cpu)->vectorBits == cpu.vectorBits)
      similar = cost.cycles;
  }
  return similar;
}
