//===- InterpreterPass.cpp - The interpreter as a pass --------------------===//
//
// For every function it prints its name, then for every result its shape, a
// hash of all its bits, and the first columns of every row (of every plane):
//
//   @layer
//   result 0: 5x64xf32 hash 0x0123456789abcdef
//     0.125 -1 ...
//
//===----------------------------------------------------------------------===//

#include "dialect/InterpreterPass.h"
#include "dialect/RandomWeights.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <concepts>

using namespace mlir;
using namespace mlir::bitnet;

/// Columns of a row that are printed; the hash covers the others.
static constexpr int64_t kColumns = 8;

/// FNV-1a of the bytes of `data`.
template <typename T> static uint64_t hashBits(const std::vector<T> &data) {
  uint64_t hash = 0xCBF29CE484222325u;
  const auto *bytes = reinterpret_cast<const unsigned char *>(data.data());
  for (size_t i = 0; i < data.size() * sizeof(T); ++i)
    hash = (hash ^ bytes[i]) * 0x100000001B3u;
  return hash;
}

static void printValue(raw_ostream &os, float value) {
  os << llvm::format("%.9g", static_cast<double>(value));
}
static void printValue(raw_ostream &os, std::integral auto value) {
  os << static_cast<int64_t>(value);
}

static void printTensor(raw_ostream &os, const Tensor &tensor) {
  static constexpr const char *kElements[] = {"f32", "i8", "i1", "i32", "i64"};
  for (int64_t dim : tensor.shape)
    os << dim << "x";
  os << kElements[tensor.data.index()];
  std::visit(
      [&](const auto &data) {
        os << llvm::format(" hash 0x%016llx\n",
                           static_cast<unsigned long long>(hashBits(data)));
        int64_t size = tensor.shape.size() > 1 ? tensor.shape.back() : 1;
        int64_t rows = size ? data.size() / size : 0;
        for (int64_t row = 0; row < rows; ++row) {
          os << " ";
          for (int64_t i = 0; i < std::min(size, kColumns); ++i) {
            os << " ";
            printValue(os, data[row * size + i]);
          }
          os << (size > kColumns ? " ...\n" : "\n");
        }
      },
      tensor.data);
}

namespace {
struct InterpretPass : PassWrapper<InterpretPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InterpretPass)

  InterpretPass() = default;
  InterpretPass(const InterpretPass &other) : PassWrapper(other) {}
  explicit InterpretPass(const InterpretOptions &options) {
    function = options.function;
    tokens = options.tokens;
    seed = options.seed;
    ones = options.ones;
  }

  StringRef getArgument() const override { return "bitnet-interpret"; }
  StringRef getDescription() const override {
    return "Run functions in the reference interpreter and print the results";
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (tokens < 1 || tokens > 65536) {
      module.emitError("bitnet-interpret: tokens must be 1 to 65536, is ")
          << tokens.getValue();
      return signalPassFailure();
    }
    bool found = false;
    for (auto op : module.getOps<func::FuncOp>()) {
      if (function.empty() ? op.isDeclaration() : op.getSymName() != function)
        continue;
      found = true;
      if (failed(interpret(module, op)))
        return signalPassFailure();
    }
    if (!found && !function.empty()) {
      module.emitError("bitnet-interpret: no function @")
          << function.getValue();
      signalPassFailure();
    }
    markAllAnalysesPreserved();
  }

  LogicalResult interpret(ModuleOp module, func::FuncOp op) {
    RandomWeights weights(seed, ones);
    Interpreter interpreter(module, weights);
    FailureOr<std::vector<Tensor>> args = randomArguments(op, tokens, seed);
    if (failed(args))
      return failure();
    FailureOr<std::vector<Tensor>> results =
        interpreter.run(op, *args, randomBatch(module, tokens, seed));
    if (failed(results))
      return failure();
    llvm::outs() << "@" << op.getSymName() << "\n";
    for (auto [i, result] : llvm::enumerate(*results)) {
      llvm::outs() << "result " << i << ": ";
      printTensor(llvm::outs(), result);
    }
    llvm::outs().flush();
    return success();
  }

  Option<std::string> function{*this, "function",
                               llvm::cl::desc("Only this function"),
                               llvm::cl::init("")};
  Option<int64_t> tokens{*this, "tokens", llvm::cl::desc("Tokens of the batch"),
                         llvm::cl::init(5)};
  Option<uint64_t> seed{*this, "seed",
                        llvm::cl::desc("Seed of weights and inputs"),
                        llvm::cl::init(1)};
  Option<bool> ones{*this, "ones", llvm::cl::desc("All weights are 1"),
                    llvm::cl::init(false)};
};
} // namespace

std::unique_ptr<Pass>
mlir::bitnet::createInterpretPass(const InterpretOptions &options) {
  return std::make_unique<InterpretPass>(options);
}

void mlir::bitnet::registerInterpretPass() {
  PassRegistration<InterpretPass>();
}
