//===- reference-eval.cpp - A whole model in the interpreter --------------===//
//
// The other side of "compiled logits are the reference's to the last bit": runs
// @step of a real model in the reference interpreter over all ids in one batch
// and prints the hash that a compiled program prints for `eval --logits-hash`.
//
//   bitnet-reference MODEL_PATH --ids FILE [--fused]
//
// How files become weights is written here a second time, straight from the
// rules: a mistake in the packer then shows as a difference.
//
//===----------------------------------------------------------------------===//

#include "compiler/GraphBuilder.h"
#include "dialect/Interpreter.h"
#include "passes/Pipeline.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

static llvm::cl::opt<std::string> modelPath(llvm::cl::Positional,
                                            llvm::cl::Required,
                                            llvm::cl::desc("model"));
static llvm::cl::opt<std::string>
    idsFile("ids", llvm::cl::Required,
            llvm::cl::desc("JSON array of token ids"));
static llvm::cl::opt<bool>
    fused("fused", llvm::cl::desc("Run the fusing pipeline first"));

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {
class ModelWeights : public WeightProvider {
public:
  ModelWeights(const bitnetc::Model &model, bitnetc::WeightReader &reader)
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

  const bitnetc::Model &model;
  bitnetc::WeightReader &reader;
  std::vector<int8_t> codes;
  std::vector<float> scales, elements;
};
} // namespace

//===----------------------------------------------------------------------===//
// The run
//===----------------------------------------------------------------------===//

/// All tokens of one sequence, logits of all of them.
static llvm::Expected<Batch> readBatch(StringRef file) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer)
    return llvm::createStringError(file + ": " + buffer.getError().message());
  auto ids = llvm::json::parse<std::vector<int>>((*buffer)->getBuffer());
  if (!ids)
    return ids.takeError();
  Batch batch;
  for (int id : *ids) {
    auto position = static_cast<int32_t>(batch.size());
    batch.tokens.push_back(id);
    batch.positions.push_back(position);
    batch.sequences.push_back(0);
    batch.logitsToken.push_back(position);
  }
  return batch;
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

static llvm::Error run() {
  auto batch = readBatch(idsFile);
  if (!batch)
    return batch.takeError();
  auto model = bitnetc::importModel(modelPath);
  if (!model)
    return model.takeError();
  bitnetc::WeightReader reader(*model);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  auto module = bitnetc::buildGraph(context, *model, reader);
  if (!module)
    return module.takeError();
  if (failed(verify(**module)))
    return llvm::createStringError("the graph is not valid");
  if (fused) {
    PassManager passes(&context);
    buildFusePipeline(passes);
    if (failed(passes.run(**module)))
      return llvm::createStringError("the fusing pipeline failed");
  }
  ModelWeights weights(*model, reader);
  Interpreter interpreter(**module, weights);
  auto results = interpreter.run("step", {}, *batch);
  if (failed(results))
    return llvm::createStringError("the interpreter failed");
  llvm::outs() << llvm::format(
      "{\n \"tokens\": %d,\n \"logits_hash\": \"%016llx\"\n}\n",
      static_cast<int>(batch->size()),
      static_cast<unsigned long long>(hashLogits(results->front().floats())));
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv,
                                    "Runs a model in the interpreter\n");
  if (llvm::Error error = run()) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return 1;
  }
  return 0;
}
