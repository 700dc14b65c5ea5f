//===- TemplateRenderer.h - Renders compiled chat templates -----*- C++ -*-===//
//
// Evaluates the tree of runtime/abi/template_blob.h as Jinja2 does. A template
// comes with a model, from anywhere: time, memory, recursion and output are
// bounded, and every failure is one sentence.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TEMPLATERENDERER_H
#define BITNET_RUNTIME_TEMPLATERENDERER_H

#include "runtime/TemplateBlob.h"
#include "runtime/TemplateValue.h"
#include <memory>
#include <string>

namespace bitnet {

struct RenderOptions {
  /// Nodes evaluated, with long strings and lists counted by length.
  uint64_t maxSteps = 2'000'000;
  uint64_t maxOutput = uint64_t{8} << 20;
  /// Whether templates find strftime_now, and the time that it tells, in
  /// seconds since 1970; -1: the clock's.
  bool hasClock = true;
  int64_t time = -1;
};

class ChatTemplate {
public:
  /// `data` must outlive the template. Null and one sentence in `error` if the
  /// blob is damaged.
  static std::unique_ptr<ChatTemplate> open(const uint8_t *data, uint64_t size,
                                            std::string *error);

  /// `variables` is a dictionary: messages, tools, add_generation_prompt,
  /// bos_token and what else the template may ask for.
  bool render(const chat::Value &variables, const RenderOptions &options,
              std::string &out, std::string *error) const;

  const TemplateBlob &blob() const { return tree; }

private:
  ChatTemplate() = default;
  TemplateBlob tree;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_TEMPLATERENDERER_H
