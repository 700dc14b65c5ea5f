//===- TokenizerCompiler.h - compileTokenizer for the compiler --*- C++ -*-===//
#ifndef BITNETC_COMPILER_TOKENIZER_TOKENIZERCOMPILER_H
#define BITNETC_COMPILER_TOKENIZER_TOKENIZERCOMPILER_H

#include "CompileTokenizer.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace bitnetc {

/// The blob for a tokenizer.json, a tokenizer.model or a directory that holds
/// one. It must lie at a multiple of 8 bytes in the object.
inline llvm::Expected<std::string> compileTokenizer(llvm::StringRef path) {
  CompiledTokenizer compiled = compileTokenizerFile(path.str());
  if (!compiled.error.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), "%s",
                                   compiled.error.c_str());
  return std::move(compiled.blob);
}

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_TOKENIZERCOMPILER_H
