//===- InterpreterTest.cpp - The interpreter as a library -----------------===//
//
// What a step promises: the logits of a token depend on its own sequence alone,
// not on how the sequence was cut into steps nor on what else was in the batch.
// And what a caller may get wrong.
//
//===----------------------------------------------------------------------===//

#include "dialect/RandomWeights.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::bitnet;

namespace {

constexpr const char *kModel = R"(
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [50, 32] scale_rows 50 source "e"
  bitnet.weight @rope quant float shape [64, 16] source "r"
  bitnet.weight @norm quant float shape [32] source "n"
}
bitnet.record @layer count 3 {
  bitnet.weight @norm quant float shape [32] source "n"
  bitnet.weight @q quant ternary shape [32, 32] source "q"
  bitnet.weight @k quant ternary shape [16, 32] source "k"
  bitnet.weight @v quant ternary shape [16, 32] source "v"
  bitnet.weight @o quant binary shape [32, 32] source "o"
}
func.func @layer_fn(%h: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %n = bitnet.rms_norm %h gain @layer::@norm eps 1.0e-5 : tensor<?x32xf32>
  %q = bitnet.linear %n, @layer::@q input int8 : tensor<?x32xf32> -> tensor<?x32xf32>
  %k = bitnet.linear %n, @layer::@k input int8 : tensor<?x32xf32> -> tensor<?x16xf32>
  %v = bitnet.linear %n, @layer::@v input int8 : tensor<?x32xf32> -> tensor<?x16xf32>
  %qr = bitnet.rope %q, @globals::@rope half head_dim 16 : tensor<?x32xf32>
  %kr = bitnet.rope %k, @globals::@rope half head_dim 16 : tensor<?x16xf32>
  bitnet.kv_append %kr, %v head_dim 16 : tensor<?x16xf32>
  %a = bitnet.attention %qr heads 2 kv_heads 1 head_dim 16 : tensor<?x32xf32>
  %o = bitnet.linear %a, @layer::@o input sign : tensor<?x32xf32> -> tensor<?x32xf32>
  %y = bitnet.add %o, %h : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
func.func @step() -> tensor<?x50xf32> {
  %e = bitnet.embed @globals::@embed : tensor<?x32xf32>
  %h = bitnet.repeat @layer_fn(%e) times 3 : tensor<?x32xf32>
  %g = bitnet.gather_logits %h : tensor<?x32xf32>
  %n = bitnet.rms_norm %g gain @globals::@norm eps 1.0e-5 : tensor<?x32xf32>
  %l = bitnet.linear %n, @globals::@embed input int16 : tensor<?x32xf32> -> tensor<?x50xf32>
  return %l : tensor<?x50xf32>
}
)";

class InterpreterTest : public ::testing::Test {
protected:
  InterpreterTest() {
    context.loadDialect<BitNetDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(kModel, &context);
  }

  /// Logits of tokens first..last-1 of a made-up text, with all logits wanted.
  static Batch batchOf(int sequence, int first, int last) {
    Batch batch;
    append(batch, sequence, first, last);
    return batch;
  }
  static void append(Batch &batch, int sequence, int first, int last) {
    for (int i = first; i < last; ++i) {
      batch.logitsToken.push_back(batch.tokens.size());
      batch.tokens.push_back((i * 7 + sequence * 13) % 50);
      batch.positions.push_back(i);
      batch.sequences.push_back(sequence);
    }
  }

  static std::vector<float> logits(Interpreter &interpreter,
                                   const Batch &batch) {
    auto results = interpreter.run("step", {}, batch);
    if (failed(results))
      return {};
    return results->front().floats();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  RandomWeights weights{7};
};

TEST_F(InterpreterTest, PrefillEqualsDecode) {
  ASSERT_TRUE(module);
  constexpr int kTokens = 37; // three pages
  Interpreter whole(*module, weights), pieces(*module, weights);
  auto expected = logits(whole, batchOf(0, 0, kTokens));
  ASSERT_EQ(expected.size(), kTokens * 50u);
  std::vector<float> got;
  for (auto [first, last] : {std::pair{0, 20}, {20, 21}, {21, 22}, {22, 37}})
    llvm::append_range(got, logits(pieces, batchOf(0, first, last)));
  EXPECT_EQ(got, expected);
}

TEST_F(InterpreterTest, SequencesDoNotMeet) {
  Interpreter alone(*module, weights), together(*module, weights);
  auto first = logits(alone, batchOf(0, 0, 5));
  auto second = logits(alone, batchOf(3, 0, 4));
  Batch both = batchOf(0, 0, 5);
  append(both, 3, 0, 4);
  auto got = logits(together, both);
  llvm::append_range(first, second);
  EXPECT_EQ(got, first);
}

TEST_F(InterpreterTest, LayersHaveTheirOwnWeights) {
  std::vector<std::vector<float>> gains;
  WeightOp norm = lookupWeight(
      module->lookupSymbol<func::FuncOp>("step"),
      SymbolRefAttr::get(&context, "layer",
                         {FlatSymbolRefAttr::get(&context, "norm")}));
  for (int instance : {0, 1, 0})
    gains.push_back(weights.floats(norm, instance)->vec());
  EXPECT_NE(gains[0], gains[1]);
  EXPECT_EQ(gains[0], gains[2]);
}

TEST_F(InterpreterTest, ForgetsSequences) {
  Interpreter interpreter(*module, weights);
  auto expected = logits(interpreter, batchOf(0, 0, 3));
  interpreter.clearKV();
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  EXPECT_TRUE(logits(interpreter, batchOf(0, 3, 4)).empty());
  EXPECT_EQ(logits(interpreter, batchOf(0, 0, 3)), expected);
}

/// Collects the errors of a run.
class InterpreterErrors : public InterpreterTest {
protected:
  std::string errorOf(const Batch &batch, std::vector<Tensor> args = {},
                      StringRef function = "step") {
    std::string message;
    ScopedDiagnosticHandler collect(&context, [&](Diagnostic &diagnostic) {
      message += diagnostic.str();
      return success();
    });
    Interpreter interpreter(*module, weights);
    EXPECT_TRUE(failed(interpreter.run(function, std::move(args), batch)));
    return message;
  }
};

TEST_F(InterpreterErrors, Batches) {
  Batch batch = batchOf(0, 0, 3);
  batch.positions.pop_back();
  EXPECT_NE(errorOf(batch).find("differ in number"), std::string::npos);
  batch = batchOf(0, 0, 3);
  batch.positions[1] = -1;
  EXPECT_NE(errorOf(batch).find("no position -1"), std::string::npos);
  batch = batchOf(0, 0, 3);
  batch.logitsToken[0] = 3;
  EXPECT_NE(errorOf(batch).find("logits of token 3 of 3"), std::string::npos);
  batch = batchOf(0, 0, 3);
  batch.tokens[2] = 50;
  EXPECT_NE(errorOf(batch).find("no row for token 50"), std::string::npos);
  batch.tokens[2] = -1;
  EXPECT_NE(errorOf(batch).find("no row for token -1"), std::string::npos);
}

TEST_F(InterpreterErrors, Arguments) {
  Batch batch = batchOf(0, 0, 1);
  EXPECT_NE(errorOf(batch, {}, "layer_fn").find("takes 1 values, got 0"),
            std::string::npos);
  for (const Tensor &wrong :
       {Tensor::of({1, 16}, Tensor::Floats(16)), // columns
        Tensor::of({1, 32}, Tensor::Ints(32)),   // element type
        Tensor::of({1, 32}, Tensor::Floats(31)), // too few elements
        Tensor::of({32}, Tensor::Floats(32)), Tensor()})
    EXPECT_NE(errorOf(batch, {wrong}, "layer_fn").find("argument 0 is no"),
              std::string::npos);
  EXPECT_NE(errorOf(batch, {}, "other").find("no function @other"),
            std::string::npos);
}

/// A provider whose answers do not fit the declaration.
struct WrongWeights : WeightProvider {
  FailureOr<MatrixView> matrix(WeightOp, int64_t) override {
    return MatrixView{};
  }
  FailureOr<ArrayRef<float>> floats(WeightOp, int64_t) override {
    return failure();
  }
};

TEST_F(InterpreterErrors, Weights) {
  WrongWeights wrong;
  Interpreter interpreter(*module, wrong);
  std::string message;
  ScopedDiagnosticHandler collect(&context, [&](Diagnostic &diagnostic) {
    message += diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(interpreter.run("step", {}, batchOf(0, 0, 1))));
  EXPECT_NE(message.find("has no data for @globals::@embed"),
            std::string::npos);
}

} // namespace
