//===- ScreenHead.cpp - A sketch beside the head --------------------------===//
//
// Whoever samples from the best k tokens needs no other logits, and a coarse
// copy of the head, a quarter of its bytes, tells which rows cannot be among
// them (lower/HeadScreen.cpp). The logits that are computed are the same.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_SCREENHEAD
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

/// A head that stays in the second-level cache, or of so few rows that many of
/// them are candidates, is as quick without.
static bool pays(WeightOp head) {
  return head.getRows() >= (1 << 14) &&
         head.getRows() * head.getCols() >= (int64_t(1) << 23);
}

/// The matmul that makes the logits of `step`, if its weight is int8 rows and
/// its input has two planes.
static MatmulOp findHead(func::FuncOp step) {
  auto logits = step.getBody().front().getTerminator()->getOperands();
  auto head =
      logits.size() == 1 ? logits[0].getDefiningOp<MatmulOp>() : MatmulOp();
  if (!head || head.getWeights().size() != 1 || head.getResidual() ||
      head.getSketch())
    return {};
  WeightOp weight =
      lookupWeight(head, cast<SymbolRefAttr>(head.getWeights()[0]));
  auto input = cast<RankedTensorType>(head.getInput().getType());
  bool planes = input.getRank() == 3 && input.getDimSize(1) == 2;
  return planes && weight.getQuant() == WeightQuant::Int8 &&
                 weight.getScaleRows() == uint64_t(weight.getRows())
             ? head
             : MatmulOp();
}

namespace {
/// before: bitnet.weight @embed quant int8 shape [N, K] … source "e"
///         %y = bitnet.matmul %q scale %s sum %sum, [@globals::@embed]
/// after:  bitnet.weight @embed quant int8 shape [N, K] … source "e"
///         bitnet.weight @embed_sketch quant sketch shape [N, K] …
///           source "@sketch:e"
///         %y = bitnet.matmul %q scale %s sum %sum, [@globals::@embed]
///           sketch @globals::@embed_sketch z 6.0
///
/// Only the matmul that returns the logits, and not where it would not pay
/// (unless `always`).
struct ScreenHeadPass : bitnet::impl::ScreenHeadBase<ScreenHeadPass> {
  using ScreenHeadBase::ScreenHeadBase;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>("step");
    if (!step || z <= 0)
      return;
    MatmulOp head = findHead(step);
    if (!head)
      return;
    auto ref = cast<SymbolRefAttr>(head.getWeights()[0]);
    WeightOp weight = lookupWeight(head, ref);
    if (!always && !pays(weight))
      return;
    OpBuilder b(weight);
    b.setInsertionPointAfter(weight);
    StringAttr name = b.getStringAttr(weight.getSymName() + "_sketch");
    WeightOp::create(b, weight.getLoc(), name,
                     WeightQuantAttr::get(&getContext(), WeightQuant::Sketch),
                     weight.getShapeAttr(), weight.getScaleRowsAttr(),
                     b.getI64IntegerAttr(0), UnitAttr(), UnitAttr(),
                     b.getStringAttr("@sketch:" + weight.getSource()),
                     LayoutAttr(), IntegerAttr(), IntegerAttr());
    head.setSketchAttr(SymbolRefAttr::get(ref.getRootReference(),
                                          {FlatSymbolRefAttr::get(name)}));
    head.setZAttr(b.getF32FloatAttr(z));
  }
};
} // namespace
