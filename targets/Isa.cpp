//===- Isa.cpp - Instruction sets -----------------------------------------===//

#include "targets/Isa.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace mlir::bitnet;

static void initializeX86() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeX86AsmParser();
}

static void initializeAArch64() {
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  LLVMInitializeAArch64AsmParser();
}

static constexpr Isa kIsas[] = {
    {"x86_64", populateX86MicroOps, initializeX86},
    {"aarch64", populateAArch64MicroOps, initializeAArch64},
};

const Isa &mlir::bitnet::getIsa(const Cpu &cpu) {
  for (const Isa &isa : kIsas)
    if (isa.arch == cpu.arch)
      return isa;
  llvm_unreachable("a CPU of the table without an instruction set");
}

void mlir::bitnet::populateMicroOpPatterns(const Cpu &cpu,
                                           RewritePatternSet &patterns) {
  getIsa(cpu).populateMicroOps(cpu, patterns);
  populateGenericMicroOps(patterns);
}

void mlir::bitnet::registerMicroOpDialects(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, vector::VectorDialect, LLVM::LLVMDialect>();
}
