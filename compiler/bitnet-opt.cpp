//===- bitnet-opt.cpp - Passes and the interpreter on the command line ----===//
//
// Reads MLIR, runs passes of this project and of MLIR, prints MLIR: the tool of
// the tests, not of users. With --interpret it prints, instead of the module,
// what its functions compute after those passes:
//
//   bitnet-opt layer.mlir --interpret > before
//   bitnet-opt layer.mlir --fuse-norm-quantize --interpret > after
//
// (--bitnet-interpret is the same as a pass, for the middle of a pipeline.)
//
//===----------------------------------------------------------------------===//

#include "dialect/Dialect.h"
#include "dialect/InterpreterPass.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

static llvm::cl::OptionCategory
    interpretCategory("Interpreter", "Run the module instead of printing it");
static llvm::cl::opt<std::string> interpretFunction(
    "interpret", llvm::cl::ValueOptional, llvm::cl::value_desc("function"),
    llvm::cl::desc("Print what the functions (or one of them) compute"),
    llvm::cl::cat(interpretCategory));
static llvm::cl::opt<int64_t>
    interpretTokens("interpret-tokens", llvm::cl::init(5),
                    llvm::cl::desc("Tokens of the batch"),
                    llvm::cl::cat(interpretCategory));
static llvm::cl::opt<uint64_t>
    interpretSeed("interpret-seed", llvm::cl::init(1),
                  llvm::cl::desc("Seed of weights and inputs"),
                  llvm::cl::cat(interpretCategory));
static llvm::cl::opt<bool> interpretOnes("interpret-ones",
                                         llvm::cl::init(false),
                                         llvm::cl::desc("All weights are 1"),
                                         llvm::cl::cat(interpretCategory));

/// The configuration of the command line, with the interpreter as last pass.
static MlirOptMainConfig withInterpreter(MlirOptMainConfig config) {
  bitnet::InterpretOptions options;
  options.function = interpretFunction;
  options.tokens = interpretTokens;
  options.seed = interpretSeed;
  options.ones = interpretOnes;
  MlirOptMainConfig inner = config;
  config.setPassPipelineSetupFn([inner, options](PassManager &manager) {
    if (failed(inner.setupPassPipeline(manager)))
      return failure();
    manager.addPass(bitnet::createInterpretPass(options));
    return success();
  });
  return config;
}

static LogicalResult run(int argc, char **argv, DialectRegistry &registry) {
  auto [inputName, outputName] = registerAndParseCLIOptions(
      argc, argv, "The optimiser of the BitNet dialect", registry);
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  std::string error;
  auto input = openInputFile(inputName, &error);
  if (!input) {
    llvm::errs() << error << "\n";
    return failure();
  }
  if (interpretFunction.getNumOccurrences())
    return MlirOptMain(llvm::nulls(), std::move(input), registry,
                       withInterpreter(std::move(config)));
  auto output = openOutputFile(outputName, &error);
  if (!output) {
    llvm::errs() << error << "\n";
    return failure();
  }
  if (failed(MlirOptMain(output->os(), std::move(input), registry, config)))
    return failure();
  output->keep();
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<bitnet::BitNetDialect>();
  registerAllPasses();
  bitnet::registerInterpretPass();
  bitnet::registerPasses();
  return asMainReturnCode(run(argc, argv, registry));
}
