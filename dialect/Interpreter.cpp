//===- Interpreter.cpp - Executable meaning of the dialect ----------------===//
//
// Functions and weights: what is asked of a batch, of arguments and of a
// WeightProvider is checked here. The operations are in
// InterpreterGraph.cpp and InterpreterFused.cpp, their arithmetic in
// InterpreterOps.cpp.
//
//===----------------------------------------------------------------------===//

#include "dialect/Interpreter.h"
#include "dialect/InterpreterOps.h"

using namespace mlir;
using namespace mlir::bitnet;

/// Columns up to which the dot of two i8 rows cannot overflow an i32.
static constexpr int64_t kMaxColumns = 1 << 17;

/// Positions up to which a KV cache is kept.
static constexpr int32_t kMaxPosition = 1 << 24;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// A record of one instance is shared by all layers.
static int64_t instanceOf(WeightOp weight, int64_t instance) {
  return weight->getParentOfType<RecordOp>().getCount() == 1 ? 0 : instance;
}

FailureOr<WeightOp> Interpreter::find(Operation *op, SymbolRefAttr ref,
                                      Frame &frame) {
  WeightOp weight = lookupWeight(op, ref);
  if (!weight)
    return op->emitOpError() << "weight " << ref << " does not exist";
  int64_t count = weight->getParentOfType<RecordOp>().getCount();
  if (instanceOf(weight, frame.instance) >= count)
    return op->emitOpError() << "reads instance " << frame.instance << " of "
                             << ref << ", its record has " << count;
  return weight;
}

FailureOr<MatrixView> Interpreter::matrix(Operation *op, SymbolRefAttr ref,
                                          Frame &frame) {
  FailureOr<WeightOp> weight = find(op, ref, frame);
  if (failed(weight))
    return failure();
  if (weight->getQuant() == WeightQuant::Float || !weight->isMatrix())
    return op->emitOpError() << ref << " is not a quantised matrix";
  if (weight->getCols() > kMaxColumns)
    return op->emitOpError() << ref << " has more than " << kMaxColumns
                             << " columns: a dot could overflow i32";
  FailureOr<MatrixView> view =
      weights.matrix(*weight, instanceOf(*weight, frame.instance));
  if (failed(view) ||
      static_cast<int64_t>(view->codes.size()) !=
          weight->getRows() * weight->getCols() ||
      view->scales.size() !=
          weight->getScaleRows() * static_cast<size_t>(weight->getGroups()))
    return op->emitOpError() << "has no data for " << ref;
  return view;
}

FailureOr<std::vector<float>>
Interpreter::floats(Operation *op, SymbolRefAttr ref, Frame &frame) {
  FailureOr<WeightOp> weight = find(op, ref, frame);
  if (failed(weight))
    return failure();
  if (weight->getQuant() != WeightQuant::Float)
    return op->emitOpError() << ref << " is not float";
  FailureOr<ArrayRef<float>> values =
      weights.floats(*weight, instanceOf(*weight, frame.instance));
  if (failed(values) || static_cast<int64_t>(values->size()) !=
                            weight->getRows() * weight->getCols())
    return op->emitOpError() << "has no data for " << ref;
  return values->vec();
}

FailureOr<Tensor> Interpreter::norm(Operation *op, const Tensor &input,
                                    bool scaled, bool centred,
                                    std::optional<SymbolRefAttr> gain,
                                    std::optional<SymbolRefAttr> bias,
                                    APFloat eps, Frame &frame) {
  std::vector<float> gains, biases;
  for (auto [ref, to] : {std::pair(gain, &gains), std::pair(bias, &biases)}) {
    if (!ref)
      continue;
    FailureOr<std::vector<float>> values = floats(op, *ref, frame);
    if (failed(values))
      return failure();
    *to = std::move(*values);
  }
  if (!scaled)
    return scalar::scaleColumns(input, gains);
  return scalar::rmsNorm(centred ? scalar::centre(input) : input, gains, biases,
                         eps.convertToFloat());
}

/// dequantize(dot(input, ref))
FailureOr<Tensor> Interpreter::linear(Operation *op, const Tensor &input,
                                      BitQuant quant, const Tensor *scale,
                                      SymbolRefAttr ref, Frame &frame) {
  FailureOr<MatrixView> view = matrix(op, ref, frame);
  if (failed(view))
    return failure();
  WeightOp weight = lookupWeight(op, ref);
  Tensor dots = scalar::dot(input, quant, view->codes, weight.getRows(),
                            weight.getCols(), weight.getGroups());
  return scalar::dequantize(dots, scale, view->scales, weight.getGroup() != 0);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Whether `tensor` is a value of `type`, whatever its first dimension.
static bool isValueOf(const Tensor &tensor, Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  if (!ranked || tensor.shape.empty() ||
      ranked.getRank() != static_cast<int64_t>(tensor.shape.size()) ||
      ranked.getShape().drop_front() !=
          ArrayRef<int64_t>(tensor.shape).drop_front())
    return false;
  Type element = ranked.getElementType();
  size_t index = element.isF32()         ? 0
                 : element.isInteger(8)  ? 1
                 : element.isInteger(1)  ? 2
                 : element.isInteger(32) ? 3
                 : element.isInteger(64) ? 4
                                         : 5;
  size_t elements =
      std::visit([](auto &data) { return data.size(); }, tensor.data);
  return tensor.data.index() == index &&
         static_cast<int64_t>(elements) == tensor.rows() * tensor.rowSize();
}

static LogicalResult checkBatch(func::FuncOp function, const Batch &batch) {
  if (batch.positions.size() != batch.tokens.size() ||
      batch.sequences.size() != batch.tokens.size())
    return function.emitError("batch: tokens, positions and sequences differ "
                              "in number");
  for (int32_t position : batch.positions)
    if (position < 0 || position >= kMaxPosition)
      return function.emitError("batch: no position ") << position;
  for (int32_t token : batch.logitsToken)
    if (token < 0 || token >= batch.size())
      return function.emitError("batch: logits of token ")
             << token << " of " << batch.size();
  return success();
}

FailureOr<std::vector<Tensor>> Interpreter::run(StringRef function,
                                                std::vector<Tensor> args,
                                                const Batch &batch) {
  auto op = module.lookupSymbol<func::FuncOp>(function);
  if (!op)
    return module.emitError("has no function @") << function;
  return run(op, std::move(args), batch);
}

FailureOr<std::vector<Tensor>> Interpreter::run(func::FuncOp function,
                                                std::vector<Tensor> args,
                                                const Batch &batch) {
  Frame frame;
  frame.batch = &batch;
  if (failed(checkBatch(function, batch)) ||
      failed(runFunction(function, std::move(args), frame)))
    return failure();
  return std::move(frame.results);
}

LogicalResult Interpreter::runFunction(func::FuncOp function,
                                       std::vector<Tensor> args, Frame &frame) {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitOpError("must have one block to be interpreted");
  if (args.size() != function.getNumArguments())
    return function.emitOpError("takes ")
           << function.getNumArguments() << " values, got " << args.size();
  for (auto [argument, value] : llvm::zip(function.getArguments(), args)) {
    if (!isValueOf(value, argument.getType()))
      return function.emitOpError("argument ")
             << argument.getArgNumber() << " is no " << argument.getType();
    frame.values[argument] = std::move(value);
  }
  for (Operation &op : function.getBody().front())
    if (failed(runOp(&op, frame)))
      return failure();
  return success();
}
