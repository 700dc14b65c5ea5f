//===- Jit.cpp - Runs a function of MLIR text for a CPU row ---------------===//

#include "Jit.h"

#include "dialect/Dialect.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "targets/Isa.h"
#include "targets/Object.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::bitnet;

OwningOpRef<ModuleOp> mlir::bitnet::lower(MLIRContext &context, StringRef text,
                                          const Cpu &cpu, bool generic) {
  DialectRegistry registry;
  registry.insert<BitNetDialect, func::FuncDialect>();
  registerMicroOpDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    llvm::report_fatal_error("the test's text does not parse");

  RewritePatternSet patterns(&context);
  if (generic)
    populateGenericMicroOps(patterns);
  else
    populateMicroOpPatterns(cpu, patterns);
  if (failed(applyPatternsGreedily(*module, std::move(patterns))))
    llvm::report_fatal_error("micro-ops");
  PassManager passes(&context);
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(*module)))
    llvm::report_fatal_error("conversion to LLVM");
  return module;
}

bool mlir::bitnet::hostRuns(const Cpu &cpu) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  return llvm::Triple(llvm::sys::getProcessTriple()).getArchName() ==
             cpu.arch &&
         llvm::all_of(cpu.features,
                      [&](StringRef feature) { return host.lookup(feature); });
}

Jit::Jit(ModuleOp module, const Cpu &cpu) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto translated = llvm::cantFail(translateForCpu(module, cpu, *context));
  jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(jit->addIRModule(
      llvm::orc::ThreadSafeModule(std::move(translated), std::move(context))));
}
