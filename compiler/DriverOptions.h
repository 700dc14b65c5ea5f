//===- DriverOptions.h - Command line of bitnetc ---------------*- C++ -*-===//
//
// LLVM's own option library is not used: LLD, which runs in this process,
// registers its options there and resets them.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_DRIVEROPTIONS_H
#define BITNETC_COMPILER_DRIVEROPTIONS_H

#include "Model.h"
#include "passes/Pipeline.h"
#include "targets/Cpu.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>

namespace bitnetc {

/// What --emit= stops after, in order.
enum class Emit { Graph, Fused, Vector, LLVM, Assembly, Object, Program };

struct DriverOptions {
  std::string path;   ///< Of the model.
  std::string output; ///< Empty: chosen by the driver.
  std::string prefix; ///< Of exported symbols; empty: chosen by the driver.
  Emit emit = Emit::Program;
  ImportOptions import;
  /// One, or several that one program is for: from the poorest to the richest.
  std::vector<const mlir::bitnet::Cpu *> cpus;
  std::string triple, tripleArch; ///< Empty: those of the targets.
  std::string cpuNote;            ///< Why that one, if it was not named.
  mlir::bitnet::HeadScreenOptions headScreen;
  std::string layout; ///< Preferred; empty: as the table of kernels says.
  bool verbose = false, quiet = false, saveTemps = false;
  bool explain = false; ///< Report instead of a program.
  // Each of these prints something and is all that is done.
  bool help = false, version = false, printTargets = false;
};

/// Parses the arguments after the program's name. An error is one sentence
/// about the command line.
llvm::Expected<DriverOptions>
parseOptions(llvm::ArrayRef<const char *> arguments);

/// Options of how a model is read, which other commands take too: sets what
/// `argument` says; nothing if it is none of them.
std::optional<llvm::Error> setImportOption(ImportOptions &options,
                                           llvm::StringRef argument);

void printHelp(llvm::raw_ostream &os);
void printVersion(llvm::raw_ostream &os);

/// "x86-64-v2,znver4", as --target= takes them.
std::string targetNames(llvm::ArrayRef<const mlir::bitnet::Cpu *> cpus);

/// "bitnetc 0.1.0"
std::string versionText();

} // namespace bitnetc

#endif // BITNETC_COMPILER_DRIVEROPTIONS_H
