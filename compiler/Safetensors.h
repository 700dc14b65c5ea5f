//===- Safetensors.h - Header of a safetensors file ------------*- C++ -*-===//
//
// Reads the names, types, shapes and places of the tensors in one file. Files
// are not trusted: whatever the header says, no entry that is returned reaches
// outside the file, overlaps another one or disagrees with its shape.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_SAFETENSORS_H
#define BITNETC_COMPILER_SAFETENSORS_H

#include "Model.h"

namespace bitnetc {

/// The tensors of `file` by name.
llvm::Expected<std::map<std::string, TensorRef>>
readSafetensors(llvm::StringRef file);

} // namespace bitnetc

#endif // BITNETC_COMPILER_SAFETENSORS_H
