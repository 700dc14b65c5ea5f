//===- tokenizer_blob.cpp - Fuzzes compiled tokenizers --------------------===//

#include "runtime/abi/tokenizer_blob.h"
#include "Fuzz.h"
#include <cstring>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string blob(bitnetc::fuzz::asText(data, size));
  // Else almost every input ends at the size in the header.
  const uint64_t bytes = size;
  if (size >= sizeof(bitnet_tokenizer_blob))
    std::memcpy(&blob[offsetof(bitnet_tokenizer_blob, size)], &bytes, 8);
  bitnetc::fuzz::useTokenizer(blob);
  return 0;
}
