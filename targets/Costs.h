//===- Costs.h - What products cost on a CPU -------------------*- C++ -*-===//
//
// Measured figures that tell what bounds a product: reading its weights from
// memory or executing its instructions. Only reports use them; kernels are
// chosen by the order of the kernel table.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_COSTS_H
#define BITNET_TARGETS_COSTS_H

#include "targets/Kernels.h"

namespace mlir::bitnet {

/// Cycles in which one core reads 64 bytes from memory, if it does nothing
/// else: 28 GB/s at 3.7 GHz.
constexpr double kMemoryCycles = 64 / (28 / 3.7);

/// Cycles that `kernel` takes for 64 bytes of weights in the cache and one
/// token, in the code for `cpu` or another with vectors of that size; nothing
/// if it was not measured.
std::optional<double> kernelCycles(const Kernel &kernel, const Cpu &cpu);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_COSTS_H
