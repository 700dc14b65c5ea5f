//===- TokenizerUnigram.h - tokenizer.json of type Unigram ------*- C++ -*-===//
#ifndef BITNETC_COMPILER_TOKENIZER_TOKENIZERUNIGRAM_H
#define BITNETC_COMPILER_TOKENIZER_TOKENIZERUNIGRAM_H

#include "TokenizerFields.h"
#include "TokenizerSpec.h"
#include <unordered_map>

namespace bitnetc {

/// Reads the field "model" of a tokenizer.json; throws Unsupported. `ids`
/// becomes the tokens by text.
void readUnigram(const Json &model, TokenizerSpec &spec,
                 std::unordered_map<std::string, uint32_t> &ids);

/// The N of "<0xN>", two upper-case digits.
bool isByteToken(const std::string &text, int &byte);

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_TOKENIZERUNIGRAM_H
