//===- FoldGate.cpp - The gate of a feed-forward network in registers -----===//
//
// The rows of gate and up that belong together are computed by one thread, so
// act(gate) * up can be formed before either is stored.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_FOLDGATE
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %g, %u = bitnet.matmul %x …, [@gate, @up]
///         %a = bitnet.activation silu %g
///         %f = bitnet.mul %a, %u          (either order)
/// after:  %f = bitnet.matmul %x …, [@gate, @up] glu silu
///
/// Not when any of the values between has another reader. The weights are put
/// in the order gate, up.
struct FoldGatePattern : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp op,
                                PatternRewriter &rewriter) const override {
    for (auto [activated, up] :
         {std::pair{op.getLhs(), op.getRhs()}, {op.getRhs(), op.getLhs()}}) {
      auto activation = activated.getDefiningOp<ActivationOp>();
      if (!activation || !activation->hasOneUse() || !up.hasOneUse())
        continue;
      Value gate = activation.getInput();
      auto matmul = gate.getDefiningOp<MatmulOp>();
      if (!matmul || !gate.hasOneUse() || gate == up ||
          up.getDefiningOp() != matmul.getOperation() ||
          matmul.getWeights().size() != 2 || matmul.getGlu())
        continue;
      unsigned g = cast<OpResult>(gate).getResultNumber();
      Attribute weights[] = {matmul.getWeights()[g],
                             matmul.getWeights()[1 - g]};
      rewriter.replaceOpWithNewOp<MatmulOp>(
          op, TypeRange{op.getType()}, matmul.getInput(), matmul.getScale(),
          matmul.getSum(), Value(), rewriter.getArrayAttr(weights),
          matmul.getBitQuantAttr(), activation.getKindAttr());
      rewriter.eraseOp(activation);
      rewriter.eraseOp(matmul);
      return success();
    }
    return failure();
  }
};

struct FoldGatePass : bitnet::impl::FoldGateBase<FoldGatePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldGatePattern>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
