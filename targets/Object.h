//===- Object.h - From LLVM dialect to object code -------------*- C++ -*-===//
//
// The last step: a module in the LLVM dialect becomes LLVM IR, assembly or an
// object for one row of the CPU table.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_OBJECT_H
#define BITNET_TARGETS_OBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "targets/Cpu.h"
#include "llvm/Support/Error.h"

namespace llvm {
class LLVMContext;
class Module;
class raw_pwrite_stream;
} // namespace llvm

namespace mlir::bitnet {

enum class EmitKind { LLVMIR, Assembly, Object };

/// LLVM attribute of the function that programs call.
constexpr llvm::StringLiteral kEntryAttribute = "bitnet-entry";

/// A module and the row that it is for.
struct TargetModule {
  ModuleOp module;
  const Cpu *cpu;
};

/// Translates, optimises and writes `modules` as one file. Floating point is
/// never contracted nor reassociated, and nothing outside of cpu.features is
/// used. Several, of one architecture, may name what another one defines; only
/// what the first defines is visible outside. `triple` is that of the row where
/// it is empty.
llvm::Error emitObject(ArrayRef<TargetModule> modules, EmitKind kind,
                       llvm::raw_pwrite_stream &out,
                       llvm::StringRef triple = "");

/// The optimised LLVM IR alone, for a JIT.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateForCpu(ModuleOp module, const Cpu &cpu, llvm::LLVMContext &context);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_OBJECT_H
