//===- Explain.h - Why a program is as it is -------------------*- C++ -*-===//
//
// The report of `bitnetc --explain`: what each fusing pass removed; kernel,
// layout and cost of every product; what a token reads.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_EXPLAIN_H
#define BITNETC_COMPILER_EXPLAIN_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "targets/Cpu.h"
#include <memory>
#include <string>

namespace bitnetc {

/// Counts the operations of the dialect before and after each pass and adds a
/// line about the difference to `text`, which must outlive the pass manager.
///
///   fold-norm-into-sign     -2 rms_norm
std::unique_ptr<mlir::PassInstrumentation> countPasses(std::string &text);

/// The beginning of the report. `passes` is what countPasses wrote while the
/// module was fused.
std::string explainFusing(llvm::StringRef name,
                          llvm::ArrayRef<const mlir::bitnet::Cpu *> cpus,
                          llvm::StringRef passes);

/// The report on a module whose kernels are selected.
std::string explainKernels(mlir::ModuleOp module, const mlir::bitnet::Cpu &cpu);

/// A target's kernels where it shares the weights with others, and alone.
struct SharedModule {
  const mlir::bitnet::Cpu *cpu;
  mlir::ModuleOp together, alone;
};

/// What each of the targets pays for one copy of the weights.
std::string explainSharing(llvm::ArrayRef<SharedModule> targets);

} // namespace bitnetc

#endif // BITNETC_COMPILER_EXPLAIN_H
