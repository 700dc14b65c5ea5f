//===- Link.h - From an object and weights to a program --------*- C++ -*-===//
//
// Links the generated object with the prelinked runtime by LLD (in process)
// and appends the packed weights as a read-only, 2 MiB-aligned segment.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_LINK_H
#define BITNETC_COMPILER_LINK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace bitnetc {

/// Links `object` (a file) with the runtime bundle into a static executable
/// `program` (a file). The bundle is looked up beside the compiler:
/// <bindir>/../lib/bitnetc/<arch>/runtime.o, then $BITNETC_RUNTIME_DIR.
llvm::Error linkProgram(llvm::StringRef object, llvm::StringRef program,
                        llvm::StringRef arch, llvm::StringRef argv0);

/// Appends the bytes of file `weights` to the ELF executable `program` as one
/// read-only PT_LOAD segment at virtual address 0x1'0000'0000, 2 MiB-aligned in
/// file and memory, and stores its begin and end addresses in the two u64 that
/// symbol `symbol` + `fieldOffset` names. A section header keeps the segment
/// through strip. Copies in blocks: memory does not grow with the weights.
llvm::Error appendWeights(llvm::StringRef program, llvm::StringRef weights,
                          llvm::StringRef symbol, uint64_t fieldOffset);

} // namespace bitnetc

#endif // BITNETC_COMPILER_LINK_H
