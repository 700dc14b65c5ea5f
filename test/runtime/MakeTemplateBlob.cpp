//===- MakeTemplateBlob.cpp - make_template_blob TEMPLATE OUT -------------===//
//
// The compiled chat template as a file, for programs that are built by hand.
//
//===----------------------------------------------------------------------===//

#include "compiler/template/TemplateCompiler.h"
#include <cstdio>
#include <fstream>
#include <sstream>

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: make_template_blob TEMPLATE OUT\n");
    return 2;
  }
  std::stringstream source;
  source << std::ifstream(argv[1], std::ios::binary).rdbuf();
  bitnetc::CompiledTemplate compiled = bitnetc::compileTemplate(source.str());
  if (!compiled.error.empty()) {
    fprintf(stderr, "error: %s: %s\n", argv[1], compiled.error.c_str());
    return 1;
  }
  std::ofstream out(argv[2], std::ios::binary);
  out << compiled.blob;
  return out.flush() ? 0 : 1;
}
