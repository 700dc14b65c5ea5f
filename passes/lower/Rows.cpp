//===- Rows.cpp - Embedding, gathered and elementwise rows ----------------===//
//
// Work is divided by tokens: a row belongs to one thread.
//
//===----------------------------------------------------------------------===//

#include "passes/Planning.h"
#include "passes/lower/Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

/// A row of u8_r64 is every 16th word of its group; each word is 4 columns.
///
///   id = token[t]; block, group, lane = id / 64, id % 64 / 16, id % 16
///   for step: out[t][4 step ..] = f32(bytes[block][step][group][lane] - 128)
///                                 * scale[id]
void mlir::bitnet::lowerEmbed(Emitter &e, EmbedOp op) {
  OpBuilder &b = e.b;
  WeightOp weight = e.weight(op.getWeight());
  const LayoutInfo &info = getLayoutInfo(*weight.getLayout());
  int64_t steps = llvm::divideCeil(weight.getCols(), info.colStep);
  int64_t blocks = llvm::divideCeil(weight.getRows(), info.rowBlock);
  Value codes =
      e.weightWindow(op.getWeight(), {blocks, steps, 4, 64}, b.getI8Type());
  Value scales = e.scaleWindow(op.getWeight());
  Value out = e.buffer(op.getResult());
  int64_t padded = paddedColumns(op.getType());

  auto i8x4 = VectorType::get(4, b.getI8Type());
  auto i32x4 = VectorType::get(4, b.getI32Type());
  auto f32x4 = VectorType::get(4, b.getF32Type());
  Value zeroPoint = arith::ConstantOp::create(
      b, e.loc,
      DenseElementsAttr::get(i32x4, static_cast<int32_t>(info.zeroPoint)));
  e.parallel(e.get(Env::Tokens), [&](Value t) {
    Value id = e.toIndex(e.load(e.get(Env::Token), t));
    Value scale = e.broadcast(
        e.load(scales, weight.getScaleRows() == 1 ? e.index(0) : id), f32x4);
    Value block = e.divI(id, 64);
    Value group = e.divI(e.remI(id, 64), 16);
    Value lane = e.mulI(e.remI(id, 16), 4);
    e.loop(e.index(0), e.index(steps), 1, [&](Value step) {
      Value bytes = e.load(i8x4, codes, {block, step, group, lane});
      Value wide = arith::ExtUIOp::create(b, e.loc, i32x4, bytes);
      Value value =
          arith::SIToFPOp::create(b, e.loc, f32x4, e.sub(wide, zeroPoint));
      e.store(e.fmul(value, scale), out, {t, e.mulI(step, 4)});
    });
    Value zero = arith::ConstantOp::create(b, e.loc,
                                           DenseElementsAttr::get(f32x4, 0.0f));
    for (int64_t column = steps * 4; column < padded; column += 4)
      e.store(zero, out, {t, e.index(column)});
  });
}

/// out[r] = in[logits_token[r]]
void mlir::bitnet::lowerGatherLogits(Emitter &e, GatherLogitsOp op) {
  Value in = e.buffer(op.getInput()), out = e.buffer(op.getResult());
  e.parallel(e.get(Env::LogitRows), [&](Value r) {
    Value t = e.toIndex(e.load(e.get(Env::LogitsToken), r));
    e.loop(e.index(0), e.index(paddedColumns(op.getType())), 16,
           [&](Value column) {
             e.store(e.load(e.f32x16(), in, {t, column}), out, {r, column});
           });
  });
}

/// add, mul and activation: 16 columns at a time.
void mlir::bitnet::lowerElementwise(Emitter &e, Operation *op) {
  Value result = op->getResult(0);
  Value out = e.buffer(result);
  SmallVector<Value> in;
  for (Value operand : op->getOperands())
    in.push_back(e.buffer(operand));
  int64_t columns = paddedColumns(cast<RankedTensorType>(result.getType()));
  e.parallel(e.rowsOf(result), [&](Value t) {
    e.loop(e.index(0), e.index(columns), 16, [&](Value column) {
      SmallVector<Value> x;
      for (Value buffer : in)
        x.push_back(e.load(e.f32x16(), buffer, {t, column}));
      Value y;
      if (auto activation = dyn_cast<ActivationOp>(op))
        y = e.activation(activation.getKind(), x[0]);
      else
        y = isa<AddOp>(op) ? e.fadd(x[0], x[1]) : e.fmul(x[0], x[1]);
      e.store(y, out, {t, column});
    });
  });
}
