//===- TokenizeCommand.h - `bitnetc tokenize` -------------------*- C++ -*-===//
#ifndef BITNETC_COMPILER_TOKENIZECOMMAND_H
#define BITNETC_COMPILER_TOKENIZECOMMAND_H

#include <string>
#include <vector>

namespace bitnetc {

/// Texts on standard input, token ids on standard output, or the other way,
/// without a model. `arguments` follow the word "tokenize". Returns the exit
/// code.
int runTokenize(const std::vector<std::string> &arguments);

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZECOMMAND_H
