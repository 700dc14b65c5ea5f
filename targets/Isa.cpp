//===- Isa.cpp - Instruction sets -----------------------------------------===//

#include "targets/Isa.h"

#include "dialect/Dialect.h"
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

static void initializeRISCV() {
  LLVMInitializeRISCVTargetInfo();
  LLVMInitializeRISCVTarget();
  LLVMInitializeRISCVTargetMC();
  LLVMInitializeRISCVAsmPrinter();
  LLVMInitializeRISCVAsmParser();
}

static constexpr Isa kIsas[] = {
    {"x86_64",
     populateX86MicroOps,
     initializeX86,
     {"movl $$64, %eax\n\tmovq %rsp, %rcx\n1:\n\tsubq $$4096, %rcx\n\t"
      "testl %eax, (%rcx)\n\tdecl %eax\n\tjne 1b",
      "~{rax},~{rcx},~{memory},~{dirflag},~{fpsr},~{flags}"},
     "",
     dotChainOfX86},
    {"aarch64",
     populateAArch64MicroOps,
     initializeAArch64,
     {"mov w8, #64\n\tmov x9, sp\n1:\n\tsub x9, x9, #1, lsl #12\n\t"
      "ldrb wzr, [x9]\n\tsubs w8, w8, #1\n\tb.ne 1b",
      "~{x8},~{x9},~{memory},~{cc}"},
     "",
     dotChainOfAArch64,
     /*shiftsBytes=*/true},
    {"riscv64", populateRiscV64MicroOps, initializeRISCV, {}, "lp64d"},
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

int64_t mlir::bitnet::dotChain(const Cpu &cpu, bool severalTokens) {
  const Isa &isa = getIsa(cpu);
  return isa.dotChain ? isa.dotChain(cpu, severalTokens) : 1;
}

bool mlir::bitnet::shiftsBytes(const Cpu &cpu) {
  return getIsa(cpu).shiftsBytes;
}

void mlir::bitnet::registerMicroOpDialects(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, vector::VectorDialect, LLVM::LLVMDialect>();
}

//===----------------------------------------------------------------------===//
// What the files of several instruction sets share
//===----------------------------------------------------------------------===//

void mlir::bitnet::populateMicroOpRows(const Cpu &cpu,
                                       llvm::ArrayRef<MicroOpRow> rows,
                                       RewritePatternSet &patterns) {
  for (auto [i, row] : llvm::enumerate(rows))
    if (cpu.hasFeature(row.feature))
      row.add(patterns, PatternBenefit(kIsaBenefit + i));
}

namespace {
struct ExtendF16 : OpRewritePattern<ExtendF16Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ExtendF16Op op,
                                PatternRewriter &rewriter) const override {
    auto f16 = VectorType::get({16}, rewriter.getF16Type());
    Value half =
        arith::BitcastOp::create(rewriter, op.getLoc(), f16, op.getInput());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), half);
    return success();
  }
};
} // namespace

void mlir::bitnet::addExtendF16(RewritePatternSet &patterns,
                                PatternBenefit benefit) {
  addMicroOps<ExtendF16>(patterns, benefit);
}
