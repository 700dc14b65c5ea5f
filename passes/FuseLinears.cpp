//===- FuseLinears.cpp - One pass over an input for several weights -------===//
//
// q, k and v (and gate and up) read the same quantised row. As one matmul they
// share its loads, have one set of slices to hand to threads, and need no
// barrier between them.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_FUSELINEARS
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %q = bitnet.matmul %x …, [@q]
///         %k = bitnet.matmul %x …, [@k]
///         %v = bitnet.matmul %x …, [@v]
/// after:  %q, %k, %v = bitnet.matmul %x …, [@q, @k, @v]
///
/// Only matmuls of one block and one weight kind; not those with an epilogue
/// of their own (a residual or a gate is tied to one result).
static void fuseBlock(Block &block) {
  llvm::MapVector<std::pair<Value, WeightQuant>, SmallVector<MatmulOp>> groups;
  for (auto op : block.getOps<MatmulOp>()) {
    if (op.getResidual() || op.getGlu())
      continue;
    auto first = cast<SymbolRefAttr>(op.getWeights()[0]);
    WeightQuant kind = lookupWeight(op, first).getQuant();
    groups[{op.getInput(), kind}].push_back(op);
  }
  for (auto &[key, ops] : groups) {
    if (ops.size() < 2)
      continue;
    MatmulOp first = ops.front();
    OpBuilder builder(first);
    SmallVector<Attribute> weights;
    SmallVector<Type> types;
    for (MatmulOp op : ops) {
      llvm::append_range(weights, op.getWeights());
      llvm::append_range(types, op.getResultTypes());
    }
    auto fused = MatmulOp::create(
        builder, first.getLoc(), types, first.getInput(), first.getScale(),
        first.getSum(), Value(), builder.getArrayAttr(weights),
        first.getBitQuantAttr());
    unsigned next = 0;
    for (MatmulOp op : ops) {
      for (Value result : op.getResults())
        result.replaceAllUsesWith(fused.getResult(next++));
      op.erase();
    }
  }
}

struct FuseLinearsPass : bitnet::impl::FuseLinearsBase<FuseLinearsPass> {
  void runOnOperation() override {
    getOperation().walk([](func::FuncOp function) {
      for (Block &block : function.getBody())
        fuseBlock(block);
    });
  }
};
} // namespace
