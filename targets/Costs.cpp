//===- Costs.cpp - What products cost on a CPU ----------------------------===//

#include "targets/Costs.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir::bitnet;

// kernels_bench --benchmark_filter=tokens:1/hot on Zen 4 at 3.7 GHz, of which
// 64 * 3.7e9 / (bytes/s) are cycles.
namespace {
struct Cost {
  llvm::StringLiteral kernel;
  unsigned vectorBits;
  double cycles;
};
} // namespace
static constexpr Cost kCosts[] = {
    {"trit5_vbmi", 512, 8.0},        {"trit2_vnni", 512, 4.9},
    {"trit2_i16_vnni", 512, 8.4},    {"sign1_vnni", 512, 9.5},
    {"sign1_i16_vnni", 512, 16.5},   {"u8_vnni", 512, 3.9},
    {"u8_i8_vnni", 512, 3.9},        {"bit1_vpopcntdq", 512, 2.3},
    {"trit2_generic", 256, 17},      {"trit2_i16_generic", 256, 20},
    {"sign1_generic", 256, 21},      {"sign1_i16_generic", 256, 41},
    {"u8_generic", 256, 10.7},       {"u8_i8_generic", 256, 6.6},
    {"bit1_generic", 256, 5.6},      {"trit2_generic", 128, 30},
    {"trit2_i16_generic", 128, 75},  {"sign1_generic", 128, 100},
    {"sign1_i16_generic", 128, 210}, {"u8_generic", 128, 20.6},
    {"u8_i8_generic", 128, 18},      {"bit1_generic", 128, 17.5},
};

std::optional<double> mlir::bitnet::kernelCycles(const Kernel &kernel,
                                                 const Cpu &cpu) {
  for (const Cost &cost : kCosts)
    if (cost.kernel == kernel.name && cost.vectorBits == cpu.vectorBits)
      return cost.cycles;
  return std::nullopt;
}
