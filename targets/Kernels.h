//===- Kernels.h - Which kernel a matmul gets ------------------*- C++ -*-===//
//
// A kernel is a way to multiply: the layout of the weight in memory and the
// number of tokens that share one pass over it. The table is ordered; the first
// row that fits the quantisers and whose features the CPU has is taken.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_KERNELS_H
#define BITNET_TARGETS_KERNELS_H

#include "dialect/Dialect.h"
#include "targets/Cpu.h"

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace mlir::bitnet {

struct Kernel {
  llvm::StringRef name; ///< As in the attribute of bitnet.matmul.
  WeightQuant weight;
  InputQuant input;
  llvm::ArrayRef<llvm::StringLiteral> features; ///< That the CPU must have.
  Layout layout;
  bool scaleGroups;  ///< Takes weights with a scale for groups of columns.
  int64_t tokenTile; ///< Tokens whose sums are kept in registers at a time.
  llvm::StringRef description;
};

llvm::ArrayRef<Kernel> allKernels();

/// The row called `name`, or null. Names are unique.
const Kernel *lookupKernel(llvm::StringRef name);

/// The first row that fits, or null if no kernel multiplies these two. Rows of
/// layout `preferred` come before the others.
const Kernel *selectKernel(const Cpu &cpu, WeightQuant weight, InputQuant input,
                           bool scaleGroups = false,
                           std::optional<Layout> preferred = std::nullopt);

/// The layout that all of `cpus` have a kernel for and that costs them least: a
/// CPU counts the rows of `kernels` that it would have taken before. Layout
/// `preferred` comes before the others. Nothing if they have none in common.
std::optional<Layout>
sharedLayout(ArrayRef<Kernel> kernels, ArrayRef<const Cpu *> cpus,
             WeightQuant weight, InputQuant input, bool scaleGroups = false,
             std::optional<Layout> preferred = std::nullopt);

/// The CPUs and the kernel that each takes for each pair of quantisers.
void printTargets(llvm::raw_ostream &os);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_KERNELS_H
