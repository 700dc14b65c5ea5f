//===- tokenizer_model.cpp - Fuzzes SentencePiece's tokenizer.model -------===//

#include "Fuzz.h"
#include "compiler/tokenizer/TokenizerSpec.h"

using namespace bitnetc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  TokenizerSpec spec;
  std::string blob, error;
  if (readSentencePiece(std::string(fuzz::asText(data, size)), /*addBos=*/true,
                        spec, error) &&
      writeTokenizerBlob(spec, blob, error))
    fuzz::useTokenizer(blob);
  return 0;
}
