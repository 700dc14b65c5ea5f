//===- ConvertCommand.cpp - `bitnetc convert` -----------------------------===//

#include "ConvertCommand.h"
#include "Convert.h"
#include "Driver.h"
#include "DriverOptions.h"
#include "DriverOutput.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

using llvm::Error;
using llvm::StringRef;

namespace bitnetc {

static constexpr StringRef kHelp =
    R"(usage: bitnetc convert PATH -o DIRECTORY [OPTIONS]

Writes a model as a directory of model.json, safetensors, tokenizer and chat
template. PATH is whatever bitnetc compiles: a Hugging Face directory, a GGUF
file or a model.json. The directory stands on its own, can be moved, and
compiles to the very program that PATH compiles to: no weight is rounded.

  -o, --output DIRECTORY  where to; it must not exist or be empty
                          (also --output-dir)
  --i2s-layout, --ignore-field, --activations, --kv
                          as for compiling (bitnetc --help)
  --model-id PATH         the model, instead of PATH
  --link                  point at the original safetensors and tokenizer
                          instead of copying them; they must stay in place
  -v, --verbose           print steps and unused tensors
  -q, --quiet             no progress on a terminal

example:
  bitnetc convert models/bitnet-2b.gguf -o models/bitnet-2b
)";

namespace {
struct Settings {
  std::string path, output;
  ConvertOptions options;
  ImportOptions import;
  bool verbose = false, quiet = false;
};
} // namespace

/// An exit code, or -1 to go on.
static int parse(const std::vector<std::string> &arguments,
                 Settings &settings) {
  const StringRef explains = "; 'bitnetc convert --help' explains";
  struct Option {
    StringRef name;
    std::string Settings::*text;
  };
  static constexpr Option options[] = {{"-o", &Settings::output},
                                       {"--output", &Settings::output},
                                       {"--output-dir", &Settings::output},
                                       {"--model-id", &Settings::path}};
  for (size_t i = 0; i < arguments.size(); ++i) {
    const StringRef argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      llvm::outs() << kHelp;
      return kSuccess;
    }
    if (argument == "--link") {
      settings.options.link = true;
      continue;
    }
    if (argument == "-v" || argument == "--verbose") {
      settings.verbose = true;
      continue;
    }
    if (argument == "-q" || argument == "--quiet") {
      settings.quiet = true;
      continue;
    }
    if (auto error = setImportOption(settings.import, argument)) {
      if (*error)
        return reportError(llvm::toString(std::move(*error)) + explains,
                           kBadUsage);
      continue;
    }
    auto [name, value] = argument.split('=');
    const Option *found = nullptr;
    for (const Option &option : options)
      if (option.name == name)
        found = &option;
    if (!found && (argument.starts_with("-") || !settings.path.empty()))
      return reportError("unexpected argument '" + argument + "'" + explains,
                         kBadUsage);
    if (!found) {
      settings.path = argument.str();
      continue;
    }
    if (!argument.contains('=')) {
      if (++i == arguments.size())
        return reportError("'" + name + "' needs a path" + explains, kBadUsage);
      value = arguments[i];
    }
    settings.*(found->text) = value.str();
  }
  if (settings.path.empty())
    return reportError("no model" + explains, kBadUsage);
  if (settings.output.empty())
    return reportError("no -o DIRECTORY" + explains, kBadUsage);
  return -1;
}

static Error convert(const Settings &settings) {
  Progress progress(settings.verbose, settings.quiet);
  progress.begin("reading the model");
  auto model = importModel(settings.path, settings.import);
  if (!model)
    return model.takeError();
  for (const std::string &name : model->unusedTensors)
    progress.note("left out unused tensor " + name);
  auto directory = TemporaryDirectory::create(settings.output);
  if (!directory)
    return directory.takeError();
  progress.begin("writing " + settings.output);
  if (Error error = writeModelDirectory(
          *model, directory->path(), settings.options,
          [&](uint64_t done, uint64_t all) { progress.bytes(done, all); }))
    return error;
  return directory->keep();
}

int runConvert(const std::vector<std::string> &arguments) {
  Settings settings;
  if (int code = parse(arguments, settings); code >= 0)
    return code;
  if (Error error = convert(settings))
    return reportError(llvm::toString(std::move(error)), kBadInput);
  return kSuccess;
}

} // namespace bitnetc
