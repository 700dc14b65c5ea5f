//===- jinja.cpp - Fuzzes chat templates: compiled, then rendered ---------===//

#include "Fuzz.h"
#include "compiler/template/TemplateCompiler.h"

using namespace bitnetc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CompiledTemplate compiled = compileTemplate(fuzz::asText(data, size));
  if (compiled.error.empty())
    fuzz::useTemplate(compiled.blob);
  return 0;
}
