//===- DriverOptions.cpp - Command line of bitnetc ------------------------===//

#include "DriverOptions.h"
#include "ModelJsonWords.h"

#include "targets/Kernels.h"
#include "targets/Systems.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FormatVariadic.h"

using namespace bitnetc;
using llvm::createStringError;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using mlir::bitnet::Cpu;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// ": did you mean 'x'?" for the nearest name, or a list of all.
static std::string suggest(StringRef wrong, llvm::ArrayRef<std::string> names) {
  auto distance = [&](StringRef name) { return wrong.edit_distance(name); };
  auto nearest = llvm::min_element(names, [&](StringRef a, StringRef b) {
    return distance(a) < distance(b);
  });
  // A third of the letters may be wrong: beyond that a guess only misleads.
  if (nearest != names.end() &&
      distance(*nearest) <= std::max<size_t>(1, nearest->size() / 3))
    return "; did you mean '" + *nearest + "'?";
  return "; known: " + llvm::join(names, ", ");
}

namespace {
struct EmitName {
  llvm::StringLiteral name;
  Emit emit;
};
} // namespace

static constexpr EmitName kEmits[] = {
    {"graph", Emit::Graph}, {"fused", Emit::Fused},  {"vector", Emit::Vector},
    {"llvm", Emit::LLVM},   {"asm", Emit::Assembly}, {"obj", Emit::Object},
    {"exe", Emit::Program},
};

static Error setEmit(DriverOptions &options, StringRef value) {
  std::vector<std::string> names;
  for (const EmitName &row : kEmits) {
    if (row.name == value) {
      options.emit = row.emit;
      return Error::success();
    }
    names.push_back(row.name.str());
  }
  return createStringError("cannot emit '" + value + "'" +
                           suggest(value, names));
}

static llvm::Expected<const Cpu *> findTarget(StringRef value,
                                              std::string &note) {
  if (value == "native") {
    if (const Cpu *cpu = mlir::bitnet::nativeCpu(note))
      return cpu;
    return createStringError(note +
                             "; name one with --target= (--print-targets "
                             "lists them)");
  }
  if (const Cpu *cpu = mlir::bitnet::lookupCpu(value))
    return cpu;
  std::vector<std::string> names = {"native"};
  for (const Cpu &cpu : mlir::bitnet::allCpus())
    names.push_back(cpu.name.str());
  return createStringError("unknown target '" + value + "'" +
                           suggest(value, names));
}

/// Several targets must be told apart by features when the program starts, and
/// one program is for one instruction set.
static Error checkTogether(llvm::ArrayRef<const Cpu *> cpus) {
  const Cpu &first = *cpus.front();
  for (size_t i = 1; i < cpus.size(); ++i) {
    const Cpu &cpu = *cpus[i];
    if (cpu.arch != first.arch)
      return createStringError(
          "one program is for one instruction set: " + first.name + " is " +
          first.arch + ", " + cpu.name + " is " + cpu.arch);
    for (const Cpu *other : cpus.take_front(i))
      if (other->hasFeatures(cpu.features))
        return createStringError(
            other == &cpu
                ? "target '" + cpu.name + "' is named twice"
                : "'" + cpu.name + "' and '" + other->name +
                      "' need the same features, so that no program could "
                      "choose between them; name one");
  }
  return Error::success();
}

static Error setTarget(DriverOptions &options, StringRef value) {
  options.cpus.clear();
  for (StringRef name : llvm::split(value, ',')) {
    auto cpu = findTarget(name, options.cpuNote);
    if (!cpu)
      return cpu.takeError();
    options.cpus.push_back(*cpu);
  }
  // The table is in that order.
  llvm::sort(options.cpus);
  return checkTogether(options.cpus);
}

static Error setTriple(DriverOptions &options, StringRef value) {
  StringRef arch;
  auto triple = mlir::bitnet::resolveTriple(value, arch);
  if (!triple)
    return triple.takeError();
  options.triple = *triple;
  options.tripleArch = arch.str();
  return Error::success();
}

/// The targets of a triple: any processor, unless some are named.
static Error checkTriple(DriverOptions &options) {
  if (options.triple.empty())
    return Error::success();
  if (options.emit == Emit::Program)
    return createStringError("programs are made for Linux; with --triple, say "
                             "--emit=obj");
  if (options.cpus.empty())
    options.cpus.push_back(
        llvm::find_if(mlir::bitnet::allCpus(), [&](const Cpu &cpu) {
          return cpu.arch == options.tripleArch;
        }));
  if (options.cpus[0]->arch != options.tripleArch)
    return createStringError("target '" + options.cpus[0]->name + "' is for " +
                             options.cpus[0]->arch + ", triple '" +
                             options.triple + "' is not");
  return Error::success();
}

std::string
bitnetc::targetNames(llvm::ArrayRef<const mlir::bitnet::Cpu *> cpus) {
  std::string names;
  for (const Cpu *cpu : cpus)
    names += (names.empty() ? "" : ",") + cpu->name.str();
  return names;
}

static Error setPrefix(DriverOptions &options, StringRef value) {
  auto letter = [](char c) { return llvm::isAlpha(c) || c == '_'; };
  if (value.empty() || !letter(value[0]) || !llvm::all_of(value, [&](char c) {
        return letter(c) || llvm::isDigit(c);
      }))
    return createStringError("prefix '" + value + "' is not a C identifier");
  options.prefix = value.str();
  return Error::success();
}

/// The value of a word; an error lists the words: "a, b and c".
template <typename To, typename E, size_t N>
static Error choose(StringRef what, StringRef word,
                    const Choice<E> (&choices)[N], To &to) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (choices[i].word == word) {
      to = choices[i].value;
      return Error::success();
    }
    known += (i == 0       ? ""
              : i + 1 == N ? " and "
                           : ", ") +
             choices[i].word.str();
  }
  return createStringError("unknown " + what + " '" + word + "'; known are " +
                           known);
}

static Error setI2SLayout(ImportOptions &options, StringRef value) {
  static constexpr Choice<gguf::I2SLayout> layouts[] = {
      {"128", gguf::I2SLayout::Blocks128},
      {"64", gguf::I2SLayout::Blocks64},
      {"rows", gguf::I2SLayout::Rows}};
  return choose("I2_S layout", value, layouts, options.i2sLayout);
}

static Error ignoreField(ImportOptions &options, StringRef value) {
  if (value.empty())
    return createStringError("--ignore-field needs the name of a field");
  options.ignoredFields.push_back(value.str());
  return Error::success();
}

static Error setActivations(ImportOptions &options, StringRef value) {
  static constexpr Choice<InputQuant> kinds[] = {
      {"int8", InputQuant::Int8Groups}, {"int16", InputQuant::Int16}};
  return choose("activations", value, kinds, options.weightsOnlyInput);
}

static Error setKV(ImportOptions &options, StringRef value) {
  return choose("form of the KV cache", value, kvForms, options.kvForm);
}

static Error setHeadScreen(DriverOptions &options, StringRef value) {
  auto &screen = options.headScreen;
  if (value == "off") {
    screen.z = 0;
    return Error::success();
  }
  double z;
  if (value.getAsDouble(z) || !(z > 0 && z <= 100))
    return createStringError("--head-screen takes 'off' or a number above 0 "
                             "and up to 100, not '" +
                             value + "'");
  screen = {static_cast<float>(z), /*always=*/true};
  return Error::success();
}

static Error setLayout(DriverOptions &options, StringRef value) {
  std::vector<std::string> names;
  for (const mlir::bitnet::Kernel &kernel : mlir::bitnet::allKernels()) {
    std::string name = mlir::bitnet::stringifyLayout(kernel.layout).str();
    if (!llvm::is_contained(names, name))
      names.push_back(name);
  }
  if (!llvm::is_contained(names, value))
    return createStringError("unknown layout '" + value + "'" +
                             suggest(value, names));
  options.layout = value.str();
  return Error::success();
}

static Error setOutput(DriverOptions &options, StringRef value) {
  if (value.empty())
    return createStringError("the output's name is empty");
  options.output = value.str();
  return Error::success();
}

template <bool DriverOptions::*Member>
static Error setFlag(DriverOptions &options, StringRef) {
  options.*Member = true;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {
struct OptionRow {
  llvm::StringLiteral group;
  llvm::StringLiteral name; ///< With its dashes.
  llvm::StringLiteral alias;
  llvm::StringLiteral value; ///< Empty for a flag.
  llvm::StringLiteral help;
  Error (*set)(DriverOptions &, StringRef value);
  /// In place of set: of how a model is read, which other commands take too.
  Error (*setImport)(ImportOptions &, StringRef value) = nullptr;
};
} // namespace

static constexpr OptionRow kOptions[] = {
    {"Output", "-o", "--output", "FILE",
     "where to write; default: the model's name, or\n"
     "standard output ('-') for text",
     setOutput},
    {"Output", "--emit", "", "WHAT",
     "stop after: graph, fused, vector (MLIR), llvm,\n"
     "asm (text without the tokenizer), obj (with C\n"
     "header and weights beside it), exe (default)",
     setEmit},
    {"Output", "--prefix", "", "NAME",
     "obj exports NAME_model; default: the model's name", setPrefix},
    {"Target", "--target", "", "NAME",
     "a CPU of the table, or native (default); several, by\n"
     "commas: one program with code for each over one copy\n"
     "of the weights, which takes the best when it starts",
     setTarget},
    {"Target", "--triple", "", "TRIPLE",
     "with --emit=obj, another system than Linux:\n"
     "arm64-apple-macos, x86_64-pc-windows-msvc, ...",
     setTriple},
    {"Target", "--print-targets", "", "",
     "list CPUs, the kernels they get, and triples",
     setFlag<&DriverOptions::printTargets>},
    {"Model", "--i2s-layout", "", "KIND",
     "codes of I2_S tensors in a GGUF file lie in blocks\n"
     "of 128 (default: converters and x86), of 64 (Arm),\n"
     "or in rows (x86 without ACT_PARALLEL); it cannot tell",
     nullptr, setI2SLayout},
    {"Model", "--ignore-field", "", "NAME",
     "do not mind this field of config.json, though it is\n"
     "not understood; may be repeated (OBJECT.NAME: inside\n"
     "an object)",
     nullptr, ignoreField},
    {"Model", "--activations", "", "KIND",
     "of a model that quantises weights only (Bonsai), per\n"
     "group of columns: int16 (default), or int8: faster,\n"
     "less exact",
     nullptr, setActivations},
    {"Code", "--kv", "", "FORM",
     "keep keys and values in f16 (default, unless the\n"
     "model says otherwise) or in i8, half the memory; b1,\n"
     "their signs, is for models that are trained so",
     nullptr, setKV},
    {"Code", "--head-screen", "", "Z",
     "with --top-k or --greedy compute only logits within\n"
     "Z standard deviations of the best, by a sketch of\n"
     "the head; or off. Default: 6 for large vocabularies",
     setHeadScreen},
    {"Code", "--layout", "", "NAME",
     "prefer kernels that read weights in this layout, for\n"
     "experiments (--print-targets lists them)",
     setLayout},
    {"Diagnosis", "--explain", "", "",
     "instead of a program, tell what was fused, which\n"
     "kernels and layouts were chosen and what they cost",
     setFlag<&DriverOptions::explain>},
    {"Diagnosis", "-v", "--verbose", "", "print steps, times and peak memory",
     setFlag<&DriverOptions::verbose>},
    {"Diagnosis", "-q", "--quiet", "",
     "no progress; without it, there is some on a terminal",
     setFlag<&DriverOptions::quiet>},
    {"Diagnosis", "--save-temps", "", "",
     "keep every intermediate form beside the output",
     setFlag<&DriverOptions::saveTemps>},
    {"Diagnosis", "--version", "", "", "print the version",
     setFlag<&DriverOptions::version>},
    {"Diagnosis", "--help", "-h", "", "print this text",
     setFlag<&DriverOptions::help>},
};

static const OptionRow *findOption(StringRef name) {
  for (const OptionRow &row : kOptions)
    if (name == row.name || (!row.alias.empty() && name == row.alias))
      return &row;
  return nullptr;
}

std::optional<Error> bitnetc::setImportOption(ImportOptions &options,
                                              StringRef argument) {
  auto [name, value] = argument.split('=');
  const OptionRow *row = findOption(name);
  if (!row || !row->setImport)
    return std::nullopt;
  return row->setImport(options, value);
}

static Error unknownOption(StringRef name) {
  std::vector<std::string> names;
  for (const OptionRow &row : kOptions)
    for (StringRef known : {StringRef(row.name), StringRef(row.alias)})
      if (known.size() > 2)
        names.push_back(known.str());
  std::string hint = suggest(name, names);
  if (!StringRef(hint).starts_with("; did"))
    hint.clear();
  return createStringError("unknown option '" + name + "'" + hint);
}

llvm::Expected<DriverOptions>
bitnetc::parseOptions(llvm::ArrayRef<const char *> arguments) {
  DriverOptions options;
  bool onlyPaths = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (onlyPaths || argument == "-" || !argument.starts_with("-")) {
      if (!options.path.empty())
        return createStringError("more than one model: '" + options.path +
                                 "' and '" + argument + "'");
      if (argument.empty())
        return createStringError("the model's path is empty");
      options.path = argument.str();
      continue;
    }
    if (argument == "--") {
      onlyPaths = true;
      continue;
    }
    auto [name, value] = argument.split('=');
    bool hasValue = argument.contains('=');
    const OptionRow *row = findOption(name);
    if (!row && argument.starts_with("-o") && !argument.starts_with("--")) {
      row = findOption("-o"); // -oFILE
      value = argument.drop_front(2);
      hasValue = true;
    }
    if (!row)
      return unknownOption(name);
    if (row->value.empty() && hasValue)
      return createStringError("option '" + name + "' takes no value");
    if (!row->value.empty() && !hasValue) {
      if (++i == arguments.size())
        return createStringError("option '" + name + "' needs a value: " +
                                 row->name + " " + row->value);
      value = arguments[i];
    }
    if (Error error = row->set ? row->set(options, value)
                               : row->setImport(options.import, value))
      return error;
  }
  if (options.help || options.version || options.printTargets)
    return options;
  if (options.path.empty())
    return createStringError("no model given");
  bool program = options.emit == Emit::Program;
  if (program && !options.prefix.empty())
    return createStringError("--prefix is for --emit=obj: nobody links to the "
                             "symbols of a program");
  if (options.output == "-" && options.emit >= Emit::Object && !options.explain)
    return createStringError("only text can be written to standard output");
  if (Error error = checkTriple(options))
    return error;
  if (options.cpus.empty())
    if (Error error = setTarget(options, "native"))
      return error;
  if (options.cpus.size() > 1 && options.emit == Emit::Vector)
    return createStringError("--emit=vector shows the code for one target, "
                             "not for " +
                             targetNames(options.cpus));
  return options;
}

//===----------------------------------------------------------------------===//
// Help
//===----------------------------------------------------------------------===//

std::string bitnetc::versionText() { return "bitnetc " BITNETC_VERSION; }

void bitnetc::printVersion(llvm::raw_ostream &os) {
  os << versionText() << " (LLVM " LLVM_VERSION_STRING ")\n";
}

void bitnetc::printHelp(llvm::raw_ostream &os) {
  os << R"(Compiles a 1-bit language model into one program.

  bitnetc PATH [options]

PATH is a Hugging Face directory (config.json and safetensors), a GGUF file or
a model.json.

  bitnetc models/bitnet-2b -o assistant     # a program for this machine
  ./assistant run "Once upon a time"        # ./assistant --help tells more
  bitnetc models/bitnet-2b --target=x86-64-v3 -o assistant
                                            # for any CPU with AVX2
  bitnetc models/bitnet-2b --target=x86-64-v2,x86-64-v3,znver4 -o assistant
                                            # the best for whatever CPU it is
  bitnetc models/bitnet-2b --emit=obj -o net.o
                                            # net.o, net.h, net.weights: link
                                            # it into a program of your own
  bitnetc models/bitnet-2b --explain        # what was fused, and what is slow

Beside models:

  bitnetc convert PATH -o DIRECTORY         # any model as a model.json
  bitnetc verify PATH PROGRAM               # is it the model, to the bit?
  bitnetc tokenize --tokenizer PATH         # texts to ids and back
  bitnetc render --tokenizer PATH           # chat messages to a prompt
)";
  StringRef group;
  for (const OptionRow &row : kOptions) {
    if (row.group != group) {
      group = row.group;
      os << '\n' << group << ":\n";
    }
    std::string left = row.name.str();
    if (!row.value.empty())
      left += (row.name.size() == 2 ? " " : "=") + row.value.str();
    if (!row.alias.empty())
      left += ", " + row.alias.str();
    llvm::SmallVector<StringRef> lines;
    row.help.split(lines, '\n');
    for (StringRef line : lines) {
      os << llvm::formatv("  {0,-24} {1}\n", left, line);
      left.clear();
    }
  }
  os << R"(
Exit status: 0 success, 1 the model cannot be compiled, 2 wrong command line,
70 a defect of bitnetc.
)";
}
