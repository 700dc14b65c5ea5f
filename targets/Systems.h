//===- Systems.h - Operating systems that objects are made for -*- C++ -*-===//
//
// A row of the CPU table says what instructions there are; the system says how
// functions are called and what an object file looks like. Programs are made
// for Linux, objects for each of these.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_SYSTEMS_H
#define BITNET_TARGETS_SYSTEMS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir::bitnet {

struct System {
  llvm::StringLiteral triple; ///< As in --triple=.
  llvm::StringLiteral arch;   ///< As in Cpu::arch.
  llvm::StringLiteral description;
};

llvm::ArrayRef<System> allSystems();

/// What `triple` names, in any of its spellings ("aarch64-apple-darwin20"), as
/// LLVM wants it for code generation; `arch` becomes its architecture. An error
/// lists the known ones.
llvm::Expected<std::string> resolveTriple(llvm::StringRef triple,
                                          llvm::StringRef &arch);

} // namespace mlir::bitnet

#endif // BITNET_TARGETS_SYSTEMS_H
