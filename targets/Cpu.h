//===- Cpu.h - The CPUs that code is generated for -------------*- C++ -*-===//
//
// One row per value of --target=. A row lists every instruction-set feature
// that generated code may use and no other: the list is what LLVM is told, what
// the model descriptor requires, and what a program checks before it starts. So
// a row is a promise about a set of instructions rather than about one
// processor, and `znver4` code runs on any CPU that has the features.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_CPU_H
#define BITNET_TARGETS_CPU_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::bitnet {

struct Cpu {
  llvm::StringRef name;    ///< As in --target=.
  llvm::StringRef arch;    ///< "x86_64", the folder of its runtime bundle.
  llvm::StringRef triple;  ///< LLVM target triple.
  llvm::StringRef isaCpu;  ///< LLVM CPU name of the bare ISA, to which
                           ///< `features` are added.
  llvm::StringRef tuneCpu; ///< LLVM CPU name whose timings schedule the code.
  /// LLVM feature names, as in BITNET_CPU_FEATURES of the ABI header.
  llvm::ArrayRef<llvm::StringLiteral> features;
  unsigned vectorBits;      ///< Widest vector that pays; below 128 there is
                            ///< none, and lanes are computed one by one.
  unsigned vectorRegisters; ///< Of that width.
  unsigned l1Bytes;         ///< Data cache of one core.
  unsigned l2Bytes;         ///< Of one core.
  /// How far ahead of a stream of weights to prefetch, for the few tokens of a
  /// decode; 0 leaves it to the hardware. A measured figure: targets/README.md.
  unsigned prefetchBytes;
  llvm::StringRef description;

  bool hasFeature(llvm::StringRef feature) const;
  /// Whether all of `required` are there.
  bool hasFeatures(llvm::ArrayRef<llvm::StringLiteral> required) const;
  /// "256-bit vectors", for people.
  std::string width() const;
  /// "+sse2,+avx", as LLVM takes them.
  std::string featureString() const;
};

/// Another name that --target= takes: of a processor that runs the code of a
/// row as well as one made for it would.
struct CpuClass {
  llvm::StringLiteral name, row;
};
llvm::ArrayRef<CpuClass> allCpuClasses();

/// From the poorest to the richest of each architecture.
llvm::ArrayRef<Cpu> allCpus();

/// The row called `name`, or of the processor of that name; or null.
const Cpu *lookupCpu(llvm::StringRef name);

/// The row for the machine this runs on: the one of its name, else the richest
/// one whose features it all has. `note` says which and why. Null if not even
/// the poorest row fits.
const Cpu *nativeCpu(std::string &note);

/// The choice that nativeCpu makes, for a machine described by LLVM's CPU name
/// and feature names.
const Cpu *chooseCpu(llvm::StringRef hostName,
                     llvm::ArrayRef<llvm::StringRef> hostFeatures,
                     llvm::StringRef hostArch, std::string &note);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_CPU_H
