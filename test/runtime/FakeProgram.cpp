//===- FakeProgram.cpp - The fake model as a program ----------------------===//
//
// main() comes from bitnet_main and the model from fake_model, as in a program
// that bitnetc links; an executable only needs some source of its own.
//
//===----------------------------------------------------------------------===//
