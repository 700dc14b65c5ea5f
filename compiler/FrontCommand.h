//===- FrontCommand.h - `bitnet`: compile if needed, then run ---*- C++ -*-===//
#ifndef BITNETC_COMPILER_FRONTCOMMAND_H
#define BITNETC_COMPILER_FRONTCOMMAND_H

#include "llvm/ADT/ArrayRef.h"

namespace bitnetc {

/// What main does under the name `bitnet`, with all arguments, the program's
/// name first. Returns only when no program was started.
int runFront(llvm::ArrayRef<const char *> arguments);

} // namespace bitnetc

#endif // BITNETC_COMPILER_FRONTCOMMAND_H
