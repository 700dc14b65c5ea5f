//===- Isa.h - Instruction sets --------------------------------*- C++ -*-===//
//
// What an instruction set brings along: patterns for the micro-ops that it does
// better than the generic ones, and its LLVM back end. Private to targets/.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_ISA_H
#define BITNET_TARGETS_ISA_H

#include "targets/MicroOps.h"

namespace mlir::bitnet {

struct Isa {
  llvm::StringRef arch; ///< As in Cpu::arch.
  void (*populateMicroOps)(const Cpu &, RewritePatternSet &);
  void (*initializeBackend)();
};

/// The row of cpu.arch. Every CPU of the table has one.
const Isa &getIsa(const Cpu &cpu);

/// Benefits: the patterns of an instruction set go before the generic ones.
constexpr unsigned kGenericBenefit = 1;
constexpr unsigned kIsaBenefit = 2;

void populateGenericMicroOps(RewritePatternSet &patterns);
void populateX86MicroOps(const Cpu &cpu, RewritePatternSet &patterns);
void populateAArch64MicroOps(const Cpu &cpu, RewritePatternSet &patterns);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_ISA_H
