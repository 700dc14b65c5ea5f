//===- Object.cpp - From LLVM dialect to object code ----------------------===//

#include "targets/Object.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "targets/Isa.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::bitnet;
using llvm::createStringError;

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Cpu &cpu) {
  getIsa(cpu).initializeBackend();
  llvm::Triple triple(cpu.triple);
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return createStringError(message);
  llvm::TargetOptions options;
  // Results are the same on every CPU: a * b + c rounds twice, with or without
  // an fma instruction.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.FunctionSections = true;
  options.DataSections = true;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu.isaCpu, cpu.featureString(), options, llvm::Reloc::PIC_,
      /*CM=*/std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("LLVM has no machine for " + cpu.triple);
  return machine;
}

static void setFunctionAttributes(llvm::Module &module, const Cpu &cpu) {
  std::string features = cpu.featureString();
  std::string width = std::to_string(cpu.vectorBits);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", cpu.isaCpu);
    function.addFnAttr("target-features", features);
    function.addFnAttr("tune-cpu", cpu.tuneCpu);
    // Some tunings prefer 256-bit vectors and would split ours.
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
    // The object links without a library: loops must not become memset.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

/// The usual clean-up, but no vectoriser and no unrolling: the passes before
/// have decided both, and a second opinion only makes the code larger.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.LoopInterleaving = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

static llvm::Expected<std::unique_ptr<llvm::Module>>
translate(ModuleOp module, const Cpu &cpu, llvm::TargetMachine &machine,
          llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(
      module, context, module.getName().value_or("model"));
  if (!result)
    return createStringError("the module does not translate to LLVM IR");
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  result->setPICLevel(llvm::PICLevel::BigPIC);
  setFunctionAttributes(*result, cpu);
  std::string message;
  llvm::raw_string_ostream stream(message);
  if (llvm::verifyModule(*result, &stream))
    return createStringError("invalid LLVM IR: " + message);
  optimize(*result, machine);
  return result;
}

llvm::Expected<std::unique_ptr<llvm::Module>>
mlir::bitnet::translateForCpu(ModuleOp module, const Cpu &cpu,
                              llvm::LLVMContext &context) {
  auto machine = createTargetMachine(cpu);
  if (!machine)
    return machine.takeError();
  return translate(module, cpu, **machine, context);
}

llvm::Error mlir::bitnet::emitObject(ModuleOp module, const Cpu &cpu,
                                     EmitKind kind,
                                     llvm::raw_pwrite_stream &out) {
  auto machine = createTargetMachine(cpu);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  auto result = translate(module, cpu, **machine, context);
  if (!result)
    return result.takeError();
  if (kind == EmitKind::LLVMIR) {
    (*result)->print(out, nullptr);
    return llvm::Error::success();
  }
  llvm::legacy::PassManager passes;
  auto file = kind == EmitKind::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                         : llvm::CodeGenFileType::ObjectFile;
  if ((*machine)->addPassesToEmitFile(passes, out, nullptr, file))
    return createStringError("LLVM cannot emit this kind of file");
  passes.run(**result);
  return llvm::Error::success();
}
