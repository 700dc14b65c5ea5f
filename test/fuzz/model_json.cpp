//===- model_json.cpp - Fuzzes model.json ---------------------------------===//

#include "Fuzz.h"
#include "compiler/Model.h"

using namespace bitnetc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::Folder folder;
  static bool filled = [] {
    for (std::string name : {"model.safetensors", "tokenizer.json"})
      folder.link(name, "story-ternary/" + name);
    folder.link("w1a1.safetensors", "story-w1a1/model.safetensors");
    return true;
  }();
  (void)filled;
  folder.write("model.json", fuzz::asText(data, size));
  if (auto model = importModel(folder.file("model.json")); !model)
    llvm::consumeError(model.takeError());
  return 0;
}
