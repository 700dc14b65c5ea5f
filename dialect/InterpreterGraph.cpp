//===- InterpreterGraph.cpp - Graph level of the interpreter --------------===//
//
// One `eval` for each operation: takes operands and weights, checks what
// verifiers cannot know (row counts, instances, positions) and calls the
// arithmetic of InterpreterOps.cpp. Also the few operations of other dialects
// that hold such a function together.
//
//===----------------------------------------------------------------------===//

#include "dialect/Interpreter.h"
#include "dialect/InterpreterOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::bitnet;

/// Calls may not nest deeper (a function could call itself).
static constexpr int kMaxDepth = 64;

/// Layers up to which a repeat is run.
static constexpr uint64_t kMaxLayers = 1 << 16;

/// Row i of `x` must belong to token i of the batch.
static LogicalResult rowPerToken(Operation *op, const Tensor &x,
                                 const Batch &batch) {
  if (x.rows() == batch.size())
    return success();
  return op->emitOpError("has ")
         << x.rows() << " rows for a batch of " << batch.size() << " tokens";
}

//===----------------------------------------------------------------------===//
// Other dialects
//===----------------------------------------------------------------------===//

template <typename Data, typename Range> static Data collect(Range &&values) {
  return Data(values.begin(), values.end());
}

LogicalResult Interpreter::eval(arith::ConstantOp op, Frame &frame) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!dense || !type)
    return op.emitOpError("must be dense elements to be interpreted");
  Tensor &out = frame.values[op.getResult()];
  out.shape.assign(type.getShape().begin(), type.getShape().end());
  Type element = type.getElementType();
  if (element.isF32()) {
    out.data = collect<Tensor::Floats>(dense.getValues<float>());
    return success();
  }
  if (element.isInteger(1)) {
    out.data = collect<Tensor::Bits>(dense.getValues<bool>());
    return success();
  }
  if (element.isInteger(8)) {
    out.data = collect<Tensor::Codes>(dense.getValues<int8_t>());
    return success();
  }
  if (element.isInteger(32)) {
    out.data = collect<Tensor::Ints>(dense.getValues<int32_t>());
    return success();
  }
  if (element.isInteger(64)) {
    out.data = collect<Tensor::Words>(dense.getValues<int64_t>());
    return success();
  }
  return op.emitOpError("has an element type that no operation takes");
}

LogicalResult Interpreter::eval(func::ReturnOp op, Frame &frame) {
  for (Value value : op.getOperands())
    frame.results.push_back(frame.values[value]);
  return success();
}

LogicalResult Interpreter::eval(func::CallOp op, Frame &frame) {
  if (frame.depth == kMaxDepth)
    return op.emitOpError("nests deeper than ") << kMaxDepth << " calls";
  auto callee = module.lookupSymbol<func::FuncOp>(op.getCallee());
  if (!callee)
    return op.emitOpError("calls no function of this module");
  Frame inner;
  inner.batch = frame.batch;
  inner.instance = frame.instance;
  inner.layer = frame.layer;
  inner.layersRun = frame.layersRun;
  inner.inRepeat = frame.inRepeat;
  inner.depth = frame.depth + 1;
  std::vector<Tensor> args;
  for (Value operand : op.getOperands())
    args.push_back(frame.values[operand]);
  if (failed(runFunction(callee, std::move(args), inner)))
    return failure();
  frame.layersRun = inner.layersRun;
  for (auto [result, value] : llvm::zip(op.getResults(), inner.results))
    frame.values[result] = std::move(value);
  return success();
}

//===----------------------------------------------------------------------===//
// Graph level
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::eval(EmbedOp op, Frame &frame) {
  FailureOr<MatrixView> view = matrix(op, op.getWeight(), frame);
  if (failed(view))
    return failure();
  int64_t width = op.getType().getShape().back();
  int64_t vocabulary = view->codes.size() / width;
  for (int32_t token : frame.batch->tokens)
    if (token < 0 || token >= vocabulary)
      return op.emitOpError("has no row for token ") << token;
  frame.values[op.getResult()] =
      scalar::embed(frame.batch->tokens, *view, width);
  return success();
}

LogicalResult Interpreter::eval(RepeatOp op, Frame &frame) {
  if (frame.inRepeat)
    return op.emitOpError("must not be inside a layer function");
  if (op.getCount() > kMaxLayers)
    return op.emitOpError("repeats more than ") << kMaxLayers << " times";
  auto callee = module.lookupSymbol<func::FuncOp>(op.getCallee());
  if (!callee)
    return op.emitOpError("layer function does not exist");
  Tensor hidden = frame.values[op.getInput()];
  for (int64_t i = 0, e = op.getCount(); i < e; ++i) {
    Frame inner;
    inner.batch = frame.batch;
    inner.instance = i;
    inner.layer = frame.layersRun + i;
    inner.inRepeat = true;
    inner.depth = frame.depth + 1;
    std::vector<Tensor> args;
    args.push_back(std::move(hidden));
    if (failed(runFunction(callee, std::move(args), inner)))
      return failure();
    hidden = std::move(inner.results.front());
  }
  frame.layersRun += op.getCount();
  frame.values[op.getResult()] = std::move(hidden);
  return success();
}

LogicalResult Interpreter::eval(GatherLogitsOp op, Frame &frame) {
  const Tensor &x = frame.values[op.getInput()];
  if (failed(rowPerToken(op, x, *frame.batch)))
    return failure();
  frame.values[op.getResult()] =
      scalar::gatherRows(x, frame.batch->logitsToken);
  return success();
}

LogicalResult Interpreter::eval(RMSNormOp op, Frame &frame) {
  FailureOr<Tensor> y = norm(op, frame);
  if (failed(y))
    return failure();
  frame.values[op.getResult()] = std::move(*y);
  return success();
}

LogicalResult Interpreter::eval(HeadNormOp op, Frame &frame) {
  FailureOr<std::vector<float>> gain = floats(op, op.getGain(), frame);
  if (failed(gain))
    return failure();
  frame.values[op.getResult()] =
      scalar::headNorm(frame.values[op.getInput()], *gain,
                       op.getEps().convertToFloat(), op.getHeadDim());
  return success();
}

LogicalResult Interpreter::eval(LinearOp op, Frame &frame) {
  const Tensor &x = frame.values[op.getInput()];
  FailureOr<Tensor> y = failure();
  if (auto bits = bitQuantOf(op.getInputQuant())) {
    Tensor packed = scalar::pack(scalar::binarize(x, *bits));
    Tensor scale = op.getTokenScale() ? scalar::meanAbs(x) : Tensor();
    y = linear(op, packed, *bits, op.getTokenScale() ? &scale : nullptr,
               op.getWeight(), frame);
  } else {
    scalar::Quantized q = scalar::quantize(
        x, op.getInputQuant() == InputQuant::Int8 ? 1 : 2, op.getRange(),
        op.getByGroup() ? lookupWeight(op, op.getWeight()).getGroups() : 1);
    y = linear(op, q.codes, BitQuant::Sign, &q.scale, op.getWeight(), frame);
  }
  if (failed(y))
    return failure();
  frame.values[op.getResult()] = std::move(*y);
  return success();
}

LogicalResult Interpreter::eval(RopeOp op, Frame &frame) {
  const Tensor &x = frame.values[op.getInput()];
  FailureOr<std::vector<float>> table = floats(op, op.getTable(), frame);
  if (failed(table) || failed(rowPerToken(op, x, *frame.batch)))
    return failure();
  int64_t headDim = op.getHeadDim();
  int64_t positions = table->size() / headDim;
  for (int32_t position : frame.batch->positions)
    if (position >= positions)
      return op.emitOpError("table of ")
             << positions << " positions has no position " << position;
  frame.values[op.getResult()] =
      scalar::rope(x, frame.batch->positions, *table, op.getKind(), headDim);
  return success();
}

LogicalResult Interpreter::eval(KVAppendOp op, Frame &frame) {
  const Tensor &key = frame.values[op.getKey()];
  const Tensor &value = frame.values[op.getValue()];
  const Batch &batch = *frame.batch;
  if (failed(rowPerToken(op, key, batch)) ||
      failed(rowPerToken(op, value, batch)))
    return failure();
  for (int64_t t = 0; t < batch.size(); ++t) {
    KVSequence &cache = kv[{frame.layer, batch.sequences[t]}];
    if (cache.width && cache.width != key.rowSize())
      return op.emitOpError("appends rows of ")
             << key.rowSize() << " to a cache of rows of " << cache.width;
    if (cache.width && (cache.form != op.getForm() ||
                        cache.headDim != static_cast<int64_t>(op.getHeadDim())))
      return op.emitOpError("appends ")
             << stringifyEnum(op.getForm()) << " heads of " << op.getHeadDim()
             << " to a cache of " << stringifyEnum(cache.form) << " heads of "
             << cache.headDim;
    scalar::kvAppend(cache, batch.positions[t], key.row(t), value.row(t),
                     op.getHeadDim(), op.getForm());
  }
  return success();
}

LogicalResult Interpreter::eval(AttentionOp op, Frame &frame) {
  const Tensor &query = frame.values[op.getQuery()];
  const Batch &batch = *frame.batch;
  if (failed(rowPerToken(op, query, batch)))
    return failure();
  std::vector<float> scoreScale;
  if (auto ref = op.getScoreScale()) {
    FailureOr<std::vector<float>> scale = floats(op, *ref, frame);
    if (failed(scale))
      return failure();
    scoreScale = std::move(*scale);
  }
  int64_t width = op.getKvHeads() * op.getHeadDim();
  Tensor::Floats out(query.floats().size());
  for (int64_t t = 0; t < batch.size(); ++t) {
    const KVSequence &cache = kv[{frame.layer, batch.sequences[t]}];
    int64_t position = batch.positions[t];
    for (int64_t i = 0; i <= position; ++i)
      if (i >= static_cast<int64_t>(cache.present.size()) || !cache.present[i])
        return op.emitOpError("reads position ")
               << i << " of sequence " << batch.sequences[t]
               << ", which was never appended";
    if (cache.width != width)
      return op.emitOpError("reads rows of ")
             << width << " from a cache of rows of " << cache.width;
    if (cache.form != op.getForm() ||
        cache.headDim != static_cast<int64_t>(op.getHeadDim()))
      return op.emitOpError("reads ")
             << stringifyEnum(op.getForm()) << " heads of " << op.getHeadDim()
             << " from a cache of " << stringifyEnum(cache.form) << " heads of "
             << cache.headDim;
    scalar::attention(
        cache, position, query.row(t), op.getHeads(), op.getKvHeads(),
        op.getHeadDim(),
        MutableArrayRef<float>(out).slice(t * query.rowSize(), query.rowSize()),
        scoreScale);
  }
  frame.values[op.getResult()] = Tensor::of(query.shape, std::move(out));
  return success();
}

LogicalResult Interpreter::eval(ActivationOp op, Frame &frame) {
  frame.values[op.getResult()] =
      scalar::activation(op.getKind(), frame.values[op.getInput()]);
  return success();
}

LogicalResult Interpreter::eval(MulOp op, Frame &frame) {
  const Tensor &a = frame.values[op.getLhs()], &b = frame.values[op.getRhs()];
  if (failed(scalar::sameRows(op, a, b)))
    return failure();
  frame.values[op.getResult()] = scalar::multiply(a, b);
  return success();
}

LogicalResult Interpreter::eval(AddOp op, Frame &frame) {
  const Tensor &a = frame.values[op.getLhs()], &b = frame.values[op.getRhs()];
  if (failed(scalar::sameRows(op, a, b)))
    return failure();
  frame.values[op.getResult()] = scalar::add(a, b);
  return success();
}
