//===- VerifyCommand.cpp - `bitnetc verify` -------------------------------===//
//
// Runs the program itself and the reference interpreter over the same tokens
// and compares hashes of all logits. A program can be told to run its first N
// layers only (`eval --layers`: step takes their number from the descriptor),
// so that a few runs find the layer where the two part. Then the program's
// weights are compared with what the packer writes, to name the weight; where
// none differs, it is the code.
//
//===----------------------------------------------------------------------===//

#include "VerifyCommand.h"
#include "Driver.h"
#include "DriverOptions.h"
#include "DriverOutput.h"
#include "GraphBuilder.h"
#include "Packer.h"
#include "Reference.h"
#include "dialect/Dialect.h"
#include "passes/Pipeline.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::bitnet;
using llvm::createStringError;
using llvm::Error;

namespace bitnetc {

static constexpr StringRef kHelp =
    R"(usage: bitnetc verify MODEL PROGRAM [OPTIONS]

Compares a compiled program with the reference interpreter, which runs MODEL
operation by operation: logits must be the same to the bit. If they are not,
names the first layer that differs and, for a program of this very compiler,
the weight. The interpreter is slow: seconds a token for a 2B model.

  --tokens=IDS   token ids to compare on: 1,2,3 (default: eight of the
                 vocabulary)
  --text=TEXT    the tokens of this text
  --i2s-layout, --ignore-field, --activations, --kv
                 as for compiling (bitnetc --help)
  -v, --verbose  print every comparison
  -q, --quiet    no progress on a terminal

Exit status: 0 the same, 1 different or not comparable, 2 wrong command line.

example:
  bitnetc verify models/bitnet-2b ./assistant --text="Once upon a time"
)";

namespace {
struct Settings {
  std::string model, program, tokens, text;
  ImportOptions import;
  bool hasText = false, verbose = false, quiet = false;
};

/// A compiled program as another process sees it.
class Program {
public:
  explicit Program(StringRef path) : path(path) {}

  Error readInfo();
  llvm::Expected<std::vector<int32_t>> tokenize(StringRef text);
  /// The hash over all logits after the first `layers` layers.
  llvm::Expected<uint64_t> hash(ArrayRef<int32_t> ids, int64_t layers);

  StringRef text(StringRef name) const {
    return info.getString(name).value_or("");
  }
  int64_t number(StringRef name) const {
    return info.getInteger(name).value_or(-1);
  }
  const std::string path;

private:
  llvm::Expected<std::string> run(ArrayRef<StringRef> arguments,
                                  StringRef input = "");
  llvm::json::Object info;
};
} // namespace

static llvm::Expected<std::string> readWhole(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

llvm::Expected<std::string> Program::run(ArrayRef<StringRef> arguments,
                                         StringRef input) {
  llvm::SmallString<128> files[3];
  for (auto &file : files)
    if (std::error_code code =
            llvm::sys::fs::createTemporaryFile("bitnetc-verify", "", file))
      return createStringError("no temporary file: " + code.message());
  llvm::scope_exit remove([&] {
    for (auto &file : files)
      llvm::sys::fs::remove(file);
  });
  if (Error error = writeInPlace(files[0], input))
    return error;
  std::vector<StringRef> all = {path};
  llvm::append_range(all, arguments);
  std::string message;
  const int status = llvm::sys::ExecuteAndWait(
      path, all, std::nullopt,
      {StringRef(files[0]), StringRef(files[1]), StringRef(files[2])},
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  auto output = readWhole(files[1]), errors = readWhole(files[2]);
  if (!output || !errors)
    return llvm::joinErrors(output.takeError(), errors.takeError());
  if (status != 0)
    return createStringError(
        path + " " + llvm::join(arguments, " ") + " failed: " +
        (message.empty() ? StringRef(*errors).rtrim().str() : message));
  return output;
}

Error Program::readInfo() {
  auto text = run({"info", "--json"});
  if (!text)
    return text.takeError();
  auto value = llvm::json::parse(*text);
  if (!value || !value->getAsObject()) {
    llvm::consumeError(value.takeError());
    return createStringError(path + " is not a program of bitnetc");
  }
  info = std::move(*value->getAsObject());
  return Error::success();
}

llvm::Expected<std::vector<int32_t>> Program::tokenize(StringRef text) {
  auto output = run({"tokenize", "--ids-only", "-"}, text);
  if (!output)
    return output.takeError();
  return llvm::json::parse<std::vector<int32_t>>(*output);
}

llvm::Expected<uint64_t> Program::hash(ArrayRef<int32_t> ids, int64_t layers) {
  std::string list;
  for (int32_t id : ids)
    list += (list.empty() ? "[" : ", ") + std::to_string(id);
  const std::string count = std::to_string(layers);
  auto output =
      run({"eval", "--ids", "-", "--logits-hash", "--json", "--layers", count},
          list + "]");
  if (!output)
    return output.takeError();
  auto value = llvm::json::parse(*output);
  uint64_t hash = 0;
  if (!value || !value->getAsObject() ||
      StringRef(value->getAsObject()->getString("logits_hash").value_or(""))
          .getAsInteger(16, hash)) {
    llvm::consumeError(value.takeError());
    return createStringError(path + " eval gave no hash");
  }
  return hash;
}

//===----------------------------------------------------------------------===//
// The command line
//===----------------------------------------------------------------------===//

/// An exit code, or -1 to go on.
static int parse(const std::vector<std::string> &arguments,
                 Settings &settings) {
  const StringRef explains = "; 'bitnetc verify --help' explains";
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      llvm::outs() << kHelp;
      return kSuccess;
    }
    if (argument == "-v" || argument == "--verbose") {
      settings.verbose = true;
    } else if (argument == "-q" || argument == "--quiet") {
      settings.quiet = true;
    } else if (argument.consume_front("--tokens=")) {
      settings.tokens = argument.str();
    } else if (auto error = setImportOption(settings.import, argument)) {
      if (*error)
        return reportError(llvm::toString(std::move(*error)) + explains,
                           kBadUsage);
    } else if (argument.consume_front("--text=")) {
      settings.text = argument.str();
      settings.hasText = true;
    } else if (argument.starts_with("-") || !settings.program.empty()) {
      return reportError("unexpected argument '" + argument + "'" + explains,
                         kBadUsage);
    } else {
      (settings.model.empty() ? settings.model : settings.program) =
          argument.str();
    }
  }
  if (settings.program.empty())
    return reportError("verify needs a model and a program" + explains,
                       kBadUsage);
  if (settings.hasText && !settings.tokens.empty())
    return reportError("--tokens and --text exclude each other" + explains,
                       kBadUsage);
  return -1;
}

//===----------------------------------------------------------------------===//
// The comparison
//===----------------------------------------------------------------------===//

static Error checkSameShape(const Model &model, const Program &program) {
  const struct {
    StringRef name;
    int64_t expected;
  } numbers[] = {{"vocab_size", model.vocabSize},
                 {"hidden_size", model.hiddenSize},
                 {"intermediate_size", model.intermediateSize},
                 {"layers", model.numLayers},
                 {"heads", model.numHeads},
                 {"kv_heads", model.numKVHeads},
                 {"head_dim", model.headDim},
                 {"context_length", model.maxPosition}};
  for (const auto &[name, expected] : numbers)
    if (program.number(name) != expected)
      return createStringError(
          program.path + " is a program of another model than " + model.path +
          ": " + name + " is " + Twine(program.number(name)) + ", expected " +
          Twine(expected));
  return Error::success();
}

static llvm::Expected<std::vector<int32_t>>
chooseTokens(const Settings &settings, const Model &model, Program &program) {
  if (settings.hasText)
    return program.tokenize(settings.text);
  std::vector<int32_t> ids;
  if (settings.tokens.empty()) {
    for (int64_t i = 0; i < 8; ++i)
      ids.push_back(static_cast<int32_t>((1 + i * 7919) % model.vocabSize));
    return ids;
  }
  llvm::SmallVector<StringRef> words;
  StringRef(settings.tokens).split(words, ',', -1, /*KeepEmpty=*/false);
  for (StringRef word : words) {
    int32_t id = 0;
    if (word.trim().getAsInteger(10, id) || id < 0 || id >= model.vocabSize)
      return createStringError("--tokens: '" + word +
                               "' is not a token id from 0 to " +
                               Twine(model.vocabSize - 1));
    ids.push_back(id);
  }
  return ids;
}

/// The program's file, with the range of its section of weights.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readWeights(StringRef path, ArrayRef<uint8_t> &weights) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(path + ": " + buffer.getError().message());
  auto elf = llvm::object::ELFFile<llvm::object::ELF64LE>::create(
      (*buffer)->getBuffer());
  if (!elf)
    return elf.takeError();
  auto sections = elf->sections();
  if (!sections)
    return sections.takeError();
  for (const auto &section : *sections) {
    auto name = elf->getSectionName(section);
    if (!name)
      return name.takeError();
    if (*name != ".bitnet.weights")
      continue;
    auto bytes = elf->getSectionContents(section);
    if (!bytes)
      return bytes.takeError();
    weights = *bytes;
    return std::move(*buffer);
  }
  return createStringError(path + " has no section of weights");
}

/// What is wrong with the weights of the program, as the end of a sentence.
static llvm::Expected<std::string>
explain(const Model &model, const Program &program, int64_t layer) {
  if (program.text("compiler") != versionText())
    return "; which weight cannot be told of a program by " +
           program.text("compiler").str();
  // Of several, all agreed on the layout of the weights.
  StringRef targets = program.text("targets");
  for (StringRef target : llvm::split(targets, ','))
    if (!lookupCpu(target))
      return "; which weight cannot be told for target " + target.str();
  ArrayRef<uint8_t> weights;
  auto buffer = readWeights(program.path, weights);
  if (!buffer)
    return buffer.takeError();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  WeightReader reader(model);
  auto module = buildGraph(context, model, reader);
  if (!module)
    return module.takeError();
  PassManager passes(&context);
  buildFusePipeline(passes);
  buildVectorPipeline(passes, program.text("target"), /*layout=*/"", targets);
  if (failed(passes.run(**module)))
    return createStringError("the passes failed");
  auto size = (**module)->getAttrOfType<IntegerAttr>("bitnet.weight_bytes");
  if (static_cast<uint64_t>(size.getInt()) != weights.size())
    return std::string("; which weight cannot be told of a program that was "
                       "compiled with --layout or --head-screen");
  auto differences = comparePacked(**module, model, reader, weights);
  if (!differences)
    return differences.takeError();
  int64_t instances = 0;
  for (RecordOp record : (*module)->getOps<RecordOp>())
    instances += record.getCount();
  if (static_cast<int64_t>(differences->size()) == instances)
    return std::string("; it holds the weights of another model of this "
                       "shape");
  std::string text;
  for (const PackedDifference &d : *differences)
    if (layer < 0 ? d.record != "layer"
                  : d.record == "layer" && d.instance == layer)
      text += llvm::formatv("; {0} has other {1} from byte {2} on", d.weight,
                            d.isScales ? "scales" : "codes", d.byte);
  if (!text.empty())
    return text;
  return differences->empty()
             ? "; its weights are those of the model, its code is not"
             : "; it is not its weights, but there are others in " +
                   differences->front().weight;
}

static Error verify(const Settings &settings) {
  Progress progress(settings.verbose, settings.quiet);
  progress.begin("reading the model");
  auto model = importModel(settings.model, settings.import);
  if (!model)
    return model.takeError();
  Program program(settings.program);
  if (Error error = program.readInfo())
    return error;
  if (Error error = checkSameShape(*model, program))
    return error;
  auto ids = chooseTokens(settings, *model, program);
  if (!ids)
    return ids.takeError();
  if (ids->empty() || static_cast<int64_t>(ids->size()) > model->maxPosition)
    return createStringError("verify needs from 1 to " +
                             Twine(model->maxPosition) + " tokens, found " +
                             Twine(ids->size()));
  Reference reference(*model);
  if (Error error = reference.build(/*fused=*/false))
    return error;
  uint64_t last = 0;
  auto isSame = [&](int64_t layers) -> llvm::Expected<bool> {
    progress.begin(llvm::formatv("after {0} layers", layers).str());
    auto is = program.hash(*ids, layers);
    if (!is)
      return is.takeError();
    auto expected = reference.run(*ids, layers);
    if (!expected)
      return expected.takeError();
    last = *is;
    progress.note(llvm::formatv("{0} layers: program {1:x-16}, reference "
                                "{2:x-16}",
                                layers, *is, *expected)
                      .str());
    return *is == *expected;
  };

  auto all = isSame(model->numLayers);
  if (!all)
    return all.takeError();
  if (*all) {
    progress.end();
    llvm::outs() << llvm::formatv(
        "the same: {0} layers, {1} tokens, logits hash {2:x-16}\n",
        model->numLayers, ids->size(), last);
    return Error::success();
  }
  // The same after `good` layers (-1: not even without any), not after `bad`.
  int64_t good = -1, bad = model->numLayers;
  for (int64_t middle = 0; bad - good > 1; middle = (good + bad + 1) / 2) {
    auto same = isSame(middle);
    if (!same)
      return same.takeError();
    (*same ? good : bad) = middle;
  }
  progress.begin("comparing weights");
  auto why = explain(*model, program, bad - 1);
  if (!why)
    return why.takeError();
  progress.end();
  std::string place = " in embedding, last norm or head";
  if (bad > 0)
    place = llvm::formatv(" from layer {0} (model.layers.{0}) on", bad - 1);
  return createStringError(program.path + " differs from " + model->path +
                           place + *why);
}

int runVerify(const std::vector<std::string> &arguments) {
  Settings settings;
  if (int code = parse(arguments, settings); code >= 0)
    return code;
  if (Error error = verify(settings))
    return reportError(llvm::toString(std::move(error)), kBadInput);
  return kSuccess;
}

} // namespace bitnetc
