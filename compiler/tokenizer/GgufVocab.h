//===- GgufVocab.h - The tokenizer inside a GGUF file -----------*- C++ -*-===//
#ifndef BITNETC_COMPILER_TOKENIZER_GGUFVOCAB_H
#define BITNETC_COMPILER_TOKENIZER_GGUFVOCAB_H

#include "TokenizerSpec.h"

namespace bitnetc {

/// Reads the tokenizer.ggml keys of the GGUF file at `path`. On failure returns
/// false with a sentence that names the key.
bool readGgufVocab(const std::string &path, TokenizerSpec &spec,
                   std::string &error);

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_GGUFVOCAB_H
