//===- gguf.cpp - Fuzzes GGUF files ---------------------------------------===//
//
// Keys and tensors, then the model and the tokenizer that they describe.
//
//===----------------------------------------------------------------------===//

#include "compiler/gguf/Gguf.h"
#include "Fuzz.h"
#include "compiler/Model.h"
#include "compiler/gguf/Blocks.h"
#include "compiler/tokenizer/CompileTokenizer.h"

using namespace bitnetc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  gguf::File parsed;
  if (!gguf::parse(fuzz::asText(data, size), parsed, error))
    return 0;
  for (const auto &[name, value] : parsed.keys) {
    value.describe();
    value.integer(), value.number(), value.boolean(), value.string();
    value.integers(), value.floats(), value.strings();
  }
  for (const gguf::Tensor &tensor : parsed.tensors) {
    if (tensor.offset > size || tensor.bytes > size - tensor.offset)
      abort();
    if (tensor.shape.size() != 2 || tensor.type->elements < 2 ||
        tensor.type->format == gguf::Format::None || !tensor.bytes)
      continue;
    gguf::BlockMatrix matrix(tensor.type->format, tensor.shape[0],
                             tensor.shape[1], data + tensor.offset);
    std::vector<float> values(tensor.shape[1]);
    std::vector<int8_t> codes(tensor.shape[1]);
    for (uint64_t row = 0; row < std::min<uint64_t>(tensor.shape[0], 4);
         ++row) {
      matrix.values(row, values.data());
      if (matrix.hasCodes())
        matrix.codes(row, codes.data());
    }
  }

  static fuzz::MemoryFile file;
  file.write(fuzz::asText(data, size));
  if (auto model = importModel(file.path()); !model)
    llvm::consumeError(model.takeError());
  CompiledTokenizer tokenizer = compileTokenizerFile(file.path());
  if (tokenizer.error.empty())
    fuzz::useTokenizer(tokenizer.blob);
  return 0;
}
