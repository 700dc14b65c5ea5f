//===- TokenizerFile.h - The tokenizer of a GGUF file alone -----*- C++ -*-===//
#ifndef BITNETC_COMPILER_GGUF_TOKENIZERFILE_H
#define BITNETC_COMPILER_GGUF_TOKENIZERFILE_H

#include "Gguf.h"

namespace bitnetc::gguf {

/// A GGUF file with the tokenizer's keys of `file` and no tensors, as
/// llama.cpp's tools make them too: no other format says all that these keys
/// say.
std::string tokenizerFile(const File &file);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_TOKENIZERFILE_H
