//===- FoldNormIntoSign.cpp - A sign does not see a positive factor -------===//
//
// A norm multiplies each element by a positive number (its gain times one over
// the root mean square), which no sign sees. Where the gain is known to be
// positive (or absent) and no threshold (bias) is learned, the norm goes. Of
// one whose gain has negative elements the root mean square goes, and x * gain
// is compared. A centred one stays: its mean is a threshold. So does one before
// the comparisons with 1/2 of `bit` and `ternary`, and before a sign with a
// scale for each token: these see every factor.
//
// A negative gain's sign stays in the comparison. In the weights it would be
// wrong, not only slower: sign(0) is 1 on both sides of it (-0 >= 0), so a zero
// would come out as -1, and sums of signs are zero once in a few hundred.
//
// Equal for every row whose sum of squares is finite and whose normalised
// values do not underflow to zero, that is for |x| >= 2^-126 times the root
// mean square, and, with such a gain, for |x * gain| >= 2^-149. Without eps a
// row of zeros would be NaN, which no sign of it tells, so such a norm stays
// whole.
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

bool hasPositiveGain(RMSNormOp norm) {
  WeightOp gain = lookupWeight(norm, *norm.getGain());
  return gain && gain.getPositive();
}

/// Whether all that the norm does is to multiply columns.
bool isFactor(RMSNormOp norm) {
  return !norm.getBias() && !norm.getCentred() && !norm.getEps().isZero();
}

bool isPlainSign(Operation *op) {
  auto binarize = dyn_cast<BinarizeOp>(op);
  return binarize && binarize.getBitQuant() == BitQuant::Sign &&
         !binarize.getScale();
}

/// before: %n = bitnet.rms_norm %x gain @positive
///         %b = bitnet.binarize %n
/// after:  %b = bitnet.binarize %x
struct DropNorm : OpRewritePattern<BinarizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BinarizeOp op,
                                PatternRewriter &rewriter) const override {
    auto norm = op.getInput().getDefiningOp<RMSNormOp>();
    if (!norm || !isFactor(norm) || !isPlainSign(op))
      return failure();
    if (norm.getGain() && !hasPositiveGain(norm))
      return failure();
    rewriter.modifyOpInPlace(
        op, [&] { op.getInputMutable().assign(norm.getInput()); });
    if (norm->use_empty())
      rewriter.eraseOp(norm);
    return success();
  }
};

/// before: %n = bitnet.rms_norm %x gain @mixed
///         %b = bitnet.binarize %n
/// after:  %n = bitnet.rms_norm %x unscaled gain @mixed
///         %b = bitnet.binarize %n
///
/// Not when others read the norm too: they want it whole, and it is there.
struct DropFactor : OpRewritePattern<RMSNormOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RMSNormOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getUnscaled() || !isFactor(op) || !op.getGain() ||
        hasPositiveGain(op) || op->use_empty() ||
        !llvm::all_of(op->getUsers(), isPlainSign))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.setUnscaled(true); });
    return success();
  }
};

struct FoldNormIntoSignPass
    : bitnet::impl::FoldNormIntoSignBase<FoldNormIntoSignPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropNorm, DropFactor>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
