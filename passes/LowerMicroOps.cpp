//===- LowerMicroOps.cpp - Micro-ops for one instruction set --------------===//
//
// The patterns are the target's (targets/MicroOps.h); this pass runs them.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "targets/MicroOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_LOWERMICROOPS
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {
struct LowerMicroOpsPass : bitnet::impl::LowerMicroOpsBase<LowerMicroOpsPass> {
  using LowerMicroOpsBase::LowerMicroOpsBase;

  void runOnOperation() override {
    const Cpu *cpu = lookupCpu(target);
    if (!cpu) {
      getOperation().emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    populateMicroOpPatterns(*cpu, patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
