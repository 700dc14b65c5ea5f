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

/// The scale of 4 elements of row `id` that share one.
static Value rowScale(Emitter &e, WeightOp weight, Value scales, Value id,
                      Value group) {
  if (!weight.getGroup())
    return e.load(scales, weight.getScaleRows() == 1 ? e.index(0) : id);
  SmallVector<Value> at{e.divI(id, kRowPad), group, e.remI(id, kRowPad)};
  if (!weight.getHalfScales())
    return e.load(scales, at);
  // The conversion is of 16 halves: those of the row's 16 neighbours.
  Value lane = e.remI(id, 16);
  at.back() = e.sub(at.back(), lane);
  Value halves = e.load(VectorType::get(16, e.b.getI16Type()), scales, at);
  Value floats = ExtendF16Op::create(e.b, e.loc, e.f32x16(), halves);
  return vector::ExtractOp::create(e.b, e.loc, floats,
                                   SmallVector<OpFoldResult>{lane});
}

/// A row is every 16th word of the step; each word holds 4 columns a part, in
/// bytes of their own or in a field of the byte.
///
///   id = token[t]; block, group, lane = id / 64, id % 64 / 16, id % 16
///   for step, part:
///     field = word[block][step][lane] >> place of group and part, masked
///     out[t][4 (step parts + part) ..] = f32(field * spacing - zero) * scale
void mlir::bitnet::lowerEmbed(Emitter &e, EmbedOp op) {
  OpBuilder &b = e.b;
  WeightOp weight = e.weight(op.getWeight());
  const LayoutInfo &info = getLayoutInfo(*weight.getLayout());
  int64_t steps = llvm::divideCeil(weight.getCols(), info.colStep);
  int64_t blocks = llvm::divideCeil(weight.getRows(), info.rowBlock);
  Value codes = e.weightWindow(
      op.getWeight(), {blocks, steps, info.bytesPerStep}, b.getI8Type());
  Value scales = e.scaleWindow(op.getWeight());
  Value out = e.buffer(op.getResult());
  int64_t padded = paddedColumns(op.getType());
  int64_t groups = weight.getGroups(), stepsOfGroup = steps / groups;

  auto i8x4 = VectorType::get(4, b.getI8Type());
  auto i32x4 = VectorType::get(4, b.getI32Type());
  auto f32x4 = VectorType::get(4, b.getF32Type());
  auto splat = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(
        b, e.loc, DenseElementsAttr::get(i32x4, static_cast<int32_t>(value)));
  };
  e.parallel(e.get(Env::Tokens), [&](Value t) {
    Value id = e.toIndex(e.load(e.get(Env::Token), t));
    Value block = e.divI(id, 64);
    Value rowGroup = e.divI(e.remI(id, 64), 16);
    Value byte = e.mulI(e.remI(id, 16), 4);
    Value shift;
    if (info.fieldBits)
      shift = e.broadcast(
          arith::IndexCastOp::create(b, e.loc, b.getI32Type(),
                                     e.mulI(rowGroup, info.fieldBits)),
          i32x4);
    else
      byte = e.add(byte, e.mulI(rowGroup, 64));
    e.loop(e.index(0), e.index(groups), 1, [&](Value group) {
      Value scale = e.broadcast(rowScale(e, weight, scales, id, group), f32x4);
      Value first = e.mulI(group, stepsOfGroup);
      e.loop(first, e.addI(first, stepsOfGroup), 1, [&](Value step) {
        Value word = arith::ExtUIOp::create(
            b, e.loc, i32x4, e.load(i8x4, codes, {block, step, byte}));
        if (shift)
          word = arith::ShRUIOp::create(b, e.loc, word, shift);
        for (int64_t part = 0; part < info.parts(); ++part) {
          Value field = word;
          if (part)
            field = arith::ShRUIOp::create(b, e.loc, word,
                                           splat(part * info.partBits()));
          if (info.fieldBits)
            field = arith::AndIOp::create(b, e.loc, field,
                                          splat((1 << info.fieldBits) - 1));
          if (info.spacing > 1)
            field = e.mul(field, splat(info.spacing));
          Value value = arith::SIToFPOp::create(
              b, e.loc, f32x4, e.sub(field, splat(info.zeroPoint)));
          e.store(e.fmul(value, scale), out,
                  {t, e.addI(e.mulI(step, info.colStep), part * 4)});
        }
      });
    });
    Value zero = arith::ConstantOp::create(b, e.loc,
                                           DenseElementsAttr::get(f32x4, 0.0f));
    // The last step may reach beyond the row.
    for (int64_t column = llvm::alignTo(weight.getCols(), 4); column < padded;
         column += 4)
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
