//===- Link.h - From an object and weights to a program --------*- C++ -*-===//
//
// Links the generated object with the prelinked runtime by LLD (in process)
// and appends the packed weights as a read-only, 2 MiB-aligned segment.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_LINK_H
#define BITNETC_COMPILER_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace bitnetc {

/// The runtime bundle that programs are linked with, a file:
/// $BITNETC_RUNTIME_DIR/<arch>/runtime.o where that variable is set, and
/// <bindir>/../lib/bitnetc/<arch>/runtime.o beside the compiler otherwise. An
/// error names what was tried.
llvm::Expected<std::string> findRuntime(llvm::StringRef arch,
                                        llvm::StringRef argv0);

/// Links `inputs` (files; the entry is _start) into a static executable
/// `program` (a file; the caller links to a temporary one and renames it when
/// everything has succeeded).
///
/// LLD resets every cl::opt of the process: values that are needed afterwards
/// must have been copied.
llvm::Error linkStatic(llvm::ArrayRef<std::string> inputs,
                       llvm::StringRef program);

/// Removes the symbols of ELF executable `program` in place but those that end
/// in _model or _step. Takes memory of twice the program.
llvm::Error stripSymbols(llvm::StringRef program);

/// Appends the bytes of file `weights` to the ELF executable `program` as one
/// read-only PT_LOAD segment at virtual address 0x1'0000'0000, 2 MiB-aligned in
/// file and memory, and stores its begin and end addresses in the two u64 that
/// symbol `symbol` + `fieldOffset` names. A section header keeps the segment
/// through strip. Copies in blocks: memory does not grow with the weights.
/// The program is changed in place; after an error it is not usable.
llvm::Error appendWeights(llvm::StringRef program, llvm::StringRef weights,
                          llvm::StringRef symbol, uint64_t fieldOffset);

} // namespace bitnetc

#endif // BITNETC_COMPILER_LINK_H
