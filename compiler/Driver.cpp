//===- Driver.cpp - From a model to a program -----------------------------===//
//
// The steps of a compilation, in their order, and what they hand on to each
// other: one class, and therefore one file.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include "DriverNames.h"
#include "DriverOptions.h"
#include "DriverOutput.h"
#include "Explain.h"
#include "GraphBuilder.h"
#include "Link.h"
#include "Packer.h"
#include "compiler/template/TemplateCompiler.h"
#include "compiler/tokenizer/CompileTokenizer.h"
#include "passes/Pipeline.h"
#include "runtime/Utf8.h"
#include "runtime/abi/bitnet_abi.h"
#include "targets/Kernels.h"
#include "targets/Object.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"
#include <cstdio>

using namespace mlir;
using namespace mlir::bitnet;
using namespace bitnetc;
using llvm::createStringError;
using llvm::Error;

//===----------------------------------------------------------------------===//
// The compilation
//===----------------------------------------------------------------------===//

namespace {
class Compilation {
public:
  Compilation(const DriverOptions &options, StringRef argv0)
      : options(options), argv0(argv0),
        progress(options.verbose, options.quiet) {}

  Error run();
  /// Whether the error that run returned is a defect rather than bad input.
  bool isInternal() const { return internal; }

private:
  using BuildPipeline =
      llvm::function_ref<void(OpPassManager &, StringRef target)>;
  Error runPasses(StringRef step, BuildPipeline build);
  void splitByTarget();
  Error checkShared();
  Error pack(StringRef file);
  Error embedBlobs();
  Error checkLayout();
  Error explainKernels();
  Error emit(EmitKind kind, llvm::SmallVectorImpl<char> &bytes);
  Error lowerToLLVM();
  Error buildParts(StringRef weights, StringRef object);
  Error writeObject();
  Error writeProgram();
  /// Whether to stop after `level`, whose text is then written; or kept with
  /// --save-temps.
  llvm::Expected<bool> finished(Emit level, StringRef extension);
  Error keepTemp(StringRef extension, StringRef bytes);

  void chooseNames();
  const char *objectExtension() const {
    return llvm::Triple(options.triple).isOSWindows() ? ".obj" : ".o";
  }
  /// The output without ".o": net.weights, net.h, net.graph.mlir.
  std::string beside(StringRef extension) const {
    return base + extension.str();
  }
  std::string moduleText();
  /// All targets, if there are several; names of passes' options.
  std::string shared() const {
    return options.cpus.size() > 1 ? targetNames(options.cpus) : "";
  }

  const DriverOptions &options;
  StringRef argv0;
  Progress progress;
  Model model;
  std::unique_ptr<WeightReader> reader;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  /// One, and after splitByTarget one for each target.
  OwningOpRef<ModuleOp> module;
  std::vector<OwningOpRef<ModuleOp>> others; ///< For options.cpus[1], ....
  std::string output, base, prefix;
  std::string passCounts;  ///< With --explain.
  std::string diagnostics; ///< What MLIR said about the step that runs.
  bool internal = false;
};
} // namespace

/// Only what the pipelines need: registering all of MLIR would make every start
/// of the compiler slow.
static void registerConversions(MLIRContext &context) {
  DialectRegistry registry;
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertFuncToLLVMInterface(registry);
  index::registerConvertIndexToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  context.appendDialectRegistry(registry);
}

void Compilation::chooseNames() {
  std::string name = identifier(model.name);
  prefix = options.emit == Emit::Program ? "program"
           : options.prefix.empty()      ? name
                                         : options.prefix;
  std::string file = fileName(model.name);
  output = options.output;
  if (output.empty())
    output = options.emit == Emit::Program  ? file
             : options.emit == Emit::Object ? file + objectExtension()
                                            : "-";
  base = output == "-" ? file : output;
  for (StringRef extension : {".o", ".obj"})
    if (StringRef(base).ends_with(extension))
      base.resize(base.size() - extension.size());
}

std::string Compilation::moduleText() {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  os << '\n';
  return text;
}

Error Compilation::keepTemp(StringRef extension, StringRef bytes) {
  return options.saveTemps ? writeFile(beside(extension), bytes)
                           : Error::success();
}

llvm::Expected<bool> Compilation::finished(Emit level, StringRef extension) {
  if (options.emit != level && !options.saveTemps)
    return false;
  std::string text = moduleText();
  if (options.emit != level) {
    if (Error error = keepTemp(extension, text))
      return error;
    return false;
  }
  progress.end();
  if (Error error = writeFile(output, text))
    return error;
  return true;
}

Error Compilation::runPasses(StringRef step, BuildPipeline build) {
  progress.begin(step);
  auto run = [&](ModuleOp on, const Cpu &cpu) {
    PassManager passes(&context);
    build(passes, cpu.name);
    if (options.explain)
      passes.addInstrumentation(countPasses(passCounts));
    return passes.run(on);
  };
  LogicalResult result = run(*module, *options.cpus[0]);
  for (size_t i = 0; i < others.size() && succeeded(result); ++i)
    result = run(*others[i], *options.cpus[i + 1]);
  if (succeeded(result))
    return Error::success();
  internal = true;
  return createStringError(step + ": " + StringRef(diagnostics).rtrim());
}

/// What comes next depends on the target.
void Compilation::splitByTarget() {
  for (size_t i = 1; i < options.cpus.size(); ++i)
    others.push_back(OwningOpRef<ModuleOp>(module->clone()));
}

/// The weights are packed once and the pages of keys and values are one kind,
/// so that every target must read them in the same way.
Error Compilation::checkShared() {
  auto text = [](ModuleOp of) {
    std::string all;
    llvm::raw_string_ostream os(all);
    for (RecordOp record : of.getOps<RecordOp>())
      record.print(os);
    os << of->getAttr("bitnet.kv_page_bytes");
    return all;
  };
  for (OwningOpRef<ModuleOp> &other : others)
    if (text(*other) != text(*module)) {
      internal = true;
      return createStringError("the targets " + shared() +
                               " do not read one form of the weights");
    }
  return Error::success();
}

Error Compilation::lowerToLLVM() {
  return runPasses("lowering to LLVM", [&](OpPassManager &pm, StringRef cpu) {
    buildLLVMPipeline(pm, cpu, prefix, shared());
  });
}

Error Compilation::pack(StringRef file) {
  progress.begin("packing weights");
  std::array<uint8_t, 32> hash;
  if (Error error = packWeights(
          *module, model, *reader, file, hash,
          [&](uint64_t done, uint64_t all) { progress.bytes(done, all); }))
    return error;
  (*module)->setAttr(
      "bitnet.weights_hash",
      StringAttr::get(&context, llvm::toHex(hash, /*LowerCase=*/true)));
  return Error::success();
}

/// Hands emit-abi what it puts into the descriptor beside the code.
Error Compilation::embedBlobs() {
  progress.begin("tokenizer");
  if (!model.tokenizerFile.empty()) {
    CompiledTokenizer tokenizer = compileTokenizerFile(model.tokenizerFile);
    // Fewer are usual: rows of an embedding are rounded up.
    if (tokenizer.error.empty() &&
        static_cast<int64_t>(tokenizer.tokens) > model.vocabSize)
      tokenizer.error = model.tokenizerFile + ": has " +
                        std::to_string(tokenizer.tokens) +
                        " tokens, the embedding of the model only " +
                        std::to_string(model.vocabSize) + " rows";
    if (!tokenizer.error.empty())
      return createStringError(tokenizer.error);
    (*module)->setAttr("bitnet.tokenizer",
                       StringAttr::get(&context, tokenizer.blob));
  }
  if (model.chatTemplate) {
    CompiledTemplate compiled =
        compileTemplate(*model.chatTemplate, model.templateTokens);
    if (!compiled.error.empty())
      return createStringError("chat template, " + compiled.error);
    (*module)->setAttr("bitnet.chat_template",
                       StringAttr::get(&context, compiled.blob));
  }
  return Error::success();
}

/// --layout must have changed something, or at least be what was taken anyway.
Error Compilation::checkLayout() {
  if (options.layout.empty())
    return Error::success();
  auto kernels = (*module)->getAttrOfType<StringAttr>("bitnet.summary");
  for (StringRef name : llvm::split(kernels.getValue(), ", "))
    if (stringifyLayout(lookupKernel(name)->layout) == options.layout)
      return Error::success();
  return createStringError("no kernel for " + targetNames(options.cpus) +
                           " reads weights of this model in layout " +
                           options.layout + " (--print-targets lists kernels)");
}

Error Compilation::emit(EmitKind kind, llvm::SmallVectorImpl<char> &bytes) {
  progress.begin("generating code");
  llvm::raw_svector_ostream out(bytes);
  std::vector<TargetModule> modules = {{*module, options.cpus[0]}};
  for (size_t i = 0; i < others.size(); ++i)
    modules.push_back({*others[i], options.cpus[i + 1]});
  Error error = emitObject(modules, kind, out, options.triple);
  internal |= static_cast<bool>(error);
  return error;
}

/// With --explain: as far as kernels are chosen. Several targets are shown what
/// each of them would have taken without the others.
Error Compilation::explainKernels() {
  std::string counts = std::exchange(passCounts, "");
  auto select = [&](StringRef sharers) {
    return runPasses("kernels", [&](OpPassManager &pm, StringRef cpu) {
      buildSelectionPipeline(pm, cpu, options.layout, sharers);
    });
  };
  OwningOpRef<ModuleOp> fused = module->clone();
  splitByTarget();
  if (Error error = select(shared()))
    return error;
  if (Error error = checkLayout())
    return error;
  std::vector<OwningOpRef<ModuleOp>> together;
  together.push_back(std::move(module));
  for (OwningOpRef<ModuleOp> &other : others)
    together.push_back(std::move(other));

  std::string text = explainFusing(model.name, options.cpus, counts);
  for (size_t i = 0; i < together.size(); ++i)
    text += bitnetc::explainKernels(*together[i], *options.cpus[i]);
  if (together.size() > 1) {
    others.clear();
    module = std::move(fused);
    splitByTarget();
    if (Error error = select(""))
      return error;
    std::vector<SharedModule> costs;
    for (size_t i = 0; i < together.size(); ++i)
      costs.push_back(
          {options.cpus[i], *together[i], i ? *others[i - 1] : *module});
    text += explainSharing(costs);
  }
  progress.end();
  return writeFile(options.output.empty() ? "-" : output, text);
}

//===----------------------------------------------------------------------===//
// The two binary forms
//===----------------------------------------------------------------------===//

/// Weights and object, which a program is linked from and a user of --emit=obj
/// gets as they are.
Error Compilation::buildParts(StringRef weights, StringRef object) {
  // The quick step first: a tokenizer that cannot be compiled shows before
  // gigabytes are packed.
  if (Error error = embedBlobs())
    return error;
  if (Error error = pack(weights))
    return error;
  if (Error error = lowerToLLVM())
    return error;
  llvm::SmallString<0> bytes;
  if (Error error = emit(EmitKind::Object, bytes))
    return error;
  return writeInPlace(object, bytes);
}

Error Compilation::writeObject() {
  auto object = TemporaryFile::create(output);
  if (!object)
    return object.takeError();
  auto weights = TemporaryFile::create(beside(".weights"));
  if (!weights)
    return weights.takeError();
  auto header = TemporaryFile::create(beside(".h"));
  if (!header)
    return header.takeError();

  if (Error error = buildParts(weights->path(), object->path()))
    return error;
  std::string text = headerText(prefix, fileName(model.name),
                                llvm::sys::path::filename(beside(".weights")),
                                targetNames(options.cpus));
  if (Error error = writeInPlace(header->path(), text))
    return error;
  for (TemporaryFile *file : {&*weights, &*header, &*object})
    if (Error error = file->keep())
      return error;
  return Error::success();
}

Error Compilation::writeProgram() {
  // First: without it, gigabytes would be packed in vain.
  auto runtime = findRuntime(options.cpus[0]->arch, argv0);
  if (!runtime)
    return runtime.takeError();
  auto program = TemporaryFile::create(output);
  if (!program)
    return program.takeError();
  auto object = TemporaryFile::create(beside(".o"));
  if (!object)
    return object.takeError();
  auto weights = TemporaryFile::create(beside(".weights"));
  if (!weights)
    return weights.takeError();

  if (Error error = buildParts(weights->path(), object->path()))
    return error;
  progress.begin("linking");
  if (Error error = linkStatic({object->path(), *runtime}, program->path()))
    return error;
  if (Error error = stripSymbols(program->path()))
    return error;
  if (Error error =
          appendWeights(program->path(), weights->path(), prefix + "_model",
                        offsetof(bitnet_model, weights_begin)))
    return error;
  progress.end();
  if (options.saveTemps)
    for (TemporaryFile *file : {&*object, &*weights})
      if (Error error = file->keep())
        return error;
  return program->keep();
}

//===----------------------------------------------------------------------===//
// The order of the steps
//===----------------------------------------------------------------------===//

Error Compilation::run() {
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    diagnostics += diagnostic.str() + "\n";
    return success();
  });
  progress.note("target " + targetNames(options.cpus) +
                (options.cpuNote.empty() ? "" : " (" + options.cpuNote + ")"));
  progress.begin("reading the model");
  auto imported = importModel(options.path, options.import);
  if (!imported)
    return imported.takeError();
  model = std::move(*imported);
  for (const std::string &name : model.unusedTensors)
    progress.note("unused tensor " + name);
  chooseNames();

  reader = std::make_unique<WeightReader>(model);
  auto graph = buildGraph(context, model, *reader);
  if (!graph)
    return graph.takeError();
  module = std::move(*graph);
  auto done = finished(Emit::Graph, ".graph.mlir");
  if (!done || *done)
    return done.takeError();

  if (Error error = runPasses("fusing", [&](OpPassManager &pm, StringRef) {
        buildFusePipeline(pm, options.headScreen);
      }))
    return error;
  done = finished(Emit::Fused, ".fused.mlir");
  if (!done || *done)
    return done.takeError();

  if (options.explain)
    return explainKernels();

  registerConversions(context);
  splitByTarget();
  if (Error error =
          runPasses("vector code", [&](OpPassManager &pm, StringRef cpu) {
            buildVectorPipeline(pm, cpu, options.layout, shared());
          }))
    return error;
  if (Error error = checkShared())
    return error;
  if (Error error = checkLayout())
    return error;
  done = finished(Emit::Vector, ".vector.mlir");
  if (!done || *done)
    return done.takeError();

  (*module)->setAttr("bitnet.compiler",
                     StringAttr::get(&context, versionText()));
  if (options.emit == Emit::Object)
    return writeObject();
  if (options.emit == Emit::Program)
    return writeProgram();

  // Text is for reading: it leaves out tokenizer and hash.
  if (Error error = lowerToLLVM())
    return error;
  llvm::SmallString<0> bytes;
  if (Error error = emit(options.emit == Emit::LLVM ? EmitKind::LLVMIR
                                                    : EmitKind::Assembly,
                         bytes))
    return error;
  progress.end();
  return writeFile(output, bytes);
}

int bitnetc::reportError(const llvm::Twine &message, int code,
                         StringRef program) {
  fflush(stdout);
  llvm::errs() << program << ": error: " << ::bitnet::printable(message.str())
               << '\n';
  return code;
}

int bitnetc::runDriver(llvm::ArrayRef<const char *> arguments) {
  auto options = parseOptions(arguments.drop_front());
  if (!options) {
    reportError(llvm::toString(options.takeError()), kBadUsage);
    llvm::errs() << "Try 'bitnetc --help'.\n";
    return kBadUsage;
  }
  if (options->help)
    printHelp(llvm::outs());
  else if (options->version)
    printVersion(llvm::outs());
  else if (options->printTargets)
    printTargets(llvm::outs());
  else {
    Compilation compilation(*options, arguments[0]);
    if (Error error = compilation.run()) {
      std::string message = llvm::toString(std::move(error));
      bool internal = compilation.isInternal();
      llvm::errs() << "bitnetc: " << (internal ? "internal " : "")
                   << "error: " << ::bitnet::printable(message) << '\n';
      return internal ? kInternal : kBadInput;
    }
  }
  return kSuccess;
}
