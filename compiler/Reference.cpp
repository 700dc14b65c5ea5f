//===- Reference.cpp - A whole model in the interpreter -------------------===//
//
// How files become weights is written here a second time, straight from the
// rules: a mistake in the packer then shows as a difference.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include "GraphBuilder.h"
#include "dialect/Interpreter.h"
#include "passes/Pipeline.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;
using namespace bitnetc;
using llvm::createStringError;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {
class ModelWeights : public WeightProvider {
public:
  ModelWeights(const Model &model, WeightReader &reader)
      : model(model), reader(reader) {}

  FailureOr<MatrixView> matrix(WeightOp weight, int64_t instance) override {
    std::string name = sourceName(weight, instance);
    if (weight.getQuant() == mlir::bitnet::WeightQuant::Int8)
      return quantizedRows(weight, name);
    auto linear = reader.readLinear(name);
    if (!linear)
      return report(weight, linear.takeError());
    codes = std::move(linear->codes);
    scales = std::move(linear->scale);
    return MatrixView{codes, scales};
  }

  FailureOr<ArrayRef<float>> floats(WeightOp weight,
                                    int64_t instance) override {
    std::string name = sourceName(weight, instance);
    if (name == "@rope") {
      fillRope(weight.getRows(), weight.getCols());
      return ArrayRef<float>(elements);
    }
    auto values = reader.readFloat(name);
    if (!values)
      return report(weight, values.takeError());
    elements = std::move(*values);
    return ArrayRef<float>(elements);
  }

private:
  static std::string sourceName(WeightOp weight, int64_t instance) {
    auto [before, after] = weight.getSource().split("{}");
    return before.size() == weight.getSource().size()
               ? before.str()
               : (before + Twine(instance) + after).str();
  }

  static LogicalResult report(WeightOp weight, llvm::Error error) {
    return weight.emitError(llvm::toString(std::move(error)));
  }

  /// Embedding and head: 8 bits, one scale a row.
  FailureOr<MatrixView> quantizedRows(WeightOp weight,
                                      const std::string &name) {
    int64_t rows = weight.getRows(), cols = weight.getCols();
    auto values = reader.readRows(name, 0, rows);
    if (!values)
      return report(weight, values.takeError());
    codes.resize(rows * cols);
    scales.assign(rows, 0);
    for (int64_t r = 0; r < rows; ++r) {
      ArrayRef<float> row = ArrayRef(*values).slice(r * cols, cols);
      float largest = 0;
      for (float value : row)
        largest = std::max(largest, std::fabs(value));
      scales[r] = largest / 127;
      for (int64_t c = 0; c < cols; ++c)
        codes[r * cols + c] =
            scales[r] == 0 ? 0
                           : static_cast<int8_t>(std::clamp(
                                 std::rint(row[c] / scales[r]), -127.f, 127.f));
    }
    return MatrixView{codes, scales};
  }

  /// Half a row of cosines, then as many sines, for every position.
  void fillRope(int64_t positions, int64_t headDim) {
    int64_t half = headDim / 2;
    elements.resize(positions * headDim);
    for (int64_t p = 0; p < positions; ++p)
      for (int64_t i = 0; i < half; ++i) {
        float angle = static_cast<float>(p) * model.ropeInvFreq[i];
        double exact = angle;
        float cos = static_cast<float>(std::cos(exact));
        float sin = static_cast<float>(std::sin(exact));
        elements[p * headDim + i] = cos * model.ropeMagnitude;
        elements[p * headDim + half + i] = sin * model.ropeMagnitude;
      }
  }

  const Model &model;
  WeightReader &reader;
  std::vector<int8_t> codes;
  std::vector<float> scales, elements;
};
} // namespace

//===----------------------------------------------------------------------===//
// The run
//===----------------------------------------------------------------------===//

namespace bitnetc {
struct Reference::Impl {
  explicit Impl(const Model &model) : model(model), reader(model) {}

  const Model &model;
  WeightReader reader;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::string diagnostics;
  ScopedDiagnosticHandler handler{&context, [this](Diagnostic &diagnostic) {
                                    diagnostics += diagnostic.str() + "\n";
                                    return success();
                                  }};

  llvm::Error failure(const char *what) {
    return createStringError(Twine(what) + ": " +
                             StringRef(diagnostics).rtrim());
  }
};
} // namespace bitnetc

Reference::Reference(const Model &model)
    : impl(std::make_unique<Impl>(model)) {}
Reference::~Reference() = default;

llvm::Error Reference::build(bool fused) {
  auto module = buildGraph(impl->context, impl->model, impl->reader);
  if (!module)
    return module.takeError();
  impl->module = std::move(*module);
  if (failed(verify(*impl->module)))
    return impl->failure("the graph is not valid");
  if (!fused)
    return llvm::Error::success();
  PassManager passes(&impl->context);
  buildFusePipeline(passes);
  if (failed(passes.run(*impl->module)))
    return impl->failure("the fusing pipeline failed");
  return llvm::Error::success();
}

/// As in runtime/Eval.cpp: FNV-1a over the bytes of all logits in position
/// order.
static uint64_t hashLogits(const std::vector<float> &logits) {
  uint64_t hash = 14695981039346656037u;
  const auto *bytes = reinterpret_cast<const unsigned char *>(logits.data());
  for (size_t i = 0; i < logits.size() * sizeof(float); ++i)
    hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

llvm::Expected<uint64_t> Reference::run(llvm::ArrayRef<int32_t> ids,
                                        int64_t layers) {
  impl->module->walk([&](RepeatOp repeat) { repeat.setCount(layers); });
  Batch batch;
  for (int32_t id : ids) {
    auto position = static_cast<int32_t>(batch.size());
    batch.tokens.push_back(id);
    batch.positions.push_back(position);
    batch.sequences.push_back(0);
    batch.logitsToken.push_back(position);
  }
  ModelWeights weights(impl->model, impl->reader);
  Interpreter interpreter(*impl->module, weights);
  auto results = interpreter.run("step", {}, batch);
  if (failed(results))
    return impl->failure("the interpreter failed");
  return hashLogits(results->front().floats());
}
