//===- safetensors.cpp - Fuzzes the header of safetensors files -----------===//

#include "compiler/Safetensors.h"
#include "Fuzz.h"

using namespace bitnetc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  file.write(fuzz::asText(data, size));
  auto tensors = readSafetensors(file.path());
  if (!tensors) {
    llvm::consumeError(tensors.takeError());
    return 0;
  }
  // What readers of weights rely on.
  for (const auto &[name, tensor] : *tensors)
    if (tensor.offset > size || tensor.bytes > size - tensor.offset)
      abort();
  return 0;
}
