//===- InterpreterPass.h - The interpreter as a pass -----------*- C++ -*-===//
//
// `--bitnet-interpret` runs functions with pseudo-random weights and inputs and
// prints what they compute, anywhere in a pipeline. Tests compare what it
// prints before and after a pass.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_INTERPRETERPASS_H
#define BITNET_DIALECT_INTERPRETERPASS_H

#include "mlir/Pass/Pass.h"

namespace mlir::bitnet {

struct InterpretOptions {
  std::string function; ///< empty: all functions with a body
  int64_t tokens = 5;
  uint64_t seed = 1;
  bool ones = false; ///< all weights 1
};

std::unique_ptr<Pass> createInterpretPass(const InterpretOptions &options = {});
void registerInterpretPass();

} // namespace mlir::bitnet

#endif // BITNET_DIALECT_INTERPRETERPASS_H
