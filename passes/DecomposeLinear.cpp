//===- DecomposeLinear.cpp - What a linear consists of --------------------===//
//
// Makes the arithmetic of a quantised linear visible, so that the passes that
// follow can merge its parts with their neighbours. Two linears on one input
// get the same quantize operation after common subexpressions are removed.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_DECOMPOSELINEAR
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// before: %y = bitnet.linear %x, @w input int8
/// after:  %q, %s, %sum = bitnet.quantize %x          (int16: two planes; the
///                                                     linear's range of codes)
///         %d = bitnet.dot %q, @w
///         %y = bitnet.dequantize %d scale %s, @w
///         (by_group: %s and %sum for each of the weight's groups)
///
/// before: %y = bitnet.linear %x, @w input ternary            (sign, bit)
/// after:  %b = bitnet.binarize %x as ternary
///         %p, %sum = bitnet.pack %b        (%sum where the product needs it)
///         %d = bitnet.dot %p, @w as ternary
///         %y = bitnet.dequantize %d, @w
///         (token_scale: binarize makes %s, and dequantize takes it)
struct Decompose : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    int64_t k = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1);
    int64_t n = op.getType().getDimSize(1);
    auto tensor = [](ArrayRef<int64_t> shape, Type element) {
      return RankedTensorType::get(shape, element);
    };
    constexpr int64_t dyn = ShapedType::kDynamic;

    WeightOp weight = lookupWeight(op, op.getWeight());
    int64_t groups = weight.getGroups();
    Value input, scale;
    int64_t planes = op.getInputQuant() == InputQuant::Int16 ? 2 : 1;
    std::optional<BitQuant> bitQuant = bitQuantOf(op.getInputQuant());
    if (bitQuant) {
      int64_t bitPlanes = planesOf(*bitQuant);
      auto bits = BinarizeOp::create(
          rewriter, loc, tensor({dyn, bitPlanes, k}, rewriter.getI1Type()),
          op.getTokenScale() ? tensor({dyn}, rewriter.getF32Type()) : Type(),
          op.getInput(), *bitQuant);
      scale = bits.getScale();
      input =
          PackOp::create(
              rewriter, loc,
              tensor({dyn, bitPlanes, (k + 63) / 64}, rewriter.getI64Type()),
              needsOnes(weight.getQuant(), *bitQuant)
                  ? tensor({dyn, bitPlanes * groups}, rewriter.getI32Type())
                  : Type(),
              bits.getResult())
              .getResult();
    } else {
      int64_t parts = op.getByGroup() ? groups : 1;
      SmallVector<int64_t> scales = {dyn};
      if (parts > 1)
        scales.push_back(parts);
      auto quantize = QuantizeOp::create(
          rewriter, loc, tensor({dyn, planes, k}, rewriter.getI8Type()),
          tensor(scales, rewriter.getF32Type()),
          tensor({dyn, planes * parts}, rewriter.getI32Type()), op.getInput(),
          op.getRange());
      input = quantize.getCodes();
      scale = quantize.getScale();
    }
    Value dots = DotOp::create(
        rewriter, loc, tensor({dyn, planes * groups, n}, rewriter.getI32Type()),
        input, op.getWeight(), bitQuant.value_or(BitQuant::Sign));
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op.getType(), dots, scale,
                                              op.getWeight());
    return success();
  }
};

struct DecomposeLinearPass
    : bitnet::impl::DecomposeLinearBase<DecomposeLinearPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Decompose>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
