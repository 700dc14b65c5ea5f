//===- GgufTensors.h - Tensors of GGUF files by other names ----*- C++ -*-===//
//
// Private to the importer of GGUF files.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUFTENSORS_H
#define BITNETC_COMPILER_GGUFTENSORS_H

#include "Model.h"
#include "gguf/Gguf.h"
#include "gguf/MappedFile.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace bitnetc {

/// Fills model.tensors by Hugging Face names, and says whether the head is
/// tied. With `permuted`, rows of q and k are in the order of interleaved rope.
llvm::Error addGgufTensors(Model &model, const gguf::File &file,
                           llvm::StringRef path, bool permuted);

/// Sets model.quant from what the matrices of the layers are. `mayBeMaster`:
/// floats that are not ternary are master weights, not another kind of model.
llvm::Error setGgufQuantization(Model &model, const gguf::MappedFile &mapped,
                                bool mayBeMaster);

} // namespace bitnetc

#endif // BITNETC_COMPILER_GGUFTENSORS_H
