//===- PackBits.cpp - Compare and pack in one step ------------------------===//
//
// Bits never exist as bytes: the comparison's mask is the packed word. A norm
// whose threshold or gain keeps it alive is computed in the same loop.
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

/// Of a result that may not be there.
static Type typeOf(Value value) { return value ? value.getType() : Type(); }

namespace {

/// before: %b = bitnet.binarize %x
///         %p = bitnet.pack %b
/// after:  %p = bitnet.pack_bits %x
/// (with the scale of %b and the sum of %p, if there are these)
///
/// Not when the scale is there and the bits have another reader: there would be
/// two of it.
struct BinarizePack : OpRewritePattern<PackOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PackOp op,
                                PatternRewriter &rewriter) const override {
    auto binarize = op.getInput().getDefiningOp<BinarizeOp>();
    if (!binarize || (binarize.getScale() && !op.getInput().hasOneUse()))
      return failure();
    // Here, because readers of the scale may stand before the pack.
    rewriter.setInsertionPoint(binarize);
    auto packed =
        PackBitsOp::create(rewriter, op.getLoc(), op.getResult().getType(),
                           typeOf(binarize.getScale()), typeOf(op.getSum()),
                           binarize.getInput(), binarize.getBitQuant());
    rewriter.replaceAllUsesWith(op.getResult(), packed.getResult());
    if (op.getSum())
      rewriter.replaceAllUsesWith(op.getSum(), packed.getSum());
    rewriter.eraseOp(op);
    if (binarize.getScale())
      rewriter.replaceAllUsesWith(binarize.getScale(), packed.getScale());
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
        op, op.getResult().getType(), typeOf(op.getScale()),
        typeOf(op.getSum()), norm.getInput(), norm.getUnscaledAttr(),
        norm.getCentredAttr(), norm.getGainAttr(), norm.getBiasAttr(),
        norm.getEpsAttr(), op.getBitQuantAttr());
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
