//===- FrontCommand.cpp - `bitnet`: compile if needed, then run -----------===//
//
// The same executable as bitnetc under another name. A compiled program is kept
// under a name made of everything that it was made from: files by size and time
// of change, the compiler and its runtime likewise, and the target. So a stale
// program is never run; it is removed when its successor is there.
//
//===----------------------------------------------------------------------===//

#include "FrontCommand.h"
#include "ConvertCommand.h"
#include "Driver.h"
#include "DriverNames.h"
#include "DriverOptions.h"
#include "Link.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstdlib>
#include <set>
#include <unistd.h>

using namespace llvm;

namespace bitnetc {

static constexpr StringRef kHelp =
    R"(usage: bitnet COMMAND --model PATH [--target=NAME] [OPTIONS]

Runs a model: compiles it for this machine the first time, keeps the program in
$XDG_CACHE_HOME/bitnetc (or ~/.cache/bitnetc), and starts it with COMMAND and
OPTIONS. PATH is whatever bitnetc compiles. Programs that are not wanted any
more can simply be removed from there.

  bitnet run --model models/bitnet-2b "Once upon a time"
  bitnet chat --model models/bitnet-2b
  bitnet bench --model models/bitnet-2b
  bitnet run --model models/bitnet-2b --help     # the program's own options
  bitnet convert --model-id PATH --output-dir DIRECTORY

--target=NAME is a CPU of `bitnetc --print-targets` that this machine can run;
without it, the best one.
)";

static constexpr StringRef kFront = "bitnet"; ///< In messages.

namespace {
struct Settings {
  std::string command, model, target = "native";
  std::vector<std::string> rest; ///< For the program.
};
} // namespace

/// An exit code, or -1 to go on.
static int parse(ArrayRef<const char *> arguments, Settings &settings) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (settings.command.empty()) {
      if (argument.starts_with("-"))
        return reportError("'" + argument +
                               "' is no command; 'bitnet --help' "
                               "explains",
                           kBadUsage, kFront);
      settings.command = argument.str();
      continue;
    }
    auto [name, value] = argument.split('=');
    std::string *target = name == "--model"    ? &settings.model
                          : name == "--target" ? &settings.target
                                               : nullptr;
    if (!target) {
      settings.rest.push_back(argument.str());
      continue;
    }
    if (!argument.contains('=')) {
      if (++i == arguments.size())
        return reportError("'" + argument + "' needs a value", kBadUsage,
                           kFront);
      value = arguments[i];
    }
    *target = value.str();
  }
  if (settings.model.empty())
    return reportError("no --model PATH; 'bitnet --help' explains", kBadUsage,
                       kFront);
  return -1;
}

/// The files that a program of the model is made from, as far as their names
/// tell; the importer finds fault with them if need be.
static std::set<std::string> inputFiles(StringRef model) {
  std::set<std::string> files;
  SmallString<128> directory = model;
  if (!sys::fs::is_directory(model)) {
    files.insert(model.str());
    directory = sys::path::parent_path(model);
    if (sys::path::extension(model) != ".json")
      return files;
  }
  std::error_code code;
  for (sys::fs::directory_iterator it(directory, code), end; it != end && !code;
       it.increment(code))
    if (sys::fs::is_regular_file(it->path()))
      files.insert(it->path());
  // A model.json may point elsewhere.
  SmallString<128> json = model;
  if (sys::fs::is_directory(model))
    sys::path::append(json, "model.json");
  auto text = MemoryBuffer::getFile(json);
  if (!text)
    return files;
  auto value = json::parse((*text)->getBuffer());
  if (!value) {
    consumeError(value.takeError());
    return files;
  }
  auto add = [&](const json::Value &name) {
    auto string = name.getAsString();
    if (!string)
      return;
    SmallString<128> path(*string);
    if (sys::path::is_relative(path)) {
      path = directory;
      sys::path::append(path, *string);
    }
    files.insert(path.str().str());
  };
  if (const json::Object *object = value->getAsObject())
    for (const auto &[key, member] : *object) {
      add(member);
      if (const json::Array *list = member.getAsArray())
        for (const json::Value &element : *list)
          add(element);
    }
  return files;
}

/// A line about a file that changes when the file does; empty if there is none.
static std::string fingerprint(StringRef file) {
  sys::fs::file_status status;
  if (sys::fs::status(file, status))
    return "";
  return (file + "\t" + Twine(status.getSize()) + "\t" +
          Twine(status.getLastModificationTime().time_since_epoch().count()) +
          "\n")
      .str();
}

static std::string shortHash(StringRef text, size_t digits) {
  return toHex(SHA256::hash(arrayRefFromStringRef(text)), /*LowerCase=*/true)
      .substr(0, digits);
}

static std::string cacheDirectory() {
  SmallString<128> path;
  const char *xdg = std::getenv("XDG_CACHE_HOME");
  const char *home = std::getenv("HOME");
  if (xdg && *xdg == '/') {
    path = xdg;
  } else if (home && *home) {
    path = home;
    sys::path::append(path, ".cache");
  } else {
    return "";
  }
  sys::path::append(path, "bitnetc");
  return path.str().str();
}

/// Older programs of the same model and target.
static void removeOthers(StringRef directory, StringRef prefix,
                         StringRef kept) {
  std::error_code code;
  for (sys::fs::directory_iterator it(directory, code), end; it != end && !code;
       it.increment(code)) {
    StringRef name = sys::path::filename(it->path());
    if (name.starts_with(prefix) && it->path() != kept &&
        !name.ends_with(".tmp"))
      sys::fs::remove(it->path());
  }
}

int runFront(ArrayRef<const char *> arguments) {
  const StringRef first = arguments.size() > 1 ? arguments[1] : "--help";
  if (first == "--help" || first == "-h") {
    outs() << kHelp;
    return arguments.size() > 1 ? kSuccess : kBadUsage;
  }
  if (first == "--version") {
    printVersion(outs());
    return kSuccess;
  }
  if (first == "convert")
    return runConvert({arguments.begin() + 2, arguments.end()});

  Settings settings;
  if (int code = parse(arguments, settings); code >= 0)
    return code;
  SmallString<128> model(settings.model);
  sys::fs::make_absolute(model);
  sys::path::remove_dots(model, /*remove_dot_dot=*/false);
  if (!sys::fs::exists(model))
    return reportError(settings.model + ": no such file or directory",
                       kBadInput, kFront);
  const std::string targetOption = "--target=" + settings.target;
  auto options = parseOptions({settings.model.c_str(), targetOption.c_str()});
  if (!options)
    return reportError(toString(options.takeError()), kBadUsage, kFront);
  const std::string directory = cacheDirectory();
  if (directory.empty())
    return reportError(
        "neither XDG_CACHE_HOME nor HOME names a place for compiled "
        "programs",
        kBadInput, kFront);
  if (std::error_code code = sys::fs::create_directories(directory))
    return reportError(directory + ": " + code.message(), kBadInput, kFront);

  std::string identity = versionText() + "\n";
  for (const std::string &file : inputFiles(model))
    identity += fingerprint(file);
  identity += fingerprint(sys::fs::getMainExecutable(arguments[0], nullptr));
  if (auto runtime = findRuntime(options->cpus[0]->arch, arguments[0]))
    identity += fingerprint(*runtime);
  else
    return reportError(toString(runtime.takeError()), kBadInput, kFront);
  const std::string prefix = fileName(sys::path::stem(model)) + "-" +
                             shortHash(model, 8) + "-" +
                             targetNames(options->cpus) + "-";
  SmallString<128> program(directory);
  sys::path::append(program, prefix + shortHash(identity, 16));

  if (!sys::fs::can_execute(program)) {
    const std::string output = ("--output=" + program).str();
    if (int code = runDriver({arguments[0], model.c_str(), targetOption.c_str(),
                              output.c_str()}))
      return code;
    removeOthers(directory, prefix, program);
  }
  const std::string path = program.str().str();
  std::vector<const char *> command = {path.c_str(), settings.command.c_str()};
  for (const std::string &argument : settings.rest)
    command.push_back(argument.c_str());
  command.push_back(nullptr);
  ::execv(path.c_str(), const_cast<char **>(command.data()));
  return reportError(path + ": " + std::generic_category().message(errno),
                     kInternal, kFront);
}

} // namespace bitnetc
