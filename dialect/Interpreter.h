//===- Interpreter.h - Executable meaning of the dialect -------*- C++ -*-===//
//
// Runs functions of the graph, decomposed and fused levels on plain scalars.
// This is the definition that passes and kernels are compared with, to the bit:
// a pass is right if a function gives the same results before and after it, and
// a compiled step if it gives the logits that the interpreter gives.
//
// Weights come from a WeightProvider, so that the same interpreter serves tests
// with pseudo-random weights (RandomWeights.h) and whole models from files. The
// KV cache lives in the interpreter and persists from run to run.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_INTERPRETER_H
#define BITNET_DIALECT_INTERPRETER_H

#include "dialect/Dialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

namespace mlir::bitnet {

/// A value: the first dimension is tokens (or another number of rows), the
/// others are those of the value's type. i1 is kept as one byte of 0 or 1.
struct Tensor {
  using Floats = std::vector<float>;
  using Codes = std::vector<int8_t>;
  using Bits = std::vector<uint8_t>;
  using Ints = std::vector<int32_t>;
  using Words = std::vector<int64_t>;

  SmallVector<int64_t, 3> shape;
  std::variant<Floats, Codes, Bits, Ints, Words> data;

  Tensor() = default;
  template <typename Data>
  static Tensor of(ArrayRef<int64_t> shape, Data data) {
    Tensor tensor;
    tensor.shape.assign(shape.begin(), shape.end());
    tensor.data = std::move(data);
    return tensor;
  }

  int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
  int64_t rowSize() const {
    return shape.empty() ? 1
                         : ShapedType::getNumElements(
                               ArrayRef<int64_t>(shape).drop_front());
  }
  const Floats &floats() const { return std::get<Floats>(data); }
  ArrayRef<float> row(int64_t i) const {
    return ArrayRef<float>(floats()).slice(i * rowSize(), rowSize());
  }
};

/// The tokens of one step, as in the ABI: row i of every activation belongs to
/// tokens[i] at positions[i] of sequences[i]. Row r of gathered rows belongs to
/// the token with index logitsToken[r].
struct Batch {
  std::vector<int32_t> tokens;
  std::vector<int32_t> positions;
  std::vector<int32_t> sequences;
  std::vector<int32_t> logitsToken;

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
};

/// A quantised matrix: codes [N][K] row-major (binary: -1 or +1) and scale_rows
/// scales.
struct MatrixView {
  ArrayRef<int8_t> codes;
  ArrayRef<float> scales;
};

/// Where weights come from. What a call returns is valid until the next call.
class WeightProvider {
public:
  virtual ~WeightProvider() = default;
  /// Codes and scales of a quantised matrix; failure if there are none.
  virtual FailureOr<MatrixView> matrix(WeightOp weight, int64_t instance) = 0;
  /// Elements of a float vector or table, row-major.
  virtual FailureOr<ArrayRef<float>> floats(WeightOp weight,
                                            int64_t instance) = 0;
};

/// Keys and values of one sequence in one layer.
struct KVSequence {
  struct Rows {
    std::vector<uint16_t> halves; ///< [position][width]; of f16
    std::vector<int8_t> codes;    ///< [position][width]; of i8, or signs
    std::vector<float> scales;    ///< [position][head]; of i8 and b1's values
  };
  KVForm form = KVForm::F16;
  int64_t width = 0, headDim = 0;
  Rows keys, values;
  std::vector<bool> present;
};

class Interpreter {
public:
  Interpreter(ModuleOp module, WeightProvider &weights)
      : module(module), weights(weights) {}

  /// Runs `function` on `args`. Errors are reported at the operation that has
  /// no meaning for these values.
  FailureOr<std::vector<Tensor>>
  run(StringRef function, std::vector<Tensor> args, const Batch &batch);
  FailureOr<std::vector<Tensor>>
  run(func::FuncOp function, std::vector<Tensor> args, const Batch &batch);

  /// Forgets all sequences.
  void clearKV() { kv.clear(); }

private:
  /// One activation of a function.
  struct Frame {
    llvm::DenseMap<Value, Tensor> values;
    std::vector<Tensor> results;
    const Batch *batch = nullptr;
    int64_t instance = 0;  ///< of every record that weight references name
    int64_t layer = 0;     ///< of KV operations
    int64_t layersRun = 0; ///< by the repeats of this function so far
    bool inRepeat = false;
    int depth = 0;
  };

  LogicalResult runFunction(func::FuncOp function, std::vector<Tensor> args,
                            Frame &frame);
  LogicalResult runOp(Operation *op, Frame &frame);
  LogicalResult eval(arith::ConstantOp op, Frame &frame);
  LogicalResult eval(func::CallOp op, Frame &frame);
  LogicalResult eval(func::ReturnOp op, Frame &frame);
  LogicalResult eval(EmbedOp op, Frame &frame);
  LogicalResult eval(RepeatOp op, Frame &frame);
  LogicalResult eval(GatherLogitsOp op, Frame &frame);
  LogicalResult eval(RMSNormOp op, Frame &frame);
  LogicalResult eval(HeadNormOp op, Frame &frame);
  LogicalResult eval(LinearOp op, Frame &frame);
  LogicalResult eval(RopeOp op, Frame &frame);
  LogicalResult eval(KVAppendOp op, Frame &frame);
  LogicalResult eval(AttentionOp op, Frame &frame);
  LogicalResult eval(ActivationOp op, Frame &frame);
  LogicalResult eval(MulOp op, Frame &frame);
  LogicalResult eval(AddOp op, Frame &frame);
  LogicalResult eval(QuantizeOp op, Frame &frame);
  LogicalResult eval(BinarizeOp op, Frame &frame);
  LogicalResult eval(PackOp op, Frame &frame);
  LogicalResult eval(PackCodesOp op, Frame &frame);
  LogicalResult eval(DotOp op, Frame &frame);
  LogicalResult eval(DequantizeOp op, Frame &frame);
  LogicalResult eval(NormQuantizeOp op, Frame &frame);
  LogicalResult eval(PackBitsOp op, Frame &frame);
  LogicalResult eval(NormPackBitsOp op, Frame &frame);
  LogicalResult eval(MatmulOp op, Frame &frame);
  LogicalResult eval(BarrierOp op, Frame &frame);

  FailureOr<WeightOp> find(Operation *op, SymbolRefAttr ref, Frame &frame);
  FailureOr<MatrixView> matrix(Operation *op, SymbolRefAttr ref, Frame &frame);
  FailureOr<std::vector<float>> floats(Operation *op, SymbolRefAttr ref,
                                       Frame &frame);
  /// The norm of an rms_norm, norm_quantize or norm_pack_bits.
  template <typename OpTy> FailureOr<Tensor> norm(OpTy op, Frame &frame) {
    bool scaled = true;
    if constexpr (requires { op.getUnscaled(); })
      scaled = !op.getUnscaled();
    return norm(op, frame.values[op.getInput()], scaled, op.getCentred(),
                op.getGain(), op.getBias(), op.getEps(), frame);
  }
  FailureOr<Tensor> norm(Operation *op, const Tensor &input, bool scaled,
                         bool centred, std::optional<SymbolRefAttr> gain,
                         std::optional<SymbolRefAttr> bias, APFloat eps,
                         Frame &frame);
  FailureOr<Tensor> linear(Operation *op, const Tensor &input, BitQuant quant,
                           const Tensor *scale, SymbolRefAttr ref,
                           Frame &frame);

  ModuleOp module;
  WeightProvider &weights;
  std::map<std::pair<int64_t, int32_t>, KVSequence> kv; ///< layer, sequence
};

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_INTERPRETER_H
