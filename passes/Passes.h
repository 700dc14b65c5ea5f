//===- Passes.h - All passes -----------------------------------*- C++ -*-===//
//
// Declarations generated from Passes.td. The order they run in is in
// Pipeline.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_PASSES_H
#define BITNET_PASSES_PASSES_H

#include "dialect/Dialect.h"
#include "mlir/Pass/Pass.h"

namespace mlir::arith {
class ArithDialect;
}
namespace mlir::func {
class FuncDialect;
}
namespace mlir::LLVM {
class LLVMDialect;
}
namespace mlir::math {
class MathDialect;
}
namespace mlir::memref {
class MemRefDialect;
}
namespace mlir::scf {
class SCFDialect;
}
namespace mlir::vector {
class VectorDialect;
}

namespace mlir::bitnet {
#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
/// Registers every pass and the pipelines of Pipeline.h by name, for
/// bitnet-opt.
void registerPasses();
} // namespace mlir::bitnet

#endif // BITNET_PASSES_PASSES_H
