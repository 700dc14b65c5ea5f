//===- PackEpilogue.cpp - Bits of a product instead of its floats ---------===//
//
// Where the next product wants comparisons of this one's rows, they are made in
// registers: 16 rows are 16 lanes, whose comparison is half a word of a plane.
// The floats are stored only if somebody else reads them (the residual stream).
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_PACKEPILOGUE
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %f = bitnet.matmul %x …, [@gate, @up] glu silu
///         %p = bitnet.pack_bits %f
/// after:  %p = bitnet.matmul %x …, [@gate, @up] glu silu packs sign
///
/// before: %h = bitnet.matmul %x …, [@o] residual %r
///         %p = bitnet.pack_bits %h        (%h has other readers)
/// after:  %h, %p = bitnet.matmul %x …, [@o] residual %r packs sign
///
/// Not with a scale or sums: these are of whole rows, which nobody has at hand.
/// Not of several products at once, nor of int8 weights, whose rows are no
/// lanes.
struct PackProduct : OpRewritePattern<PackBitsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PackBitsOp op,
                                PatternRewriter &rewriter) const override {
    auto matmul = op.getInput().getDefiningOp<MatmulOp>();
    if (!matmul || op.getScale() || op.getSum() || matmul.getPacks() ||
        matmul.getSketch() || matmul.getNumProducts() != 1)
      return failure();
    WeightOp weight =
        lookupWeight(matmul, cast<SymbolRefAttr>(matmul.getWeights()[0]));
    if (!weight || weight.getQuant() == WeightQuant::Int8)
      return failure();
    SmallVector<Type, 2> types;
    if (!op.getInput().hasOneUse())
      types.push_back(op.getInput().getType());
    types.push_back(op.getType(0));
    rewriter.setInsertionPoint(matmul);
    auto packing = MatmulOp::create(
        rewriter, matmul.getLoc(), types, matmul.getInput(), matmul.getScale(),
        matmul.getSum(), matmul.getResidual(), matmul.getWeightsAttr(),
        matmul.getBitQuantAttr(), matmul.getGluAttr(), op.getBitQuantAttr());
    rewriter.replaceOp(op, packing.getBits());
    if (packing.getRows())
      rewriter.replaceAllUsesWith(matmul.getResult(0), packing.getRows());
    rewriter.eraseOp(matmul);
    return success();
  }
};

struct PackEpiloguePass : bitnet::impl::PackEpilogueBase<PackEpiloguePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PackProduct>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
