//===- Convert.h - Any model as a model.json directory ---------*- C++ -*-===//
//
// Writes what an importer has understood: one model.json, one safetensors file
// with the tensors that the model needs, tokenizer and chat template. Nothing
// is rounded and nothing is quantised on the way: the directory compiles to the
// program that the original compiles to.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_CONVERT_H
#define BITNETC_COMPILER_CONVERT_H

#include "Model.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace bitnetc {

struct ConvertOptions {
  /// Point at the original safetensors and tokenizer instead of copying them.
  bool link = false;
};

/// Writes the files into `directory`, which exists and is empty. `progress`
/// gets bytes written so far and in total.
llvm::Error
writeModelDirectory(const Model &model, llvm::StringRef directory,
                    const ConvertOptions &options,
                    llvm::function_ref<void(uint64_t, uint64_t)> progress);

/// The text of the model.json. `tensors` and the two others are file names;
/// empty ones are left out. (In ModelJsonWriter.cpp.)
std::string modelJsonText(const Model &model,
                          const std::vector<std::string> &tensors,
                          llvm::StringRef tokenizer,
                          llvm::StringRef chatTemplate);

} // namespace bitnetc

#endif // BITNETC_COMPILER_CONVERT_H
