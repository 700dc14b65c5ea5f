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

/// The report on a module whose kernels are selected. `passes` is what
/// countPasses wrote while it was fused.
std::string explain(mlir::ModuleOp module, const mlir::bitnet::Cpu &cpu,
                    llvm::StringRef name, llvm::StringRef passes);

} // namespace bitnetc

#endif // BITNETC_COMPILER_EXPLAIN_H
