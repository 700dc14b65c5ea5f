//===- ConvertCommand.h - `bitnetc convert` ---------------------*- C++ -*-===//
#ifndef BITNETC_COMPILER_CONVERTCOMMAND_H
#define BITNETC_COMPILER_CONVERTCOMMAND_H

#include <string>
#include <vector>

namespace bitnetc {

/// Writes a model.json directory of any model. `arguments` follow the word
/// "convert". Returns the exit code.
int runConvert(const std::vector<std::string> &arguments);

} // namespace bitnetc

#endif // BITNETC_COMPILER_CONVERTCOMMAND_H
