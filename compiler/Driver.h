//===- Driver.h - From a model to a program --------------------*- C++ -*-===//
//
// The steps of a compilation in order: import, graph, fuse, vector, pack, LLVM,
// object, link. --emit= is a place in this list.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_DRIVER_H
#define BITNETC_COMPILER_DRIVER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"

namespace bitnetc {

enum ExitCode { kSuccess = 0, kBadInput = 1, kBadUsage = 2, kInternal = 70 };

/// "bitnetc: error: ..." on standard error, after what was printed before;
/// returns `code`.
int reportError(const llvm::Twine &message, int code,
                llvm::StringRef program = "bitnetc");

/// What main does, with all arguments, the program's name first. Returns the
/// exit code.
int runDriver(llvm::ArrayRef<const char *> arguments);

} // namespace bitnetc

#endif // BITNETC_COMPILER_DRIVER_H
