//===- hf_config.cpp - Fuzzes the JSON files of a Hugging Face directory --===//
//
// The input holds several files, separated by lines of "%%"; empty ones do not
// exist. With an index the weights are a shard of that name.
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "compiler/Model.h"

using namespace bitnetc;

static constexpr const char *names[] = {
    "config.json", "tokenizer_config.json", "generation_config.json",
    "tokenizer.json", "model.safetensors.index.json"};
static constexpr std::string_view separator = "\n%%\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::Folder folder;
  const std::string weights = "story-ternary/model.safetensors";
  std::string_view rest = fuzz::asText(data, size), part;
  for (const char *name : names) {
    const size_t end = std::min(rest.find(separator), rest.size());
    part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + separator.size(), rest.size()));
    if (part.empty())
      folder.remove(name);
    else
      folder.write(name, part);
  }
  folder.remove("model.safetensors");
  folder.link(part.empty() ? "model.safetensors" : "shard.safetensors",
              weights);
  if (auto model = importModel(folder.path); !model)
    llvm::consumeError(model.takeError());
  return 0;
}
