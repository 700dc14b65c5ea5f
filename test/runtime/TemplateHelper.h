//===- TemplateHelper.h - Source and JSON in, text out ----------*- C++ -*-===//
#ifndef BITNET_TEST_RUNTIME_TEMPLATEHELPER_H
#define BITNET_TEST_RUNTIME_TEMPLATEHELPER_H

#include "compiler/template/TemplateCompiler.h"
#include "runtime/TemplateRenderer.h"
#include <cstring>

namespace bitnet::test {

/// Aligned as a program aligns it.
class AlignedBlob {
public:
  explicit AlignedBlob(const std::string &bytes)
      : words((bytes.size() + 7) / 8 + 1), bytes(bytes.size()) {
    memcpy(words.data(), bytes.data(), bytes.size());
  }
  const uint8_t *data() const {
    return reinterpret_cast<const uint8_t *>(words.data());
  }
  uint8_t *data() { return reinterpret_cast<uint8_t *>(words.data()); }
  uint64_t size() const { return bytes; }

private:
  std::vector<uint64_t> words;
  size_t bytes;
};

/// The prompt, or "error: ..." from the compiler or the renderer.
inline std::string renderTemplate(const std::string &source,
                                  const std::string &variables,
                                  const RenderOptions &options = {}) {
  bitnetc::CompiledTemplate compiled = bitnetc::compileTemplate(source);
  if (!compiled.error.empty())
    return "error: " + compiled.error;
  AlignedBlob blob(compiled.blob);
  std::string error, out;
  auto chat = ChatTemplate::open(blob.data(), blob.size(), &error);
  chat::Value value;
  if (!chat || !chat::fromJson(variables, value, &error) ||
      !chat->render(value, options, out, &error))
    return "error: " + error;
  return out;
}

} // namespace bitnet::test

#endif // BITNET_TEST_RUNTIME_TEMPLATEHELPER_H
