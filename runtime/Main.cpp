//===- Main.cpp - The entry of a compiled program -------------------------===//
//
// In an archive of its own, so that embedders and tests link the rest.
//
//===----------------------------------------------------------------------===//

#include "runtime/Cli.h"

extern "C" const bitnet_model program_model;

int main(int argc, char **argv) {
  return bitnet::runProgram(program_model, argc, argv);
}
