//===- tokenizer_json.cpp - Fuzzes tokenizer.json -------------------------===//

#include "Fuzz.h"
#include "compiler/tokenizer/TokenizerSpec.h"

using namespace bitnetc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  TokenizerSpec spec;
  std::string blob, error;
  if (readTokenizerJson(std::string(fuzz::asText(data, size)), spec, error) &&
      writeTokenizerBlob(spec, blob, error))
    fuzz::useTokenizer(blob);
  return 0;
}
