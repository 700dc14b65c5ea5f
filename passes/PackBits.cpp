//===- PackBits.cpp - Compare and pack in one step ------------------------===//
//
// Bits never exist as bytes: the comparison's mask is the packed word. A norm
// whose threshold keeps it alive is computed in the same loop.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_PACKBITS
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %b = bitnet.binarize %x
///         %p = bitnet.pack %b
/// after:  %p = bitnet.pack_bits %x
struct BinarizePack : OpRewritePattern<PackOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PackOp op,
                                PatternRewriter &rewriter) const override {
    auto binarize = op.getInput().getDefiningOp<BinarizeOp>();
    if (!binarize)
      return failure();
    rewriter.replaceOpWithNewOp<PackBitsOp>(op, op->getResultTypes(),
                                            binarize.getInput(),
                                            binarize.getBitQuantAttr());
    if (binarize->use_empty())
      rewriter.eraseOp(binarize);
    return success();
  }
};

/// before: %n = bitnet.rms_norm %x gain @g bias @b eps e
///         %p = bitnet.pack_bits %n
/// after:  %p = bitnet.norm_pack_bits %x gain @g bias @b eps e
///
/// Not when the norm has another reader: it would be computed twice.
struct NormPackBits : OpRewritePattern<PackBitsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PackBitsOp op,
                                PatternRewriter &rewriter) const override {
    auto norm = op.getInput().getDefiningOp<RMSNormOp>();
    if (!norm || !norm->hasOneUse())
      return failure();
    rewriter.replaceOpWithNewOp<NormPackBitsOp>(
        op, op->getResultTypes(), norm.getInput(), norm.getCentredAttr(),
        norm.getGainAttr(), norm.getBiasAttr(), norm.getEpsAttr(),
        op.getBitQuantAttr());
    rewriter.eraseOp(norm);
    return success();
  }
};

struct PackBitsPass : bitnet::impl::PackBitsBase<PackBitsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<BinarizePack, NormPackBits>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
