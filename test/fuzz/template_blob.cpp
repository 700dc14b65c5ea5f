//===- template_blob.cpp - Fuzzes compiled chat templates -----------------===//

#include "runtime/abi/template_blob.h"
#include "Fuzz.h"
#include <cstring>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string blob(bitnetc::fuzz::asText(data, size));
  // Else almost every input ends at the size in the header.
  const uint64_t bytes = size;
  if (size >= sizeof(bitnet_template_blob))
    std::memcpy(&blob[offsetof(bitnet_template_blob, size)], &bytes, 8);
  bitnetc::fuzz::useTemplate(blob);
  return 0;
}
