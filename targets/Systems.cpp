//===- Systems.cpp - Operating systems that objects are made for ----------===//

#include "targets/Systems.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir::bitnet;
using llvm::createStringError;
using llvm::StringRef;
using llvm::Triple;

static constexpr System kSystems[] = {
    {"x86_64-unknown-linux-gnu", "x86_64", "Linux, ELF"},
    {"aarch64-unknown-linux-gnu", "aarch64", "Linux, ELF"},
    {"riscv64-unknown-linux-gnu", "riscv64", "Linux, ELF"},
    {"arm64-apple-macos", "aarch64", "macOS 11 and later, Mach-O"},
    {"x86_64-apple-macos", "x86_64", "macOS 11 and later, Mach-O"},
    {"x86_64-pc-windows-msvc", "x86_64", "Windows, COFF"},
    {"aarch64-pc-windows-msvc", "aarch64", "Windows, COFF"},
};

llvm::ArrayRef<System> mlir::bitnet::allSystems() { return kSystems; }

/// Linux is one system with any C library, as nothing of it is called.
static bool isSameSystem(const Triple &a, const Triple &b) {
  return (a.isOSLinux() && b.isOSLinux() && !b.isX32() &&
          b.isOSBinFormatELF()) ||
         (a.isMacOSX() && b.isMacOSX()) ||
         (a.isWindowsMSVCEnvironment() && b.isWindowsMSVCEnvironment() &&
          b.isOSBinFormatCOFF());
}

llvm::Expected<std::string> mlir::bitnet::resolveTriple(StringRef text,
                                                        StringRef &arch) {
  Triple triple(Triple::normalize(text));
  std::string known;
  for (const System &system : kSystems) {
    Triple row(system.triple);
    known += (known.empty() ? "" : ", ") + system.triple.str();
    if (row.getArch() != triple.getArch() || !isSameSystem(row, triple))
      continue;
    arch = system.arch;
    if (!triple.isMacOSX())
      return triple.str();
    // The linker wants a version, and 11 was the first for Arm.
    llvm::VersionTuple version;
    triple.getMacOSXVersion(version);
    if (version < llvm::VersionTuple(11))
      version = llvm::VersionTuple(11, 0);
    return (row.getArchName() + "-apple-macos" + version.getAsString()).str();
  }
  return createStringError("unknown triple '" + text + "'; known: " + known);
}
