//===- MicroOps.h - Lowering of the micro-ops ------------------*- C++ -*-===//
//
// The few operations that every instruction set does its own way become
// upstream operations here. One file per instruction set; the generic patterns
// use plain vector arithmetic, fit every CPU and have the lowest benefit, so a
// new instruction set may start with no pattern at all.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_MICROOPS_H
#define BITNET_TARGETS_MICROOPS_H

#include "mlir/IR/PatternMatch.h"
#include "targets/Cpu.h"

namespace mlir {
class DialectRegistry;
}

namespace mlir::bitnet {

/// Patterns for bitnet.dot_u8i8, mma_u8i8, unpack_trit5, lookup, flip_signs,
/// extend_f16 and truncate_f16: those of the CPU's instruction set before the
/// generic ones.
void populateMicroOpPatterns(const Cpu &cpu, RewritePatternSet &patterns);

/// How many bitnet.dot_u8i8, each of which adds to the one before it, the CPU's
/// pattern takes together for less than one after the other; 1 if it does not.
int64_t dotChain(const Cpu &cpu, bool severalTokens);

/// Whether the CPU shifts vectors of bytes by one instruction: it takes the
/// highest field of a byte down as easily as it masks it.
bool shiftsBytes(const Cpu &cpu);

/// The dialects that the patterns may produce.
void registerMicroOpDialects(DialectRegistry &registry);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_MICROOPS_H
