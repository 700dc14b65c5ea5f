//===- Jit.h - Runs a function of MLIR text for a CPU row ------*- C++ -*-===//
//
// Takes text down the way the compiler goes (micro-ops, upstream conversions,
// translation and optimisation for the row) and then into this process.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TEST_TARGETS_JIT_H
#define BITNET_TEST_TARGETS_JIT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "targets/Cpu.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

namespace mlir::bitnet {

/// `text` in the LLVM dialect. With `generic`, only the generic micro-ops are
/// used, as on a CPU without patterns of its own.
OwningOpRef<ModuleOp> lower(MLIRContext &context, llvm::StringRef text,
                            const Cpu &cpu, bool generic);

/// Whether this machine has all features of the row.
bool hostRuns(const Cpu &cpu);

class Jit {
public:
  Jit(ModuleOp module, const Cpu &cpu);
  template <typename F> F *get(llvm::StringRef name) {
    return llvm::cantFail(jit->lookup(name)).toPtr<F *>();
  }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace mlir::bitnet

#endif // BITNET_TEST_TARGETS_JIT_H
