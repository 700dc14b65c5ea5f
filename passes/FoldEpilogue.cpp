//===- FoldEpilogue.cpp - Scales and residuals into the matmul ------------===//
//
// The integer dots of a matmul never reach memory: they are scaled, and added
// to the residual stream, in registers.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_FOLDEPILOGUE
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// The plane sums that belong to `input`, by the operation that made it; null
/// if there are none. Fails where that is unknown.
static FailureOr<Value> sumOf(Value input) {
  Operation *producer = input.getDefiningOp();
  if (!producer)
    return failure();
  return TypeSwitch<Operation *, FailureOr<Value>>(producer)
      .Case<QuantizeOp, NormQuantizeOp, PackOp, PackBitsOp, NormPackBitsOp>(
          [](auto op) { return Value(op.getSum()); })
      .Default([](Operation *) { return failure(); });
}

/// Whether a product with `dot`'s input needs its sums.
static bool needsSum(DotOp dot) {
  return !isPacked(dot.getInput().getType()) ||
         needsOnes(lookupWeight(dot, dot.getWeight()).getQuant(),
                   dot.getBitQuant());
}

/// before: %d = bitnet.dot %q, @w
///         %y = bitnet.dequantize %d scale %s, @w
/// after:  %y = bitnet.matmul %q scale %s sum %sum, [@w]
///
/// Not when the dots have another reader, or sums are needed and the input
/// comes from an unknown place.
struct FoldScale : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto dot = op.getInput().getDefiningOp<DotOp>();
    if (!dot || !dot->hasOneUse() || dot.getWeight() != op.getWeight())
      return failure();
    FailureOr<Value> sum =
        needsSum(dot) ? sumOf(dot.getInput()) : FailureOr<Value>(Value());
    if (failed(sum) || (needsSum(dot) && !*sum))
      return failure();
    rewriter.replaceOpWithNewOp<MatmulOp>(
        op, TypeRange{op.getType()}, dot.getInput(), op.getScale(), *sum,
        /*residual=*/Value(), rewriter.getArrayAttr({op.getWeightAttr()}),
        dot.getBitQuantAttr());
    rewriter.eraseOp(dot);
    return success();
  }
};

/// before: %y = bitnet.matmul %q …, [@w]
///         %h = bitnet.add %x, %y          (either order)
/// after:  %h = bitnet.matmul %q …, [@w] residual %x
///
/// Not when the product has another reader, an epilogue or several weights.
struct FoldResidual : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AddOp op,
                                PatternRewriter &rewriter) const override {
    for (auto [product, residual] :
         {std::pair{op.getRhs(), op.getLhs()}, {op.getLhs(), op.getRhs()}}) {
      auto matmul = product.getDefiningOp<MatmulOp>();
      if (!matmul || !product.hasOneUse() || matmul.getResidual() ||
          matmul.getGlu() || matmul.getWeights().size() != 1)
        continue;
      rewriter.replaceOpWithNewOp<MatmulOp>(
          op, TypeRange{op.getType()}, matmul.getInput(), matmul.getScale(),
          matmul.getSum(), residual, matmul.getWeightsAttr(),
          matmul.getBitQuantAttr());
      rewriter.eraseOp(matmul);
      return success();
    }
    return failure();
  }
};

struct FoldEpiloguePass : bitnet::impl::FoldEpilogueBase<FoldEpiloguePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldScale, FoldResidual>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
