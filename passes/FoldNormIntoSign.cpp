//===- FoldNormIntoSign.cpp - A sign does not see a positive factor -------===//
//
// A norm multiplies each element by a positive number (its gain times one over
// the root mean square), which no sign sees. Where the gain is known to be
// positive (or absent) and no threshold (bias) is learned, the norm goes. A
// centred one stays: its mean is a threshold. So does one before the
// comparisons with 1/2 of `bit` and `ternary`, and before a sign with a scale
// for each token: these see every factor.
//
// A negative gain cannot move into the weights: sign(0) is 1 on both sides of
// it (-0 >= 0), so a zero would come out as -1, and sums of signs are zero once
// in a few hundred. Nor is anything left to fold of a threshold: n + b >= 0 is
// n >= -b to the bit, but -b costs what the addition does, and taking the norm
// to the other side (x >= -b rms / gain) would round elsewhere. Both stay fused
// with the packing (norm_pack_bits), which is a third of a percent of a token
// of the 1.5B shape.
//
// Equal for every input whose normalised value does not underflow to zero,
// that is for |x| >= 2^-126 times the root mean square.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_FOLDNORMINTOSIGN
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %n = bitnet.rms_norm %x gain @positive
///         %b = bitnet.binarize %n
/// after:  %b = bitnet.binarize %x
struct DropNorm : OpRewritePattern<BinarizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BinarizeOp op,
                                PatternRewriter &rewriter) const override {
    auto norm = op.getInput().getDefiningOp<RMSNormOp>();
    if (!norm || norm.getBias() || norm.getCentred() ||
        op.getBitQuant() != BitQuant::Sign || op.getScale())
      return failure();
    WeightOp gain =
        norm.getGain() ? lookupWeight(norm, *norm.getGain()) : nullptr;
    if (norm.getGain() && (!gain || !gain.getPositive()))
      return failure();
    rewriter.modifyOpInPlace(
        op, [&] { op.getInputMutable().assign(norm.getInput()); });
    if (norm->use_empty())
      rewriter.eraseOp(norm);
    return success();
  }
};

struct FoldNormIntoSignPass
    : bitnet::impl::FoldNormIntoSignBase<FoldNormIntoSignPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropNorm>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
