//===- Object.h - From LLVM dialect to object code -------------*- C++ -*-===//
//
// The last step: a module in the LLVM dialect becomes LLVM IR, assembly or an
// ELF object for one row of the CPU table.
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

/// Translates, optimises and writes `module`. Floating point is never
/// contracted nor reassociated, and nothing outside cpu.features is used.
llvm::Error emitObject(ModuleOp module, const Cpu &cpu, EmitKind kind,
                       llvm::raw_pwrite_stream &out);

/// The optimised LLVM IR alone, for a JIT.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateForCpu(ModuleOp module, const Cpu &cpu, llvm::LLVMContext &context);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_OBJECT_H
