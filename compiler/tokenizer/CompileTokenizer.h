//===- CompileTokenizer.h - Tokenizer file to blob --------------*- C++ -*-===//
//
// The compile-time half of the tokenizer, free of LLVM so that the runtime's
// tests use it too.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_COMPILETOKENIZER_H
#define BITNETC_COMPILER_TOKENIZER_COMPILETOKENIZER_H

#include <string>

namespace bitnetc {

struct CompiledTokenizer {
  size_t tokens = 0; ///< Ids are below it.
  std::string blob;  ///< runtime/abi/tokenizer_blob.h; align it to 8 bytes.
  std::string error; ///< One sentence that names the file; empty on success.
};

/// `path` is a tokenizer.json, a tokenizer.model (SentencePiece or Llama 3), a
/// GGUF file, or a directory that holds one of them or GPT-2's vocab.json and
/// merges.txt.
CompiledTokenizer compileTokenizerFile(const std::string &path);

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_COMPILETOKENIZER_H
