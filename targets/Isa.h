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

/// Inline assembly, as LLVM takes it.
struct AsmText {
  const char *text, *clobbers;
};

struct Isa {
  llvm::StringRef arch; ///< As in Cpu::arch.
  void (*populateMicroOps)(const Cpu &, RewritePatternSet &);
  void (*initializeBackend)();
  /// Touches 64 pages of 4 KiB below the stack pointer, one after the other.
  AsmText probeStack;
  /// LLVM's name of the C convention, where an architecture has several.
  llvm::StringLiteral abi = "";
  /// As dotChain; null: 1.
  int64_t (*dotChain)(const Cpu &, bool severalTokens) = nullptr;
  bool shiftsBytes = false;
};

/// The row of cpu.arch. Every CPU of the table has one.
const Isa &getIsa(const Cpu &cpu);

/// Benefits: the patterns of an instruction set go before the generic ones.
constexpr unsigned kGenericBenefit = 1;
constexpr unsigned kIsaBenefit = 2;

/// Patterns that need a feature. Of two that fit the later one is taken.
struct MicroOpRow {
  llvm::StringLiteral feature;
  void (*add)(RewritePatternSet &, PatternBenefit);
};
template <typename... Patterns>
void addMicroOps(RewritePatternSet &patterns, PatternBenefit benefit) {
  patterns.add<Patterns...>(patterns.getContext(), benefit);
}
/// Adds the rows whose feature `cpu` has.
void populateMicroOpRows(const Cpu &cpu, llvm::ArrayRef<MicroOpRow> rows,
                         RewritePatternSet &patterns);
/// extend_f16 as arith.extf, for which LLVM has an instruction or two on CPUs
/// that convert halves.
void addExtendF16(RewritePatternSet &patterns, PatternBenefit benefit);

/// flip_signs as a selection, where there are masks.
void addFlipSigns(RewritePatternSet &patterns, PatternBenefit benefit);

void populateGenericMicroOps(RewritePatternSet &patterns);
void populateX86MicroOps(const Cpu &cpu, RewritePatternSet &patterns);
void populateAArch64MicroOps(const Cpu &cpu, RewritePatternSet &patterns);
int64_t dotChainOfAArch64(const Cpu &cpu, bool severalTokens);
int64_t dotChainOfX86(const Cpu &cpu, bool severalTokens);
void populateRiscV64MicroOps(const Cpu &cpu, RewritePatternSet &patterns);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_ISA_H
