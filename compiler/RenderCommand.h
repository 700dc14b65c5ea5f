//===- RenderCommand.h - `bitnetc render` -----------------------*- C++ -*-===//
#ifndef BITNETC_COMPILER_RENDERCOMMAND_H
#define BITNETC_COMPILER_RENDERCOMMAND_H

#include <string>
#include <vector>

namespace bitnetc {

/// Chat messages on standard input, prompts on standard output, without a
/// model. `arguments` follow the word "render". Returns the exit code.
int runRender(const std::vector<std::string> &arguments);

} // namespace bitnetc

#endif // BITNETC_COMPILER_RENDERCOMMAND_H
