//===- MakeTokenizerBlob.cpp - make_tokenizer_blob TOKENIZER OUT ----------===//
//
// The compiled tokenizer as a file, for programs that are built by hand.
//
//===----------------------------------------------------------------------===//

#include "compiler/tokenizer/CompileTokenizer.h"
#include <cstdio>
#include <fstream>

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: make_tokenizer_blob TOKENIZER OUT\n");
    return 2;
  }
  bitnetc::CompiledTokenizer compiled = bitnetc::compileTokenizerFile(argv[1]);
  if (!compiled.error.empty()) {
    fprintf(stderr, "error: %s\n", compiled.error.c_str());
    return 1;
  }
  std::ofstream out(argv[2], std::ios::binary);
  out << compiled.blob;
  return out.flush() ? 0 : 1;
}
