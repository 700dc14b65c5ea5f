//===- UseTemplate.cpp - What is done with an accepted chat template ------===//

#include "Fuzz.h"
#include "runtime/TemplateRenderer.h"
#include <cstring>

namespace bitnetc::fuzz {

static constexpr std::string_view variables = R"({
  "messages": [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " Hi <b> \u00e9\ud83d\ude00 "},
    {"role": "assistant", "content": "", "tool_calls": [
      {"id": "1", "type": "function", "function":
        {"name": "add", "arguments": {"a": 1, "b": -2.5}}}]},
    {"role": "tool", "tool_call_id": "1", "content": [{"type": "text",
      "text": "-1.5"}]},
    {"role": "user", "content": null}],
  "tools": [{"type": "function", "function": {"name": "add",
    "description": "Adds", "parameters": {"type": "object", "properties":
    {"a": {"type": "number"}}, "required": ["a"]}}}],
  "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})";

void useTemplate(std::string_view blob) {
  static const bitnet::chat::Value given = [] {
    bitnet::chat::Value value;
    std::string error;
    if (!bitnet::chat::fromJson(variables, value, &error))
      abort();
    return value;
  }();
  std::vector<uint64_t> storage(blob.size() / 8 + 1);
  std::memcpy(storage.data(), blob.data(), blob.size());
  std::string error, out;
  auto chat = bitnet::ChatTemplate::open(
      reinterpret_cast<const uint8_t *>(storage.data()), blob.size(), &error);
  // A tenth of what programs allow: the sanitizers take their time.
  bitnet::RenderOptions options;
  options.maxSteps /= 10;
  options.maxOutput /= 10;
  options.time = 1'700'000'000;
  if (chat)
    chat->render(given, options, out, &error);
}

} // namespace bitnetc::fuzz
