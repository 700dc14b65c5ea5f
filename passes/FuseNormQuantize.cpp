//===- FuseNormQuantize.cpp - Quantise a norm while it is computed --------===//
//
// The normalised row is never stored: the fused kernel reads x three times from
// the first-level cache (sum of squares, maximum, codes) and writes bytes.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_FUSENORMQUANTIZE
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %n = bitnet.rms_norm %x gain @g bias @b eps e
///         %q, %s, %sum = bitnet.quantize %n
/// after:  %q, %s, %sum = bitnet.norm_quantize %x gain @g bias @b eps e
///
/// Not when the norm has another reader: it would be computed twice. Nor
/// without its factor, which norm_quantize has.
struct FuseNorm : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto norm = op.getInput().getDefiningOp<RMSNormOp>();
    if (!norm || !norm->hasOneUse() || norm.getUnscaled())
      return failure();
    rewriter.replaceOpWithNewOp<NormQuantizeOp>(
        op, op->getResultTypes(), norm.getInput(), norm.getCentredAttr(),
        norm.getGainAttr(), norm.getBiasAttr(), norm.getEpsAttr(),
        op.getRangeAttr());
    rewriter.eraseOp(norm);
    return success();
  }
};

struct FuseNormQuantizePass
    : bitnet::impl::FuseNormQuantizeBase<FuseNormQuantizePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseNorm>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
