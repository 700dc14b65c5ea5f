//===- InterpreterFused.cpp - Decomposed and fused levels, dispatch -------===//
//
// The integer operations, alone and fused. Fused ones are written as the
// composition that defines them: this is what makes a fusion pass testable.
//
//===----------------------------------------------------------------------===//

#include "dialect/Interpreter.h"
#include "dialect/InterpreterOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::bitnet;

LogicalResult scalar::sameRows(Operation *op, const Tensor &a,
                               const Tensor &b) {
  if (a.rows() == b.rows())
    return success();
  return op->emitOpError("operands have ")
         << a.rows() << " and " << b.rows() << " rows";
}

/// By the types of the results of a quantize or norm_quantize.
template <typename OpTy>
static scalar::Quantized quantized(OpTy op, const Tensor &x) {
  return scalar::quantize(x, planesOf(op.getCodes().getType()), op.getRange(),
                          groupsOf(op.getScale().getType()));
}

template <typename OpTy>
static LogicalResult setQuantized(OpTy op, scalar::Quantized q,
                                  llvm::DenseMap<Value, Tensor> &values) {
  values[op.getCodes()] = std::move(q.codes);
  values[op.getScale()] = std::move(q.scale);
  values[op.getSum()] = std::move(q.sum);
  return success();
}

LogicalResult Interpreter::eval(QuantizeOp op, Frame &frame) {
  return setQuantized(op, quantized(op, frame.values[op.getInput()]),
                      frame.values);
}

template <typename OpTy>
static void setPacked(OpTy op, Tensor packed,
                      llvm::DenseMap<Value, Tensor> &values) {
  if (op.getSum())
    values[op.getSum()] = scalar::countOnes(
        packed, planesOf(op.getSum().getType()) / packed.shape[1]);
  values[op.getResult()] = std::move(packed);
}

/// Of a pack_bits or norm_pack_bits that packs `x`.
template <typename OpTy>
static void packBits(OpTy op, const Tensor &x,
                     llvm::DenseMap<Value, Tensor> &values) {
  Tensor packed = scalar::pack(scalar::binarize(x, op.getBitQuant()));
  if (op.getScale())
    values[op.getScale()] = scalar::meanAbs(x);
  setPacked(op, std::move(packed), values);
}

LogicalResult Interpreter::eval(BinarizeOp op, Frame &frame) {
  const Tensor x = frame.values[op.getInput()];
  if (op.getScale())
    frame.values[op.getScale()] = scalar::meanAbs(x);
  frame.values[op.getResult()] = scalar::binarize(x, op.getBitQuant());
  return success();
}

LogicalResult Interpreter::eval(PackOp op, Frame &frame) {
  setPacked(op, scalar::pack(frame.values[op.getInput()]), frame.values);
  return success();
}

LogicalResult Interpreter::eval(PackCodesOp op, Frame &frame) {
  frame.values[op.getResult()] = scalar::packCodes(frame.values[op.getInput()]);
  return success();
}

LogicalResult Interpreter::eval(DotOp op, Frame &frame) {
  FailureOr<MatrixView> view = matrix(op, op.getWeight(), frame);
  if (failed(view))
    return failure();
  WeightOp weight = lookupWeight(op, op.getWeight());
  frame.values[op.getResult()] =
      scalar::dot(frame.values[op.getInput()], op.getBitQuant(), view->codes,
                  weight.getRows(), weight.getCols(), weight.getGroups());
  return success();
}

LogicalResult Interpreter::eval(DequantizeOp op, Frame &frame) {
  FailureOr<MatrixView> view = matrix(op, op.getWeight(), frame);
  if (failed(view))
    return failure();
  const Tensor &dots = frame.values[op.getInput()];
  const Tensor *scale = op.getScale() ? &frame.values[op.getScale()] : nullptr;
  WeightOp weight = lookupWeight(op, op.getWeight());
  bool grouped = weight.getGroup() != 0;
  int64_t planes = dots.shape[1] / weight.getGroups();
  if (dots.shape[1] % weight.getGroups() || planes < 1 ||
      planes > (scale ? 2 : 1))
    return op.emitOpError("has no meaning for ")
           << dots.shape[1] << " planes " << (scale ? "with" : "without")
           << " a token scale";
  if (scale && failed(scalar::sameRows(op, dots, *scale)))
    return failure();
  frame.values[op.getResult()] =
      scalar::dequantize(dots, scale, view->scales, grouped);
  return success();
}

LogicalResult Interpreter::eval(NormQuantizeOp op, Frame &frame) {
  FailureOr<Tensor> y = norm(op, frame);
  if (failed(y))
    return failure();
  return setQuantized(op, quantized(op, *y), frame.values);
}

LogicalResult Interpreter::eval(PackBitsOp op, Frame &frame) {
  // A copy: new values may move the others.
  packBits(op, Tensor(frame.values[op.getInput()]), frame.values);
  return success();
}

LogicalResult Interpreter::eval(NormPackBitsOp op, Frame &frame) {
  FailureOr<Tensor> y = norm(op, frame);
  if (failed(y))
    return failure();
  packBits(op, *y, frame.values);
  return success();
}

LogicalResult Interpreter::eval(MatmulOp op, Frame &frame) {
  const Tensor &input = frame.values[op.getInput()];
  const Tensor *scale = op.getScale() ? &frame.values[op.getScale()] : nullptr;
  if (!isPacked(op.getInput().getType()) &&
      (input.shape[1] < 1 || input.shape[1] > 2))
    return op.emitOpError("has no meaning for ") << input.shape[1] << " planes";
  if (scale && failed(scalar::sameRows(op, input, *scale)))
    return failure();
  SmallVector<Tensor, 3> y;
  for (Attribute ref : op.getWeights()) {
    FailureOr<Tensor> one = linear(op, input, op.getBitQuant(), scale,
                                   cast<SymbolRefAttr>(ref), frame);
    if (failed(one))
      return failure();
    y.push_back(std::move(*one));
  }
  if (op.getGlu()) {
    y[0] = scalar::multiply(scalar::activation(*op.getGlu(), y[0]), y[1]);
  } else if (op.getResidual()) {
    const Tensor &residual = frame.values[op.getResidual()];
    if (failed(scalar::sameRows(op, y[0], residual)))
      return failure();
    y[0] = scalar::add(y[0], residual);
  }
  if (op.getPacks())
    frame.values[op.getBits()] =
        scalar::pack(scalar::binarize(y[0], *op.getPacks()));
  for (unsigned i = 0; i < op.getNumProducts(); ++i)
    if (Value rows = op.getRows(i))
      frame.values[rows] = std::move(y[i]);
  return success();
}

LogicalResult Interpreter::eval(BarrierOp, Frame &) { return success(); }

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

/// Whether everything but the number of rows is known from `type`.
static bool hasStaticRows(Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  return ranked && ranked.getRank() > 0 &&
         !ShapedType::isDynamicShape(ranked.getShape().drop_front());
}

LogicalResult Interpreter::runOp(Operation *op, Frame &frame) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<arith::ConstantOp, func::CallOp, func::ReturnOp, EmbedOp, RepeatOp,
            GatherLogitsOp, RMSNormOp, HeadNormOp, LinearOp, RopeOp, KVAppendOp,
            AttentionOp, ActivationOp, MulOp, AddOp, QuantizeOp, BinarizeOp,
            PackOp, PackCodesOp, DotOp, DequantizeOp, NormQuantizeOp,
            PackBitsOp, NormPackBitsOp, MatmulOp, BarrierOp>([&](auto typed) {
        for (Type type : op->getResultTypes())
          if (!hasStaticRows(type))
            return LogicalResult(
                op->emitOpError("has no meaning for a value of type ") << type);
        return eval(typed, frame);
      })
      .Default([](Operation *other) {
        return other->emitOpError(
            "has no meaning in the reference interpreter");
      });
}
