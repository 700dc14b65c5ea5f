//===- Object.cpp - From LLVM dialect to object code ----------------------===//

#include "targets/Object.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "targets/Isa.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::bitnet;
using llvm::createStringError;

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Cpu &cpu, StringRef tripleText = "") {
  getIsa(cpu).initializeBackend();
  llvm::Triple triple(tripleText.empty() ? cpu.triple : tripleText);
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return createStringError(message);
  llvm::TargetOptions options;
  // Results are the same on every CPU: a * b + c rounds twice, with or without
  // an fma instruction.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.MCOptions.ABIName = getIsa(cpu).abi;
  options.FunctionSections = true;
  options.DataSections = true;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu.isaCpu, cpu.featureString(), options, llvm::Reloc::PIC_,
      /*CM=*/std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("LLVM has no machine for " + triple.str());
  return machine;
}

/// Windows gives a thread its stack page by page, as each is touched, and LLVM
/// would call a library (__chkstk) for frames of more than one page. The entry
/// touches what all frames below it may need instead: Isa::probeStack. No call
/// path has more than four functions.
static constexpr unsigned kProbedStack = 64 * 4096;
static constexpr unsigned kLargestFrame = kProbedStack / 4;

static void probeStack(llvm::Function &entry, const Isa &isa) {
  // Frames of what is called must stay below the probe.
  for (llvm::Instruction &instruction : llvm::instructions(entry))
    if (auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction))
      if (llvm::Function *callee = call->getCalledFunction())
        callee->addFnAttr(llvm::Attribute::NoInline);
  llvm::IRBuilder<> b(&*entry.getEntryBlock().getFirstInsertionPt());
  b.CreateCall(llvm::InlineAsm::get(
      llvm::FunctionType::get(b.getVoidTy(), /*isVarArg=*/false),
      isa.probeStack.text, isa.probeStack.clobbers, /*hasSideEffects=*/true));
}

/// What a system demands of functions: that its debugger and its exceptions can
/// walk through them, and how a stack grows.
static void setSystemAttributes(llvm::Function &function,
                                const llvm::Triple &triple, const Isa &isa) {
  if (triple.isOSWindows()) {
    function.setUWTableKind(llvm::UWTableKind::Sync);
    function.addFnAttr("no-stack-arg-probe");
    function.addFnAttr("warn-stack-size", std::to_string(kLargestFrame));
    if (function.hasFnAttribute(kEntryAttribute))
      probeStack(function, isa);
  } else if (triple.isOSDarwin()) {
    function.addFnAttr("frame-pointer", "non-leaf");
  }
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
    setSystemAttributes(function, module.getTargetTriple(), getIsa(cpu));
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

/// Moves the code for another row into `module`. Every function carries its row
/// as attributes, so one object holds code for several. Names say which.
static llvm::Error merge(llvm::Module &module,
                         std::unique_ptr<llvm::Module> other, const Cpu &cpu) {
  std::vector<std::string> exported;
  for (llvm::GlobalValue &value : other->global_values())
    if (value.isDeclaration())
      continue;
    else if (!value.hasLocalLinkage())
      exported.push_back(value.getName().str());
    else if (value.hasName())
      value.setName(value.getName() + "." + cpu.name);
  if (llvm::Linker::linkModules(module, std::move(other)))
    return createStringError("the code for " + cpu.name +
                             " does not fit to the rest");
  for (const std::string &name : exported)
    module.getNamedValue(name)->setLinkage(llvm::GlobalValue::InternalLinkage);
  return llvm::Error::success();
}

/// Errors of code generation, and frames that are larger than their function's
/// attribute allows.
static void collectProblems(const llvm::DiagnosticInfo *info, void *problems) {
  if (info->getSeverity() != llvm::DS_Error &&
      info->getKind() != llvm::DK_StackSize)
    return;
  llvm::raw_string_ostream os(*static_cast<std::string *>(problems));
  llvm::DiagnosticPrinterRawOStream printer(os);
  info->print(printer);
  os << "; ";
}

llvm::Error mlir::bitnet::emitObject(ArrayRef<TargetModule> modules,
                                     EmitKind kind,
                                     llvm::raw_pwrite_stream &out,
                                     StringRef triple) {
  llvm::LLVMContext context;
  std::string problems;
  context.setDiagnosticHandlerCallBack(collectProblems, &problems);
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> result;
  for (auto [module, cpu] : modules) {
    auto own = createTargetMachine(*cpu, triple);
    if (!own)
      return own.takeError();
    auto translated = translate(module, *cpu, **own, context);
    if (!translated)
      return translated.takeError();
    if (!result) {
      machine = std::move(*own);
      result = std::move(*translated);
    } else if (llvm::Error error =
                   merge(*result, std::move(*translated), *cpu)) {
      return error;
    }
  }
  if (kind == EmitKind::LLVMIR) {
    result->print(out, nullptr);
    return llvm::Error::success();
  }
  llvm::legacy::PassManager passes;
  auto file = kind == EmitKind::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                         : llvm::CodeGenFileType::ObjectFile;
  if (machine->addPassesToEmitFile(passes, out, nullptr, file))
    return createStringError("LLVM cannot emit this kind of file");
  passes.run(*result);
  return problems.empty() ? llvm::Error::success()
                          : createStringError("generating code: " + problems);
}
